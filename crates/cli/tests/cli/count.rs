//! `tamis count`: what is counted of what, how it is printed, and what an input that cannot be read does.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use serde_json::{Value, json};

use crate::shell::Shell;

fn shell() -> Shell {
    let shell = Shell::new();
    shell.write("one.txt", "first line\nsecond \u{e4}\tline\n");
    shell.write("two.txt", "no newline");
    shell
}

#[test]
fn counts_come_in_the_order_of_wc() {
    let shell = shell();
    insta::assert_snapshot!(shell.tamis("count one.txt two.txt"), @r"
    exit code: 0
    ----- stdout -----
     2  5 26 one.txt
     0  2 10 two.txt
     2  7 36 total
    ");
    let one = |options: &str| shell.tamis(&format!("count one.txt {options}")).stdout;
    assert_eq!(one("-l"), "2 one.txt\n");
    assert_eq!(one("-cm"), "25 26 one.txt\n");
    assert_eq!(one("-L"), "20 one.txt\n");
    assert_eq!(one("-Lcmwl --records"), " 2  5 25 26 20  1 one.txt\n");
    let ran = shell.tamis("count -w one.txt --perf");
    assert!(ran.stderr.contains("bytes           26 B"), "{ran}");
    let fed = shell.tamis_fed("count", b"a b\n");
    assert_eq!(fed.stdout, "1 2 4\n");
    let fed = shell.tamis_fed("count -w - two.txt", b"a b\n");
    assert_eq!(fed.stdout, "2 -\n2 two.txt\n4 total\n");
}

#[test]
fn an_input_that_cannot_be_read_does_not_stop_the_others() {
    let shell = shell();
    shell.write(
        "broken.gz",
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03broken".as_slice(),
    );
    let ran = shell.tamis("count -l one.txt missing broken.gz two.txt");
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (Some(3), "2 one.txt\n0 two.txt\n2 total\n")
    );
    assert!(
        ran.stderr.contains("cannot open `missing`: No such file"),
        "{ran}"
    );
    assert!(
        ran.stderr.contains("`broken.gz` is not valid gzip"),
        "{ran}"
    );
    let ran = shell.tamis("count -l one.txt missing --json");
    assert_eq!(ran.code, Some(3));
    let document: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(document["schema_version"], 1);
    assert_eq!(
        document["inputs"][0],
        json!({ "path": "one.txt", "lines": 2 })
    );
    assert!(document["inputs"][1]["error"].is_string(), "{document}");
    assert_eq!(document["total"], json!({ "lines": 2 }));
}

#[test]
fn folders_are_counted_file_by_file() {
    let shell = shell();
    let below = |name: &str| shell.folder.path().join("tree").join(name);
    std::fs::create_dir_all(below("deep/er")).expect("there is room");
    std::fs::write(below("b"), "1\n").expect("there is room");
    std::fs::write(below("deep/er/.hidden"), "2\n3\n").expect("there is room");
    std::os::unix::fs::symlink("..", below("deep/loop")).expect("links can be made");
    std::fs::write(
        below(".").join(Path::new(std::ffi::OsStr::from_bytes(b"odd\xff\n"))),
        "4\n",
    )
    .expect("there is room");
    let ran = shell.tamis("count -l tree");
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (
            Some(0),
            "1 tree/b\n1 tree/odd\\xff\\n\n2 tree/deep/er/.hidden\n4 total\n"
        )
    );
    let ran = shell.tamis("count -l tree --json");
    assert!(
        ran.stdout.contains("\"path_base64\": \"dHJlZS9vZGT/Cg==\""),
        "{ran}"
    );
}

#[test]
fn names_come_from_a_list() {
    let shell = shell();
    shell.write("list", "one.txt\0\0two.txt\0");
    let ran = shell.tamis("count -l --files0-from=list");
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (Some(3), "2 one.txt\n0 two.txt\n2 total\n")
    );
    assert_eq!(ran.stderr, "error: `list`: name 2 is empty\n");
    let ran = shell.tamis_fed("count -l --files0-from -", b"two.txt\0-");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(3), "0 two.txt\n"));
    shell.write("none", "");
    let ran = shell.tamis("count --files0-from none");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""));
    assert_eq!(
        shell.tamis("count one.txt --files0-from list").code,
        Some(2)
    );
    assert_eq!(shell.tamis("count - -").code, Some(2));
}

#[test]
fn records_are_those_of_the_format() {
    let shell = Shell::new();
    shell.write("a.csv", "id,note\n1,\"two\nlines\"\n\n2,ragged,row\n3,x");
    shell.write("b.tsv", "id\tnote\n1\t\"open\n");
    shell.write("c.jsonl", "{\"a\":1}\n\n{\"a\":\"x\\n\"}\nnot json\n");
    shell.write("d.json", "[{\"a\":1},\n {\"a\":2}]");
    let ran = shell.tamis("count --records a.csv b.tsv c.jsonl d.json");
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (Some(0), "3 a.csv\n1 b.tsv\n3 c.jsonl\n2 d.json\n9 total\n"),
        "{}",
        ran.stderr
    );
    assert_eq!(
        shell.tamis("count --records a.csv --header false").stdout,
        "4 a.csv\n"
    );
    // Text, too, has its records: lines below a header.
    let fed = shell.tamis_fed("count --records -l --input-format csv", b"h\n\"a\nb\"\n");
    assert_eq!(
        (fed.code, fed.stdout.as_str()),
        (Some(0), "3 1\n"),
        "{}",
        fed.stderr
    );
}

#[test]
fn the_way_it_is_counted_changes_nothing() {
    let shell = Shell::new();
    let line = "word\ttab caf\u{e9} \u{754c}\u{9762} \r\n\u{a0}x\0y \x0c";
    let mut text = line.repeat(300).into_bytes();
    text.extend_from_slice(b"\xff\xe2\x82 end");
    shell.write("text", &text);
    let expected = shell.tamis("count -lwmcL text --threads 1 --io read --simd scalar");
    for way in [
        "--level 0",
        "--level 3",
        "--io mmap --threads 3 --chunk-size 1",
        "--io read --threads 2 --chunk-size 2",
        "--threads 4 --chunk-size 3",
        "--threads 8 --chunk-size 7",
        "--threads 2 --chunk-size 64",
    ] {
        let ran = shell.tamis(&format!("count -lwmcL text {way}"));
        assert_eq!(
            (ran.code, ran.stdout),
            (Some(0), expected.stdout.clone()),
            "{way}"
        );
        let fed = shell.tamis_fed(&format!("count -lwmcL - {way}"), &text);
        assert_eq!(
            fed.stdout.replace(" -\n", " text\n"),
            expected.stdout,
            "{way}"
        );
    }
}
