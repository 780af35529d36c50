//! Who asks is served, in groups, and what nobody waits for comes later.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use tempfile::TempDir;

use super::*;
use crate::batch::BatchBuilder;
use crate::disk::Disk;
use crate::log::{Budget, Files, LogConfig, Shared as LogShared};

const SOON: Duration = Duration::from_millis(20);

fn flusher() -> (Flusher, Arc<Histogram>) {
    let syncs = Arc::new(Histogram::new(&[]));
    (Flusher::start(syncs.clone()).expect("a thread"), syncs)
}

fn log(folder: &TempDir, name: &str) -> Arc<Log> {
    log_on(Files::new(16), folder, name)
}

fn log_on(files: Files, folder: &TempDir, name: &str) -> Arc<Log> {
    let tails = Budget::new(4096);
    let shared = LogShared { files, tails };
    let opened = Log::open(&folder.path().join(name), LogConfig::default(), &shared, 0);
    Arc::new(opened.expect("it opens").0)
}

fn append(log: &Log) -> i64 {
    let mut batch = BatchBuilder::new(1000);
    batch.push(1000, None, Some(b"value"));
    let appended = log.append(Bytes::from(batch.finish()), 0, 1000);
    appended.expect("it is appended").next_offset
}

fn count(syncs: &Histogram) -> u64 {
    syncs.cumulative().last().map_or(0, |(_, count)| *count)
}

/// Whether it becomes true within a few seconds.
fn comes_true(condition: impl Fn() -> bool) -> bool {
    let end = Instant::now() + Duration::from_secs(10);
    while Instant::now() < end {
        if condition() {
            return true;
        }
        thread::sleep(Duration::from_millis(1));
    }
    false
}

#[test]
fn everyone_who_asks_is_served() {
    let folder = tempfile::tempdir().expect("a folder");
    let (flusher, syncs) = flusher();
    let logs = ["a", "b", "c"].map(|name| log(&folder, name));
    thread::scope(|scope| {
        for log in logs.iter().chain(&logs) {
            scope.spawn(|| {
                for _ in 0..20 {
                    let end = append(log);
                    flusher.request(log);
                    assert!(comes_true(|| log.durable_offset() >= end));
                }
            });
        }
    });
    assert!(logs.iter().all(|it| it.durable_offset() == 40));
    // Never more than were asked for, and every log at least once.
    assert!((3..=120).contains(&count(&syncs)), "{}", count(&syncs));
}

#[test]
fn what_nobody_waits_for_comes_later_and_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let (flusher, syncs) = flusher();
    let log = log(&folder, "a");
    let start = Instant::now();
    // Long enough for all of them to come before it.
    let delay = Duration::from_millis(500);
    for _ in 0..10 {
        append(&log);
        flusher.request_later(&log, delay);
    }
    assert!(comes_true(|| log.durable_offset() == 10));
    assert!(start.elapsed() >= delay);
    assert_eq!(count(&syncs), 1);
}

#[test]
fn who_cannot_wait_does_not_and_nothing_is_left_for_later() {
    let folder = tempfile::tempdir().expect("a folder");
    let (flusher, syncs) = flusher();
    let log = log(&folder, "a");
    append(&log);
    flusher.request_later(&log, SOON);
    flusher.request(&log);
    assert!(comes_true(|| log.durable_offset() == 1));
    thread::sleep(2 * SOON);
    assert_eq!(count(&syncs), 1, "it was clean when its time came");
}

#[test]
fn what_is_left_for_later_keeps_no_log() {
    let folder = tempfile::tempdir().expect("a folder");
    let (flusher, syncs) = flusher();
    let gone = log(&folder, "a");
    append(&gone);
    flusher.request_later(&gone, SOON);
    let is_gone = Arc::downgrade(&gone);
    drop(gone);
    assert_eq!(is_gone.strong_count(), 0);
    let other = log(&folder, "b");
    append(&other);
    flusher.request_later(&other, 2 * SOON);
    assert!(comes_true(|| other.durable_offset() == 1));
    assert_eq!(count(&syncs), 1);
}

#[test]
fn it_ends_with_what_was_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let (flusher, _) = flusher();
    let log = log(&folder, "a");
    append(&log);
    flusher.request(&log);
    drop(flusher);
    assert_eq!(log.durable_offset(), 1);
}

/// A disk on which a sync waits until another is under way, and that sees whether two are in one file.
#[derive(Debug, Default)]
struct Together {
    syncs: AtomicUsize,
    in_file: Mutex<HashSet<std::path::PathBuf>>,
    is_open: AtomicBool,
}

impl Disk for Together {
    fn sync(&self, _: &File, path: &Path) -> tamis_engine::disk::Result<()> {
        let is_first = self.in_file.lock().expect("a lock").insert(path.to_owned());
        assert!(is_first, "{} is flushed twice at a time", path.display());
        let is_open = || self.is_open.load(Ordering::SeqCst);
        if self.syncs.fetch_add(1, Ordering::SeqCst) > 0 {
            self.is_open.store(true, Ordering::SeqCst);
        }
        assert!(comes_true(is_open), "nobody comes");
        self.in_file.lock().expect("a lock").remove(path);
        Ok(())
    }

    fn sync_folder(&self, _: &Path) -> tamis_engine::disk::Result<()> {
        Ok(())
    }
}

#[test]
fn logs_are_flushed_together_but_each_by_one_thread() {
    let folder = tempfile::tempdir().expect("a folder");
    let (flusher, _) = flusher();
    let files = Files::on(Arc::new(Together::default()), 16);
    let logs = ["a", "b"].map(|name| log_on(files.clone(), &folder, name));
    for _ in 0..50 {
        for log in &logs {
            append(log);
            flusher.request(log);
        }
    }
    for log in &logs {
        assert!(comes_true(|| log.durable_offset() == 50));
    }
}
