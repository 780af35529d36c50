//! Outputs in Parquet and Arrow: the same rows whatever wrote them, the same bytes whatever the threads, and nothing half-written.

use std::process::Stdio;

use crate::data::good_csv;
use crate::shell::{Ran, Shell};

const ORDERS: &str = "\
id,country,amount,day,at,ok,note
1,DE,10.5,2024-02-29,2024-02-29T10:20:30Z,true,\"a, b\"
2,,,,,,
3,FR,-7.5,1969-12-31,1969-12-31T23:59:59.500000Z,false,\"two
lines, \"\"é\"\"\"
";

fn shell() -> Shell {
    let shell = Shell::new();
    shell.write("orders.csv", ORDERS);
    shell
}

fn bytes(shell: &Shell, name: &str) -> Vec<u8> {
    std::fs::read(shell.folder.path().join(name)).expect("the file was written")
}

#[test]
fn statistics_of_columns_and_of_text_are_the_same() {
    let shell = shell();
    let columns = |file: &str| {
        let ran = shell.tamis(&format!("stats {file} --json"));
        assert_eq!(ran.code, Some(0), "{file}: {}", ran.stderr);
        let stats: serde_json::Value = serde_json::from_str(&ran.stdout).expect("it is JSON");
        let columns = stats["columns"].as_array().expect("there are columns");
        let found = columns.iter().map(|column| {
            let known = ["name", "nulls", "values", "distinct"];
            known.map(|key| column[key].clone())
        });
        found.collect::<Vec<_>>()
    };
    let expected = columns("orders.csv");
    assert_eq!(expected.len(), 7);
    assert_eq!(expected[1][1]["count"], 1, "one country is null");
    for file in ["orders.parquet", "orders.arrow", "orders.arrows"] {
        assert_eq!(
            shell.tamis(&format!("convert orders.csv {file}")).code,
            Some(0)
        );
        // Truth values and numbers are written alike by both, so only texts and nulls could differ.
        assert_eq!(columns(file), expected, "{file}");
        for command in ["stats", "infer -o -", "head -n 9 -o head.csv"] {
            let ran = shell.tamis(&format!("{command} {file}"));
            assert_eq!(ran.code, Some(0), "{}", ran.stderr);
            assert!(!ran.stderr.contains(" 0 B in "), "{}", ran.stderr);
        }
    }
}

