//! What is read from the store, in any ranges and ways, is what was put in.

use std::fs::{self, File};
use std::ops::Range;
use std::os::unix::fs::FileExt;

use proptest::prelude::*;
use tamis_engine::source::{Opened, RandomAccess, ReadOptions, Source, peek};

use super::*;
use crate::chunker::Parameters;
use crate::entry::{Body, Entry, Run};
use crate::index::PackKind;
use crate::ingest::Ingest;
use crate::testing::{TestStore, cases, noise};

/// A store with a file of each shape, and their bytes.
fn all_shapes() -> (TestStore, Vec<(&'static str, Vec<u8>)>) {
    let test = TestStore::new();
    let mut holes = noise(3, 3_000);
    holes.resize(60_000, 0);
    holes.extend(noise(4, 5_000));
    let files = vec![
        ("empty", Vec::new()),
        ("one/chunk", noise(1, 60)),
        ("few/chunks", noise(2, 5_000)),
        ("list", noise(5, 150_000)),
        (
            "repeated",
            b"a line that is there again and again\n".repeat(2_000),
        ),
        ("holes", holes),
    ];
    files
        .iter()
        .for_each(|(path, bytes)| test.write(path, bytes));
    let sparse = File::create(test.work().join("holes")).expect("there is room");
    let holes = &files[5].1;
    sparse.set_len(holes.len() as u64).expect("there is room");
    sparse
        .write_all_at(&holes[..3_000], 0)
        .expect("there is room");
    sparse
        .write_all_at(&holes[60_000..], 60_000)
        .expect("there is room");
    test.commit();
    (test, files)
}

fn root(store: &Store) -> NodeRef {
    store.resolve(HEAD).expect("there is a commit").1.root
}

const HEAD: &str = "HEAD";

fn copied(store: &Store, child: &Child, range: Range<u64>) -> Vec<u8> {
    let mut copied = Vec::new();
    let mut write = |bytes: &[u8]| {
        copied.extend_from_slice(bytes);
        Ok(())
    };
    store
        .copy_range(child, range, &mut write)
        .expect("it is whole");
    copied
}

#[test]
fn any_range_is_that_of_the_plain_bytes() {
    let (test, files) = all_shapes();
    let opened: Vec<_> = files
        .iter()
        .map(|(path, _)| {
            let file = test
                .store
                .open_file(root(&test.store), path.as_bytes(), path);
            file.expect("it is there")
        })
        .collect();
    let ranges = (0..files.len(), any::<u64>(), 0..20_000u64);
    proptest!(cases(256), |((number, start, len) in ranges)| {
        let (plain, file) = (&files[number].1, &opened[number]);
        // Some begin behind the end, and many end there.
        let start = start % (plain.len() as u64 + 100);
        let range = start..start + len;
        let clip = |at: u64| (at as usize).min(plain.len());
        let expected = &plain[clip(start)..clip(start + len)];
        let mut calls = 0;
        file.with_range(range.clone(), &mut |bytes| {
            calls += 1;
            assert!(bytes == expected, "{} {range:?}", file.name());
        })?;
        prop_assert_eq!(calls, 1);
        prop_assert!(copied(&test.store, file.child(), range) == expected);
    });
    for ((_, plain), file) in files.iter().zip(&opened) {
        assert_eq!(file.len_bytes(), plain.len() as u64);
        assert!(copied(&test.store, file.child(), 0..u64::MAX) == *plain);
    }
}

/// A file of chunks, each so many times.
fn child_of(store: &Store, chunks: &[(&[u8], u32)]) -> Child {
    let mut ingest = Ingest::start(store).expect("there is room");
    let mut at = ingest.chunks().expect("there is room");
    let runs: Vec<_> = chunks
        .iter()
        .map(|(chunk, count)| Run {
            id: ingest.data().put(chunk, &mut at).expect("there is room"),
            len_bytes: chunk.len() as u32,
            count: *count,
        })
        .collect();
    at.finish();
    ingest.settle().expect("there is room");
    let published = ingest.publish(store);
    published.expect("there is room");
    Child {
        name: b"made".to_vec(),
        entry: Entry {
            mode: 0o600,
            modified_ns: 0,
            attributes: Vec::new(),
            content: Content::File {
                len_bytes: runs.iter().map(Run::total_bytes).sum(),
                is_sparse: true,
                body: Body::Runs(runs),
            },
        },
        folder: None,
        link_to: None,
    }
}

#[test]
fn any_range_of_repeated_chunks_begins_inside_the_first_alone() {
    let test = TestStore::new();
    let (first, second) = (noise(1, 100), noise(2, 37));
    let child = child_of(
        &test.store,
        &[(&first, 20), (&second, 1), (&first, 1), (&second, 30)],
    );
    let plain = [
        first.repeat(20),
        second.clone(),
        first.clone(),
        second.repeat(30),
    ]
    .concat();
    let file = StoredFile::new(test.store.clone(), child, "made");
    proptest!(cases(256), |(start in 0..plain.len(), len in 0..2_500usize)| {
        let end = (start + len).min(plain.len());
        let range = start as u64..end as u64;
        file.with_range(range.clone(), &mut |bytes| assert!(*bytes == plain[start..end]))?;
        prop_assert!(copied(&test.store, file.child(), range) == plain[start..end]);
    });
}

#[test]
fn a_hole_of_fifty_gigabytes_is_one_read() {
    let test = TestStore::with_chunks(Parameters::default());
    let zeros = vec![0; 256 << 10];
    let child = child_of(&test.store, &[(&zeros, 200_000), (b"the end", 1)]);
    let total_bytes = 200_000 * zeros.len() as u64 + 7;
    let (mut bytes, mut last) = (0, Vec::new());
    let mut write = |piece: &[u8]| {
        bytes += piece.len() as u64;
        last = piece[piece.len().saturating_sub(7)..].to_vec();
        Ok(())
    };
    test.store
        .copy_range(&child, 1..u64::MAX, &mut write)
        .expect("it is whole");
    assert_eq!((bytes, &last[..]), (total_bytes - 1, &b"the end"[..]));
    let counters = test.store.objects().counters();
    assert!(
        counters.warm.hits + counters.warm.misses <= 2,
        "{counters:?}"
    );
    // The same at any byte of it.
    let file = StoredFile::new(test.store.clone(), child, "hole");
    file.with_range(40_000_000_123..40_000_600_000, &mut |bytes| {
        assert!(bytes.len() == 599_877 && bytes.iter().all(|&byte| byte == 0));
    })
    .expect("it is whole");
}

#[test]
fn what_is_no_file_says_so() {
    let test = TestStore::new();
    test.write("folder/file", "text");
    std::os::unix::fs::symlink("folder/file", test.work().join("link")).expect("there is room");
    test.commit();
    let find = |path: &str| {
        let found = test
            .store
            .find_file(root(&test.store), path.as_bytes(), HEAD);
        found.map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(find("folder/file"), Ok(()));
    let says = |path: &str, text: &str| {
        let error = find(path).expect_err(path);
        assert!(error.contains(text), "{error}");
    };
    says("folder", "is a folder");
    says("", "all of `HEAD` is a folder");
    says("link", "points to `folder/file`");
    says("folder/none", "HEAD has no `folder/none`");
    says("link/file", "has no");
}

fn all_of(source: &dyn Source) -> (Vec<u8>, bool) {
    let opened = source.open().expect("it can be opened");
    let is_random = matches!(opened, Opened::Random(_));
    let peeked = peek(opened, 10_000_000).expect("it can be read");
    assert!(peeked.is_all);
    (peeked.head, is_random)
}

#[test]
fn a_source_gives_plain_bytes_also_of_what_is_compressed() {
    let test = TestStore::new();
    let plain = b"number,name\n1,one\n2,two\n".repeat(5_000);
    test.write("a.csv", &plain);
    test.write(
        "a.csv.zst",
        zstd::encode_all(&plain[..], 3).expect("in memory"),
    );
    test.commit();
    let source = |path: &str, unpack| {
        let uri = StoreUri::parse(format!("store:main:{path}")).expect("it is one");
        let options = ReadOptions {
            unpack,
            ..ReadOptions::default()
        };
        let store = test.store.clone();
        StoreSource::new(store, &uri.revision, &uri.path, path, options).expect("it is there")
    };
    assert_eq!(all_of(&source("a.csv", true)), (plain.clone(), true));
    let packed = source("a.csv.zst", true);
    assert_eq!(all_of(&packed), (plain.clone(), false));
    assert!(packed.is_repeatable());
    assert_eq!(all_of(&packed), (plain.clone(), false));
    let (stored, is_random) = all_of(&source("a.csv.zst", false));
    assert!(is_random && stored.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]));
    // Another commit on top changes nothing about it.
    test.commit_files(&[("a.csv.zst", b"something else")]);
    assert_eq!(all_of(&packed), (plain, false));
}

