//! A client that sends what it is told to, right or wrong. Messages are written and read by the `kafka-protocol` crate, batches too.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::Deref;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    FetchRequest, FetchResponse, MetadataRequest, MetadataResponse, ProduceRequest,
    ProduceResponse, RequestHeader, ResponseHeader, TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};
use kafka_protocol::records::{
    Compression, Record, RecordBatchDecoder, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};
use tamis_broker::{Broker, Builder, Running};
use tempfile::TempDir;

/// The version of `Produce` that tests speak.
pub(crate) const PRODUCE: i16 = 9;

/// The version of `Fetch` that tests speak.
pub(crate) const FETCH: i16 = 12;

/// Nothing that a test waits for takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// A broker in a folder that goes with it.
#[derive(Debug)]
pub(crate) struct Started {
    running: Running,
    folder: TempDir,
}

/// Starts one that is set up as most are.
pub(crate) fn start() -> Started {
    start_with(|builder| builder)
}

/// Starts one that is set up otherwise.
pub(crate) fn start_with(set: impl FnOnce(Builder) -> Builder) -> Started {
    let folder = tempfile::tempdir().expect("a folder");
    let running = set(builder(&folder)).start().expect("it starts");
    Started { running, folder }
}

/// One that is not started yet, at a port that is free.
pub(crate) fn builder(folder: &TempDir) -> Builder {
    Broker::builder(folder.path()).listen("127.0.0.1:0")
}

impl Started {
    pub(crate) fn client(&self) -> Client {
        Client::connect(self.running.addresses()[0])
    }

    pub(crate) fn stop(self) {
        self.running.stop().expect("it ends");
    }

    /// Ends it in order, and starts another in its folder.
    pub(crate) fn restarted(self) -> Started {
        self.running.stop().expect("it ends");
        let running = builder(&self.folder).start().expect("it starts");
        Started { running, ..self }
    }
}

impl Deref for Started {
    type Target = Running;

    fn deref(&self) -> &Running {
        &self.running
    }
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Client<S = TcpStream> {
    pub(crate) socket: S,
    next_id: i32,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Client {
        let socket = TcpStream::connect(address).expect("it listens");
        socket.set_nodelay(true).expect("a socket");
        let patience = socket.set_read_timeout(Some(PATIENCE));
        patience.expect("a socket");
        Client::over(socket)
    }
}

impl<S: Read + Write> Client<S> {
    pub(crate) fn over(socket: S) -> Client<S> {
        Client { socket, next_id: 1 }
    }

    /// Sends a request and waits for its answer.
    pub(crate) fn ask<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        let id = self.send(version, request);
        let (answered, response) = self.receive::<R>(version);
        assert_eq!(answered, id, "answers come in the order of requests");
        response
    }

    /// Sends a request; returns its number.
    pub(crate) fn send<R: Request>(&mut self, version: i16, request: &R) -> i32 {
        let id = self.next_id;
        self.next_id += 1;
        let frame = frame(version, id, request);
        self.socket.write_all(&frame).expect("it is read");
        id
    }

    /// Waits for the next answer, which is to a request like this.
    pub(crate) fn receive<R: Request>(&mut self, version: i16) -> (i32, R::Response) {
        let body = self.receive_body().expect("an answer");
        decode::<R>(body, version)
    }

    /// The same, or nothing if the broker went away instead.
    pub(crate) fn receive_if_any<R: Request>(&mut self, version: i16) -> Option<R::Response> {
        let (_, response) = decode::<R>(self.receive_body()?, version);
        Some(response)
    }

    /// The next answer without its length; `None`: the connection was closed.
    pub(crate) fn receive_body(&mut self) -> Option<Bytes> {
        let mut length = [0; 4];
        match self.socket.read_exact(&mut length) {
            Ok(()) => {}
            Err(error) if is_closed(error.kind()) => return None,
            Err(error) => panic!("no answer: {error}"),
        }
        let length = usize::try_from(i32::from_be_bytes(length)).expect("a length");
        let mut body = vec![0; length];
        self.socket.read_exact(&mut body).ok()?;
        Some(body.into())
    }

    /// Whether the broker closes the connection without saying another word.
    pub(crate) fn is_closed_silently(&mut self) -> bool {
        let mut rest = Vec::new();
        match self.socket.read_to_end(&mut rest) {
            Ok(_) => rest.is_empty(),
            Err(error) => is_closed(error.kind()) && rest.is_empty(),
        }
    }

    /// Has a topic made, if it is not there.
    pub(crate) fn want_topic(&mut self, name: &str) -> MetadataResponse {
        let topic = MetadataRequestTopic::default().with_name(Some(topic_name(name)));
        let request = MetadataRequest::default()
            .with_topics(Some(vec![topic]))
            .with_allow_auto_topic_creation(true);
        self.ask(9, &request)
    }

