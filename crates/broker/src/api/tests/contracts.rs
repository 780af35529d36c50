//! Contracts on topics: what is stored, what is refused, what goes to the dead letters.

mod crashes;
mod model;
mod modes;
mod settings;

use std::path::Path;

use kafka_protocol::indexmap::IndexMap;
use kafka_protocol::messages::produce_response::PartitionProduceResponse;
use kafka_protocol::records::{
    Compression, Record, RecordBatchDecoder, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};

use super::*;
use crate::log::{Fetched, Log};

/// What orders are to be like.
pub(super) const ORDERS: &str = "\
apiVersion: v3.1.0
kind: DataContract
id: orders
version: 1.2.0
status: active
schema:
  - name: orders
    properties:
      - name: id
        logicalType: string
        required: true
      - name: amount
        logicalType: number
        required: true
        logicalTypeOptions: {minimum: 1}
";

const GOOD: &str = r#"{"id": "TX1", "amount": 5}"#;
const BAD: &str = r#"{"id": "TX2", "amount": 0.5}"#;

const CODECS: [Compression; 5] = [
    Compression::None,
    Compression::Gzip,
    Compression::Snappy,
    Compression::Lz4,
    Compression::Zstd,
];

/// A producer that numbers its records: id, epoch, and the number of the next.
pub(super) type Producer = (i64, i16, i32);

const NOBODY: Producer = (-1, -1, -1);

impl Trial {
    /// A broker that opens a folder as it is, on this disk.
    fn again(folder: TempDir, disk: SharedDisk) -> Trial {
        let options = Options::new(folder.path());
        Trial::opened(folder, disk, options)
    }

    /// Makes the topic `orders` of two partitions with a contract, and these settings.
    fn with_orders(self, settings: &[(&str, &str)]) -> Trial {
        let mut all = Settings::default();
        all.set("tamis.contract", ORDERS).expect("it is taken");
        for (name, value) in settings {
            all.set(name, value).expect("it is taken");
        }
        let made = self.context.broker.topics.create("orders", 2, all);
        made.expect("it is made");
        self
    }

    fn set(&self, settings: &[(&str, &str)]) {
        let configured = self.context.broker.topics.configure("orders", |it| {
            for (name, value) in settings {
                it.set(name, value)?;
            }
            Ok(())
        });
        configured.expect("they are taken");
    }

    fn log(&self, topic: &str, partition: i32) -> Arc<Log> {
        let topic = self.context.broker.topics.topic(topic);
        let log = topic.and_then(|it| it.partition(partition));
        log.expect("it is there")
    }

    /// Sends a batch to partition 1 of `orders`.
    fn send(&self, batch: Bytes) -> PartitionProduceResponse {
        self.send_to("orders", &[(1, batch)], -1).remove(0)
    }

    fn send_to(
        &self,
        topic: &str,
        batches: &[(i32, Bytes)],
        acks: i16,
    ) -> Vec<PartitionProduceResponse> {
        let mut response = self.ask(&produce_request(topic, batches, acks), 9);
        response.responses.remove(0).partition_responses
    }

    /// All records of a partition.
    fn read(&self, topic: &str, partition: i32) -> Vec<Record> {
        let bytes = self.read_batches(topic, partition);
        let sets = RecordBatchDecoder::decode_all(&mut bytes.clone()).expect("they are batches");
        sets.into_iter().flat_map(|it| it.records).collect()
    }

    /// All batches of a partition.
    fn read_batches(&self, topic: &str, partition: i32) -> Bytes {
        let log = self.log(topic, partition);
        log.flush().expect("it is durable");
        let mut bytes = Vec::new();
        let mut offset = log.start_offset();
        while offset < log.end_offset() {
            let piece = match log.fetch(offset, 1).expect("it is read") {
                Fetched::Nothing => break,
                Fetched::Memory(pieces) => Bytes::from(pieces.concat()),
                Fetched::File(range) => flatten(&vec![Part::File(range)]),
            };
            let (header, batch, _) = crate::batch::split(&piece).expect("a batch");
            Header::check(batch).expect("it is whole");
            offset = header.next_offset();
            bytes.extend_from_slice(batch);
        }
        bytes.into()
    }
}

/// A record as producers make it.
fn record(value: Option<&str>, index: usize) -> Record {
    let mut headers = IndexMap::new();
    let source = Bytes::from_static(b"test");
    headers.insert(StrBytes::from_static_str("source"), Some(source));
    headers.insert(StrBytes::from_static_str("nothing"), None);
    Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: 0,
        producer_id: -1,
        producer_epoch: -1,
        timestamp_type: TimestampType::Creation,
        offset: index as i64,
        sequence: index as i32,
        timestamp: 1_700_000_000_000 + index as i64,
        key: Some(Bytes::from(format!("key-{index}"))),
        value: value.map(|it| Bytes::copy_from_slice(it.as_bytes())),
        headers,
    }
}

/// A batch of such values, as a client packs it.
fn packed_batch(values: &[Option<&str>], codec: Compression, producer: Producer) -> Bytes {
    let records: Vec<_> = (values.iter().enumerate())
        .map(|(index, value)| record(*value, index))
        .collect();
    let mut bytes = BytesMut::new();
    let options = RecordEncodeOptions {
        version: 2,
        compression: codec,
    };
    RecordBatchEncoder::encode(&mut bytes, &records, &options).expect("they are packed");
    bytes[43..51].copy_from_slice(&producer.0.to_be_bytes());
    bytes[51..53].copy_from_slice(&producer.1.to_be_bytes());
    bytes[53..57].copy_from_slice(&producer.2.to_be_bytes());
    crate::batch::seal(&mut bytes);
    bytes.freeze()
}

fn plain(values: &[&str]) -> Bytes {
    let values: Vec<_> = values.iter().map(|it| Some(*it)).collect();
    packed_batch(&values, Compression::None, NOBODY)
}

fn values(records: &[Record]) -> Vec<String> {
    let text = |it: &Record| {
        let value = it.value.as_deref().unwrap_or(b"(none)");
        String::from_utf8_lossy(value).into_owned()
    };
    records.iter().map(text).collect()
}

fn header<'r>(record: &'r Record, name: &str) -> Option<&'r str> {
    let value = record.headers.get(name.as_bytes())?.as_deref()?;
    Some(std::str::from_utf8(value).expect("it is text"))
}

/// What a broker leaves that was killed, or lost its power, opened anew.
fn reopened(disk: &crate::disk::lossy::LossyDisk, seed: u64) -> Trial {
    let left = TempDir::new().expect("a folder");
    disk.crash(seed, left.path());
    Trial::again(left, Arc::new(RealDisk))
}

fn copied(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        match path.is_dir() {
            true => {
                std::fs::create_dir_all(&target).expect("it is made");
                copied(&path, &target);
            }
            false => {
                std::fs::copy(&path, &target).expect("it is copied");
            }
        }
    }
}

/// What a broker leaves that is killed now, opened anew.
fn killed(trial: &Trial) -> Trial {
    let left = TempDir::new().expect("a folder");
    copied(trial._folder.path(), left.path());
    Trial::again(left, Arc::new(RealDisk))
}
