//! Batches of which some records go: what is left keeps its offsets, times, sequence numbers and codec.
//!
//! Record counts and lengths change; the offsets that the header spans do not, so gaps within a batch and at its ends are visible
//! to everybody. A batch without records still says which sequence numbers its producer had reached.
//!
//! The first time that a record without a value (a *tombstone*) is kept, its batch gets a *delete horizon*: the moment from which on it may
//! go. It takes the place of the base timestamp, and bit 6 of the attributes says so (KIP-534); times of records count from it.

use std::io;

use super::build::push_varint;
use super::codec::pack;
use super::header::{DELETE_HORIZON_BIT, seal};
use super::{HEADER_BYTES, Header, Record, Records};

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
    let base_timestamp = horizon.unwrap_or(header.base_timestamp);
    let mut left = Left::default();
    let records = Records::new(unpacked, is_kept.len()).map_while(Result::ok);
    for (record, _) in records.zip(is_kept).filter(|(_, is_kept)| **is_kept) {
        left.push(header, &record, base_timestamp);
    }
    let codec = header.codec().ok_or(io::ErrorKind::Unsupported)?;
    let mut attributes = header.attributes;
    if horizon.is_some() {
        attributes |= DELETE_HORIZON_BIT;
    }
    let packed = match left.count {
        0 => {
            attributes &= !Header::CODEC_BITS;
            Vec::new()
        }
        _ => pack(codec, &left.bytes, &batch[HEADER_BYTES..])?,
    };
    let is_own_time = left.count == 0 || header.is_log_append_time();
    let max_timestamp = match is_own_time {
        true => header.max_timestamp,
        false => left.max_timestamp,
    };
    let mut sifted = batch[..HEADER_BYTES].to_vec();
    let batch_length = (HEADER_BYTES - 12 + packed.len()) as i32;
    sifted[8..12].copy_from_slice(&batch_length.to_be_bytes());
    sifted[21..23].copy_from_slice(&attributes.to_be_bytes());
    sifted[27..35].copy_from_slice(&base_timestamp.to_be_bytes());
    sifted[35..43].copy_from_slice(&max_timestamp.to_be_bytes());
    sifted[57..61].copy_from_slice(&left.count.to_be_bytes());
    sifted.extend_from_slice(&packed);
    seal(&mut sifted);
    Ok(sifted)
}

/// Records that stay.
#[derive(Default)]
struct Left {
    bytes: Vec<u8>,
    /// What comes before the key, of the record that is being appended.
    head: Vec<u8>,
    count: i32,
    max_timestamp: i64,
}

impl Left {
    /// Appends a record whose time counts from `base_timestamp` from now on.
    fn push(&mut self, header: &Header, record: &Record<'_>, base_timestamp: i64) {
        // Times are whatever producers say, also beyond the ends of 64 bits, where they go round as clients have them.
        let timestamp = header.base_timestamp.wrapping_add(record.timestamp_delta);
        self.head.clear();
        self.head.push(record.attributes);
        push_varint(&mut self.head, timestamp.wrapping_sub(base_timestamp));
        push_varint(&mut self.head, i64::from(record.offset_delta));
        let length = self.head.len() + record.rest.len();
        push_varint(&mut self.bytes, length as i64);
        self.bytes.extend_from_slice(&self.head);
        self.bytes.extend_from_slice(record.rest);
        self.max_timestamp = match self.count {
            0 => timestamp,
            _ => self.max_timestamp.max(timestamp),
        };
        self.count += 1;
    }
}
