//! The page of metrics: text as Prometheus reads it (exposition format 0.0.4).
//!
//! Names end in their units, as Prometheus asks: `_bytes`, `_seconds`; what only grows ends in `_total`. Labels are names of topics
//! and requests, none of which has a character that would need an escape, and of groups, which may have any.

mod access;
mod contracts;
mod process;
mod quotas;
mod tls;
mod topics;

use std::fmt::{Display, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use super::Histogram;
use super::lag::{self, Lag};
use super::process::Process;
use crate::api::SERVED;
use crate::broker::Broker;

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

impl Page {
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
    use crate::metrics::Allocations;

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
