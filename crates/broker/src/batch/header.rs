//! The header of a batch.

use crc_fast::{CrcAlgorithm, checksum};

use super::Record;
use super::codec::Codec;

/// What comes before the records.
pub const HEADER_BYTES: usize = 61;

/// The front of the header: base offset, length and epoch, which the log writes anew.
pub const STAMP_BYTES: usize = 16;

/// The base offset and the length, behind which a batch's length counts.
const PREFIX_BYTES: usize = 12;

/// The only version of batches there is since 2017.
const MAGIC: i8 = 2;

const MAGIC_AT: usize = 16;
const CRC_AT: usize = 17;
const CHECKED_FROM: usize = 21;

const LOG_APPEND_TIME_BIT: i16 = 1 << 3;
const TRANSACTIONAL_BIT: i16 = 1 << 4;
const CONTROL_BIT: i16 = 1 << 5;
pub(super) const DELETE_HORIZON_BIT: i16 = 1 << 6;

/// Codecs known: none, gzip, snappy, lz4, zstd.
const CODEC_MAX: i16 = 4;

/// Why bytes are no batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadBatch {
    /// There are fewer bytes than the header, or than it says.
    #[error("{have} bytes of a batch of {expected}")]
    Short {
        /// Bytes there are.
        have: usize,
        /// Bytes there should be.
        expected: usize,
    },
    /// The batch says that it is shorter than its own header.
    #[error("a batch length of {0}")]
    Length(i32),
    /// It is of a version that is not written any more.
    #[error("magic {0}, only 2 is known")]
    Magic(i8),
    /// The checksum is that of other bytes.
    #[error("the checksum is {found:08x}, in the header is {stated:08x}")]
    Checksum {
        /// In the header.
        stated: u32,
        /// Of the bytes.
        found: u32,
    },
    /// The number of records and the last offset contradict each other.
    #[error("{record_count} records, the last of which is number {last_offset_delta}")]
    Count {
        /// In the header.
        record_count: i32,
        /// In the header, too.
        last_offset_delta: i32,
    },
    /// A compression that does not exist.
    #[error("compression {0} is not known")]
    Codec(i16),
}

/// The header of a batch, decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Offset of the first record.
    pub base_offset: i64,
    /// Bytes behind the field of the length.
    pub batch_length: i32,
    /// In which term of the partition's leader it was written.
    pub leader_epoch: i32,
    /// CRC-32C of what lies behind the checksum.
    pub crc: u32,
    /// Codec and flags.
    pub attributes: i16,
    /// Offset of the last record, counted from the first.
    pub last_offset_delta: i32,
    /// Milliseconds since 1970, from which the records' times count.
    pub base_timestamp: i64,
    /// The latest of the records' times; -1: none has one.
    pub max_timestamp: i64,
    /// Who wrote it; -1: nobody who counts.
    pub producer_id: i64,
    /// In which life of this producer.
    pub producer_epoch: i16,
    /// The number that the producer gave to the first record; -1: none.
    pub base_sequence: i32,
    /// Records in it.
    pub record_count: i32,
}

impl Header {
    /// Of the attributes, those that say how records are packed.
    pub(super) const CODEC_BITS: i16 = 0b111;

