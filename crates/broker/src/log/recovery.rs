//! Opening a log: what is trusted, what is scanned, and what becomes of damage.
//!
//! What lies before the *recovery point* was durable when it was noted, and is trusted: of its batches headers alone are read, and
//! those only where an index is missing. Everything behind it is checked, batch by batch. Where no valid batch begins,
//!
//! - and none comes later, the log ends: zeros that were set aside are no finding, other bytes are a *torn* batch, which
//!   nobody was told of, and are cut off;
//! - and one comes later, something is *damaged*: the bytes between are copied to `OFFSET.damaged` beside the log, the segment ends
//!   before them, and what comes later becomes a segment of its own. Nothing of it is dropped, and it is reported.
//!
//! Both are told with their offsets ([`Recovery`]). Then producers are brought up to date from the newest snapshot, and all is made
//! durable before anybody may read it.

use std::fs::{self, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64};
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::files::Files;
use super::index::{Growing, offset_path, time_path};
use super::producers::Producers;
use super::scan::{PIECE_BYTES, Scan};
use super::segment::{Segment, file_name, offset_of_name};
use super::tail::{Budget, Tail};
use super::writer::{Writer, create_segment};
use super::{Log, LogConfig, snapshot};
use crate::batch::Header;
use crate::disk::{Disk, replace};
use crate::{Error, Result};

/// The file that holds the first offset there is, once records before it were deleted.
const START_FILE: &str = "start-offset";

/// What was found when a log was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Bytes that were read and checked.
    pub checked_bytes: u64,
    /// Bytes of batches at the end that were not written whole, and were cut off.
    pub torn_bytes: u64,
    /// Bytes in the middle that are no batches, and were set aside.
    pub damaged: Vec<Damaged>,
}

/// Bytes that were set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damaged {
    /// Records from this offset on are missing.
    pub offset: i64,
    /// The first record behind them.
    pub next_offset: i64,
    /// Where the bytes are now.
    pub path: PathBuf,
    /// How many.
    pub len_bytes: u64,
}

/// What every log of a broker shares.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) files: Files,
    /// Bytes of recent batches that partitions keep in memory.
    pub(crate) tails: Budget,
}

/// A log that is being opened.
struct Opening<'o> {
    folder: &'o Path,
    shared: &'o Shared,
    recovery_point: i64,
    snapshot_offset: i64,
    producers: Producers,
    found: Recovery,
    /// The offset behind what was found so far.
    next_offset: i64,
    segments: Vec<Arc<Segment>>,
    last_len_bytes: u64,
}

impl Log {
    /// Opens the log in `folder`, or makes an empty one there. Everything before `recovery_point` is trusted.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn open(
        folder: &Path,
        config: LogConfig,
        shared: &Shared,
        recovery_point: i64,
    ) -> Result<(Log, Recovery)> {
        fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        let mut opening = Opening::read(folder, shared, recovery_point, i64::MAX)?;
        if opening.snapshot_offset > opening.next_offset {
            // It knows of records that are not there any more: an older one, and what the log says behind that.
            let found = std::mem::take(&mut opening.found);
            opening = Opening::read(folder, shared, recovery_point, opening.next_offset)?;
            opening.found = found;
        }
        opening.finish(config)
    }
}