#[test]
fn damage_is_an_error_and_no_bytes() {
    let test = TestStore::new();
    let plain = noise(9, 100_000);
    test.commit_files(&[("file", &plain)]);
    for pack in fs::read_dir(test.folder().join("packs")).expect("it is there") {
        let path = pack.expect("it is there").path();
        if path.extension().is_some_and(|it| it == "data") {
            let file = File::options().write(true).open(&path).expect("it is ours");
            file.write_all_at(&[0xff; 64], 50_000)
                .expect("there is room");
        }
    }
    let store = test.reopened(crate::disk::RealDisk::shared());
    let child = store
        .find_file(root(&store), b"file", HEAD)
        .expect("it is there");
    let mut right = Vec::new();
    let result = store.copy_range(&child, 0..u64::MAX, &mut |bytes| {
        right.extend_from_slice(bytes);
        Ok(())
    });
    assert!(matches!(result, Err(Error::Damaged { .. })), "{result:?}");
    assert!(right.len() < plain.len() && plain.starts_with(&right));
    let file = store
        .open_file(root(&store), b"file", "file")
        .expect("it is there");
    let read = file.with_range(0..100_000, &mut |_| panic!("these bytes are wrong"));
    assert!(matches!(read, Err(tamis_engine::Error::Producer { .. })));
    assert!(
        store
            .objects()
            .read(&crate::id::ObjectId([1; 32]), PackKind::Data)
            .is_err()
    );
}
