//! Trees that nobody's `add` makes.

use std::fs;

use std::os::unix::fs::MetadataExt;

use super::*;
use crate::entry::{Body, Content, Entry};
use crate::path::{DEPTH_MAX, PATH_BYTES_MAX};
use crate::testing::{TestStore, entry, file_entry, make_tree};
use crate::tree::find;

/// Goal: a further name of a file is believed as far as it leads to the same: what comes back is what `cat` shows, whatever the tree says.
#[test]
fn a_name_that_leads_to_something_else_is_a_file_by_itself() {
    let test = TestStore::new();
    let (one, two) = (
        file_entry(&test.store, "one"),
        file_entry(&test.store, "two"),
    );
    let link = entry(Content::Link {
        target: b"/etc/hostname".to_vec(),
    });
    let links = [
        ("a", &one, None),
        ("b", &two, Some("a")),
        ("c", &one, Some("a")),
        ("d", &two, Some("e")),
        ("e", &link, None),
        ("f", &two, Some("gone")),
        ("g", &one, Some("gone/deeper")),
        ("h", &two, Some("h")),
    ];
    let (root, _) = make_tree(&test.store, &links);

    let target = tempfile::tempdir().expect("a temporary folder");
    fs::write(target.path().join("gone"), "not ours").expect("there is room");
    let restored = test
        .store
        .restore_tree(root, target.path(), &RestoreOptions::default());
    let restored = restored.expect("the target is there");
    assert!(restored.failures.is_empty(), "{:?}", restored.failures);
    for (path, entry, _) in links.iter().filter(|it| it.0 != "e") {
        let expected = if *entry == &one { "one" } else { "two" };
        let path = target.path().join(path);
        assert!(!path.is_symlink());
        assert_eq!(
            fs::read_to_string(&path).expect("it is there"),
            expected,
            "{}",
            path.display()
        );
    }
    let inode = |name: &str| {
        let metadata = fs::metadata(target.path().join(name));
        metadata.expect("it is there").ino()
    };
    assert_eq!(inode("a"), inode("c"));
}

/// Goal: no tree makes a store where it is restored, or changes one that is there; the rest of it is put in place.
#[test]
fn nothing_is_put_where_stores_are() {
    let test = TestStore::new();
    let link = entry(Content::Link {
        target: b"deep".to_vec(),
    });
    let paths = [
        ".tamis",
        "a",
        "deep/.tamis/format",
        "deep/b",
        "deeper/.tamis",
    ];
    let (root, _) = make_tree(&test.store, &paths.map(|path| (path, &link, None)));

    let target = tempfile::tempdir().expect("a temporary folder");
    let other = target.path().join("deep/.tamis");
    fs::create_dir_all(&other).expect("there is room");
    let options = RestoreOptions {
        force: true,
        ..RestoreOptions::default()
    };
    let restored = test.store.restore_tree(root, target.path(), &options);
    let restored = restored.expect("the target is there");
    let refused = restored.failures.iter().map(|(path, error)| {
        assert!(error.to_string().contains("a store is called `.tamis`"));
        path.strip_prefix(target.path()).expect("it is in there")
    });
    let expected = [".tamis", "deep/.tamis", "deeper/.tamis"].map(Path::new);
    assert_eq!(refused.collect::<Vec<_>>(), expected);
    assert_eq!(fs::read_dir(other).expect("it was there").count(), 0);
    let is_there = |name: &str| target.path().join(name).is_symlink();
    assert!(is_there("a") && is_there("deep/b") && !is_there(".tamis"));
}

