//! Commits that nobody's `add` makes: each node is what its id says, and together they are wrong.

use super::*;
use crate::entry::{Content, Entry};
use crate::ingest::Ingest;
use crate::path::DEPTH_MAX;
use crate::testing::{TestStore, commit_made, entry, file_entry, make_tree};
use crate::tree::{Child, FolderWriter, Totals};

type Items<'i> = &'i [(&'i str, &'i Entry, Option<&'i str>)];

fn commit(store: &Store, items: Items<'_>) -> CommitId {
    let (root, totals) = make_tree(store, items);
    commit_made(store, root, totals)
}

fn verified(store: &Store) -> Verified {
    let verified = store.verify(&VerifyOptions::default());
    verified.expect("nothing interrupts it")
}

/// Goal: further names that lead nowhere, to something else, or forward are named, each with its commit; others are not.
#[test]
fn a_further_name_of_something_else_is_damage() {
    let test = TestStore::new();
    let (one, two) = (
        file_entry(&test.store, "one"),
        file_entry(&test.store, "two"),
    );
    let link = entry(Content::Link {
        target: b"a".to_vec(),
    });
    let older = Entry {
        modified_ns: 1,
        ..one.clone()
    };
    let made = commit(
        &test.store,
        &[
            ("a", &one, None),
            ("b", &two, Some("a")),
            ("c", &one, Some("a")),
            ("d", &link, None),
            ("folder/e", &one, Some("d")),
            ("folder/f", &one, Some("gone/deeper")),
            ("folder/g", &one, Some("c")),
            ("folder/h", &one, Some("z")),
            ("folder/i", &one, Some("a")),
            ("folder/j", &older, Some("a")),
            ("folder/k", &one, Some("folder")),
            ("z", &one, None),
        ],
    );
    let verified = verified(&test.store);
    let hurt = all_hurt(&verified);
    let paths: Vec<_> = hurt
        .iter()
        .map(|it| String::from_utf8_lossy(&it.path).into_owned())
        .collect();
    let wrong = ["e", "f", "g", "h", "j", "k"].map(|name| format!("folder/{name}"));
    assert_eq!(paths[0], "b");
    assert_eq!(paths[1..], wrong);
    assert!(hurt.iter().all(|it| it.commit == Some(made)));
    let [problem] = &verified.problems[..] else {
        panic!("{:?}", verified.problems);
    };
    assert!(problem.detail.contains("`b`") && problem.detail.contains("`a`"));
    assert!(
        problem.detail.ends_with("so are 6 others"),
        "{}",
        problem.detail
    );
}

/// Goal: a folder that two commits share is wrong in the one whose other files are not those that it speaks of, whichever comes first.
#[test]
fn a_shared_folder_is_right_in_one_tree_and_wrong_in_another() {
    let test = TestStore::new();
    let (one, two) = (
        file_entry(&test.store, "one"),
        file_entry(&test.store, "two"),
    );
    let with = |first: &Entry, extra: &str| {
        commit(
            &test.store,
            &[
                ("a", first, None),
                ("inside/a", &one, None),
                ("inside/b", &one, Some("inside/a")),
                ("shared/deeper/b", &one, Some("a")),
                (extra, &two, None),
            ],
        )
    };
    let (_, wrong, _) = (with(&one, "x"), with(&two, "x"), with(&one, "y"));
    let hurt = Hurt {
        commit: Some(wrong),
        path: b"shared/deeper/b".to_vec(),
    };
    assert_eq!(all_hurt(&verified(&test.store)), [hurt]);
    // What leads to somewhere inside does so at one path only.
    let moved = commit(
        &test.store,
        &[("moved/a", &one, None), ("moved/b", &one, Some("inside/a"))],
    );
    let hurt = all_hurt(&verified(&test.store));
    assert_eq!(
        (hurt.len(), hurt.iter().any(|it| it.commit == Some(moved))),
        (2, true)
    );
}

/// Goal: further names in a folder of many nodes are found, those in the middle, too.
#[test]
fn further_names_in_large_folders_are_looked_at() {
    let test = TestStore::new();
    let one = file_entry(&test.store, "one");
    let names: Vec<String> = (0..3000)
        .map(|number| format!("large/{number:04}"))
        .collect();
    let mut items: Vec<(&str, &Entry, Option<&str>)> =
        names.iter().map(|name| (&name[..], &one, None)).collect();
    items[2000].2 = Some("large/0000");
    commit(&test.store, &items);
    assert!(verified(&test.store).is_sound());
    items[1000].2 = Some("large/2500");
    let made = commit(&test.store, &items);
    let hurt = Hurt {
        commit: Some(made),
        path: b"large/1000".to_vec(),
    };
    assert_eq!(all_hurt(&verified(&test.store)), [hurt]);
}

/// Goal: further names that `add` finds are right, also when their folders did not change from commit to commit.
#[test]
fn further_names_that_were_added_are_sound() {
    let test = TestStore::new();
    test.commit_files(&[("a/first", b"one"), ("b/other", b"two")]);
    for (from, to) in [
        ("a/first", "a/second"),
        ("a/first", "c"),
        ("b/other", "a/0"),
    ] {
        fs::hard_link(test.work().join(from), test.work().join(to)).expect("there are links");
    }
    test.commit();
    test.commit_files(&[("d", b"three")]);
    // All names of the file, and one that is written as another file.
    test.commit_files(&[("a/first", b"more")]);
    fs::remove_file(test.work().join("a/first")).expect("it is there");
    test.commit();
    let verified = verified(&test.store);
    assert!(verified.is_sound(), "{:?}", verified.problems);
}

#[test]
fn a_commit_that_says_another_total_than_its_tree_is_damaged() {
    let test = TestStore::new();
    let one = file_entry(&test.store, "one");
    let (root, totals) = make_tree(&test.store, &[("a", &one, None), ("b/c", &one, None)]);
    assert_eq!((totals.files, totals.bytes), (2, 6));
    commit_made(&test.store, root, totals);
    assert!(verified(&test.store).is_sound());
    for (files, bytes) in [(3, 6), (2, 7)] {
        let id = commit_made(&test.store, root, Totals { files, bytes });
        let verified = verified(&test.store);
        let last = verified
            .problems
            .iter()
            .find(|it| it.path.ends_with(id.to_string()));
        let detail = &last.expect("it is damaged").detail;
        assert!(
            detail.contains(&format!("{files} files of {bytes} bytes")),
            "{detail}"
        );
    }
}

/// Goal: commits whose packs no index knows are sound, as readers find what is in them; damage in these packs is found.
#[test]
fn packs_that_are_in_no_index_are_looked_into() {
    let test = TestStore::new();
    test.commit_files(&[("a", b"first")]);
    let index = test.folder().join("index");
    let before: Vec<_> = fs::read_dir(&index)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .map(|path| (path.clone(), fs::read(path).expect("a file")))
        .collect();
    let second = test.commit_files(&[("a", b"second"), ("b/c", &[7; 5000])]);
    for entry in fs::read_dir(&index).expect("a folder") {
        fs::remove_file(entry.expect("an entry").path()).expect("it is there");
    }
    for (path, bytes) in &before {
        fs::write(path, bytes).expect("there is room");
    }
    let store = test.reopened(RealDisk::shared());
    assert_eq!(crate::testing::restored(&store, second)["a"], b"second");
    for options in [VerifyOptions::default(), read_data()] {
        let verified = store.verify(&options).expect("nothing interrupts it");
        assert!(verified.is_sound(), "{:?}", verified.problems);
        let orphans = verified
            .notes
            .iter()
            .filter(|it| it.contains("is in no index"));
        assert_eq!(orphans.count(), 2, "{:?}", verified.notes);
    }
    let known = store.objects().index().known_packs();
    let known: HashSet<_> = known.iter().map(|it| it.id.to_string()).collect();
    for entry in fs::read_dir(test.folder().join("packs")).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        if known.contains(&name) {
            continue;
        }
        let sound = fs::read(&path).expect("a pack");
        let mut damaged = sound.clone();
        // The payload of the first frame begins behind the tables of its objects.
        let middle = damaged.len() / 3;
        damaged[16..middle]
            .iter_mut()
            .for_each(|byte| *byte ^= 0x55);
        fs::write(&path, &damaged).expect("there is room");
        let store = test.reopened(RealDisk::shared());
        assert!(!verified(&store).is_sound(), "{}", path.display());
        fs::write(&path, &sound).expect("there is room");
    }
}

/// Goal: folders in each other without end are damage, and come to one: also where a further name of a file is in them.
#[test]
fn folders_that_are_too_deep_are_damage() {
    let test = TestStore::new();
    let one = file_entry(&test.store, "one");
    let mut below = make_tree(&test.store, &[("a", &one, None), ("b", &one, Some("a"))]);
    let mut ingest = Ingest::start(&test.store).expect("there is room");
    let mut nodes = ingest.nodes().expect("there is room");
    for _ in 0..=DEPTH_MAX {
        let mut folder = FolderWriter::new();
        let child = Child {
            name: b"d".to_vec(),
            entry: entry(Content::Folder),
            folder: Some(below),
            link_to: None,
        };
        folder.push(&child, &mut nodes).expect("there is room");
        below = folder.finish(&mut nodes).expect("there is room");
    }
    nodes.finish();
    ingest.settle().expect("there is room");
    ingest.publish(&test.store).expect("there is room");
    commit_made(&test.store, below.0, below.1);
    // The walk for further names is made, too.
    commit(&test.store, &[("a", &one, None), ("b", &one, Some("a"))]);
    let verified = verified(&test.store);
    let [problem] = &verified.problems[..] else {
        panic!("{:?}", verified.problems);
    };
    assert!(problem.detail.contains("16,384 deep"), "{}", problem.detail);
}
