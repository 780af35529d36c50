//! Records that are missing in the middle of a log, and what is remembered of their producers.
//!
//! What was appended last may have been on its way to the disk when the power went: a power cut may take some of it and leave what lies behind
//! (`recovery/`). Nobody was told of those batches, so they come again, and are to be taken. Two things could speak against it:
//!
//! - a *snapshot* of what is known of producers, which was written when a segment began, remembers a batch before it that was lost: it would be
//!   answered as a repetition, and be nowhere. Such a snapshot is not used, but an older one and what the log says behind that
//!   ([`Producers::first_lost`]);
//! - *dead letters* that lie before all that are remembered were forgotten for those, as a rule: one batch may have more of them than are
//!   remembered. Where records are missing they may be lost as well, and so they are looked for in the log ([`Log::has_letters`]).

use std::ops::Range;
use std::sync::Arc;

use super::Log;
use super::producers::Producers;
use super::segment::SEARCHED_BYTES;
use super::writer::Writer;
use crate::batch::Header;
use crate::{Error, Result};

impl Producers {
    /// The first of the missing records among those that a producer is remembered for.
    pub(super) fn first_lost(&self, missing: &[Range<i64>]) -> Option<i64> {
        let lost = |it: &i64| missing.iter().any(|range| range.contains(it));
        self.remembered().filter(lost).min()
    }
}

impl Log {
    /// Whether dead letters are here, by the headers of all batches. It is looked from the last segment back: what was on the way with
    /// those that are remembered is near. For each that was lost all of the log is gone through.
    pub(super) fn has_letters(&self, writer: &Writer, letters: &Header) -> Result<bool> {
        let key = |it: &Header| (it.producer_id, it.producer_epoch, it.base_sequence);
        self.with_segments(|segments| {
            for segment in segments.iter().rev() {
                // Also what may not be read yet.
                let end = match Arc::ptr_eq(segment, &writer.active) {
                    true => writer.len_bytes,
                    false => {
                        let metadata = segment.file()?.metadata();
                        metadata.map_err(Error::io("read", segment.path()))?.len()
                    }
                };
                let mut scan = segment.scan(0..end, SEARCHED_BYTES)?;
                while let Some((_, found)) = scan.next_header()? {
                    if key(&found) == key(letters) {
                        return Ok(true);
                    }
                }
            }
            Ok(false)
        })
    }
}
