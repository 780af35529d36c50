//! What stands at the front of each record, read from a stream: whole batches need not be unpacked to know it.

use std::io::BufRead;

use super::codec::{Codec, Unpacker, unpacker};
use super::{BadRecord, HEADER_BYTES, Header};

/// The front of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) timestamp_delta: i64,
    pub(crate) offset_delta: i32,
    pub(crate) has_key: bool,
}

/// What is wrong with records that a compacted topic is to take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadKeys {
    /// Records that no other can replace.
    #[error("record {} of the batch has no key, which a compacted topic asks for", first(.0))]
    Missing(Vec<i32>),
    /// They cannot be unpacked, or are not numbered from 0 on.
    #[error("its records are not what the header says: {0}")]
    Bad(#[from] BadRecord),
    /// They are more than may be unpacked for it.
    #[error(transparent)]
    TooLong(#[from] TooLong),
}

/// Records that are small only as long as they are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its records unpack to more than {bytes_max} bytes, or need more memory than that")]
pub struct TooLong {
    /// What may be unpacked.
    pub bytes_max: u64,
}

/// Records without a key that are named; more are refused all the same.
const NAMED_MAX: usize = 1000;

/// The fronts of all records of a batch that is whole, of which at most `bytes_max` are unpacked.
pub(crate) fn heads<'b>(header: &Header, batch: &'b [u8], bytes_max: u64) -> Heads<'b> {
    let codec = header.codec();
    let count = usize::try_from(header.record_count).unwrap_or(0);
    let stream = codec.and_then(|it| unpacker(it, &batch[HEADER_BYTES..], bytes_max).ok());
    Heads {
        // A stream that cannot be opened ends at once, before its first record.
        bytes: stream.unwrap_or_else(|| {
            unpacker(Codec::None, &[], 0).expect("nothing is unpacked without fail")
        }),
        index: 0,
        count,
    }
}

/// Whether a compacted topic may take a batch: all records have a key, and are numbered one by one. At most `bytes_max` are unpacked.
///
/// # Errors
/// [`BadKeys`].
pub(crate) fn check_keys(header: &Header, batch: &[u8], bytes_max: u64) -> Result<(), BadKeys> {
    let mut missing = Vec::new();
    let mut heads = heads(header, batch, bytes_max);
    for index in 0.. {
        let Some(head) = heads.next() else {
            break;
        };
        if heads.is_cut() {
            return Err(TooLong { bytes_max }.into());
        }
        let head = head?;
        if head.offset_delta != index {
            return Err(BadRecord {
                index: index as usize,
            }
            .into());
        }
        if !head.has_key && missing.len() < NAMED_MAX {
            missing.push(index);
        }
    }
    match missing.is_empty() {
        true => Ok(()),
        false => Err(BadKeys::Missing(missing)),
    }
}

/// Fronts of records, one after the other.
pub(crate) struct Heads<'b> {
    bytes: Unpacker<'b>,
    index: usize,
    count: usize,
}

impl Iterator for Heads<'_> {
    type Item = Result<Head, BadRecord>;

    fn next(&mut self) -> Option<Result<Head, BadRecord>> {
        let index = self.index;
        if index > self.count {
            return None;
        }
        if index == self.count {
            self.index += 1;
            // Too many bytes are as bad as too few.
            let is_end = self.bytes.fill_buf().is_ok_and(<[u8]>::is_empty);
            return (!is_end).then_some(Err(BadRecord { index }));
        }
        let head = self.read().ok_or(BadRecord { index });
        self.index = match head {
            Ok(_) => index + 1,
            Err(_) => self.count + 1,
        };
        Some(head)
    }
}

impl Heads<'_> {
    /// Whether they ended where more would have been unpacked than may be.
    pub(crate) fn is_cut(&self) -> bool {
        self.bytes.is_cut()
    }

    fn read(&mut self) -> Option<Head> {
        let (length, _) = self.varint()?;
        let mut left = u64::try_from(length).ok()?;
        left = left.checked_sub(1)?;
        self.byte()?;
        let (timestamp_delta, bytes) = self.varint()?;
        left = left.checked_sub(bytes)?;
        let (offset_delta, bytes) = self.varint()?;
        left = left.checked_sub(bytes)?;
        let (key_length, bytes) = self.varint()?;
        left = left.checked_sub(bytes)?;
        self.skip(left)?;
        Some(Head {
            timestamp_delta,
            offset_delta: i32::try_from(offset_delta).ok()?,
            has_key: key_length >= 0,
        })
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.fill_buf().ok()?.first()?;
        self.bytes.consume(1);
        Some(byte)
    }

    /// A number, and in how many bytes it stood.
    fn varint(&mut self) -> Option<(i64, u64)> {
        let mut bytes = [0; 10];
        for count in 0..bytes.len() {
            bytes[count] = self.byte()?;
            if bytes[count] & 0x80 == 0 {
                let number = super::records::read_varint(&mut &bytes[..=count])?;
                return Some((number, count as u64 + 1));
            }
        }
        None
    }

    fn skip(&mut self, mut left: u64) -> Option<()> {
        while left > 0 {
            let have = self.bytes.fill_buf().ok()?.len() as u64;
            if have == 0 {
                return None;
            }
            let count = have.min(left);
            self.bytes.consume(count as usize);
            left -= count;
        }
        Some(())
    }
}

fn first(indexes: &[i32]) -> String {
    indexes.first().map_or_else(String::new, i32::to_string)
}
