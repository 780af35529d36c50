//! Goal: what goes into the next commit, and what does not.

use std::fs;

use serde_json::json;

use super::Drops;

#[test]
fn rules_leave_files_out() {
    let drops = Drops::new();
    drops.write(".tamisignore", "*.tmp\n!keep.tmp\n/build/\n");
    for name in ["a.tmp", "keep.tmp", "build/x", "deep/build/y", "b.csv"] {
        drops.write(name, name);
    }
    drops.commit("all but what is ignored");
    assert_eq!(
        drops.store("ls -R").stdout,
        ".tamisignore\nb.csv\ndeep/\ndeep/build/\ndeep/build/y\nkeep.tmp\n"
    );
    assert_eq!(drops.store("add a.tmp").code, Some(0));
    let status = drops.json("status");
    assert_eq!(
        status["staged"][0]["path"], "a.tmp",
        "what is named is added"
    );
}

#[test]
fn no_rule_takes_out_what_is_kept() {
    let drops = Drops::new();
    drops.write("a.log", "1");
    drops.write("logs/b", "1");
    drops.commit("before there are rules");
    drops.write(".tamisignore", "*.log\nlogs/\n");
    drops.write("c.log", "1");
    drops.write("logs/d", "1");
    drops.write("logs/b", "it has changed");
    let status = drops.json("status");
    assert_eq!(
        status["unstaged"].as_array().map(Vec::len),
        Some(1),
        "{status}"
    );
    drops.commit("with rules");
    assert_eq!(
        drops.store("ls -R").stdout,
        ".tamisignore\na.log\nlogs/\nlogs/b\n"
    );
    assert_eq!(drops.store("cat logs/b").stdout, "it has changed");
    fs::remove_file(drops.path("a.log")).expect("it is there");
    drops.commit("one is gone");
    assert_eq!(drops.store("ls -R").stdout, ".tamisignore\nlogs/\nlogs/b\n");
}

