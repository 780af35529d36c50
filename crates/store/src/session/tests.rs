//! What a commit says that is new of it, what history says of both, and what becomes of what is staged when the branch moves.

use std::fs;
use std::time::Duration;

use tamis_engine::control::Cancel;
use tamis_engine::sink::Sink;

use super::*;
use crate::add::AddOptions;
use crate::collect::CollectOptions;
use crate::commit::Commit;
use crate::history;
use crate::id::CommitId;
use crate::perf::Stage;
use crate::testing::{TestStore, dying_disk, request, restored};
use crate::transfer::push;
use crate::write_file::StoreSink;

fn session(test: &TestStore) -> Session<'_> {
    Session::open(&test.store, &test.work()).expect("nobody else has it")
}

fn add(session: &mut Session<'_>, path: &str) {
    let added = session.add(&[path.as_bytes().to_vec()], &AddOptions::default());
    assert!(added.expect("it can be added").failures.is_empty());
}

fn commit(session: &mut Session<'_>) -> Commit {
    let committed = session.commit(&request()).expect("it can be committed");
    committed.expect("something changed").commit
}

/// Bytes that have no chunk twice.
fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    (0..len).map(|_| random.u8(..)).collect()
}

/// Writes a file past the staging, as a check does.
fn write_to_branch(test: &TestStore, path: &str, bytes: &[u8]) -> CommitId {
    let store = test.store.clone();
    let sink = StoreSink::new(store, "main", path.as_bytes(), "test", request());
    let (mut sink, output) = sink.expect("nothing is in the way");
    sink.write_all(bytes).expect("there is room");
    Box::new(sink).finish().expect("there is room");
    output.written().expect("it is finished").commit
}

#[test]
fn what_is_new_is_what_the_commit_holds() {
    let test = TestStore::new();
    test.write("small", "a text");
    test.write("large", noise(100_000, 1));
    test.write("twin", noise(100_000, 1));
    let mut session = session(&test);
    for path in ["small", "large", "twin"] {
        add(&mut session, path);
    }
    let first = commit(&mut session);
    assert_eq!(first.new_plain_bytes, 100_006);
    let sizes = test.store.sizes().expect("it can be read");
    assert_eq!(first.new_chunks, sizes.chunks);
    let packs = sizes.stored.data_packs + sizes.stored.tree_packs;
    assert_eq!(first.stored_bytes, packs);
    // Moved and touched, nothing is new but folders.
    fs::rename(test.work().join("large"), test.work().join("moved")).expect("it is there");
    add(&mut session, "");
    let second = commit(&mut session);
    assert_eq!((second.new_chunks, second.new_plain_bytes), (0, 0));
    assert!((1..1000).contains(&second.stored_bytes), "{second:?}");
}

#[test]
fn what_was_taken_back_or_failed_does_not_count() {
    let test = TestStore::new();
    test.write("kept", noise(10_000, 1));
    test.write("taken back", noise(500_000, 2));
    test.write("changed", noise(30_000, 3));
    let mut session = session(&test);
    add(&mut session, "");
    session
        .unstage(&[b"taken back".to_vec()])
        .expect("it is staged");
    let mut changed = noise(30_000, 3);
    changed.truncate(20_000);
    changed.extend(noise(5_000, 4));
    test.write("changed", &changed);
    add(&mut session, "changed");
    let first = commit(&mut session);
    assert_eq!(first.new_plain_bytes, 35_000);
    assert!(first.stored_bytes < 100_000, "{first:?}");
    // It is in a pack from before now.
    add(&mut session, "taken back");
    assert_eq!(commit(&mut session).new_plain_bytes, 0);
}

/// Two stores of the same work tree: one with packs that nothing knows, as an `add` leaves them that was killed.
fn with_orphans() -> TestStore {
    let [killed, test] = [(); 2].map(|()| TestStore::new());
    for test in [&killed, &test] {
        test.write("file", noise(50_000, 1));
    }
    add(&mut session(&killed), "file");
    for entry in fs::read_dir(killed.folder().join("packs")).expect("there are packs") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("it has a name");
        fs::copy(&path, test.folder().join("packs").join(name)).expect("there is room");
    }
    test
}

#[test]
fn packs_of_an_add_that_was_killed_count_for_the_next_commit() {
    // Adopted by one, and of use to another.
    let adopters: [fn(&TestStore); 4] = [
        |test| drop(session(test)),
        |test| {
            let settings = *test.store.settings();
            let store = Store::open(&test.folder(), settings, &Cancel::new());
            let collected = store.expect("a store").collect(&CollectOptions::default());
            collected.expect("nobody else does");
        },
        |test| {
            let done = push(&TestStore::new().store, &test.store, &Default::default());
            done.expect("there is nothing to copy");
        },
        // Somebody else may be changing the staging, who has noted what was there, as here.
        |test| {
            let _session = session(test);
            test.store.adopt_packs().expect("there is room");
        },
    ];
    for adopt in adopters {
        let test = with_orphans();
        adopt(&test);
        let store = test.reopened(crate::disk::RealDisk::shared());
        assert!(store.orphans().expect("it can be read").is_empty());
        let mut session = session(&test);
        add(&mut session, "file");
        assert_eq!(commit(&mut session).new_plain_bytes, 50_000);
        let since = session.staging().packs_since_commit();
        assert!(since.expect("it is whole").is_empty());
    }
}

