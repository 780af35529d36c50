//! Lists of columns: one grammar for `--columns`, `--by`, `--agg` and `--types`, and what is wrong with a list is drawn below it.

use crate::shell::Shell;

#[test]
fn any_name_can_be_written_in_any_list() {
    // In lists, names are quoted as in CSV.
    for name in [
        r#""a""b""#,
        r#""x as y""#,
        r#""a,b""#,
        r#""a\""#,
        r#""a'b""#,
        r#""(""#,
        r#""a:b desc""#,
        r#""!""#,
        r#""""#,
        "Order Date",
        r"a\b",
        "price (EUR)",
    ] {
        let shell = Shell::new();
        shell.write("t.csv", format!("{name},n\nz,2\ny,1\n"));
        let run = |verb: &str, option: &str, list: &str| {
            let (code, stdout, stderr) = shell.verb(verb, &["t.csv", option, list]);
            assert_eq!(code, Some(0), "{verb} {option} {list}: {stderr}");
            stdout
        };
        let body = |stdout: &str| stdout.split_once('\n').expect("a header").1.to_owned();
        if let Some(plain) = name.strip_prefix('"').and_then(|it| it.strip_suffix('"')) {
            let plain = plain.replace("\"\"", "\"").replace('\\', "\\\\");
            let typed = run(
                "head",
                "--types",
                &format!("row[\"{}\"]:text", plain.replace('"', "\\\"")),
            );
            assert!(typed.ends_with("y,1\n"), "{typed}");
        }
        let header = run("select", "-c", name);
        let header = header.lines().next().expect("a header");
        assert_eq!(
            body(&run("select", "-c", &format!("n, {name}"))),
            "2,z\n1,y\n"
        );
        assert_eq!(
            body(&run("select", "-c", &format!("{name}:n"))),
            "z,2\ny,1\n"
        );
        assert_eq!(body(&run("select", "-c", &format!("!{name}"))), "2\n1\n");
        let renamed = run("select", "-c", &format!("n as {name}"));
        assert_eq!(renamed, format!("{header}\n2\n1\n"));
        let sorted = run("sort", "--by", &format!("{name} asc, n desc"));
        assert_eq!(body(&sorted), "y,1\nz,2\n");
        let group = [
            "t.csv",
            "--by",
            name,
            "--agg",
            &format!("max({name}) as m, sum(n)"),
        ];
        let (code, stdout, stderr) = shell.verb("group", &group);
        assert_eq!(
            (code, body(&stdout).as_str()),
            (Some(0), "z,z,2\ny,y,1\n"),
            "{stderr}"
        );
        assert!(stdout.starts_with(&format!("{header},m")), "{stdout}");
        let stats = run("stats", "--columns", &format!("n,{name}"));
        assert!(!stats.is_empty());
        if !name.contains(['\'', '"', '\\']) {
            assert_eq!(
                run("stats", "--columns", &format!("n,row['{name}']")),
                stats
            );
        }
        let typed = [
            "t.csv",
            "--types",
            &format!("n:number,{name}:text"),
            "-n",
            "1",
        ];
        let (code, stdout, stderr) = shell.verb("head", &typed);
        assert_eq!(
            (code, body(&stdout).as_str()),
            (Some(0), "z,2\n"),
            "{stderr}"
        );
    }
}

