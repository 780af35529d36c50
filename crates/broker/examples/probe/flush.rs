//! Makes files durable that a batch was just written to, in one of three ways: what flushing many partitions takes.
//!
//! | setting | default | |
//! |---|---|---|
//! | `files` | 16 | each gets a batch of 1,100 bytes in every round |
//! | `threads` | 1 | that make them durable, a file at a time each |
//! | `ring` | 0 | 1: one thread hands all of them to the system at once, by `io_uring` |
//! | `rounds` | 100 | |

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex};
use std::time::{Duration, Instant};

use io_uring::IoUring;
use serde_json::{Value, json};

use crate::Result;
use crate::settings;

const KNOWN: &[&str] = &["files", "threads", "ring", "rounds"];

/// A batch of one message of a kibibyte.
const BATCH_BYTES: usize = 1100;

/// What the broker sets aside at first.
const RESERVED_BYTES: u64 = 4 << 20;

pub(crate) fn run(folder: &Path, settings: &[&str]) -> Result<Value> {
    settings::check(settings, KNOWN)?;
    let files: usize = settings::number(settings, "files", 16)?;
    let threads: usize = settings::number(settings, "threads", 1)?;
    let rounds: usize = settings::number(settings, "rounds", 100)?;
    let has_ring = settings::number(settings, "ring", 0)? == 1;
    let files = create(folder, files)?;
    let seconds = match has_ring {
        true => by_ring(&files, rounds)?,
        false => by_threads(&files, threads.max(1), rounds)?,
    };
    let each = seconds.as_secs_f64() / rounds as f64;
    Ok(json!({ "files": files.len(), "seconds_a_round": each }))
}

/// Files with space set aside, which is durable.
fn create(folder: &Path, count: usize) -> Result<Vec<File>> {
    std::fs::create_dir_all(folder)?;
    let create = |number| {
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(true);
        let file = options.open(folder.join(format!("{number}")))?;
        rustix::fs::fallocate(
            &file,
            rustix::fs::FallocateFlags::empty(),
            0,
            RESERVED_BYTES,
        )?;
        file.sync_all()?;
        Ok(file)
    };
    (0..count).map(create).collect()
}

fn write(files: &[File], round: usize) -> std::io::Result<()> {
    let position = (round * BATCH_BYTES) as u64 % (RESERVED_BYTES - BATCH_BYTES as u64);
    let batch = [1; BATCH_BYTES];
    files
        .iter()
        .try_for_each(|it| it.write_all_at(&batch, position))
}

/// The time in which files were made durable, in all rounds.
fn by_threads(files: &[File], threads: usize, rounds: usize) -> Result<Duration> {
    let next = AtomicUsize::new(files.len());
    let (begins, ends) = (Barrier::new(threads + 1), Barrier::new(threads + 1));
    let failed = Mutex::new(None);
    let mut total = Duration::ZERO;
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                for _ in 0..rounds {
                    begins.wait();
                    while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                        if let Err(error) = file.sync_data() {
                            *failed.lock().expect("no panic") = Some(error);
                        }
                    }
                    ends.wait();
                }
            });
        }
        for round in 0..rounds {
            if let Err(error) = write(files, round) {
                *failed.lock().expect("no panic") = Some(error);
            }
            next.store(0, Ordering::Relaxed);
            let started = Instant::now();
            begins.wait();
            ends.wait();
            total += started.elapsed();
        }
    });
    match failed.into_inner().expect("no panic") {
        Some(error) => Err(error.into()),
        None => Ok(total),
    }
}

#[expect(unsafe_code, reason = "what a ring is given must outlive the request")]
fn by_ring(files: &[File], rounds: usize) -> Result<Duration> {
    use std::os::fd::AsRawFd;

    use io_uring::opcode::Fsync;
    use io_uring::types::{Fd, FsyncFlags};

    let size = u32::try_from(files.len().max(1).next_power_of_two())?;
    let mut ring = IoUring::new(size)?;
    let mut total = Duration::ZERO;
    for round in 0..rounds {
        write(files, round)?;
        let started = Instant::now();
        for file in files {
            let request = Fsync::new(Fd(file.as_raw_fd())).flags(FsyncFlags::DATASYNC);
            // SAFETY: the request has no buffer, and its file is open until all answers are there.
            unsafe { ring.submission().push(&request.build()) }?;
        }
        ring.submit_and_wait(files.len())?;
        for answer in ring.completion() {
            if answer.result() < 0 {
                return Err(std::io::Error::from_raw_os_error(-answer.result()).into());
            }
        }
        total += started.elapsed();
    }
    Ok(total)
}
