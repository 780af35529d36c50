//! What is to be done every so often, by one thread: old records go, idle producers are forgotten, and what is durable is noted.
//!
//! Each has its own interval ([`Schedule`]). The thread ends when it is told to, between two partitions if it must.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::Error;
use crate::background::{Background, Ending};
use crate::broker::now_ms;
use crate::log::Log;
use crate::topics::Topics;

/// How often what is done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    /// Records that are too old go, and producers that are idle.
    pub(crate) retention: Duration,
    /// It is noted what is durable.
    pub(crate) checkpoint: Duration,
}

/// No interval is shorter.
const INTERVAL_MIN: Duration = Duration::from_millis(1);

/// Starts the thread.
pub(crate) fn start(topics: Arc<Topics>, schedule: Schedule) -> std::io::Result<Background> {
    Background::start("tamis-upkeep", move |ending| {
        let next = |interval: Duration| Instant::now().checked_add(interval.max(INTERVAL_MIN));
        let mut retention = next(schedule.retention);
        let mut checkpoint = next(schedule.checkpoint);
        while ending.wait_until(retention.into_iter().chain(checkpoint).min()) {
            let now = Instant::now();
            if retention.is_some_and(|due| due <= now) {
                retain_all(&topics, ending);
                retention = next(schedule.retention);
            }
            if checkpoint.is_some_and(|due| due <= now) {
                if let Err(error) = topics.write_checkpoint() {
                    tracing::warn!(%error, "the next start will read more than it had to");
                }
                checkpoint = next(schedule.checkpoint);
            }
        }
    })
}

fn retain_all(topics: &Topics, ending: &Ending) {
    for topic in topics.all() {
        for log in topic.partitions().iter() {
            if ending.is_over() {
                return;
            }
            retain(log);
        }
    }
}

fn retain(log: &Log) {
    let now_ms = now_ms();
    log.expire_producers(now_ms);
    match log.retain(now_ms) {
        Ok(0) => {}
        Ok(count) => tracing::info!(partition = %log.folder().display(), count, "segments removed"),
        // It was told when it happened; or its topic was deleted just now.
        Err(Error::Poisoned { .. } | Error::Deleted { .. }) => {}
        Err(error) => {
            tracing::warn!(partition = %log.folder().display(), %error, "records may stay too long");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use bytes::Bytes;
    use tempfile::TempDir;

    use super::*;
    use crate::batch::BatchBuilder;
    use crate::broker::{Broker, Options};
    use crate::topics::Settings;

    fn batch(timestamp: i64) -> Bytes {
        let mut builder = BatchBuilder::new(timestamp);
        builder.push(timestamp, None, Some(&[b'x'; 400]));
        builder.finish().into()
    }

    fn open(folder: &Path, interval: Duration) -> (Arc<Broker>, Vec<String>) {
        let mut options = Options::new(folder);
        options.retention_check = interval;
        options.checkpoint = interval;
        options.log.segment_bytes = 1024;
        let (broker, found) = Broker::open(options).expect("it opens");
        (broker, found.into_iter().map(|it| it.0).collect())
    }

    fn log(broker: &Broker) -> Arc<Log> {
        let topic = broker.topics.topic("topic").expect("it is there");
        topic.partition(0).expect("it is there")
    }

    fn until(mut is_done: impl FnMut() -> bool) {
        let started = Instant::now();
        while !is_done() {
            assert!(
                started.elapsed() < Duration::from_secs(30),
                "it took too long"
            );
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// The offset that stands in the file, of the only partition there is; -1: it is not there yet.
    fn noted(folder: &Path) -> i64 {
        let bytes = fs::read(folder.join("recovery-point.json")).expect("it is there");
        let file: serde_json::Value = serde_json::from_slice(&bytes).expect("it can be read");
        let offsets = file["durable_offsets"].as_object().expect("topics by id");
        let of_topic = offsets.values().next();
        of_topic.and_then(|it| it[0].as_i64()).unwrap_or(-1)
    }

    const NEVER: Duration = Duration::MAX;

    #[test]
    fn old_records_go_by_themselves_and_what_is_durable_is_noted() {
        let folder = TempDir::new().expect("a folder");
        let (broker, _) = open(folder.path(), Duration::from_millis(10));
        broker
            .topics
            .create("topic", 1, Settings::default())
            .expect("it is made");
        let log = log(&broker);
        for _ in 0..10 {
            log.append(batch(1000), 0, now_ms())
                .expect("it is appended");
        }
        until(|| log.start_offset() == 10);
        until(|| noted(folder.path()) == 10);
        broker.upkeep.end();
        log.append(batch(now_ms()), 0, now_ms())
            .expect("it is appended");
        // It is not durable, so it is not noted.
        broker.topics.write_checkpoint().expect("it is written");
        assert_eq!(noted(folder.path()), 10);
        broker.close().expect("it closes");
        assert_eq!(noted(folder.path()), 11);
    }

    #[test]
    fn what_was_noted_is_not_read_again() {
        let folder = TempDir::new().expect("a folder");
        let (broker, _) = open(folder.path(), NEVER);
        broker
            .topics
            .create("topic", 1, Settings::default())
            .expect("it is made");
        for _ in 0..10 {
            log(&broker)
                .append(batch(now_ms()), 0, now_ms())
                .expect("it is appended");
        }
        broker.close().expect("it closes");
        drop(broker);
        // A bit of the first segment, which only who reads it sees.
        let first = folder.path().join("logs/topic-0/00000000000000000000.log");
        let mut bytes = fs::read(&first).expect("it is there");
        bytes[100] ^= 1;
        fs::write(&first, bytes).expect("it is written");
        let (broker, found) = open(folder.path(), NEVER);
        assert!(found.is_empty());
        assert_eq!(log(&broker).end_offset(), 10);
        drop(broker);
        // Without the note, or with one that is damaged, all is read.
        fs::write(folder.path().join("recovery-point.json"), b"{").expect("it is written");
        let (broker, found) = open(folder.path(), NEVER);
        assert_eq!(found, ["topic-0"]);
        assert_eq!(noted(folder.path()), log(&broker).durable_offset());
    }

    #[test]
    fn a_topic_of_the_same_name_is_another_one() {
        let folder = TempDir::new().expect("a folder");
        let (broker, _) = open(folder.path(), NEVER);
        broker
            .topics
            .create("topic", 1, Settings::default())
            .expect("it is made");
        let old = log(&broker);
        for _ in 0..10 {
            old.append(batch(now_ms()), 0, now_ms())
                .expect("it is appended");
        }
        old.flush().expect("it is durable");
        broker.topics.write_checkpoint().expect("it is written");
        broker.topics.delete("topic").expect("it is deleted");
        broker
            .topics
            .create("topic", 1, Settings::default())
            .expect("it is made");
        assert!(old.append(batch(now_ms()), 0, now_ms()).is_err());
        for _ in 0..5 {
            log(&broker)
                .append(batch(now_ms()), 0, now_ms())
                .expect("it is appended");
        }
        log(&broker).close().expect("it closes");
        drop(broker);
        let first = folder.path().join("logs/topic-0/00000000000000000000.log");
        let mut bytes = fs::read(&first).expect("it is there");
        bytes[100] ^= 1;
        fs::write(&first, bytes).expect("it is written");
        // The note is of the topic before, so all is read.
        let (_broker, found) = open(folder.path(), NEVER);
        assert_eq!(found, ["topic-0"]);
    }
}
