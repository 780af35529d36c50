//! Goal: `tamis bench` runs every level in a process of its own and says what each of them took.

use serde_json::Value;

use crate::data::{CONTRACT, good_csv};
use crate::shell::Shell;

fn shell() -> Shell {
    let shell = Shell::new();
    shell.write("orders.csv", good_csv(200));
    shell.write("orders.odcs.yaml", CONTRACT);
    shell
}

#[test]
fn every_level_is_measured() {
    let shell = shell();
    for contract in ["", "--contract orders.odcs.yaml"] {
        let ran = shell.tamis(&format!("bench orders.csv --rounds 2 --json {contract}"));
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let report: Value = serde_json::from_str(&ran.stdout).expect("JSON");
        assert_eq!(report["rows"], 200);
        let jobs = report["jobs"].as_array().expect("jobs");
        let verbs: Vec<_> = jobs.iter().map(|job| &job["verb"]).collect();
        assert_eq!(verbs[..3], ["check", "stats --core", "stats"]);
        let filter = verbs[3].as_str().expect("a name");
        assert!(
            filter.starts_with("filter --where \"row['amount'] > "),
            "{filter}"
        );
        for job in jobs {
            let levels = job["levels"].as_array().expect("levels");
            assert_eq!(levels.len(), 4);
            for level in levels {
                assert!(level["seconds"].as_f64() > Some(0.0), "{level}");
                assert!(level["peak_rss_bytes"].as_u64() > Some(500_000), "{level}");
                assert_eq!(level["all_seconds"].as_array().map(Vec::len), Some(2));
            }
        }
    }
    assert_eq!(shell.files(), ["orders.csv", "orders.odcs.yaml"]);
}

/// Bad values make a text of a column that its contract calls a number.
#[test]
fn data_with_bad_rows_are_measured_as_well() {
    let shell = Shell::new();
    let made = shell.tamis("gen transactions --rows 2000 --bad-rate 0.05 -o tx.csv --quiet");
    assert_eq!(made.code, Some(0), "{made:?}");
    let ran = shell.tamis("bench tx.csv --contract tx.odcs.yaml --rounds 1 --json --quiet");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let report: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let jobs = report["jobs"].as_array().expect("jobs");
    let verbs: Vec<_> = jobs.iter().filter_map(|job| job["verb"].as_str()).collect();
    let filter = "filter --where \"double(row['amount']) > ";
    assert!(verbs[3].starts_with(filter), "{verbs:?}");
    assert!(verbs[4].contains("sum(double(row['amount']))"), "{verbs:?}");
}

/// A check reads what other verbs cannot: records that are none, and columns that are not what the contract says.
#[test]
fn a_verb_that_a_file_is_nothing_for_is_skipped() {
    let shell = Shell::new();
    shell.write("orders.odcs.yaml", CONTRACT);
    shell.write("orders.csv", "nothing,of\nthat,kind\n1\n\"2,3\n");
    let ran = shell.tamis("bench orders.csv --contract orders.odcs.yaml --rounds 1 --json --quiet");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let report: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let jobs = report["jobs"].as_array().expect("jobs");
    let verbs: Vec<_> = jobs.iter().filter_map(|job| job["verb"].as_str()).collect();
    assert_eq!(verbs, ["check", "stats --core", "stats"]);
    let reason = report["skipped"][0]["reason"].as_str().expect("a reason");
    assert!(reason.contains("amount"), "{reason}");
}

#[test]
fn options_of_the_input_reach_every_verb() {
    let shell = Shell::new();
    shell.write("export.txt", "id;amount\n1;2.5\n2;3.5\n");
    let ran = shell.tamis("bench export.txt --rounds 1 --json -- --input-format csv --delimiter ;");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let report: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(report["rows"], 2);
}

#[test]
fn what_a_step_says_is_said_once() {
    insta::assert_snapshot!(shell().tamis("bench missing.csv --quiet"), @r"
    exit code: 3
    ----- stderr -----
    error: cannot open `missing.csv`: No such file or directory (os error 2)
    ");
    insta::assert_snapshot!(shell().tamis("bench orders.csv --level 2"), @r"
    exit code: 2
    ----- stderr -----
    error: `--threads`, `--io`, `--simd` and `--level` are what `bench` compares
    hint: leave them out
    ");
    insta::assert_snapshot!(shell().tamis("bench -"), @r"
    exit code: 2
    ----- stderr -----
    error: `-` is not a file, and `bench` reads one many times
    hint: name one file
    ");
}
