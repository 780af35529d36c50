//! Goal: a store that may only be read is read as any other; what may not be written or read is named.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use super::Drops;
use super::disk::SmallDisk;
use crate::shell::{Ran, skip};

/// Somebody to whom nothing belongs.
const NOBODY: u32 = 65_534;

/// A store, and somebody else who may do no more with it than the modes of files allow.
struct Visited(Drops);

impl Visited {
    /// `None` if whoever is not root cannot start the binary.
    fn new() -> Option<Visited> {
        let drops = Drops::with_history();
        set_mode(drops.0.folder.path(), 0o755);
        let visited = Visited(drops);
        let mut command = visited.0.command();
        command.arg("--help");
        become_nobody(&mut command);
        if command.output().is_err() {
            skip("the binary is nothing for others");
            return None;
        }
        Some(visited)
    }

    /// Runs `tamis store` as that somebody.
    fn store(&self, arguments: &str) -> Ran {
        let mut command = self.0.command();
        become_nobody(&mut command);
        let output = command.args(arguments.split_whitespace()).output();
        Ran::from(output.expect("it started before"))
    }

    /// That it ends with what could not be written or read, and says these words of it.
    fn assert_refused(&self, arguments: &str, words: &[&str]) {
        let ran = self.store(arguments);
        assert_eq!(ran.code, Some(3), "{arguments}: {ran}");
        for word in words {
            assert!(ran.stderr.contains(word), "{arguments}: {ran}");
        }
    }

    /// Makes a folder in which everybody may write.
    fn open_folder(&self, name: &str) {
        fs::create_dir(self.0.path(name)).expect("there is room");
        set_mode(&self.0.path(name), 0o777);
    }
}

/// Only root needs to: modes hold for all others.
fn become_nobody(command: &mut Command) {
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").expect("Linux").uid() == 0
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("it is ours");
}

/// Takes the right to write from all that is in a folder, or gives it back to its owner.
fn set_writable(folder: &Path, is_writable: bool) {
    let extra = if is_writable { 0o200 } else { 0 };
    set_mode(folder, 0o555 | extra);
    for entry in fs::read_dir(folder).expect("it can be read") {
        let path = entry.expect("it can be read").path();
        match path.is_dir() {
            true => set_writable(&path, is_writable),
            false => set_mode(&path, 0o444 | extra),
        }
    }
}

/// What only reads, and what is then on standard output.
const READERS: [(&str, &str); 10] = [
    ("log --oneline", "second"),
    ("show", "c.csv"),
    ("ls -R", "deep/b.csv"),
    ("cat HEAD~1:a.csv", "id\n1\n"),
    ("diff HEAD HEAD", ""),
    ("status", "On branch main"),
    ("size --efficiency --history", "newest version"),
    ("tag", ""),
    ("cat a.csv --range 0..2", "id"),
    ("gc --dry-run", "4 kept, 0 rewritten, 0 dropped"),
];

const WRITERS: [&str; 7] = [
    "add -A",
    "commit -m x --allow-empty",
    "rm a.csv",
    "tag v1",
    "forget HEAD~1",
    "gc",
    "repair",
];

#[test]
fn a_store_that_may_only_be_read_is_read() {
    let Some(visited) = Visited::new() else {
        return;
    };
    set_writable(&visited.0.path(".tamis"), false);
    visited.open_folder("out");
    for (arguments, expected) in READERS {
        let ran = visited.store(arguments);
        assert_eq!(ran.code, Some(0), "{arguments}: {ran}");
        assert!(ran.stdout.contains(expected), "{arguments}: {ran}");
    }
    for arguments in [
        "verify --read-data",
        "get HEAD~1:a.csv -o out",
        "checkout HEAD -o out/all",
    ] {
        let ran = visited.store(arguments);
        assert_eq!(ran.code, Some(0), "{arguments}: {ran}");
    }
    assert_eq!(visited.0.0.read("out/a.csv"), "id\n1\n");
    assert_eq!(visited.0.0.read("out/all/a.csv"), "id\n1\n3\n");
    let cloned = visited.store("clone . out/copy");
    assert_eq!(cloned.code, Some(0), "{cloned}");
    for arguments in WRITERS {
        let words = ["cannot write to `", "/.tamis`: Permission denied"];
        visited.assert_refused(arguments, &words);
    }
    set_writable(&visited.0.path(".tamis"), true);
    assert_eq!(
        visited.0.store("add -A").code,
        Some(0),
        "nothing is left behind"
    );
}

