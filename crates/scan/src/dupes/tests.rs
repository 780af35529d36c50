//! Groups are those of a plain comparison of all files, for any threads.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::*;

/// Sizes on both sides of every limit, and contents that differ at the start, at the end, in the middle or not at all.
pub(super) fn tree() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let sizes = [
        0,
        1,
        2,
        4096,
        4097,
        16 << 10,
        (16 << 10) + 1,
        100_000,
        128 << 10,
        300_000,
        (256 << 10) * 2,
    ];
    for size in sizes {
        for (kind, at) in [
            ("same", None),
            ("start", Some(0)),
            ("middle", Some(size / 2)),
            ("end", Some(size.max(1) - 1)),
        ] {
            for copy in 0..3 {
                let mut bytes: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
                if let Some(byte) = at.and_then(|at: usize| bytes.get_mut(at)) {
                    *byte = 255;
                }
                let path = folder.path().join(format!("{copy}/{size}/{kind}"));
                fs::create_dir_all(path.parent().expect("a folder")).expect("there is room");
                fs::write(path, bytes).expect("there is room");
            }
        }
    }
    folder
}

pub(super) fn options(folder: &Path) -> DupesOptions {
    DupesOptions {
        roots: vec![folder.to_owned()],
        ..DupesOptions::default()
    }
}

/// The paths of every group, sorted.
fn paths(found: &Found) -> Vec<Vec<String>> {
    let name = |id| found.tree.path(id).display().to_string();
    let mut groups: Vec<Vec<String>> = found
        .groups()
        .map(|group| {
            group
                .copies
                .iter()
                .flat_map(|copy| copy.names.iter().map(|&id| name(id)))
                .collect()
        })
        .collect();
    groups.iter_mut().for_each(|group| group.sort());
    groups.sort();
    groups
}

/// The same by reading everything.
pub(super) fn by_reading(folder: &Path, least: u64) -> Vec<Vec<String>> {
    let mut by_bytes: BTreeMap<Vec<u8>, Vec<String>> = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("it can be read") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.metadata().expect("it is there").len() >= least {
                let bytes = fs::read(&path).expect("it can be read");
                by_bytes
                    .entry(bytes)
                    .or_default()
                    .push(path.display().to_string());
            }
        }
    }
    let mut groups: Vec<_> = by_bytes
        .into_values()
        .filter(|group| group.len() > 1)
        .collect();
    groups.iter_mut().for_each(|group| group.sort());
    groups.sort();
    groups
}

#[test]
fn groups_are_those_of_a_plain_comparison() {
    let folder = tree();
    for least in [0, 1, 5000] {
        let expected = by_reading(folder.path(), least);
        for threads in [1, 2, 7] {
            for compares in [false, true] {
                let found = find(&DupesOptions {
                    threads,
                    compares,
                    len_bytes_min: least,
                    ..options(folder.path())
                });
                let found = found.expect("all can be read");
                assert_eq!(paths(&found), expected, "{threads} threads, {compares}");
                assert!(found.failures.is_empty());
                let wasted: Vec<u64> = found.groups().map(|it| it.wasted_bytes()).collect();
                assert!(wasted.is_sorted_by(|a, b| a >= b));
            }
        }
    }
}

#[test]
fn large_files_are_hashed_by_all_threads() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let bytes = vec![b'x'; 9 << 20];
    for (name, last) in [("a", 0), ("b", 0), ("c", 1)] {
        let mut bytes = bytes.clone();
        bytes[5 << 20] = last;
        fs::write(folder.path().join(name), bytes).expect("there is room");
    }
    let found = find(&options(folder.path())).expect("all can be read");
    assert_eq!(paths(&found), by_reading(folder.path(), 1));
    let group = found.groups().next().expect("a group");
    let digest = blake3::hash(&fs::read(folder.path().join("a")).expect("it is there"));
    assert_eq!(group.digest, Some(digest.into()));
    assert_eq!((group.superfluous(), group.wasted_bytes()), (1, 9 << 20));
}

