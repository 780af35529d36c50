//! Every kind of file in the data folder, cut, flipped and overwritten: the broker starts and serves what is whole, or names
//! the file and leaves everything as it is.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsTopic,
};
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestTopic;
use kafka_protocol::messages::{
    DeleteRecordsRequest, GroupId, OffsetCommitRequest, OffsetFetchRequest,
};
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records::{
    Compression, Record, RecordBatchDecoder, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};
use tamis_broker::log::LogConfig;
use tamis_broker::{Broker, Builder, Running};

use crate::wire::{Client, PRODUCE, appended, fetch_request, now_ms, produce_request, topic_name};

/// Records of the topic that is damaged, in batches of ten.
const RECORDS: i64 = 300;
const BATCH: i64 = 10;
/// Records before it were deleted.
const START: i64 = 25;
/// What a group committed.
const COMMITTED: i64 = 33;
/// Offsets of a batch and its epoch are outside of its checksum.
const UNCHECKED_BYTES: [std::ops::Range<usize>; 2] = [0..8, 12..16];

/// What is done to a file.
#[derive(Clone, Copy, Debug)]
enum Damage {
    /// Only so many bytes are left.
    Cut(usize),
    /// A bit of a byte is another one.
    Flip(usize, u8),
    /// Other bytes, as many as there were.
    Overwrite,
    /// Bytes behind its end.
    Append,
}

impl Damage {
    fn apply(self, path: &Path) {
        let mut bytes = fs::read(path).expect("a file");
        let noise = |count| (0..count).map(|it: usize| (it * 37 % 251) as u8);
        match self {
            Damage::Cut(count) => bytes.truncate(count),
            Damage::Flip(at, bit) => bytes[at] ^= 1 << bit,
            Damage::Overwrite => bytes = noise(bytes.len()).collect(),
            Damage::Append => bytes.extend(noise(100)),
        }
        fs::write(path, bytes).expect("it is written");
    }

    /// Some of every kind; those of bits are where `random` says, within the first `used` bytes.
    fn some(length: usize, used: usize, random: &mut fastrand::Rng) -> Vec<Damage> {
        let mut some = vec![Damage::Append];
        if length == 0 {
            return some;
        }
        some.extend([Damage::Cut(0), Damage::Overwrite]);
        some.extend([Damage::Cut(length / 2), Damage::Cut(used - 1)]);
        some.extend((0..5).map(|_| Damage::Flip(random.usize(..used), random.u8(..8))));
        some
    }
}

/// A data folder with everything in it.
#[derive(Debug)]
struct Template {
    folder: tempfile::TempDir,
    /// Whether the broker ended in order, so that its files are trusted.
    is_closed: bool,
}

impl Template {
    fn new(is_closed: bool) -> Template {
        let live = tempfile::tempdir().expect("a folder");
        let running = builder(live.path()).start().expect("it starts");
        let mut client = Client::connect(running.addresses()[0]);
        for topic in ["orders", "others"] {
            client.want_topic(topic);
        }
        for first in (0..RECORDS).step_by(BATCH as usize) {
            let request = produce_request("orders", numbered(first, BATCH), -1);
            assert_eq!(appended(&client.ask(PRODUCE, &request)), first);
        }
        client.produce("others", &["a", "b", "c"]);
        delete_records(&mut client);
        commit(&mut client);
        let template = Template {
            folder: tempfile::tempdir().expect("a folder"),
            is_closed,
        };
        if is_closed {
            running.stop().expect("it ends");
            copy(live.path(), template.folder.path());
        } else {
            // As it is after a kill: what was acknowledged is in the files.
            copy(live.path(), template.folder.path());
            running.stop().expect("it ends");
        }
        template
    }

    /// Files, relative to the folder.
    fn files(&self) -> BTreeSet<PathBuf> {
        let mut files = BTreeSet::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                match path.is_dir() {
                    true => folders.push(path),
                    false => {
                        let relative = path.strip_prefix(self.folder.path()).expect("it is in it");
                        files.insert(relative.to_owned());
                    }
                }
            }
        }
        files.remove(Path::new("lock"));
        files
    }
}

