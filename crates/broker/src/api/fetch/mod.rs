//! `Fetch`: batches from an offset on, at once or when there are enough of them.
//!
//! The answer is our own: small pieces of bytes for what the protocol says of each partition, and between them batches from memory
//! and ranges of files, neither of which is copied. What a client does not say anew each time is in its [session].

mod count;
mod session;

use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::{FetchRequest, FetchResponse};
use kafka_protocol::protocol::HeaderVersion;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::{Answer, Asked, Context, Part, Parts, Refused, code, push_header, put_compact_length};
use crate::Error;
use crate::access::Action;
use crate::log::{Fetched, Log};
use crate::quotas::Direction;
use crate::topics::Topic;
pub(crate) use session::Sessions;
use session::Wanted;

/// From here on messages are flexible: lengths are variable, and tags follow.
const FLEXIBLE: i16 = 12;

/// From here on topics are named by their ids.
const TOPIC_IDS: i16 = 13;

/// No answer is longer, whatever was asked for: it must fit its own length.
const ANSWER_BYTES_MAX: i64 = 1 << 30;

/// What was found in a partition.
struct Found {
    wanted: Wanted,
    error: Option<ResponseError>,
    readable_offset: i64,
    start_offset: i64,
    fetched: Fetched,
}

/// How much an answer may have.
struct Limits {
    min_bytes: u64,
    max_bytes: i64,
    version: i16,
}

pub(super) async fn answer(context: &Context, mut asked: Asked) -> Result<Answer, Refused> {
    let request: FetchRequest = asked.read()?;
    let patience = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
    let deadline = Instant::now() + patience;
    let limits = Limits {
        min_bytes: u64::try_from(request.min_bytes).unwrap_or(0),
        max_bytes: i64::from(request.max_bytes).clamp(0, ANSWER_BYTES_MAX),
        version: asked.version,
    };
    let turn = match context.sessions().begin(request) {
        Ok(turn) => turn,
        Err(error) => return Ok(Answer::Ready(encode(&asked, 0, 0, Some(error), &[]))),
    };
    let mut logs = subscribed(context, &turn.wanted, asked.version);
    let mut found = loop {
        if logs.logs.iter().any(|it| it.is_deleted()) {
            // There may be others of the same names already.
            logs = subscribed(context, &turn.wanted, asked.version);
        }
        let found = find(context, &turn.wanted, &limits);
        let bytes: u64 = found.iter().map(Found::len_bytes).sum();
        let has_error = found.iter().any(|it| it.error.is_some());
        if bytes >= limits.min_bytes || has_error || Instant::now() >= deadline {
            break found;
        }
        logs.flush_dirty(context);
        // Late or not, what there is then is the answer.
        let _ = tokio::time::timeout_at(deadline, logs.reader.notified()).await;
    };
    drop(logs);
    if turn.session_id != 0 {
        let mut sessions = context.sessions();
        found.retain(|it| {
            let told = (it.readable_offset, it.start_offset);
            let is_new = sessions.tell(&it.wanted, it.len_bytes() > 0, told);
            is_new || it.error.is_some() || !turn.is_incremental
        });
    }
    note(context, &found, asked.version);
    let len_bytes = found.iter().map(Found::len_bytes).sum();
    let throttle_ms = context.throttle(Direction::Fetch, &asked, len_bytes);
    let parts = encode(&asked, throttle_ms, turn.session_id, None, &found);
    Ok(Answer::Ready(parts))
}

/// Counts what is sent.
fn note(context: &Context, found: &[Found], version: i16) {
    for found in found.iter().filter(|it| it.len_bytes() > 0) {
        if let Some(topic) = topic(context, &found.wanted, version) {
            let asked = &found.wanted.partition;
            let log = topic.partition(asked.partition);
            let records = log.map_or(0, |it| {
                count::records(&it, asked.fetch_offset, &found.fetched)
            });
            topic.traffic.note_out(records, found.len_bytes());
        }
    }
}

/// The partitions that somebody waits for; nobody does any more when this is dropped.
struct Subscribed {
    reader: Arc<Notify>,
    logs: Vec<Arc<Log>>,
}

impl Subscribed {
    /// What was appended and is not durable cannot be read; since somebody waits for it, it is flushed now.
    fn flush_dirty(&self, context: &Context) {
        for log in &self.logs {
            if log.readable_offset() < log.end_offset() {
                context.broker.flusher.request(log);
            }
        }
    }
}

impl Drop for Subscribed {
    fn drop(&mut self) {
        for log in &self.logs {
            log.unsubscribe(&self.reader);
        }
    }
}

fn subscribed(context: &Context, wanted: &[Wanted], version: i16) -> Subscribed {
    let reader = Arc::new(Notify::new());
    let logs = wanted.iter().filter_map(|wanted| {
        let topic = topic(context, wanted, version)?;
        let topic = context.sees(Action::Read(topic.name())).then_some(topic)?;
        topic.partition(wanted.partition.partition)
    });
    let logs: Vec<_> = logs.collect();
    for log in &logs {
        log.subscribe(&reader);
    }
    Subscribed { reader, logs }
}

