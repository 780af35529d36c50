//! Goal: the same rows, groups, profiles and contracts, whatever the level, the threads, the chunks and the instructions.

use super::{csv, jsonl};
use crate::shell::Shell;

/// What is asked of each table; sorting and grouping in so little memory that they spill.
const VERBS: [&str; 10] = [
    "filter IN --where size(memo)>4||code=='ZZ12345' --skip-malformed",
    "select IN --columns code,size(memo)*2,key --skip-malformed",
    "head IN -n 77 --skip-malformed",
    "sample IN -n 40 --skip-malformed",
    "convert IN - --output-format jsonl --skip-malformed",
    "convert IN - --output-format tsv --skip-malformed",
    "sort IN --by memo,key --memory 4KB --skip-malformed",
    "group IN --by code,amount --agg count(),min(memo),distinct(key),first(key),last(when) --memory 4KB --skip-malformed",
    "stats IN --json",
    "infer IN",
];

/// All that a run can be told about how to go about it.
const WAYS: [&str; 9] = [
    "--level 0",
    "--level 1",
    "--level 2",
    "--level 3",
    "--level 0 --chunk-size 64",
    "--level 3 --chunk-size 100",
    "--threads 3 --io read --chunk-size 1",
    "--threads 7 --io mmap --chunk-size 1KiB",
    "--threads 2 --simd avx2 --chunk-size 700",
];

fn compare(name: &str, bytes: &[u8]) {
    let shell = Shell::new();
    shell.write(name, bytes);
    for verb in VERBS {
        let verb = verb.replace("IN", name);
        let expected = shell.tamis(&format!("{verb} --threads 1 --io read --simd scalar"));
        assert_eq!(expected.code, Some(0), "{verb}: {}", expected.stderr);
        assert!(
            expected.stdout.lines().count() > 5,
            "{verb}: {}",
            expected.stdout
        );
        for way in WAYS {
            let ran = shell.tamis(&format!("{verb} {way}"));
            let is_unknown = ran.code == Some(2) && way.contains("avx2");
            assert!(
                ran.code == Some(0) || is_unknown,
                "{verb} {way}: {}",
                ran.stderr
            );
            assert!(
                is_unknown || ran.stdout == expected.stdout,
                "{verb} {way}: other rows"
            );
        }
    }
}

#[test]
fn verbs_make_the_same_of_awkward_csv() {
    compare("data.csv", &csv(200));
}

#[test]
fn verbs_make_the_same_of_awkward_json_lines() {
    compare("data.jsonl", &jsonl(200));
}