    /// Appends a batch of these values to partition 0; returns the offset of the first.
    pub(crate) fn produce(&mut self, topic: &str, values: &[&str]) -> i64 {
        let response = self.ask(PRODUCE, &produce_request(topic, batch(values), -1));
        appended(&response)
    }

    /// All values of partition 0 from an offset on, as far as one answer has them.
    pub(crate) fn values_from(&mut self, topic: &str, offset: i64) -> Vec<(i64, String)> {
        values(&self.ask(FETCH, &fetch_request(topic, offset)))
    }
}

fn decode<R: Request>(mut body: Bytes, version: i16) -> (i32, R::Response) {
    let header_version = R::Response::header_version(version);
    let header = ResponseHeader::decode(&mut body, header_version).expect("a header");
    let response = R::Response::decode(&mut body, version).expect("an answer");
    assert!(body.is_empty(), "{} bytes too many", body.len());
    (header.correlation_id, response)
}

fn is_closed(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
    )
}

/// A request as it goes over the socket.
pub(crate) fn frame<R: Request>(version: i16, id: i32, request: &R) -> Vec<u8> {
    let header = RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .with_correlation_id(id)
        .with_client_id(Some(StrBytes::from_static_str("test")));
    let mut body = BytesMut::new();
    let encoded = header.encode(&mut body, R::header_version(version));
    encoded.expect("a header");
    request.encode(&mut body, version).expect("a request");
    framed(&body)
}

/// Bytes behind their length.
pub(crate) fn framed(body: &[u8]) -> Vec<u8> {
    let length = i32::try_from(body.len()).expect("a small body");
    [&length.to_be_bytes()[..], body].concat()
}

pub(crate) fn topic_name(name: &str) -> TopicName {
    TopicName(StrBytes::from_string(name.to_owned()))
}

/// A batch of records that have these values.
pub(crate) fn batch(values: &[&str]) -> Bytes {
    let records: Vec<Record> = (0..)
        .zip(values)
        .map(|(offset, value)| Record {
            transactional: false,
            control: false,
            delete_horizon: false,
            partition_leader_epoch: -1,
            producer_id: -1,
            producer_epoch: -1,
            timestamp_type: TimestampType::Creation,
            offset: i64::from(offset),
            sequence: if offset == 0 { -1 } else { offset - 1 },
            timestamp: now_ms(),
            key: None,
            value: Some(Bytes::from(value.as_bytes().to_vec())),
            headers: Default::default(),
        })
        .collect();
    let options = RecordEncodeOptions {
        version: 2,
        compression: Compression::None,
    };
    let mut bytes = BytesMut::new();
    RecordBatchEncoder::encode(&mut bytes, &records, &options).expect("they encode");
    bytes.freeze()
}

/// Of now, because what is a week old does not stay.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |it| i64::try_from(it.as_millis()).unwrap_or(0))
}

pub(crate) fn produce_request(topic: &str, batch: Bytes, acks: i16) -> ProduceRequest {
    let partition = PartitionProduceData::default().with_records(Some(batch));
    let topic = TopicProduceData::default()
        .with_name(topic_name(topic))
        .with_partition_data(vec![partition]);
    ProduceRequest::default()
        .with_acks(acks)
        .with_timeout_ms(10_000)
        .with_topic_data(vec![topic])
}

/// The error and the first offset of the only partition of an answer.
pub(crate) fn outcome(response: &ProduceResponse) -> (i16, i64) {
    let partition = &response.responses[0].partition_responses[0];
    (partition.error_code, partition.base_offset)
}

/// The first offset, of a batch that was appended.
pub(crate) fn appended(response: &ProduceResponse) -> i64 {
    let (error, offset) = outcome(response);
    assert_eq!(error, 0);
    offset
}

/// Asks for partition 0 from an offset on, at once.
pub(crate) fn fetch_request(topic: &str, offset: i64) -> FetchRequest {
    let partition = FetchPartition::default()
        .with_fetch_offset(offset)
        .with_partition_max_bytes(1 << 20);
    let topic = FetchTopic::default()
        .with_topic(topic_name(topic))
        .with_partitions(vec![partition]);
    FetchRequest::default()
        .with_max_bytes(16 << 20)
        .with_session_epoch(-1)
        .with_topics(vec![topic])
}

/// Offsets and values of all records of the only partition of an answer.
pub(crate) fn values(response: &FetchResponse) -> Vec<(i64, String)> {
    let partition = &response.responses[0].partitions[0];
    assert_eq!(partition.error_code, 0);
    let mut bytes = partition.records.clone().unwrap_or_default();
    if bytes.is_empty() {
        return Vec::new();
    }
    let sets = RecordBatchDecoder::decode_all(&mut bytes).expect("whole batches");
    let records = sets.into_iter().flat_map(|it| it.records);
    let text = |value: Bytes| String::from_utf8(value.to_vec()).expect("a text");
    let values = records.map(|it| (it.offset, it.value.map_or_else(String::new, text)));
    values.collect()
}
