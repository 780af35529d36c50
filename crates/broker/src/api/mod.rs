//! What clients may ask: one file for each request, or for a few that belong together. No socket is known here.
//!
//! A request is the bytes of one frame. [`answer`] looks whether its version is served and whether its bytes can be those of such
//! a request (`shape`), reads its header, and hands it to the function of its file. What comes back is an [`Answer`]: bytes, ranges of files, and what is still to be waited for.

mod acls;
mod alter_configs;
mod api_versions;
mod client_quotas;
mod create_partitions;
mod delete_records;
mod describe_cluster;
mod describe_configs;
mod describe_log_dirs;
mod fetch;
mod groups;
mod guard;
mod leader_epochs;
mod list_offsets;
mod metadata;
mod old_produce;
mod operations;
mod produce;
mod producer_id;
mod sasl;
mod shape;
#[cfg(test)]
pub(crate) mod tests;
mod topics;

use std::net::IpAddr;
use std::ops::Range;
use std::pin::Pin;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::{ApiKey, RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};

use crate::Error;
use crate::access::Client;
use crate::broker::Broker;
use crate::gate::{SAID_BYTES_MAX, cut};
use crate::log::FileRange;
use crate::quotas::{Direction, Entity, Mute, Payer};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A request that is served, and in which versions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Served {
    pub(crate) key: ApiKey,
    /// The least that is told to clients.
    pub(crate) min: i16,
    pub(crate) max: i16,
}

const fn served(key: ApiKey, min: i16, max: i16) -> Served {
    Served { key, min, max }
}

/// All requests that are served. What is in here works, but for two that are told to clients for their sake and answered with error 35:
/// `Produce` before version 3 (`old_produce`) and `ConsumerGroupHeartbeat` (`groups/next_generation`).
pub(crate) const SERVED: &[Served] = &[
    served(ApiKey::Produce, 0, 12),
    served(ApiKey::Fetch, 4, 16),
    served(ApiKey::ListOffsets, 1, 7),
    served(ApiKey::Metadata, 0, 12),
    served(ApiKey::ApiVersions, 0, 4),
    served(ApiKey::CreateTopics, 2, 7),
    served(ApiKey::DeleteTopics, 1, 6),
    served(ApiKey::InitProducerId, 0, 5),
    served(ApiKey::CreatePartitions, 0, 3),
    served(ApiKey::DeleteRecords, 0, 2),
    served(ApiKey::DescribeConfigs, 1, 4),
    served(ApiKey::AlterConfigs, 0, 2),
    served(ApiKey::IncrementalAlterConfigs, 0, 1),
    served(ApiKey::DescribeCluster, 0, 1),
    served(ApiKey::DescribeLogDirs, 1, 4),
    served(ApiKey::OffsetForLeaderEpoch, 2, 4),
    served(ApiKey::FindCoordinator, 0, 5),
    served(ApiKey::JoinGroup, 0, 9),
    served(ApiKey::SyncGroup, 0, 5),
    served(ApiKey::Heartbeat, 0, 4),
    served(ApiKey::LeaveGroup, 0, 5),
    served(ApiKey::OffsetCommit, 2, 9),
    served(ApiKey::OffsetFetch, 1, 9),
    served(ApiKey::OffsetDelete, 0, 0),
    served(ApiKey::DescribeGroups, 0, 6),
    served(ApiKey::ListGroups, 0, 5),
    served(ApiKey::DeleteGroups, 0, 2),
    served(ApiKey::ConsumerGroupHeartbeat, 0, 1),
    served(ApiKey::SaslHandshake, 0, 1),
    served(ApiKey::SaslAuthenticate, 0, 2),
    served(ApiKey::DescribeAcls, 1, 3),
    served(ApiKey::CreateAcls, 1, 3),
    served(ApiKey::DeleteAcls, 1, 3),
    served(ApiKey::DescribeClientQuotas, 0, 1),
];

/// A part of an answer.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    /// Bytes in memory.
    Bytes(Bytes),
    /// A part of a file, which goes to the socket as it is.
    File(FileRange),
}

/// An answer, behind the field of its length.
pub(crate) type Parts = Vec<Part>;

/// What becomes of a request.
pub(crate) enum Answer {
    /// It is answered with this.
    Ready(Parts),
    /// It is answered once this is done; what comes behind it may be begun meanwhile.
    Later(Pin<Box<dyn Future<Output = Result<Parts, Refused>> + Send>>),
    /// It gets no answer.
    Nothing,
}