fn topic(context: &Context, wanted: &Wanted, version: i16) -> Option<Arc<Topic>> {
    match version >= TOPIC_IDS {
        true => context.broker.topics.topic_of_id(wanted.topic_id),
        false => context.broker.topics.topic(&wanted.topic),
    }
}

/// The same, if the client may read it; of what it may not even see it learns nothing.
fn readable(context: &Context, wanted: &Wanted, version: i16) -> Result<Arc<Topic>, ResponseError> {
    if version < TOPIC_IDS {
        return context.topic(Action::Read(&wanted.topic));
    }
    let topic = context.broker.topics.topic_of_id(wanted.topic_id);
    let topic = topic.filter(|it| context.sees(Action::Describe(it.name())));
    let topic = topic.ok_or(ResponseError::UnknownTopicId)?;
    match context.may(Action::Read(topic.name())) {
        true => Ok(topic),
        false => Err(ResponseError::TopicAuthorizationFailed),
    }
}

fn find(context: &Context, wanted: &[Wanted], limits: &Limits) -> Vec<Found> {
    let mut left = limits.max_bytes;
    let mut is_first = true;
    let mut found = Vec::with_capacity(wanted.len());
    for wanted in wanted {
        let topic = readable(context, wanted, limits.version);
        let log = topic.map(|it| it.partition(wanted.partition.partition));
        let partition = match log {
            Ok(Some(log)) => find_partition(&log, wanted, left, is_first),
            Ok(None) => Found::error(wanted, ResponseError::UnknownTopicOrPartition),
            Err(error) => Found::error(wanted, error),
        };
        let len_bytes = partition.len_bytes();
        is_first &= len_bytes == 0;
        left = left.saturating_sub_unsigned(len_bytes).max(0);
        found.push(partition);
    }
    found
}

fn find_partition(log: &Log, wanted: &Wanted, left: i64, is_first: bool) -> Found {
    let asked = &wanted.partition;
    let limit = left.min(i64::from(asked.partition_max_bytes));
    let fetched = match limit > 0 || is_first {
        true => log.fetch(asked.fetch_offset, u64::try_from(limit).unwrap_or(0)),
        false => Ok(Fetched::Nothing),
    };
    let found = |fetched, error| Found {
        wanted: wanted.clone(),
        error,
        readable_offset: log.readable_offset(),
        start_offset: log.start_offset(),
        fetched,
    };
    match fetched {
        Ok(fetched) => {
            let found = found(fetched, None);
            // At least one batch is sent, so that a consumer gets on whatever its limits are; but only for the first.
            match is_first || found.len_bytes() <= u64::try_from(left).unwrap_or(0) {
                true => found,
                false => Found {
                    fetched: Fetched::Nothing,
                    ..found
                },
            }
        }
        Err(error) => {
            if !matches!(
                error,
                Error::OffsetOutOfRange { .. } | Error::Deleted { .. }
            ) {
                tracing::error!(partition = %log.folder().display(), %error, "cannot be read");
            }
            found(Fetched::Nothing, Some(code(&error)))
        }
    }
}

impl Found {
    fn error(wanted: &Wanted, error: ResponseError) -> Found {
        Found {
            wanted: wanted.clone(),
            error: Some(error),
            readable_offset: -1,
            start_offset: -1,
            fetched: Fetched::Nothing,
        }
    }

    fn is_of_topic(&self, other: &Found) -> bool {
        let (one, other) = (&self.wanted, &other.wanted);
        (one.topic_id, &one.topic) == (other.topic_id, &other.topic)
    }

    fn len_bytes(&self) -> u64 {
        match &self.fetched {
            Fetched::Nothing => 0,
            Fetched::Memory(pieces) => pieces.iter().map(|it| it.len() as u64).sum(),
            Fetched::File(range) => range.len_bytes,
        }
    }
}

/// Writes an answer (Kafka, `FetchResponse.json`): bytes, and batches between them.
struct Writer {
    parts: Parts,
    bytes: BytesMut,
    version: i16,
}

fn encode(
    asked: &Asked,
    throttle_ms: i32,
    session_id: i32,
    error: Option<ResponseError>,
    found: &[Found],
) -> Parts {
    let version = asked.version;
    let mut writer = Writer {
        parts: Parts::new(),
        bytes: BytesMut::with_capacity(256),
        version,
    };
    let header = FetchResponse::header_version(version);
    push_header(&mut writer.bytes, header, asked.correlation_id);
    writer.bytes.put_i32(throttle_ms);
    if version >= 7 {
        writer.bytes.put_i16(error.map_or(0, |it| it.code()));
        writer.bytes.put_i32(session_id);
    }
    let topics = || found.chunk_by(|one, next| one.is_of_topic(next));
    writer.put_length(topics().count());
    for partitions in topics() {
        let wanted = &partitions[0].wanted;
        match version >= TOPIC_IDS {
            true => writer.bytes.put_slice(wanted.topic_id.as_bytes()),
            false => writer.put_name(&wanted.topic),
        }
        writer.put_length(partitions.len());
        for partition in partitions {
            writer.put_partition(partition);
        }
        writer.put_tags();
    }
    writer.put_tags();
    writer.finish()
}

