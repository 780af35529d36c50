//! Cleaning against a list of all that was ever appended.

mod cases;
mod damage;
mod model;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::AtomicUsize;

use bytes::{Bytes, BytesMut};
use kafka_protocol::records::{
    Compression, Record, RecordBatchDecoder, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};
use nix::libc::EIO;
use tempfile::TempDir;

use super::*;
use crate::batch::{BatchBuilder, split};
use crate::disk::lossy::LossyDisk;
use crate::log::index::offset_path;
use crate::log::name::SegmentName;
use crate::log::{Budget, Cleanup, Fetched, Files, Shared};

/// A key and a value, as small as they can be.
type Pair = (u8, Option<u8>);

/// What was appended, or what is read: by offset, with its time.
type Records = BTreeMap<i64, (Pair, i64)>;

const RETENTION_MS: i64 = 100;

fn config() -> LogConfig {
    LogConfig {
        segment_bytes: 1200,
        cleanup: Cleanup::Compact,
        delete_retention_ms: RETENTION_MS,
        ..LogConfig::default()
    }
}

fn open_on(folder: &Path, files: Files, recovery_point: i64) -> Log {
    let shared = Shared {
        files,
        tails: Budget::new(65536),
    };
    let opened = Log::open(folder, config(), &shared, recovery_point);
    let (log, found) = opened.expect("it opens");
    let is_behind = |it: &crate::log::Damaged| it.offset >= recovery_point;
    assert!(found.damaged.iter().all(is_behind), "{found:?}");
    log
}

fn open(folder: &Path, recovery_point: i64) -> Log {
    open_on(folder, Files::new(16), recovery_point)
}

fn codec(number: u8) -> Compression {
    let codecs = [
        Compression::None,
        Compression::Gzip,
        Compression::Snappy,
        Compression::Lz4,
        Compression::Zstd,
    ];
    codecs[usize::from(number) % codecs.len()]
}

/// A batch that somebody else encodes.
fn batch(pairs: &[Pair], compression: Compression, timestamp: i64) -> Bytes {
    let records = (0..).zip(pairs).map(|(at, (key, value))| Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: 0,
        producer_id: -1,
        producer_epoch: -1,
        timestamp_type: TimestampType::Creation,
        offset: at,
        sequence: at as i32,
        timestamp: timestamp + at,
        key: Some(vec![*key].into()),
        value: value.map(|it| vec![it; 90].into()),
        headers: Default::default(),
    });
    let records: Vec<_> = records.collect();
    let mut bytes = BytesMut::new();
    let options = RecordEncodeOptions {
        version: 2,
        compression,
    };
    RecordBatchEncoder::encode(&mut bytes, &records, &options).expect("they encode");
    bytes.freeze()
}

/// All batches from `offset` on, as they lie on the disk.
fn read_batches(log: &Log, mut offset: i64) -> Vec<Bytes> {
    log.tail.clear();
    let mut batches = Vec::new();
    while let Fetched::File(range) = log.fetch(offset, 700).expect("it reads") {
        let mut bytes = vec![0; range.len_bytes as usize];
        let read = range.file.read_exact_at(&mut bytes, range.position);
        read.expect("it is there");
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let (header, whole, behind) = split(rest).expect("whole batches");
            crate::batch::Header::check(whole).expect("valid batches");
            assert!(header.last_offset() >= offset, "offsets ascend");
            offset = header.next_offset();
            batches.push(Bytes::copy_from_slice(whole));
            rest = behind;
        }
    }
    batches
}

/// All records from `offset` on, as somebody else decodes them.
fn read(log: &Log, offset: i64) -> Records {
    let mut found = Records::new();
    for batch in read_batches(log, offset) {
        let records = RecordBatchDecoder::decode(&mut batch.clone());
        for record in records.expect("they decode").records {
            let key = record.key.expect("a key")[0];
            let value = record.value.map(|it| it[0]);
            let last = found.last_key_value().map_or(-1, |it| *it.0);
            assert!(record.offset > last, "offsets ascend");
            if record.offset >= offset {
                found.insert(record.offset, ((key, value), record.timestamp));
            }
        }
    }
    found
}

fn append(log: &Log, model: &mut Records, pairs: &[Pair], codec_number: u8, now_ms: i64) {
    let appended = log.append(batch(pairs, codec(codec_number), now_ms), 0, now_ms);
    if let Ok(appended) = appended {
        for (at, pair) in (0..).zip(pairs) {
            model.insert(appended.base_offset + at, (*pair, now_ms + at));
        }
    }
}

/// The last record of each key before an offset.
fn last_of_keys(model: &Records, end: i64) -> BTreeMap<u8, (i64, Option<u8>)> {
    let before = model.range(..end);
    before
        .map(|(offset, ((key, value), _))| (*key, (*offset, *value)))
        .collect()
}

/// What must hold whatever was cleaned, of the records before `end`.
fn check(found: &Records, model: &Records, end: i64) {
    for (offset, record) in found {
        assert_eq!(model.get(offset), Some(record), "at {offset}");
    }
    for (key, (offset, value)) in last_of_keys(model, end) {
        if value.is_some() {
            assert!(
                found.contains_key(&offset),
                "the last of {key} at {offset} is gone"
            );
        } else if !found.contains_key(&offset) {
            let older = found.range(..offset).find(|it| it.1.0.0 == key);
            assert_eq!(older, None, "{key} is back");
        }
    }
}

/// What holds in addition once a cleaning came to its end: one record of each key in the clean part, all of them behind it, from
/// `untouched` on.
fn check_clean(log: &Log, found: &Records, model: &Records, untouched: i64) {
    let first_dirty = log.cleaner.first_dirty.load(Ordering::Relaxed);
    let last = last_of_keys(model, first_dirty);
    for (offset, ((key, _), _)) in found.range(..first_dirty) {
        assert_eq!(last[key].0, *offset, "{key} is there twice");
    }
    let from = first_dirty.max(untouched).min(log.readable_offset());
    let is_same = found
        .range(from..)
        .eq(model.range(from..log.readable_offset()));
    assert!(is_same, "what is dirty changed");
    let batches = read_batches(log, 0);
    let end = batches
        .last()
        .map(|it| split(it).expect("whole").0.next_offset());
    assert_eq!(
        end.unwrap_or(0),
        log.readable_offset(),
        "nobody gets to the end"
    );
}

fn clean(log: &Log, now_ms: i64, keys: usize, batches: usize) -> Result<Option<Cleaned>> {
    let seen = AtomicUsize::new(0);
    let is_ending = || seen.fetch_add(1, Ordering::Relaxed) >= batches;
    // Four of five slots of 24 bytes.
    log.clean_with(now_ms, &is_ending, keys * 5 / 4 * 24)
}

impl Log {
    /// Begins another segment, as if the active one were full.
    fn lock_and_roll(&self) {
        let mut writer = self.lock();
        if writer.len_bytes > 0 {
            self.roll(&mut writer).expect("it begins");
        }
        drop(writer);
        self.flush().expect("it is durable");
    }
}
