//! The page of metrics: text as Prometheus reads it (exposition format 0.0.4).
//!
//! Names end in their units, as Prometheus asks: `_bytes`, `_seconds`; what only grows ends in `_total`. Labels are names of topics
//! and requests, none of which has a character that would need an escape, and of groups, which may have any.

mod access;
mod quotas;
mod tls;

use std::fmt::{Display, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::lag::{self, Lag};
use super::process::Process;
use super::{Allocations, Histogram, Traffic, Verdicts};
use crate::api::SERVED;
use crate::broker::Broker;
use crate::log::{Ratio, Totals};
use crate::topics::Topic;

/// All that is known of a broker at this moment.
pub(crate) fn page(broker: &Broker) -> String {
    let mut page = Page::default();
    let topics = broker.topics.all();
    page.put_topics(&topics);
    page.put_contracts(&topics);
    page.put_requests(broker);
    page.put_broker(broker);
    page.put_access(broker);
    page.put_tls(broker);
    page.put_quotas(&broker.quotas);
    page.put_groups(&Lag::look(broker, lag::SERIES_MAX));
    page.put_process(&Process::look());
    if let Some(count) = broker.options.allocations {
        page.put_allocations(count());
    }
    page.text
}

/// What a metric is.
#[derive(Clone, Copy)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

#[derive(Default)]
struct Page {
    text: String,
}

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

/// What there is to say of a topic with a contract.
type OfContract = (&'static str, &'static str, fn(&Verdicts) -> f64);

const OF_CONTRACTS: &[OfContract] = &[
    (
        "tamis_contract_dead_letters_total",
        "Records put into the topic of dead letters since the start.",
        |it| it.dead_letters.load(Ordering::Relaxed) as f64,
    ),
    (
        "tamis_contract_batches_rejected_total",
        "Batches refused for their records since the start.",
        |it| it.batches_rejected.load(Ordering::Relaxed) as f64,
    ),
    (
        "tamis_contract_check_seconds_total",
        "Time that unpacking and checking records took, all threads together.",
        |it| seconds(it.check_ns.load(Ordering::Relaxed)),
    ),
];

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

impl Page {
    fn put_topics(&mut self, topics: &[Arc<Topic>]) {
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

    /// What contracts found, of topics that have one, or had.
    fn put_contracts(&mut self, topics: &[Arc<Topic>]) {
        let load = |it: &AtomicU64| it.load(Ordering::Relaxed);
        let looks = |it: &&Arc<Topic>| it.gate().is_some() || load(&it.verdicts.check_ns) > 0;
        let checked: Vec<_> = topics.iter().filter(looks).collect();
        let name = "tamis_contract_records_total";
        let help = "Records held against the contract of their topic since the start.";
        self.put_head(name, Kind::Counter, help);
        for topic in &checked {
            let (name_of_topic, verdicts) = (topic.name(), &topic.verdicts);
            for (verdict, count) in [("good", &verdicts.good), ("bad", &verdicts.bad)] {
                let labels = format!("{{topic=\"{name_of_topic}\",verdict=\"{verdict}\"}}");
                self.put_value(name, &labels, load(count));
            }
        }
        let name = "tamis_contract_violations_total";
        let help = "How often records broke a rule since the start.";
        self.put_head(name, Kind::Counter, help);
        for topic in &checked {
            for ((column, rule), count) in topic.verdicts.by_rule() {
                let column = escaped(column.as_deref().unwrap_or_default());
                let (topic, rule) = (topic.name(), escaped(&rule));
                let labels = format!("{{topic=\"{topic}\",column=\"{column}\",rule=\"{rule}\"}}");
                self.put_value(name, &labels, count);
            }
        }
        for (name, help, value) in OF_CONTRACTS {
            self.put_head(name, Kind::Counter, help);
            for topic in &checked {
                let label = format!("{{topic=\"{}\"}}", topic.name());
                self.put_value(name, &label, value(&topic.verdicts));
            }
        }
    }

    fn put_requests(&mut self, broker: &Broker) {
        let name = "tamis_request_duration_seconds";
        self.put_head(
            name,
            Kind::Histogram,
            "Time from a request being read to its answer being ready, what it was asked to wait for included.",
        );
        for served in SERVED {
            if let Some(histogram) = broker.metrics.request(served.key as i16) {
                let label = format!("request=\"{:?}\"", served.key);
                self.put_histogram(name, &label, histogram, seconds);
            }
        }
    }

    fn put_broker(&mut self, broker: &Broker) {
        let metrics = &broker.metrics;
        let bytes = |it: u64| it as f64;
        let help = "Sizes of the batches that were appended.";
        self.put_head("tamis_batch_bytes", Kind::Histogram, help);
        self.put_histogram("tamis_batch_bytes", "", &metrics.batch_bytes, bytes);
        let help = "Records of the batches that were appended.";
        self.put_head("tamis_batch_records", Kind::Histogram, help);
        self.put_histogram("tamis_batch_records", "", &metrics.batch_records, bytes);
        let help = "Time that making a partition durable took (fdatasync).";
        self.put_head("tamis_sync_duration_seconds", Kind::Histogram, help);
        let name = "tamis_sync_duration_seconds";
        self.put_histogram(name, "", &metrics.syncs, seconds);

        let load = |it: &AtomicU64| it.load(Ordering::Relaxed);
        let ended = load(&metrics.connections_ended);
        let taken = load(&metrics.connections);
        let refused = load(&metrics.connections_refused);
        let open = taken.saturating_sub(ended);
        self.put("tamis_connections", Kind::Gauge, "Connections.", open);
        let help = "Connections taken since the start.";
        self.put("tamis_connections_total", Kind::Counter, help, taken);
        let help = "Connections refused because there were too many.";
        let name = "tamis_connections_refused_total";
        self.put(name, Kind::Counter, help, refused);
        let help = "Bytes of requests that are being worked on.";
        let in_flight = broker.in_flight_bytes();
        self.put("tamis_in_flight_bytes", Kind::Gauge, help, in_flight);
    }

    fn put_groups(&mut self, lag: &Lag) {
        let help = "Groups that have members or offsets.";
        self.put("tamis_groups", Kind::Gauge, help, lag.group_count);
        let help = "Whether the log of groups takes nothing more, since making it durable failed.";
        let name = "tamis_groups_failed";
        self.put(name, Kind::Gauge, help, u8::from(lag.is_failed));
        let help = "Offsets between what a group committed and the end that consumers see.";
        let name = "tamis_group_lag";
        self.put_head(name, Kind::Gauge, help);
        for one in &lag.partitions {
            let group = escaped(&one.group);
            let (topic, partition) = (&one.topic, one.partition);
            let labels =
                format!("{{group=\"{group}\",topic=\"{topic}\",partition=\"{partition}\"}}");
            self.put_value(name, &labels, one.offsets);
        }
        let help = "Committed offsets whose lag is not told here, because there are so many.";
        let name = "tamis_group_lag_left_out";
        self.put(name, Kind::Gauge, help, lag.left_out);
    }

    fn put_allocations(&mut self, allocations: Allocations) {
        let counter = Kind::Counter;
        let help = "Pieces of memory that the process asked for.";
        let name = "tamis_allocations_total";
        self.put(name, counter, help, allocations.count);
        let help = "Bytes of memory that the process asked for.";
        let name = "tamis_allocated_bytes_total";
        self.put(name, counter, help, allocations.bytes);
    }

    /// By the names that Prometheus' own libraries use, where there are some.
    fn put_process(&mut self, process: &Process) {
        let counter = Kind::Counter;
        if let Some(bytes) = process.resident_bytes {
            let help = "Memory of the process.";
            self.put("process_resident_memory_bytes", Kind::Gauge, help, bytes);
        }
        if let Some(seconds) = process.cpu_seconds {
            let help = "Time on processors.";
            self.put("process_cpu_seconds_total", counter, help, seconds);
        }
        let help = "Time in which a core of the machine was busy, with any process: how long one process was on one core the system does not tell.";
        let name = "tamis_core_busy_seconds_total";
        self.put_head(name, counter, help);
        for (core, seconds) in &process.core_seconds {
            self.put_value(name, &format!("{{core=\"{core}\"}}"), seconds);
        }
        if let Some(count) = process.descriptors {
            let help = "Open file descriptors.";
            self.put("process_open_fds", Kind::Gauge, help, count);
        }
        if let Some(bytes) = process.read_bytes {
            let help = "Bytes that the process had read from disks.";
            self.put("tamis_process_disk_read_bytes_total", counter, help, bytes);
        }
        if let Some(bytes) = process.written_bytes {
            let help = "Bytes that the process had written to disks.";
            let name = "tamis_process_disk_written_bytes_total";
            self.put(name, counter, help, bytes);
        }
    }

    fn put(&mut self, name: &str, kind: Kind, help: &str, value: impl Display) {
        self.put_head(name, kind, help);
        self.put_value(name, "", value);
    }

    fn put_head(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        self.write(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    fn put_value(&mut self, name: &str, labels: &str, value: impl Display) {
        self.write(format_args!("{name}{labels} {value}\n"));
    }

    /// `label` is empty, or one label without its braces.
    fn put_histogram(
        &mut self,
        name: &str,
        label: &str,
        histogram: &Histogram,
        unit: impl Fn(u64) -> f64,
    ) {
        let sum = unit(histogram.sum());
        let comma = if label.is_empty() { "" } else { "," };
        let mut count = 0;
        for (bound, below) in histogram.cumulative() {
            let bound = bound.map_or_else(|| "+Inf".to_owned(), |it| unit(it).to_string());
            let labels = format!("{{{label}{comma}le=\"{bound}\"}}");
            self.put_value(&format!("{name}_bucket"), &labels, below);
            count = below;
        }
        let labels = match label {
            "" => String::new(),
            label => format!("{{{label}}}"),
        };
        self.put_value(&format!("{name}_sum"), &labels, sum);
        self.put_value(&format!("{name}_count"), &labels, count);
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) {
        self.text.write_fmt(text).expect("text takes all");
    }
}

/// A label, within its quotes.
fn escaped(label: &str) -> String {
    let escaped = label.replace('\\', "\\\\").replace('"', "\\\"");
    escaped.replace('\n', "\\n")
}

fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_histogram_ends_in_all_there_is() {
        let histogram = Histogram::new(&[1_000_000, 2_500_000]);
        histogram.note(500_000);
        histogram.note(2_000_000_000);
        let mut page = Page::default();
        page.put_histogram("took_seconds", "request=\"Fetch\"", &histogram, seconds);
        let expected = "\
took_seconds_bucket{request=\"Fetch\",le=\"0.001\"} 1
took_seconds_bucket{request=\"Fetch\",le=\"0.0025\"} 1
took_seconds_bucket{request=\"Fetch\",le=\"+Inf\"} 2
took_seconds_sum{request=\"Fetch\"} 2.0005
took_seconds_count{request=\"Fetch\"} 2
";
        assert_eq!(page.text, expected);
    }

    #[test]
    fn a_label_ends_where_its_quotes_end() {
        assert_eq!(escaped("a\\\"b\n{é}"), "a\\\\\\\"b\\n{é}");
    }

    /// All that is told is in the page for people, and nothing else is.
    #[test]
    fn the_page_is_true() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let mut options = crate::broker::Options::new(folder.path());
        options.allocations = Some(Allocations::default);
        let (broker, _) = Broker::open(options).expect("it opens");
        let told = page(&broker);
        let told = told.lines().filter_map(|it| it.strip_prefix("# TYPE "));
        let told: BTreeSet<_> = told.filter_map(|it| it.split(' ').next()).collect();
        let described = include_str!("../../../../docs/broker.md");
        let rows = described.lines().filter_map(|it| it.strip_prefix("| `"));
        let names = rows.filter_map(|it| it.split(['`', '{']).next());
        let is_metric = |it: &&str| it.starts_with("tamis_") || it.starts_with("process_");
        let described: BTreeSet<_> = names.filter(is_metric).collect();
        assert_eq!(told, described);
    }

    #[test]
    fn a_histogram_without_a_label_has_no_empty_one() {
        let mut page = Page::default();
        page.put_histogram("size_bytes", "", &Histogram::new(&[1]), |it| it as f64);
        let expected = "\
size_bytes_bucket{le=\"1\"} 0
size_bytes_bucket{le=\"+Inf\"} 0
size_bytes_sum 0
size_bytes_count 0
";
        assert_eq!(page.text, expected);
    }
}
