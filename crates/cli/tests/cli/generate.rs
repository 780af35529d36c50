//! `tamis gen`: the data, its contract, its manifest, and how it fails.

use std::io::Read;
use std::process::Stdio;

use crate::shell::Shell;

#[test]
fn data_contract_and_manifest_belong_together() {
    let shell = Shell::new();
    let ran =
        shell.tamis("gen transactions --rows 1k --bad-rate 0.1 -o tx.csv --manifest answer.json");
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (Some(0), ""),
        "{}",
        ran.stderr
    );
    assert_eq!(shell.files(), ["answer.json", "tx.csv", "tx.odcs.yaml"]);
    let answer: serde_json::Value = serde_json::from_str(&shell.read("answer.json")).expect("JSON");
    assert_eq!(answer["rows"]["total"], 1_000);
    assert_eq!(answer["bytes"], shell.read("tx.csv").len());
    let counts = answer["by_rule"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|rule| rule["count"].as_u64());
    assert_eq!(
        counts.sum::<Option<u64>>(),
        answer["rows"]["invalid"].as_u64()
    );
    assert!(ran.stderr.starts_with("1,000 rows, "), "{}", ran.stderr);
}

#[test]
fn standard_output_gets_the_data_alone() {
    let shell = Shell::new();
    let ran = shell.tamis("--quiet gen transactions --rows 3 --format jsonl -o - --threads 1");
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert_eq!(ran.stdout.lines().count(), 3);
    assert!(ran.stdout.starts_with("{\"transaction_id\":\"TX"));
    assert_eq!(shell.files(), [""; 0]);
}

#[test]
fn a_contract_that_somebody_wrote_is_not_replaced() {
    let shell = Shell::new();
    shell.write("tx.odcs.yaml", "mine");
    let refused = shell.tamis("gen transactions --rows 10 -o tx.csv");
    assert_eq!(refused.code, Some(2));
    assert_eq!(
        refused.stderr,
        "error: `tx.odcs.yaml` exists and was not written by `tamis gen`\n\
         hint: use `--force` to replace it, or `--contract-out` for another place\n"
    );
    assert_eq!(shell.files(), ["tx.odcs.yaml"]);
    assert_eq!(shell.read("tx.odcs.yaml"), "mine");
    assert_eq!(
        shell
            .tamis("gen transactions --rows 10 -o tx.csv --force")
            .code,
        Some(0)
    );
    // Now it is ours, and is replaced without asking.
    assert_eq!(
        shell
            .tamis("gen transactions --rows 10 --unique -o tx.csv")
            .code,
        Some(0)
    );
    assert!(shell.read("tx.odcs.yaml").contains("unique: true"));
}

#[test]
fn a_reader_that_has_seen_enough_ends_the_run_quietly() {
    let shell = Shell::new();
    let mut child = shell
        .command()
        .args(["gen", "transactions", "--rows", "1G", "-o", "-"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("tamis starts");
    let mut first = [0; 14];
    child
        .stdout
        .take()
        .expect("piped")
        .read_exact(&mut first)
        .expect("a header comes");
    assert_eq!(&first, b"transaction_id");
    let output = child.wait_with_output().expect("tamis ends");
    assert_eq!(
        (output.status.code(), output.stderr.as_slice()),
        (Some(0), b"".as_slice())
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_named() {
    let shell = Shell::new();
    let ran = shell.tamis("gen transactions --rows 100k -o /dev/full");
    assert_eq!(ran.code, Some(3));
    assert_eq!(
        ran.stderr,
        "error: cannot write `/dev/full`: No space left on device (os error 28)\n"
    );
}

#[test]
fn impossible_wishes_are_usage_errors() {
    let shell = Shell::new();
    for wish in [
        "gen transactions --rows 10 -o tx.csv --bad-rate 1.5",
        "gen transactions --rows 11G -o tx.csv",
        "gen transactions --rows ten -o tx.csv",
        "gen transactions --rows 10 -o tx.csv --io uring",
        "gen transactions --rows 10 -o tx.csv --threads 0",
        "gen rainbows",
    ] {
        let ran = shell.tamis(wish);
        assert_eq!(ran.code, Some(2), "{wish}: {}", ran.stderr);
        assert!(ran.stderr.starts_with("error: "), "{wish}: {}", ran.stderr);
    }
    assert_eq!(shell.files(), [""; 0]);
}

#[test]
fn an_access_log_is_the_same_for_any_number_of_threads() {
    let shell = Shell::new();
    let ran = shell.tamis("gen access-log --rows 10k -o access.log");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.starts_with("10,000 lines; "), "{}", ran.stderr);
    let again = shell.tamis("gen access-log --rows 10k -o - --threads 3 --quiet");
    assert_eq!(again.stdout, shell.read("access.log"));
    let other = shell.tamis("gen access-log --rows 10k -o - --seed 2 --quiet");
    assert_ne!(other.stdout, again.stdout);
}
