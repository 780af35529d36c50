//! `tamis filter`, `select`, `head`, `sample` and `convert`: options, names of outputs, messages, faults.

use crate::data::{good_csv, gzip};
use crate::shell::Shell;

const ORDERS: &str = "id,country,amount\n1,DE,10.50\n2,AT,\n3,DE,-7\n";

fn shell() -> Shell {
    let shell = Shell::new();
    shell.write("orders.csv", ORDERS);
    shell
}

#[test]
fn records_go_to_standard_output_or_to_a_file() {
    let shell = shell();
    let ran = shell.tamis("filter orders.csv --where country=='DE'");
    let expected = "id,country,amount\n1,DE,10.50\n3,DE,-7\n";
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), expected));
    assert_eq!(ran.stderr, "", "a pipe need not hear how fast it was");
    let ran = shell.tamis("filter orders.csv --where country=='DE' -o german.csv");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""));
    assert!(ran.stderr.starts_with("2 of 3 rows; "), "{}", ran.stderr);
    assert_eq!(shell.read("german.csv"), expected);
    let ran = shell.tamis_fed("filter --where amount>0", ORDERS.as_bytes());
    assert_eq!(ran.stdout, "id,country,amount\n1,DE,10.50\n");
}

#[test]
fn the_name_of_the_output_tells_its_format() {
    let shell = shell();
    assert_eq!(shell.tamis("convert orders.csv orders.json").code, Some(0));
    let rows: serde_json::Value = serde_json::from_str(&shell.read("orders.json")).expect("JSON");
    assert_eq!(
        (&rows[0]["amount"], &rows[1]["amount"]),
        (&10.5.into(), &serde_json::Value::Null)
    );
    assert_eq!(shell.tamis("convert orders.csv orders.jsonl").code, Some(0));
    assert_eq!(shell.tamis("convert orders.jsonl again.csv").code, Some(0));
    assert_eq!(shell.read("again.csv"), ORDERS);
    let ran = shell.tamis("head orders.csv -n 1 --output-format jsonl");
    assert_eq!(
        ran.stdout,
        "{\"id\":1,\"country\":\"DE\",\"amount\":10.50}\n"
    );
    let ran = shell.tamis("sample orders.csv -n 2 --seed 5");
    assert_eq!(ran.stdout.lines().count(), 3);
}

#[test]
fn mistakes_are_shown_in_their_place() {
    let shell = shell();
    let ran = shell.tamis("filter orders.csv --where amout>1");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    for said in [
        "no column is named `amout`",
        "^^^^^",
        "did you mean `amount`?",
    ] {
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
    }
    let ran = shell.tamis("filter orders.csv --where true -o orders.csv");
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stderr.contains("would replace `orders.csv`"),
        "{}",
        ran.stderr
    );
    let ran = shell.tamis("filter orders.csv --where amount>1 --types amount:money");
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stderr.contains("unknown type `money`"),
        "{}",
        ran.stderr
    );
    let ran = shell.tamis("filter orders.csv --where amount>1 --types amount:integer");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""));
    let expected =
        "row 1: `10.50` in column `amount` is no integer, which the column is declared to be";
    assert!(ran.stderr.contains(expected), "{}", ran.stderr);
    for (command, said) in [
        (
            "orders.pb",
            "`orders.pb`: rows cannot be written as Protobuf",
        ),
        (
            "orders.csv.gz",
            "`orders.csv.gz`: files are not written packed",
        ),
        (
            "o.arrow --compression snappy",
            "cannot be packed with snappy: none, lz4 and zstd",
        ),
        (
            "o.parquet --compression zstd:99",
            "`zstd` has levels from 1 to 22",
        ),
        (
            "o.parquet --compression brotli",
            "expected none, snappy, lz4, zstd or gzip",
        ),
        (
            "o.jsonl --compression zstd",
            "is for outputs in Parquet and Arrow",
        ),
    ] {
        let ran = shell.tamis(&format!("convert orders.csv {command}"));
        assert_eq!(ran.code, Some(2), "{command}");
        assert!(ran.stderr.contains(said), "{command}: {}", ran.stderr);
    }
    let ran = shell.tamis("sample orders.csv --share 2");
    assert_eq!(ran.code, Some(2));
}

#[test]
fn malformed_records_end_the_run_or_are_counted() {
    let shell = Shell::new();
    shell.write("broken.csv", "a,b\n1,2\n3\n5,6\n");
    let ran = shell.tamis("filter broken.csv --where a>0 -o out.csv");
    assert_eq!(ran.code, Some(1));
    let expected = "`broken.csv`, row 2: the record at byte 8 has 1 field, the header has 2";
    assert!(ran.stderr.contains(expected), "{}", ran.stderr);
    assert!(
        !shell.files().contains(&"out.csv".to_owned()),
        "nothing half-written"
    );
    let ran = shell.tamis("filter broken.csv --where a>0 --skip-malformed");
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (Some(0), "a,b\n1,2\n5,6\n")
    );
    assert!(
        ran.stderr.contains("1 malformed record left out"),
        "{}",
        ran.stderr
    );
}

#[test]
fn the_answer_does_not_depend_on_how_it_is_computed() {
    let shell = Shell::new();
    let text = good_csv(20_000);
    shell.write("orders.csv", &text);
    shell.write("orders.csv.gz", gzip(text.as_bytes()));
    let verbs = [
        "filter --where amount>500",
        "select -c amount,id --where amount>900",
        "sample -n 100",
        "convert",
    ];
    for verb in verbs {
        let run = |input: &str, options: &str| {
            let command = match verb {
                "convert" => format!("convert {input} - --output-format json {options}"),
                verb => format!("{verb} {input} {options}"),
            };
            let ran = shell.tamis(&command);
            assert_eq!(ran.code, Some(0), "{command}: {}", ran.stderr);
            ran.stdout
        };
        let expected = run("orders.csv", "--level 0");
        assert!(!expected.is_empty());
        for options in [
            "--level 1",
            "--level 2",
            "--threads 3 --chunk-size 1KiB",
            "--io mmap --chunk-size 77",
        ] {
            assert_eq!(run("orders.csv", options), expected, "{verb} {options}");
        }
        assert_eq!(run("orders.csv.gz", "--threads 2"), expected, "{verb}");
    }
}

#[test]
fn texts_that_grow_without_end_are_an_error() {
    let shell = Shell::new();
    shell.write("rows.csv", "t\n".to_owned() + &"aaaaaaaaaa\n".repeat(600));
    let long = "x".repeat(100_000);
    let longer = |text: &str| format!("{text}.replace('a','{long}')");
    for (verb, limit_mib) in [
        (format!("select rows.csv -c {} -o out", longer("t")), 256),
        (
            format!("select rows.csv -c {} -o out", longer("'aaaaaaaaaa'")),
            512,
        ),
        (format!("group rows.csv --by {} -o out", longer("t")), 256),
    ] {
        let ran = shell.tamis(&verb);
        let told = format!(
            "`rows.csv`: the texts that are computed of one piece of it take more than {limit_mib} MiB"
        );
        assert_eq!(ran.code, Some(2), "{:.300}", ran.stderr);
        assert!(ran.stderr.contains(&told), "{:.300}", ran.stderr);
        assert_eq!(shell.files(), ["rows.csv"], "nothing is half-written");
    }
}
