//! Opening a log: what is trusted, what is scanned, and what becomes of damage.
//!
//! What lies before the *recovery point* was durable when it was noted, and is trusted: of its batches headers alone are read, and
//! those only where an index is missing. Everything behind it is checked, batch by batch. Where no valid batch begins,
//!
//! - and none comes later, the log ends: zeros that were set aside are no finding, other bytes are a *torn* batch, which
//!   nobody was told of, and are cut off;
//! - and one comes later, something is *damaged*: the bytes between are copied to `OFFSET.damaged` beside the log, the segment ends
//!   before them, and what comes later becomes a segment of its own. Nothing of it is dropped, and it is reported. So is the end of a
//!   segment behind which another one begins later than it ends, and of the last one before the recovery point, also where no bytes
//!   are left of it.
//!
//! The checksum of a batch does not cover its offset, and a disk writes sectors: where one ends within the offset of a batch behind
//! damage, half of it may never have been written. It is believed if the next batch follows on it, and set aside if not.
//!
//! All of it is told with its offset ([`Recovery`]). Then producers are brought up to date from the newest snapshot that knows of nothing
//! that is missing (`missing.rs`), and all is made durable before anybody may read it.

mod damage;

use std::fs;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64};
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::cleaning::Cleaner;
use super::files::Files;
use super::index::{Growing, offset_path, time_path};
use super::name::SegmentName;
use super::offset_file::{read_clean, read_start};
use super::producers::{Came, Gaps, Producers};
use super::scan::{PIECE_BYTES, Scan};
use super::segment::Segment;
use super::tail::{Budget, Tail};
use super::writer::{End, Writer, create_segment};
use super::{Log, LogConfig, snapshot};
use crate::batch::Header;
use crate::disk::{Disk, remove};
use crate::{Error, Result};
use damage::Behind;
pub use damage::Damaged;

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
    /// Behind what was found so far, or is known to have been removed.
    whole_offset: i64,
    /// What lies between that, and what was found behind it.
    missing: Vec<Range<i64>>,
    segments: Vec<Arc<Segment>>,
    last_len_bytes: u64,
    /// The time of the last segment's first batch.
    last_first_time: Option<i64>,
    /// Whether something was found of which nobody knows whether its name is durable.
    is_folder_dirty: bool,
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
        while let Some(lost) = opening.first_lost() {
            // It knows of records that are not there any more: an older one, and what the log says behind that.
            let snapshot_max = lost.min(opening.snapshot_offset - 1);
            let found = std::mem::take(&mut opening.found);
            opening = Opening::read(folder, shared, recovery_point, snapshot_max)?;
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
            whole_offset: read_start(folder)?.unwrap_or(0),
            missing: Vec::new(),
            segments: Vec::new(),
            last_len_bytes: 0,
            last_first_time: None,
            is_folder_dirty: false,
        };
        opening.read_segments(list_segments(folder)?)?;
        Ok(opening)
    }

    /// The first record that the snapshot knows of and that is not there.
    fn first_lost(&self) -> Option<i64> {
        let is_cut = self.snapshot_offset > self.next_offset;
        let lost = self.producers.first_lost(&self.missing);
        lost.or(is_cut.then_some(self.next_offset))
    }

    fn read_segments(&mut self, names: Vec<SegmentName>) -> Result<()> {
        // Reversed, so that what a damaged segment is split into can be put back.
        let mut waiting: Vec<_> = names.into_iter().rev().collect();
        while let Some(name) = waiting.pop() {
            let next_name = waiting.last().copied();
            let next_base = next_name.map(|it| it.base_offset);
            // Not one that was sealed at the recovery point: its end and its indexes became durable with the first batch behind it.
            let is_old = next_base
                .is_some_and(|next| next < self.recovery_point && next <= self.snapshot_offset);
            if self.whole_offset < name.base_offset {
                self.missing.push(self.whole_offset..name.base_offset);
                self.producers.gaps = Gaps::Yes;
            }
            let split = match is_old {
                true => self.trust(&name, next_base.unwrap_or(name.base_offset))?,
                false => self.scan(&name, next_base)?,
            };
            // What was cleaned has gaps, and goes as far as its name says.
            self.whole_offset = self.whole_offset.max(self.next_offset).max(name.end_offset);
            waiting.extend(split.filter(|it| Some(*it) != next_name));
        }
        Ok(())
    }

    /// A segment that was durable and whole; its end is that of its last batch. It is gone through if that cannot be.
    fn trust(&mut self, name: &SegmentName, next_base: i64) -> Result<Option<SegmentName>> {
        let path = self.folder.join(name.file_name());
        let base_offset = name.base_offset;
        let metadata = fs::metadata(&path).map_err(Error::io("read", &path))?;
        let files = &self.shared.files;
        let segment = Segment::of_sealed(path, files, base_offset, metadata.len(), -1);
        match segment.read_max_timestamp() {
            // Batches do not follow on one another: it is no better than one that was never durable.
            Err(Error::Damaged { .. }) => return self.scan(name, Some(next_base)),
            read => read?,
        };
        self.next_offset = next_base;
        self.last_len_bytes = metadata.len();
        self.segments.push(Arc::new(segment));
        Ok(None)
    }

    /// Goes through a segment; returns the segment that was made of what lies behind damage in it.
    fn scan(&mut self, name: &SegmentName, next_base: Option<i64>) -> Result<Option<SegmentName>> {
        let path = self.folder.join(name.file_name());
        let base_offset = name.base_offset;
        let file = self.shared.files.file(path.clone());
        let metadata = fs::metadata(&path).map_err(Error::io("read", &path))?;
        let file_bytes = metadata.len();
        // Those of the last run may be of another end.
        for index in [offset_path(&path), time_path(&path)] {
            remove(&index)?;
        }
        let opened = file.open()?;
        let mut scan = Scan::new(opened.clone(), &path, 0..file_bytes, PIECE_BYTES);
        self.next_offset = self.next_offset.max(base_offset);
        let mut growing = Growing::new();
        let mut end = 0;
        let mut has_unplaced = false;
        // What looks like a batch beyond these offsets is something that a record holds.
        let limit = match name.generation {
            0 => next_base.unwrap_or(i64::MAX),
            _ => name.end_offset,
        };
        self.last_first_time = None;
        while let Some(batch) = scan.next_batch()? {
            let header = batch.header;
            let relative = u32::try_from(header.base_offset - base_offset);
            let (true, Ok(relative)) = (self.is_next(name, limit, &header), relative) else {
                has_unplaced = true;
                break;
            };
            if header.latest_time() >= 0 {
                self.last_first_time.get_or_insert(header.max_timestamp);
            }
            growing.push(&header, relative, batch.position as u32);
            end = batch.position + batch.bytes.len() as u64;
            self.next_offset = header.next_offset();
            if header.base_offset >= self.snapshot_offset {
                self.producers
                    .note(&header, header.base_offset, Came::default());
            }
        }
        self.found.checked_bytes += end;
        let behind = Behind {
            name,
            path: &path,
            file: &opened,
            range: end..file_bytes,
            limit,
            next_base,
            has_unplaced,
        };
        let split = self.settle(behind, &mut scan)?;
        if end < file_bytes {
            opened.set_len(end).map_err(Error::io("cut", &path))?;
        }
        // What was durable and was not changed still is: thousands of idle partitions are not made durable anew.
        if end < file_bytes || self.next_offset > self.recovery_point.max(base_offset) {
            self.disk().sync(&opened, &path)?;
            self.is_folder_dirty = true;
        }
        let segment = Segment::of_index(path, &self.shared.files, base_offset, growing);
        segment.publish(end);
        self.last_len_bytes = end;
        self.segments.push(Arc::new(segment));
        Ok(split)
    }

    /// Whether a batch is the next of a segment. Its checksum does not cover its offset; but as it is written there are no gaps, and
    /// what was cleaned ends where its name says.
    fn is_next(&self, name: &SegmentName, limit: i64, header: &Header) -> bool {
        let follows = match name.generation {
            0 => header.base_offset == self.next_offset,
            _ => header.base_offset >= self.next_offset,
        };
        follows && header.last_offset() < limit
    }

    fn disk(&self) -> &dyn Disk {
        self.shared.files.disk()
    }

    fn finish(mut self, config: LogConfig) -> Result<(Log, Recovery)> {
        if self.is_folder_dirty {
            self.disk().sync_folder(self.folder)?;
        }
        let start_offset = read_start(self.folder)?;
        // What was cleaned is never written to: its name says where it ends.
        let last = self.segments.last().map(|it| it.name());
        let cleaned_end = last.filter(|it| it.generation > 0).map(|it| it.end_offset);
        let is_new = last.is_none() || cleaned_end.is_some();
        if is_new {
            let base_offset = match cleaned_end {
                Some(end_offset) => self.next_offset.max(end_offset),
                None => start_offset.unwrap_or(0),
            };
            let segment = create_segment(self.folder, &self.shared.files, base_offset)?;
            self.segments.push(Arc::new(segment));
            self.next_offset = base_offset;
            self.last_len_bytes = 0;
            self.last_first_time = None;
        }
        let first = self.segments[0].base_offset;
        let end = End {
            active: self.segments.last().expect("there is at least one").clone(),
            len_bytes: self.last_len_bytes,
            next_offset: self.next_offset,
            first_time: self.last_first_time,
            is_new,
            has_snapshot: self.snapshot_offset == self.next_offset,
        };
        let writer = Writer::new(end, self.producers);
        let generation = self.segments.iter().map(|it| it.name().generation).max();
        let clean_offset = read_clean(self.folder)?.min(self.next_offset);
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
            is_deleted: AtomicBool::new(false),
            cleaner: Cleaner::new(clean_offset, generation.unwrap_or(0)),
            end_at_retain: AtomicI64::new(-1),
        };
        Ok((log, self.found))
    }
}