impl<'o> Opening<'o> {
    /// Reads all segments, with the newest snapshot that is not of later than `snapshot_max`.
    fn read(
        folder: &'o Path,
        shared: &'o Shared,
        recovery_point: i64,
        snapshot_max: i64,
    ) -> Result<Opening<'o>> {
        let (snapshot_offset, producers) = snapshot::read(folder, snapshot_max)?;
        let mut opening = Opening {
            folder,
            shared,
            recovery_point,
            snapshot_offset,
            producers,
            found: Recovery::default(),
            next_offset: 0,
            segments: Vec::new(),
            last_len_bytes: 0,
        };
        opening.read_segments(list_segments(folder)?)?;
        Ok(opening)
    }

    fn read_segments(&mut self, bases: Vec<i64>) -> Result<()> {
        // Reversed, so that what a damaged segment is split into can be put back.
        let mut waiting: Vec<i64> = bases.into_iter().rev().collect();
        while let Some(base_offset) = waiting.pop() {
            let next_base = waiting.last().copied();
            // Not one that was sealed at the recovery point: its end and its indexes became durable with the first batch behind it.
            let is_old = next_base
                .is_some_and(|next| next < self.recovery_point && next <= self.snapshot_offset);
            let split = match is_old {
                true => self.trust(base_offset, next_base.unwrap_or(base_offset))?,
                false => self.scan(base_offset)?,
            };
            waiting.extend(split.filter(|it| Some(*it) != next_base));
        }
        Ok(())
    }

    /// A segment that was durable and whole; its end is that of its last batch. It is gone through if that cannot be.
    fn trust(&mut self, base_offset: i64, next_base: i64) -> Result<Option<i64>> {
        let path = self.folder.join(file_name(base_offset));
        let metadata = fs::metadata(&path).map_err(Error::io("read", &path))?;
        let files = &self.shared.files;
        let segment = Segment::of_sealed(path, files, base_offset, metadata.len(), -1);
        match segment.read_max_timestamp() {
            // Batches do not follow on one another: it is no better than one that was never durable.
            Err(Error::Damaged { .. }) => return self.scan(base_offset),
            read => read?,
        };
        self.next_offset = next_base;
        self.last_len_bytes = metadata.len();
        self.segments.push(Arc::new(segment));
        Ok(None)
    }

    /// Goes through a segment; returns the base offset of the segment that was made of what lies behind damage in it.
    fn scan(&mut self, base_offset: i64) -> Result<Option<i64>> {
        let path = self.folder.join(file_name(base_offset));
        let file = self.shared.files.file(path.clone());
        let metadata = fs::metadata(&path).map_err(Error::io("read", &path))?;
        let file_bytes = metadata.len();
        // Those of the last run may be of another end.
        for index in [offset_path(&path), time_path(&path)] {
            remove_if_there(&index)?;
        }
        let opened = file.open()?;
        let mut scan = Scan::new(opened.clone(), &path, 0..file_bytes, PIECE_BYTES);
        self.next_offset = self.next_offset.max(base_offset);
        let mut growing = Growing::new();
        let mut end = 0;
        while let Some(batch) = scan.next_batch()? {
            let header = batch.header;
            if header.base_offset < self.next_offset {
                break;
            }
            let relative = header.base_offset - base_offset;
            let Ok(relative) = u32::try_from(relative) else {
                break;
            };
            growing.push(&header, relative, batch.position as u32);
            end = batch.position + batch.bytes.len() as u64;
            self.next_offset = header.next_offset();
            if header.base_offset >= self.snapshot_offset {
                self.producers.note(&header, header.base_offset);
            }
        }
        self.found.checked_bytes += end;
        let later = match end < file_bytes {
            true => scan.resume(end + 1, file_bytes, self.next_offset)?,
            false => None,
        };
        let split = match later {
            Some(later) => Some(self.set_aside(&path, &opened, end..later, file_bytes)?),
            None => {
                self.found.torn_bytes += torn_bytes(&opened, &path, end..file_bytes)?;
                None
            }
        };
        if end < file_bytes {
            opened.set_len(end).map_err(Error::io("cut", &path))?;
        }
        self.disk().sync(&opened, &path)?;
        let segment = Segment::of_index(path, &self.shared.files, base_offset, growing);
        segment.publish(end);
        self.last_len_bytes = end;
        self.segments.push(Arc::new(segment));
        Ok(split)
    }

    /// Copies damaged bytes to a file of their own, and what lies behind them to a new segment; returns its base offset.
    fn set_aside(
        &mut self,
        path: &Path,
        file: &fs::File,
        damaged: Range<u64>,
        file_bytes: u64,
    ) -> Result<i64> {
        let mut header = [0; crate::batch::HEADER_BYTES];
        let read = file.read_exact_at(&mut header, damaged.end);
        read.map_err(Error::io("read", path))?;
        let next_offset = Header::read(&header)?.base_offset;
        let aside = self
            .folder
            .join(format!("{:020}.damaged", self.next_offset));
        copy(self.disk(), file, path, damaged.clone(), &aside)?;
        let next = self.folder.join(file_name(next_offset));
        let draft = next.with_extension("draft");
        copy(self.disk(), file, path, damaged.end..file_bytes, &draft)?;
        fs::rename(&draft, &next).map_err(Error::io("rename a file to", &next))?;
        self.disk().sync_folder(self.folder)?;
        self.found.damaged.push(Damaged {
            offset: self.next_offset,
            next_offset,
            path: aside,
            len_bytes: damaged.end - damaged.start,
        });
        Ok(next_offset)
    }

    fn disk(&self) -> &dyn Disk {
        self.shared.files.disk()
    }

    fn finish(mut self, config: LogConfig) -> Result<(Log, Recovery)> {
        let start_offset = read_start(self.folder)?;
        let is_new = self.segments.is_empty();
        if is_new {
            let base_offset = start_offset.unwrap_or(0);
            let segment = create_segment(self.folder, &self.shared.files, base_offset)?;
            self.segments.push(Arc::new(segment));
            self.next_offset = base_offset;
        }
        let active = self.segments.last().expect("there is at least one").clone();
        let first = self.segments[0].base_offset;
        let writer = Writer::new(
            active,
            self.last_len_bytes,
            self.next_offset,
            self.producers,
            is_new,
        );
        let log = Log {
            folder: self.folder.to_owned(),
            config: ArcSwap::from_pointee(config),
            files: self.shared.files.clone(),
            segments: ArcSwap::from_pointee(self.segments),
            tail: Tail::new(self.shared.tails.clone()),
            writer: Mutex::new(writer),
            flushing: Mutex::default(),
            trimming: Mutex::default(),
            start_offset: AtomicI64::new(
                start_offset.unwrap_or(0).max(first).min(self.next_offset),
            ),
            end_offset: AtomicI64::new(self.next_offset),
            readable_offset: AtomicI64::new(self.next_offset),
            durable_offset: watch::Sender::new(self.next_offset),
            readers: Mutex::default(),
            is_poisoned: AtomicBool::new(false),
            end_at_retain: AtomicI64::new(-1),
        };
        Ok((log, self.found))
    }
}

