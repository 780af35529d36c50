//! Trees that nobody's `add` makes.

use std::fs;

use super::*;
use crate::entry::Content;
use crate::testing::{TestStore, entry, file_entry, make_tree};

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
        use std::os::unix::fs::MetadataExt;
        let metadata = fs::metadata(target.path().join(name));
        metadata.expect("it is there").ino()
    };
    assert_eq!(inode("a"), inode("c"));
}