/// Whoever looks at a text of columns finds what it finds in the JSON that the columns were made of.
#[test]
fn an_empty_text_is_a_value_as_in_json() {
    let shell = Shell::new();
    let lines = [
        r#"{"id":1,"s":"","t":"x"}"#,
        r#"{"id":2,"s":null,"t":""}"#,
        r#"{"id":3,"s":"ab","t":"y"}"#,
        r#"{"id":4,"s":"","t":null}"#,
    ];
    // Enough rows for several blocks, of which some have no empty text.
    let (few, many) = (lines.join("\n"), "\n{\"id\":5,\"s\":\"cd\",\"t\":null}");
    let text = few.clone() + &many.repeat(9_000) + "\n" + &few + "\n";
    shell.write("rows.jsonl", text);
    let contract = "apiVersion: v3.0.2\nkind: DataContract\nid: it\nversion: 1.0.0\nstatus: active\nschema:\n  - name: rows\n    properties:\n\
                    \x20     - {name: id, logicalType: integer}\n\
                    \x20     - {name: s, logicalType: string, required: true, logicalTypeOptions: {minLength: 2}}\n\
                    \x20     - {name: t, logicalType: string, logicalTypeOptions: {maxLength: 0}}\n";
    shell.write("contract.yaml", contract);
    for file in ["rows.parquet", "rows.arrow", "rows.arrows"] {
        let ran = shell.tamis(&format!("convert rows.jsonl {file}"));
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        for command in [
            "convert FILE - --output-format jsonl",
            "convert FILE - --output-format csv",
            "select FILE --columns t,s --output-format csv",
            "filter FILE --where s=='' --output-format jsonl",
            "filter FILE --where s==null --output-format jsonl",
            "filter FILE --where size(t)==0 --output-format jsonl",
            "head FILE -n 2 --output-format jsonl",
            "sort FILE --by s,id --output-format jsonl",
            "group FILE --by s --agg count(),count(t),min(t),distinct(t) --format jsonl",
            "group FILE --by t,s --agg count() --format jsonl",
        ] {
            let [expected, found] = ["rows.jsonl", file].map(|input| {
                let ran = shell.tamis(&command.replace("FILE", input));
                assert_eq!(ran.code, Some(0), "{command} {input}: {}", ran.stderr);
                ran.stdout
            });
            assert!(found == expected, "{command} {file}: {found:.300}");
        }
        for (command, key) in [("stats FILE --json", "columns"), ("infer FILE", "")] {
            let [expected, found] = ["rows.jsonl", file].map(|input| {
                let ran = shell.tamis(&command.replace("FILE", input));
                match key {
                    // Its name is all that may differ.
                    "" => ran.stdout.replace(input, "rows"),
                    _ => {
                        let found: serde_json::Value =
                            serde_json::from_str(&ran.stdout).expect("it is JSON");
                        found[key].to_string()
                    }
                }
            });
            assert_eq!(found, expected, "{command} {file}");
        }
        let [expected, found] = ["rows.jsonl", file].map(|input| {
            let ran = shell.tamis(&format!("check {input} --contract contract.yaml --json"));
            assert_eq!(ran.code, Some(1), "{}", ran.stderr);
            let report: serde_json::Value = serde_json::from_str(&ran.stdout).expect("it is JSON");
            let samples = report["samples"].as_array().expect("a list");
            let mut samples = samples.iter();
            let null = samples.find(|sample| sample["rule"] == "required");
            assert!(null.expect("it is broken")["value"].is_null(), "{input}");
            let text = shell
                .tamis(&format!("check {input} --contract contract.yaml"))
                .stdout;
            assert!(text.contains("null  must not be null"), "{input}: {text}");
            report["violations"]["by_rule"].clone()
        });
        assert_eq!(found, expected, "{file}");
        assert_eq!(found[2]["rule"], "required", "{found}");
        assert_eq!(found[2]["count"], 2, "{found}");
        let bad = format!("check {file} --contract contract.yaml --bad bad.csv");
        assert_eq!(shell.tamis(&bad).code, Some(1));
        let rows = shell.read("bad.csv");
        let first = rows.lines().nth(1).unwrap_or_default();
        assert_eq!(first, "1,s: minLength; t: maxLength,1,\"\",x", "{file}");
    }
}

#[test]
fn rows_come_back_as_they_were() {
    let shell = shell();
    let back = |file: &str| {
        let ran = shell.tamis(&format!("convert {file} - --output-format csv"));
        assert_eq!(ran.code, Some(0), "{file}: {}", ran.stderr);
        ran.stdout
    };
    for extension in ["parquet", "arrow", "arrows"] {
        let file = format!("orders.{extension}");
        assert_eq!(
            shell.tamis(&format!("convert orders.csv {file}")).code,
            Some(0)
        );
        assert_eq!(back(&file), ORDERS, "{extension}");
        let again = format!("again.{extension}");
        assert_eq!(
            shell.tamis(&format!("convert {file} {again}")).code,
            Some(0)
        );
        assert_eq!(back(&again), ORDERS, "{extension}");
        let tail =
            "3,FR,-7.5,1969-12-31,1969-12-31T23:59:59.500000Z,false,\"two\nlines, \"\"é\"\"\"\n";
        for (command, rows) in [
            ("filter orders.csv --where amount<0", tail.to_owned()),
            (
                "head orders.csv -n 1",
                ORDERS.lines().nth(1).expect("a row").to_owned() + "\n",
            ),
            (
                "sample orders.csv -n 9",
                ORDERS.split_once('\n').expect("a header").1.to_owned(),
            ),
            ("filter orders.parquet --where amount<0", tail.to_owned()),
            (
                "sample orders.parquet -n 9",
                ORDERS.split_once('\n').expect("a header").1.to_owned(),
            ),
        ] {
            if command.contains("parquet") && extension != "parquet" {
                continue;
            }
            let ran = shell.tamis(&format!("{command} -o some.{extension}"));
            assert_eq!(ran.code, Some(0), "{command}: {}", ran.stderr);
            let found = back(&format!("some.{extension}"));
            let found = found.split_once('\n').expect("a header").1;
            assert_eq!(found, rows, "{command} to {extension}");
        }
        let sort = format!("sort orders.csv --by id --nulls-first -o sorted.{extension}");
        assert_eq!(shell.tamis(&sort).code, Some(0));
        assert_eq!(back(&format!("sorted.{extension}")), ORDERS);
        let group = "group orders.csv --by country --agg count(),sum(amount),min(at)";
        let ran = shell.tamis(&format!("{group} -o groups.{extension}"));
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert_eq!(
            back(&format!("groups.{extension}")),
            shell.tamis(group).stdout.replace("10.50", "10.5")
        );
    }
}

