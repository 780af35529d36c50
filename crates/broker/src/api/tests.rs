//! Every request that is served, in every version: whatever it asks for, its answer can be written and read.

mod contracts;
mod grants;
mod power_cut;
mod waiting;

use std::os::unix::fs::FileExt;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    FetchRequest, MetadataRequest, MetadataResponse, ProduceRequest, ResponseKind, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use proptest::prelude::*;
use tempfile::TempDir;

use super::shape::tests::Generator;
use super::*;
use crate::access::{Reply, Users};
use crate::batch::codec::Codec;
use crate::batch::{BatchBuilder, HEADER_BYTES, Header, sift};
use crate::broker::Options;
use crate::disk::{RealDisk, SharedDisk};
use crate::testing::{cases, soak_factor};
use crate::topics::Settings;

/// Texts that mean something to one request or the other.
const WORDS: &[&str] = &[
    "topic",
    "other",
    "1",
    "",
    "retention.ms",
    "cleanup.policy",
    "1000",
    "delete",
    "no such thing é",
];

/// A request that sends these batches to partitions of a topic.
pub(crate) fn produce_request(topic: &str, batches: &[(i32, Bytes)], acks: i16) -> ProduceRequest {
    let partitions = batches.iter().map(|(index, batch)| {
        PartitionProduceData::default()
            .with_index(*index)
            .with_records(Some(batch.clone()))
    });
    let data = TopicProduceData::default()
        .with_name(TopicName(StrBytes::from_string(topic.to_owned())))
        .with_partition_data(partitions.collect());
    ProduceRequest::default()
        .with_acks(acks)
        .with_timeout_ms(30_000)
        .with_topic_data(vec![data])
}

/// A broker for trying, with one topic of three partitions.
pub(crate) struct Trial {
    pub(crate) context: Context,
    pub(crate) runtime: tokio::runtime::Runtime,
    _folder: TempDir,
}

impl Trial {
    pub(crate) fn new() -> Trial {
        Trial::on(Arc::new(RealDisk))
    }

    pub(crate) fn on(disk: SharedDisk) -> Trial {
        Trial::at(TempDir::new().expect("a folder"), disk)
    }

    /// For a disk that knows the folder already.
    pub(crate) fn at(folder: TempDir, disk: SharedDisk) -> Trial {
        let options = Options::new(folder.path());
        Trial::of(folder, disk, options)
    }

    /// With the options that are made for its folder.
    pub(crate) fn with(options: impl FnOnce(&std::path::Path) -> Options) -> Trial {
        let folder = TempDir::new().expect("a folder");
        let options = options(folder.path());
        Trial::of(folder, Arc::new(RealDisk), options)
    }

    /// With these grants, asked by this user.
    pub(crate) fn granting(grants: &str, user: &str) -> Trial {
        let trial = Trial::with(|data| {
            let path = data.join("grants.toml");
            std::fs::write(&path, grants).expect("it is written");
            let users = Users::path_in(data);
            Users::change(&users, |it| it.set(user, "secret")).expect("the user is added");
            let mut options = Options::new(data);
            options.access.is_on = true;
            options.access.grants = Some(path);
            options
        });
        let (access, client) = (&trial.context.broker.access, &trial.context.client);
        access.choose(client, "PLAIN", false).expect("it is served");
        let message = format!("\0{user}\0secret");
        let answered = access.answer(client, message.as_bytes());
        let answered = trial.runtime.block_on(answered);
        assert_eq!(answered, Reply::In(Vec::new()));
        trial
    }

    fn of(folder: TempDir, disk: SharedDisk, options: Options) -> Trial {
        let trial = Trial::opened(folder, disk, options);
        let topics = &trial.context.broker.topics;
        let made = topics.create("topic", 3, Settings::default());
        made.expect("it is made");
        trial
    }

    /// A broker that opens a folder as it is, on this disk.
    fn opened(folder: TempDir, disk: SharedDisk, options: Options) -> Trial {
        let (broker, _) = Broker::open_on(disk, options).expect("it opens");
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        Trial {
            context: Context {
                client: broker.access.local_client(),
                broker,
                advertised: Arc::new(("localhost".to_owned(), 9092)),
                peer: std::net::IpAddr::from([127, 0, 0, 1]),
                sessions: Arc::default(),
                mute: Arc::default(),
            },
            runtime: runtime.enable_time().build().expect("a runtime"),
            _folder: folder,
        }
    }

    /// What comes back to a message: the bytes behind the header; `None`: nothing.
    pub(super) fn ask_raw(
        &self,
        key: ApiKey,
        version: i16,
        message: &[u8],
    ) -> Result<Option<Bytes>, Refused> {
        let answered = self.ask_frame(frame(key, version, message));
        Ok(answered?.map(|parts| {
            let mut bytes = flatten(&parts);
            let header = ResponseHeader::decode(&mut bytes, key.response_header_version(version));
            assert_eq!(header.expect("a header").correlation_id, 77);
            bytes
        }))
    }

