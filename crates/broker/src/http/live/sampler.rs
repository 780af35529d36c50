//! Looks at a broker, again and again, and knows what it saw before: figures by the second are differences.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::messages::ApiKey;
use serde::Serialize;
use uuid::Uuid;

use super::event;
use super::history::{History, Point};
use super::snapshot::{self, Backlog};
use super::telling::Telling;
use crate::broker::{Broker, now_ms};
use crate::metrics::{Counts, Process};
use crate::topics::Topic;

/// While nobody watches, how far groups are behind is looked up at every so many points: it takes longer than all else.
const BACKLOG_EVERY: u64 = 10;

/// What somebody wants to be told.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wanted {
    pub(super) snapshot: bool,
    pub(super) history: bool,
}

/// Events that were wanted.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) history: Option<Bytes>,
    pub(super) snapshot: Option<Telling>,
}

/// What is done with the records of a topic, in all or a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct Flow {
    pub(super) records_in: f64,
    pub(super) bytes_in: f64,
    pub(super) records_out: f64,
    pub(super) bytes_out: f64,
    #[serde(skip)]
    bad: f64,
}

/// What is known of a topic.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// Since it was opened.
    counted: Flow,
    /// A second, between the last two points.
    rate: Flow,
    /// Bytes a second over the last while, by which topics are put in order: by those of one second they would change places all the time.
    busy: f64,
}

/// What one second counts of how busy a topic is; all before it count the rest.
const BUSY_SHARE: f64 = 0.05;

/// What a broker did by now, and how it went.
#[derive(Debug)]
pub(super) struct Sampler {
    broker: Arc<Broker>,
    /// Where Kafka's clients connect.
    pub(super) addresses: Vec<String>,
    pub(super) start: Instant,
    at: Instant,
    points: u64,
    known: HashMap<Uuid, Known>,
    produce: Counts,
    fetch: Counts,
    cpu_seconds: Option<f64>,
    pub(super) backlog: Backlog,
    history: History,
}

impl Sampler {
    /// Of a broker that serves from now on, at these addresses.
    pub(super) fn new(broker: Arc<Broker>, addresses: &[SocketAddr]) -> Sampler {
        let now = Instant::now();
        Sampler {
            addresses: addresses.iter().map(ToString::to_string).collect(),
            start: now,
            at: now,
            points: 0,
            known: HashMap::new(),
            produce: Counts::default(),
            fetch: Counts::default(),
            cpu_seconds: None,
            backlog: Backlog::default(),
            history: History::default(),
            broker,
        }
    }

    /// Makes what is wanted, with a new point if it `moves_on`. It takes a while if there are many topics and groups.
    pub(super) fn look(&mut self, moves_on: bool, wanted: Wanted) -> Look {
        if moves_on {
            self.move_on(wanted.snapshot);
        }
        Look {
            history: wanted
                .history
                .then(|| told("history", &self.history.columns())),
            snapshot: wanted.snapshot.then(|| {
                let refusals = self.broker.metrics.refusals.last();
                Telling::new(&snapshot::of(&self.broker, self), refusals)
            }),
        }
    }

    /// The last point.
    pub(super) fn point(&self) -> Point {
        self.history.last()
    }

    /// What is done with the records of a topic, a second.
    pub(super) fn rate(&self, topic: &Topic) -> Flow {
        let known = self.known.get(&topic.id());
        known.map(|it| it.rate).unwrap_or_default()
    }

    /// How busy a topic was over the last while.
    pub(super) fn busy(&self, topic: &Topic) -> f64 {
        self.known.get(&topic.id()).map_or(0.0, |it| it.busy)
    }

    fn move_on(&mut self, is_watched: bool) {
        let elapsed = self.at.elapsed();
        self.at = Instant::now();
        if is_watched || self.points.is_multiple_of(BACKLOG_EVERY) {
            self.backlog = Backlog::look(&self.broker);
        }
        self.points += 1;
        let sum = self.count_topics(elapsed);
        let mut point = Point {
            at_ms: now_ms(),
            records_in: sum.records_in,
            records_out: sum.records_out,
            bytes_in: sum.bytes_in,
            bytes_out: sum.bytes_out,
            bad: sum.bad,
            lag_worst: self.backlog.worst() as f64,
            lag_sum: self.backlog.sum as f64,
            ..Point::default()
        };
        self.put_latencies(&mut point);
        self.put_process(&mut point, elapsed);
        self.history.push(point);
    }

    /// What all topics did a second. Of those that were deleted meanwhile nothing is known, and nobody counts backwards for them.
    fn count_topics(&mut self, elapsed: Duration) -> Flow {
        let topics = self.broker.topics.all();
        let mut known = HashMap::with_capacity(topics.len());
        let mut sum = Flow::default();
        for topic in topics {
            let counted = Flow::counted(&topic);
            let before = self.known.get(&topic.id()).copied().unwrap_or_default();
            let rate = counted.since(before.counted, elapsed);
            sum = sum.plus(rate);
            let bytes = rate.bytes_in + rate.bytes_out;
            let one = Known {
                counted,
                rate,
                busy: before.busy + (bytes - before.busy) * BUSY_SHARE,
            };
            known.insert(topic.id(), one);
        }
        self.known = known;
        sum
    }

