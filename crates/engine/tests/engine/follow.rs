//! Files that grow, are rotated, cut short and deleted while they are followed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tamis_engine::control::Cancel;
use tamis_engine::framing::{Framing, Quoting};
use tamis_engine::pipeline::{self, Flow, Options};
use tamis_engine::source::{
    Arrival, FollowSource, Opened, POLL, ReadOptions, ReaderSource, Source,
};
use tamis_engine::{Error, Result};

/// Far longer than anything takes; only a failing test waits for it.
const LIMIT: Duration = Duration::from_secs(20);

/// Waits until it is so.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < LIMIT, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

fn append(path: &Path, bytes: &[u8]) {
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .unwrap();
    file.write_all(bytes).unwrap();
}

/// A thread that reads what a source gives, file by file.
struct Follower {
    files: Arc<Mutex<Vec<Vec<u8>>>>,
    stop: Cancel,
    cancel: Cancel,
    thread: JoinHandle<Result<()>>,
}

impl Follower {
    fn start(path: PathBuf, buffer_bytes: usize) -> Follower {
        let (stop, cancel) = (Cancel::new(), Cancel::new());
        let source = FollowSource::new(path, stop.clone(), cancel.clone());
        let files = Arc::new(Mutex::new(Vec::new()));
        let read = Arc::clone(&files);
        let thread = thread::spawn(move || {
            loop {
                let Opened::Stream(mut stream) = source.open()? else {
                    unreachable!("a file that grows has no length");
                };
                read.lock().unwrap().push(Vec::new());
                let mut buffer = vec![0; buffer_bytes];
                loop {
                    match stream.read_now(&mut buffer)? {
                        Arrival::Bytes(count) => {
                            let mut files = read.lock().unwrap();
                            files.last_mut().unwrap().extend(&buffer[..count]);
                        }
                        Arrival::Idle => {}
                        Arrival::End => break,
                        Arrival::Stopped => return Ok(()),
                    }
                }
                assert!(source.goes_on(), "it ended and nothing follows");
            }
        });
        Follower {
            files,
            stop,
            cancel,
            thread,
        }
    }

    /// Waits until these files, and no more, have been read.
    fn until_read(&self, expected: &[&[u8]]) {
        let texts = |files: &[Vec<u8>]| {
            let text = |file: &Vec<u8>| String::from_utf8_lossy(file).into_owned();
            files.iter().map(text).collect::<Vec<_>>()
        };
        let what = format!(
            "{:?}",
            texts(
                &expected
                    .iter()
                    .map(|file| file.to_vec())
                    .collect::<Vec<_>>()
            )
        );
        until(&what, || *self.files.lock().unwrap() == expected);
    }

    fn stop(self) {
        self.stop.cancel();
        self.thread.join().unwrap().unwrap();
    }
}

#[test]
fn what_is_appended_arrives_once_whatever_the_pieces() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let text: Vec<u8> = (0..3000u32)
        .flat_map(|number| format!("line {number}\n").into_bytes())
        .collect();
    append(&path, &text[..7]);
    let follower = Follower::start(path.clone(), 4096);
    let mut rest = &text[7..];
    let mut sizes = [1, 2, 3, 5000, 17, 400, 1].into_iter().cycle();
    while !rest.is_empty() {
        let piece = sizes.next().unwrap().min(rest.len());
        append(&path, &rest[..piece]);
        rest = &rest[piece..];
        thread::sleep(Duration::from_millis(5));
    }
    follower.until_read(&[&text]);
    follower.stop();
}

#[test]
fn a_rotated_file_is_read_to_its_end_and_then_the_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    append(&path, b"a\n");
    let follower = Follower::start(path.clone(), 3);
    follower.until_read(&[b"a\n"]);
    let rotated = folder.path().join("log.1");
    fs::rename(&path, &rotated).unwrap();
    // The writer has not noticed yet.
    append(&rotated, b"b\nhalf");
    follower.until_read(&[b"a\nb\nhalf"]);
    // Half a line is no reason to leave the old file.
    append(&path, b"x");
    thread::sleep(3 * POLL);
    append(&rotated, b"er\n");
    follower.until_read(&[b"a\nb\nhalfer\n"]);
    append(&path, b"1\n");
    follower.until_read(&[b"a\nb\nhalfer\n", b"x1\n"]);
    append(&path, b"2\n");
    follower.until_read(&[b"a\nb\nhalfer\n", b"x1\n2\n"]);
    follower.stop();
}

#[test]
fn a_file_cut_short_is_read_from_its_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    append(&path, b"one\ntwo\n");
    let follower = Follower::start(path.clone(), 100);
    follower.until_read(&[b"one\ntwo\n"]);
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(0)
        .unwrap();
    thread::sleep(2 * POLL);
    append(&path, b"three\n");
    follower.until_read(&[b"one\ntwo\n", b"three\n"]);
    // Cut and grown beyond where it was, faster than anybody looks.
    fs::write(&path, b"four and more than before\n").unwrap();
    follower.until_read(&[b"one\ntwo\n", b"three\n", b"four and more than before\n"]);
    // To the same length.
    fs::write(&path, b"five and more than before\n").unwrap();
    let files: [&[u8]; 4] = [
        b"one\ntwo\n",
        b"three\n",
        b"four and more than before\n",
        b"five and more than before\n",
    ];
    follower.until_read(&files);
    follower.stop();
}

