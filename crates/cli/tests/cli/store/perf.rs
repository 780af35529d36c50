//! What `--perf` and JSON say of a run: caches, stages, and what limited it.

use super::Drops;

/// How often something was found unpacked, by what `--perf` says.
fn hits(stderr: &str) -> u64 {
    let line = stderr.lines().find_map(|line| {
        let counters = line.trim().strip_prefix("unpacked frames: ")?;
        counters.split(' ').next()?.parse().ok()
    });
    line.unwrap_or_else(|| panic!("no counters in {stderr}"))
}

#[test]
fn a_range_that_is_read_again_is_found_unpacked() {
    let drops = Drops::new();
    drops.write("a.bin", "0123456789".repeat(50_000));
    drops.commit("first");
    let once = drops.store("cat a.bin --range 1000..2000 --perf");
    let twice = drops.store("cat a.bin a.bin --range 1000..2000 --perf");
    assert_eq!(twice.stdout, once.stdout.repeat(2));
    assert!(hits(&twice.stderr) > hits(&once.stderr), "{once}{twice}");
    let misses = |ran: &crate::shell::Ran| {
        let line = ran.stderr.lines().find(|it| it.contains("unpacked frames"));
        let counted = line.expect("it is there").split(", ").nth(1);
        counted.expect("misses come second").to_owned()
    };
    assert_eq!(misses(&once), misses(&twice), "{once}{twice}");
    for what in ["pages of packs: ", "tables of packs: "] {
        assert!(once.stderr.contains(what), "{once}");
    }
}

#[test]
fn every_verb_that_reads_tells_of_caches() {
    let drops = Drops::with_history();
    for verb in ["get a.csv -f -o out", "checkout HEAD -f -o out", "verify"] {
        let told = drops.store(&format!("{verb} --perf"));
        assert!(told.stderr.contains("performance\n"), "{told}");
        assert!(told.stderr.contains("\n  unpacked frames: "), "{told}");
        let caches = drops.json(verb)["caches"].clone();
        for tier in ["hot", "warm", "tables"] {
            assert!(
                caches[tier]["misses"].as_u64() > Some(0),
                "{verb}: {caches}"
            );
            let (bytes, budget) = (&caches[tier]["bytes"], &caches[tier]["budget_bytes"]);
            assert!(bytes.as_u64() <= budget.as_u64(), "{verb}: {caches}");
        }
        let quiet = drops.store(verb);
        assert!(!quiet.stderr.contains("performance"), "{quiet}");
    }
}

#[test]
fn verbs_that_read_from_a_store_tell_of_its_caches() {
    let drops = Drops::with_history();
    let count = |arguments: &[&str]| {
        let mut command = drops.0.command();
        command.args(["count", "store:HEAD:a.csv", "store:HEAD~1:a.csv"]);
        let output = command
            .args(arguments)
            .env("XDG_CONFIG_HOME", "/nowhere")
            .output();
        crate::shell::Ran::from(output.expect("tamis starts"))
    };
    let told = count(&["--perf"]);
    assert_eq!(told.code, Some(0), "{told}");
    assert_eq!(told.stderr.matches("\nstore /").count(), 2, "{told}");
    assert_eq!(
        told.stderr.matches("unpacked frames: ").count(),
        2,
        "{told}"
    );
    assert!(!count(&[]).stderr.contains("store /"));
}

#[test]
fn a_commit_says_what_it_was_limited_by() {
    let drops = Drops::new();
    drops.write("a.csv", "id\n1\n");
    assert_eq!(drops.store("add -A").code, Some(0));
    let told = drops.store("commit -m first --perf");
    let stages = "tree 0.";
    assert!(told.stderr.contains(stages), "{told}");
    assert!(told.stderr.contains("\n  limited by "), "{told}");
    drops.write("b.csv", "id\n2\n");
    let added = drops.json("add -A");
    let committed = drops.json("commit -m second");
    for (document, stage) in [(&added, "walk"), (&committed, "branch")] {
        assert!(document["stages"][stage].is_f64(), "{document}");
        let limited_by = document["limited_by"].as_str().expect("a stage");
        assert!(document["stages"][limited_by].is_f64(), "{document}");
    }
}

#[test]
fn bytes_of_files_are_in_json_as_text_or_base64() {
    let drops = Drops::new();
    let text = "ü\n\"\u{1b}[31m\\".repeat(300_000);
    drops.write("text", &text);
    drops.write("bytes", b"\xff\0ab");
    drops.write("empty", "");
    drops.commit("first");
    let document = drops.json("cat text bytes empty");
    let files = document["files"].as_array().expect("a list");
    assert_eq!(files.len(), 3);
    assert_eq!(files[0]["path"], "text");
    assert_eq!(files[0]["content"], text);
    assert_eq!(files[0]["bytes"], text.len());
    assert_eq!(files[1]["content_base64"], "/wBhYg==");
    assert_eq!(files[1]["content"], serde_json::Value::Null);
    assert_eq!(
        (&files[2]["content"], &files[2]["size"]),
        (&"".into(), &0.into())
    );
    assert_eq!(files[0]["commit"], drops.json("show")["commit"]);
    // A range may end inside of a character.
    let document = drops.json("cat text text --range 1..4");
    assert_eq!(document["files"][0]["content_base64"], "vAoi");
    assert_eq!(document["files"][0]["from"], 1);
    assert_eq!(document["files"][1]["bytes"], 3);
    assert_eq!(
        drops.json("cat text --range 0..2")["files"][0]["content"],
        "ü"
    );
    assert_eq!(
        drops.json("cat bytes --range 4..")["files"][0]["content"],
        ""
    );
}