    fn put_latencies(&mut self, point: &mut Point) {
        let counts = |key: ApiKey| {
            let histogram = self.broker.metrics.request(key as i16);
            histogram.map(|it| it.counts()).unwrap_or_default()
        };
        let (produce, fetch) = (counts(ApiKey::Produce), counts(ApiKey::Fetch));
        let ms = |ns: f64| ns / 1e6;
        let produced = produce.since(&self.produce);
        point.produce_p50_ms = produced.quantile(0.5).map(ms);
        point.produce_p99_ms = produced.quantile(0.99).map(ms);
        let fetched = fetch.since(&self.fetch);
        point.fetch_p50_ms = fetched.quantile(0.5).map(ms);
        point.fetch_p99_ms = fetched.quantile(0.99).map(ms);
        (self.produce, self.fetch) = (produce, fetch);
    }

    fn put_process(&mut self, point: &mut Point, elapsed: Duration) {
        let process = Process::look_briefly();
        let both = process.cpu_seconds.zip(self.cpu_seconds);
        point.cores = both.map(|(now, before)| per_second(now - before, elapsed));
        point.memory_bytes = process.resident_bytes.map(|it| it as f64);
        self.cpu_seconds = process.cpu_seconds;
    }
}

impl Flow {
    fn counted(topic: &Topic) -> Flow {
        let load = |it: &AtomicU64| it.load(Ordering::Relaxed) as f64;
        Flow {
            records_in: load(&topic.traffic.records_in),
            bytes_in: load(&topic.traffic.bytes_in),
            records_out: load(&topic.traffic.records_out),
            bytes_out: load(&topic.traffic.bytes_out),
            bad: load(&topic.verdicts.bad),
        }
    }

    fn since(self, before: Flow, elapsed: Duration) -> Flow {
        self.with(before, |now, before| per_second(now - before, elapsed))
    }

    fn plus(self, other: Flow) -> Flow {
        self.with(other, |one, other| one + other)
    }

    fn with(self, other: Flow, of: impl Fn(f64, f64) -> f64) -> Flow {
        Flow {
            records_in: of(self.records_in, other.records_in),
            bytes_in: of(self.bytes_in, other.bytes_in),
            records_out: of(self.records_out, other.records_out),
            bytes_out: of(self.bytes_out, other.bytes_out),
            bad: of(self.bad, other.bad),
        }
    }
}

/// A tenth of a second of work is not told as a rate of ten times as much.
fn per_second(amount: f64, elapsed: Duration) -> f64 {
    amount.max(0.0) / elapsed.as_secs_f64().max(super::PERIOD.as_secs_f64() / 2.0)
}

fn told(name: &str, what: &impl Serialize) -> Bytes {
    let data = serde_json::to_string(what);
    event(name, &data.expect("names are text, and figures finite"))
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;

    use serde_json::Value;
    use tempfile::TempDir;

    use super::*;
    use crate::broker::Options;
    use crate::topics::Settings;

    /// As somebody is told of it who may read everything.
    fn told_of(snapshot: Option<Telling>) -> Value {
        json(&snapshot.expect("it is wanted").event(|_| true))
    }

    fn json(event: &Bytes) -> Value {
        let text = std::str::from_utf8(event).expect("text");
        let (_, data) = text.split_once("data: ").expect("data");
        serde_json::from_str(data).expect("JSON")
    }

    const ALL: Wanted = Wanted {
        snapshot: true,
        history: true,
    };

    #[test]
    fn figures_by_the_second_are_those_since_the_last_point() {
        let folder = TempDir::new().expect("a folder");
        let (broker, _) = Broker::open(Options::new(folder.path())).expect("it opens");
        let made = broker.topics.create("orders", 2, Settings::default());
        let topic = made.expect("it is made");
        let mut sampler = Sampler::new(broker.clone(), &[]);
        topic.traffic.note_in(1000, 64_000);
        broker
            .metrics
            .note_request(ApiKey::Produce as i16, Duration::from_millis(2));
        sleep(Duration::from_millis(50));
        sampler.look(true, Wanted::default());
        assert_eq!(sampler.rate(&topic).records_in, 2000.0);
        let look = sampler.look(false, ALL);
        let snapshot = told_of(look.snapshot);
        let now = &snapshot["now"];
        assert_eq!(now["records_in"], 2000.0);
        assert!(now["produce_p99_ms"].as_f64().is_some_and(|it| it > 1.0));
        assert_eq!(now["fetch_p50_ms"], Value::Null);
        let row = &snapshot["topics"]["rows"][0];
        assert_eq!(
            (&row["name"], &row["bytes_in"]),
            (&"orders".into(), &128_000.0.into())
        );
        // Nothing came since then, and the topic is gone.
        sampler.look(true, ALL);
        assert_eq!(sampler.rate(&topic).bytes_in, 0.0);
        assert!(sampler.busy(&topic) > 1000.0);
        assert_eq!(sampler.point().produce_p99_ms, None);
        broker.topics.delete("orders").expect("it is deleted");
        let look = sampler.look(true, ALL);
        let snapshot = told_of(look.snapshot);
        assert_eq!(snapshot["now"]["records_in"], 0.0);
        assert_eq!(snapshot["topics"]["count"], 0);
        let history = json(&look.history.expect("it is wanted"));
        assert_eq!(history["records_in"], serde_json::json!([2000.0, 0.0, 0.0]));
    }

    #[test]
    fn nothing_is_made_that_nobody_wants() {
        let folder = TempDir::new().expect("a folder");
        let (broker, _) = Broker::open(Options::new(folder.path())).expect("it opens");
        let mut sampler = Sampler::new(broker, &[]);
        let look = sampler.look(true, Wanted::default());
        assert!(look.history.is_none() && look.snapshot.is_none());
        assert!(sampler.point().at_ms > 0);
    }
}
