//! `Produce`: appends batches, and answers when they are as safe as was asked for.
//!
//! `acks` says when: 0, never, but the connection is closed if something was not appended; 1, when they are written; -1 (`all`), when they are on stable storage, or written, if the topic's
//! `write.caching` says that this is enough. All batches of a request are appended before anything is waited for, and the next
//! request of the connection may be begun meanwhile.
//!
//! Batches of topics with a contract go through their gate first, all of a request at the same time (`gated.rs`); their dead letters
//! are durable before anybody is answered, whatever `acks` says.

mod gated;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::{
    BatchIndexAndErrorMessage, PartitionProduceResponse, TopicProduceResponse,
};
use kafka_protocol::messages::{ApiKey, ProduceRequest, ProduceResponse};
use kafka_protocol::protocol::StrBytes;

use gated::AllBegun;

use super::{Answer, Asked, Context, Refused, code, encode, on_thread};
use crate::access::Action;
use crate::batch::{BadBatch, BadKeys, Header, held_bytes_max, split};
use crate::broker::now_ms;
use crate::log::{Appended, Checked, DEAD_LETTERS_FROM, Log, Visibility};
use crate::quotas::Direction;
use crate::topics::Topic;
use crate::unpacking::Effort;
use crate::{Error, Result};

/// A request may have so many batches of one size before they are copied out of it.
const REQUEST_BATCHES_MAX: usize = 4;

/// What one answer tells of single records may have so many bytes: there may be many bad ones in few bytes.
const NAMED_BYTES_MAX: usize = 64 << 10;

/// From this version on answers can tell it.
const NAMES_FROM: i16 = 8;

/// How safe a batch is to be before it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Acks {
    Nobody,
    Written,
    Durable,
}

/// What is still to be waited for.
struct Waiting {
    log: Arc<Log>,
    next_offset: i64,
    /// Where its answer is: of which topic, and which of its partitions.
    place: (usize, usize),
}

/// A topic that a request names, or why nothing is appended to it.
type Found = Result<Arc<Topic>, ResponseError>;

/// What a request has under way.
struct Pending {
    acks: Option<Acks>,
    /// Batches that are on their way through a gate.
    begun: AllBegun,
    waiting: Vec<Waiting>,
    /// What is left for texts about single records.
    named_bytes_left: usize,
}

pub(super) async fn answer(context: &Context, mut asked: Asked) -> Result<Answer, Refused> {
    let request_bytes = asked.body.len();
    let mut request: ProduceRequest = asked.read()?;
    detach(&mut request, request_bytes);
    let acks = match request.acks {
        0 => Some(Acks::Nobody),
        1 => Some(Acks::Written),
        -1 => Some(Acks::Durable),
        _ => None,
    };
    let named = request.topic_data.iter();
    let found = named.map(|it| context.topic(Action::Write(&it.name)));
    let found: Vec<_> = found.collect();
    let named_bytes_left = match asked.version {
        NAMES_FROM.. if acks != Some(Acks::Nobody) => NAMED_BYTES_MAX,
        _ => 0,
    };
    let mut pending = Pending {
        acks,
        begun: gated::begin(context, &request, &found, acks, named_bytes_left),
        waiting: Vec::new(),
        named_bytes_left,
    };
    let mut topics = Vec::with_capacity(request.topic_data.len());
    for (data, topic) in request.topic_data.into_iter().zip(found) {
        let at = topics.len();
        topics.push(append_topic(context, data, topic, at, &mut pending).await);
    }
    let waiting = pending.waiting;
    let throttle_ms = context.throttle(Direction::Produce, &asked, request_bytes as u64);
    let mut response = ProduceResponse::default()
        .with_responses(topics)
        .with_throttle_time_ms(throttle_ms);
    if acks == Some(Acks::Nobody) {
        return answer_nobody(&response);
    }
    if waiting.is_empty() {
        return asked.reply::<ProduceRequest>(&response);
    }
    let timeout = Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0));
    let (version, correlation_id) = (asked.version, asked.correlation_id);
    Ok(Answer::Later(Box::pin(async move {
        let deadline = tokio::time::Instant::now() + timeout;
        for one in waiting {
            let waited =
                tokio::time::timeout_at(deadline, one.log.until_durable(one.next_offset)).await;
            let error = match waited {
                Ok(Ok(())) => continue,
                Ok(Err(error)) => code(&error),
                Err(_) => ResponseError::RequestTimedOut,
            };
            let (topic, partition) = one.place;
            let place = &mut response.responses[topic].partition_responses[partition];
            place.error_code = error.code();
            place.base_offset = -1;
        }
        encode::<ProduceRequest>(version, correlation_id, &response)
    })))
}