fn builder(data: &Path) -> Builder {
    let config = LogConfig {
        segment_bytes: 4096,
        ..LogConfig::default()
    };
    let builder = Broker::builder(data).listen("127.0.0.1:0").threads(1);
    builder.topic_defaults(config)
}

/// A batch of a producer that numbers its records: each says where it is.
fn numbered(first: i64, count: i64) -> Bytes {
    let record = |offset: i64| Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: -1,
        producer_id: 0,
        producer_epoch: 0,
        timestamp_type: TimestampType::Creation,
        offset: offset - first,
        sequence: offset as i32,
        timestamp: now_ms(),
        key: None,
        value: Some(Bytes::from(format!("record {offset}"))),
        headers: Default::default(),
    };
    let records: Vec<Record> = (first..first + count).map(record).collect();
    let options = RecordEncodeOptions {
        version: 2,
        compression: Compression::None,
    };
    let mut bytes = BytesMut::new();
    RecordBatchEncoder::encode(&mut bytes, &records, &options).expect("they encode");
    bytes.freeze()
}

fn delete_records(client: &mut Client) {
    let partition = DeleteRecordsPartition::default().with_offset(START);
    let topic = DeleteRecordsTopic::default()
        .with_name(topic_name("orders"))
        .with_partitions(vec![partition]);
    let request = DeleteRecordsRequest::default()
        .with_timeout_ms(10_000)
        .with_topics(vec![topic]);
    let response = client.ask(1, &request);
    assert_eq!(response.topics[0].partitions[0].low_watermark, START);
}

fn commit(client: &mut Client) {
    let partition = OffsetCommitRequestPartition::default().with_committed_offset(COMMITTED);
    let topic = OffsetCommitRequestTopic::default()
        .with_name(topic_name("orders"))
        .with_partitions(vec![partition]);
    let request = OffsetCommitRequest::default()
        .with_group_id(GroupId(StrBytes::from_static_str("readers")))
        .with_generation_id_or_member_epoch(-1)
        .with_topics(vec![topic]);
    let response = client.ask(7, &request);
    assert_eq!(response.topics[0].partitions[0].error_code, 0);
}

fn committed(client: &mut Client) -> i64 {
    let topic = OffsetFetchRequestTopic::default()
        .with_name(topic_name("orders"))
        .with_partition_indexes(vec![0]);
    let request = OffsetFetchRequest::default()
        .with_group_id(GroupId(StrBytes::from_static_str("readers")))
        .with_topics(Some(vec![topic]));
    client.ask(5, &request).topics[0].partitions[0].committed_offset
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        match path.is_dir() {
            true => {
                fs::create_dir_all(&target).expect("a folder");
                copy(&path, &target);
            }
            false => drop(fs::copy(&path, &target).expect("it is copied")),
        }
    }
}

/// Offsets of the records there are, from the first on; each must be where it says. `None`: an answer is damaged, which its checksum
/// tells the client.
fn read(client: &mut Client, running: &Running, is_true: bool) -> Option<BTreeSet<i64>> {
    let topic = running.broker().topics().topic("orders")?;
    let mut next = topic.partition(0)?.start_offset();
    let mut found = BTreeSet::new();
    loop {
        let response = client.ask(crate::wire::FETCH, &fetch_request("orders", next));
        let partition = &response.responses[0].partitions[0];
        let mut bytes = partition.records.clone().unwrap_or_default();
        if partition.error_code != 0 || bytes.is_empty() {
            return (partition.error_code == 0).then_some(found);
        }
        for set in RecordBatchDecoder::decode_all(&mut bytes).ok()? {
            for record in set.records {
                let value = record.value.unwrap_or_default();
                let expected = format!("record {}", record.offset);
                assert!(!is_true || value == expected, "{value:?}, {expected}");
                // A batch comes whole, with records that were deleted.
                if record.offset >= next {
                    found.insert(record.offset);
                    next = record.offset + 1;
                }
            }
        }
    }
}

