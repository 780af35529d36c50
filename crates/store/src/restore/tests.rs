//! Trees that nobody's `add` makes.

use std::fs;

use super::*;
use crate::entry::{Body, Content, Entry, Run};
use crate::ingest::Ingest;
use crate::testing::TestStore;
use crate::tree::TreeWriter;

fn entry(content: Content) -> Entry {
    Entry {
        mode: 0o600,
        modified_ns: 0,
        attributes: Vec::new(),
        content,
    }
}

/// Goal: a further name of a file is believed as far as it leads to the same: what comes back is what `cat` shows, whatever the tree says.
#[test]
fn a_name_that_leads_to_something_else_is_a_file_by_itself() {
    let test = TestStore::new();
    let mut ingest = Ingest::start(&test.store).expect("there is room");
    let mut work = ingest.chunks().expect("there is room");
    let mut file = |text: &str| {
        let id = ingest.data().put(text.as_bytes(), &mut work);
        let run = Run {
            id: id.expect("there is room"),
            len_bytes: text.len() as u32,
            count: 1,
        };
        entry(Content::File {
            len_bytes: text.len() as u64,
            is_sparse: false,
            body: Body::Runs(vec![run]),
        })
    };
    let (one, two) = (file("one"), file("two"));
    work.finish();
    let mut nodes = ingest.nodes().expect("there is room");
    let mut tree = TreeWriter::new();
    let link = entry(Content::Link {
        target: b"/etc/hostname".to_vec(),
    });
    let links: [(&str, &Entry, Option<&str>); 8] = [
        ("a", &one, None),
        ("b", &two, Some("a")),
        ("c", &one, Some("a")),
        ("d", &two, Some("e")),
        ("e", &link, None),
        ("f", &two, Some("gone")),
        ("g", &one, Some("gone/deeper")),
        ("h", &two, Some("h")),
    ];
    for (path, entry, first) in links {
        let pushed = tree.push(path.as_bytes(), entry, first.map(str::as_bytes), &mut nodes);
        pushed.expect("it is in order");
    }
    let (root, _) = tree.finish(&mut nodes).expect("there is room");
    nodes.finish();
    ingest.settle().expect("there is room");
    ingest.publish(&test.store).expect("there is room");

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
        use std::os::unix::fs::MetadataExt;
        let metadata = fs::metadata(target.path().join(name));
        metadata.expect("it is there").ino()
    };
    assert_eq!(inode("a"), inode("c"));
}

/// Goal: no tree makes a store where it is restored, or changes one that is there; the rest of it is put in place.
#[test]
fn nothing_is_put_where_stores_are() {
    let test = TestStore::new();
    let mut ingest = Ingest::start(&test.store).expect("there is room");
    let mut nodes = ingest.nodes().expect("there is room");
    let mut tree = TreeWriter::new();
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
    for path in paths {
        let pushed = tree.push(path.as_bytes(), &link, None, &mut nodes);
        pushed.expect("it is in order");
    }
    let (root, _) = tree.finish(&mut nodes).expect("there is room");
    nodes.finish();
    ingest.settle().expect("there is room");
    ingest.publish(&test.store).expect("there is room");

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
