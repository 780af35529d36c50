//! Inputs that cannot be read, or end in the middle.

use super::shell;
use crate::data::{CODECS, PARTS, good_csv};
use crate::shell::{Ran, Shell};

/// Checks one input, with every output to a file; none of them may be left.
fn check(shell: &Shell, arguments: &str) -> Ran {
    let before = shell.files();
    let outputs = "--good good.csv --bad bad.csv --report report.json";
    let ran = shell.tamis(&format!(
        "check --contract orders.odcs.yaml {outputs} {arguments}"
    ));
    assert_eq!(shell.files(), before, "{ran}");
    ran
}

#[test]
fn an_input_that_is_not_there() {
    insta::assert_snapshot!(check(&shell(), "orders.csv"), @r"
    exit code: 3
    ----- stderr -----
    error: cannot open `orders.csv`: No such file or directory (os error 2)
    ");
}

#[test]
fn an_input_that_may_not_be_read() {
    use std::os::unix::fs::PermissionsExt;
    let shell = shell();
    shell.write("orders.csv", good_csv(1));
    let path = shell.folder.path().join("orders.csv");
    let nobody = std::fs::Permissions::from_mode(0o000);
    std::fs::set_permissions(&path, nobody).expect("it is ours");
    if std::fs::read(&path).is_ok() {
        return; // Root may read everything.
    }
    insta::assert_snapshot!(check(&shell, "orders.csv"), @r"
    exit code: 3
    ----- stderr -----
    error: cannot open `orders.csv`: Permission denied (os error 13)
    ");
}

#[test]
fn an_input_that_fails_while_it_is_read() {
    // Nothing is mapped at address 0 of any process.
    insta::assert_snapshot!(check(&shell(), "/proc/self/mem --input-format csv"), @r"
    exit code: 3
    ----- stderr -----
    error: cannot read `/proc/self/mem` at byte 0: Input/output error (os error 5)
    ");
}

#[test]
fn a_folder_without_data_files() {
    let shell = shell();
    std::fs::create_dir(shell.folder.path().join("drops")).expect("a folder");
    insta::assert_snapshot!(check(&shell, "drops"), @r"
    exit code: 2
    ----- stderr -----
    error: no data files in `drops`
    hint: data files end in .csv, .tsv, .jsonl, .ndjson or .json, perhaps compressed
    ");
}

#[test]
fn an_archive_cut_off() {
    let text = good_csv(20_000);
    for (ending, compress) in CODECS.into_iter().chain(PARTS) {
        let archive = compress(text.as_bytes());
        for keep in [archive.len() / 2, archive.len() - 1] {
            let shell = shell();
            shell.write(format!("orders.csv.{ending}"), &archive[..keep]);
            let ran = check(&shell, &format!("orders.csv.{ending}"));
            assert_eq!(ran.code, Some(3), "{ending} {keep}: {ran}");
            let start = format!("error: `orders.csv.{ending}` is not valid ");
            assert!(ran.stderr.starts_with(&start), "{ran}");
            assert!(ran.stderr.contains(" bytes of plain data): "), "{ran}");
        }
    }
}

#[test]
fn an_archive_with_a_flipped_bit() {
    let text = good_csv(20_000);
    for (ending, compress) in CODECS.into_iter().chain(PARTS) {
        let mut archive = compress(text.as_bytes());
        let middle = archive.len() / 2;
        archive[middle] ^= 0x10;
        let shell = shell();
        shell.write(format!("orders.csv.{ending}"), &archive);
        let ran = check(&shell, &format!("orders.csv.{ending}"));
        assert_eq!(ran.code, Some(3), "{ending}: {ran}");
        assert!(ran.stderr.contains("` is not valid "), "{ran}");
    }
}

#[test]
fn an_archive_that_unpacks_to_too_much() {
    let zeros = vec![b'0'; 100 << 20];
    for (ending, compress) in CODECS.into_iter().chain(PARTS) {
        let shell = shell();
        shell.write(format!("bomb.csv.{ending}"), compress(&zeros));
        let ran = check(&shell, &format!("bomb.csv.{ending} --max-expansion 20"));
        assert_eq!(ran.code, Some(3), "{ending}: {ran}");
        let start = format!("error: `bomb.csv.{ending}` unpacks to more than 20 times its size");
        assert!(ran.stderr.starts_with(&start), "{ran}");
    }
}

#[test]
fn an_array_that_is_none_is_named_with_the_place() {
    let cases = [
        (
            "[{\"id\": 1} {\"id\": 2}]",
            "byte 11: expected a comma or the `]` of the array, found `{`",
        ),
        (
            "[{\"id\": 1},",
            "byte 11: expected a value behind the comma, found the end of the input",
        ),
    ];
    for (text, message) in cases {
        let shell = shell();
        shell.write("orders.json", text);
        let ran = check(&shell, "orders.json");
        assert_eq!(ran.code, Some(3), "{ran}");
        assert_eq!(ran.stderr, format!("error: `orders.json`: {message}\n"));
    }
}

#[test]
fn a_quote_that_is_never_closed_is_named() {
    let shell = shell();
    let start = good_csv(10);
    shell.write(
        "orders.csv",
        format!("{start}TX0001,1,\"open\n{}", good_csv(10_000)),
    );
    for io in ["mmap", "read"] {
        let ran = check(&shell, &format!("orders.csv --max-record 64KiB --io {io}"));
        let (record, quote) = (start.len(), start.len() + "TX0001,1,".len());
        assert_eq!(ran.code, Some(3));
        assert_eq!(
            ran.stderr,
            format!(
                "error: `orders.csv`: the record at byte {record} is longer than 65536 bytes \
                 (a quote opened at byte {quote} is never closed?)\n"
            )
        );
    }
}

#[test]
fn utf_16_that_nobody_declared() {
    let shell = shell();
    let units = good_csv(3).encode_utf16().collect::<Vec<_>>();
    let bytes: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
    shell.write("orders.csv", [b"\xFF\xFE", bytes.as_slice()].concat());
    insta::assert_snapshot!(check(&shell, "orders.csv"), @r"
    exit code: 2
    ----- stderr -----
    error: `orders.csv`: the input looks like UTF-16 (little-endian): declare it with `--encoding utf-16`
    ");
    let ran = shell.tamis("check orders.csv --contract orders.odcs.yaml --encoding utf-16");
    assert_eq!(ran.code, Some(0), "the way out works: {ran}");
}
