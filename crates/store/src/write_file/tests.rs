//! What is written into the store is there in the next commit, and everything else is as it was.

use std::collections::HashMap;
use std::fs;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use tamis_engine::control::Cancel;

use super::*;
use crate::id::ObjectId;
use crate::testing::{TestStore, cases, dying_disk, noise, read_whole, request, restored};
use crate::tree::{NodeRef, NodeSink, NodeSource, TreeWriter, lookup};

fn sink(store: &Arc<Store>, path: &str) -> (Box<StoreSink>, StoreOutput) {
    let made = StoreSink::new(store.clone(), "main", path.as_bytes(), path, request());
    let (sink, output) = made.expect("nothing is in the way");
    (Box::new(sink), output)
}

fn write(store: &Arc<Store>, path: &str, bytes: &[u8]) -> Written {
    let (mut sink, output) = sink(store, path);
    sink.write_all(bytes).expect("there is room");
    assert_eq!(output.written(), None);
    sink.finish().expect("there is room");
    output.written().expect("it is finished")
}

#[test]
fn any_pieces_become_the_file_that_add_would_make() {
    let test = TestStore::new();
    // With chunks that end where the content says so, and with those that are as long as any.
    let chunker = Chunker::new(crate::testing::SHORT_CHUNKS).expect("they fit");
    let mut bytes = 0..=u8::MAX;
    let longest = bytes.find(|&byte| chunker.cut(&[byte; 2048]) == 1024);
    let long = vec![longest.expect("most are so"); 1_500_000];
    let plain = [noise(1, 800_400), long, noise(2, 300_000)].concat();
    test.commit_files(&[("added", &plain)]);
    let objects = test.store.objects();
    let content = |path: &[u8]| {
        let root = test.store.resolve(HEAD).expect("there is one").1.root;
        let child = lookup(root, path, objects).expect("it can be read");
        child.expect("it is there").entry.content
    };
    let added = content(b"added");
    let sizes = vec(
        prop_oneof![1..100usize, 1..100_000usize, 1_000_000..2_000_000usize],
        1..20,
    );
    proptest!(cases(8), |(sizes in sizes, name in "[a-z]{1,9}")| {
        let (mut sink, output) = sink(&test.store, &format!("in/{name}"));
        let (mut rest, mut sizes) = (&plain[..], sizes.iter().cycle());
        while !rest.is_empty() {
            // Not a byte at a time through all of it.
            let size = sizes.next().map_or(1, |it| *it).max(rest.len() / 200);
            let (piece, after) = rest.split_at(size.min(rest.len()));
            sink.write_all(piece)?;
            rest = after;
        }
        sink.finish()?;
        let written = output.written().expect("it is finished");
        prop_assert_eq!(written.new_chunks, 0);
        let path = format!("in/{name}");
        prop_assert!(content(path.as_bytes()) == added);
    });
}

#[test]
fn short_files_and_empty_ones_are_whole() {
    let test = TestStore::new();
    let mut expected = std::collections::BTreeMap::new();
    for len_bytes in [0, 1, 64, 65, 1024, 5000, (1 << 20) + 1024, (1 << 20) + 1025] {
        let (path, bytes) = (format!("a/b/{len_bytes}"), noise(7, len_bytes));
        let written = write(&test.store, &path, &bytes);
        assert_eq!(
            (written.is_new, written.len_bytes),
            (true, len_bytes as u64)
        );
        assert_eq!(test.head(), Some(written.commit));
        expected.insert(path, bytes);
        assert!(restored(&test.store, written.commit) == expected);
    }
}

