//! Goal: an add that was killed goes on where it was: what is staged is not read again, and what is stored is not stored again.

use std::fs;
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::Drops;
use crate::faults::signal;

/// As long as four packs and a half.
const BYTES: usize = 150_000_000;
const FILE_BYTES: usize = 100_000;
/// What an empty log has.
const LOG_HEADER_BYTES: u64 = 32;
/// What was changed less than two seconds before it was read is read again; and what was staged is on the disk after two seconds.
const WHILE: Duration = Duration::from_millis(2100);
/// Long enough to stage what is due, and much shorter than adding the rest.
const MOMENT: Duration = Duration::from_millis(20);

/// Bytes that no compression shortens.
fn noise() -> Vec<u8> {
    let mut bytes = vec![0; BYTES];
    fastrand::Rng::with_seed(9).fill(&mut bytes);
    bytes
}

fn start_adding(drops: &Drops) -> Child {
    let mut command = drops.command();
    command.args(["add", "tree", "--threads", "1"]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("tamis starts")
}

/// Waits until something is to be seen of an `add`, before it ends.
fn wait_until(adding: &mut Child, is_seen: impl Fn() -> bool) {
    while !is_seen() {
        let ended = adding.try_wait().expect("it was started");
        assert!(ended.is_none(), "it ended before it could be killed");
        thread::sleep(Duration::from_micros(200));
    }
}

fn kill(mut adding: Child) {
    adding.kill().expect("it was started");
    adding.wait().expect("it was started");
}

/// Lengths of all packs of chunks that are complete.
fn packs(drops: &Drops) -> Vec<u64> {
    let packs = fs::read_dir(drops.path(".tamis/packs")).expect("it is there");
    let packs = packs.map(|it| it.expect("it is there"));
    packs
        .filter(|it| it.path().extension().is_some_and(|it| it == "data"))
        .map(|it| it.metadata().expect("it is there").len())
        .collect()
}

/// Adds what is left, commits it, and holds it against the tree; what it took.
fn go_on(drops: &Drops) -> Value {
    let added = drops.json("add tree");
    assert_eq!(drops.store("commit -m whole").code, Some(0));
    let verified = drops.store("verify --read-data");
    assert_eq!(verified.code, Some(0), "{verified}");
    // Each byte once, though some were begun twice.
    let stored: u64 = packs(drops).iter().sum();
    assert!(stored < BYTES as u64 / 100 * 101, "{stored} bytes");
    assert_eq!(drops.store("checkout HEAD -o out").code, Some(0));
    for entry in fs::read_dir(drops.path("tree")).expect("it is there") {
        let path = entry.expect("it is there").path();
        let name = path.file_name().expect("it has a name");
        let restored = drops.path("out/tree").join(name);
        let same = fs::read(&path).ok() == fs::read(restored).ok();
        assert!(same, "{}", path.display());
    }
    added
}

#[test]
fn faults_a_killed_add_of_many_files_goes_on() {
    let drops = Drops::new();
    let files = BYTES / FILE_BYTES;
    for (number, bytes) in noise().chunks(FILE_BYTES).enumerate() {
        drops.write(&format!("tree/{number}"), bytes);
    }
    thread::sleep(WHILE);
    let mut adding = start_adding(&drops);
    wait_until(&mut adding, || !packs(&drops).is_empty());
    let log = drops.path(".tamis/staging/log");
    let is_staged = || fs::metadata(&log).is_ok_and(|it| it.len() > LOG_HEADER_BYTES);
    // More than once if the pack had its name, but was not durable yet when the staging was due.
    while !is_staged() {
        signal(&adding, "STOP");
        thread::sleep(WHILE);
        signal(&adding, "CONT");
        thread::sleep(MOMENT);
        let ended = adding.try_wait().expect("it was started");
        assert!(ended.is_none(), "it ended before it could be killed");
    }
    kill(adding);
    let status = drops.json("status");
    let staged = status["staged"].as_array().expect("a list");
    let staged = staged.iter().filter(|it| it["path"] != "tree").count();
    assert!(staged > 100 && staged < files, "{staged} of {files} files");
    let added = go_on(&drops);
    assert_eq!(added["bytes"], (files - staged) * FILE_BYTES);
}

#[test]
fn faults_a_killed_add_of_a_large_file_goes_on() {
    let drops = Drops::new();
    drops.write("tree/large", noise());
    let mut adding = start_adding(&drops);
    wait_until(&mut adding, || packs(&drops).len() >= 2);
    kill(adding);
    let stored: u64 = packs(&drops).iter().sum();
    let added = go_on(&drops);
    // Where it is cut is found out by reading it; but what is stored already is not written again.
    assert_eq!(added["bytes"], BYTES);
    let new = added["new_bytes"].as_u64().expect("a number");
    assert!(
        new < BYTES as u64 - stored / 100 * 99,
        "{new} new bytes, {stored} were there"
    );
}