#[test]
fn hard_links_are_one_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name);
    for name in ["a", "b"] {
        fs::write(path(name), "the same").expect("there is room");
    }
    fs::hard_link(path("a"), path("c")).expect("links can be made");
    fs::write(path("lonely"), "with a second name").expect("there is room");
    fs::hard_link(path("lonely"), path("second")).expect("links can be made");
    let found = find(&options(folder.path())).expect("all can be read");
    let groups: Vec<Group> = found.groups().collect();
    assert_eq!(groups.len(), 1);
    let names: Vec<usize> = groups[0]
        .copies
        .iter()
        .map(|copy| copy.names.len())
        .collect();
    assert_eq!((names, groups[0].wasted_bytes()), (vec![2, 1], 8));

    let listed = find(&DupesOptions {
        lists_hard_links: true,
        ..options(folder.path())
    });
    let listed = listed.expect("all can be read");
    let sizes: Vec<usize> = listed.groups().map(|group| group.copies.len()).collect();
    assert_eq!(sizes, [2, 3]);
}

#[test]
fn references_are_originals() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name);
    for name in ["z/kept", "z/kept too", "a", "b"] {
        fs::create_dir_all(path("z")).expect("there is room");
        fs::write(path(name), "the same").expect("there is room");
    }
    fs::write(path("z/only 1"), "in the reference").expect("there is room");
    fs::write(path("z/only 2"), "in the reference").expect("there is room");
    let found = find(&DupesOptions {
        references: vec![path("z")],
        ..options(folder.path())
    });
    let found = found.expect("all can be read");
    let groups: Vec<Group> = found.groups().collect();
    assert_eq!(
        groups.len(),
        1,
        "those of the reference alone are nobody's business"
    );
    let group = &groups[0];
    let is_reference: Vec<bool> = group.copies.iter().map(|copy| copy.is_reference).collect();
    assert_eq!(is_reference, [true, true, false, false]);
    assert_eq!(
        (
            group.superfluous(),
            found.tree.path(group.copies[0].names[0])
        ),
        (2, path("z/kept"))
    );
}

#[test]
fn digests_are_kept_and_believed_only_of_the_same_file() {
    let folder = tree();
    let cache = tempfile::tempdir().expect("a temporary folder");
    let options = DupesOptions {
        cache: Some(cache.path().join("digests")),
        ..options(folder.path())
    };
    let fresh = find(&options).expect("all can be read");
    assert!(
        !cache.path().join("digests").exists(),
        "they were written just now"
    );
    std::thread::sleep(tamis_engine::stamp::SETTLING_TIME + std::time::Duration::from_millis(200));
    let first = find(&options).expect("all can be read");
    assert_eq!(
        (paths(&first), first.read_bytes),
        (paths(&fresh), fresh.read_bytes)
    );
    let second = find(&options).expect("all can be read");
    assert_eq!((paths(&second), second.notes.len()), (paths(&fresh), 0));
    assert!(
        second.read_bytes * 10 < fresh.read_bytes,
        "{} {}",
        second.read_bytes,
        fresh.read_bytes
    );
    fs::write(folder.path().join("0/1/same"), "X").expect("there is room");
    let third = find(&options).expect("all can be read");
    assert_eq!(paths(&third), by_reading(folder.path(), 1));
}

#[test]
fn what_vanishes_or_grows_meanwhile_is_no_duplicate() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name);
    for name in ["a", "b", "c", "d"] {
        fs::write(path(name), vec![b'x'; 20_000]).expect("there is room");
    }
    let mut reader = read::Reader::new();
    fs::write(path("d"), vec![b'x'; 20_001]).expect("there is room");
    let grown = reader.digest(&path("d"), 20_000).expect_err("it has grown");
    assert!(
        grown
            .to_string()
            .contains("its size was 20000 bytes, and there are more now"),
        "{grown}"
    );
    let shrunk = reader
        .digest(&path("a"), 20_002)
        .expect_err("it has shrunk");
    assert!(
        shrunk.to_string().contains("and there are 20000 bytes now"),
        "{shrunk}"
    );
    let gone = reader.digest(&path("e"), 1).expect_err("it is gone");
    assert!(gone.is_not_found());
    for len in [1, 20_000, 256 << 10, (256 << 10) + 1] {
        fs::write(path("a"), vec![b'y'; len]).expect("there is room");
        let digest = reader
            .digest(&path("a"), len as u64)
            .expect("it can be read");
        assert_eq!(digest, <[u8; 32]>::from(blake3::hash(&vec![b'y'; len])));
    }
}
