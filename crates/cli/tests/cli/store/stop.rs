//! Goal: a process that is stopped in the middle of an `add`, while what it relies on is collected as garbage, goes on and loses nothing.

use std::fs;
use std::process::Child;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::Drops;
use super::kill::{files_of, start, succeed};
use crate::faults::signal;
use crate::shell::Ran;

/// What is in the store already, and needed by nobody but the writer.
const OLD_BYTES: usize = 8_000_000;
/// What the writer adds in the midst of that; it takes long enough to be stopped at it.
const NEW_BYTES: usize = 20_000_000;

/// Bytes that no compression shortens.
fn noise(seed: u64, len_bytes: usize) -> Vec<u8> {
    let mut bytes = vec![0; len_bytes];
    fastrand::Rng::with_seed(seed).fill(&mut bytes);
    bytes
}

/// Commits a file of these bytes, and forgets that commit, so that only garbage has them.
fn leave_as_garbage(drops: &Drops, bytes: &[u8]) {
    drops.write("tree/large", bytes);
    succeed(drops, "add -A");
    succeed(drops, "commit -m forgotten");
    let log = succeed(drops, "log -n 1 --oneline").stdout;
    fs::remove_file(drops.path("tree/large")).expect("it is there");
    succeed(drops, "add -A");
    succeed(drops, "commit -m without");
    let id = log.split(' ').next().expect("an id");
    succeed(drops, &format!("forget {id}"));
}

/// Stops a writer once the packs that it writes have so many bytes.
fn stop_at(drops: &Drops, writer: &mut Child, len_bytes: u64) {
    let drafts = drops.path("tree/.tamis/tmp");
    let written = || {
        let drafts = fs::read_dir(&drafts).expect("it is there").flatten();
        // One may have got its name meanwhile.
        let lengths = drafts.filter_map(|it| Some(it.metadata().ok()?.len()));
        lengths.sum::<u64>()
    };
    while written() < len_bytes {
        let ended = writer.try_wait().expect("it was started");
        assert!(ended.is_none(), "it ended before it could be stopped");
        thread::sleep(Duration::from_micros(200));
    }
    signal(writer, "STOP");
}

fn collect(drops: &Drops) -> Value {
    let ran = succeed(drops, "gc --grace 0 --repack-below 100% --json");
    serde_json::from_str(&ran.stdout).expect("it is JSON")
}

#[test]
fn faults_a_stopped_writer_survives_a_collection() {
    let drops = Drops::bare();
    drops.write("tree/small", "small");
    succeed(&drops, "init");
    // One thread has gone through the first half of what is old when it begins with what is new; several are at all of it.
    for (round, (add, stop_bytes)) in [
        ("add -A --threads 1", 200_000),
        ("add -A --threads 1", 5_000_000),
        ("add -A", 200_000),
    ]
    .into_iter()
    .enumerate()
    {
        let old = noise(round as u64, OLD_BYTES);
        let new = noise(100 + round as u64, NEW_BYTES);
        leave_as_garbage(&drops, &old);
        let (front, back) = old.split_at(OLD_BYTES / 2);
        drops.write("tree/large", [front, &new, back].concat());
        let mut writer = start(&drops, add);
        stop_at(&drops, &mut writer, stop_bytes);
        let collected = collect(&drops);
        for count in ["dead_objects", "packs_dropped", "bytes_in_trash"] {
            assert!(collected[count].as_u64() > Some(0), "{count}: {collected}");
        }
        // It is in the trash, and stays there as long as there is a writer.
        assert_eq!(collected["bytes_freed_now"], 0, "{collected}");
        let why = collected["is_postponed"].as_str().unwrap_or_default();
        assert!(why.contains("another process"), "{collected}");
        signal(&writer, "CONT");
        let added = Ran::from(writer.wait_with_output().expect("it ends"));
        assert_eq!(added.code, Some(0), "{added}");
        succeed(&drops, "verify --read-data");
        succeed(&drops, "commit -m whole");
        // Now that nobody is there, what is in the trash goes; but what came back from it is needed.
        assert_eq!(collect(&drops)["is_postponed"], Value::Null);
        succeed(&drops, "verify --read-data");
        let out = format!("out-{round}");
        succeed(&drops, &format!("checkout HEAD -o ../{out}"));
        let is_same = files_of(&drops.path(&out)) == files_of(&drops.path("tree"));
        assert!(is_same, "round {round}");
    }
}