/// A number that no account has.
const STRANGER: u32 = 3_999_999_999;

#[test]
fn commits_have_the_name_of_an_account_that_no_variable_tells() {
    let Some(visited) = Visited::new() else {
        return;
    };
    visited.open_folder("theirs");
    let run = |arguments: &str, user: u32| {
        let mut command = visited.0.command();
        for variable in ["TAMIS_AUTHOR", "USER", "LOGNAME"] {
            command.env_remove(variable);
        }
        if is_root() {
            command.uid(user).gid(user);
        }
        let output = command.args(arguments.split_whitespace()).output();
        let ran = Ran::from(output.expect("it started before"));
        assert_eq!(ran.code, Some(0), "{arguments}: {ran}");
        ran.stdout
    };
    let author_of = |user: u32| {
        let store = format!("theirs/{user}");
        visited.open_folder(&store);
        run(&format!("init {store}"), user);
        run(
            &format!("--store {store} commit -m first --allow-empty"),
            user,
        );
        run(&format!("--store {store} log"), user)
    };
    let asked = Command::new("id").arg("-un").output();
    let name = String::from_utf8(asked.expect("`id` is there").stdout).expect("a name");
    let own = fs::metadata("/proc/self").expect("Linux").uid();
    let log = author_of(own);
    assert!(log.contains(&format!("Author: {}@", name.trim())), "{log}");
    if is_root() {
        let log = author_of(STRANGER);
        assert!(log.contains(&format!("Author: {STRANGER}@")), "{log}");
    }
}

#[test]
fn a_store_on_a_read_only_disk_is_read() {
    let drops = Drops::bare();
    let Some(mut disk) = SmallDisk::new(&drops, "4m") else {
        return;
    };
    drops.write("tree/a", "kept");
    let store = "--store disk/store --work-tree tree";
    disk.succeed("init --bare disk/store");
    disk.succeed(&format!("{store} add -A"));
    disk.succeed(&format!("{store} commit -m first"));
    disk.make_read_only();
    for verb in [
        "log",
        "ls",
        "status",
        "verify --read-data",
        "get a -o out",
        "gc --dry-run",
    ] {
        disk.succeed(&format!("{store} {verb}"));
    }
    assert_eq!(disk.succeed(&format!("{store} cat a")).stdout, "kept");
    for verb in ["add -A", "commit -m x", "gc", "tag v1", "repair"] {
        let ran = disk.store(&format!("{store} {verb}"));
        assert_eq!(ran.code, Some(3), "{verb}: {ran}");
        assert!(
            ran.stderr.contains("Read-only file system") && ran.stderr.contains("cannot write to"),
            "{verb}: {ran}"
        );
    }
}

#[test]
fn where_nothing_may_be_put_nothing_is_changed() {
    let Some(visited) = Visited::new() else {
        return;
    };
    visited.0.write("out/a.csv", "mine");
    set_mode(&visited.0.path("out/a.csv"), 0o444);
    set_mode(&visited.0.path("out"), 0o555);
    for arguments in [
        "get HEAD:c.csv -o out",
        "get HEAD:a.csv -o out --force",
        "get HEAD:c.csv -o out --range 0..1",
        "checkout HEAD -o out -f",
        "checkout HEAD -o out/new",
    ] {
        visited.assert_refused(arguments, &["out", "Permission denied"]);
        assert_eq!(visited.0.0.read("out/a.csv"), "mine");
        let count = fs::read_dir(visited.0.path("out"))
            .expect("it is there")
            .count();
        assert_eq!(count, 1, "{arguments}");
    }
    // So that it can be removed.
    set_mode(&visited.0.path("out"), 0o755);
}

