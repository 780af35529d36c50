//! The records of a batch, unpacked and whole.

use std::borrow::Cow;
use std::io::Read;

use crate::batch::codec::{Codec, unpacker};
use crate::batch::{BadBatch, BadKeys, BadRecord, HEADER_BYTES, Header, Record, Records, TooLong};
use crate::{Error, Result};

/// Records of JSON become about so much longer.
const LIKELY_RATIO: u64 = 4;

/// Unpacks the records of a batch to `bytes_max` at most.
///
/// # Errors
/// [`BadKeys::TooLong`], [`BadKeys::Bad`].
pub(super) fn unpack<'b>(
    header: &Header,
    batch: &'b [u8],
    bytes_max: u64,
) -> Result<Cow<'b, [u8]>> {
    let packed = &batch[HEADER_BYTES..];
    let codec = header.codec();
    let codec = codec.ok_or(BadBatch::Codec(header.attributes & 0b111))?;
    if codec == Codec::None {
        return Ok(Cow::Borrowed(packed));
    }
    let bad = || Error::from(BadKeys::Bad(BadRecord { index: 0 }));
    let mut stream = unpacker(codec, packed, bytes_max).map_err(|_| bad())?;
    let likely_bytes = bytes_max.min(packed.len() as u64 * LIKELY_RATIO);
    let mut unpacked = Vec::with_capacity(likely_bytes as usize);
    match stream.read_to_end(&mut unpacked) {
        Ok(_) => Ok(Cow::Owned(unpacked)),
        Err(_) if stream.is_cut() => Err(BadKeys::from(TooLong { bytes_max }).into()),
        Err(_) => Err(bad()),
    }
}

/// The records of a batch that a producer may send: they are whole, and numbered one by one.
pub(super) fn records<'b>(
    header: &Header,
    unpacked: &'b [u8],
) -> impl Iterator<Item = Result<Record<'b>>> + use<'b> {
    let count = usize::try_from(header.record_count).unwrap_or(0);
    let records = Records::new(unpacked, count).enumerate();
    records.map(|(index, record)| match record {
        Ok(record) if usize::try_from(record.offset_delta) == Ok(index) => Ok(record),
        _ => Err(BadKeys::Bad(BadRecord { index }).into()),
    })
}
