//! Cleaning against a list of all that was ever appended.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::AtomicUsize;

use bytes::{Bytes, BytesMut};
use kafka_protocol::records::{
    Compression, Record, RecordBatchDecoder, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};
use proptest::collection::vec;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::batch::{BatchBuilder, split};
use crate::disk::lossy::LossyDisk;
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
    opened.expect("it opens").0
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

/// What holds in addition once a cleaning came to its end: one record of each key in the clean part, all of them behind it.
fn check_clean(log: &Log, found: &Records, model: &Records) {
    let first_dirty = log.cleaner.first_dirty.load(Ordering::Relaxed);
    let last = last_of_keys(model, first_dirty);
    for (offset, ((key, _), _)) in found.range(..first_dirty) {
        assert_eq!(last[key].0, *offset, "{key} is there twice");
    }
    let is_same = found
        .range(first_dirty..)
        .eq(model.range(first_dirty..log.readable_offset()));
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

#[derive(Clone, Debug)]
enum Step {
    Append {
        pairs: Vec<Pair>,
        codec: u8,
    },
    Flush,
    /// With room for so many keys, and cut short after so many batches.
    Clean {
        keys: usize,
        batches: usize,
        after_ms: i64,
    },
    Reopen {
        is_trusted: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let pairs = vec((0..12_u8, prop::option::weighted(0.8, any::<u8>())), 1..9);
    let batches = prop_oneof![3 => Just(usize::MAX), 1 => 0..40_usize];
    let keys = prop_oneof![3 => Just(1000_usize), 1 => 1..12_usize];
    prop_oneof![
        12 => (pairs, any::<u8>()).prop_map(|(pairs, codec)| Step::Append { pairs, codec }),
        2 => Just(Step::Flush),
        3 => (keys, batches, 0..80_i64).prop_map(|(keys, batches, after_ms)| Step::Clean { keys, batches, after_ms }),
        1 => any::<bool>().prop_map(|is_trusted| Step::Reopen { is_trusted }),
    ]
}

fn clean(log: &Log, now_ms: i64, keys: usize, batches: usize) -> Result<Option<Cleaned>> {
    let seen = AtomicUsize::new(0);
    let is_ending = || seen.fetch_add(1, Ordering::Relaxed) >= batches;
    // Four of five slots of 24 bytes.
    log.clean_with(now_ms, &is_ending, keys * 5 / 4 * 24)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn of_each_key_the_last_record_stays(steps in vec(step(), 1..60)) {
        let folder = TempDir::new().expect("a folder");
        let mut log = open(folder.path(), 0);
        let mut model = Records::new();
        let mut now_ms = 1_000;
        for step in steps {
            match step {
                Step::Append { pairs, codec } => append(&log, &mut model, &pairs, codec, now_ms),
                Step::Flush => log.flush().expect("it is durable"),
                Step::Clean { keys, batches, after_ms } => {
                    now_ms += after_ms;
                    let cleaned = clean(&log, now_ms, keys, batches).expect("it is cleaned");
                    let found = read(&log, 0);
                    check(&found, &model, log.readable_offset());
                    if cleaned.is_some() {
                        check_clean(&log, &found, &model);
                    }
                }
                Step::Reopen { is_trusted } => {
                    log.close().expect("it closes");
                    let point = if is_trusted { log.durable_offset() } else { 0 };
                    let end = log.end_offset();
                    drop(log);
                    log = open(folder.path(), point);
                    prop_assert_eq!(log.end_offset(), end);
                }
            }
        }
        // Cleaned until nothing is left to do, and long after: the last values, and no tombstone.
        log.flush().expect("it is durable");
        log.lock_and_roll();
        for _ in 0..3 {
            while clean(&log, now_ms, 1000, usize::MAX).expect("it is cleaned").is_some() {}
            now_ms += 2 * RETENTION_MS;
        }
        let found = read(&log, 0);
        check_clean(&log, &found, &model);
        let last = last_of_keys(&model, i64::MAX);
        let values = last.into_values().filter(|it| it.1.is_some()).map(|it| it.0);
        prop_assert!(found.keys().copied().eq(values.collect::<std::collections::BTreeSet<_>>()));
        // Wherever somebody asks, what comes next is found.
        for offset in (0..log.end_offset()).step_by(11) {
            let next = read(&log, offset);
            prop_assert!(next.iter().eq(found.range(offset..)));
        }
        for (offset, (_, timestamp)) in found.iter().take(4) {
            let at = log.find_time(*timestamp).expect("it reads").expect("it is there");
            let first = found.iter().find(|it| it.1.1 >= *timestamp);
            prop_assert_eq!(Some(at.0), first.map(|it| *it.0), "asked for {}", offset);
        }
    }

    /// Goal: a power cut in the middle of a cleaning takes nothing that must stay, and brings nothing back.
    #[test]
    fn a_power_cut_takes_no_last_record(
        steps in vec(step(), 1..50),
        seed in any::<u64>(),
        fails_after in prop_oneof![2 => Just(i64::MAX), 3 => 0..40_i64],
        is_trusted in any::<bool>(),
    ) {
        let folder = TempDir::new().expect("a folder");
        let disk = Arc::new(LossyDisk::new());
        let files = || Files::on(disk.clone(), 4);
        let mut log = open_on(folder.path(), files(), 0);
        disk.fail_after(fails_after);
        let mut model = Records::new();
        let mut now_ms = 1_000;
        for step in steps {
            match step {
                Step::Append { pairs, codec } => append(&log, &mut model, &pairs, codec, now_ms),
                Step::Flush => drop(log.flush()),
                Step::Clean { keys, batches, after_ms } => {
                    now_ms += after_ms;
                    drop(clean(&log, now_ms, keys, batches));
                }
                Step::Reopen { .. } if log.close().is_ok() => {
                    let point = log.durable_offset();
                    drop(log);
                    let shared = Shared { files: files(), tails: Budget::new(65536) };
                    match Log::open(folder.path(), config(), &shared, point) {
                        Ok(opened) => log = opened.0,
                        // The one sync that fails.
                        Err(_) => log = open_on(folder.path(), files(), point),
                    }
                }
                Step::Reopen { .. } => {}
            }
        }
        let durable = log.durable_offset();
        let after = TempDir::new().expect("a folder");
        disk.crash(folder.path(), after.path(), seed);
        let left = open(after.path(), if is_trusted { durable } else { 0 });
        prop_assert!(left.end_offset() >= durable);
        // Where nothing was durable the log may begin anywhere.
        let start = left.start_offset();
        prop_assert!(start == 0 || durable == 0);
        let found = read(&left, start);
        check(&found, &model, durable);
        // It goes on: what is cleaned then is what it says it is.
        model.retain(|offset, _| found.contains_key(offset) || *offset < durable);
        let end = left.end_offset();
        left.lock_and_roll();
        clean(&left, now_ms, 1000, usize::MAX).expect("it is cleaned");
        let found = read(&left, start);
        check(&found, &model, i64::MAX);
        prop_assert_eq!(left.end_offset(), end);
    }
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

fn numbered(sequence: i32, keys: &[u8]) -> Bytes {
    let mut builder = BatchBuilder::new(1000).producer(9, 0, sequence);
    for key in keys {
        builder.push(1000, Some(&[*key]), Some(b"value"));
    }
    builder.finish().into()
}

#[test]
fn a_producer_is_known_though_none_of_its_records_is_left() {
    let folder = TempDir::new().expect("a folder");
    let log = open(folder.path(), 0);
    log.append(numbered(0, &[1, 2]), 0, 5).expect("the first");
    log.append(numbered(2, &[1, 2, 3]), 0, 5).expect("the next");
    let mut model = Records::new();
    append(
        &log,
        &mut model,
        &[(1, Some(1)), (2, None), (3, Some(3))],
        0,
        5,
    );
    log.lock_and_roll();
    clean(&log, 5, 100, usize::MAX).expect("it is cleaned");
    let batches = read_batches(&log, 0);
    let headers = batches
        .iter()
        .map(|it| crate::batch::Header::check(it).expect("whole"));
    let headers: Vec<_> = headers.collect();
    let counts: Vec<_> = headers
        .iter()
        .map(|it| (it.base_offset, it.record_count))
        .collect();
    assert_eq!(counts, [(2, 0), (5, 3)]);
    assert_eq!(
        (headers[0].base_sequence, headers[0].last_sequence()),
        (2, 4)
    );
    drop(log);
    // Without the snapshots there is nothing but the log.
    for entry in fs::read_dir(folder.path()).expect("it is there") {
        let path = entry.expect("it is there").path();
        if path.extension().is_some_and(|it| it == "producers") {
            fs::remove_file(path).expect("it goes");
        }
    }
    let log = open(folder.path(), 0);
    let again = log.append(numbered(2, &[1, 2, 3]), 0, 5).expect("known");
    assert_eq!((again.is_duplicate, again.base_offset), (true, 2));
    log.append(numbered(5, &[7]), 0, 5).expect("the next");
    log.lock_and_roll();
    clean(&log, 5, 100, usize::MAX).expect("it is cleaned");
    // It wrote since, so the empty batch is of no use any more.
    let first = split(&read_batches(&log, 0)[0]).expect("whole").0;
    assert_eq!((first.base_offset, first.record_count), (5, 3));
}

#[test]
fn a_tombstone_stays_until_its_time_has_come() {
    let folder = TempDir::new().expect("a folder");
    let log = open(folder.path(), 0);
    let mut model = Records::new();
    append(&log, &mut model, &[(1, Some(1)), (2, Some(2))], 3, 5);
    append(&log, &mut model, &[(1, None), (4, Some(9))], 3, 5);
    append(&log, &mut model, &[(3, Some(3))], 3, 5);
    log.lock_and_roll();
    clean(&log, 1000, 100, usize::MAX).expect("it is cleaned");
    assert_eq!(
        read(&log, 0).keys().copied().collect::<Vec<_>>(),
        [1, 2, 3, 4]
    );
    let horizon = |at: usize| {
        split(&read_batches(&log, 0)[at])
            .expect("whole")
            .0
            .delete_horizon()
    };
    assert_eq!((horizon(0), horizon(1)), (None, Some(1000 + RETENTION_MS)));
    assert!(
        !log.dirt(1000 + RETENTION_MS - 1)
            .expect("it reads")
            .expect("compacted")
            .is_due
    );
    assert_eq!(
        clean(&log, 1000 + RETENTION_MS - 1, 100, usize::MAX).expect("nothing"),
        None
    );
    assert!(
        log.dirt(1000 + RETENTION_MS)
            .expect("it reads")
            .expect("compacted")
            .is_due
    );
    clean(&log, 1000 + RETENTION_MS, 100, usize::MAX).expect("it is cleaned");
    let found = read(&log, 0);
    assert_eq!(found.keys().copied().collect::<Vec<_>>(), [1, 3, 4]);
    check(&found, &model, 5);
}

#[test]
fn batches_of_which_all_stays_do_not_change() {
    let folder = TempDir::new().expect("a folder");
    let log = open(folder.path(), 0);
    let mut model = Records::new();
    for key in 0..40 {
        append(
            &log,
            &mut model,
            &[(key, Some(key)), (key + 100, Some(key))],
            key,
            5,
        );
    }
    log.lock_and_roll();
    let names = || {
        log.segments
            .load()
            .iter()
            .map(|it| it.path().to_owned())
            .collect::<Vec<_>>()
    };
    let (before, batches) = (names(), read_batches(&log, 0));
    clean(&log, 6, 1000, usize::MAX).expect("it is cleaned");
    assert_eq!(names(), before, "nothing was written");
    append(
        &log,
        &mut model,
        &[(0, Some(0)), (20, Some(0)), (21, Some(0))],
        0,
        5,
    );
    log.lock_and_roll();
    clean(&log, 7, 1000, usize::MAX).expect("it is cleaned");
    let after = read_batches(&log, 0);
    let changed = [0, 20, 21];
    for (at, batch) in batches
        .iter()
        .enumerate()
        .filter(|it| !changed.contains(&it.0))
    {
        assert_eq!(after[at], batch, "{at}");
    }
    check_clean(&log, &read(&log, 0), &model);
}

#[test]
fn small_neighbours_become_one() {
    let folder = TempDir::new().expect("a folder");
    let log = open(folder.path(), 0);
    let mut model = Records::new();
    for number in 0..100 {
        append(
            &log,
            &mut model,
            &[(number % 3, Some(number)), (7, Some(number))],
            number,
            5,
        );
    }
    log.lock_and_roll();
    assert!(log.size().1 > 8);
    clean(&log, 6, 100, usize::MAX).expect("it is cleaned");
    append(&log, &mut model, &[(0, Some(0))], 0, 5);
    log.lock_and_roll();
    clean(&log, 6, 100, usize::MAX).expect("it is cleaned");
    // One sealed, and the active one; on the disk too.
    assert_eq!(log.size().1, 2);
    let logs = fs::read_dir(folder.path()).expect("it is there");
    let logs = logs.filter(|it| {
        it.as_ref()
            .is_ok_and(|it| it.path().extension().is_some_and(|it| it == "log"))
    });
    assert_eq!(logs.count(), 2);
    assert_eq!(read(&log, 0).len(), 4);
    let totals = log.cleaned();
    assert_eq!(totals.cleanings, 2);
    assert!(totals.bytes_before > totals.bytes_after);
    assert_eq!(log.dirty_bytes().0, 0);
}

#[test]
fn what_is_young_or_active_is_left_alone() {
    let folder = TempDir::new().expect("a folder");
    let log = open(folder.path(), 0);
    let mut model = Records::new();
    for number in 0..30 {
        append(
            &log,
            &mut model,
            &[(1, Some(number))],
            0,
            1000 * i64::from(number),
        );
    }
    let mut config = config();
    config.min_compaction_lag_ms = 10_000;
    log.configure(config.clone());
    log.flush().expect("it is durable");
    clean(&log, 29_000, 100, usize::MAX).expect("it is cleaned");
    let found = read(&log, 0);
    let is_young = |it: &i64| *it >= 19;
    let young = |records: &Records| records.keys().copied().filter(is_young).collect::<Vec<_>>();
    assert_eq!(young(&found), young(&model));
    assert!(found.len() < 20);
    check(&found, &model, 30);
    // Late or not decides when the ratio does not.
    config.min_compaction_lag_ms = 0;
    config.min_cleanable_dirty_ratio = "1".parse().expect("a ratio");
    log.configure(config.clone());
    let is_due = |now_ms| {
        log.dirt(now_ms)
            .expect("it reads")
            .expect("compacted")
            .is_due
    };
    assert!(!is_due(90_000));
    config.max_compaction_lag_ms = 60_000;
    log.configure(config.clone());
    assert!(is_due(90_000) && !is_due(70_000));
    assert!(log.size().1 > 1);
    let segments = log.size().1;
    log.seal_aged(80_000).expect("it looks");
    assert_eq!(log.size().1, segments);
    log.seal_aged(90_000).expect("it is sealed");
    assert_eq!(log.size().1, segments + 1);
}

#[test]
fn who_reads_an_old_segment_reads_on() {
    let folder = TempDir::new().expect("a folder");
    let log = open(folder.path(), 0);
    let mut model = Records::new();
    for number in 0..60 {
        append(&log, &mut model, &[(number % 5, Some(number))], 0, 5);
    }
    log.lock_and_roll();
    log.tail.clear();
    let Fetched::File(range) = log.fetch(0, 500).expect("it reads") else {
        panic!("it is in a file")
    };
    let old = log.segments.load_full();
    clean(&log, 6, 100, usize::MAX).expect("it is cleaned");
    let mut bytes = vec![0; range.len_bytes as usize];
    range
        .file
        .read_exact_at(&mut bytes, range.position)
        .expect("it is still there");
    assert_eq!(split(&bytes).expect("whole").0.base_offset, 0);
    // One that was not open yet is not there any more; who looks finds what took its place.
    assert!(!old[0].path().exists());
    assert_eq!(read(&log, 0).len(), 5);
}

#[test]
fn what_cannot_be_unpacked_stays_and_keeps_tombstones() {
    let folder = TempDir::new().expect("a folder");
    let log = open(folder.path(), 0);
    let mut plain = config();
    plain.cleanup = Cleanup::Delete;
    log.configure(plain);
    // Records that are not what the header says, with a checksum that is right.
    let mut broken = BatchBuilder::new(5);
    broken.push(5, Some(&[1]), Some(&[1]));
    let mut broken = broken.finish();
    let last = broken.len() - 1;
    broken.truncate(last);
    let length = (broken.len() - 12) as i32;
    broken[8..12].copy_from_slice(&length.to_be_bytes());
    crate::batch::set_append_time(&mut broken, 5);
    log.append(broken.into(), 0, 5)
        .expect("nobody looks into it");
    log.configure(config());
    let mut model = Records::new();
    append(&log, &mut model, &[(1, None), (2, Some(1))], 0, 5);
    append(&log, &mut model, &[(2, Some(2))], 0, 5);
    log.lock_and_roll();
    for now_ms in [10, 1_000, 2_000] {
        clean(&log, now_ms, 100, usize::MAX).expect("it is cleaned");
        let offsets: Vec<_> = read_batches(&log, 0)
            .iter()
            .map(|it| split(it).expect("whole").0)
            .map(|it| (it.base_offset, it.record_count))
            .collect();
        assert_eq!(offsets, [(0, 1), (1, 1), (3, 1)]);
    }
    assert!(
        !log.dirt(3_000)
            .expect("it reads")
            .expect("compacted")
            .is_due
    );
}

#[test]
fn damage_ends_a_cleaning_and_changes_nothing() {
    let folder = TempDir::new().expect("a folder");
    let log = open(folder.path(), 0);
    let mut model = Records::new();
    for number in 0..60 {
        append(&log, &mut model, &[(number % 5, Some(number))], 0, 5);
    }
    log.lock_and_roll();
    assert!(log.dirt(6).expect("it reads").expect("compacted").is_due);
    let segment = log.segments.load()[1].path().to_owned();
    let mut bytes = fs::read(&segment).expect("it is there");
    bytes[100] ^= 1;
    fs::write(&segment, bytes).expect("it is written");
    let failed = clean(&log, 6, 100, usize::MAX);
    assert!(matches!(failed, Err(Error::Damaged { .. })), "{failed:?}");
    assert!(!log.dirt(6).expect("it reads").expect("compacted").is_due);
}

#[test]
fn a_batch_without_keys_is_refused() {
    let folder = TempDir::new().expect("a folder");
    let log = open(folder.path(), 0);
    let mut builder = BatchBuilder::new(5);
    builder.push(5, Some(b"key"), None);
    builder.push(5, None, Some(b"value"));
    let refused = log.append(builder.finish().into(), 0, 5);
    assert!(matches!(refused, Err(Error::BadKeys(_))), "{refused:?}");
    assert_eq!(log.end_offset(), 0);
}

#[test]
fn a_log_is_cleaned_while_others_come_and_go() {
    let folder = TempDir::new().expect("a folder");
    let log = open(folder.path(), 0);
    let mut model = Records::new();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (log, is_over) = (&log, &is_over);
        let until_over = move |work: &dyn Fn()| {
            while !is_over.load(Ordering::Relaxed) {
                work();
            }
        };
        scope.spawn(move || {
            until_over(&|| {
                clean(log, 6, 100, usize::MAX).expect("it is cleaned");
            });
        });
        scope.spawn(move || {
            until_over(&|| {
                let half = log.readable_offset() / 2;
                log.delete_before(half).expect("they go");
            });
        });
        scope.spawn(move || {
            until_over(&|| {
                // The start may have moved since it was asked for.
                match log.fetch(log.start_offset(), 5000) {
                    Ok(_) | Err(Error::OffsetOutOfRange { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            });
        });
        for number in 0..400_u32 {
            let key = (number % 7) as u8;
            append(
                log,
                &mut model,
                &[(key, Some(key)), (9, Some(number as u8))],
                key,
                5,
            );
            if number % 5 == 0 {
                log.flush().expect("it is durable");
            }
        }
        log.flush().expect("it is durable");
        is_over.store(true, Ordering::Relaxed);
    });
    let start = log.start_offset();
    assert!(start > 0 && log.cleaned().cleanings > 0);
    let found = read(&log, start);
    let (left, end) = (model.split_off(&start), log.end_offset());
    check(&found, &left, end);
    drop(log);
    let log = open(folder.path(), 0);
    assert_eq!((log.start_offset(), log.end_offset()), (start, end));
    assert_eq!(read(&log, start), found);
}