#[test]
fn who_adopts_packs_keeps_nobody_from_adding() {
    let test = TestStore::new();
    let locks = test.store.locks();
    let publish = locks.exclusive(Role::Publish, Wait::No);
    let staging = locks.exclusive(Role::Staging, Wait::No);
    std::thread::scope(|scope| {
        let opened = scope.spawn(|| Session::open(&test.store, &test.work()).map(drop));
        std::thread::sleep(Duration::from_millis(50));
        drop((staging, publish));
        opened.join().expect("no panic").expect("it was free soon");
    });
}

#[test]
fn nobody_asks_the_history() {
    let test = TestStore::new();
    let line = r#"{"time_ns":1,"verb":"add","seconds":1.0,"new_chunks":7,"new_plain_bytes":7000,"stored_bytes":7000}"#;
    let path = test.folder().join("history.jsonl");
    fs::write(&path, format!("{line}\n").repeat(100_000)).expect("there is room");
    test.write("file", "a text");
    let id = test.commit();
    let commit = test.store.refs().commit(id).expect("it was just made");
    assert_eq!((commit.new_chunks, commit.new_plain_bytes), (1, 6));
    // Nor needs it.
    fs::remove_file(&path).expect("it is there");
    fs::create_dir(&path).expect("there is room");
    let sizes = test.store.sizes().expect("it can be read");
    assert_eq!(sizes.versions[0].stored_bytes, commit.stored_bytes);
    test.write("file", "another text");
    test.commit();
}

#[test]
fn history_says_where_the_time_went() {
    let test = TestStore::new();
    test.write("file", "a text");
    let id = test.commit();
    let lines = history::read(&test.folder());
    let verbs: Vec<_> = lines.iter().map(|it| &it.verb[..]).collect();
    assert_eq!(verbs, ["add", "commit"]);
    assert_eq!(lines[1].commit, Some(id.to_string()));
    for (line, of) in lines.iter().zip([Stage::OF_ADD, Stage::OF_COMMIT]) {
        let stages = line.stages.as_ref().and_then(|it| it.as_object());
        let stages = stages.expect("they are there");
        assert_eq!(stages.len(), of.len());
        let sum: f64 = of.iter().filter_map(|it| stages[it.name()].as_f64()).sum();
        assert!(sum > 0.0, "{line:?}");
        let limited_by = line.limited_by.as_deref().expect("it is there");
        assert!(of.iter().any(|it| it.name() == limited_by), "{line:?}");
    }
}

#[test]
fn what_is_staged_stays_a_change_when_the_branch_moves() {
    let test = TestStore::new();
    test.commit_files(&[
        ("same", b"1"),
        ("changed", b"1"),
        ("gone", b"1"),
        ("both", b"1"),
    ]);
    for (path, bytes) in [("new", "2"), ("changed", "2"), ("both", "2")] {
        test.write(path, bytes);
    }
    fs::remove_file(test.work().join("gone")).expect("it is there");
    add(&mut session(&test), "");
    write_to_branch(&test, "both", b"3");
    let head = write_to_branch(&test, "written", b"3");
    let mut session = session(&test);
    let changes = session.staging().changes();
    let mut paths: Vec<_> = changes.map(|it| it.expect("it is whole").path).collect();
    paths.retain(|path| !path.is_empty());
    paths.sort();
    assert_eq!(paths, [&b"both"[..], b"changed", b"gone", b"new"]);
    let committed = commit(&mut session);
    assert_eq!(committed.parents, [head]);
    assert_eq!(
        committed.new_plain_bytes, 1,
        "of `2`, which is there three times"
    );
    let files = restored(&test.store, test.head().expect("there is one"));
    let files: Vec<_> = files
        .iter()
        .map(|(path, bytes)| (&path[..], &bytes[..]))
        .collect();
    let expected: [(&str, &[u8]); 5] = [
        ("both", b"2"),
        ("changed", b"2"),
        ("new", b"2"),
        ("same", b"1"),
        ("written", b"3"),
    ];
    assert_eq!(files, expected);
}

#[test]
fn who_is_killed_while_the_staging_follows_loses_nothing_that_is_staged() {
    let test = TestStore::new();
    test.commit_files(&[("kept", b"1")]);
    for number in 0..100 {
        test.write(&format!("new {number:03}"), "2");
    }
    add(&mut session(&test), "");
    let staged = || {
        let status = test.store.status(&test.work(), &[Vec::new()]);
        let mut paths: Vec<_> = status
            .expect("it can be read")
            .staged
            .into_iter()
            .map(|change| change.path)
            .collect();
        paths.retain(|path| !path.is_empty());
        paths
    };
    let before = staged();
    assert_eq!(before.len(), 100);
    write_to_branch(&test, "written", b"3");
    let mut steps = 0;
    while Session::open(
        &test.reopened(dying_disk(&test.folder(), steps)),
        &test.work(),
    )
    .is_err()
    {
        assert_eq!(staged(), before, "after {steps} steps");
        steps += 1;
    }
    assert!(steps > 10, "what is put aside is written in pieces");
    assert_eq!(staged(), before);
}