/// Why a connection is closed without an answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// There is no such request, or it is not served.
    #[error("request {0} is not served")]
    Key(i16),
    /// It is not served in this version.
    #[error("version {version} of {key:?} is not served")]
    Version { key: ApiKey, version: i16 },
    /// It is not what its header says.
    #[error("request {key:?} cannot be read: {reason}")]
    Malformed { key: ApiKey, reason: String },
    /// The answer cannot be written in this version.
    #[error("the answer to version {version} of {key:?} cannot be written: {reason}")]
    Answer {
        key: ApiKey,
        version: i16,
        reason: String,
    },
    /// It failed, and its client asked for no answer that could say so.
    #[error("{key:?} failed, and its client asked for no answer: {error}")]
    Unanswered { key: ApiKey, error: ResponseError },
    /// It was given up, by a mistake of ours or because this is the end.
    #[error("it was given up: {0}")]
    Broken(String),
    /// It came from somebody who is not known.
    #[error("nobody knows who it is from: {0}")]
    Unknown(&'static str),
    /// It was let in as a user who is none any more.
    #[error("its user is gone, or has another password")]
    Forgotten,
    /// The frame is too short to be a request.
    #[error("a request of {0} bytes")]
    Short(usize),
}

/// Who asks, and how: what handlers need beside the message.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub(crate) broker: Arc<Broker>,
    /// The address that clients are told to come back to.
    pub(crate) advertised: Arc<(String, u16)>,
    /// Where the client is.
    pub(crate) peer: IpAddr,
    /// Who it is.
    pub(crate) client: Arc<Client>,
    /// The fetch session of the connection.
    pub(crate) sessions: Arc<Mutex<fetch::Sessions>>,
    /// Until when the connection is not read from.
    pub(crate) mute: Arc<Mute>,
}

impl Context {
    /// Takes bytes of what the client may send or read in a second; returns for how many milliseconds it will not be listened to.
    fn throttle(&self, direction: Direction, asked: &Asked, bytes: u64) -> i32 {
        let payer = match self.client.user() {
            Some(name) => Payer {
                entity: Entity::User,
                name,
            },
            None => Payer {
                entity: Entity::ClientId,
                name: asked.client_id.as_deref().unwrap_or_default(),
            },
        };
        let throttle = self.broker.quotas.take(direction, payer, bytes);
        self.mute.extend(throttle);
        i32::try_from(throttle.as_millis()).unwrap_or(i32::MAX)
    }

    /// Whether a request may have to wait for what the client took on other connections.
    pub(crate) fn may_owe(&self) -> bool {
        self.broker.quotas.are_set() && self.client.user().is_some()
    }

    /// Waits until the user owes nothing of what requests with this number take.
    pub(crate) async fn until_paid(&self, api: i16) {
        let direction = match ApiKey::try_from(api) {
            Ok(ApiKey::Produce) => Direction::Produce,
            Ok(ApiKey::Fetch) => Direction::Fetch,
            _ => return,
        };
        if let Some(name) = self.client.user() {
            let entity = Entity::User;
            let payer = Payer { entity, name };
            self.broker.quotas.until_paid(direction, payer).await;
        }
    }