/// Who asked for no answer learns of an error by the end of its connection, as with Kafka: it then asks who leads the partitions.
fn answer_nobody(response: &ProduceResponse) -> Result<Answer, Refused> {
    let topics = response.responses.iter();
    let mut partitions = topics.flat_map(|it| &it.partition_responses);
    let error = partitions.find_map(|it| ResponseError::try_from_code(it.error_code));
    match error {
        None => Ok(Answer::Nothing),
        Some(error) => Err(Refused::Unanswered {
            key: ApiKey::Produce,
            error,
        }),
    }
}

async fn append_topic(
    context: &Context,
    data: TopicProduceData,
    topic: Found,
    at: usize,
    pending: &mut Pending,
) -> TopicProduceResponse {
    let mut partitions = Vec::with_capacity(data.partition_data.len());
    for partition in data.partition_data {
        let place = (at, partitions.len());
        partitions.push(append_partition(context, &topic, partition, place, pending).await);
    }
    TopicProduceResponse::default()
        .with_name(data.name)
        .with_topic_id(data.topic_id)
        .with_partition_responses(partitions)
}

async fn append_partition(
    context: &Context,
    topic: &Found,
    data: PartitionProduceData,
    place: (usize, usize),
    pending: &mut Pending,
) -> PartitionProduceResponse {
    let response = PartitionProduceResponse::default().with_index(data.index);
    let len_bytes = data.records.as_ref().map_or(0, |it| it.len() as u64);
    let begun = pending.begun.pop_front().flatten();
    let is_gated = begun.is_some();
    let log = match &begun {
        Some(begun) => Some(begun.log.clone()),
        None => topic.as_ref().ok().and_then(|it| it.partition(data.index)),
    };
    let appended = match (pending.acks, topic, &log, begun) {
        (_, Err(error), ..) => Err((*error).into()),
        (None, ..) => Err(ResponseError::InvalidRequiredAcks.into()),
        (_, _, None, _) => Err(ResponseError::UnknownTopicOrPartition.into()),
        (Some(_), _, Some(_), Some(begun)) => {
            // In a box, as is what else few requests need.
            let admitted = Box::pin(begun.finish()).await;
            admitted.map(|it| {
                pending.wait_for_letters(context, it.letters, place);
                it.appended
            })
        }
        (Some(_), _, Some(log), None) => append(context, log, data).await,
    };
    if let Ok(topic) = topic {
        let appended = appended.as_ref().map(|it| {
            let records = (it.next_offset - it.base_offset).unsigned_abs();
            // What went through a gate was counted there.
            (!it.is_duplicate && !is_gated).then_some((records, len_bytes))
        });
        note(context, topic, appended.ok());
    }
    match appended {
        Ok(appended) => {
            let log = log.expect("something was appended to it");
            if let Some(next_offset) = after_append(context, &log, pending.acks, &appended) {
                pending.waiting.push(Waiting {
                    log: log.clone(),
                    next_offset,
                    place,
                });
            }
            response
                .with_base_offset(appended.base_offset)
                .with_log_append_time_ms(appended.append_time.unwrap_or(-1))
                .with_log_start_offset(log.start_offset())
        }
        Err(failed) => response
            .with_error_code(failed.code.code())
            .with_base_offset(-1)
            .with_log_append_time_ms(-1)
            .with_record_errors(pending.fitting(failed.records))
            .with_error_message(failed.message.map(StrBytes::from_string)),
    }
}

