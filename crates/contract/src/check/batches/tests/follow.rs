//! Goal: a file that is followed is one input, through rotations and until it is stopped.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};

use tamis_engine::control::Cancel;
use tamis_engine::source::FollowSource;

use super::*;

/// Far longer than anything takes; only a failing test waits for it.
const LIMIT: Duration = Duration::from_secs(20);

/// A check of a file in a folder of its own.
struct Following {
    folder: tempfile::TempDir,
    stop: Cancel,
    batches: Receiver<Report>,
    thread: JoinHandle<Result<Report, CheckError>>,
}

impl Following {
    fn start(text: &str, rows: u64, max_wait: Option<Duration>) -> Following {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orders.csv");
        append(&path, text);
        let stop = Cancel::new();
        let (sender, batches) = mpsc::channel();
        let source = FollowSource::new(path, stop.clone(), Cancel::new());
        let batch_options = BatchOptions {
            max_wait,
            ..batch_options(rows, usize::MAX)
        };
        let thread = thread::spawn(move || {
            check(orders()).run_batches(
                &source,
                &options(2, 1 << 16),
                &batch_options,
                &mut |batch| {
                    sender.send(batch).expect("somebody listens");
                    Flow::Continue
                },
            )
        });
        Following {
            folder,
            stop,
            batches,
            thread,
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("orders.csv")
    }

    /// The next batch: its rows, and the row, line and rule of each violation.
    fn next(&self) -> (u64, Vec<String>) {
        shown(&self.batches.recv_timeout(LIMIT).expect("a batch"))
    }

    /// Stops, and gives the batches that were left, and the report.
    fn stop(self) -> (Vec<(u64, Vec<String>)>, Report) {
        self.stop.cancel();
        let report = self.thread.join().unwrap().unwrap();
        (
            self.batches.iter().map(|batch| shown(&batch)).collect(),
            report,
        )
    }
}

fn shown(batch: &Report) -> (u64, Vec<String>) {
    let place = |number: Option<u64>| number.map_or("-".to_owned(), |number| number.to_string());
    let sample = |sample: &crate::report::Sample| {
        format!(
            "{}:{} {}",
            place(sample.row),
            place(sample.line),
            sample.rule
        )
    };
    (batch.rows.total, batch.samples.iter().map(sample).collect())
}

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn batch(rows: u64, samples: &[&str]) -> (u64, Vec<String>) {
    (
        rows,
        samples.iter().map(|&sample| sample.to_owned()).collect(),
    )
}

#[test]
fn a_quiet_file_makes_shorter_batches_and_half_a_record_waits() {
    let wait = Some(Duration::from_millis(100));
    let following = Following::start("id,amount,memo\na,1,\nb,0,\nc,", 100, wait);
    assert_eq!(following.next(), batch(2, &["2:3 minimum"]));
    append(&following.path(), "99,\"two\nlines\"\nd");
    assert_eq!(
        following.next(),
        batch(1, &["3:4 maximum", "3:4 maxLength"])
    );
    let (left, report) = following.stop();
    assert!(left.is_empty());
    assert_eq!((report.rows.total, report.rows.invalid), (3, 2));
    assert_eq!(report.inputs[0].bytes, 43);
    assert_eq!(report.performance.io, "follow");
}

#[test]
fn no_row_waits_for_a_batch_that_fills_slowly() {
    let following = Following::start("id,amount,memo\n", 1000, Some(Duration::from_millis(150)));
    let writer = thread::spawn({
        let path = following.path();
        move || {
            for id in 0..40 {
                append(&path, &format!("{id},1,\n"));
                thread::sleep(Duration::from_millis(25));
            }
        }
    });
    let mut rows = 0;
    let mut batches = 0;
    while rows < 40 {
        rows += following.next().0;
        batches += 1;
    }
    writer.join().unwrap();
    assert!((3..40).contains(&batches), "{batches} batches");
}

#[test]
fn batches_are_full_where_nobody_is_in_a_hurry() {
    let following = Following::start("id,amount,memo\na,1,\n", 2, None);
    append(&following.path(), "b,1,\nc,0,\n");
    assert_eq!(following.next(), batch(2, &[]));
    let (left, _) = following.stop();
    assert_eq!(left, [batch(1, &["3:4 minimum"])]);
}

#[test]
fn a_rotated_file_goes_on_below_its_header() {
    let wait = Some(Duration::from_millis(100));
    let following = Following::start("id,amount,memo\na,1,\nb,1,\n", 3, wait);
    assert_eq!(following.next(), batch(2, &[]));
    // The last record lacks its terminator; the key `a` was there before; columns changed places.
    append(&following.path(), "c,0,");
    fs::rename(
        following.path(),
        following.folder.path().join("orders.csv.1"),
    )
    .unwrap();
    append(&following.path(), "amount,id,memo\n1,a,\n1,e,12345\n");
    assert_eq!(
        following.next(),
        batch(3, &["3:4 minimum", "4:2 unique", "5:3 maxLength"])
    );
    // Copied and cut short, without a header.
    fs::write(following.path(), "0,f,\n").unwrap();
    assert_eq!(following.next(), batch(1, &["6:1 minimum"]));
    let (_, report) = following.stop();
    assert_eq!((report.inputs.len(), report.inputs[0].rows), (1, 6));
    assert!(
        report.notes.iter().any(|note| note.message
            == "the file was replaced or cut short 2 times while it was followed"),
        "{:?}",
        report.notes
    );
}

#[test]
fn a_header_that_changed_is_held_to_the_contract() {
    let wait = Some(Duration::from_millis(100));
    let following = Following::start("id,amount,memo\na,1,\n", 3, wait);
    assert_eq!(following.next(), batch(1, &[]));
    fs::rename(
        following.path(),
        following.folder.path().join("orders.csv.1"),
    )
    .unwrap();
    append(&following.path(), "id,amount\nb,0\n");
    assert_eq!(
        following.next(),
        batch(1, &["-:1 missingColumn", "2:2 minimum"])
    );
    let (_, report) = following.stop();
    assert_eq!(report.violations.total, 2);
}
