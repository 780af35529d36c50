//! The batches that are sent: random values, or the lines of a file.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use kafka_protocol::records::{
    Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};
use tamis_broker::batch::BatchBuilder;

use crate::Result;
use crate::settings;

/// What batches are made of.
#[derive(Debug)]
pub(crate) enum Payload {
    /// Values of so many bytes that nothing compresses.
    Random { size: usize },
    /// Lines, packed by a codec.
    Lines {
        lines: Vec<Vec<u8>>,
        codec: Compression,
    },
}

impl Payload {
    /// As the settings `size`, or `values` and `codec`, have it.
    pub(crate) fn of(settings: &[&str]) -> Result<Payload> {
        let codec = match settings::text(settings, "codec")?.unwrap_or("none") {
            "none" => Compression::None,
            "lz4" => Compression::Lz4,
            "zstd" => Compression::Zstd,
            other => return Err(format!("there is no codec `{other}`").into()),
        };
        let size = settings::number(settings, "size", 100)?;
        let Some(path) = settings::text(settings, "values")? else {
            return match codec {
                Compression::None => Ok(Payload::Random { size }),
                _ => Err("random values are not packed: `codec` needs `values`".into()),
            };
        };
        let bytes = std::fs::read(path).map_err(|error| format!("{path}: {error}"))?;
        let lines = bytes.split(|&byte| byte == b'\n');
        let lines: Vec<Vec<u8>> = lines
            .filter(|line| !line.is_empty())
            .map(<[u8]>::to_vec)
            .collect();
        match lines.is_empty() {
            true => Err(format!("{path}: there is no line in it").into()),
            false => Ok(Payload::Lines { lines, codec }),
        }
    }

    /// The batch of a connection; of lines each takes others, as long as there are enough.
    pub(crate) fn batch(&self, connection: usize, records: usize) -> Result<Vec<u8>> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let now_ms = since.map_or(0, |it| it.as_millis() as i64);
        match self {
            Payload::Random { size } => Ok(random(records, *size, now_ms)),
            Payload::Lines { lines, codec } => {
                let lines = lines.iter().cycle().skip(connection * records);
                packed(lines.take(records), *codec, now_ms)
            }
        }
    }
}

fn random(records: usize, size: usize, now_ms: i64) -> Vec<u8> {
    let mut builder = BatchBuilder::new(now_ms);
    let mut value = vec![0; size];
    for _ in 0..records {
        fastrand::fill(&mut value);
        builder.push(now_ms, None, Some(&value));
    }
    builder.finish()
}

fn packed<'a>(
    values: impl Iterator<Item = &'a Vec<u8>>,
    compression: Compression,
    now_ms: i64,
) -> Result<Vec<u8>> {
    let record = |(offset, value): (i64, &Vec<u8>)| Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: 0,
        producer_id: -1,
        producer_epoch: -1,
        timestamp_type: TimestampType::Creation,
        offset,
        // A batch ends where numbers do not go on, even if nobody gave them.
        sequence: offset as i32,
        timestamp: now_ms,
        key: None,
        value: Some(Bytes::copy_from_slice(value)),
        headers: Default::default(),
    };
    let records: Vec<Record> = (0..).zip(values).map(record).collect();
    let options = RecordEncodeOptions {
        version: 2,
        compression,
    };
    let mut batch = BytesMut::new();
    RecordBatchEncoder::encode(&mut batch, &records, &options)?;
    Ok(batch.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tamis_broker::batch::Header;

    #[test]
    fn the_lines_of_a_file_become_one_batch() {
        let lines: Vec<Vec<u8>> = (0..5).map(|it| format!("line {it}").into_bytes()).collect();
        let codec = Compression::Lz4;
        let payload = Payload::Lines { lines, codec };
        for connection in 0..3 {
            let batch = payload.batch(connection, 7).unwrap();
            let header = Header::check(&batch).unwrap();
            assert_eq!((header.record_count, header.len_bytes()), (7, batch.len()));
            assert!(header.is_compressed() && !header.has_producer());
        }
    }
}