impl Pending {
    /// Of what there is to tell of records the first that fit.
    fn fitting(
        &mut self,
        mut records: Vec<BatchIndexAndErrorMessage>,
    ) -> Vec<BatchIndexAndErrorMessage> {
        let texts = records.iter().map(|it| {
            let text = it.batch_index_error_message.as_ref();
            text.map_or(0, |it| it.len())
        });
        let mut room = Some(self.named_bytes_left);
        let count = texts.map_while(|len_bytes| {
            room = room?.checked_sub(len_bytes);
            room.inspect(|left| self.named_bytes_left = *left)
        });
        let count = count.count();
        if count < records.len() {
            self.named_bytes_left = 0;
        }
        records.truncate(count);
        records
    }

    /// Dead letters are durable before their producer is told anything.
    fn wait_for_letters(
        &mut self,
        context: &Context,
        letters: Option<(Arc<Log>, i64)>,
        place: (usize, usize),
    ) {
        let Some((log, next_offset)) = letters else {
            return;
        };
        if log.durable_offset() < next_offset {
            context.broker.flusher.request(&log);
            self.waiting.push(Waiting {
                log,
                next_offset,
                place,
            });
        }
    }
}

/// Counts a batch: its records and bytes, unless it was there or counted already; `None`: it was refused.
fn note(context: &Context, topic: &Topic, appended: Option<Option<(u64, u64)>>) {
    match appended {
        Some(Some((records, bytes))) => {
            topic.traffic.note_in(records, bytes);
            context.broker.metrics.note_batch(records, bytes);
        }
        Some(None) => {}
        None => topic.traffic.note_refused(),
    }
}

/// Sees to it that what was appended becomes durable; returns the offset to wait for, if somebody waits.
fn after_append(
    context: &Context,
    log: &Arc<Log>,
    acks: Option<Acks>,
    appended: &Appended,
) -> Option<i64> {
    let config = log.config();
    let is_durable = config.visibility == Visibility::Durable;
    let is_full = log.end_offset() - log.durable_offset() >= config.flush_messages;
    if is_full || (acks == Some(Acks::Durable) && is_durable) {
        if log.durable_offset() < appended.next_offset {
            context.broker.flusher.request(log);
        }
        return Some(appended.next_offset);
    }
    match is_durable && log.has_readers() {
        true => context.broker.flusher.request(log),
        false => context.broker.flusher.request_in_time(log),
    }
    None
}

/// Why a batch was not appended, as clients are told.
struct Failed {
    code: ResponseError,
    message: Option<String>,
    /// The records it was for, if it was for some.
    records: Vec<BatchIndexAndErrorMessage>,
}

impl Failed {
    fn invalid(message: &str) -> Failed {
        Failed {
            message: Some(message.to_owned()),
            ..ResponseError::InvalidRecord.into()
        }
    }
}