#[test]
fn the_rest_of_the_tree_stays_and_the_same_again_is_no_commit() {
    let test = TestStore::new();
    let before = test.commit_files(&[("x/1", b"one"), ("x/2", b"two"), ("y/3", b"three")]);
    let mode = |store: &Store| {
        let root = store.resolve(HEAD).expect("there is one").1.root;
        let child = lookup(root, b"x/2", store.objects()).expect("it can be read");
        child.expect("it is there").entry.mode
    };
    let mode_before = mode(&test.store);
    let written = write(&test.store, "x/2", b"second");
    assert_eq!(mode(&test.store), mode_before);
    let mut expected = restored(&test.store, before);
    expected.insert("x/2".to_owned(), b"second".to_vec());
    assert_eq!(restored(&test.store, written.commit), expected);
    let commit = test
        .store
        .refs()
        .commit(written.commit)
        .expect("it is there");
    assert_eq!((commit.parents, commit.totals.files), (vec![before], 3));
    let again = write(&test.store, "x/2", b"second");
    assert_eq!((again.is_new, again.commit), (false, written.commit));
    // A work tree learns of it.
    fs::write(test.work().join("x/1"), "first").expect("there is room");
    fs::remove_file(test.work().join("x/2")).expect("it is there");
    fs::write(test.work().join("x/2"), "second").expect("there is room");
    let after = test.commit();
    expected.insert("x/1".to_owned(), b"first".to_vec());
    assert_eq!(restored(&test.store, after), expected);
    assert_eq!(
        test.store
            .refs()
            .commit(after)
            .expect("it is there")
            .parents,
        [written.commit]
    );
}

#[test]
fn two_at_once_are_both_there() {
    let test = TestStore::new();
    let (mut first, _) = sink(&test.store, "one");
    let (mut second, _) = sink(&test.reopened(crate::disk::RealDisk::shared()), "two");
    first.write_all(b"1").expect("there is room");
    second.write_all(b"2").expect("there is room");
    // The branch is moved between the edit and the lock of the second, over and over.
    std::thread::scope(|scope| {
        scope.spawn(|| {
            (0..10).for_each(|it| assert!(write(&test.store, &format!("more/{it}"), b"m").is_new))
        });
        second.finish().expect("there is room");
    });
    first.finish().expect("there is room");
    let files = restored(&test.store, test.head().expect("there is one"));
    assert_eq!(files.len(), 12);
    assert_eq!(
        (&files["one"][..], &files["two"][..]),
        (&b"1"[..], &b"2"[..])
    );
}

#[test]
fn what_is_not_finished_is_not_there() {
    let test = TestStore::new();
    let before = test.commit_files(&[("a", b"a")]);
    let (mut dropped, output) = sink(&test.store, "b");
    dropped
        .write_all(&noise(1, 5 << 20))
        .expect("there is room");
    drop(dropped);
    assert_eq!((test.head(), output.written()), (Some(before), None));
    assert_eq!(
        fs::read_dir(test.folder().join("tmp"))
            .expect("it is there")
            .count(),
        0
    );
    let cancel = Cancel::new();
    let store = Store::open(&test.folder(), *test.store.settings(), &cancel).expect("it is one");
    let (sink, output) = sink(&Arc::new(store), "b");
    cancel.cancel();
    let error = sink.finish().expect_err("it was cancelled");
    assert!(matches!(error, tamis_engine::Error::Interrupted), "{error}");
    assert_eq!((test.head(), output.written()), (Some(before), None));
}

#[test]
fn what_cannot_be_written_to_is_refused_at_once() {
    let test = TestStore::new();
    test.commit_files(&[("folder/file", b"text")]);
    let refused = |revision: &str, path: &str| {
        let made = StoreSink::new(
            test.store.clone(),
            revision,
            path.as_bytes(),
            path,
            request(),
        );
        made.map(drop).expect_err(path).to_string()
    };
    assert!(refused("HEAD~1", "new").contains("only the branch grows"));
    assert!(refused("main", "folder").contains("it is a folder"));
    assert!(refused("main", "new/.tamis/format").contains("a store is called `.tamis`"));
    assert!(refused("main", "folder/file/new").contains("`folder/file` is in the way"));
}