    fn sessions(&self) -> MutexGuard<'_, fetch::Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request, taken apart as far as its header.
pub(crate) struct Asked {
    pub(crate) version: i16,
    pub(crate) correlation_id: i32,
    /// What the client calls itself.
    pub(crate) client_id: Option<StrBytes>,
    pub(crate) body: Bytes,
}

/// What answers a request.
type Handler = fn(&Context, Asked) -> Result<Answer, Refused>;

/// Answers one request; waits where the request asks to.
pub(crate) async fn answer(context: &Context, frame: Bytes) -> Result<Answer, Refused> {
    if context.client.sends_bare_messages() {
        return sasl::answer_bare(context, frame).await;
    }
    let Some(head) = frame.first_chunk::<8>() else {
        return Err(Refused::Short(frame.len()));
    };
    let [a, b, c, d, ..] = *head;
    let (number, version) = (i16::from_be_bytes([a, b]), i16::from_be_bytes([c, d]));
    let key = ApiKey::try_from(number).map_err(|()| Refused::Key(number))?;
    let served = SERVED.iter().find(|it| it.key as i16 == number);
    let served = served.ok_or(Refused::Key(number))?;
    if !(served.min..=served.max).contains(&version) {
        return match key {
            ApiKey::ApiVersions => api_versions::unsupported(correlation_id(head)),
            _ => Err(Refused::Version { key, version }),
        };
    }
    context.check_guard(key)?;
    let mut body = frame;
    check(key, version, &body)?;
    let header = RequestHeader::decode(&mut body, key.request_header_version(version));
    let header = header.map_err(|error| malformed(key, &error))?;
    let asked = Asked {
        version,
        correlation_id: header.correlation_id,
        client_id: header.client_id,
        body,
    };
    match key {
        ApiKey::Produce if version < old_produce::SERVED_SINCE => {
            old_produce::answer(context, asked)
        }
        ApiKey::Produce => produce::answer(context, asked).await,
        ApiKey::Fetch => fetch::answer(context, asked).await,
        ApiKey::ListOffsets => list_offsets::answer(context, asked).await,
        ApiKey::Metadata => metadata::answer(context, asked).await,
        ApiKey::ApiVersions => api_versions::answer(asked),
        ApiKey::CreateTopics => aside(context, asked, topics::create).await,
        ApiKey::DeleteTopics => aside(context, asked, topics::delete).await,
        ApiKey::InitProducerId => aside(context, asked, producer_id::answer).await,
        ApiKey::CreatePartitions => aside(context, asked, create_partitions::answer).await,
        ApiKey::DeleteRecords => aside(context, asked, delete_records::answer).await,
        ApiKey::DescribeConfigs => describe_configs::answer(context, asked),
        ApiKey::AlterConfigs => aside(context, asked, alter_configs::replace).await,
        ApiKey::IncrementalAlterConfigs => aside(context, asked, alter_configs::change).await,
        ApiKey::DescribeCluster => describe_cluster::answer(context, asked),
        ApiKey::DescribeLogDirs => aside(context, asked, describe_log_dirs::answer).await,
        ApiKey::OffsetForLeaderEpoch => leader_epochs::answer(context, asked),
        ApiKey::FindCoordinator => groups::find(context, asked),
        ApiKey::JoinGroup => groups::join(context, asked).await,
        ApiKey::SyncGroup => groups::sync(context, asked).await,
        ApiKey::Heartbeat => groups::heartbeat(context, asked),
        ApiKey::LeaveGroup => groups::leave(context, asked),
        ApiKey::OffsetCommit => groups::commit(context, asked),
        ApiKey::OffsetFetch => groups::fetch(context, asked),
        ApiKey::OffsetDelete => groups::delete_offsets(context, asked),
        ApiKey::DescribeGroups => groups::describe(context, asked),
        ApiKey::ListGroups => groups::list(context, asked),
        ApiKey::DeleteGroups => groups::delete(context, asked),
        ApiKey::ConsumerGroupHeartbeat => groups::refuse_next_generation(asked),
        ApiKey::SaslHandshake => sasl::shake_hands(context, asked),
        ApiKey::SaslAuthenticate => sasl::authenticate(context, asked).await,
        ApiKey::DescribeAcls => acls::describe(context, asked),
        ApiKey::CreateAcls => acls::create(context, asked),
        ApiKey::DeleteAcls => acls::delete(context, asked),
        ApiKey::DescribeClientQuotas => client_quotas::answer(context, asked),
        _ => Err(Refused::Key(number)),
    }
}

/// Answers what waits for the disk or for others who change topics, on a thread where nobody else waits for it. The connection
/// takes its next request afterwards, as with Kafka.
async fn aside(context: &Context, asked: Asked, handler: Handler) -> Result<Answer, Refused> {
    let context = context.clone();
    on_thread(move || handler(&context, asked)).await?
}

/// Does something on a thread that may wait.
async fn on_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Refused> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Refused::Broken(error.to_string()))
}

/// Whether a frame has the shape of such a request, so that it may be decoded; returns where in it the message is.
///
/// What comes behind the message is nothing to us, nor to Kafka: librdkafka 2.16 asks for all topics with three bytes too many.
fn check(key: ApiKey, version: i16, frame: &[u8]) -> Result<Range<usize>, Refused> {
    let shape = shape::of(key).ok_or(Refused::Key(key as i16))?;
    let bad = |error| malformed(key, &error);
    let header_version = key.request_header_version(version);
    let start = shape::check_header(header_version, frame).map_err(bad)?;
    let len_bytes = shape::check(shape, version, &frame[start..]).map_err(bad)?;
    Ok(start..start + len_bytes)
}

/// For the fuzzer: the number, the version and the message of a frame that may be decoded.
#[cfg(fuzzing)]
pub fn checked(frame: &[u8]) -> Option<(i16, i16, &[u8])> {
    let [a, b, c, d, ..] = *frame.first_chunk::<8>()?;
    let (number, version) = (i16::from_be_bytes([a, b]), i16::from_be_bytes([c, d]));
    let key = ApiKey::try_from(number).ok()?;
    let (first, last) = shape::of(key)?.versions;
    // The version of the header is known of these alone.
    if !(first..=last).contains(&version) {
        return None;
    }
    let message = check(key, version, frame).ok()?;
    Some((number, version, &frame[message]))
}

impl Asked {
    /// Reads the message, whose shape was checked.
    pub(crate) fn read<R: Request>(&mut self) -> Result<R, Refused> {
        let key = ApiKey::try_from(R::KEY).expect("it is one of theirs");
        let request = R::decode(&mut self.body, self.version);
        request.map_err(|error| malformed(key, &error))
    }

