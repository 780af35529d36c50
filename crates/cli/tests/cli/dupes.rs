//! `tamis dupes`: what is found, what is said, what is done, and what is left alone.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;

use serde_json::Value;

use crate::shell::{Ran, Shell};

/// Files by path and content.
fn shell(files: &[(&str, &str)]) -> Shell {
    let shell = Shell::new();
    for (path, content) in files {
        let path = path_in(&shell, path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("there is room");
        fs::write(path, content).expect("there is room");
    }
    shell
}

fn path_in(shell: &Shell, path: &str) -> PathBuf {
    shell.folder.path().join(path)
}

fn dupes(shell: &Shell, arguments: &str) -> Ran {
    shell.tamis(&format!("dupes --no-cache {arguments}"))
}

const FILES: [(&str, &str); 6] = [
    ("tree/one", "the same"),
    ("tree/deep/two", "the same"),
    ("tree/deep/other", "the sbme"),
    ("tree/longer", "longer and twice"),
    ("tree/z", "longer and twice"),
    ("tree/empty", ""),
];

#[test]
fn groups_are_printed_with_what_they_waste() {
    let shell = shell(&FILES);
    fs::hard_link(path_in(&shell, "tree/z"), path_in(&shell, "tree/zz"))
        .expect("links can be made");
    insta::assert_snapshot!(dupes(&shell, "tree"), @r"
    exit code: 0
    ----- stdout -----
    2 files of 16 bytes, 16 B wasted
      tree/longer
      tree/z
      = tree/zz

    2 files of 8 bytes, 8 B wasted
      tree/one
      tree/deep/two

    ----- stderr -----
    6 files: 2 duplicates in 2 groups, 24 B wasted; 56 B read
    ");
    insta::assert_snapshot!(dupes(&shell, "tree --link delete --min-size 9"), @r"
    exit code: 0
    ----- stdout -----
    2 files of 16 bytes, 16 B wasted
      keep          tree/longer
      would delete  tree/z
      would delete  = tree/zz

    ----- stderr -----
    3 files: 1 duplicate in 1 group, 16 B wasted; 32 B read
    nothing was done: `--apply` would delete them
    ");
    let ran = dupes(&shell, "tree --json --compare --max-size 1KB");
    let document: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(document["schema_version"], 1);
    assert_eq!(document["groups"][0]["size"], 16);
    assert_eq!(
        document["groups"][0]["files"][1]["names"][1]["path"],
        "tree/zz"
    );
    assert_eq!(document["totals"]["wasted_bytes"], 24);
    assert_eq!(document["failures"], serde_json::json!([]));
    let listed = dupes(&shell, "tree --hard-links --min-size 9").stdout;
    assert!(
        listed.starts_with("3 files of 16 bytes, 32 B wasted\n"),
        "{listed}"
    );
}

#[test]
fn nothing_happens_without_apply_and_the_original_stays() {
    let shell = shell(&FILES);
    symlink("one", path_in(&shell, "tree/link")).expect("links can be made");
    for action in ["hard", "reflink", "delete"] {
        assert_eq!(
            dupes(&shell, &format!("tree --link {action}")).code,
            Some(0)
        );
    }
    assert!(path_in(&shell, "tree/deep/two").exists());
    let ran = dupes(&shell, "tree --link hard --apply");
    assert_eq!(ran.code, Some(0), "{ran}");
    assert!(
        ran.stderr.ends_with("linked 2 files, 24 B freed\n"),
        "{ran}"
    );
    let inode = |path: &str| path_in(&shell, path).metadata().expect("it is there").ino();
    assert_eq!(inode("tree/one"), inode("tree/deep/two"));
    assert_eq!(shell.read("tree/link"), "the same");
    let ran = dupes(&shell, "tree/z tree --link delete --apply");
    assert_eq!(ran.code, Some(0), "{ran}");
    assert!(path_in(&shell, "tree/one").exists());
}

#[test]
fn references_keep_their_files() {
    let shell = shell(&[
        ("archive/a", "the same"),
        ("inbox/a", "the same"),
        ("inbox/b", "the same"),
        ("inbox/c", "new"),
    ]);
    let ran = dupes(
        &shell,
        "--reference archive inbox . --link delete --apply --json",
    );
    assert_eq!(ran.code, Some(0), "{ran}");
    let document: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let files = &document["groups"][0]["files"];
    assert_eq!(
        (&files[0]["reference"], &files[0]["names"][0]["action"]),
        (&true.into(), &"keep".into())
    );
    assert_eq!(files[2]["names"][0]["action"], "deleted");
    assert_eq!(document["totals"]["freed_bytes"], 16);
    let left = ["archive/a", "inbox/c"].map(|path| path_in(&shell, path).exists());
    assert_eq!(left, [true, true]);
    assert!(!path_in(&shell, "inbox/a").exists() && !path_in(&shell, "inbox/b").exists());
}

#[test]
fn a_file_system_that_shares_no_blocks_says_so() {
    let shell = shell(&FILES);
    let ran = dupes(&shell, "tree --link reflink --apply");
    let is_shared = ran.code == Some(0);
    assert!(
        is_shared || ran.stderr.contains("cannot share blocks between files"),
        "{ran}"
    );
    assert!(
        is_shared || ran.code == Some(3) && ran.stdout.contains("  failed        tree/z\n"),
        "{ran}"
    );
    assert_eq!(shell.read("tree/z"), "longer and twice");
    assert_eq!(
        fs::read_dir(path_in(&shell, "tree"))
            .expect("it is there")
            .count(),
        5
    );
}

#[test]
fn hostile_trees_are_survived() {
    let shell = shell(&FILES);
    let tree = path_in(&shell, "tree");
    symlink("..", tree.join("deep/loop")).expect("links can be made");
    let _socket =
        std::os::unix::net::UnixListener::bind(tree.join("socket")).expect("sockets can be made");
    let made = std::process::Command::new("mkfifo")
        .arg(tree.join("pipe"))
        .status();
    assert!(made.expect("mkfifo starts").success());
    let odd = tree.join(std::ffi::OsStr::from_bytes(b"odd\xff\x1b[31m"));
    fs::write(odd, "the same").expect("there is room");
    let ran = dupes(&shell, "tree missing /dev/null");
    assert_eq!(ran.code, Some(3));
    assert!(ran.stdout.contains("  tree/odd\\xff\\u{1b}[31m\n"), "{ran}");
    assert!(
        ran.stderr.contains("cannot read `missing`: No such file"),
        "{ran}"
    );
    let ran = dupes(&shell, "tree --json");
    assert!(
        ran.stdout
            .contains("\"path_base64\":\"dHJlZS9vZGT/G1szMW0=\""),
        "{ran}"
    );
    // They claim to be empty, and are not.
    let ran = dupes(&shell, "/proc/self/fdinfo /proc/self/task --min-size 0");
    assert!(matches!(ran.code, Some(0 | 3)), "{ran}");
    // Nobody may look, unless he is root.
    fs::set_permissions(tree.join("deep"), fs::Permissions::from_mode(0o000)).expect("it is ours");
    let ran = dupes(&shell, "tree");
    fs::set_permissions(tree.join("deep"), fs::Permissions::from_mode(0o755)).expect("it is ours");
    let is_seen = ran.code == Some(0);
    assert!(
        is_seen || ran.code == Some(3) && ran.stderr.contains("`tree/deep`: Permission denied"),
        "{ran}"
    );
}

#[test]
fn globs_and_usage() {
    let shell = shell(&[
        ("t/a.rs", "x"),
        ("t/b.rs", "x"),
        ("t/c.txt", "x"),
        ("t/out/d.rs", "x"),
    ]);
    let ran = dupes(&shell, "t -g *.rs --exclude out");
    assert_eq!(
        ran.stdout,
        "2 files of 1 byte, 1 B wasted\n  t/a.rs\n  t/b.rs\n\n"
    );
    for wrong in [
        "",
        "t --apply",
        "t --link away",
        "t --hard-links --link hard",
        "t -g [",
        "t --no-cache --cache x",
    ] {
        assert_eq!(
            shell.tamis(&format!("dupes {wrong}")).code,
            Some(2),
            "{wrong}"
        );
    }
}

#[test]
fn a_file_that_is_no_cache_is_not_replaced() {
    let shell = shell(&FILES);
    shell.write("precious.zip", "PK and more");
    let ran = shell.tamis("dupes tree --cache precious.zip");
    assert_eq!(ran.code, Some(2), "{ran}");
    assert!(
        ran.stderr.contains("`precious.zip` holds something other"),
        "{ran}"
    );
    assert_eq!(shell.read("precious.zip"), "PK and more");
}

#[test]
fn a_cache_is_used_and_a_bad_one_is_told_of() {
    let shell = shell(&FILES);
    let run = || shell.tamis("dupes tree --cache digests");
    shell.write("digests", "TAMISDUP and nonsense");
    let first = run();
    assert_eq!(first.code, Some(0));
    assert!(
        first
            .stderr
            .contains("notice: the digests in `digests` are not used: the file is too short"),
        "{first}"
    );
    let longer = std::time::Duration::from_millis(2_200);
    std::thread::sleep(longer);
    assert!(
        run().stderr.contains("; 56 B read"),
        "not kept before they have settled"
    );
    let second = run();
    assert_eq!((second.stdout, second.code), (first.stdout, Some(0)));
    assert!(second.stderr.ends_with("; 0 B read\n"), "{}", second.stderr);
}