/// The segments in a folder, in order. What others took the place of is removed, and so is what belongs to no segment.
fn list_segments(folder: &Path) -> Result<Vec<SegmentName>> {
    let mut names = Vec::new();
    let mut beside = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::io("read", folder))? {
        let path = entry.map_err(Error::io("read", folder))?.path();
        let extension = path.extension().and_then(|it| it.to_str());
        match extension {
            Some("log") => names.extend(SegmentName::of(&path)),
            Some("index" | "timeindex" | "draft") => beside.push(path),
            _ => {}
        }
    }
    names.sort_unstable();
    let cleaned: Vec<SegmentName> = names
        .iter()
        .filter(|it| it.generation > 0)
        .copied()
        .collect();
    let is_replaced = |it: &SegmentName| cleaned.iter().any(|other| other.replaces(it));
    let (replaced, kept): (Vec<SegmentName>, _) = names.into_iter().partition(is_replaced);
    for name in replaced {
        remove(&folder.join(name.file_name()))?;
    }
    for path in beside {
        let name = SegmentName::of(&path.with_extension("log"));
        let is_draft = path.extension().is_some_and(|it| it == "draft");
        if name.is_some_and(|it| is_draft || !kept.contains(&it)) {
            remove(&path)?;
        }
    }
    Ok(kept)
}
