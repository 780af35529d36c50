//! `tamis sort`: rows as they came, in order, and how it fails.

use crate::shell::Shell;

#[test]
fn rows_leave_in_order_as_they_came() {
    let shell = Shell::new();
    shell.write("a.csv", "id,amount\n1,9.50\n2,\"10\"\n3,\n4,9.5");
    let expected = "id,amount\n2,\"10\"\n1,9.50\n4,9.5\n3,\n";
    for more in [
        &[][..],
        &["--memory", "0"],
        &["--threads", "3", "--chunk-size", "4"],
    ] {
        let ran = shell.verb("sort", &[&["a.csv", "--by", "amount desc"], more].concat());
        assert_eq!(
            ran,
            (Some(0), expected.to_owned(), String::new()),
            "{more:?}"
        );
    }
    let (code, _, stderr) = shell.verb(
        "sort",
        &[
            "a.csv",
            "--by",
            "amount",
            "--unique",
            "--nulls-first",
            "-o",
            "b.jsonl",
        ],
    );
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(
        shell.read("b.jsonl"),
        "{\"id\":3,\"amount\":null}\n{\"id\":1,\"amount\":9.50}\n{\"id\":2,\"amount\":10}\n"
    );
}

#[test]
fn what_is_wrong_is_said() {
    let shell = Shell::new();
    shell.write("a.csv", "id\n1\n");
    let (code, stdout, stderr) = shell.verb("sort", &["a.csv", "--by", "id, amout desc"]);
    assert_eq!((code, stdout.as_str()), (Some(2), ""));
    assert!(
        stderr.contains("no column is named `amout`") && stderr.contains("^^^^^"),
        "{stderr}"
    );
    let (code, _, _) = shell.verb("sort", &["a.csv", "--by", "id", "-o", "a.csv"]);
    assert_eq!(code, Some(2));
    shell.write("ragged.csv", "a,b\n1,2\n3\n");
    let (code, stdout, stderr) = shell.verb("sort", &["ragged.csv", "--by", "a"]);
    assert_eq!((code, stdout.as_str()), (Some(1), ""), "{stderr}");
}
