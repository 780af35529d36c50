//! What becomes of what is staged when the branch moves.

use std::fs;

use tamis_engine::sink::Sink;

use super::*;
use crate::add::AddOptions;
use crate::commit::Commit;
use crate::id::CommitId;
use crate::testing::{TestStore, request, restored};
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
