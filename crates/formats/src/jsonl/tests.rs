//! The parser against serde_json: the same lines taken and refused, the same values found.

mod oracle;
mod strategy;

use proptest::prelude::*;
use tamis_engine::kernel::Kernel;

use self::oracle::{Found, expect, run};
use super::{Parser, Path, key_at};
use crate::{Block, Fault, Kind, Malformed, Totals, Visitor};

/// Paths that meet most keys of the generated records, one twice, one the record itself.
fn paths() -> Vec<Path> {
    [
        &["a"][..],
        &["b", "a"],
        &["b"],
        &["long key of more than thirty-two bytes, é"],
        &["b", "c", "a"],
        &["a"],
        &[],
        &["", "\""],
    ]
    .iter()
    .map(|keys| Path::new(keys.iter().copied()))
    .collect()
}

/// Compares every kernel with serde_json on some lines.
#[track_caller]
fn check(text: &[u8]) {
    let expected = expect(text, &paths());
    for kernel in Kernel::available() {
        let found = run(text, &mut Parser::new(&paths(), kernel));
        assert_eq!(
            found,
            expected,
            "{kernel:?}\n{}",
            String::from_utf8_lossy(text)
        );
    }
}

/// Runs one parser over one line and gives its fault.
fn fault(text: &[u8], paths: &[Path]) -> Option<Fault> {
    run(text, &mut Parser::new(paths, Kernel::detect()))
        .faults
        .pop()
}

