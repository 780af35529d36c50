//! `ListOffsets`: the first offset, the next one, or the first of a time.

use std::time::Duration;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::list_offsets_request::ListOffsetsTopic;
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::{ListOffsetsRequest, ListOffsetsResponse};

use tokio::time::Instant;

use super::{Answer, Asked, Context, Refused, code, on_thread};
use crate::Result;
use crate::log::Log;

/// Times that are no times (Kafka, `ListOffsetsRequest`).
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;

/// No answer waits longer for a disk.
const FLUSH_PATIENCE: Duration = Duration::from_secs(1);

pub(super) async fn answer(context: &Context, mut asked: Asked) -> Result<Answer, Refused> {
    let request: ListOffsetsRequest = asked.read()?;
    flush_dirty(context, &request).await;
    match request.topics.iter().any(looks_for_time) {
        true => {
            let context = context.clone();
            on_thread(move || find_all(&context, &asked, request)).await?
        }
        false => find_all(context, &asked, request),
    }
}

/// Whether files are read for it.
fn looks_for_time(topic: &ListOffsetsTopic) -> bool {
    let mut partitions = topic.partitions.iter();
    partitions.any(|it| !matches!(it.timestamp, LATEST | EARLIEST))
}

fn find_all(
    context: &Context,
    asked: &Asked,
    request: ListOffsetsRequest,
) -> Result<Answer, Refused> {
    // Older versions have no field for the epoch of the leader, which never changes.
    let leader_epoch = if asked.version >= 4 { 0 } else { -1 };
    let topics = request.topics.into_iter().map(|named| {
        let topic = context.broker.topics.topic(&named.name);
        let partitions = named.partitions.into_iter().map(|partition| {
            let index = partition.partition_index;
            let log = topic.as_ref().and_then(|it| it.partition(index));
            let found = match log {
                Some(log) => find(&log, partition.timestamp).map_err(|it| code(&it)),
                None => Err(ResponseError::UnknownTopicOrPartition),
            };
            let response = ListOffsetsPartitionResponse::default().with_partition_index(index);
            match found {
                Ok((offset, timestamp)) => response
                    .with_offset(offset)
                    .with_timestamp(timestamp)
                    .with_leader_epoch(leader_epoch),
                Err(error) => response
                    .with_error_code(error.code())
                    .with_offset(-1)
                    .with_timestamp(-1),
            }
        });
        let partitions = partitions.collect();
        ListOffsetsTopicResponse::default()
            .with_name(named.name)
            .with_partitions(partitions)
    });
    let response = ListOffsetsResponse::default().with_topics(topics.collect());
    asked.reply::<ListOffsetsRequest>(&response)
}

/// Who asks for the end expects what was acknowledged to be before it, also if nobody waited until it is durable.
async fn flush_dirty(context: &Context, request: &ListOffsetsRequest) {
    let mut dirty = Vec::new();
    for asked in &request.topics {
        let Some(topic) = context.broker.topics.topic(&asked.name) else {
            continue;
        };
        let latest = asked.partitions.iter().filter(|it| it.timestamp == LATEST);
        let logs = latest.filter_map(|it| topic.partition(it.partition_index));
        dirty.extend(logs.filter(|it| it.readable_offset() < it.end_offset()));
    }
    for log in &dirty {
        context.broker.flusher.request(log);
    }
    let deadline = Instant::now() + FLUSH_PATIENCE;
    for log in dirty {
        // Late or failed: what can be read then is the answer.
        let _ = tokio::time::timeout_at(deadline, log.until_durable(log.end_offset())).await;
    }
}

/// An offset and its time; -1 where there is none.
fn find(log: &Log, timestamp: i64) -> Result<(i64, i64)> {
    match timestamp {
        LATEST => Ok((log.readable_offset(), -1)),
        EARLIEST => Ok((log.start_offset(), -1)),
        MAX_TIMESTAMP => {
            let latest = log.max_timestamp();
            match latest >= 0 {
                true => find_time(log, latest),
                false => Ok((-1, -1)),
            }
        }
        _ => find_time(log, timestamp),
    }
}

fn find_time(log: &Log, timestamp: i64) -> Result<(i64, i64)> {
    let found = log.find_time(timestamp)?;
    Ok(found.unwrap_or((-1, -1)))
}