impl Writer {
    fn put_partition(&mut self, found: &Found) {
        self.bytes.put_i32(found.wanted.partition.partition);
        self.bytes.put_i16(found.error.map_or(0, |it| it.code()));
        self.bytes.put_i64(found.readable_offset);
        // The last stable offset: there are no transactions, so it is the same.
        self.bytes.put_i64(found.readable_offset);
        if self.version >= 5 {
            self.bytes.put_i64(found.start_offset);
        }
        // No transaction was aborted.
        self.put_length(0);
        if self.version >= 11 {
            // Any replica may be read from: there is one.
            self.bytes.put_i32(-1);
        }
        let len_bytes = found.len_bytes() as usize;
        self.put_length(len_bytes);
        match &found.fetched {
            Fetched::Nothing => {}
            Fetched::Memory(pieces) => {
                for piece in pieces {
                    self.push(Part::Bytes(piece.clone()));
                }
            }
            Fetched::File(range) => self.push(Part::File(range.clone())),
        }
        self.put_tags();
    }

    fn put_length(&mut self, length: usize) {
        match self.version >= FLEXIBLE {
            true => put_compact_length(&mut self.bytes, length),
            false => self.bytes.put_i32(length as i32),
        }
    }

    fn put_name(&mut self, name: &str) {
        match self.version >= FLEXIBLE {
            true => put_compact_length(&mut self.bytes, name.len()),
            false => self.bytes.put_i16(name.len() as i16),
        }
        self.bytes.put_slice(name.as_bytes());
    }

    /// There are none.
    fn put_tags(&mut self) {
        if self.version >= FLEXIBLE {
            self.bytes.put_u8(0);
        }
    }

    fn push(&mut self, part: Part) {
        let bytes: Bytes = self.bytes.split().freeze();
        if !bytes.is_empty() {
            self.parts.push(Part::Bytes(bytes));
        }
        self.parts.push(part);
    }

    fn finish(mut self) -> Parts {
        self.parts.push(Part::Bytes(self.bytes.freeze()));
        self.parts
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::TopicName;
    use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
    use kafka_protocol::protocol::{Decodable, StrBytes};

    use super::*;
    use crate::api::tests::{Trial, batch, flatten, frame_of};
    use crate::topics::Settings;

    const PATIENCE: Duration = Duration::from_secs(20);

    /// What a consumer gets that waits for the first record while `meanwhile` happens: an error, and how many bytes.
    fn wait(trial: &Trial, meanwhile: impl FnOnce()) -> (i16, usize) {
        let partition = FetchPartition::default().with_partition_max_bytes(1000);
        let topic = FetchTopic::default()
            .with_topic(TopicName(StrBytes::from_static_str("topic")))
            .with_partitions(vec![partition]);
        let request = FetchRequest::default()
            .with_max_wait_ms(PATIENCE.as_millis() as i32)
            .with_min_bytes(1)
            .with_max_bytes(1000)
            .with_session_epoch(-1)
            .with_topics(vec![topic]);
        let began = Instant::now();
        let answered = trial.runtime.block_on(async {
            let waiting = super::super::answer(&trial.context, frame_of(&request, 7));
            tokio::pin!(waiting);
            let early = tokio::time::timeout(Duration::from_millis(20), &mut waiting).await;
            assert!(early.is_err(), "there is nothing yet");
            meanwhile();
            waiting.await
        });
        assert!(began.elapsed() < PATIENCE, "nobody woke it");
        let Ok(Answer::Ready(parts)) = answered else {
            panic!("it is answered");
        };
        let mut bytes = flatten(&parts).split_off(4);
        let response = FetchResponse::decode(&mut bytes, 7).expect("it can be read");
        let partition = &response.responses[0].partitions[0];
        let len_bytes = partition.records.as_ref().map_or(0, |it| it.len());
        (partition.error_code, len_bytes)
    }

    #[test]
    fn who_waits_for_a_topic_that_goes_is_told() {
        let trial = Trial::new();
        let topics = &trial.context.broker.topics;
        let told = wait(&trial, || topics.delete("topic").expect("it is deleted"));
        assert_eq!(told, (ResponseError::UnknownTopicOrPartition.code(), 0));
    }

    #[test]
    fn who_waits_for_a_topic_that_is_made_anew_reads_the_new_one() {
        let trial = Trial::new();
        let topics = &trial.context.broker.topics;
        let appending = std::cell::Cell::new(None);
        let told = wait(&trial, || {
            topics.delete("topic").expect("it is deleted");
            let made = topics.create("topic", 1, Settings::default());
            let log = made.expect("it is made").partition(0).expect("it is there");
            appending.set(Some(std::thread::spawn(move || {
                // When it waits again, as a rule.
                std::thread::sleep(Duration::from_millis(50));
                log.append(batch(), 0, 5).expect("it is appended");
                log.flush().expect("it is durable");
            })));
        });
        assert_eq!(told, (0, batch().len()));
        let appending = appending.take().expect("it was begun");
        appending.join().expect("it ends");
    }
}