    /// Writes the answer to it.
    pub(crate) fn reply<R: Request>(&self, response: &R::Response) -> Result<Answer, Refused> {
        encode::<R>(self.version, self.correlation_id, response).map(Answer::Ready)
    }
}

/// A whole answer, but for its length.
///
/// # Errors
/// [`Refused::Answer`] if it says something that this version has no field for, which is a mistake of ours.
pub(crate) fn encode<R: Request>(
    version: i16,
    correlation_id: i32,
    response: &R::Response,
) -> Result<Parts, Refused> {
    let mut bytes = BytesMut::with_capacity(256);
    push_header(
        &mut bytes,
        R::Response::header_version(version),
        correlation_id,
    );
    let encoded = response.encode(&mut bytes, version);
    encoded.map_err(|error| Refused::Answer {
        key: ApiKey::try_from(R::KEY).expect("it is one of theirs"),
        version,
        reason: error.to_string(),
    })?;
    Ok(vec![Part::Bytes(bytes.freeze())])
}

/// Writes the header of an answer.
pub(crate) fn push_header(bytes: &mut BytesMut, header_version: i16, correlation_id: i32) {
    let header = ResponseHeader::default().with_correlation_id(correlation_id);
    header
        .encode(bytes, header_version)
        .expect("headers fit every version");
}

fn correlation_id(head: &[u8; 8]) -> i32 {
    let [.., a, b, c, d] = *head;
    i32::from_be_bytes([a, b, c, d])
}

fn malformed(key: ApiKey, error: &impl std::fmt::Display) -> Refused {
    Refused::Malformed {
        key,
        reason: error.to_string(),
    }
}

/// An error, and what there is to say about it.
pub(crate) type Said = (ResponseError, Option<String>);

pub(crate) fn said(error: Error) -> Said {
    (code(&error), Some(error.to_string()))
}

/// What there is to say as a client is told it. What it repeats of a request may be longer than a string of an old answer can be.
pub(crate) fn told(message: Option<String>) -> Option<StrBytes> {
    message.map(|it| StrBytes::from_string(cut(it, SAID_BYTES_MAX)))
}

/// Kafka's number for what went wrong.
pub(crate) fn code(error: &Error) -> ResponseError {
    use crate::batch::{BadBatch, BadKeys};
    use crate::log::BadSequence;
    match error {
        Error::BadBatch(BadBatch::Count { .. } | BadBatch::Magic(_)) => {
            ResponseError::InvalidRecord
        }
        Error::BadBatch(BadBatch::Codec(_)) => ResponseError::UnsupportedCompressionType,
        Error::BadBatch(_) => ResponseError::CorruptMessage,
        Error::BadKeys(BadKeys::TooLong(_)) | Error::TooLong(_) | Error::TooLarge { .. } => {
            ResponseError::MessageTooLarge
        }
        Error::BadKeys(_) => ResponseError::InvalidRecord,
        Error::Sequence(BadSequence::OutOfOrder { .. }) => ResponseError::OutOfOrderSequenceNumber,
        Error::Sequence(BadSequence::Epoch { .. }) => ResponseError::InvalidProducerEpoch,
        Error::OffsetOutOfRange { .. } => ResponseError::OffsetOutOfRange,
        Error::TopicExists(_) => ResponseError::TopicAlreadyExists,
        Error::UnknownTopic(_) | Error::Deleted { .. } => ResponseError::UnknownTopicOrPartition,
        Error::Growth { .. } => ResponseError::InvalidPartitions,
        Error::BadName(_) => ResponseError::InvalidTopicException,
        Error::BadSetting(_) => ResponseError::InvalidConfig,
        Error::ForeignProducer(_) => ResponseError::InvalidProducerIdMapping,
        Error::Io { .. }
        | Error::Damaged { .. }
        | Error::Pack { .. }
        | Error::DeadLetters { .. }
        | Error::Poisoned { .. }
        | Error::InUse { .. }
        | Error::Listen { .. }
        | Error::Exposed { .. }
        | Error::Certificate { .. }
        | Error::NoCertificate { .. }
        | Error::WithoutTls
        | Error::Closed
        | Error::Ended
        | Error::BadUser { .. }
        | Error::BadPassword { .. }
        | Error::Grants { .. }
        | Error::GrantsForNobody
        | Error::WithoutRing
        | Error::Ring { .. } => ResponseError::KafkaStorageError,
    }
}

/// Writes the length of what follows in a flexible message, which counts from 1; 0 is null.
pub(crate) fn put_compact_length(bytes: &mut BytesMut, length: usize) {
    let mut rest = length as u64 + 1;
    while rest >= 0x80 {
        bytes.put_u8(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.put_u8(rest as u8);
}
