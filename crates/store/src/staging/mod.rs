//! What the next commit will hold: every path with what is kept of it, and how its file looked when it was read.
//!
//! ```text
//! path ──hash──► table ──offset──► log:  header │ entry │ entry │ committed │ checkpoint │ removed │ entry │
//!                                                                 ▲                           │ the record before
//!                                            what it was at the last commit ◄─────────────────┘ of the same path
//! ```
//!
//! The log grows and is the truth; the table finds a path in it and can be made again. Since the log
//! also says what was committed, and each record where the one before it of the same path is, what
//! changed since the last commit is found by reading what was written since ([`Staging::changes`]).
//!
//! A file is unchanged if the file system tells of it what it told before *and* it had been left alone for a while
//! before it was read ([`Known::vouches_for`]): git's rule for files that were touched in the tick in which they were read.
//!
//! One process writes at a time (the caller holds the lock of the store); others may read meanwhile, and see the log as it was
//! when they opened it. A failed write or `fsync` is final: nothing more is written through that handle.
//!
//! - [`staged`] is what is known of a path; [`record`] is the bytes of a record, [`entry_bytes`] those of an entry in one;
//! - [`image`] is the bytes of the log, [`scan`] reads it whole and knows a torn
//!   tail from damage;
//! - [`table`] and [`latest`] find a path, [`table_file`] keeps that;
//! - [`list`] goes through paths in order ([`order`], [`path`](crate::path)) and through changes;
//! - [`check`] holds all of it against itself, [`remains`](mod@remains) tells what a damaged log still names;
//! - [`append`] appends and compacts, [`log_file`] is all that touches the disk;
//! - [`of_bytes`] asks all of it of bytes, for fuzzing.
//!
//! Not here: looking at files, cutting them into chunks, making folders of paths.

mod append;
mod check;
mod entry_bytes;
mod image;
mod latest;
mod list;
mod log_file;
mod of_bytes;
mod order;
mod record;
mod remains;
mod roll;
mod scan;
mod staged;
mod table;
mod table_file;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::codec::{Flaw, Read};
#[cfg(test)]
use crate::disk::RealDisk;
use crate::disk::SharedDisk;
use crate::id::CommitId;
use crate::{Error, Result};

use append::Writer;
use image::{Access, Image};
use latest::Latest;
use log_file::LogFile;
use record::{PathRecord, Record};
use scan::End;

pub(crate) use check::findings;
pub use list::{Change, Changes, Sorted};
#[doc(hidden)]
pub use of_bytes::check_staging;
pub(crate) use remains::{Remains, remains};
pub(crate) use roll::Roll;
#[doc(hidden)]
pub use scan::{LogSummary, check_log};
pub use staged::{Kind, Known, Staged, StampInfo};

/// The staging area of a store, opened for reading or for writing.
#[derive(Debug)]
pub struct Staging {
    folder: PathBuf,
    log_path: PathBuf,
    generation: u64,
    image: Image,
    /// Length of the file when it was opened, with a torn tail.
    found_bytes: u64,
    latest: Latest,
    /// The table's file knows the log up to here; 0 if there is none.
    table_covers: u64,
    writer: Option<Writer>,
}

impl Staging {
    #[cfg(test)]
    pub(crate) fn create(folder: &Path) -> Result<()> {
        Staging::create_on(&RealDisk::shared(), folder)
    }

    /// Makes a staging area without any path in `folder`, and the folder if need be. On return it is on the disk.
    ///
    /// # Errors
    /// When there is one already, or the disk refuses.
    pub(crate) fn create_on(disk: &SharedDisk, folder: &Path) -> Result<()> {
        disk.create_folder(folder)?;
        let path = log_path(folder);
        if path.exists() {
            return Err(Error::Exists { path });
        }
        disk.remove(&table_path(folder))?;
        log_file::replace(disk, &path, |out| out.put(&scan::header(new_generation())))
    }

    /// Opens what is staged for reading. A torn tail is not seen; a table that does not fit is made again in memory.
    ///
    /// Cost: the table is read (16 MB for a million files), and what the log has behind what the table knows.
    ///
    /// # Errors
    /// When the log cannot be read, is of a newer version, or is damaged.
    pub fn open(folder: &Path) -> Result<Staging> {
        Staging::open_as(None, folder, Access::Mapped)
    }

    /// Opens what is staged for reading and writing, and cuts a torn tail off. The caller holds the store's lock.
    ///
    /// # Errors
    /// As [`Staging::open`], and when the log may not be written to.
    pub(crate) fn open_for_writing_on(disk: &SharedDisk, folder: &Path) -> Result<Staging> {
        Staging::open_as(Some(disk), folder, Access::Mapped)
    }

    /// To be written to if there is a `disk` for that.
    fn open_as(disk: Option<&SharedDisk>, folder: &Path, access: Access) -> Result<Staging> {
        let log_path = log_path(folder);
        // Before the log: a writer may add to both meanwhile, and then a table of before fits a log of after.
        let table = table_file::read(&table_path(folder)).ok().flatten();
        let file = File::open(&log_path).map_err(Error::io("open", &log_path))?;
        let metadata = file.metadata().map_err(Error::io("read", &log_path))?;
        let image = Image::of_file(&file, metadata.len(), access);
        let mut image = image.map_err(Error::io("read", &log_path))?;
        let (generation, read) = read_all(&image, table, &log_path)?;
        let LogRead {
            latest,
            end,
            start,
            durable,
        } = read;
        image.cut(end);
        let table_covers = if start > scan::HEADER_BYTES { start } else { 0 };
        let mut writer = None;
        if let Some(disk) = disk {
            if table_covers == 0 {
                // Or it might seem to fit when the log has grown again.
                disk.remove(&table_path(folder))?;
            }
            writer = Some(Writer::new(LogFile::open(
                disk,
                &log_path,
                file,
                durable..end,
            )?));
        }
        Ok(Staging {
            folder: folder.to_owned(),
            log_path,
            generation,
            image,
            found_bytes: metadata.len(),
            latest,
            table_covers,
            writer,
        })
    }