/// More cases in a long run (`TAMIS_SOAK=100`).
fn config() -> ProptestConfig {
    let factor = std::env::var("TAMIS_SOAK")
        .ok()
        .and_then(|factor| factor.parse().ok());
    ProptestConfig {
        cases: 256 * factor.unwrap_or(1),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    /// Valid records, with and without damage.
    #[test]
    fn agrees_on_records(text in strategy::lines()) {
        check(&text);
    }

    /// Tokens in any order.
    #[test]
    fn agrees_on_tokens(text in strategy::soup()) {
        check(&text);
    }

    /// Any bytes at all.
    #[test]
    fn agrees_on_bytes(text in prop::collection::vec(any::<u8>(), 0..200)) {
        check(&text);
    }

    /// Strings and numbers of all lengths, at all distances from the ends of blocks.
    #[test]
    fn agrees_on_lengths(lengths in prop::collection::vec((0..300_usize, 0..40_usize), 1..20)) {
        let mut text = String::new();
        for (string, digits) in lengths {
            let (string, digits) = ("s".repeat(string), "7".repeat(digits));
            text.push_str(&format!("{{\"a\":\"{string}\",\"b\":{{\"a\":{digits}.0}}}}\n"));
        }
        check(text.as_bytes());
    }

    /// Where the lines are cut into chunks changes nothing, though each chunk teaches the parser.
    #[test]
    fn any_cut_gives_the_same(text in strategy::lines(), cut in any::<prop::sample::Index>()) {
        let cut = cut.index(text.len() + 1);
        let cut = memchr::memrchr(b'\n', &text[..cut]).map_or(0, |newline| newline + 1);
        let mut parser = Parser::new(&paths(), Kernel::detect());
        let whole = run(&text, &mut parser);
        let mut parts = run(&text[..cut], &mut parser);
        parts.append(run(&text[cut..], &mut parser), cut);
        prop_assert_eq!(parts, whole);
    }
}

/// What the module's documentation says about single lines.
#[test]
fn lines_are_what_the_documentation_says() {
    let paths = [Path::new(["a"])];
    let invalid = |offset, message| Some(Fault::InvalidJson { offset, message });
    for (line, expected) in [
        ("{}", None),
        (" {\"a\" : 1 }\t\r", None),
        (r#"{"a":"\ud83d\ude00"}"#, None),
        ("[1]", Some(Fault::NotAnObject)),
        (" null ", Some(Fault::NotAnObject)),
        ("[1", invalid(2, "`,` or `]`")),
        (r#"{"a":1"#, invalid(6, "`,` or `}`")),
        (r#"{"a":"x"#, invalid(7, "a closing quote")),
        (r#"{"a":1,}"#, invalid(7, "a key in quotes")),
        (r#"{"a" 1}"#, invalid(5, "`:`")),
        (r#"{"a":01}"#, invalid(6, "no digit after a leading zero")),
        (r#"{"a":1.}"#, invalid(7, "a digit")),
        (
            r#"{"a":1e400}"#,
            invalid(5, "a number within the range of a double"),
        ),
        (r#"{"a":nul}"#, invalid(8, "`true`, `false` or `null`")),
        (r#"{"a":1} x"#, invalid(8, "the end of the line")),
        (
            "{\"a\":\"\t\"}",
            invalid(6, "a control character to be escaped"),
        ),
        (r#"{"a":"\x"}"#, invalid(7, "a valid escape")),
        (r#"{"a":"\udead"}"#, invalid(6, "a pair of surrogates")),
        (
            r#"{"a":1,"\u0061":2}"#,
            Some(Fault::DuplicateKey { offset: 7 }),
        ),
        (r#"{"b":1,"b":2}"#, None),
        ("\u{feff}{}", invalid(0, "a value")),
    ] {
        assert_eq!(fault(line.as_bytes(), &paths), expected, "{line}");
    }
    assert_eq!(
        fault(b"{\"b\":\"\xff\"}", &paths),
        Some(Fault::InvalidUtf8 { offset: 6 })
    );
}

/// Duplicates count where a wanted value is or could be, and invalid JSON goes before them.
#[test]
fn duplicates_of_wanted_keys_are_faults() {
    let paths = [Path::new(["b", "a"])];
    let duplicate = |offset| Some(Fault::DuplicateKey { offset });
    assert_eq!(fault(br#"{"b":{"a":1},"b":null}"#, &paths), duplicate(13));
    assert_eq!(fault(br#"{"b":{"a":1,"a":1}}"#, &paths), duplicate(12));
    assert_eq!(fault(br#"{"b":{"c":1,"c":1},"a":1,"a":2}"#, &paths), None);
    let invalid = fault(br#"{"b":1,"b":2"#, &paths);
    assert!(
        matches!(invalid, Some(Fault::InvalidJson { offset: 12, .. })),
        "{invalid:?}"
    );
}

/// 127 levels of nesting are the limit, in wanted and in unwanted values alike.
#[test]
fn nesting_is_limited_as_in_serde_json() {
    let deep = Path::new(vec!["k"; 130]);
    for levels in 120..135 {
        let objects = format!("{}1{}", "{\"k\":".repeat(levels), "}".repeat(levels));
        let arrays = format!("{{\"k\":{}1{}}}", "[".repeat(levels), "]".repeat(levels));
        for line in [objects, arrays] {
            let is_valid = serde_json::from_str::<serde_json::Value>(&line).is_ok();
            for paths in [vec![deep.clone()], vec![Path::new(["x"])], vec![]] {
                assert_eq!(
                    fault(line.as_bytes(), &paths).is_none(),
                    is_valid,
                    "{levels} levels"
                );
            }
        }
    }
}

/// Blank lines are counted and nothing else; every other line is a row.
#[test]
fn totals_count_lines() {
    let mut parser = Parser::new(&paths(), Kernel::detect());
    let found = run(b"{}\n\n \t\r\n{}\r\nx\n{}", &mut parser);
    let expected = Totals {
        rows: 4,
        blank_lines: 2,
        comments: 0,
        newlines: 5,
    };
    assert_eq!(found.totals, expected);
    assert_eq!(run(b"", &mut parser).totals, Totals::default());
}

/// Lines longer than a window, many windows, many blocks: the counts and the last record are right.
#[test]
fn windows_and_blocks_join() {
    let mut text = String::new();
    for number in 0..30_000 {
        text.push_str(&format!("{{\"a\":{number}}}\n"));
    }
    text.push_str(&format!(
        "{{\"b\":\"{}\",\"a\":null}}\n",
        "é".repeat(400_000)
    ));
    text.push_str("{\"a\":true}");
    check(text.as_bytes());
}

/// Keys in any order, left out, or always new: the trail of earlier records does not show.
#[test]
fn changing_keys_do_not_confuse() {
    let mut random = fastrand::Rng::with_seed(1);
    let mut text = String::new();
    for line in 0..400 {
        let mut members = vec![
            format!("\"a\":{line}"),
            "\"b\":{\"a\":true,\"c\":{\"a\":[]}}".to_owned(),
            "\"b\" : {}".to_owned(),
            format!("\"key {line}\":\"x\""),
            "\"c\":{\"a\":1}".to_owned(),
            "\"long key of more than thirty-two bytes, é\":1".to_owned(),
            "\"long key of more than thirty-two bytes, e\":2".to_owned(),
        ];
        random.shuffle(&mut members);
        members.truncate(random.usize(0..8));
        text.push_str(&format!(
            "{{{}}}\n",
            members.join(random.choice([",", ", "]).unwrap_or(","))
        ));
    }
    check(text.as_bytes());
}

/// Kinds and spans as [`Kind`] documents them.
#[test]
fn spans_are_what_kind_says() {
    let line = br#"{"a":"x","b":{"a":-1.50,"c":{"a":null}},"long key of more than thirty-two bytes, \u00e9":"\n"}"#;
    let found = run(line, &mut Parser::new(&paths(), Kernel::detect()));
    let Found { fields, .. } = found;
    let text = |start: usize, end: usize| std::str::from_utf8(&line[start..end]).unwrap();
    let values: Vec<_> = fields[0]
        .iter()
        .map(|(kind, span)| (*kind, text(span.start, span.end)))
        .collect();
    assert_eq!(
        values,
        [
            (Kind::String, "x"),
            (Kind::Number, "-1.50"),
            (Kind::Object, r#"{"a":-1.50,"c":{"a":null}}"#),
            (Kind::EscapedString, r"\n"),
            (Kind::Null, ""),
            (Kind::String, "x"),
            (Kind::Object, text(0, line.len())),
            (Kind::Missing, ""),
        ]
    );
}

/// Found by fuzzing: serde_json keeps this key for itself and refuses the line; to us it is a key.
#[test]
fn no_key_has_a_meaning_of_its_own() {
    let text = br#"{"$serde_json::private::RawValue":{"a":[1]}}"#;
    let path = Path::new(["$serde_json::private::RawValue", "a"]);
    let found = run(text, &mut Parser::new(&[path], Kernel::detect()));
    assert_eq!(found.fields[0][0].0, Kind::Array);
}

/// The noted keys of each record.
#[derive(Default)]
struct ExtraKeys(Vec<Vec<String>>);

impl Visitor for ExtraKeys {
    fn block(&mut self, block: &Block<'_>) {
        let first = self.0.len();
        self.0.resize(first + block.rows, Vec::new());
        for key in block.extra_keys {
            let mut scratch = Vec::new();
            let text = key_at(block.bytes, key.offset as usize, &mut scratch);
            let text = String::from_utf8(text.to_vec()).expect("a key is UTF-8");
            self.0[first + key.row as usize].push(text);
        }
    }

    fn malformed(&mut self, _: &Malformed<'_>) {
        self.0.push(vec!["malformed".to_owned()]);
    }
}

#[test]
fn keys_at_the_root_that_nobody_asked_for_are_noted() {
    let lines = [
        (
            r#"{"x":1,"a":2,"b":{"z":1,"a":2},"\u00e9\"":[{"y":1}]}"#,
            &["x", "é\""][..],
        ),
        (r#"{"b":{},"a":1}"#, &[]),
        (r#"{"x":1,"x":"#, &["malformed"]),
        (r#"{}"#, &[]),
        (
            r#" { "x" : 1 , "" : { "k": 1 } , "q":2 } "#,
            &["x", "", "q"],
        ),
        (r#"{"x":1,"a":1,"a":2}"#, &["malformed"]),
    ];
    let rounds = 2000;
    let text: String = (0..rounds)
        .flat_map(|_| lines.map(|(line, _)| format!("{line}\n")))
        .collect();
    let expected: Vec<_> = (0..rounds)
        .flat_map(|_| lines.map(|(_, keys)| keys))
        .collect();
    let paths = [Path::new(["a"]), Path::new(["b", "a"])];
    for kernel in Kernel::available() {
        let mut found = ExtraKeys::default();
        let mut parser = Parser::new(&paths, kernel).noting_extra_keys(true);
        parser.parse(text.as_bytes(), true, &mut found);
        assert_eq!(found.0, expected, "{kernel:?}");
        let mut silent = ExtraKeys::default();
        Parser::new(&paths, kernel).parse(text.as_bytes(), true, &mut silent);
        assert!(
            silent
                .0
                .iter()
                .all(|keys| keys.is_empty() || keys == &["malformed"])
        );
    }
}