    /// Reads the header at the front of `bytes`. Nothing behind it is looked at; what could not be a batch is refused.
    ///
    /// # Errors
    /// [`BadBatch::Short`], [`BadBatch::Length`], [`BadBatch::Magic`].
    pub fn read(bytes: &[u8]) -> Result<Header, BadBatch> {
        let Some(header) = bytes.first_chunk::<HEADER_BYTES>() else {
            return Err(BadBatch::Short {
                have: bytes.len(),
                expected: HEADER_BYTES,
            });
        };
        let batch_length = i32::from_be_bytes(field(header, 8));
        // The magic stands at the same place in every version, so it tells more than a length that makes no sense.
        let magic = i8::from_be_bytes(field(header, MAGIC_AT));
        if magic != MAGIC {
            return Err(BadBatch::Magic(magic));
        }
        if batch_length < (HEADER_BYTES - PREFIX_BYTES) as i32 {
            return Err(BadBatch::Length(batch_length));
        }
        Ok(Header {
            base_offset: i64::from_be_bytes(field(header, 0)),
            batch_length,
            leader_epoch: i32::from_be_bytes(field(header, 12)),
            crc: u32::from_be_bytes(field(header, CRC_AT)),
            attributes: i16::from_be_bytes(field(header, CHECKED_FROM)),
            last_offset_delta: i32::from_be_bytes(field(header, 23)),
            base_timestamp: i64::from_be_bytes(field(header, 27)),
            max_timestamp: i64::from_be_bytes(field(header, 35)),
            producer_id: i64::from_be_bytes(field(header, 43)),
            producer_epoch: i16::from_be_bytes(field(header, 51)),
            base_sequence: i32::from_be_bytes(field(header, 53)),
            record_count: i32::from_be_bytes(field(header, 57)),
        })
    }

    /// Reads the header of the batch that `batch` is, whole and nothing else, and checks it: checksum, counts, codec.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(batch: &[u8]) -> Result<Header, BadBatch> {
        let header = Header::read(batch)?;
        if batch.len() != header.len_bytes() {
            return Err(BadBatch::Short {
                have: batch.len(),
                expected: header.len_bytes(),
            });
        }
        let found = crc(batch);
        if found != header.crc {
            return Err(BadBatch::Checksum {
                stated: header.crc,
                found,
            });
        }
        if header.attributes & Header::CODEC_BITS > CODEC_MAX {
            return Err(BadBatch::Codec(header.attributes & Header::CODEC_BITS));
        }
        // A batch that was compacted has fewer records than offsets, and may have none.
        let offsets = i64::from(header.last_offset_delta) + 1;
        if offsets < 1 || header.record_count < 0 || i64::from(header.record_count) > offsets {
            return Err(header.bad_count());
        }
        Ok(header)
    }

    /// Whether a producer may send this: it has as many records as offsets, and at least one.
    ///
    /// # Errors
    /// [`BadBatch::Count`].
    pub fn check_new(&self) -> Result<(), BadBatch> {
        match self.record_count > 0 && self.last_offset_delta == self.record_count - 1 {
            true => Ok(()),
            false => Err(self.bad_count()),
        }
    }

    fn bad_count(&self) -> BadBatch {
        BadBatch::Count {
            record_count: self.record_count,
            last_offset_delta: self.last_offset_delta,
        }
    }

    /// Bytes of the whole batch.
    pub fn len_bytes(&self) -> usize {
        PREFIX_BYTES + self.batch_length as usize
    }

    /// Offset of the last record.
    pub fn last_offset(&self) -> i64 {
        self.base_offset
            .saturating_add(i64::from(self.last_offset_delta))
    }

    /// Offset of the record that comes after this batch.
    pub fn next_offset(&self) -> i64 {
        self.last_offset().saturating_add(1)
    }

    /// The sequence number of the last record; they go on at 0 behind the largest.
    pub fn last_sequence(&self) -> i32 {
        after(self.base_sequence, self.last_offset_delta)
    }

    /// Whether the records are compressed.
    pub fn is_compressed(&self) -> bool {
        self.attributes & Header::CODEC_BITS != 0
    }

    /// How the records are compressed; `None`: in a way that is not known.
    pub(crate) fn codec(&self) -> Option<Codec> {
        match self.attributes & Header::CODEC_BITS {
            0 => Some(Codec::None),
            1 => Some(Codec::Gzip),
            2 => Some(Codec::Snappy),
            3 => Some(Codec::Lz4),
            4 => Some(Codec::Zstd),
            _ => None,
        }
    }

    /// The latest of its records' times; -1: it has none, or they have none.
    pub(crate) fn latest_time(&self) -> i64 {
        match self.record_count {
            0 => -1,
            _ => self.max_timestamp,
        }
    }

    /// When a record of it was made. Times are whatever producers say, also beyond the ends of 64 bits, where they go round as clients have
    /// them.
    pub(crate) fn time_of(&self, record: &Record<'_>) -> i64 {
        self.base_timestamp.wrapping_add(record.timestamp_delta)
    }

    /// From when on records without a value may go, once it is known (KIP-534).
    pub(crate) fn delete_horizon(&self) -> Option<i64> {
        let has_one = self.attributes & DELETE_HORIZON_BIT != 0;
        has_one.then_some(self.base_timestamp)
    }

    /// Whether a producer that numbers its records wrote it.
    pub fn has_producer(&self) -> bool {
        self.producer_id >= 0
    }

    /// Whether the times are those of the log and not of the producer.
    pub fn is_log_append_time(&self) -> bool {
        self.attributes & LOG_APPEND_TIME_BIT != 0
    }

    /// Whether it is part of a transaction.
    pub fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL_BIT != 0
    }

    /// Whether it holds a marker of the broker's own, which consumers pass over.
    pub fn is_control(&self) -> bool {
        self.attributes & CONTROL_BIT != 0
    }

    /// What the log writes in place of the first [`STAMP_BYTES`] of the batch.
    pub fn stamp(&self, base_offset: i64, leader_epoch: i32) -> [u8; STAMP_BYTES] {
        let mut stamp = [0; STAMP_BYTES];
        stamp[..8].copy_from_slice(&base_offset.to_be_bytes());
        stamp[8..12].copy_from_slice(&self.batch_length.to_be_bytes());
        stamp[12..].copy_from_slice(&leader_epoch.to_be_bytes());
        stamp
    }
}

