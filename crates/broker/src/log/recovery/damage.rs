//! What lies behind the last batch of a segment that is where it belongs: nothing, a torn end, or damage.

use std::fs::{File, OpenOptions};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::Opening;
use crate::batch::{HEADER_BYTES, Header, STAMP_BYTES};
use crate::disk::{Disk, draft_path, install};
use crate::log::name::SegmentName;
use crate::log::scan::{PIECE_BYTES, Scan};
use crate::{Error, Result};

/// What a disk writes whole or not at all, at least.
const SECTOR_BYTES: u64 = 512;

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

/// What is left of a segment, behind the batches that were found.
pub(super) struct Behind<'b> {
    pub(super) name: &'b SegmentName,
    pub(super) path: &'b Path,
    pub(super) file: &'b File,
    pub(super) range: Range<u64>,
    /// What looks like a batch from this offset on is something that a record holds.
    pub(super) limit: i64,
    /// Where the next segment begins.
    pub(super) next_base: Option<i64>,
    /// Whether a whole batch is there that belongs elsewhere.
    pub(super) has_unplaced: bool,
}

impl Opening<'_> {
    /// Sets aside what is damaged; returns the segment that was made of what comes behind that.
    pub(super) fn settle(
        &mut self,
        mut behind: Behind<'_>,
        scan: &mut Scan,
    ) -> Result<Option<SegmentName>> {
        let Range { start, end } = behind.range;
        if let Some(later) = self.find_later(&mut behind, scan)? {
            let rest = self.rest_of(&behind, later)?;
            self.set_aside(&behind, start..later, rest.base_offset)?;
            self.split_off(&behind, later..end, &rest)?;
            return Ok(Some(rest));
        }
        let len_bytes = torn_bytes(&behind)?;
        let next = self.expected(&behind);
        // Whole batches of which nobody knows where they belong, or it is known that some are missing, which is told once.
        match behind.has_unplaced || next.is_some_and(|_| len_bytes > 0 || !self.is_told()) {
            true => {
                let next = next.unwrap_or(self.next_offset);
                self.set_aside(&behind, start..start + len_bytes, next)?;
            }
            false => self.found.torn_bytes += len_bytes,
        }
        Ok(None)
    }

    /// Where a batch comes that belongs there, behind others that do not.
    fn find_later(&self, behind: &mut Behind<'_>, scan: &mut Scan) -> Result<Option<u64>> {
        // At least one record is missing.
        let offsets = self.next_offset + 1..behind.limit;
        let mut from = behind.range.start + 1;
        while from < behind.range.end {
            let Some((position, header)) = scan.resume(from, behind.range.end)? else {
                return Ok(None);
            };
            let is_in_doubt = behind.name.generation == 0 && is_in_doubt(position);
            let fits = offsets.contains(&header.base_offset);
            if fits && (!is_in_doubt || scan.is_next(&header)?) {
                return Ok(Some(position));
            }
            behind.has_unplaced = true;
            from = position + 1;
        }
        Ok(None)
    }

    /// The offset up to which there must be records behind those of a segment: another one begins there, or the last one is known to
    /// have been durable so far.
    fn expected(&self, behind: &Behind<'_>) -> Option<i64> {
        let (expected, end_offset) = match (behind.name.generation, behind.next_base) {
            (0, next_base) => (next_base.unwrap_or(self.recovery_point), self.next_offset),
            (_, None) => (
                self.recovery_point,
                self.next_offset.max(behind.name.end_offset),
            ),
            // What was cleaned ends anywhere.
            (_, Some(_)) => return None,
        };
        (expected > end_offset).then_some(expected)
    }

    /// The name of what begins at a position, behind damage.
    fn rest_of(&self, behind: &Behind<'_>, position: u64) -> Result<SegmentName> {
        let mut header = [0; HEADER_BYTES];
        let read = behind.file.read_exact_at(&mut header, position);
        read.map_err(Error::io("read", behind.path))?;
        Ok(behind.name.rest(Header::read(&header)?.base_offset))
    }

    /// Copies damaged bytes to a file of their own.
    fn set_aside(
        &mut self,
        behind: &Behind<'_>,
        damaged: Range<u64>,
        next_offset: i64,
    ) -> Result<()> {
        let aside = self.free_name();
        copy(self.disk(), behind, damaged.clone(), &aside)?;
        self.found.damaged.push(Damaged {
            offset: self.next_offset,
            next_offset,
            path: aside,
            len_bytes: damaged.end - damaged.start,
        });
        Ok(())
    }

    /// A name for damaged bytes that none have: what was set aside once stays.
    fn free_name(&self) -> PathBuf {
        let free = self.damaged_names().find(|it| !it.exists());
        free.expect("there is always one more")
    }

    /// Whether something was set aside already of what comes next.
    fn is_told(&self) -> bool {
        self.damaged_names().next().is_some_and(|it| it.exists())
    }

    fn damaged_names(&self) -> impl Iterator<Item = PathBuf> {
        let offset = self.next_offset;
        let first = self.folder.join(format!("{offset:020}.damaged"));
        let others = (2..).map(move |it| self.folder.join(format!("{offset:020}-{it}.damaged")));
        std::iter::once(first).chain(others)
    }

    /// Copies what lies behind damage to a new segment.
    fn split_off(&self, behind: &Behind<'_>, rest: Range<u64>, name: &SegmentName) -> Result<()> {
        let next = self.folder.join(name.file_name());
        let draft = draft_path(&next);
        copy(self.disk(), behind, rest, &draft)?;
        install(self.disk(), &draft, &next)
    }
}

/// Whether a sector ends within what no checksum of a batch covers, or right behind it.
fn is_in_doubt(position: u64) -> bool {
    position / SECTOR_BYTES != (position + STAMP_BYTES as u64) / SECTOR_BYTES
}

/// How many bytes there are before the zeros that were set aside.
fn torn_bytes(behind: &Behind<'_>) -> Result<u64> {
    let range = &behind.range;
    let mut piece = vec![0; PIECE_BYTES];
    let mut torn = 0;
    let mut at = range.start;
    while at < range.end {
        let count = (range.end - at).min(PIECE_BYTES as u64) as usize;
        let read = behind.file.read_exact_at(&mut piece[..count], at);
        read.map_err(Error::io("read", behind.path))?;
        if let Some(last) = piece[..count].iter().rposition(|&byte| byte != 0) {
            torn = at + last as u64 + 1 - range.start;
        }
        at += count as u64;
    }
    Ok(torn)
}

/// Copies a part of a file to a new one, and makes it durable.
fn copy(disk: &dyn Disk, behind: &Behind<'_>, range: Range<u64>, to: &Path) -> Result<()> {
    let mut options = OpenOptions::new();
    let created = options.write(true).create(true).truncate(true).open(to);
    let target = created.map_err(Error::io("create", to))?;
    let mut piece = vec![0; PIECE_BYTES];
    let mut at = range.start;
    while at < range.end {
        let count = (range.end - at).min(PIECE_BYTES as u64) as usize;
        let read = behind.file.read_exact_at(&mut piece[..count], at);
        read.map_err(Error::io("read", behind.path))?;
        let written = target.write_all_at(&piece[..count], at - range.start);
        written.map_err(Error::io("write", to))?;
        at += count as u64;
    }
    Ok(disk.sync(&target, to)?)
}
