//! A broker whose power goes while clients are at it: what they were told is true is true afterwards.
//!
//! Clients send frames, as over a socket, and note what they are answered. Then nothing moves any more, the disk keeps what was
//! made durable and some of what was not, and another broker opens what is left.

use std::collections::BTreeMap;
use std::sync::Mutex;

use fastrand::Rng;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    CreateTopicsRequest, GroupId, HeartbeatRequest, JoinGroupRequest, OffsetCommitRequest,
    SyncGroupRequest,
};
use nix::libc::EIO;

use super::*;
use crate::batch::{HEADER_BYTES, Records, split};
use crate::disk::lossy::LossyDisk;
use crate::log::{Fetched, Log};

const TOPICS: [&str; 3] = ["one", "two", "three"];
const PARTITIONS: i32 = 2;

/// A member, as it says who it is.
#[derive(Clone, Debug)]
struct Member {
    group: String,
    id: StrBytes,
    generation: i32,
}

/// What clients were told.
#[derive(Debug, Default)]
struct Told {
    /// Values by topic, partition and offset.
    records: BTreeMap<(String, i32, i64), Vec<u8>>,
    /// Offsets by group, topic and partition.
    committed: BTreeMap<(String, String, i32), i64>,
    /// Topics that were made.
    topics: Vec<String>,
    /// Members that were told what to do.
    members: Vec<Member>,
}

/// A client, of which there are several, none of which knows when the power goes.
#[derive(Clone)]
struct Client {
    context: Context,
    told: Arc<Mutex<Told>>,
    name: String,
}

impl Client {
    async fn ask<R: Request>(&self, version: i16, request: &R) -> R::Response {
        let key = ApiKey::try_from(R::KEY).expect("one of theirs");
        let mut message = BytesMut::new();
        let encoded = request.encode(&mut message, version);
        encoded.expect("it fits the version");
        let answered = answer(&self.context, frame(key, version, &message)).await;
        let parts = match answered.expect("it is served") {
            Answer::Ready(parts) => parts,
            Answer::Later(later) => later.await.expect("it is answered"),
            Answer::Nothing => panic!("it is not answered"),
        };
        let mut bytes = flatten(&parts);
        let header = ResponseHeader::decode(&mut bytes, key.response_header_version(version));
        header.expect("a header");
        R::Response::decode(&mut bytes, version).expect("an answer")
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().expect("nobody panicked")
    }

    /// Appends batches to any partition, most of which it wants to be durable.
    async fn produce(self, mut rng: Rng) {
        for number in 0.. {
            let topic = TOPICS[rng.usize(..TOPICS.len())];
            let partition = rng.i32(0..PARTITIONS);
            let values: Vec<_> = (0..rng.usize(1..6))
                .map(|it| {
                    format!(
                        "{} {number} {it} {}",
                        self.name,
                        "x".repeat(rng.usize(..300))
                    )
                })
                .collect();
            let mut batch = BatchBuilder::new(crate::broker::now_ms());
            for value in &values {
                batch.push(crate::broker::now_ms(), None, Some(value.as_bytes()));
            }
            let acks = if rng.u8(..4) == 0 { 1 } else { -1 };
            let data = PartitionProduceData::default()
                .with_index(partition)
                .with_records(Some(batch.finish().into()));
            let data = TopicProduceData::default()
                .with_name(TopicName(StrBytes::from_static_str(topic)))
                .with_partition_data(vec![data]);
            let request = ProduceRequest::default()
                .with_acks(acks)
                .with_timeout_ms(10_000)
                .with_topic_data(vec![data]);
            let response = self.ask(9, &request).await;
            let answered = &response.responses[0].partition_responses[0];
            if answered.error_code == 0 && acks == -1 {
                let mut told = self.told();
                for (offset, value) in (answered.base_offset..).zip(values) {
                    let key = (topic.to_owned(), partition, offset);
                    told.records.insert(key, value.into_bytes());
                }
            }
            tokio::task::yield_now().await;
        }
    }