#[test]
fn types_are_those_of_all_records() {
    let shell = Shell::new();
    let late = "id,code\n".to_owned() + &"1,7\n".repeat(100_000) + "2,x7\n";
    shell.write("late.csv", late);
    assert_eq!(shell.tamis("convert late.csv late.parquet").code, Some(0));
    let ran = shell.tamis("filter late.parquet --where code=='x7'");
    assert_eq!(ran.stdout, "id,code\n2,x7\n");
    shell.write("twice.csv", "a,a\n1,2\n");
    let ran = shell.tamis("convert twice.csv twice.parquet");
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("two columns are called `a`"),
        "{}",
        ran.stderr
    );
    assert!(!shell.files().contains(&"twice.parquet".to_owned()));
}

#[test]
fn the_bytes_do_not_depend_on_how_they_are_made() {
    let shell = Shell::new();
    shell.write("orders.csv", good_csv(200_000));
    for extension in ["parquet", "arrow", "arrows"] {
        let written = |options: &str| {
            let ran = shell.tamis(&format!("convert orders.csv out.{extension} {options}"));
            assert_eq!(ran.code, Some(0), "{options}: {}", ran.stderr);
            bytes(&shell, &format!("out.{extension}"))
        };
        let expected = written("--threads 1");
        for options in [
            "--threads 3 --chunk-size 1KiB",
            "--chunk-size 3MB --io mmap",
        ] {
            assert!(written(options) == expected, "{extension} {options}");
        }
        let first = |options: &str| {
            let ran = shell.tamis(&format!(
                "head orders.csv -n 5003 -o out.{extension} {options}"
            ));
            assert_eq!(ran.code, Some(0), "{options}: {}", ran.stderr);
            bytes(&shell, &format!("out.{extension}"))
        };
        let expected = first("--threads 1");
        for options in ["--threads 3 --chunk-size 1KiB", "--chunk-size 3MB"] {
            assert!(first(options) == expected, "head to {extension} {options}");
        }
    }
}

#[test]
fn columns_go_into_pipes() {
    let shell = shell();
    for (format, name) in [
        ("arrow-stream", "piped.arrows"),
        ("parquet", "piped.parquet"),
    ] {
        let mut command = shell.command();
        command.args(["convert", "orders.csv", "-", "--output-format", format]);
        let output = command.stdin(Stdio::null()).output().expect("tamis starts");
        assert!(output.status.success());
        shell.write(name, &output.stdout);
        let ran = shell.tamis(&format!("convert {name} - --output-format csv"));
        assert_eq!(ran.stdout, ORDERS, "{format}");
    }
}

#[test]
fn what_fails_leaves_nothing() {
    let shell = shell();
    shell.write("broken.csv", ORDERS.to_owned() + "4,DE\n");
    let before = shell.files();
    for extension in ["parquet", "arrow", "arrows"] {
        let ran = shell.tamis(&format!("convert broken.csv out.{extension}"));
        assert_eq!(ran.code, Some(1), "{}", ran.stderr);
        let format = if extension == "arrows" {
            "arrow-stream"
        } else {
            extension
        };
        for verb in [
            "convert orders.csv /dev/full",
            "sort orders.csv --by id -o /dev/full",
        ] {
            let ran: Ran = shell.tamis(&format!("{verb} --output-format {format}"));
            assert_eq!(ran.code, Some(3), "{}", ran.stderr);
            assert!(
                ran.stderr.contains("cannot write `/dev/full`"),
                "{}",
                ran.stderr
            );
        }
        assert_eq!(shell.files(), before, "{extension}");
    }
}
