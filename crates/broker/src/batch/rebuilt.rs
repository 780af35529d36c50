//! Batches made of the records of others: what is left of them, or what they are with more headers.

use std::io;

use super::build::push_varint;
use super::codec::{Codec, pack};
use super::header::{DELETE_HORIZON_BIT, seal};
use super::{HEADER_BYTES, Header, Record};

/// A header of a record that is added to those it has.
pub(crate) type Added<'h> = (&'static str, &'h str);

/// Records of another batch, one behind the other, that are to be one.
#[derive(Debug)]
pub(crate) struct Rebuilt {
    base_timestamp: i64,
    bytes: Vec<u8>,
    /// What comes before the key, of the record that is being appended.
    head: Vec<u8>,
    /// The headers of that record, where some are added.
    headers: Vec<u8>,
    count: i32,
    max_timestamp: i64,
}

impl Rebuilt {
    /// None, whose times count from `base_timestamp`.
    pub(crate) fn new(base_timestamp: i64) -> Rebuilt {
        Rebuilt {
            base_timestamp,
            bytes: Vec::new(),
            head: Vec::new(),
            headers: Vec::new(),
            count: 0,
            max_timestamp: -1,
        }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> i32 {
        self.count
    }

    /// Bytes of them, before they are packed.
    pub(crate) fn len_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Appends a record of this time and place, with headers behind those it has.
    pub(crate) fn push(
        &mut self,
        record: &Record<'_>,
        timestamp: i64,
        offset_delta: i32,
        added: &[Added<'_>],
    ) {
        self.head.clear();
        self.head.push(record.attributes);
        push_varint(&mut self.head, timestamp.wrapping_sub(self.base_timestamp));
        push_varint(&mut self.head, i64::from(offset_delta));
        let rest = match added {
            [] => [record.rest, &[]],
            _ => {
                self.set_headers(record, added);
                [record.key_and_value, &self.headers]
            }
        };
        let length = self.head.len() + rest[0].len() + rest[1].len();
        push_varint(&mut self.bytes, length as i64);
        self.bytes.extend_from_slice(&self.head);
        rest.iter().for_each(|it| self.bytes.extend_from_slice(it));
        self.max_timestamp = match self.count {
            0 => timestamp,
            _ => self.max_timestamp.max(timestamp),
        };
        self.count += 1;
    }

    fn set_headers(&mut self, record: &Record<'_>, added: &[Added<'_>]) {
        self.headers.clear();
        let count = record.header_count + added.len();
        push_varint(&mut self.headers, count as i64);
        self.headers.extend_from_slice(record.headers);
        for (name, value) in added {
            for text in [name, value] {
                push_varint(&mut self.headers, text.len() as i64);
                self.headers.extend_from_slice(text.as_bytes());
            }
        }
    }

    /// The batch they come from, with them in place of its records: offsets, sequence numbers and codec are as they were. With a
    /// `horizon`, from which times must count then, it is given that.
    ///
    /// # Errors
    /// If they cannot be packed.
    pub(crate) fn replace(
        self,
        header: &Header,
        batch: &[u8],
        horizon: Option<i64>,
    ) -> io::Result<Vec<u8>> {
        let codec = header.codec().ok_or(io::ErrorKind::Unsupported)?;
        let mut attributes = header.attributes;
        if horizon.is_some() {
            attributes |= DELETE_HORIZON_BIT;
        }
        let packed = match self.count {
            0 => {
                attributes &= !Header::CODEC_BITS;
                Vec::new()
            }
            _ => pack(codec, &self.bytes, &batch[HEADER_BYTES..])?,
        };
        let is_own_time = self.count == 0 || header.is_log_append_time();
        let max_timestamp = match is_own_time {
            true => header.max_timestamp,
            false => self.max_timestamp,
        };
        let mut rebuilt = batch[..HEADER_BYTES].to_vec();
        rebuilt[21..23].copy_from_slice(&attributes.to_be_bytes());
        rebuilt[27..35].copy_from_slice(&self.base_timestamp.to_be_bytes());
        rebuilt[35..43].copy_from_slice(&max_timestamp.to_be_bytes());
        rebuilt[57..61].copy_from_slice(&self.count.to_be_bytes());
        Ok(close(rebuilt, &packed))
    }

    /// A batch of their own, packed as `like` is, from a producer: its id, epoch, and the number of the first record.
    ///
    /// # Errors
    /// If they cannot be packed.
    pub(crate) fn batch(
        self,
        codec: Codec,
        like: &[u8],
        producer: (i64, i16, i32),
    ) -> io::Result<Vec<u8>> {
        let packed = pack(codec, &self.bytes, like)?;
        let mut batch = vec![0; HEADER_BYTES];
        batch[16] = 2;
        batch[21..23].copy_from_slice(&(codec as i16).to_be_bytes());
        batch[23..27].copy_from_slice(&(self.count - 1).to_be_bytes());
        batch[27..35].copy_from_slice(&self.base_timestamp.to_be_bytes());
        batch[35..43].copy_from_slice(&self.max_timestamp.to_be_bytes());
        batch[43..51].copy_from_slice(&producer.0.to_be_bytes());
        batch[51..53].copy_from_slice(&producer.1.to_be_bytes());
        batch[53..57].copy_from_slice(&producer.2.to_be_bytes());
        batch[57..61].copy_from_slice(&self.count.to_be_bytes());
        Ok(close(batch, &packed))
    }
}

/// Puts records behind a header, and says in it how long they are.
fn close(mut batch: Vec<u8>, packed: &[u8]) -> Vec<u8> {
    let batch_length = (HEADER_BYTES - 12 + packed.len()) as i32;
    batch[8..12].copy_from_slice(&batch_length.to_be_bytes());
    batch.extend_from_slice(packed);
    seal(&mut batch);
    batch
}
