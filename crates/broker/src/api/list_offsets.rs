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
use crate::batch::UNPACKED_BYTES_MAX;
use crate::log::Log;
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
                Some(log) => find(context, &log, partition.timestamp).map_err(|it| code(&it)),
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

/// Who asks for the end expects what was acknowledged to be before it, also if nobody waited until it is durable. What is appended
/// after the request came is not waited for.
async fn flush_dirty(context: &Context, request: &ListOffsetsRequest, patience: Duration) {
    let mut dirty = Vec::new();
    for asked in &request.topics {
        let Some(topic) = context.broker.topics.topic(&asked.name) else {
            continue;
        };
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
fn find(context: &Context, log: &Log, timestamp: i64) -> Result<(i64, i64)> {
    match timestamp {
        LATEST => Ok((log.readable_offset(), -1)),
        EARLIEST => Ok((log.start_offset(), -1)),
        MAX_TIMESTAMP => {
            let latest = log.max_timestamp();
            match latest >= 0 {
                true => find_time(context, log, latest),
                false => Ok((-1, -1)),
            }
        }
        _ => find_time(context, log, timestamp),
    }
}

/// Runs on a thread that may wait ([`looks_for_time`]).
fn find_time(context: &Context, log: &Log, timestamp: i64) -> Result<(i64, i64)> {
    let found = match log.find_time(timestamp, UNPACKED_BYTES) {
        Err(Error::TooLong(_)) => {
            let _share = context.broker.unpacking.wait(UNPACKED_BYTES_MAX);
            log.find_time(timestamp, UNPACKED_BYTES_MAX)
        }
        found => found,
    };
    Ok(found?.unwrap_or((-1, -1)))
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

    use super::*;
    use crate::api::tests::{Trial, batch, packed};
    use crate::batch::BatchBuilder;
    use crate::batch::codec::Codec;
    use crate::disk::Disk;

    /// A disk on which the first partition of a topic is not durable before it may be.
    #[derive(Debug, Default)]
    struct Slow(AtomicBool);

    impl Disk for Slow {
        fn sync(&self, _: &File, path: &Path) -> Result<()> {
            let is_first = path.parent().is_some_and(|it| it.ends_with("topic-0"));
            let began = std::time::Instant::now();
            while is_first && !self.0.load(Ordering::SeqCst) {
                assert!(began.elapsed() < Duration::from_secs(30), "nobody comes");
                std::thread::sleep(Duration::from_millis(1));
            }
            Ok(())
        }

        fn sync_folder(&self, _: &Path) -> Result<()> {
            Ok(())
        }
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
        let partitions = [0, 1].map(|index| {
            let asked = ListOffsetsPartition::default().with_partition_index(index);
            asked.with_timestamp(LATEST)
        });
        let topic = ListOffsetsTopic::default()
            .with_name(TopicName(StrBytes::from_static_str("topic")))
            .with_partitions(partitions.into());
        let request = ListOffsetsRequest::default().with_topics(vec![topic]);
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
        trial.runtime.block_on(async {
            let all = context.broker.unpacking.take(u64::MAX).await;
            let find = |timestamp| {
                let (context, log) = (context.clone(), log.clone());
                on_thread(move || find(&context, &log, timestamp).ok())
            };
            // What is found before it is too much is found at once.
            let first = tokio::time::timeout(Duration::from_secs(20), find(5)).await;
            assert_eq!(first.expect("at once").expect("it ends"), Some((0, 5)));
            let waiting = find(7);
            tokio::pin!(waiting);
            let early = tokio::time::timeout(Duration::from_millis(50), &mut waiting).await;
            assert!(early.is_err(), "it took memory that was not there");
            drop(all);
            assert_eq!(waiting.await.expect("it is looked for"), Some((2, 9)));
        });
    }
}