    /// How many paths are staged.
    pub fn len(&self) -> usize {
        self.latest.live_count
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is staged at a path.
    ///
    /// # Errors
    /// When its record is damaged.
    pub fn find(&self, path: &[u8]) -> Result<Option<Staged>> {
        self.look_up(path, |record| record.staged())
    }

    /// What is staged at a path, without its chunks; allocates nothing.
    ///
    /// # Errors
    /// When its record is damaged.
    pub fn known(&self, path: &[u8]) -> Result<Option<Known>> {
        self.look_up(path, |record| {
            record.entry.map(|entry| entry.known()).transpose()
        })
    }

    /// The commit that [`Staging::changes`] are relative to; `None` before the first.
    ///
    /// # Errors
    /// When its record is damaged.
    pub fn committed_id(&self) -> Result<Option<CommitId>> {
        let mark = self.latest.mark;
        if mark == 0 {
            return Ok(None);
        }
        let id = self
            .image
            .view(|view| match view.frame(mark)?.record(self.generation)? {
                Record::Committed(id) => Ok(id),
                _ => Err(record::flaw(mark, "a record should name a commit")),
            });
        id.map(Some).map_err(|flaw| self.damaged(flaw))
    }

    fn look_up<R>(
        &self,
        path: &[u8],
        read: impl FnOnce(&PathRecord<'_>) -> Read<Option<R>>,
    ) -> Result<Option<R>> {
        let found = self.image.view(|view| {
            let record = self.latest.locate(view, path)?.record;
            record.map_or(Ok(None), |record| read(&record))
        });
        found.map_err(|flaw| self.damaged(flaw))
    }

    fn damaged(&self, flaw: Flaw) -> Error {
        damaged(&self.log_path, flaw)
    }
}

fn log_path(folder: &Path) -> PathBuf {
    folder.join("log")
}

fn table_path(folder: &Path) -> PathBuf {
    folder.join("table")
}

fn damaged(log_path: &Path, flaw: Flaw) -> Error {
    Error::damaged(log_path, flaw.byte_offset as u64, flaw.detail)
}

/// A number that no other log has.
fn new_generation() -> u64 {
    // Its keys are random; what is hashed only keeps two logs of one thread apart.
    RandomState::new().hash_one((SystemTime::now(), std::process::id()))
}

/// The generation of the log.
fn check_header(image: &Image, path: &Path) -> Result<u64> {
    let header = image.view(|view| scan::read_header(view.base));
    let (found, generation) = header.map_err(|flaw| damaged(path, flaw))?;
    match found {
        scan::VERSION => Ok(generation),
        _ => Err(Error::Version {
            path: path.to_owned(),
            found,
            supported: scan::VERSION,
        }),
    }
}

/// What a log said.
struct LogRead {
    latest: Latest,
    /// Where it was read from.
    start: u64,
    /// Where its last whole record ends.
    end: u64,
    /// Up to here it says itself, or the table does, that it is on the disk.
    durable: u64,
}

/// The generation of the log, and what it says; what `table` knows of it is not read again, if that fits.
fn read_all(
    image: &Image,
    table: Option<table_file::Found>,
    path: &Path,
) -> Result<(u64, LogRead)> {
    let generation = check_header(image, path)?;
    let table = table.filter(|table| table.generation == generation);
    let promised = table.as_ref().map_or(0, |table| table.covered_bytes);
    if promised > image.len_bytes() {
        let detail = format!("it ends here, and the table knows it up to byte {promised}");
        return Err(Error::damaged(path, image.len_bytes(), detail));
    }
    let behind = |table: table_file::Found| {
        read_log(
            image,
            generation,
            table.latest,
            promised..u64::MAX,
            promised,
        )
        .ok()
    };
    let read = match table.and_then(behind) {
        Some(read) => Ok(read),
        None => {
            let all = scan::HEADER_BYTES..u64::MAX;
            read_log(image, generation, Latest::default(), all, promised)
        }
    };
    let read = read.map_err(|flaw| damaged(path, flaw))?;
    Ok((generation, read))
}

/// What the log says in a range, on top of `latest`, which is what it says before that.
fn read_log(
    image: &Image,
    generation: u64,
    mut latest: Latest,
    range: Range<u64>,
    promised: u64,
) -> Read<LogRead> {
    let start = range.start;
    let mut durable = start;
    let end = image.view(|view| {
        scan::walk(view, generation, range, promised, |frame, record| {
            if let Record::Checkpoint = record {
                durable = frame.offset;
            }
            latest.follow(view, frame, &record)
        })
    })?;
    match end {
        End::Whole(end) => Ok(LogRead {
            latest,
            start,
            end,
            durable,
        }),
        // What was taken in of it cannot be taken back.
        End::Unfinished(end) => {
            let before = scan::HEADER_BYTES..end;
            let read = read_log(image, generation, Latest::default(), before, promised)?;
            Ok(LogRead { end, ..read })
        }
    }
}