#[test]
fn what_may_not_be_read_is_named_once_and_not_taken_for_gone() {
    let Some(visited) = Visited::new() else {
        return;
    };
    visited.open_folder("theirs");
    let path = |name: &str| visited.0.path("theirs").join(name);
    let store = |verb: &str| visited.store(&format!("--store theirs --work-tree theirs {verb}"));
    assert_eq!(visited.store("init theirs").code, Some(0));
    for name in ["closed/kept", "listed/kept", "secret"] {
        visited.0.write(&format!("theirs/{name}"), "kept");
    }
    assert_eq!(store("add theirs/closed theirs/listed").code, Some(0));
    // Of one of the folders not even the names can be had, of the other no more than these.
    for (name, mode) in [("secret", 0), ("closed", 0), ("listed", 0o644)] {
        set_mode(&path(name), mode);
    }
    for verb in [
        "add -A --json",
        "add theirs/closed theirs/listed theirs/secret --json",
    ] {
        let ran = store(verb);
        assert_eq!(ran.code, Some(3), "{verb}: {ran}");
        for name in ["secret", "closed", "listed"] {
            let refused = format!("{name}`: Permission denied");
            let count = ran.stderr.matches(&refused).count();
            assert_eq!(count, 1, "{name} of {verb}: {ran}");
        }
        assert!(ran.stdout.contains("Permission denied"), "{ran}");
    }
    let status = store("status");
    assert_eq!(status.code, Some(3), "{status}");
    assert!(!status.stdout.contains("deleted"), "{status}");
    set_mode(&path(".tamis"), 0);
    let ran = store("log");
    assert_eq!(ran.code, Some(3), "{ran}");
    assert!(ran.stderr.contains("cannot look at"), "{ran}");
    for name in ["closed", "listed", ".tamis"] {
        set_mode(&path(name), 0o755);
    }
}

#[test]
fn what_may_not_be_read_is_named_and_stays_as_it_was() {
    let Some(visited) = Visited::new() else {
        return;
    };
    visited.open_folder("theirs");
    let path = |name: &str| visited.0.path("theirs").join(name);
    let store = |verb: &str| visited.store(&format!("--store theirs --work-tree theirs {verb}"));
    assert_eq!(visited.store("init theirs").code, Some(0));
    fs::create_dir(path("closed")).expect("there is room");
    for name in ["closed/inner", "open", "secret"] {
        fs::write(path(name), "first").expect("there is room");
    }
    assert_eq!(store("add -A").code, Some(0));
    assert_eq!(store("commit -m first").code, Some(0));
    for name in ["closed/inner", "open", "secret"] {
        fs::write(path(name), "second").expect("there is room");
    }
    set_mode(&path("secret"), 0o000);
    set_mode(&path("closed"), 0o000);
    let added = store("add -A --json");
    assert_eq!(added.code, Some(3), "{added}");
    for name in [
        "theirs/secret`: Permission denied",
        "theirs/closed`: Permission denied",
    ] {
        assert!(added.stderr.contains(name), "{name}: {added}");
    }
    let document: serde_json::Value = serde_json::from_str(&added.stdout).expect("it is JSON");
    assert_eq!(
        (&document["removed"], &document["bytes"]),
        (&0.into(), &6.into())
    );
    let named = store("add theirs/closed/inner");
    insta::assert_snapshot!(visited.0.shown(&named), @r"
    exit code: 3
    ----- stderr -----
    error: cannot add `[folder]/theirs/closed/inner`: Permission denied (os error 13)
    error: cannot add `[folder]/theirs/closed`: Permission denied (os error 13)
    staged 0 paths
    ");
    let committed = store("commit -m second");
    assert_eq!(committed.code, Some(0), "{committed}");
    assert_eq!(
        store("cat open secret closed/inner").stdout,
        "secondfirstfirst"
    );
    set_mode(&path("closed"), 0o755);
    set_mode(&path("secret"), 0o644);
}
