//! Reads a log from front to back, and knows where it ends.
//!
//! Records are written in batches, and a batch is on the disk when `fdatasync` has returned. A power cut before that leaves
//! anything in its place: nothing, half a record, zeros, or its last page without its first. So the first bad record is
//! a *torn tail* if all behind it belongs to the batch that was never finished, and *damage* if something
//! behind it was promised to be on the disk.
//!
//! A batch therefore ends with a *checkpoint*: it is written after the `fdatasync` of the batch has returned, and says that
//! everything up to it is on the disk. It is not synced itself: if a power cut takes it, the log is one whose last batch may be
//! torn. Whoever opens a log for writing and finds none of his own writes one before he begins. If an intact checkpoint is found anywhere behind a
//! bad record, the log is damaged; it names the generation of the log, which is random, and where it stands itself, so that no path
//! and no link can be taken for one. Otherwise the log ends where the bad record starts. (The table is another witness: it is written after
//! the `fdatasync` as well, so records that it covers are never a torn tail.)
//!
//! Some batches make sense as a whole alone: when the staging follows a branch that was moved, what is staged is put aside and staged again.
//! Such a batch begins with a record that says so, and if neither a checkpoint nor the table is a witness that it was
//! finished, the log ends there.
//!
//! That there are whole records behind a bad one says nothing by itself: a batch that was never finished may be on the disk
//! without its first page. Damage that cannot be told from a torn tail is that of a batch whose checkpoint, the table and
//! nothing else are lost as well. What it costs is that files are looked at again.

use std::ops::Range;

use super::image::View;
use super::latest::Latest;
use super::record::{CHECKPOINT, CHECKPOINT_BYTES, Frame, Record, flaw};
use crate::codec::{Read, Reader, checksum};

const MAGIC: [u8; 8] = *b"TAMISLOG";

/// The version that is written, and the newest that is read.
pub(super) const VERSION: u16 = 1;

/// Where the first record starts.
pub(super) const HEADER_BYTES: u64 = 32;

/// How a log starts.
pub(super) fn header(generation: u64) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend(VERSION.to_le_bytes());
    out.extend([0; 6]);
    out.extend(generation.to_le_bytes());
    out.extend(checksum(&out).to_le_bytes());
    out
}

/// The version and the generation of a log.
pub(super) fn read_header(bytes: &[u8]) -> Read<(u16, u64)> {
    let mut reader = Reader::new(bytes);
    if reader.array() != Ok(MAGIC) {
        return Err(flaw(0, "this is no log of a staging area"));
    }
    let version = reader.u16()?;
    reader.take(6)?;
    let generation = reader.u64()?;
    match reader.u64()? == checksum(&bytes[..24]) {
        true => Ok((version, generation)),
        false => Err(flaw(0, "the checksum of the header is wrong")),
    }
}

/// Where a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Behind the last whole record.
    Whole(u64),
    /// Here begins what counts as a whole, and it is not. Records behind it were shown as well.
    Unfinished(u64),
}

/// Shows `visit` all records of a range, the last of which may reach beyond it, as far as they are whole. What is in front of `promised`
/// is finished in any case.
pub(super) fn walk<'b>(
    view: View<'b>,
    generation: u64,
    range: Range<u64>,
    promised: u64,
    mut visit: impl FnMut(&Frame<'b>, Record<'b>) -> Read<()>,
) -> Read<End> {
    let mut offset = range.start;
    let mut unfinished = None;
    while offset < view.len_bytes().min(range.end) {
        let frame = match view.frame(offset) {
            Ok(frame) => frame,
            Err(_) if is_torn_tail(view.base, offset, generation) => break,
            Err(flaw) => return Err(flaw),
        };
        let record = frame.record(generation)?;
        match record {
            Record::Following if offset >= promised => unfinished = unfinished.or(Some(offset)),
            Record::Checkpoint => unfinished = None,
            _ => {}
        }
        visit(&frame, record)?;
        offset += frame.len_bytes();
    }
    Ok(unfinished.map_or(End::Whole(offset), End::Unfinished))
}

/// Whether nothing behind the bad record at `offset` was promised to be on the disk.
fn is_torn_tail(log: &[u8], offset: u64, generation: u64) -> bool {
    let start = usize::try_from(offset).unwrap_or(usize::MAX);
    let Some(rest) = log.get(start..) else {
        return false; // In what is not written yet.
    };
    let generation = generation.to_le_bytes();
    let mut places = rest.windows(CHECKPOINT_BYTES).enumerate();
    !places.any(|(index, bytes)| {
        let at = offset + index as u64;
        bytes[8] == CHECKPOINT
            && bytes[9..17] == generation
            && bytes[17..] == at.to_le_bytes()
            && Frame::read(bytes, at).is_ok()
    })
}

/// What is in a log: the answer of [`check_log`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogSummary {
    /// Records of all kinds.
    pub records: u64,
    /// Paths that are staged.
    pub paths: usize,
    /// Records that say what is in a commit.
    pub commits: u64,
    /// Where the torn tail starts, or the end.
    pub valid_bytes: u64,
}

/// Reads every record of a whole log, to its last chunk, without any file.
///
/// # Errors
/// The first flaw, if it is not that of a torn tail.
pub fn check_log(bytes: &[u8]) -> Read<LogSummary> {
    let (version, generation) = read_header(bytes)?;
    if version != VERSION {
        return Err(flaw(8, "a log of another version"));
    }
    let view = View {
        base: bytes,
        tail: &[],
    };
    let (summary, valid_bytes, latest) = check(view, generation, 0)?;
    Ok(LogSummary {
        paths: latest.live_count,
        valid_bytes,
        ..summary
    })
}

/// Reads every record of a log: how many there are, where the last whole one ends, and what they say. A table vouches for what is in
/// front of `promised`.
pub(super) fn check(
    view: View<'_>,
    generation: u64,
    promised: u64,
) -> Read<(LogSummary, u64, Latest)> {
    match check_to(view, generation, u64::MAX, promised)? {
        (End::Unfinished(end), ..) => {
            let (_, summary, latest) = check_to(view, generation, end, promised)?;
            Ok((summary, end, latest))
        }
        (End::Whole(end), summary, latest) => Ok((summary, end, latest)),
    }
}

fn check_to(
    view: View<'_>,
    generation: u64,
    limit: u64,
    promised: u64,
) -> Read<(End, LogSummary, Latest)> {
    let mut latest = Latest::default();
    let mut summary = LogSummary::default();
    let end = walk(
        view,
        generation,
        HEADER_BYTES..limit,
        promised,
        |frame, record| {
            summary.records += 1;
            match record {
                Record::Path(record) => {
                    if let Some(entry) = record.entry {
                        entry.decode()?;
                        entry.known()?;
                    }
                }
                Record::Committed(_) => summary.commits += 1,
                Record::Checkpoint | Record::Packs(_) | Record::Following => {}
            }
            latest.follow(view, frame, &record)
        },
    )?;
    Ok((end, summary, latest))
}
