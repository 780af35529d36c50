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
use crate::access::Action;
use crate::batch::UNPACKED_BYTES_MAX;
use crate::log::Log;
use crate::unpacking::Share;
use crate::{Error, Result};

/// Times that are no times (Kafka, `ListOffsetsRequest`).
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;

/// No answer waits longer for a disk.
const FLUSH_PATIENCE: Duration = Duration::from_secs(1);

/// Batches that are longer when unpacked wait until there is memory for it.
const UNPACKED_BYTES: u64 = 1 << 20;

pub(super) async fn answer(context: &Context, mut asked: Asked) -> Result<Answer, Refused> {
    let request: ListOffsetsRequest = asked.read()?;
    flush_dirty(context, &request, FLUSH_PATIENCE).await;
    let response = match request.topics.iter().any(looks_for_time) {
        true => find_aside(context, asked.version, &request).await?,
        false => find_all(context, asked.version, &request, UNPACKED_BYTES_MAX).0,
    };
    asked.reply::<ListOffsetsRequest>(&response)
}

/// Whether files are read for it.
fn looks_for_time(topic: &ListOffsetsTopic) -> bool {
    let mut partitions = topic.partitions.iter();
    partitions.any(|it| !matches!(it.timestamp, LATEST | EARLIEST))
}

/// Looks on a thread that may wait for files; if much is to be unpacked for it, again when there is memory for that.
async fn find_aside(
    context: &Context,
    version: i16,
    request: &ListOffsetsRequest,
) -> Result<ListOffsetsResponse, Refused> {
    let find = |bytes_max, share: Share| {
        let (context, request) = (context.clone(), request.clone());
        on_thread(move || {
            let _share = share;
            find_all(&context, version, &request, bytes_max)
        })
    };
    let (found, is_whole) = find(UNPACKED_BYTES, None).await?;
    if is_whole {
        return Ok(found);
    }
    let share = context.broker.unpacking.take(UNPACKED_BYTES_MAX).await;
    Ok(find(UNPACKED_BYTES_MAX, share).await?.0)
}

