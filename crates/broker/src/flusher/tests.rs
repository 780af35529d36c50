//! Who asks is served, in groups, and what nobody waits for comes later.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use nix::libc::EIO;
use tamis_engine::disk;
use tempfile::TempDir;

use super::*;
use crate::Error;
use crate::batch::BatchBuilder;
use crate::disk::Disk;
use crate::disk::lossy::LossyDisk;
use crate::log::{Budget, Files, LogConfig, Shared as LogShared};

const SOON: Duration = Duration::from_millis(20);

fn started(prepared: Prepared) -> (Flusher, Arc<Histogram>) {
    let syncs = Arc::new(Histogram::new(&[]));
    let flusher = Flusher::start(prepared, syncs.clone());
    (flusher.expect("a thread"), syncs)
}

/// One that has threads.
fn by_threads() -> (Flusher, Arc<Histogram>) {
    started(Flushing::Threads.prepare().expect("nothing"))
}

/// One of each way that there is in this build, on this system.
fn flushers() -> Vec<(Flusher, Arc<Histogram>)> {
    let mut flushers = vec![by_threads()];
    flushers.extend(ring().map(started));
    flushers
}

/// What a flusher with a ring is started with, if there may be one. With `TAMIS_TEST_NO_SKIP=1` there has to be.
fn ring() -> Option<Prepared> {
    match Flushing::IoUring.prepare() {
        Ok(prepared) => Some(prepared),
        Err(Error::WithoutRing) if cfg!(not(feature = "io-uring")) => None,
        Err(error) => {
            let may_skip = std::env::var_os("TAMIS_TEST_NO_SKIP").is_none_or(|it| it != "1");
            assert!(may_skip, "{error} (`TAMIS_TEST_NO_SKIP=0` lets it pass)");
            // Standard error itself: what is printed there by macros is kept back.
            let _ = writeln!(std::io::stderr(), "skipped a test of the flusher: {error}");
            None
        }
    }
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
    for (flusher, syncs) in flushers() {
        let folder = tempfile::tempdir().expect("a folder");
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
}

#[test]
fn what_nobody_waits_for_comes_later_and_once() {
    for (flusher, syncs) in flushers() {
        let folder = tempfile::tempdir().expect("a folder");
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
        assert!(comes_true(|| count(&syncs) > 0));
        assert_eq!(count(&syncs), 1);
    }
}

#[test]
fn who_cannot_wait_does_not_and_nothing_is_left_for_later() {
    for (flusher, syncs) in flushers() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = log(&folder, "a");
        append(&log);
        flusher.request_later(&log, SOON);
        flusher.request(&log);
        assert!(comes_true(|| log.durable_offset() == 1));
        thread::sleep(2 * SOON);
        assert_eq!(count(&syncs), 1, "it was clean when its time came");
    }
}

#[test]
fn what_is_left_for_later_keeps_no_log() {
    for (flusher, syncs) in flushers() {
        let folder = tempfile::tempdir().expect("a folder");
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
        assert!(comes_true(|| count(&syncs) > 0));
        assert_eq!(count(&syncs), 1);
    }
}

#[test]
fn it_ends_with_what_was_asked_for() {
    for (flusher, _) in flushers() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = log(&folder, "a");
        append(&log);
        flusher.request(&log);
        drop(flusher);
        assert_eq!(log.durable_offset(), 1);
    }
}

/// A disk on which a sync waits until another is under way, and that sees whether two are in one file.
#[derive(Debug, Default)]
struct Together {
    syncs: AtomicUsize,
    in_file: Mutex<HashSet<PathBuf>>,
    is_open: AtomicBool,
}

