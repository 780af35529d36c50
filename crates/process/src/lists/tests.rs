//! Items, names and what is wrong with them.

use super::*;

fn halves(text: &str) -> Vec<(&str, Option<String>)> {
    let items = items(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let halves = items.into_iter().map(|item| {
        let (what, name) = renamed(text, item).unwrap();
        (&text[what], name)
    });
    halves.collect()
}

#[test]
fn quotes_hide_commas_brackets_and_each_other() {
    let text = r#"a, 'it\'s (,', r'\', f('as') as x, 'a as b', row['(']  as  "y""#;
    let named = |name: &str| Some(name.to_owned());
    let expected = [
        ("a", None),
        (r"'it\'s (,'", None),
        (r"r'\'", None),
        ("f('as')", named("x")),
        ("'a as b'", None),
        ("row['(']", named("y")),
    ];
    assert_eq!(halves(text), expected);
    assert_eq!(matching("f(')', (1))", &(0..11), 1), Some(10));
}

#[test]
fn names_in_double_quotes_stand_as_they_are() {
    for (text, name) in [
        (r#""a, b""#, "a, b"),
        (r#""a""b""#, r#"a"b"#),
        (r#""a\""#, r"a\"),
        (r#""it's""#, "it's"),
        (r#""(""#, "("),
        (r#""""#, ""),
        (r#""""""#, "\""),
        (r#""x as y""#, "x as y"),
        ("Order Date", "Order Date"),
        (r"a\b", r"a\b"),
        (r#"["a.b"]"#, r#"["a.b"]"#),
        (r#"["a\"b"].c"#, r#"["a\"b"].c"#),
    ] {
        let both = format!("{text}, {text}");
        assert_eq!(names(&both).unwrap(), [name, name], "{text}");
        let quoted = written(name);
        assert_eq!(names(&quoted).unwrap(), [name], "{quoted}");
        let renamed = format!("{quoted} as {quoted}");
        assert_eq!(halves(&renamed), [(&*quoted, Some(name.to_owned()))]);
        let call = format!("max({quoted}), b");
        assert_eq!(items(&call).unwrap().len(), 2, "{call}");
    }
    let some = |name: &str| Some(name.to_owned());
    assert_eq!(halves(r#"id as "x as y""#), [("id", some("x as y"))]);
    assert_eq!(halves(r#"id as """#), [("id", some(""))]);
    // A text of an expression, with what CEL escapes.
    assert_eq!(halves(r#""a\"b, " + c, d"#).len(), 2);
    assert_eq!(halves(r#"f(x, "a\"), b"), c"#).len(), 2);
}

#[test]
fn names_have_types() {
    let found = types(r#"a:text, "b, c:d" : number,e:f:date"#).unwrap();
    let shown: Vec<_> = found
        .iter()
        .map(|(name, ty)| (name.as_str(), *ty))
        .collect();
    let expected = [
        ("a", Type::Text),
        ("b, c:d", Type::Number),
        ("e:f", Type::Date),
    ];
    assert_eq!(shown, expected);
}

#[test]
fn what_is_wrong_has_a_place() {
    let fault = |error: Error| match error {
        Error::Expression { text, source } => text[source.span].to_owned(),
        other => panic!("{other}"),
    };
    let list = |text: &str| fault(names(text).unwrap_err());
    assert_eq!(
        (list("5\" disk").as_str(), list("a,,b").as_str()),
        ("\"", "")
    );
    assert_eq!((list("a (b, c").as_str(), list("a)").as_str()), ("(", ")"));
    let typed = |text: &str| fault(types(text).unwrap_err());
    assert_eq!(typed("a:text, b:money"), "money");
    assert_eq!(typed("a:text, b"), "b");
    assert_eq!(typed("a:text, :number"), ":");
    assert_eq!(typed("a:text, b:text, \"a\":number"), "\"a\"");
    assert_eq!(typed("a:text, row['a']:number"), "row['a']");
    // Not the last part of a path, and in double quotes nothing but a name.
    let names = |text: &str| types(text).unwrap().into_iter().map(|(name, _)| name);
    let read: Vec<String> =
        names(r#"row.id:text, id:number, "row['id']":text, row["x y"]:text"#).collect();
    assert_eq!(read, ["row.id", "id", "row['id']", "x y"]);
    let named = |text: &str| fault(renamed(text, 0..text.len()).unwrap_err());
    assert_eq!(named("a as"), "as");
    assert_eq!(named("as b"), "as");
    assert_eq!(named("a as 'b'"), "'b'");
}