/// What is found if so much of a batch is unpacked at most, and whether that is all there is to find.
fn find_all(
    context: &Context,
    version: i16,
    request: &ListOffsetsRequest,
    bytes_max: u64,
) -> (ListOffsetsResponse, bool) {
    // Older versions have no field for the epoch of the leader, which never changes.
    let leader_epoch = if version >= 4 { 0 } else { -1 };
    let mut is_whole = true;
    let topics = request.topics.iter().map(|named| {
        let topic = context.topic(Action::Describe(&named.name));
        let partitions = named.partitions.iter().map(|partition| {
            let index = partition.partition_index;
            let found = match topic.as_ref().map(|it| it.partition(index)) {
                Ok(Some(log)) => {
                    let found = find(&log, partition.timestamp, bytes_max);
                    is_whole &= !matches!(found, Err(Error::TooLong(_)));
                    found.map_err(|error| code(&error))
                }
                Ok(None) => Err(ResponseError::UnknownTopicOrPartition),
                Err(error) => Err(*error),
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
            .with_name(named.name.clone())
            .with_partitions(partitions)
    });
    let topics = topics.collect();
    (ListOffsetsResponse::default().with_topics(topics), is_whole)
}

/// Who asks for the end expects what was acknowledged to be before it, also if nobody waited until it is durable. What is appended
/// after the request came is not waited for.
async fn flush_dirty(context: &Context, request: &ListOffsetsRequest, patience: Duration) {
    let mut dirty = Vec::new();
    for asked in &request.topics {
        let Some(topic) = context.broker.topics.topic(&asked.name) else {
            continue;
        };
        if !context.sees(Action::Describe(&asked.name)) {
            continue;
        }
        let latest = asked.partitions.iter().filter(|it| it.timestamp == LATEST);
        let logs = latest.filter_map(|it| topic.partition(it.partition_index));
        let ends = logs.map(|log| (log.end_offset(), log));
        dirty.extend(ends.filter(|(end, log)| log.readable_offset() < *end));
    }
    for (_, log) in &dirty {
        context.broker.flusher.request(log);
    }
    let deadline = Instant::now() + patience;
    for (end, log) in dirty {
        // Late or failed: what can be read then is the answer.
        let _ = tokio::time::timeout_at(deadline, log.until_durable(end)).await;
    }
}

/// An offset and its time; -1 where there is none.
fn find(log: &Log, timestamp: i64, bytes_max: u64) -> Result<(i64, i64)> {
    match timestamp {
        LATEST => Ok((log.readable_offset(), -1)),
        EARLIEST => Ok((log.start_offset(), -1)),
        MAX_TIMESTAMP => {
            let latest = log.max_timestamp();
            match latest >= 0 {
                true => find_time(log, latest, bytes_max),
                false => Ok((-1, -1)),
            }
        }
        _ => find_time(log, timestamp, bytes_max),
    }
}

fn find_time(log: &Log, timestamp: i64, bytes_max: u64) -> Result<(i64, i64)> {
    let found = log.find_time(timestamp, bytes_max)?;
    Ok(found.unwrap_or((-1, -1)))
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use kafka_protocol::messages::TopicName;
    use kafka_protocol::messages::list_offsets_request::ListOffsetsPartition;
    use kafka_protocol::protocol::StrBytes;
    use tamis_engine::disk;

    use super::*;
    use crate::api::tests::{Trial, batch, packed};
    use crate::batch::BatchBuilder;
    use crate::batch::codec::Codec;
    use crate::disk::Disk;

    /// A disk on which the first partition of a topic is not durable before it may be.
    #[derive(Debug, Default)]
    struct Slow(AtomicBool);

    impl Disk for Slow {
        fn sync(&self, _: &File, path: &Path) -> disk::Result<()> {
            let is_first = path.parent().is_some_and(|it| it.ends_with("topic-0"));
            let began = std::time::Instant::now();
            while is_first && !self.0.load(Ordering::SeqCst) {
                assert!(began.elapsed() < Duration::from_secs(30), "nobody comes");
                std::thread::sleep(Duration::from_millis(1));
            }
            Ok(())
        }

        fn sync_folder(&self, _: &Path) -> disk::Result<()> {
            Ok(())
        }
    }

    fn asked(partitions: &[i32], timestamp: i64) -> ListOffsetsRequest {
        let partitions = partitions.iter().map(|&index| {
            let asked = ListOffsetsPartition::default().with_partition_index(index);
            asked.with_timestamp(timestamp)
        });
        let topic = ListOffsetsTopic::default()
            .with_name(TopicName(StrBytes::from_static_str("topic")))
            .with_partitions(partitions.collect());
        ListOffsetsRequest::default().with_topics(vec![topic])
    }

    #[test]
    fn who_asks_for_the_end_does_not_wait_for_what_comes_later() {
        let disk = Arc::new(Slow::default());
        let trial = Trial::on(disk.clone());
        let topics = &trial.context.broker.topics;
        let topic = topics.topic("topic").expect("it is there");
        let logs = [0, 1].map(|index| topic.partition(index).expect("it is there"));
        let append = |log: &Log| log.append(batch(), 0, 5).expect("it is appended");
        logs.iter()
            .for_each(|log| assert_eq!(append(log).next_offset, 1));
        let request = asked(&[0, 1], LATEST);
        let began = Instant::now();
        let patience = Duration::from_secs(20);
        trial.runtime.block_on(async {
            let flushed = flush_dirty(&trial.context, &request, patience);
            let meanwhile = async {
                while logs[1].is_dirty() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                append(&logs[1]);
                disk.0.store(true, Ordering::SeqCst);
            };
            tokio::join!(flushed, meanwhile);
        });
        assert!(began.elapsed() < patience, "it waited for what came later");
        assert_eq!(logs.map(|it| it.readable_offset()), [1, 1]);
    }

    #[test]
    fn who_looks_into_a_large_batch_waits_for_memory() {
        let trial = Trial::new();
        let context = &trial.context;
        let topic = context.broker.topics.topic("topic").expect("it is there");
        let log = topic.partition(0).expect("it is there");
        let mut builder = BatchBuilder::new(5);
        builder.push(5, None, Some(b"early"));
        builder.push(6, None, Some(&vec![0; 2 << 20]));
        builder.push(9, None, Some(b"later"));
        let appended = log.append(packed(builder, Codec::Zstd), 0, 5);
        appended.expect("it is appended");
        log.flush().expect("it is durable");
        let (early, late) = (asked(&[0], 5), asked(&[0], 7));
        let offset = |found: Result<ListOffsetsResponse, Refused>| {
            let found = found.expect("it is looked for");
            found.topics[0].partitions[0].offset
        };
        trial.runtime.block_on(async {
            let all = context.broker.unpacking.take_all().await;
            // What is found before it is too much is found at once.
            let early = find_aside(context, 1, &early);
            let early = tokio::time::timeout(Duration::from_secs(20), early).await;
            assert_eq!(offset(early.expect("at once")), 0);
            let waiting = find_aside(context, 1, &late);
            tokio::pin!(waiting);
            let early = tokio::time::timeout(Duration::from_millis(50), &mut waiting).await;
            assert!(early.is_err(), "it took memory that was not there");
            drop(all);
            assert_eq!(offset(waiting.await), 2);
        });
    }
}