    /// What comes back to a frame; `None`: nothing.
    pub(super) fn ask_frame(&self, frame: Bytes) -> Result<Option<Parts>, Refused> {
        self.runtime.block_on(async {
            match answer(&self.context, frame).await? {
                Answer::Ready(parts) => Ok(Some(parts)),
                Answer::Later(later) => {
                    let waited = tokio::time::timeout(Duration::from_secs(30), later).await;
                    waited.expect("it does not take for ever").map(Some)
                }
                Answer::Nothing => Ok(None),
            }
        })
    }

    /// Asks a request, and reads the answer.
    pub(super) fn ask<R: Request>(&self, request: &R, version: i16) -> R::Response
    where
        R::Response: Decodable,
    {
        let mut message = BytesMut::new();
        request
            .encode(&mut message, version)
            .expect("it fits the version");
        let key = ApiKey::try_from(R::KEY).expect("it is one of theirs");
        let answered = self.ask_raw(key, version, &message);
        let mut bytes = answered.expect("it is answered").expect("with something");
        let response = R::Response::decode(&mut bytes, version).expect("it can be read");
        assert!(bytes.is_empty(), "{key:?} {version}: {} left", bytes.len());
        response
    }
}

/// A request as it comes in.
pub(crate) fn frame_of<R: Request>(request: &R, version: i16) -> Bytes {
    let mut message = BytesMut::new();
    let encoded = request.encode(&mut message, version);
    encoded.expect("it fits the version");
    let key = ApiKey::try_from(R::KEY).expect("it is one of theirs");
    frame(key, version, &message)
}

/// A message behind its header.
fn frame(key: ApiKey, version: i16, message: &[u8]) -> Bytes {
    let mut frame = BytesMut::new();
    frame.put_i16(key as i16);
    frame.put_i16(version);
    frame.put_i32(77);
    frame.put_i16(4);
    frame.put_slice(b"test");
    if key.request_header_version(version) >= 2 {
        frame.put_u8(0);
    }
    frame.put_slice(message);
    frame.freeze()
}

pub(super) fn flatten(parts: &Parts) -> Bytes {
    let mut bytes = Vec::new();
    for part in parts {
        match part {
            Part::Bytes(more) => bytes.extend_from_slice(more),
            Part::File(range) => {
                let mut piece = vec![0; range.len_bytes as usize];
                let read = range.file.read_exact_at(&mut piece, range.position);
                read.expect("it is there");
                bytes.extend(piece);
            }
        }
    }
    bytes.into()
}

/// The versions told to clients, of all requests.
fn all_served() -> impl Iterator<Item = (ApiKey, i16)> {
    SERVED
        .iter()
        .flat_map(|it| (it.min..=it.max).map(move |version| (it.key, version)))
}

/// The versions of a request that are told to clients.
pub(super) fn versions_of(key: ApiKey) -> std::ops::RangeInclusive<i16> {
    let served = SERVED.iter().find(|it| it.key as i16 == key as i16);
    let served = served.expect("it is served");
    served.min..=served.max
}

/// A batch of one record.
pub(super) fn batch() -> Bytes {
    let mut builder = BatchBuilder::new(1000);
    builder.push(1000, None, Some(b"value"));
    builder.finish().into()
}

/// A batch, packed.
pub(super) fn packed(builder: BatchBuilder, codec: Codec) -> Bytes {
    let mut plain = builder.finish();
    // The codec stands in the lowest bits of the attributes.
    plain[22] = codec as u8;
    let header = Header::read(&plain).expect("it is a header");
    let all = vec![true; header.record_count as usize];
    let packed = sift(&header, &plain, &plain[HEADER_BYTES..], &all, None);
    packed.expect("it is packed").into()
}

proptest! {
    #![proptest_config(cases(12))]
    #[test]
    fn every_answer_can_be_written_and_read(seed in any::<u64>()) {
        let trial = Trial::new();
        for (key, version) in all_served() {
            let shape = shape::of(key).expect("it has one");
            let message = Generator::message(shape, version, seed, WORDS, true);
            let mut bytes = match trial.ask_raw(key, version, &message) {
                Ok(Some(bytes)) => bytes,
                Ok(None) => continue,
                Err(Refused::Unanswered { .. }) => continue,
                // A null where none may be.
                Err(Refused::Malformed { reason, .. }) if reason.contains("null") || reason.contains("negative") => continue,
                Err(refused) => panic!("{key:?} {version}: {refused}"),
            };
            if key == ApiKey::Produce && version < old_produce::SERVED_SINCE {
                continue;
            }
            let response = ResponseKind::decode(key, &mut bytes, version);
            prop_assert!(response.is_ok(), "{:?} {}: {:?}", key, version, response);
            prop_assert!(bytes.is_empty(), "{:?} {}: {} bytes left", key, version, bytes.len());
        }
    }
}

