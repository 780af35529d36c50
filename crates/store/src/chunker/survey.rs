//! What can be known of a segment's cuts before it is known where its first chunk starts.
//!
//! Cuts hang together: each chunk is looked for behind the one before. The obvious way to cut a segment early is to cut it from
//! its own start, in the hope that these cuts and the true ones meet. On most data they do, within a few chunks; in zeros, in
//! short periods, and wherever matches are rarer than chunks are long, they never do, and then one core cuts the file alone.
//!
//! So a survey does not guess where chunks start. Whether a byte matches a mask depends on the 48 bytes up to it, and on
//! the chunk it is in only where the hash began less than that ago. The survey hashes all bytes (the one step that takes
//! long, and waits for nobody) and notes for each block of 1 KiB and each mask whether a byte in it may match. After that, a cut
//! from anywhere costs
//!
//! - the 48 bytes where the chunk's own hash begins,
//! - for each half of the chunk that is searched the noted blocks: the rest of the one that the search begins in and one more,
//!   which has the match; on ordinary data few are noted;
//! - what lies behind the segment, where the chunk leaves it: that is not surveyed, since the next worker does so.
//!
//! In segments of 8 MiB that comes to 0.8 % of random bytes, 1.1 % of log lines, and 0.02 % of zeros or of a period of 100
//! bytes. The most that any data can make of it, with chunks of the default lengths, is two blocks for a chunk that ends early,
//! 2 KiB of at least 16, and twice that for one that does not, 4 KiB of 64: should somebody write a file with this code at
//! hand, an eighth of it is left to do in turn. The last chunk of a segment adds to that, once a segment. A segment that
//! zeros or a period fill only in part is no case of its own: each chunk costs what its own bytes cost.
//!
//! The price is that the `min_bytes` which a chunk skips are hashed too, and that every match stops the lanes, where a chunk
//! has one at its end: 3.4 GB/s on a core that cuts 5.0 (random bytes, processor time, Zen 5). Whoever knows the first cut
//! should simply cut.

use std::cell::Cell;
use std::ops::Range;

use super::gear::{self, Group, LANE_BYTES, LANES, Masks, WINDOW_BYTES};
use super::{Chunker, Half};

/// A group that stops the lanes more often is looked at lane by lane: short periods may match at every byte.
const STOPS_MAX: usize = 8;

/// The blocks of a segment in which a chunk may end.
pub(super) struct Survey<'b> {
    chunker: &'b Chunker,
    bytes: &'b [u8],
    /// For each block a bit for each mask, see [`bit`]; what is behind the last one is not surveyed.
    blocks: Vec<u8>,
    scanned_bytes: Cell<u64>,
}

impl<'b> Survey<'b> {
    /// Surveys the first `len_bytes` of `bytes`, which reach on for the longest chunk or to the end of the file.
    pub(super) fn of(chunker: &'b Chunker, bytes: &'b [u8], len_bytes: usize) -> Survey<'b> {
        let own = &bytes[..len_bytes.min(bytes.len())];
        let mut blocks = Vec::with_capacity(own.len() / LANE_BYTES);
        for group in gear::groups(own) {
            let at = blocks.len() * LANE_BYTES;
            blocks.extend_from_slice(&survey_group(chunker, bytes, at, group));
        }
        Survey {
            chunker,
            bytes,
            blocks,
            scanned_bytes: Cell::new(0),
        }
    }

    /// What [`Chunker::cut`] says of the bytes from `start` on.
    pub(super) fn cut(&self, start: usize) -> usize {
        let origin = start + self.chunker.parameters.min_bytes as usize;
        self.chunker
            .cut_by(self.bytes.len() - start, |range, half| {
                let range = start + range.start..start + range.end;
                let found = self.first_match(origin, range, half)?;
                Some(found - start)
            })
    }

    /// Bytes that had to be hashed again for cuts.
    pub(super) fn scanned_bytes(&self) -> u64 {
        self.scanned_bytes.get()
    }

    fn first_match(&self, origin: usize, range: Range<usize>, half: Half) -> Option<usize> {
        // Up to here the hash lacks bytes that the survey's had.
        let full = (origin + WINDOW_BYTES).clamp(range.start, range.end);
        if let Some(found) = self.scan(origin, range.start..full, half) {
            return Some(found);
        }
        let mut at = full;
        while at < range.end {
            let block = at / LANE_BYTES;
            let noted = self.blocks.get(block);
            let end = match noted {
                Some(_) => range.end.min((block + 1) * LANE_BYTES),
                None => range.end,
            };
            if noted.is_none_or(|bits| bits & bit(half) != 0)
                && let Some(found) = self.scan(origin, at..end, half)
            {
                return Some(found);
            }
            at = end;
        }
        None
    }

    fn scan(&self, origin: usize, range: Range<usize>, half: Half) -> Option<usize> {
        let mask = self.chunker.masks.of(half);
        let found = gear::first_match(self.bytes, origin, range.clone(), mask);
        let scanned = found.map_or(range.len(), |at| at + 1 - range.start);
        self.scanned_bytes
            .set(self.scanned_bytes.get() + scanned as u64);
        found
    }
}

const fn bit(half: Half) -> u8 {
    match half {
        Half::Early => 1,
        Half::Late => 2,
    }
}

/// The bits of the blocks of the group at `at`.
///
/// At the very start of `bytes` the hash lacks the bytes before; no chunk ends so early.
fn survey_group(chunker: &Chunker, bytes: &[u8], at: usize, group: &Group) -> [u8; LANES] {
    let masks = &chunker.masks;
    let mut blocks = [0; LANES];
    let mut hashes = gear::lane_hashes(bytes, 0, at);
    let mut from = 0;
    for _ in 0..STOPS_MAX {
        let Some(step) = gear::advance(group, from, &hashes, masks.either()) else {
            return blocks;
        };
        hashes = gear::lane_hashes(bytes, 0, at + step);
        from = step + 2;
        for ((hash, lane), bits) in hashes.iter_mut().zip(group).zip(&mut blocks) {
            for byte in &lane[step..from] {
                *hash = gear::push(*hash, *byte);
                *bits |= matching(*hash, masks);
            }
        }
    }
    for (lane, bits) in blocks.iter_mut().enumerate() {
        let start = at + lane * LANE_BYTES;
        for half in [Half::Early, Half::Late] {
            let rest = start + from..start + LANE_BYTES;
            let unknown = *bits & bit(half) == 0;
            if unknown && gear::first_match(bytes, 0, rest, masks.of(half)).is_some() {
                *bits |= bit(half);
            }
        }
    }
    blocks
}

/// The bits of the masks that a byte with this hash matches.
fn matching(hash: u64, masks: &Masks) -> u8 {
    let bit_if = |half| {
        if hash & masks.of(half) == 0 {
            bit(half)
        } else {
            0
        }
    };
    bit_if(Half::Early) | bit_if(Half::Late)
}
