//! Actions do what they say, or leave things as they are.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::*;
use crate::dupes::tests::{by_reading, options, tree};
use crate::dupes::{DupesOptions, Found, find};

fn acted(found: &Found, action: Action) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for group in found.groups() {
        act(&group, &found.tree, action, &Cancel::new(), &mut outcomes).expect("nobody stops it");
    }
    outcomes
}

/// What is in a folder: names, and what they hold.
fn content(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder)
        .expect("it can be read")
        .map(|it| it.expect("an entry"));
    let mut content: Vec<_> = entries
        .map(|it| {
            (
                it.file_name().to_string_lossy().into_owned(),
                fs::read(it.path()).unwrap_or_default(),
            )
        })
        .collect();
    content.sort();
    content
}

#[test]
fn hard_links_take_the_place_of_copies() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name);
    for name in ["a", "b", "d"] {
        fs::write(path(name), "the same").expect("there is room");
    }
    fs::hard_link(path("b"), path("c")).expect("links can be made");
    let before = content(folder.path());
    let found = find(&options(folder.path())).expect("all can be read");
    let outcomes = acted(&found, Action::HardLink);
    assert!(outcomes.iter().all(|it| it.result.is_ok()), "{outcomes:?}");
    assert_eq!(outcomes.len(), 3);
    assert_eq!(content(folder.path()), before);
    let inode = |name: &str| path(name).metadata().expect("it is there").ino();
    assert!(["b", "c", "d"].iter().all(|name| inode(name) == inode("a")));
    // Now they are one file.
    assert_eq!(
        find(&options(folder.path()))
            .expect("all can be read")
            .group_count(),
        0
    );
}

#[test]
fn one_copy_is_left_however_many_go() {
    let folder = tree();
    let found = find(&options(folder.path())).expect("all can be read");
    let kept: Vec<PathBuf> = found
        .groups()
        .map(|it| found.tree.path(it.copies[0].names[0]))
        .collect();
    let contents: Vec<Vec<u8>> = kept
        .iter()
        .map(|path| fs::read(path).expect("it is there"))
        .collect();
    let outcomes = acted(&found, Action::Delete);
    assert!(outcomes.iter().all(|it| it.result.is_ok()));
    for (path, content) in kept.iter().zip(contents) {
        assert_eq!(fs::read(path).expect("it was kept"), content);
    }
    assert!(by_reading(folder.path(), 1).is_empty());
}

#[test]
fn what_changed_since_is_left_alone() {
    type Change = fn(&Path);
    let rewrite = |path: &Path| {
        let mut file = fs::File::options()
            .write(true)
            .open(path)
            .expect("it is there");
        file.write_all(b"THE SAME").expect("there is room");
    };
    let changes: [(Change, &str); 5] = [
        (rewrite, "changed"),
        (
            |path| fs::remove_file(path).expect("it is there"),
            "cannot open",
        ),
        (
            |path| {
                fs::remove_file(path).expect("it is there");
                symlink("/etc/passwd", path).expect("links can be made");
            },
            "cannot open",
        ),
        (
            |path| {
                fs::remove_file(path).expect("it is there");
                fs::write(path, "the same").expect("there is room");
            },
            "changed",
        ),
        (
            |path| {
                fs::remove_file(path).expect("it is there");
                fs::create_dir(path).expect("there is room");
            },
            "changed",
        ),
    ];
    for action in [Action::HardLink, Action::Reflink, Action::Delete] {
        for (change, why) in &changes {
            for changed in ["a", "b"] {
                let folder = tempfile::tempdir().expect("a temporary folder");
                for name in ["a", "b"] {
                    fs::write(folder.path().join(name), "the same").expect("there is room");
                }
                let found = find(&options(folder.path())).expect("all can be read");
                // A tick of the clock of the file system.
                std::thread::sleep(std::time::Duration::from_millis(15));
                change(&folder.path().join(changed));
                let before = content(folder.path());
                let outcomes = acted(&found, action);
                let error = outcomes[0]
                    .result
                    .as_ref()
                    .expect_err("it is not what it was")
                    .to_string();
                assert!(error.contains(why), "{action:?} {changed}: {error}");
                assert_eq!(content(folder.path()), before, "{action:?} {changed}");
            }
        }
    }
}

#[test]
fn what_was_compared_holds_until_somebody_writes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name);
    for changed in ["a", "b"] {
        for name in ["a", "b"] {
            fs::write(path(name), "the same").expect("there is room");
        }
        let open = |name: &str| fs::File::open(path(name)).expect("it is there");
        let state = |file: &fs::File| fstat(file).expect("it is open");
        let (original, copy) = (open("a"), open("b"));
        let mut pair = Pair {
            original_stat: state(&original),
            copy_stat: state(&copy),
            original,
            copy,
        };
        // A second name moves the change time, as ours do.
        fs::hard_link(path(changed), path("c")).expect("links can be made");
        assert!(pair.is_still_equal());
        assert!(is_same(&state(&pair.copy), &pair.copy_stat));
        fs::write(path(changed), "not the same").expect("there is room");
        assert!(!pair.is_still_equal(), "{changed}");
        fs::remove_file(path("c")).expect("it is there");
    }
}

/// Whether this machine's temporary folder can share blocks or not, nothing is lost.
#[test]
fn reflinks_keep_what_is_the_copys_own() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name);
    for name in ["a", "b"] {
        fs::write(path(name), "the same").expect("there is room");
    }
    fs::set_permissions(path("b"), fs::Permissions::from_mode(0o640)).expect("it is ours");
    let copy = fs::File::open(path("b")).expect("it is there");
    let is_kept = rustix::fs::fsetxattr(
        &copy,
        "user.tamis",
        b"kept",
        rustix::fs::XattrFlags::empty(),
    )
    .is_ok();
    let before = path("b").metadata().expect("it is there");
    let found = find(&options(folder.path())).expect("all can be read");
    let outcome = acted(&found, Action::Reflink).remove(0).result;
    let after = path("b").metadata().expect("it is there");
    let own = |it: &fs::Metadata| (it.mode(), it.uid(), it.gid(), it.mtime(), it.mtime_nsec());
    assert_eq!(own(&after), own(&before));
    assert_eq!(content(folder.path()).len(), 2);
    let mut value = [0; 4];
    let found = rustix::fs::getxattr(path("b"), "user.tamis", &mut value[..]).is_ok();
    assert_eq!((found, &value == b"kept"), (is_kept, is_kept));
    match outcome {
        Ok(()) => assert_ne!(after.ino(), before.ino()),
        Err(error) => {
            assert!(error.to_string().contains("cannot share blocks"), "{error}");
            assert_eq!(after.ino(), before.ino());
        }
    }
}

#[test]
fn references_are_not_touched() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("z")).expect("there is room");
    for name in ["z/kept", "z/kept too", "a", "b"] {
        fs::write(path(name), "the same").expect("there is room");
    }
    // A second name of a file of the reference is that file.
    fs::hard_link(path("z/kept"), path("c")).expect("links can be made");
    let found = find(&DupesOptions {
        references: vec![path("z")],
        ..options(folder.path())
    });
    let outcomes = acted(&found.expect("all can be read"), Action::Delete);
    assert!(outcomes.iter().all(|it| it.result.is_ok()), "{outcomes:?}");
    let left: Vec<_> = content(folder.path())
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(left, ["c", "z"]);
    assert_eq!(content(&path("z")).len(), 2);
}
