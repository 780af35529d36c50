//! Everything that the page shows of this moment but the last bad records, which not all may see ([`super::telling`]).
//!
//! There may be ten thousand topics and groups, so tables are bounded: those that somebody would look for come first, and how many are
//! left out is told by how many there are.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use super::contracts::Contracts;
use super::sampler::{Flow, Sampler};
use crate::broker::Broker;
use crate::metrics::{Lag, SERIES_MAX};
use crate::topics::Topic;

/// Rows of a table.
pub(super) const ROWS_MAX: usize = 50;

/// All of it.
#[derive(Debug, Serialize)]
pub(super) struct Snapshot<'s> {
    version: &'static str,
    uptime_s: u64,
    addresses: &'s [String],
    /// The last point of the charts.
    now: BTreeMap<&'static str, Option<f64>>,
    topics: Topics,
    groups: &'s Backlog,
    contracts: Contracts,
    disk: Disk,
    process: OfProcess,
}

/// How it is at the moment, by rates that are known.
pub(super) fn of<'s>(broker: &Broker, sampler: &'s Sampler) -> Snapshot<'s> {
    let all = broker.topics.all();
    let topics = Topics::of(broker, &all, sampler);
    Snapshot {
        version: env!("CARGO_PKG_VERSION"),
        uptime_s: sampler.start.elapsed().as_secs(),
        addresses: &sampler.addresses,
        now: sampler.point().named(),
        groups: &sampler.backlog,
        contracts: Contracts::of(&all),
        disk: Disk::of(broker, topics.log_bytes),
        process: OfProcess::of(broker),
        topics,
    }
}

/// The topics, busiest first.
#[derive(Debug, Default, Serialize)]
struct Topics {
    count: usize,
    partitions: usize,
    #[serde(skip)]
    log_bytes: u64,
    /// What takes nothing more, of which this many are named.
    failed_count: usize,
    failed: Vec<String>,
    rows: Vec<TopicRow>,
}

#[derive(Debug, Serialize)]
struct TopicRow {
    name: String,
    partitions: usize,
    /// Offsets between the first record and the end.
    offsets: u64,
    log_bytes: u64,
    #[serde(flatten)]
    rate: Flow,
}

impl Topics {
    fn of(broker: &Broker, all: &[Arc<Topic>], sampler: &Sampler) -> Topics {
        let mut failed = broker.failed();
        let failed_count = failed.len();
        failed.truncate(ROWS_MAX);
        let mut topics = Topics {
            count: all.len(),
            failed_count,
            failed,
            ..Topics::default()
        };
        let mut sized = Vec::with_capacity(all.len());
        for topic in all {
            let partitions = topic.partitions();
            let log_bytes = partitions.iter().map(|it| it.size().0).sum();
            topics.partitions += partitions.len();
            topics.log_bytes += log_bytes;
            sized.push((topic, sampler.busy(topic) as u64, log_bytes));
        }
        keep_first(&mut sized, |(topic, busy, log_bytes)| {
            (Reverse((*busy, *log_bytes)), topic.name())
        });
        let rows = sized.into_iter();
        topics.rows = rows
            .map(|(topic, _, bytes)| TopicRow::of(topic, sampler.rate(topic), bytes))
            .collect();
        topics
    }
}

impl TopicRow {
    fn of(topic: &Topic, rate: Flow, log_bytes: u64) -> TopicRow {
        let partitions = topic.partitions();
        let offsets = partitions
            .iter()
            .map(|it| it.end_offset() - it.start_offset());
        TopicRow {
            name: topic.name().to_owned(),
            partitions: partitions.len(),
            offsets: u64::try_from(offsets.sum::<i64>()).unwrap_or(0),
            log_bytes,
            rate,
        }
    }
}

/// How far groups are behind, by topic, the furthest first.
#[derive(Debug, Default, Serialize)]
pub(super) struct Backlog {
    /// Groups.
    count: usize,
    /// Groups and topics.
    pairs: usize,
    /// Committed offsets beyond those that are looked at.
    left_out: usize,
    pub(super) sum: u64,
    rows: Vec<GroupRow>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct GroupRow {
    group: String,
    topic: String,
    partitions: usize,
    lag: u64,
}

impl Backlog {
    pub(super) fn look(broker: &Broker) -> Backlog {
        Backlog::of(Lag::look(broker, SERIES_MAX))
    }

    fn of(lag: Lag) -> Backlog {
        let mut sums: HashMap<(String, String), (usize, u64)> = HashMap::new();
        let mut sum = 0;
        for one in lag.partitions {
            let (partitions, behind) = sums.entry((one.group, one.topic)).or_default();
            *partitions += 1;
            *behind += one.offsets;
            sum += one.offsets;
        }
        let rows = sums.into_iter();
        let mut rows: Vec<_> = rows
            .map(|((group, topic), (partitions, lag))| GroupRow {
                group,
                topic,
                partitions,
                lag,
            })
            .collect();
        let pairs = rows.len();
        keep_first(&mut rows, |it| {
            (Reverse(it.lag), it.group.clone(), it.topic.clone())
        });
        Backlog {
            count: lag.group_count,
            pairs,
            left_out: lag.left_out,
            sum,
            rows,
        }
    }