    /// Commits an offset after the other.
    async fn commit(self, mut rng: Rng) {
        for offset in 1.. {
            let topic = TOPICS[rng.usize(..TOPICS.len())];
            let index = rng.i32(0..PARTITIONS);
            let partition = OffsetCommitRequestPartition::default()
                .with_partition_index(index)
                .with_committed_offset(offset);
            let partitions = OffsetCommitRequestTopic::default()
                .with_name(TopicName(StrBytes::from_static_str(topic)))
                .with_partitions(vec![partition]);
            let request = OffsetCommitRequest::default()
                .with_group_id(GroupId(StrBytes::from_string(self.name.clone())))
                .with_topics(vec![partitions]);
            let response = self.ask(5, &request).await;
            if response.topics[0].partitions[0].error_code == 0 {
                let key = (self.name.clone(), topic.to_owned(), index);
                self.told().committed.insert(key, offset);
            }
            tokio::task::yield_now().await;
        }
    }

    /// Makes topics.
    async fn create(self) {
        for number in 0.. {
            let name = format!("{}-{number}", self.name);
            let topic = CreatableTopic::default()
                .with_name(TopicName(StrBytes::from_string(name.clone())))
                .with_num_partitions(1)
                .with_replication_factor(1);
            let request = CreateTopicsRequest::default().with_topics(vec![topic]);
            let response = self.ask(5, &request).await;
            if response.topics[0].error_code == 0 {
                self.told().topics.push(name);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Is the only member of a group, and then of another.
    async fn belong(self) {
        for number in 0.. {
            let group = format!("{}-{number}", self.name);
            let group_id = GroupId(StrBytes::from_string(group.clone()));
            let protocol =
                JoinGroupRequestProtocol::default().with_name(StrBytes::from_static_str("range"));
            let join = JoinGroupRequest::default()
                .with_group_id(group_id.clone())
                .with_session_timeout_ms(60_000)
                .with_rebalance_timeout_ms(60_000)
                .with_protocol_type(StrBytes::from_static_str("consumer"))
                .with_protocols(vec![protocol]);
            let joined = self.ask(3, &join).await;
            if joined.error_code != 0 {
                tokio::task::yield_now().await;
                continue;
            }
            let assignment = SyncGroupRequestAssignment::default()
                .with_member_id(joined.member_id.clone())
                .with_assignment(Bytes::from_static(b"all of it"));
            let sync = SyncGroupRequest::default()
                .with_group_id(group_id)
                .with_generation_id(joined.generation_id)
                .with_member_id(joined.member_id.clone())
                .with_assignments(vec![assignment]);
            if self.ask(2, &sync).await.error_code == 0 {
                self.told().members.push(Member {
                    group,
                    id: joined.member_id,
                    generation: joined.generation_id,
                });
            }
        }
    }
}

/// A broker that makes small files, and often notes what is durable.
fn options(data: &std::path::Path) -> Options {
    let mut options = Options::new(data);
    options.log.segment_bytes = 4096;
    options.checkpoint = Duration::from_millis(3);
    options
}

fn context(broker: Arc<Broker>) -> Context {
    Context {
        client: broker.access.local_client(),
        broker,
        advertised: Arc::new(("localhost".to_owned(), 9092)),
        peer: IpAddr::from([127, 0, 0, 1]),
        sessions: Arc::default(),
        mute: Arc::default(),
    }
}

fn runtime() -> tokio::runtime::Runtime {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().build().expect("a runtime")
}

/// Lets clients at a broker until the power goes; what they were told, and what is left in `left`.
fn cut(seed: u64, left: &std::path::Path) -> Told {
    let mut rng = Rng::with_seed(seed);
    let data = TempDir::new().expect("a folder");
    let disk = Arc::new(LossyDisk::new(data.path()));
    let (broker, _) = Broker::open_on(disk.clone(), options(data.path())).expect("it opens");
    for topic in TOPICS {
        let made = broker
            .topics
            .create(topic, PARTITIONS as usize, Settings::default());
        made.expect("it is made");
    }
    if seed % 4 == 3 {
        disk.fail(rng.u64(0..200), EIO);
    }
    let told = Arc::new(Mutex::new(Told::default()));
    let client = |name: &str| Client {
        context: context(broker.clone()),
        told: told.clone(),
        name: name.to_owned(),
    };
    let runtime = runtime();
    let power = Duration::from_micros(rng.u64(20_000..200_000));
    runtime.block_on(async {
        let mut load = tokio::task::JoinSet::new();
        load.spawn(crate::groups::run(broker.clone()));
        for number in 0..4 {
            load.spawn(client(&format!("producer-{number}")).produce(rng.fork()));
            load.spawn(client(&format!("group-{number}")).commit(rng.fork()));
        }
        load.spawn(client("topic").create());
        load.spawn(client("member").belong());
        tokio::time::sleep(power).await;
    });
    // What was handed to another thread comes to its end here; nobody is told any more.
    drop(runtime);
    broker.upkeep.end();
    disk.crash(seed, left);
    drop(broker);
    std::mem::take(&mut *told.lock().expect("nobody panicked"))
}

/// The value at an offset.
fn value(log: &Log, offset: i64) -> Option<Vec<u8>> {
    let bytes = match log.fetch(offset, 1).ok()? {
        Fetched::Nothing => return None,
        Fetched::Memory(pieces) => Bytes::from(pieces.concat()),
        Fetched::File(range) => flatten(&vec![Part::File(range)]),
    };
    let (header, batch, _) = split(&bytes).expect("a batch");
    let count = usize::try_from(header.record_count).expect("a count");
    let mut records = Records::new(&batch[HEADER_BYTES..], count).map(|it| it.expect("a record"));
    let record = records.find(|it| header.base_offset + i64::from(it.offset_delta) == offset)?;
    record.value.map(<[u8]>::to_vec)
}

fn check(told: &Told, seed: u64, broker: &Arc<Broker>) {
    for ((topic, partition, offset), expected) in &told.records {
        let found = broker.topics.topic(topic);
        let log = found
            .and_then(|it| it.partition(*partition))
            .expect("it is there");
        let found = value(&log, *offset);
        assert_eq!(
            found.as_ref(),
            Some(expected),
            "{seed}: {topic} {partition} {offset}"
        );
    }
    for ((group, topic, partition), offset) in &told.committed {
        let found = broker.groups.look(group, |it| {
            it.offsets().one(topic, *partition).map(|it| it.offset)
        });
        // The next may have been on its way.
        let is_there = found.flatten().is_some_and(|it| it >= *offset);
        assert!(
            is_there,
            "{seed}: {group} {topic} {partition}: {found:?}, not {offset}"
        );
    }
    for topic in &told.topics {
        assert!(broker.topics.topic(topic).is_some(), "{seed}: {topic}");
    }
    let client = Client {
        context: context(broker.clone()),
        told: Arc::default(),
        name: String::new(),
    };
    for member in &told.members {
        let beat = HeartbeatRequest::default()
            .with_group_id(GroupId(StrBytes::from_string(member.group.clone())))
            .with_generation_id(member.generation)
            .with_member_id(member.id.clone());
        let error = runtime().block_on(client.ask(2, &beat)).error_code;
        assert_eq!(error, 0, "{seed}: {member:?}");
    }
}

#[test]
fn a_power_cut_takes_nothing_that_somebody_was_told() {
    let mut all = [0; 4];
    for seed in 0..12 * u64::from(soak_factor()) {
        let left = TempDir::new().expect("a folder");
        let told = cut(seed, left.path());
        let (broker, _) = Broker::open(options(left.path())).expect("it opens");
        check(&told, seed, &broker);
        let counts = [
            told.records.len(),
            told.committed.len(),
            told.topics.len(),
            told.members.len(),
        ];
        for (sum, count) in all.iter_mut().zip(counts) {
            *sum += count;
        }
    }
    assert!(
        all.iter().all(|it| *it > 0),
        "they were told little: {all:?}"
    );
}