/// Goal: folders in each other without end are not followed further than any tree goes that is added; the others are there.
#[test]
fn folders_that_are_too_deep_are_not_made() {
    let test = TestStore::new();
    let one = file_entry(&test.store, "one");
    let (root, _) = make_tree(
        &test.store,
        &[("a/b/c/file", &one, None), ("a/file", &one, None)],
    );
    let child = find(root, b"a", test.store.objects());
    let child = child.expect("it can be read").expect("it is there");
    let deep = vec![&b"d"[..]; DEPTH_MAX - 1].join(&b'/');
    let long = vec![b'n'; PATH_BYTES_MAX - 3];
    for (above, made, limit) in [(&deep[..], "a", "16,384 deep"), (&long, "a", "256 KiB")] {
        let path = [above, b"/a"].concat();
        let wanted = Wanted {
            path,
            child: child.clone(),
        };
        let target = tempfile::tempdir().expect("a temporary folder");
        let options = RestoreOptions::default();
        let restored = test.store.restore(vec![wanted], target.path(), &options);
        let restored = restored.expect("the target is there");
        let [(path, error)] = &restored.failures[..] else {
            panic!("{:?}", restored.failures);
        };
        assert_eq!(*path, target.path().join(made).join("b"));
        assert!(error.to_string().contains(limit), "{error}");
        assert!(target.path().join("a/file").exists() && !path.exists());
    }
}

/// A file system takes no attribute of more than 64 KiB, and a tree does.
fn with_long_attribute(entry: &Entry) -> Entry {
    Entry {
        attributes: vec![(b"user.long".to_vec(), vec![7; 100_000])],
        mode: 0o640,
        modified_ns: 1_000_000_000,
        ..entry.clone()
    }
}

/// Goal: a file whose attributes cannot be set is there with all of its names and what else can be set, and the error says what could not.
#[test]
fn what_cannot_be_set_of_a_file_keeps_none_of_its_names_away() {
    let test = TestStore::new();
    let small = with_long_attribute(&file_entry(&test.store, &"one".repeat(1000)));
    // Long enough for pieces; all of it the same chunk.
    let mut long = small.clone();
    if let Content::File {
        len_bytes,
        body: Body::Runs(runs),
        ..
    } = &mut long.content
    {
        runs[0].count = (PIECE_BYTES / 3000) as u32 + 9;
        *len_bytes = runs[0].total_bytes();
    }
    let folder = with_long_attribute(&entry(Content::Folder));
    let items = [
        ("folder", &folder, None),
        ("folder/z", &small, Some("long")),
        ("long", &long, None),
        ("long 2", &long, Some("long")),
        ("small", &small, None),
        ("small 2", &small, Some("small")),
    ];
    let (root, _) = make_tree(&test.store, &items);
    let target = tempfile::tempdir().expect("a temporary folder");
    let options = RestoreOptions::default();
    let restored = test.store.restore_tree(root, target.path(), &options);
    let restored = restored.expect("the target is there");
    let mut failures: Vec<_> = restored
        .failures
        .iter()
        .map(|it| it.1.to_string())
        .collect();
    failures.sort();
    let paths = ["folder/z", "folder", "long", "small"];
    assert_eq!(failures.len(), paths.len(), "{failures:?}");
    for (path, failure) in paths.iter().zip(&failures) {
        let path = target.path().join(path);
        let expected = format!("cannot set an attribute of `{}`: ", path.display());
        assert!(failure.starts_with(&expected), "{failure}");
        let metadata = fs::metadata(&path).expect("it is there");
        assert_eq!((metadata.mode() & 0o777, metadata.mtime()), (0o640, 1));
    }
    assert_eq!((restored.files, restored.links), (3, 2));
    let inode = |name: &str| {
        fs::metadata(target.path().join(name))
            .expect("it is there")
            .ino()
    };
    assert_eq!(inode("long"), inode("long 2"));
    assert_eq!(inode("small"), inode("small 2"));
}

/// Goal: of a file whose bytes cannot be had no name is made.
#[test]
fn what_is_not_there_has_no_further_names() {
    let test = TestStore::new();
    let mut one = file_entry(&test.store, "one");
    if let Content::File {
        body: Body::Runs(runs),
        ..
    } = &mut one.content
    {
        runs[0].id = crate::id::ObjectId([7; 32]);
    }
    let (root, _) = make_tree(&test.store, &[("a", &one, None), ("b", &one, Some("a"))]);
    let target = tempfile::tempdir().expect("a temporary folder");
    let options = RestoreOptions::default();
    let restored = test.store.restore_tree(root, target.path(), &options);
    let restored = restored.expect("the target is there");
    assert_eq!(
        (restored.failures.len(), restored.files, restored.links),
        (2, 0, 0)
    );
}