    /// Of the group that is furthest behind in a topic.
    pub(super) fn worst(&self) -> u64 {
        self.rows.first().map_or(0, |it| it.lag)
    }
}

#[derive(Debug, Serialize)]
struct Disk {
    log_bytes: u64,
    /// Of the file system that the data folder is on, for whoever we are; `None`: it does not say.
    free_bytes: Option<u64>,
}

impl Disk {
    fn of(broker: &Broker, log_bytes: u64) -> Disk {
        let system = rustix::fs::statvfs(&broker.options.data).ok();
        Disk {
            log_bytes,
            free_bytes: system.map(|it| it.f_bavail.saturating_mul(it.f_frsize)),
        }
    }
}

#[derive(Debug, Serialize)]
struct OfProcess {
    connections: u64,
    connections_refused: u64,
    in_flight_bytes: u64,
}

impl OfProcess {
    fn of(broker: &Broker) -> OfProcess {
        let metrics = &broker.metrics;
        let load = |it: &AtomicU64| it.load(Ordering::Relaxed);
        let ended = load(&metrics.connections_ended);
        OfProcess {
            connections: load(&metrics.connections).saturating_sub(ended),
            connections_refused: load(&metrics.connections_refused),
            in_flight_bytes: broker.in_flight_bytes(),
        }
    }
}

/// Keeps the first [`ROWS_MAX`] in the order of `key`, without putting all others in order.
pub(super) fn keep_first<T, K: Ord>(rows: &mut Vec<T>, key: impl Fn(&T) -> K) {
    if rows.len() > ROWS_MAX {
        rows.select_nth_unstable_by_key(ROWS_MAX, &key);
        rows.truncate(ROWS_MAX);
    }
    rows.sort_by_key(key);
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use tempfile::TempDir;

    use super::*;
    use crate::broker::Options;
    use crate::metrics::Behind;
    use crate::topics::Settings;

    fn snapshot(broker: &Arc<Broker>) -> Value {
        let sampler = Sampler::new(broker.clone(), &[]);
        serde_json::to_value(of(broker, &sampler)).expect("JSON")
    }

    #[test]
    fn tables_are_bounded_and_say_how_many_there_are() {
        let folder = TempDir::new().expect("a folder");
        let (broker, _) = Broker::open(Options::new(folder.path())).expect("it opens");
        for index in 0..ROWS_MAX + 3 {
            let name = format!("topic-{index:03}");
            let made = broker.topics.create(&name, 1, Settings::default());
            let topic = made.expect("it is made");
            topic.verdicts.good.store(1, Ordering::Relaxed);
            topic.verdicts.bad.store(index as u64, Ordering::Relaxed);
            topic
                .verdicts
                .note_broken(Some("amount"), "minimum", index as u64);
        }
        let snapshot = snapshot(&broker);
        assert_eq!(snapshot["topics"]["count"], ROWS_MAX + 3);
        let (topics, contracts) = (&snapshot["topics"], &snapshot["contracts"]);
        let length = |it: &Value| it.as_array().map(Vec::len);
        assert_eq!(length(&topics["rows"]), Some(ROWS_MAX));
        assert_eq!(topics["rows"][0]["name"], "topic-000");
        assert_eq!(length(&contracts["topics"]), Some(ROWS_MAX));
        assert_eq!(contracts["topics"][0]["topic"], "topic-052");
        assert_eq!(contracts["rules"][0]["count"], 52);
        assert_eq!(contracts["rule_count"], ROWS_MAX + 3);
        assert_eq!(contracts["bad"], 52 * 53 / 2);
        assert!(snapshot["disk"]["free_bytes"].as_u64() > Some(0));
    }

    #[test]
    fn partitions_are_put_together() {
        let behind = |group: &str, partition, offsets| Behind {
            group: group.to_owned(),
            topic: "orders".to_owned(),
            partition,
            offsets,
        };
        let backlog = Backlog::of(Lag {
            group_count: 2,
            partitions: vec![behind("a", 0, 3), behind("b", 0, 5), behind("a", 1, 4)],
            left_out: 9,
            is_failed: false,
        });
        assert_eq!((backlog.worst(), backlog.sum), (7, 12));
        assert_eq!((backlog.count, backlog.pairs, backlog.left_out), (2, 2, 9));
        assert_eq!(backlog.rows[0].partitions, 2);
        assert_eq!(Backlog::default().worst(), 0);
    }
}
