//! Batches of which some records go: what is left keeps its offsets, times, sequence numbers and codec.
//!
//! Record counts and lengths change; the offsets that the header spans do not, so gaps within a batch and at its ends are visible
//! to everybody. A batch without records still says which sequence numbers its producer had reached.
//!
//! The first time that a record without a value (a *tombstone*) is kept, its batch gets a *delete horizon*: the moment from which on it may
//! go. It takes the place of the base timestamp, and bit 6 of the attributes says so (KIP-534); times of records count from it.

use std::io;

use super::{Header, Rebuilt, Records};

/// What is left of a batch whose records are `unpacked`: those that `is_kept` says of each in turn. With a `horizon` it is given that.
///
/// # Errors
/// If they cannot be packed.
pub(crate) fn sift(
    header: &Header,
    batch: &[u8],
    unpacked: &[u8],
    is_kept: &[bool],
    horizon: Option<i64>,
) -> io::Result<Vec<u8>> {
    let mut left = Rebuilt::new(horizon.unwrap_or(header.base_timestamp));
    let records = Records::new(unpacked, is_kept.len()).map_while(Result::ok);
    for (record, _) in records.zip(is_kept).filter(|(_, is_kept)| **is_kept) {
        left.push(&record, header.time_of(&record), record.offset_delta, &[]);
    }
    left.replace(header, batch, horizon)
}
