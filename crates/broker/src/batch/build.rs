//! Batches of our own.

use super::header::{HEADER_BYTES, seal};

/// Builds a batch that is not compressed, record by record.
#[derive(Clone, Debug)]
pub struct BatchBuilder {
    bytes: Vec<u8>,
    base_timestamp: i64,
    max_timestamp: i64,
    count: i32,
    producer: (i64, i16, i32),
    record: Vec<u8>,
}

impl BatchBuilder {
    /// A batch without records, whose times count from `base_timestamp`, milliseconds since 1970.
    pub fn new(base_timestamp: i64) -> BatchBuilder {
        BatchBuilder {
            bytes: vec![0; HEADER_BYTES],
            base_timestamp,
            max_timestamp: base_timestamp,
            count: 0,
            producer: (-1, -1, -1),
            record: Vec::new(),
        }
    }

    /// Says who wrote it, in which life, and with which number it begins.
    #[must_use]
    pub fn producer(mut self, id: i64, epoch: i16, base_sequence: i32) -> BatchBuilder {
        self.producer = (id, epoch, base_sequence);
        self
    }

    /// Appends a record.
    pub fn push(&mut self, timestamp: i64, key: Option<&[u8]>, value: Option<&[u8]>) {
        let mut record = std::mem::take(&mut self.record);
        record.clear();
        record.push(0);
        push_varint(&mut record, timestamp - self.base_timestamp);
        push_varint(&mut record, i64::from(self.count));
        push_nullable(&mut record, key);
        push_nullable(&mut record, value);
        push_varint(&mut record, 0);
        push_varint(&mut self.bytes, record.len() as i64);
        self.bytes.extend_from_slice(&record);
        self.record = record;
        self.max_timestamp = self.max_timestamp.max(timestamp);
        self.count += 1;
    }

    /// Bytes so far.
    pub fn len_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is no record in it.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The batch, at offset 0.
    pub fn finish(mut self) -> Vec<u8> {
        let batch_length = (self.bytes.len() - 12) as i32;
        let mut header = Vec::with_capacity(HEADER_BYTES);
        header.extend_from_slice(&0_i64.to_be_bytes());
        header.extend_from_slice(&batch_length.to_be_bytes());
        header.extend_from_slice(&0_i32.to_be_bytes());
        header.push(2);
        header.extend_from_slice(&[0; 4]);
        header.extend_from_slice(&0_i16.to_be_bytes());
        header.extend_from_slice(&(self.count - 1).to_be_bytes());
        header.extend_from_slice(&self.base_timestamp.to_be_bytes());
        header.extend_from_slice(&self.max_timestamp.to_be_bytes());
        header.extend_from_slice(&self.producer.0.to_be_bytes());
        header.extend_from_slice(&self.producer.1.to_be_bytes());
        header.extend_from_slice(&self.producer.2.to_be_bytes());
        header.extend_from_slice(&self.count.to_be_bytes());
        self.bytes[..HEADER_BYTES].copy_from_slice(&header);
        seal(&mut self.bytes);
        self.bytes
    }
}

fn push_nullable(bytes: &mut Vec<u8>, value: Option<&[u8]>) {
    push_varint(bytes, value.map_or(-1, |value| value.len() as i64));
    bytes.extend_from_slice(value.unwrap_or_default());
}

pub(super) fn push_varint(bytes: &mut Vec<u8>, number: i64) {
    let mut rest = ((number << 1) ^ (number >> 63)) as u64;
    while rest >= 0x80 {
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
}
