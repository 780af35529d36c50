//! Ten thousand small files: what it costs to open them, and not what it costs to read them.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use tamis_engine::mmap::Advice;
use tempfile::TempDir;

use super::file::{check, map, open_auto, read_some};
use super::run::Worker;
use super::{Job, Random, Way};

/// The sizes of small files: these and everything between.
const SIZES: (u64, u64) = (200, 8_000);

/// Makes so many files of text in a folder of their own beside `path`, and waits until they are on the disk.
pub(super) fn make(path: &Path, count: u64, seed: u64) -> io::Result<TempDir> {
    let beside = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let folder = tempfile::Builder::new()
        .prefix(".tamis-io-bench-")
        .tempdir_in(beside)?;
    let mut random = Random::new(seed);
    let line = b"a line of a small file, as long as lines of text are\n";
    let text = line.repeat(SIZES.1 as usize / line.len() + 1);
    for number in 0..count {
        let len = SIZES.0 + random.below(SIZES.1 - SIZES.0);
        fs::write(name(folder.path(), number), &text[..len as usize])?;
    }
    rustix::fs::syncfs(File::open(folder.path())?)?;
    Ok(folder)
}

/// The names of all files.
pub(super) fn paths(job: &Job, count: u64) -> Vec<PathBuf> {
    (0..count).map(|number| name(&job.path, number)).collect()
}

fn name(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:05}"))
}

/// The share of one thread in a pass over all files.
pub(super) fn read(
    job: &Job,
    paths: &[PathBuf],
    next: &AtomicU64,
    worker: &mut Worker,
) -> io::Result<()> {
    let mut buffer = vec![0; SIZES.1 as usize];
    while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
        match job.way {
            Way::Mmap(_) => {
                let file = File::open(path)?;
                let len = file.metadata()?.len();
                let mapping = map(&file, 0..len, Advice::None)?;
                mapping.with_bytes(0..len as usize, &mut |bytes| worker.take(bytes));
                check(&mapping)?;
            }
            Way::Auto => {
                let access = open_auto(path)?;
                let visited =
                    access.with_range(0..access.len_bytes(), &mut |bytes| worker.take(bytes));
                visited.map_err(io::Error::other)?;
            }
            _ => {
                let file = File::open(path)?;
                // Nobody knows that a file is over before a read says so.
                loop {
                    match read_some(&file, &mut buffer)? {
                        0 => break,
                        count => worker.take(&buffer[..count]),
                    }
                }
            }
        }
    }
    Ok(())
}