impl Disk for Together {
    fn sync(&self, _: &File, path: &Path) -> disk::Result<()> {
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
}

#[test]
fn logs_are_flushed_together_but_each_by_one_thread() {
    let folder = tempfile::tempdir().expect("a folder");
    let (flusher, _) = by_threads();
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

#[test]
fn a_log_that_cannot_be_made_durable_is_poisoned_alone() {
    for (flusher, _) in flushers() {
        let folder = tempfile::tempdir().expect("a folder");
        let disk = Arc::new(LossyDisk::new(folder.path()));
        let bad = log_on(Files::on(disk.clone(), 16), &folder, "bad");
        let good = ["a", "b", "c"].map(|name| log(&folder, name));
        append(&bad);
        disk.fail(0, EIO);
        flusher.request(&bad);
        for end in 1..=10 {
            for log in &good {
                append(log);
                flusher.request(log);
            }
            assert!(comes_true(|| good
                .iter()
                .all(|it| it.durable_offset() == end)));
        }
        assert!(comes_true(|| bad.is_poisoned()));
        assert_eq!((bad.durable_offset(), bad.readable_offset()), (0, 0));
        assert!(good.iter().all(|it| !it.is_poisoned()));
        // It is not tried again, and what asks for it hangs up nobody.
        flusher.request(&bad);
        append(&good[0]);
        flusher.request(&good[0]);
        assert!(comes_true(|| good[0].durable_offset() == 11));
    }
}

#[test]
fn a_file_that_is_gone_poisons_its_log() {
    for (flusher, _) in flushers() {
        let folder = tempfile::tempdir().expect("a folder");
        let (bad, good) = (log(&folder, "bad"), log(&folder, "good"));
        for log in [&bad, &good] {
            append(log);
        }
        // The folder is made durable at the first flush, and by its name.
        std::fs::rename(bad.folder(), folder.path().join("gone")).expect("it is there");
        flusher.request(&bad);
        flusher.request(&good);
        assert!(comes_true(
            || good.durable_offset() == 1 && bad.is_poisoned()
        ));
        assert_eq!(bad.durable_offset(), 0);
    }
}

#[test]
fn what_the_system_refuses_poisons_its_log() {
    for (flusher, _) in flushers() {
        let folder = tempfile::tempdir().expect("a folder");
        let (bad, good) = (log(&folder, "bad"), log(&folder, "good"));
        let mut config = LogConfig::clone(&bad.config());
        config.segment_bytes = 1;
        bad.configure(config);
        for log in [&bad, &bad, &good] {
            append(log);
        }
        // There is nothing in it that could be made durable.
        let index = bad.folder().join(format!("{:020}.index", 0));
        std::fs::remove_file(&index).expect("it was sealed");
        std::os::unix::fs::symlink("/dev/null", &index).expect("a link");
        flusher.request(&bad);
        flusher.request(&good);
        assert!(comes_true(
            || good.durable_offset() == 1 && bad.is_poisoned()
        ));
        assert_eq!(bad.durable_offset(), 0);
    }
}

/// A disk that notes what is made durable, in order.
#[derive(Debug, Default)]
struct Noting(Mutex<Vec<String>>);

impl Noting {
    fn note(&self, path: &Path) {
        let name = path.file_name().expect("a name").to_string_lossy();
        self.0.lock().expect("a lock").push(name.into_owned());
    }
}

impl Disk for Noting {
    fn before_sync(&self, _: &File, path: &Path) -> disk::Result<()> {
        self.note(path);
        Ok(())
    }

    fn before_sync_folder(&self, folder: &Path) -> disk::Result<()> {
        self.note(folder);
        Ok(())
    }
}

#[test]
fn sealed_segments_come_first_and_the_folder_last() {
    for (flusher, _) in flushers() {
        let folder = tempfile::tempdir().expect("a folder");
        let disk = Arc::new(Noting::default());
        let log = log_on(Files::on(disk.clone(), 16), &folder, "a");
        let mut config = LogConfig::clone(&log.config());
        config.segment_bytes = 1;
        log.configure(config);
        for _ in 0..3 {
            append(&log);
        }
        disk.0.lock().expect("a lock").clear();
        flusher.request(&log);
        assert!(comes_true(|| log.durable_offset() == 3));
        append(&log);
        log.configure(LogConfig::default());
        flusher.request(&log);
        assert!(comes_true(|| log.durable_offset() == 4));
        append(&log);
        flusher.request(&log);
        assert!(comes_true(|| log.durable_offset() == 5));
        let file = |base: i64, kind: &str| format!("{base:020}.{kind}");
        let sealed = |base| ["log", "index", "timeindex"].map(|kind| file(base, kind));
        let mut expected = [sealed(0), sealed(1)].concat();
        expected.extend([file(2, "log"), "a".to_owned()]);
        expected.extend(sealed(2));
        expected.extend([file(3, "log"), "a".to_owned(), file(3, "log")]);
        assert_eq!(*disk.0.lock().expect("a lock"), expected);
    }
}

/// A disk on which the first sync does not begin before it is let.
#[derive(Debug, Default)]
struct Gated {
    /// Names of what is made durable.
    begun: Mutex<Vec<PathBuf>>,
    is_open: AtomicBool,
    /// All logs, and how many were under way at once.
    logs: Mutex<Vec<Arc<Log>>>,
    together: AtomicUsize,
}

impl Disk for Gated {
    fn before_sync(&self, _: &File, path: &Path) -> disk::Result<()> {
        let folder = path.parent().expect("a folder").to_owned();
        self.begun.lock().expect("a lock").push(folder);
        assert!(comes_true(|| self.is_open.load(Ordering::SeqCst)));
        let begun = self.begun.lock().expect("a lock");
        let logs = self.logs.lock().expect("a lock");
        let is_under_way = |it: &&Arc<Log>| {
            begun.iter().any(|folder| folder == it.folder()) && it.durable_offset() == 0
        };
        let together = logs.iter().filter(is_under_way).count();
        self.together.fetch_max(together, Ordering::SeqCst);
        Ok(())
    }
}

#[test]
fn who_comes_while_the_ring_is_busy_joins_while_there_are_places() {
    let Some(prepared) = ring() else { return };
    let (flusher, syncs) = started(prepared);
    let folder = tempfile::tempdir().expect("a folder");
    let disk = Arc::new(Gated::default());
    let files = Files::on(disk.clone(), 512);
    let names = (0..300).map(|it| it.to_string());
    let logs: Vec<_> = names
        .map(|it| log_on(files.clone(), &folder, &it))
        .collect();
    disk.logs
        .lock()
        .expect("a lock")
        .extend(logs.iter().cloned());
    append(&logs[0]);
    flusher.request(&logs[0]);
    assert!(comes_true(|| disk.begun.lock().expect("a lock").len() == 1));
    for log in &logs[1..] {
        append(log);
        flusher.request(log);
    }
    disk.is_open.store(true, Ordering::SeqCst);
    assert!(comes_true(|| logs
        .iter()
        .all(|it| it.durable_offset() == 1)));
    // As many as there are places: the first has its folder before it still when they come.
    assert_eq!(disk.together.load(Ordering::SeqCst), 256);
    assert!(comes_true(|| count(&syncs) == 300));
    disk.logs.lock().expect("a lock").clear();
}

#[test]
fn who_ends_waits_for_all_that_is_under_way() {
    for (flusher, syncs) in flushers() {
        let folder = tempfile::tempdir().expect("a folder");
        let names = (0..100).map(|it| it.to_string());
        let logs: Vec<_> = names.map(|it| log(&folder, &it)).collect();
        for log in &logs {
            append(log);
            flusher.request(log);
        }
        drop(flusher);
        assert!(logs.iter().all(|it| it.durable_offset() == 1));
        assert_eq!(count(&syncs), 100);
    }
}

#[cfg(not(feature = "io-uring"))]
#[test]
fn a_build_without_a_ring_says_which_feature_it_lacks() {
    let refused = Flushing::IoUring.prepare().err().expect("there is none");
    assert!(
        refused.to_string().contains("Cargo feature `io-uring`"),
        "{refused}"
    );
}