#[test]
fn batches_go_in_and_come_out_in_every_version() {
    let trial = Trial::new();
    let name = TopicName(StrBytes::from_static_str("topic"));
    let mut next_offset = 0;
    for (key, version) in all_served().filter(|it| it.0 == ApiKey::Produce && it.1 >= 3) {
        let request = produce_request("topic", &[(0, batch())], -1);
        let response = trial.ask(&request, version);
        let partition = &response.responses[0].partition_responses[0];
        assert_eq!(partition.error_code, 0, "{key:?} {version}");
        assert_eq!(partition.base_offset, next_offset, "{key:?} {version}");
        next_offset += 1;
    }
    let id = trial
        .context
        .broker
        .topics
        .topic("topic")
        .expect("it is there")
        .id();
    for (_, version) in all_served().filter(|it| it.0 == ApiKey::Fetch) {
        let partition = FetchPartition::default()
            .with_fetch_offset(2)
            .with_partition_max_bytes(1 << 20);
        let mut topic = FetchTopic::default().with_partitions(vec![partition]);
        match version {
            ..=12 => topic.topic = name.clone(),
            13.. => topic.topic_id = id,
        }
        let request = FetchRequest::default()
            .with_max_bytes(1 << 20)
            .with_topics(vec![topic]);
        let response = trial.ask(&request, version);
        let partition = &response.responses[0].partitions[0];
        assert_eq!(
            (partition.error_code, partition.high_watermark),
            (0, next_offset)
        );
        let records = partition.records.as_ref().expect("there are some");
        assert_eq!(records.len(), (next_offset as usize - 2) * batch().len());
    }
}

#[test]
fn messages_of_old_formats_are_answered_with_an_error() {
    let trial = Trial::new();
    for version in 0..3_i16 {
        for acks in [0, 1] {
            let mut message = BytesMut::new();
            message.put_i16(acks);
            message.put_i32(1000);
            message.put_i32(1);
            message.put_i16(5);
            message.put_slice(b"topic");
            message.put_i32(2);
            for index in 0..2 {
                message.put_i32(index);
                message.put_i32(3);
                message.put_slice(b"old");
            }
            let answered = trial.ask_raw(ApiKey::Produce, version, &message);
            if acks == 0 {
                assert!(matches!(answered, Err(Refused::Unanswered { .. })));
                continue;
            }
            let answered = answered.expect("it is answered");
            let mut answer = answered.expect("with something");
            assert_eq!(answer.get_i32(), 1);
            assert_eq!(answer.get_i16(), 5);
            assert_eq!(&answer.split_to(5)[..], b"topic");
            assert_eq!(answer.get_i32(), 2);
            for index in 0..2 {
                assert_eq!(answer.get_i32(), index);
                assert_eq!(answer.get_i16(), ResponseError::UnsupportedVersion.code());
                assert_eq!(answer.get_i64(), -1);
                if version >= 2 {
                    assert_eq!(answer.get_i64(), -1);
                }
            }
            if version >= 1 {
                assert_eq!(answer.get_i32(), 0);
            }
            assert!(answer.is_empty());
        }
    }
}

#[test]
fn what_is_no_request_is_refused_before_it_is_decoded() {
    let trial = Trial::new();
    let hostile = trial.ask_raw(ApiKey::Metadata, 1, &i32::MAX.to_be_bytes());
    assert!(matches!(hostile, Err(Refused::Malformed { .. })));
    let frame = Bytes::from_static(&[0, 3, 0, 9, 0, 0, 0, 1, 0x7F, 0xFF]);
    let answered = trial.runtime.block_on(answer(&trial.context, frame));
    assert!(matches!(answered, Err(Refused::Malformed { .. })));
}

/// As librdkafka 2.16 asks for all topics; Kafka reads no further than the message goes either.
#[test]
fn bytes_behind_a_request_are_ignored() {
    let trial = Trial::new();
    let answered = trial.ask_raw(ApiKey::Metadata, 12, &[0, 0, 0, 0, 1, 0, 0]);
    let mut bytes = answered.expect("it is answered").expect("with something");
    let response = MetadataResponse::decode(&mut bytes, 12).expect("it can be read");
    assert_eq!(response.topics.len(), 1);
}

#[test]
fn a_topic_is_told_once_however_often_it_is_named() {
    let trial = Trial::new();
    let named = |name: &'static str| {
        let name = TopicName(StrBytes::from_static_str(name));
        MetadataRequestTopic::default().with_name(Some(name))
    };
    let topics = vec![named("topic"), named("new"), named("topic"), named("new")];
    let request = MetadataRequest::default().with_topics(Some(topics));
    let response = trial.ask(&request, 9);
    let names: Vec<_> = response.topics.iter().map(|it| it.name.as_ref()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn all_that_is_served_is_told() {
    let trial = Trial::new();
    let request = kafka_protocol::messages::ApiVersionsRequest::default();
    let told = trial.ask(&request, 0);
    assert_eq!(told.api_keys.len(), SERVED.len());
    let first = &told.api_keys[0];
    assert_eq!((first.api_key, first.min_version), (0, 0));
}
