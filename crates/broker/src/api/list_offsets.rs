//! `ListOffsets`: the first offset, the next one, or the first of a time.

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::{ListOffsetsRequest, ListOffsetsResponse};

use super::{Answer, Asked, Context, Refused, code};
use crate::Result;
use crate::log::Log;

/// Times that are no times (Kafka, `ListOffsetsRequest`).
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;

pub(super) fn answer(context: &Context, mut asked: Asked) -> Result<Answer, Refused> {
    let request: ListOffsetsRequest = asked.read()?;
    // Older versions have no field for the epoch of the leader, which never changes.
    let leader_epoch = if asked.version >= 4 { 0 } else { -1 };
    let topics = request.topics.into_iter().map(|asked| {
        let topic = context.broker.topics.topic(&asked.name);
        let partitions = asked.partitions.into_iter().map(|partition| {
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
            .with_name(asked.name)
            .with_partitions(partitions)
    });
    let response = ListOffsetsResponse::default().with_topics(topics.collect());
    asked.reply::<ListOffsetsRequest>(&response)
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