/// The segments in a folder, by their base offsets.
fn list_segments(folder: &Path) -> Result<Vec<i64>> {
    let mut bases = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::io("read", folder))? {
        let name = entry.map_err(Error::io("read", folder))?.file_name();
        bases.extend(name.to_str().and_then(offset_of_name));
    }
    bases.sort_unstable();
    Ok(bases)
}

/// How many bytes of a range are not the zeros that were set aside.
fn torn_bytes(file: &fs::File, path: &Path, range: Range<u64>) -> Result<u64> {
    let mut piece = vec![0; PIECE_BYTES];
    let mut torn = 0;
    let mut at = range.start;
    while at < range.end {
        let count = (range.end - at).min(PIECE_BYTES as u64) as usize;
        let read = file.read_exact_at(&mut piece[..count], at);
        read.map_err(Error::io("read", path))?;
        if let Some(last) = piece[..count].iter().rposition(|&byte| byte != 0) {
            torn = at + last as u64 + 1 - range.start;
        }
        at += count as u64;
    }
    Ok(torn)
}

/// Copies a part of a file to a new one, and makes it durable.
fn copy(disk: &dyn Disk, from: &fs::File, path: &Path, range: Range<u64>, to: &Path) -> Result<()> {
    let mut options = OpenOptions::new();
    let created = options.write(true).create(true).truncate(true).open(to);
    let target = created.map_err(Error::io("create", to))?;
    let mut piece = vec![0; PIECE_BYTES];
    let mut at = range.start;
    while at < range.end {
        let count = (range.end - at).min(PIECE_BYTES as u64) as usize;
        let read = from.read_exact_at(&mut piece[..count], at);
        read.map_err(Error::io("read", path))?;
        let written = target.write_all_at(&piece[..count], at - range.start);
        written.map_err(Error::io("write", to))?;
        at += count as u64;
    }
    disk.sync(&target, to)
}

fn read_start(folder: &Path) -> Result<Option<i64>> {
    let path = folder.join(START_FILE);
    match fs::read_to_string(&path) {
        Ok(text) => match text.trim().parse() {
            Ok(offset) => Ok(Some(offset)),
            Err(_) => Err(Error::Damaged {
                path,
                byte_offset: 0,
                detail: "it should hold an offset".to_owned(),
            }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("read", &path)(error)),
    }
}

/// Writes the first offset there is.
pub(super) fn write_start(disk: &dyn Disk, folder: &Path, offset: i64) -> Result<()> {
    let path = folder.join(START_FILE);
    replace(disk, &path, format!("{offset}\n").as_bytes())
}

fn remove_if_there(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}
