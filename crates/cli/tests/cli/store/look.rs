//! Goal: looking at what a store has: log, show, ls, diff, cat, tag.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::{Duration, UNIX_EPOCH};

use super::Drops;

#[test]
fn commits_are_listed_and_shown() {
    let drops = Drops::with_history();
    insta::assert_snapshot!(drops.shown(&drops.store("log --oneline")), @r"
    exit code: 0
    ----- stdout -----
    [id] (HEAD -> main) second
    [id] first
    ");
    insta::assert_snapshot!(drops.shown(&drops.store("log HEAD^ -n 1")), @r"
    exit code: 0
    ----- stdout -----
    commit [id]
    Author: tester
    Date:   [date]

        first
    ");
    insta::assert_snapshot!(drops.shown(&drops.store("show")), @r"
    exit code: 0
    ----- stdout -----
    commit [id] (HEAD -> main)
    Author: tester
    Date:   [date]

        second

    M	a.csv
    A	c.csv
    ----- stderr -----
    1 added, 1 modified (since [id])
    ");
    insta::assert_snapshot!(drops.shown(&drops.store("show HEAD~1")), @r"
    exit code: 0
    ----- stdout -----
    commit [id]
    Author: tester
    Date:   [date]

        first

    A	a.csv
    A	deep/
    A	deep/b.csv
    ----- stderr -----
    3 added (it is the first commit)
    ");
    let log = drops.json("log");
    let [second, first] = [0, 1].map(|at| &log["commits"][at]);
    assert_eq!(second["parents"][0], first["commit"]);
    assert_eq!(second["author"], "tester");
    assert_eq!(second["names"], serde_json::json!(["main"]));
    assert_eq!(second["files"], 3);
    let shown = drops.json("show");
    assert_eq!(shown["commit"], second["commit"]);
    assert_eq!(shown["totals"]["added"], 1);
    let by_id = drops.store(&format!(
        "show {}",
        first["commit"].as_str().expect("an id")
    ));
    assert!(by_id.stdout.contains("    first\n"), "{by_id}");
}

#[test]
fn folders_are_listed_as_ls_does() {
    let drops = Drops::new();
    drops.write("run.sh", "#!/bin/sh\n");
    drops.write("deep/data.bin", vec![1; 5_000]);
    symlink("run.sh", drops.path("link")).expect("links can be made");
    let file = fs::File::options()
        .write(true)
        .open(drops.path("run.sh"))
        .expect("it is there");
    file.set_permissions(fs::Permissions::from_mode(0o750))
        .expect("it is ours");
    file.set_modified(UNIX_EPOCH + Duration::from_secs(1_000_000_000))
        .expect("it is ours");
    drops.commit("first");
    assert_eq!(drops.store("ls").stdout, "deep/\nlink\nrun.sh\n");
    assert_eq!(drops.store("ls HEAD:deep").stdout, "deep/data.bin\n");
    let long = drops.store("ls -l HEAD:run.sh").stdout;
    assert_eq!(long, "-rwxr-x---      10 B  2001-09-09 01:46  run.sh\n");
    let long = drops.store("ls -l").stdout;
    assert!(long.contains("link -> run.sh\n"), "{long}");
    let listed = drops.json("ls HEAD -R");
    let entries = &listed["entries"];
    assert_eq!(entries[0]["path"], "deep");
    assert_eq!(entries[0]["bytes"], 5_000);
    assert_eq!(entries[1]["size"], 5_000);
    assert_eq!(entries[2]["target"]["path"], "run.sh");
    assert_eq!(entries[3]["mode"], "0750");
}

#[test]
fn differences_have_letters_and_an_exit_code() {
    let drops = Drops::with_history();
    fs::remove_dir_all(drops.path("deep")).expect("it is there");
    symlink("a.csv", drops.path("deep")).expect("links can be made");
    fs::set_permissions(drops.path("c.csv"), fs::Permissions::from_mode(0o600)).expect("ours");
    drops.commit("third");
    insta::assert_snapshot!(drops.shown(&drops.store("diff HEAD~1")), @r"
    exit code: 1
    ----- stdout -----
    m	c.csv
    T	deep
    D	deep/b.csv
    ----- stderr -----
    1 removed, 1 modified, 1 of another mode or time
    ");
    insta::assert_snapshot!(drops.shown(&drops.store("diff HEAD main")), @r"
    exit code: 0
    ----- stderr -----
    no differences
    ");
    let diff = drops.json("diff HEAD~2 HEAD");
    let changes = diff["changes"].as_array().expect("a list");
    let of = |path: &str| {
        changes
            .iter()
            .find(|it| it["path"] == path)
            .map(|it| &it["change"])
    };
    assert_eq!(of("a.csv"), Some(&"modified".into()));
    assert_eq!(of("c.csv"), Some(&"added".into()));
    assert_eq!(of("deep"), Some(&"retyped".into()));
    assert_eq!(of("deep/b.csv"), Some(&"removed".into()));
}

#[test]
fn bytes_of_a_file_can_be_had_alone() {
    let drops = Drops::new();
    let bytes: Vec<u8> = (0..700_000u32).flat_map(|it| it.to_le_bytes()).collect();
    drops.write("big.bin", &bytes);
    drops.write("tail", "tail");
    drops.commit("first");
    let cat = |arguments: &str| {
        let mut command = drops.command();
        command.arg("cat").args(arguments.split_whitespace());
        command.output().expect("tamis starts").stdout
    };
    assert!(cat("big.bin tail") == [&bytes[..], b"tail"].concat());
    assert!(cat("big.bin --range 1MB+1000") == bytes[1_000_000..1_001_000]);
    assert!(cat("big.bin --range ..1KiB") == bytes[..1024]);
    assert!(cat("big.bin --range 2799990..") == bytes[2_799_990..]);
    assert!(cat("big.bin --range 2800000..").is_empty());
    insta::assert_snapshot!(drops.store("cat big.bin --range 9MB..10MB"), @r"
    exit code: 2
    ----- stderr -----
    error: `big.bin` has 2800000 bytes, and the range begins at byte 9000000
    ");
    let cut = drops.store("get big.bin --range 2799990..10MB -o end");
    insta::assert_snapshot!(cut, @r"
    exit code: 0
    ----- stderr -----
    notice: `big.bin` has 2800000 bytes, and ends before the range does
    wrote 1 file of 10 B into `end`
    ");
    let got = drops.store("get big.bin --range 5..500000 -o piece");
    assert_eq!(got.code, Some(0), "{got}");
    let piece = fs::read(drops.path("piece/big.bin")).expect("it is there");
    assert!(piece == bytes[5..500_000]);
    assert_eq!(
        drops.store("get big.bin --range 0..1 -o piece").code,
        Some(2)
    );
    assert_eq!(
        drops
            .store("get big.bin --range 0..1 -o piece --force")
            .code,
        Some(0)
    );
}
