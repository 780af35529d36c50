//! What came into topics and went out of them, and what they hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Kind, Page};
use crate::log::{Ratio, Totals};
use crate::metrics::Traffic;
use crate::topics::Topic;

/// What there is to say of a topic.
type OfTopic = (&'static str, Kind, &'static str, fn(&Topic) -> u64);

const OF_TOPICS: &[OfTopic] = &[
    (
        "tamis_topic_records_in_total",
        Kind::Counter,
        "Records appended since the start.",
        |it| of(it, |traffic| &traffic.records_in),
    ),
    (
        "tamis_topic_bytes_in_total",
        Kind::Counter,
        "Bytes of batches appended since the start.",
        |it| of(it, |traffic| &traffic.bytes_in),
    ),
    (
        "tamis_topic_batches_in_total",
        Kind::Counter,
        "Batches appended since the start.",
        |it| of(it, |traffic| &traffic.batches_in),
    ),
    (
        "tamis_topic_batches_refused_total",
        Kind::Counter,
        "Batches refused since the start.",
        |it| of(it, |traffic| &traffic.batches_refused),
    ),
    (
        "tamis_topic_records_out_total",
        Kind::Counter,
        "Records handed to consumers since the start; of what comes from files the offsets are counted.",
        |it| of(it, |traffic| &traffic.records_out),
    ),
    (
        "tamis_topic_bytes_out_total",
        Kind::Counter,
        "Bytes of batches handed to consumers since the start.",
        |it| of(it, |traffic| &traffic.bytes_out),
    ),
    ("tamis_topic_partitions", Kind::Gauge, "Partitions.", |it| {
        it.partitions().len() as u64
    }),
    (
        "tamis_topic_partitions_failed",
        Kind::Gauge,
        "Partitions that take nothing more, since making them durable failed.",
        |it| it.partitions().iter().filter(|it| it.is_poisoned()).count() as u64,
    ),
    (
        "tamis_topic_offsets",
        Kind::Gauge,
        "Offsets between the first record and the end, all partitions together.",
        |it| {
            let partitions = it.partitions();
            let offsets = partitions
                .iter()
                .map(|it| it.end_offset() - it.start_offset());
            offsets.sum::<i64>().unsigned_abs()
        },
    ),
    (
        "tamis_topic_log_bytes",
        Kind::Gauge,
        "Bytes of batches on the disk.",
        |it| it.partitions().iter().map(|it| it.size().0).sum(),
    ),
    (
        "tamis_topic_cleanings_total",
        Kind::Counter,
        "Compactions of partitions since the start.",
        |it| cleaned(it, |totals| totals.cleanings),
    ),
    (
        "tamis_topic_cleaned_bytes_before_total",
        Kind::Counter,
        "Bytes of batches that compactions looked at since the start.",
        |it| cleaned(it, |totals| totals.bytes_before),
    ),
    (
        "tamis_topic_cleaned_bytes_after_total",
        Kind::Counter,
        "Bytes of batches that they left.",
        |it| cleaned(it, |totals| totals.bytes_after),
    ),
    (
        "tamis_topic_segments",
        Kind::Gauge,
        "Segments on the disk.",
        |it| it.partitions().iter().map(|it| it.size().1 as u64).sum(),
    ),
];

impl Page {
    pub(super) fn put_topics(&mut self, topics: &[Arc<Topic>]) {
        for (name, kind, help, value) in OF_TOPICS {
            self.put_head(name, *kind, help);
            for topic in topics {
                let label = format!("{{topic=\"{}\"}}", topic.name());
                self.put_value(name, &label, value(topic));
            }
        }
        let name = "tamis_topic_dirty_ratio";
        let help = "Part of the sealed segments of a compacted topic that was not compacted yet.";
        self.put_head(name, Kind::Gauge, help);
        for topic in topics.iter().filter(|it| it.is_compacted()) {
            let label = format!("{{topic=\"{}\"}}", topic.name());
            self.put_value(name, &label, dirty_ratio(topic));
        }
    }
}

/// What compactions did, all partitions together.
fn cleaned(topic: &Topic, of: fn(&Totals) -> u64) -> u64 {
    let partitions = topic.partitions();
    partitions.iter().map(|it| of(&it.cleaned())).sum()
}

/// The part of a compacted topic's sealed segments that is dirty.
fn dirty_ratio(topic: &Topic) -> Ratio {
    let partitions = topic.partitions();
    let bytes = partitions.iter().map(|it| it.dirty_bytes());
    let (dirty, all) = bytes.fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
    Ratio::of(dirty, all)
}

fn of(topic: &Topic, counter: fn(&Traffic) -> &AtomicU64) -> u64 {
    counter(&topic.traffic).load(Ordering::Relaxed)
}