/// The number `delta` behind `sequence`.
pub(crate) fn after(sequence: i32, delta: i32) -> i32 {
    ((i64::from(sequence) + i64::from(delta)) & i64::from(i32::MAX)) as i32
}

/// The CRC-32C of a batch, whose header must be whole.
pub(super) fn crc(batch: &[u8]) -> u32 {
    checksum(CrcAlgorithm::Crc32Iscsi, &batch[CHECKED_FROM..]) as u32
}

/// Writes the checksum of a batch into its header.
pub(crate) fn seal(batch: &mut [u8]) {
    let crc = crc(batch);
    batch[CRC_AT..CHECKED_FROM].copy_from_slice(&crc.to_be_bytes());
}

/// Gives a batch the time at which it was appended, which is part of what the checksum covers.
pub fn set_append_time(batch: &mut [u8], timestamp: i64) {
    let attributes = i16::from_be_bytes([batch[CHECKED_FROM], batch[CHECKED_FROM + 1]]);
    let attributes = attributes | LOG_APPEND_TIME_BIT;
    batch[CHECKED_FROM..CHECKED_FROM + 2].copy_from_slice(&attributes.to_be_bytes());
    batch[35..43].copy_from_slice(&timestamp.to_be_bytes());
    seal(batch);
}

/// The batch at the front of `bytes`, and what comes behind it; neither is checked further than [`Header::read`] does.
///
/// # Errors
/// As [`Header::read`], and [`BadBatch::Short`].
pub fn split(bytes: &[u8]) -> Result<(Header, &[u8], &[u8]), BadBatch> {
    let header = Header::read(bytes)?;
    match bytes.split_at_checked(header.len_bytes()) {
        Some((batch, rest)) => Ok((header, batch, rest)),
        None => Err(BadBatch::Short {
            have: bytes.len(),
            expected: header.len_bytes(),
        }),
    }
}

fn field<const N: usize>(header: &[u8; HEADER_BYTES], at: usize) -> [u8; N] {
    *header[at..]
        .first_chunk()
        .expect("fields lie within the header")
}