#[test]
fn a_disk_that_fails_anywhere_leaves_the_old_commit_or_the_new_one() {
    let test = TestStore::new();
    let mut head = test.commit_files(&[("a", b"a")]);
    for steps in 0.. {
        let store = test.reopened(dying_disk(&test.folder(), steps));
        let (mut sink, _) = sink(&store, "b");
        let bytes = noise(steps, 200_000);
        let written = sink.write_all(&bytes).and_then(|()| sink.finish());
        drop(store);
        let now = test.head().expect("there is one");
        assert!(
            now == head || restored(&test.store, now)["b"] == bytes,
            "{steps}"
        );
        read_whole(&test.reopened(crate::disk::RealDisk::shared()), now).expect("it is whole");
        head = now;
        if written.is_ok() {
            assert!(steps > 10, "it took {steps} steps");
            return;
        }
    }
}

/// Nodes in memory.
#[derive(Default)]
struct Nodes(HashMap<ObjectId, Arc<[u8]>>);

impl NodeSink for Nodes {
    fn put_node(&mut self, bytes: &[u8]) -> Result<ObjectId> {
        let id = ObjectId::of_node(bytes);
        self.0.insert(id, bytes.into());
        Ok(id)
    }
}

impl NodeSource for Nodes {
    fn node(&self, id: &ObjectId) -> Result<Arc<[u8]>> {
        Ok(self.0[id].clone())
    }
}

fn file(number: u8) -> Entry {
    Entry {
        mode: 0o600,
        modified_ns: 0,
        attributes: Vec::new(),
        content: Content::File {
            len_bytes: 9,
            is_sparse: false,
            body: Body::Runs(vec![Run {
                id: ObjectId([number; 32]),
                len_bytes: 9,
                count: 1,
            }]),
        },
    }
}

/// Files by the names of their paths, and which of them are the same file.
type Model = std::collections::BTreeMap<Vec<String>, u8>;

/// The tree of a model in which files of the same number are one file with several names; new folders are `modified_ns` old.
fn write_model(model: &Model, nodes: &mut Nodes) -> NodeRef {
    let mut tree = TreeWriter::new();
    let mut first_names: HashMap<u8, Vec<u8>> = HashMap::new();
    let mut folders = std::collections::BTreeSet::new();
    for (names, number) in model {
        for depth in 1..names.len() {
            if folders.insert(&names[..depth]) {
                let folder = Entry {
                    mode: 0o755,
                    content: Content::Folder,
                    ..file(0)
                };
                let path = names[..depth].join("/");
                tree.push(path.as_bytes(), &folder, None, nodes)
                    .expect("in memory");
            }
        }
        let path = names.join("/").into_bytes();
        let first = first_names.get(number).cloned();
        tree.push(&path, &file(*number), first.as_deref(), nodes)
            .expect("in memory");
        first_names.entry(*number).or_insert(path);
    }
    tree.finish(nodes).expect("in memory").0
}

proptest! {
    #![proptest_config(cases(256))]

    /// Trees depend on what is in them alone, so an edited one must be the one that is written anew.
    #[test]
    fn an_edited_tree_is_the_one_that_would_be_written(
        mut model in btree_map(vec("[a-c]{1,2}", 1..4), 0..20u8, 0..40),
        path in vec("[a-c]{1,2}", 1..4),
    ) {
        // No file is a folder, too.
        let paths: Vec<_> = model.keys().cloned().collect();
        model.retain(|names, _| !paths.iter().any(|it| it.len() > names.len() && it.starts_with(names)));
        let mut nodes = Nodes::default();
        let root = (!model.is_empty()).then(|| write_model(&model, &mut nodes));
        let bytes = path.join("/").into_bytes();
        let is_in_the_way = model.keys().any(|it| {
            it.len() > path.len() && it.starts_with(&path) || path.len() > it.len() && path.starts_with(it)
        });
        let mut written = Nodes::default();
        let edited = put_file(root, &bytes, &file(99), &nodes, &mut written);
        if is_in_the_way {
            prop_assert!(edited.is_err());
            return Ok(());
        }
        model.insert(path, 99);
        let expected = write_model(&model, &mut nodes);
        let (edited, totals) = edited?;
        prop_assert_eq!(edited, expected);
        prop_assert_eq!(totals.files, model.len() as u64);
    }
}