#[test]
fn a_missing_file_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let follower = Follower::start(path.clone(), 100);
    thread::sleep(2 * POLL);
    append(&path, b"a\n");
    follower.until_read(&[b"a\n"]);
    fs::remove_file(&path).unwrap();
    thread::sleep(2 * POLL);
    append(&path, b"b\n");
    follower.until_read(&[b"a\n", b"b\n"]);
    follower.stop();
}

#[test]
fn waiting_can_be_stopped_and_cancelled() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    // Before there is a file.
    let follower = Follower::start(path.clone(), 100);
    follower.stop.cancel();
    let ended = follower.thread.join().unwrap();
    assert!(matches!(ended, Err(Error::Interrupted)), "{ended:?}");
    // At its end.
    append(&path, b"a\n");
    let follower = Follower::start(path, 100);
    follower.until_read(&[b"a\n"]);
    follower.cancel.cancel();
    let ended = follower.thread.join().unwrap();
    assert!(matches!(ended, Err(Error::Interrupted)), "{ended:?}");
}

#[test]
fn what_cannot_be_followed_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let gzip = folder.path().join("log.gz");
    fs::write(&gzip, b"\x1f\x8b\x08\n").unwrap();
    for (path, reason) in [
        (gzip, "a compressed file cannot be followed"),
        (
            folder.path().to_owned(),
            "only a regular file can be followed",
        ),
    ] {
        let error = FollowSource::new(path, Cancel::new(), Cancel::new())
            .open()
            .unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    }
}

/// Goal: records are mapped when they are complete, not before and not much later.
#[test]
fn a_live_run_maps_complete_records_when_the_file_goes_quiet() {
    for threads in [1, 3] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.csv");
        append(&path, b"1\n2");
        let stop = Cancel::new();
        let source = FollowSource::new(path.clone(), stop.clone(), Cancel::new());
        let seen = Arc::new(Mutex::new((Vec::new(), 0)));
        let thread = thread::spawn({
            let seen = Arc::clone(&seen);
            move || {
                let options = Options {
                    threads,
                    live: true,
                    ..Options::default()
                };
                pipeline::run(
                    source.open()?,
                    Framing::Quoted(Quoting::RFC4180),
                    &options,
                    || (),
                    |(), chunk| Ok(chunk.bytes.to_vec()),
                    |part: Vec<u8>| {
                        let mut seen = seen.lock().unwrap();
                        seen.1 += usize::from(part.is_empty());
                        seen.0.extend(part);
                        Ok(Flow::Continue)
                    },
                )
            }
        });
        let mapped = || seen.lock().unwrap().0.clone();
        until("the first record", || mapped() == b"1\n");
        append(&path, b"3\n\"4\n");
        until("the second one", || mapped() == b"1\n23\n");
        let empty_before = seen.lock().unwrap().1;
        until("time passes", || seen.lock().unwrap().1 > empty_before + 2);
        append(&path, b"5\"\n6");
        until("the quoted one", || mapped() == b"1\n23\n\"4\n5\"\n");
        stop.cancel();
        let outcome = thread.join().unwrap().unwrap();
        assert_eq!(outcome.bytes, 11, "half a record is none");
        assert_eq!(mapped(), b"1\n23\n\"4\n5\"\n");
    }
}

/// Gives these, one a read, and fails then.
struct Dribble(Vec<&'static [u8]>);

impl Read for Dribble {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let given = self.0.remove(0);
        buffer[..given.len()].copy_from_slice(given);
        Ok(given.len())
    }
}

/// Goal: what a live stream gave is mapped before it is asked for more, and before its failure is told.
#[test]
fn a_live_stream_that_fails_has_given_what_it_gave() {
    for threads in [1, 3] {
        let reader = Dribble(vec![b"1234567\n8", b"9\n10"]);
        let live = ReadOptions {
            live: true,
            ..ReadOptions::default()
        };
        let mut parts = Vec::new();
        let outcome = pipeline::run(
            ReaderSource::new("dribble", reader, live).open().unwrap(),
            Framing::Lines,
            &Options {
                threads,
                live: true,
                ..Options::default()
            },
            || (),
            |(), chunk| Ok(chunk.bytes.to_vec()),
            |part| {
                parts.push(part);
                Ok(Flow::Continue)
            },
        );
        assert!(matches!(outcome, Err(Error::Read { .. })));
        parts.retain(|part: &Vec<u8>| !part.is_empty());
        assert_eq!(parts, [&b"1234567\n"[..], b"89\n"]);
    }
}