/// Where the batch begins in which a byte of a log is, and its offsets; `None` behind the last.
fn batch_at(log: &[u8], byte: usize) -> Option<(usize, std::ops::Range<i64>)> {
    let mut at = 0;
    loop {
        let head = log.get(at..at + 61)?;
        let offset = i64::from_be_bytes(head[..8].try_into().expect("eight bytes"));
        let length = u32::from_be_bytes(head[8..12].try_into().expect("four bytes")) as usize;
        if length == 0 {
            return None;
        }
        if byte < at + 12 + length {
            let last = i32::from_be_bytes(head[23..27].try_into().expect("four bytes"));
            return Some((at, offset..offset + i64::from(last) + 1));
        }
        at += 12 + length;
    }
}

/// How much of a file is more than space set aside.
fn used(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|it| *it != 0).map_or(1, |it| it + 1)
}

fn check(template: &Template, file: &Path, damage: Damage) {
    let what = format!(
        "{file:?}, {damage:?}, ended in order: {}",
        template.is_closed
    );
    let data = tempfile::tempdir().expect("a folder");
    copy(template.folder.path(), data.path());
    let before = fs::read(data.path().join(file)).expect("a file");
    damage.apply(&data.path().join(file));
    let running = match builder(data.path()).start() {
        Ok(running) => running,
        Err(error) => {
            let name = file.file_name().and_then(|it| it.to_str()).expect("a name");
            assert!(error.to_string().contains(name), "{what}: {error}");
            assert!(is_small(file), "{what}: {error}");
            // Nobody has to choose between a start and the data.
            assert!(
                data.path().join("logs/orders-0").exists(),
                "{what}: {error}"
            );
            return;
        }
    };
    let mut client = Client::connect(running.addresses()[0]);
    if !file.starts_with("logs/others-0") {
        assert_eq!(client.values_from("others", 0).len(), 3, "{what}");
    }
    let is_true = !hits_unchecked(file, &before, damage);
    let found = read(&mut client, &running, is_true);
    let all: BTreeSet<i64> = (START..RECORDS).collect();
    let is_log = file.extension().is_some_and(|it| it == "log");
    if is_log && file.starts_with("logs/orders-0") {
        if is_true {
            check_log(template, &before, damage, found, &running, &what);
        }
    } else {
        let found = found.expect("whole answers");
        let missing: Vec<_> = all.difference(&found).collect();
        let told = running.recoveries();
        assert!(missing.is_empty(), "{what}: {missing:?} are gone; {told:?}");
        assert_eq!(found.len(), all.len(), "{what}");
    }
    let committed = committed(&mut client);
    let is_damaged = file.starts_with("groups") && committed == -1;
    assert!(committed == COMMITTED || is_damaged, "{what}: {committed}");
    running
        .stop()
        .unwrap_or_else(|error| panic!("{what}: {error}"));
}

/// Whether it is bytes of a batch of which no checksum knows: its records then have other offsets.
fn hits_unchecked(file: &Path, before: &[u8], damage: Damage) -> bool {
    let is_log = file.extension().is_some_and(|it| it == "log");
    let Damage::Flip(at, _) = damage else {
        return false;
    };
    let batch = batch_at(before, at).filter(|_| is_log);
    batch.is_some_and(|(start, _)| UNCHECKED_BYTES.iter().any(|it| it.contains(&(at - start))))
}

/// A log that was damaged. One that is trusted is not read at the start; whoever reads notices, by the checksums.
fn check_log(
    template: &Template,
    before: &[u8],
    damage: Damage,
    found: Option<BTreeSet<i64>>,
    running: &Running,
    what: &str,
) {
    let Damage::Flip(at, _) = damage else { return };
    let Some((_, offsets)) = batch_at(before, at) else {
        return;
    };
    if template.is_closed {
        return;
    }
    assert!(!running.recoveries().is_empty(), "{what}: nothing was told");
    let found = found.unwrap_or_else(|| panic!("{what}: a damaged answer"));
    let expected = (START..RECORDS).filter(|it| !offsets.contains(it));
    let missing: Vec<i64> = expected.filter(|it| !found.contains(it)).collect();
    assert!(missing.is_empty(), "{what}: {missing:?} are gone");
}

