//! Goal: what cannot be done is said in one line, with the way out, and has its exit code.

use std::fs;
use std::io::Read;
use std::os::unix::fs::symlink;
use std::process::Stdio;

use serde_json::json;
use tamis_engine::control::Cancel;
use tamis_store::session::Session;
use tamis_store::settings::Settings;
use tamis_store::store::Store;

use super::Drops;

#[test]
fn there_must_be_a_store_and_a_commit() {
    let drops = Drops::bare();
    insta::assert_snapshot!(drops.shown(&drops.store("log")), @r"
    exit code: 2
    ----- stderr -----
    error: `[folder]` is no store, nor in one
    hint: `tamis store init` makes one here, `--store DIR` names one elsewhere
    ");
    assert_eq!(drops.store("init").code, Some(0));
    insta::assert_snapshot!(drops.shown(&drops.store("init")), @r"
    exit code: 2
    ----- stderr -----
    error: `[folder]/.tamis` is a store already
    ");
    insta::assert_snapshot!(drops.store("log"), @r"
    exit code: 2
    ----- stderr -----
    error: `HEAD` names no commit: there is no commit yet; `tamis store commit` makes the first
    ");
    drops.write("a", "a");
    drops.commit("first");
    insta::assert_snapshot!(drops.store("show v1"), @r"
    exit code: 2
    ----- stderr -----
    error: `v1` names no commit: there is no tag of this name, and it is no id
    hint: `tamis store log` lists the commits, `tamis store tag` their names
    ");
    insta::assert_snapshot!(drops.store("cat HEAD:nothing"), @r"
    exit code: 2
    ----- stderr -----
    error: `HEAD` has no `nothing`
    hint: `tamis store ls -R REF` lists what a commit has
    ");
    insta::assert_snapshot!(drops.store("show HEAD~1"), @r"
    exit code: 2
    ----- stderr -----
    error: `HEAD~1` names no commit: there are not so many commits before it
    hint: `tamis store log` lists the commits, `tamis store tag` their names
    ");
    insta::assert_snapshot!(drops.store("ls a"), @r"
    exit code: 2
    ----- stderr -----
    error: `a` names no commit: there is no tag of this name, and it is no id
    hint: the path of the newest commit is `HEAD:a`
    ");
    insta::assert_snapshot!(drops.store("ls ~1"), @r"
    exit code: 2
    ----- stderr -----
    error: `~1` names no commit: a branch, a tag, an id or `HEAD` is missing before `~`
    hint: `tamis store log` lists the commits, `tamis store tag` their names
    ");
    for (revision, expected) in [("^", "is missing before `^`"), ("", "it is empty")] {
        let ran = drops.run(&["log", revision]);
        assert_eq!(ran.code, Some(2), "{revision}: {ran}");
        assert!(ran.stderr.contains(expected), "{revision}: {ran}");
    }
    insta::assert_snapshot!(drops.store("push nowhere"), @r"
    exit code: 2
    ----- stderr -----
    error: `nowhere` is no store, and has none
    hint: `tamis store init DIR` makes one in DIR
    ");
    insta::assert_snapshot!(drops.shown(&drops.store("forget --keep-last 1")), @r"
    exit code: 0
    ----- stdout -----
    keep    [id]  head, last
    ----- stderr -----
    nothing to forget
    ");
    fs::create_dir(drops.path("below")).expect("there is room");
    assert_eq!(drops.store_in("below", "log").code, Some(0));
    assert_eq!(drops.store_in("below", "log --store .").code, Some(2));
    assert_eq!(drops.store_in("below", "log --store ..").code, Some(0));
    assert_eq!(
        drops.store_in("below", "log --store ../.tamis").code,
        Some(0)
    );
}

#[test]
fn wrong_flags_are_refused() {
    let drops = Drops::new();
    drops.write("a", "a");
    drops.commit("first");
    for (arguments, expected) in [
        ("add", "`tamis store add -A`"),
        ("cat :", "error: all of a commit is a folder"),
        ("add -A a", "cannot be used with"),
        ("add a --strategy quick", "invalid value 'quick'"),
        ("add a --compression gzip", "expected none, lz4, zstd"),
        ("commit", "--message"),
        ("cat a --range 5", "expected FROM..TO"),
        (
            "cat a --range 1.5KB..",
            "expected a whole number, as in 1500, 64KB or 1MiB, found `1.5KB`",
        ),
        (
            "cat a --range 0..1parsec",
            "expected B, KB, MB, GB, TB or KiB, MiB, GiB, TiB, as in 64KB",
        ),
        ("verify --sample 0", "expected a share above 0"),
        ("get a --range 0..1 a", "takes one file"),
        ("checkout HEAD", "--output-dir"),
        ("init other --chunk-size 1/2", "expected three sizes"),
        (
            "init other --chunk-size 64KiB/16KiB/256KiB",
            "cannot be about",
        ),
        ("--store . init", "names a store that is there already"),
        ("cat HEAD:", "is a folder"),
        ("add /etc/hostname", "is not in"),
        ("add .tamis/format", "is a part of the store itself"),
        ("ls HEAD:../..", "leads out of the commit"),
        ("cat /etc/hostname", "is not in"),
        ("rm nothing", "is not in the next commit"),
    ] {
        let ran = drops.store(arguments);
        assert_eq!(ran.code, Some(2), "{arguments}: {ran}");
        assert!(ran.stderr.contains(expected), "{arguments}: {ran}");
    }
    let ran = drops.run(&["commit", "-m", " "]);
    assert_eq!(ran.code, Some(2), "{ran}");
    assert!(!drops.path("other").exists());
}

#[test]
fn what_is_not_there_is_told_of_once() {
    let drops = Drops::new();
    drops.write("file", "x");
    insta::assert_snapshot!(drops.store("add file/below"), @r"
    exit code: 3
    ----- stderr -----
    error: cannot add `file/below`: it is not there, and has not been added before
    staged 0 paths
    ");
    drops.write("was/below", "x");
    drops.commit("a folder");
    fs::remove_dir_all(drops.path("was")).expect("it is there");
    drops.write("was", "a file now");
    let added = drops.json("add was/below");
    assert_eq!(
        (&added["removed"], &added["failures"]),
        (&1.into(), &json!([]))
    );
    drops.commit("a file");
    assert_eq!(drops.store("cat was").stdout, "a file now");
}

#[test]
fn links_are_not_gone_through() {
    let drops = Drops::new();
    drops.write("real/file", "x");
    symlink("real", drops.path("link")).expect("links can be made");
    insta::assert_snapshot!(drops.store("add link/file"), @r"
    exit code: 2
    ----- stderr -----
    error: `link/file` is behind the link `link`, and links are kept as links
    ");
    assert_eq!(drops.store("add link").code, Some(0));
    let status = drops.json("status");
    assert_eq!(status["staged"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_store_without_a_work_tree_says_so() {
    let drops = Drops::bare();
    assert_eq!(drops.store("init --bare kept").code, Some(0));
    drops.write("files/a", "a");
    insta::assert_snapshot!(drops.shown(&drops.store("--store kept add -A")), @r"
    exit code: 2
    ----- stderr -----
    error: the store `[folder]/kept` has no work tree
    hint: `--work-tree DIR` names the folder whose files it keeps
    ");
    assert_eq!(
        drops.store("--store kept --work-tree files add -A").code,
        Some(0)
    );
    assert_eq!(
        drops
            .store("--store kept --work-tree files commit -m first")
            .code,
        Some(0)
    );
    assert_eq!(drops.store("--store kept cat a").stdout, "a");
}

#[test]
fn what_cannot_be_read_is_named_and_the_rest_is_staged() {
    let drops = Drops::new();
    drops.write("good", "good");
    insta::assert_snapshot!(drops.shown(&drops.store("add gone good")), @r"
    exit code: 3
    ----- stderr -----
    error: cannot add `gone`: it is not there, and has not been added before
    staged 1 path; [sizes]
    ");
    assert_eq!(drops.json("status")["staged"][0]["path"], "good");
}

#[test]
fn what_is_left_of_a_store_is_repaired_and_not_made_anew() {
    let drops = Drops::with_history();
    let format = drops.path(".tamis/format");
    let whole = fs::read(&format).expect("it is there");
    fs::write(&format, &whole[1..]).expect("there is room");
    insta::assert_snapshot!(drops.shown(&drops.store("verify")), @r"
    exit code: 1
    ----- stderr -----
    error: `[folder]/.tamis/format` is damaged at byte 0: it does not begin as the format of a store does
    hint: `tamis store repair` makes it again
    ");
    fs::remove_file(&format).expect("it is there");
    fs::create_dir(drops.path("below")).expect("there is room");
    for folder in [".", "below", ".tamis"] {
        insta::allow_duplicates! {
            insta::assert_snapshot!(drops.shown(&drops.store_in(folder, "log")), @r"
            exit code: 1
            ----- stderr -----
            error: `[folder]/.tamis/format` is damaged at byte 0: it is gone, but the rest of a store is there
            hint: `tamis store repair` makes it again
            ");
        }
    }
    assert_eq!(drops.store("repair").code, Some(0));
    assert_eq!(drops.store("verify").code, Some(0));
}

#[test]
fn one_is_not_many() {
    let drops = Drops::new();
    drops.write("a", "a");
    drops.commit("first");
    drops.write("b", "b");
    drops.commit("second");
    let manifest = drops.path(".tamis/index/manifest");
    fs::remove_file(&manifest).expect("it is there");
    // All that the packs have can be had still, as if nobody had put them into the index yet.
    let verified = drops.store("verify");
    assert_eq!(verified.code, Some(1), "{verified}");
    let said = "manifest: it is gone, and there are commits; `repair` makes it again\n";
    assert!(verified.stdout.ends_with(said), "{verified}");
    assert_eq!(verified.stdout.lines().count(), 1, "{verified}");
    assert_eq!(drops.store("repair").code, Some(0));
    assert_eq!(drops.store("verify").code, Some(0));
    fs::remove_file(&manifest).expect("it was made again");
    fs::remove_dir_all(drops.path(".tamis/packs")).expect("it is there");
    fs::create_dir(drops.path(".tamis/packs")).expect("there is room");
    let verified = drops.store("verify");
    assert_eq!(verified.code, Some(1), "{verified}");
    let said = "is in none of them, nor is another that is referred to";
    assert!(verified.stdout.contains(said), "{verified}");
}

#[test]
fn only_one_may_add_at_a_time() {
    let drops = Drops::with_history();
    let folder = drops.path(".tamis");
    let store = Store::open(&folder, Settings::default(), &Cancel::new()).expect("a store");
    let session = Session::open(&store, drops.0.folder.path()).expect("nobody else is at it");
    insta::assert_snapshot!(drops.shown(&drops.store("add -A")), @r"
    exit code: 11
    ----- stderr -----
    error: the store at `[folder]/.tamis` is locked: another process is adding, removing or committing
    hint: try again when it is done
    ");
    assert_eq!(drops.store("commit -m x").code, Some(11));
    assert_eq!(drops.store("status").code, Some(0), "looking is not locked");
    assert_eq!(drops.store("log").code, Some(0));
    drop(session);
    assert_eq!(drops.store("add -A").code, Some(0));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let drops = Drops::new();
    drops.write("big", vec![b'x'; 3_000_000]);
    drops.commit("first");
    let mut command = drops.command();
    command
        .args(["cat", "big"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("tamis starts");
    let mut stdout = child.stdout.take().expect("it is piped");
    stdout.read_exact(&mut [0]).expect("there is something");
    drop(stdout);
    let output = child.wait_with_output().expect("tamis ends");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn a_lost_commit_hides_no_other_that_was_made_after_it() {
    let drops = Drops::new();
    for number in 0..4 {
        drops.write("a", number.to_string());
        drops.commit(&format!("version {number}"));
    }
    let ids: Vec<_> = drops.json("log")["commits"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|commit| commit["commit"].as_str().expect("an id").to_owned())
        .collect();
    fs::remove_file(drops.path(&format!(".tamis/commits/{}", ids[2]))).expect("it is there");
    let log = drops.store("log --oneline");
    assert_eq!(log.code, Some(3), "{log}");
    assert_eq!(log.stdout.lines().count(), 2, "{log}");
    assert!(log.stderr.contains(&ids[2]), "{log}");
    let document = drops.json("log");
    assert_eq!(document["commits"].as_array().map(Vec::len), Some(2));
    assert!(
        document["error"].to_string().contains(&ids[2]),
        "{document}"
    );
    assert_eq!(drops.store("log -n 2").code, Some(0));
    for verb in ["push backup", "clone . copy", "--store backup pull ."] {
        drops.store("init --bare backup");
        let ran = drops.store(verb);
        assert_eq!(ran.code, Some(3), "{verb}: {ran}");
        for expected in [&ids[2], "is lost", "hint: `tamis store repair`"] {
            assert!(ran.stderr.contains(expected), "{verb}: {ran}");
        }
    }
    let repaired = drops.store("repair");
    assert_eq!(repaired.code, Some(1), "{repaired}");
    assert!(repaired.stderr.contains("1 commit lost"), "{repaired}");
    assert!(repaired.stderr.contains(&ids[2]), "{repaired}");
    assert_eq!(drops.json("repair")["lost_commits"], serde_json::json!([]));
    for verb in [
        "verify",
        "log",
        "size --history",
        "gc",
        "push backup",
        "clone . copy",
        "show HEAD~1",
    ] {
        let ran = drops.store(verb);
        assert_eq!(ran.code, Some(0), "{verb}: {ran}");
    }
    let ran = drops.store("show HEAD~3");
    assert_eq!(ran.code, Some(2), "{ran}");
    assert!(ran.stderr.contains("history ends at"), "{ran}");
    let kept = drops.store("forget --keep-last 1");
    assert_eq!(kept.code, Some(0), "{kept}");
}

#[test]
fn a_commit_is_shown_though_the_one_before_it_is_lost() {
    let drops = Drops::with_history();
    let commits = drops.json("log")["commits"].clone();
    let parent = commits[1]["commit"].as_str().expect("an id").to_owned();
    let path = drops.path(&format!(".tamis/commits/{parent}"));
    let damaged = [fs::read(&path).expect("it is there"), vec![0]].concat();
    fs::write(&path, damaged).expect("it is ours");
    for is_damaged in [true, false] {
        if !is_damaged {
            fs::remove_file(&path).expect("it is there");
        }
        let shown = drops.store("show");
        assert_eq!(shown.code, Some(3), "{shown}");
        assert!(shown.stdout.contains("    second\n"), "{shown}");
        for expected in ["cannot be told", &parent, "hint: `tamis store repair`"] {
            assert!(shown.stderr.contains(expected), "{shown}");
        }
        let document = drops.json("show");
        assert_eq!(document["message"], "second");
        assert!(document["changes"].is_null(), "{document}");
        let error = document["changes_error"].as_str().expect("it is said");
        assert!(error.contains(&parent), "{document}");
    }
}