#[test]
fn keys_of_json_are_columns_by_how_they_are_shown() {
    let shell = Shell::new();
    shell.write("t.jsonl", "{\"a.b\":1,\"c\":{\"d\\\"e\":2}}\n");
    for (list, expected) in [
        (r#"["a.b"]"#, 1),
        (r#""[""a.b""]""#, 1),
        (r#"row['["a.b"]']"#, 1),
        (r#"c["d\"e"]"#, 2),
    ] {
        let by = [
            "t.jsonl",
            "--by",
            list,
            "--agg",
            &format!("sum({list}) as n"),
        ];
        let (code, stdout, stderr) = shell.verb("group", &by);
        assert_eq!(code, Some(0), "{list}: {stderr}");
        let row = stdout.lines().nth(1).expect("a group");
        assert_eq!(row, format!("{expected},{expected}"), "{list}");
        let select = ["t.jsonl", "-c", &format!("{list} as n")];
        let (_, stdout, _) = shell.verb("select", &select);
        assert_eq!(stdout, format!("{{\"n\":{expected}}}\n"), "{list}");
        let (code, _, stderr) = shell.verb("sort", &["t.jsonl", "--by", list]);
        assert_eq!(code, Some(0), "{list}: {stderr}");
    }
}

#[test]
fn what_is_wrong_with_a_list_is_drawn() {
    let shell = Shell::new();
    shell.write("t.csv", "a,b\nx,1\n");
    // What is marked stands there for the last time.
    for (verb, option, list, said, marked) in [
        ("select", "-c", "b, a:zz", "no column is named `zz`", "zz"),
        ("select", "-c", "1:9", "no column is named `9`", "9"),
        (
            "select",
            "-c",
            "a:b as c",
            "several columns one name",
            "a:b as c",
        ),
        ("select", "-c", "a, c", "no column is named `c`", "c"),
        ("select", "-c", "a, c + 1", "no column is named `c`", "c"),
        ("select", "-c", "!a, !b", "it leaves no columns", "!a, !b"),
        ("select", "-c", "a,5\" disk", "a quote in it twice", "\""),
        ("select", "-c", "a as 'c'", "a name behind it", "'c'"),
        (
            "sort",
            "--by",
            "a, \"b \" desc",
            "no column is named `b `",
            "\"b \"",
        ),
        (
            "group",
            "--agg",
            "max(\"c\")",
            "no column is named `c`",
            "\"c\"",
        ),
        (
            "group",
            "--agg",
            "sum(b), min as c",
            "cannot have one name",
            "min",
        ),
        ("group", "--agg", "count", "`count()` counts rows", "count"),
        (
            "group",
            "--agg",
            "max(b), max(b)",
            "are called `max(b)`",
            "max(b)",
        ),
        (
            "group",
            "--agg",
            "\"sum(b)\"",
            "is a name, and no aggregate",
            "\"sum(b)\"",
        ),
        ("stats", "--columns", "a,(b", "never closed", "("),
        ("stats", "--columns", "a, c", "no column is named `c`", "c"),
        (
            "head",
            "--types",
            "b:text, c:text",
            "no column is named `c`",
            "c",
        ),
        (
            "head",
            "--types",
            ":text",
            "no column before the colon",
            ":",
        ),
        (
            "head",
            "--types",
            "a:text,b:text,b:date",
            "`b` has a type already",
            "b",
        ),
        (
            "select",
            "-c",
            "a, !(b > 1) as r",
            "`(!(b > 1)) as r`",
            "!(b > 1)",
        ),
        ("select", "-c", "!a == 'x'", "`(!a == 'x')`", "!a == 'x'"),
        (
            "head",
            "--types",
            "a:text,b:money",
            "unknown type `money`",
            "money",
        ),
    ] {
        let place = list.rfind(marked).expect("it is marked");
        let carets = " ".repeat(place) + &"^".repeat(marked.len());
        let (code, stdout, stderr) = shell.verb(verb, &["t.csv", option, list]);
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{list}: {stderr}");
        let lines = [said, &format!("| {list}\n"), &format!("| {carets}\n")];
        for line in lines {
            assert!(stderr.contains(line), "{list}: {stderr}");
        }
    }
}

#[test]
fn columns_that_are_told_by_their_names_need_different_ones() {
    let shell = Shell::new();
    shell.write("t.csv", "a,b\nx,1\n");
    shell.write("twice.csv", "a,a\nx,1\n");
    for format in ["json", "jsonl"] {
        let chosen = ["t.csv", "-c", "a, b as a", "--output-format", format];
        let (code, stdout, stderr) = shell.verb("select", &chosen);
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
        for said in ["are called `a`", "|    ^^^^^^\n", "`b as other`"] {
            assert!(stderr.contains(said), "{stderr}");
        }
        let all = ["twice.csv", "--output-format", format];
        let (code, stdout, stderr) = shell.verb("head", &all);
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
        assert!(stderr.contains("two columns are called `a`"), "{stderr}");
    }
    shell.write("three.csv", "a,a,b\nx,y,1\n");
    for list in ["*", "1:2", "!b"] {
        let several = ["three.csv", "-c", list, "--output-format", "json"];
        let (_, _, stderr) = shell.verb("select", &several);
        let help = "name the columns one by one, and this one as `2 as other`";
        assert!(stderr.contains(help), "{list}: {stderr}");
    }
    let renamed = ["twice.csv", "-c", "1, 2 as b", "--output-format", "jsonl"];
    let (_, stdout, stderr) = shell.verb("select", &renamed);
    assert_eq!(stdout, "{\"a\":\"x\",\"b\":1}\n", "{stderr}");
    let (_, stdout, _) = shell.verb("select", &["t.csv", "-c", "a, a"]);
    assert_eq!(stdout, "a,a\nx,x\n");
}

#[test]
fn an_empty_file_has_no_columns_and_no_rows() {
    let shell = Shell::new();
    shell.write("empty.csv", "");
    for arguments in [
        &["select", "empty.csv", "-c", "*"][..],
        &["select", "empty.csv", "-c", ":"],
        &[
            "convert",
            "empty.csv",
            "-",
            "-c",
            "*",
            "--output-format",
            "jsonl",
        ],
        &["filter", "empty.csv", "--where", "true"],
        &["head", "empty.csv"],
    ] {
        let ran = shell.run(arguments);
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (Some(0), ""),
            "{arguments:?}: {ran}"
        );
    }
    let ran = shell.run(&["select", "empty.csv", "-c", "a"]);
    assert!(ran.stderr.contains("help: there are none\n"), "{ran}");
}

#[test]
fn a_list_may_start_with_a_minus() {
    let shell = Shell::new();
    shell.write("t.csv", "n,k\n2,a\n1,b\n");
    for (verb, option, list, expected) in [
        ("select", "--columns", "-n as m", "m\n-2\n-1\n"),
        ("convert", "-c", "-7 / 2 as m", "m\n-3\n-3\n"),
        // These are no such list; their own errors say so.
        ("group", "--agg", "-sum(n)", ""),
        ("sort", "--by", "-n", ""),
        ("group", "--by", "-n as m", "m,count()\n-2,1\n-1,1\n"),
    ] {
        let arguments = match verb {
            "convert" => vec!["t.csv", "-", option, list],
            _ => vec!["t.csv", option, list],
        };
        let (code, stdout, stderr) = shell.verb(verb, &arguments);
        assert!(!stderr.contains("unexpected argument"), "{stderr}");
        if !expected.is_empty() {
            assert_eq!(code, Some(0), "{verb} {option} {list}: {stderr}");
            assert_eq!(stdout, expected, "{verb} {option} {list}");
        }
    }
}