#[test]
fn what_is_called_as_stores_are_is_left_out() {
    let drops = Drops::new();
    assert_eq!(drops.store("init deeper").code, Some(0));
    drops.write("deeper/file", "1");
    drops.write("other/.tamis/file", "this is no store");
    drops.commit("without the store of another");
    assert_eq!(
        drops.store("ls -R").stdout,
        "deeper/\ndeeper/file\nother/\n"
    );
    insta::assert_snapshot!(drops.shown(&drops.store("add deeper/.tamis/format")), @r"
    exit code: 3
    ----- stderr -----
    error: cannot add `[folder]/deeper/.tamis/format`: a store is called `.tamis`, and nothing of that name is kept
    staged 0 paths
    ");
}

#[test]
fn paths_are_those_of_the_current_folder() {
    let drops = Drops::new();
    drops.write("a/one.csv", "1");
    drops.write("b/two.csv", "2");
    assert_eq!(drops.store_in("a", "add . ../b/").code, Some(0));
    assert_eq!(drops.store_in("a", "commit -m both").code, Some(0));
    assert_eq!(
        drops.store("ls -R").stdout,
        "a/\na/one.csv\nb/\nb/two.csv\n"
    );
    assert_eq!(
        drops
            .store_in("a", "cat one.csv ../b/two.csv HEAD:b/two.csv")
            .stdout,
        "122"
    );
    fs::remove_file(drops.path("b/two.csv")).expect("it is there");
    drops.write("a/new.csv", "3");
    insta::assert_snapshot!(drops.shown(&drops.store_in("a", "status")), @r"
    exit code: 0
    ----- stdout -----
    On branch main, at [id]

    Changes since they were added (`tamis store add PATH` takes them in):
      deleted:    ../b/two.csv

    Never added (`tamis store add PATH` takes them in):
      new.csv
    ");
    let status = drops.json("status");
    assert_eq!(
        status["unstaged"],
        json!([{"change": "removed", "path": "b/two.csv"}])
    );
    assert_eq!(
        status["untracked"],
        json!([{"kind": "file", "path": "a/new.csv"}])
    );
}

#[test]
fn a_folder_that_is_gone_is_named_as_one() {
    let drops = Drops::with_history();
    fs::remove_dir_all(drops.path("deep")).expect("it is there");
    let status = drops.store("status").stdout;
    assert!(status.contains("  deleted:    deep/\n"), "{status}");
    assert!(status.contains("  deleted:    deep/b.csv\n"), "{status}");
    assert_eq!(drops.store("add -A").code, Some(0));
    let staged = drops.store("status").stdout;
    assert!(staged.contains("  deleted:    deep/\n"), "{staged}");
}

#[test]
fn what_is_staged_can_be_taken_back() {
    let drops = Drops::with_history();
    drops.write("new.csv", "5");
    drops.write("a.csv", "changed");
    assert_eq!(drops.store("add -A").code, Some(0));
    insta::assert_snapshot!(drops.store("rm deep"), @r"
    exit code: 0
    ----- stderr -----
    took 2 paths out of the next commit
    ");
    insta::assert_snapshot!(drops.shown(&drops.store("status a.csv deep new.csv")), @r"
    exit code: 0
    ----- stdout -----
    On branch main, at [id]

    Changes to be committed (`tamis store unstage PATH` takes them back):
      modified:   a.csv
      deleted:    deep/
      deleted:    deep/b.csv
      new:        new.csv

    Never added (`tamis store add PATH` takes them in):
      deep/
    ");
    assert!(
        drops.path("deep/b.csv").is_file(),
        "the work tree is not touched"
    );
    insta::assert_snapshot!(drops.store("unstage new.csv deep"), @r"
    exit code: 0
    ----- stderr -----
    unstaged 3 paths
    ");
    let staged = drops.json("status")["staged"].clone();
    let paths: Vec<_> = staged
        .as_array()
        .expect("a list")
        .iter()
        .filter(|it| it["change"] != "folder_time")
        .collect();
    assert_eq!(paths, [&json!({"change": "modified", "path": "a.csv"})]);
    assert_eq!(
        drops.json("unstage")["unstaged"].as_u64().map(|it| it > 0),
        Some(true)
    );
    insta::assert_snapshot!(drops.store("unstage"), @r"
    exit code: 0
    ----- stderr -----
    nothing to unstage
    ");
    insta::assert_snapshot!(drops.store("rm new.csv"), @r"
    exit code: 2
    ----- stderr -----
    error: `new.csv` is not in the next commit
    hint: nothing was taken out; `tamis store status` shows more
    ");
}

#[test]
fn adding_says_what_it_did_and_how() {
    let drops = Drops::new();
    drops.write("big.bin", vec![7; 100_000]);
    let added = drops.json("add big.bin --strategy batch --compression none");
    assert_eq!(added["staged"], 1);
    assert_eq!(added["bytes"], 100_000);
    assert_eq!(added["strategy"], "batch");
    assert_eq!(added["workload"], "mixed");
    assert_eq!(added["failures"], json!([]));
    for stage in ["walk", "read", "chunk", "hash", "compress", "write"] {
        assert!(added["stages"][stage].is_number(), "{stage}");
    }
    drops.write("small.bin", "small");
    let ran = drops.store("add small.bin --perf");
    assert!(
        ran.stderr
            .contains("workload many small files, strategy batch"),
        "{ran}"
    );
    assert!(ran.stderr.contains("limited by "), "{ran}");
    drops.write("tamis.toml", "[performance]\ncompression = \"gzip\"\n");
    let ran = drops.store("add small.bin");
    assert_eq!(ran.code, Some(2), "{ran}");
    assert!(ran.stderr.contains("gzip"), "{ran}");
}

#[test]
fn compression_is_as_it_was_asked_for() {
    let stored = |arguments: &str| {
        let drops = Drops::new();
        drops.write("big.txt", "all the same\n".repeat(10_000));
        drops.json(&format!("add -A {arguments}"))["stored_bytes"]
            .as_u64()
            .expect("a number")
    };
    assert!(stored("--compression none") > 10 * stored("--compression zstd:9"));
    assert!(stored("--compression none") > 10 * stored("--compression lz4"));
}