impl From<ResponseError> for Failed {
    fn from(code: ResponseError) -> Failed {
        Failed {
            code,
            message: None,
            records: Vec::new(),
        }
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Failed {
        let records = match &error {
            Error::BadKeys(BadKeys::Missing(indexes)) => without_key(indexes),
            _ => Vec::new(),
        };
        Failed {
            code: code(&error),
            message: Some(error.to_string()),
            records,
        }
    }
}

fn without_key(indexes: &[i32]) -> Vec<BatchIndexAndErrorMessage> {
    let message = StrBytes::from_static_str("a compacted topic takes no record without a key");
    let errors = indexes.iter().map(|&index| {
        BatchIndexAndErrorMessage::default()
            .with_batch_index(index)
            .with_batch_index_error_message(Some(message.clone()))
    });
    errors.collect()
}

/// Copies batches that are a small part of their request: what logs keep of them in memory would keep all of it.
fn detach(request: &mut ProduceRequest, request_bytes: usize) {
    let topics = request.topic_data.iter_mut();
    for partition in topics.flat_map(|it| &mut it.partition_data) {
        if let Some(records) = &mut partition.records
            && request_bytes > REQUEST_BATCHES_MAX * records.len()
        {
            *records = Bytes::copy_from_slice(records);
        }
    }
}

async fn append(
    context: &Context,
    log: &Arc<Log>,
    data: PartitionProduceData,
) -> Result<Appended, Failed> {
    let records = data.records.unwrap_or_default();
    let header = one_batch(&records)?;
    let checked = match log.check(&records, Effort::Little) {
        Err(Error::BadKeys(BadKeys::TooLong(_))) => {
            // In a box, since few requests come here, and each connection has room for what it may wait for.
            Box::pin(check_aside(context, log, &header, records)).await
        }
        checked => checked,
    };
    let appended = checked.and_then(|it| log.append_checked(it, 0, now_ms()));
    appended.map_err(|error| {
        tell(log, &error);
        // What a damaged one says of its producer counts for nothing.
        if !matches!(error, Error::BadBatch(_)) {
            log.note_refused(&header);
        }
        error.into()
    })
}

/// The header of the only batch there is, of those that are taken.
fn one_batch(records: &[u8]) -> Result<Header, Failed> {
    let (header, _, rest) = split(records).map_err(Error::from)?;
    if !rest.is_empty() {
        return Err(Failed::invalid("one batch is taken for each partition"));
    }
    if header.is_control() || header.is_transactional() {
        return Err(Failed::invalid("transactions are not served"));
    }
    // A batch under the id of dead letters to come would be taken for them, and they for its repetition.
    if header.producer_id >= DEAD_LETTERS_FROM {
        return Err(Failed::invalid(
            "no producer was given an id from 2^62 on: those are the broker's own",
        ));
    }
    Ok(header)
}

/// Tells whoever looks after the broker of a batch that was refused, if it is for them.
fn tell(log: &Log, error: &Error) {
    if !matches!(
        error,
        Error::BadBatch(BadBatch::Checksum { .. }) | Error::Sequence(_)
    ) {
        tracing::warn!(partition = %log.folder().display(), %error, "batch refused");
    }
}

/// Looks at a batch that takes long to unpack, or much memory, on a thread where nobody waits for it.
async fn check_aside(
    context: &Context,
    log: &Arc<Log>,
    header: &Header,
    records: Bytes,
) -> Result<Checked> {
    let bytes_max = log.config().unpacked_bytes_max();
    let codec = header.codec();
    let held = codec.map_or(0, |it| held_bytes_max(it, records.len(), bytes_max));
    let share = context.broker.unpacking.take(held).await;
    let log = log.clone();
    let checked = on_thread(move || {
        let _share = share;
        log.check(&records, Effort::Whole)
    });
    // It ends before it is done by a mistake of ours alone, or because this is the end.
    checked.await.unwrap_or(Err(Error::Ended))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::tests::{Trial, batch, packed, produce_request};
    use crate::batch::BatchBuilder;
    use crate::batch::codec::Codec;

    /// Sends a batch that is to be written, and no more, with these settings; returns the log.
    fn produce(trial: &Trial, settings: &[(&str, &str)]) -> Arc<Log> {
        let topics = &trial.context.broker.topics;
        let configured = topics.configure("topic", |it| {
            for (name, value) in settings {
                it.set(name, value)?;
            }
            Ok(())
        });
        configured.expect("they are taken");
        let request = produce_request("topic", &[(0, batch())], 1);
        let response = trial.ask(&request, 9);
        assert_eq!(response.responses[0].partition_responses[0].error_code, 0);
        let topic = topics.topic("topic").expect("it is there");
        topic.partition(0).expect("it is there")
    }

    #[test]
    fn so_many_messages_are_durable_before_they_are_answered() {
        let trial = Trial::new();
        let never = [("flush.ms", "9223372036854775807"), ("flush.messages", "3")];
        for (count, durable) in [(1, 0), (2, 0), (3, 3), (4, 3), (5, 3), (6, 6)] {
            let log = produce(&trial, &never);
            assert_eq!((log.end_offset(), log.durable_offset()), (count, durable));
        }
    }

    #[test]
    fn a_compacted_topic_takes_no_record_without_a_key() {
        let trial = Trial::new();
        let topics = &trial.context.broker.topics;
        let compacted = topics.configure("topic", |it| Ok(it.set("cleanup.policy", "compact")?));
        compacted.expect("it is taken");
        let mut batch = BatchBuilder::new(5);
        for key in [Some(&b"key"[..]), None, Some(b"other"), None] {
            batch.push(5, key, None);
        }
        let batch = bytes::Bytes::from(batch.finish());
        for version in 3..=12 {
            let request = produce_request("topic", &[(0, batch.clone())], 1);
            let response = trial.ask(&request, version);
            let refused = &response.responses[0].partition_responses[0];
            assert_eq!(refused.error_code, ResponseError::InvalidRecord.code());
            let named = refused.record_errors.iter().map(|it| it.batch_index);
            let expected = if version >= 8 { vec![1, 3] } else { vec![] };
            assert_eq!(named.collect::<Vec<_>>(), expected, "version {version}");
        }
        let topic = topics.topic("topic").expect("it is there");
        assert_eq!(topic.partition(0).expect("it is there").end_offset(), 0);
    }

    #[test]
    fn nobody_sends_batches_in_the_name_of_dead_letters() {
        let trial = Trial::new();
        for (producer_id, expected) in [
            (DEAD_LETTERS_FROM, ResponseError::InvalidRecord.code()),
            (i64::MAX, ResponseError::InvalidRecord.code()),
            (DEAD_LETTERS_FROM - 1, 0),
        ] {
            let mut builder = BatchBuilder::new(5).producer(producer_id, 0, 0);
            builder.push(5, None, Some(b"a"));
            let records = Bytes::from(builder.finish());
            let request = produce_request("topic", &[(0, records)], 1);
            let response = trial.ask(&request, 9);
            let answered = response.responses[0].partition_responses[0].error_code;
            assert_eq!(answered, expected, "{producer_id}");
        }
        let topic = trial.context.broker.topics.topic("topic");
        let log = topic.and_then(|it| it.partition(0)).expect("it is there");
        assert_eq!(log.end_offset(), 1);
    }

    /// A batch of one record with a key, and so many zeros.
    fn zeros(len_bytes: usize, codec: Codec) -> Bytes {
        let mut builder = BatchBuilder::new(5);
        builder.push(5, Some(b"key"), Some(&vec![0; len_bytes]));
        packed(builder, codec)
    }

    /// What a compacted topic answers.
    async fn compact(context: &Context, records: Bytes) -> Result<(), ResponseError> {
        let topic = context.broker.topics.topic("topic").expect("it is there");
        let log = topic.partition(0).expect("it is there");
        let data = PartitionProduceData::default().with_records(Some(records));
        let appended = append(context, &log, data).await;
        appended.map(|_| ()).map_err(|failed| failed.code)
    }

    #[test]
    fn a_batch_that_bursts_waits_for_memory_and_is_refused() {
        let trial = Trial::new();
        let context = &trial.context;
        let compacted = context.broker.topics.configure("topic", |it| {
            it.set("cleanup.policy", "compact")?;
            Ok(it.set("max.message.bytes", "100000")?)
        });
        compacted.expect("it is taken");
        let limit = 10_000_000;
        // Snappy packs to a twentieth at best, which is too long as it is.
        for codec in [Codec::Gzip, Codec::Lz4, Codec::Zstd] {
            for (len_bytes, expected) in [
                (limit + 1, Err(ResponseError::MessageTooLarge)),
                (limit - 100, Ok(())),
            ] {
                let records = zeros(len_bytes, codec);
                trial.runtime.block_on(async {
                    let all = context.broker.unpacking.take_all().await;
                    let answered = compact(context, records);
                    tokio::pin!(answered);
                    let early = tokio::time::timeout(Duration::ZERO, &mut answered).await;
                    assert!(early.is_err(), "it was unpacked at once: {codec:?}");
                    drop(all);
                    assert_eq!(answered.await, expected, "{codec:?}");
                });
            }
        }
        // What is little is looked at where it came in: its first turn is its last.
        let little = zeros(100_000, Codec::Zstd);
        let answered = trial.runtime.block_on(async {
            tokio::time::timeout(Duration::ZERO, compact(context, little)).await
        });
        assert_eq!(answered.expect("at once"), Ok(()));
    }

    #[test]
    fn what_nobody_waits_for_is_durable_after_a_while() {
        let trial = Trial::new();
        let log = produce(&trial, &[("flush.ms", "9223372036854775807")]);
        assert!(log.is_dirty());
        // A shorter time holds for what is written from now on, and for all that is not durable with it.
        let log = produce(&trial, &[("flush.ms", "20")]);
        let started = std::time::Instant::now();
        while log.is_dirty() {
            assert!(started.elapsed() < Duration::from_secs(20));
            std::thread::sleep(Duration::from_millis(2));
        }
        assert_eq!(log.durable_offset(), 2);
    }
}
