//! Goal: what cannot be done is said in one line, with the way out, and has its exit code.

use std::fs;
use std::io::Read;
use std::os::unix::fs::symlink;
use std::process::Stdio;

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
        ("add", "PATH"),
        ("add -A a", "cannot be used with"),
        ("add a --strategy quick", "invalid value 'quick'"),
        ("add a --compression gzip", "expected none, lz4, zstd"),
        ("commit", "--message"),
        ("cat a --range 5", "expected FROM..TO"),
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
    fs::remove_file(manifest).expect("it is there");
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
    assert_eq!(drops.store("log -n 2").code, Some(0));
}