/// Files without which nobody knows what was meant: with one of them damaged the broker says so and does not start.
fn is_small(file: &Path) -> bool {
    file.extension().is_some_and(|it| it == "json")
}

/// Other places in each round, and as many rounds as `TAMIS_SOAK` says.
fn damage_all(is_closed: bool) {
    let rounds = std::env::var("TAMIS_SOAK").ok();
    let rounds = rounds.and_then(|it| it.parse().ok()).unwrap_or(1);
    for seed in 0..rounds {
        damage_round(is_closed, seed);
    }
}

fn damage_round(is_closed: bool, seed: u64) {
    let template = Template::new(is_closed);
    let mut random = fastrand::Rng::with_seed(seed);
    let files = template.files();
    for kind in ["log", "json"] {
        let is_there = |it: &PathBuf| it.extension().is_some_and(|it| it == kind);
        assert!(files.iter().any(is_there), "{kind}: {files:?}");
    }
    for file in &files {
        let bytes = fs::read(template.folder.path().join(file)).expect("a file");
        for damage in Damage::some(bytes.len(), used(&bytes), &mut random) {
            check(&template, file, damage);
        }
    }
}

#[test]
fn damaged_files_of_a_broker_that_ended_in_order() {
    damage_all(true);
}

#[test]
fn damaged_files_of_a_broker_that_was_killed() {
    damage_all(false);
}

#[test]
fn a_topic_keeps_the_partitions_that_have_records() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = builder(folder.path())
        .partitions(1)
        .start()
        .expect("it starts");
    let mut client = Client::connect(running.addresses()[0]);
    client.want_topic("orders");
    client.produce("orders", &["a"]);
    running.stop().expect("it ends");
    let file = folder.path().join("topics/orders.json");
    let right = fs::read_to_string(&file).expect("a file");
    let log = folder.path().join("logs/orders-0");
    // As if it had been given one more, and the file were the one of before.
    fs::rename(&log, folder.path().join("logs/orders-1")).expect("it is renamed");
    let refused = builder(folder.path())
        .start()
        .expect_err("records are left over");
    assert!(refused.to_string().contains("orders.json"), "{refused}");
    fs::remove_dir_all(&log).expect("an empty log");
    fs::rename(folder.path().join("logs/orders-1"), &log).expect("it is still there");
    for (from, to) in [
        ("\"partitions\": 1", "\"partitions\": 0"),
        ("\"version\": 1", "\"version\": 2"),
    ] {
        let wrong = right.replace(from, to);
        assert_ne!(wrong, right);
        fs::write(&file, &wrong).expect("it is written");
        let refused = builder(folder.path()).start().expect_err("it is damaged");
        let text = refused.to_string();
        assert!(text.contains("orders.json"), "{text}");
        // Whoever meant it that way is told how to say so; but no topic is like that.
        let names: Vec<_> = text.split('`').collect();
        let [.., found, _, wanted, _] = names.as_slice() else {
            panic!("{text}");
        };
        fs::write(&file, wrong.replace(found, wanted)).expect("it is written");
        let refused = builder(folder.path())
            .start()
            .expect_err("no topic is like that");
        let text = refused.to_string();
        assert!(text.contains("orders.json"), "{text}");
        assert!(!text.contains("checksum"), "{text}");
    }
    fs::write(&file, right).expect("it is written");
    // What was set aside for a partition that never came to be is removed.
    let unused = folder.path().join("logs/orders-1");
    fs::create_dir(&unused).expect("a folder");
    fs::write(unused.join("00000000000000000000.log"), [0; 4096]).expect("zeros");
    let running = builder(folder.path()).start().expect("it starts");
    assert!(!unused.exists());
    let mut client = Client::connect(running.addresses()[0]);
    assert_eq!(client.values_from("orders", 0).len(), 1);
    running.stop().expect("it ends");
}
