//! The records of a batch, borrowed from it.
//!
//! ```text
//! length          varint  of what follows
//! attributes      i8      unused
//! timestamp delta varint
//! offset delta    varint
//! key             varint length, -1: null; bytes
//! value           likewise
//! headers         varint count; each: varint length and name, varint length (-1: null) and value
//! ```
//!
//! Varints are those of Protocol Buffers, zigzag.

/// A record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'b> {
    /// Offset counted from that of the batch.
    pub offset_delta: i32,
    /// Milliseconds counted from the batch's.
    pub timestamp_delta: i64,
    /// `None`: null.
    pub key: Option<&'b [u8]>,
    /// `None`: null, which in a compacted topic removes the key.
    pub value: Option<&'b [u8]>,
    /// Unused, and kept.
    pub(super) attributes: u8,
    /// All behind the offset: key, value and headers as they stand there.
    pub(super) rest: &'b [u8],
    /// Key and value as they stand there.
    pub(super) key_and_value: &'b [u8],
    /// Headers, checked and not yet taken apart.
    pub(super) headers: &'b [u8],
    pub(super) header_count: usize,
}

/// Records are not what the batch says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("record {index} of the batch is cut off or makes no sense")]
pub struct BadRecord {
    /// Counted from 0.
    pub index: usize,
}

/// The records of a batch that is not compressed, one after the other.
#[derive(Clone, Debug)]
pub struct Records<'b> {
    bytes: &'b [u8],
    index: usize,
    count: usize,
}

impl<'b> Records<'b> {
    /// The records in `bytes`: what lies behind the header, unpacked.
    pub fn new(bytes: &'b [u8], count: usize) -> Records<'b> {
        Records {
            bytes,
            index: 0,
            count,
        }
    }
}

impl<'b> Iterator for Records<'b> {
    type Item = Result<Record<'b>, BadRecord>;

    fn next(&mut self) -> Option<Self::Item> {
        // Too many bytes are as bad as too few.
        if self.index == self.count && self.bytes.is_empty() {
            return None;
        }
        if self.index > self.count {
            return None;
        }
        let index = self.index;
        let record = match index < self.count {
            true => read_record(&mut self.bytes).ok_or(BadRecord { index }),
            false => Err(BadRecord { index }),
        };
        self.index = match record {
            Ok(_) => index + 1,
            Err(_) => self.count + 1,
        };
        Some(record)
    }
}

impl<'b> Record<'b> {
    /// Its headers: names and values, which may be null.
    pub fn headers(&self) -> impl Iterator<Item = (&'b [u8], Option<&'b [u8]>)> + use<'b> {
        let mut bytes = self.headers;
        (0..self.header_count).map_while(move |_| read_header(&mut bytes))
    }
}

fn read_record<'b>(bytes: &mut &'b [u8]) -> Option<Record<'b>> {
    let length = usize::try_from(read_varint(bytes)?).ok()?;
    let (mut record, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    let (&attributes, behind) = record.split_first()?;
    record = behind;
    let timestamp_delta = read_varint(&mut record)?;
    let offset_delta = i32::try_from(read_varint(&mut record)?).ok()?;
    let rest = record;
    let key = read_nullable(&mut record)?;
    let value = read_nullable(&mut record)?;
    let key_and_value = &rest[..rest.len() - record.len()];
    let header_count = usize::try_from(read_varint(&mut record)?).ok()?;
    let headers = record;
    for _ in 0..header_count {
        read_header(&mut record)?;
    }
    record.is_empty().then_some(Record {
        offset_delta,
        timestamp_delta,
        key,
        value,
        attributes,
        rest,
        key_and_value,
        headers,
        header_count,
    })
}

fn read_header<'b>(bytes: &mut &'b [u8]) -> Option<(&'b [u8], Option<&'b [u8]>)> {
    Some((read_nullable(bytes)??, read_nullable(bytes)?))
}

/// Bytes behind their length; the inner `None` is null.
fn read_nullable<'b>(bytes: &mut &'b [u8]) -> Option<Option<&'b [u8]>> {
    let length = read_varint(bytes)?;
    if length == -1 {
        return Some(None);
    }
    let (found, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
    *bytes = rest;
    Some(Some(found))
}

pub(super) fn read_varint(bytes: &mut &[u8]) -> Option<i64> {
    let mut number = 0_u64;
    for (index, &byte) in bytes.iter().enumerate().take(10) {
        let bits = u64::from(byte & 0x7f);
        // The tenth byte has room for one bit.
        if index == 9 && bits > 1 {
            return None;
        }
        number |= bits << (7 * index);
        if byte & 0x80 == 0 {
            *bytes = &bytes[index + 1..];
            return Some((number >> 1) as i64 ^ -((number & 1) as i64));
        }
    }
    None
}
