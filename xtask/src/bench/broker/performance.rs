//! librdkafka's load generator, `rdkafka_performance`, and what it says of itself.
//!
//! It sends one constant message over and over, so lz4 makes next to nothing of a batch: what brokers and clients then save is the most that they
//! can. How many messages a batch has is in librdkafka's statistics, which are written into a file.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value as Json;

use crate::Result;
use crate::command::program;

/// What producers are told besides: batches of a megabyte, a short linger.
const BATCHING: [&str; 4] = [
    "linger.ms=5",
    "batch.size=1000000",
    "batch.num.messages=10000",
    "queue.buffering.max.messages=500000",
];

/// Batches of a thousand.
const THOUSAND: [&str; 4] = [
    "linger.ms=5",
    "batch.size=1000000",
    "batch.num.messages=1000",
    "queue.buffering.max.messages=500000",
];

/// No batches: each message is sent as soon as can be.
const SINGLE: [&str; 2] = ["linger.ms=0", "batch.num.messages=1"];

/// A load of messages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load<'a> {
    /// `None`: the broker in the client itself, which throws everything away.
    pub(super) address: Option<&'a str>,
    pub(super) topic: &'a str,
    /// All producers together.
    pub(super) messages: u64,
    pub(super) value: Value<'a>,
    pub(super) codec: &'a str,
    pub(super) acks: i32,
    /// Processes at once.
    pub(super) producers: usize,
    pub(super) batching: Batching,
}

/// What a message says, the same each time.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    /// So many bytes of something.
    Bytes(usize),
    Text(&'a str),
}

impl Value<'_> {
    fn len_bytes(self) -> usize {
        match self {
            Value::Bytes(count) => count,
            Value::Text(text) => text.len(),
        }
    }
}

/// How messages are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Batching {
    Large,
    /// A thousand a batch.
    Thousand,
    Single,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Outcome {
    pub(super) messages: f64,
    pub(super) seconds: f64,
    /// Messages of a batch; not known of consumers.
    pub(super) per_batch: Option<f64>,
    /// Seconds of processors that the client took, if it says so.
    pub(super) client_cpu_seconds: Option<f64>,
}

/// The program.
#[derive(Debug)]
pub(super) struct Performance {
    pub(super) program: PathBuf,
    /// Of librdkafka.
    pub(super) version: String,
    /// For its statistics.
    pub(super) folder: PathBuf,
}

impl Performance {
    /// Sends a load, and waits until all of it was acknowledged.
    pub(super) fn produce(&self, load: Load<'_>) -> Result<Outcome> {
        let each = load.messages / load.producers as u64;
        let running = (0..load.producers).map(|number| {
            let statistics = self.folder.join(format!("statistics-{number}.json"));
            // The program adds to it.
            let _ = fs::remove_file(&statistics);
            let child = self.producer(load, each, &statistics).spawn();
            child
                .map(|child| (child, statistics))
                .map_err(|error| format!("{}: {error}", self.program.display()))
        });
        let running: Vec<_> = running.collect();
        let mut outcome = Outcome::default();
        let (mut records, mut batches) = (0.0, 0.0);
        for started in running {
            let (child, statistics) = started?;
            let output = child
                .wait_with_output()
                .map_err(|error| error.to_string())?;
            let text = String::from_utf8_lossy(&output.stdout);
            let (messages, seconds) = parse_produced(&text)
                .ok_or_else(|| format!("rdkafka_performance: {}", text.trim()))?;
            outcome.messages += messages;
            outcome.seconds = outcome.seconds.max(seconds);
            let (more_records, more_batches) = batches_of(&statistics, load.topic);
            records += more_records;
            batches += more_batches;
        }
        outcome.per_batch = (batches > 0.0).then(|| records / batches);
        let wanted = (each * load.producers as u64) as f64;
        match outcome.messages == wanted {
            true => Ok(outcome),
            false => Err(format!(
                "{} of {wanted} messages were delivered",
                outcome.messages
            )),
        }
    }

    /// Reads all partitions from their start until so many messages came.
    pub(super) fn consume(
        &self,
        address: &str,
        topic: &str,
        partitions: usize,
        messages: u64,
    ) -> Result<Outcome> {
        let mut command = program(&self.program);
        command.args(["-C", "-q", "-b", address, "-t", topic, "-o", "beginning"]);
        command.args(["-c", &messages.to_string()]);
        for partition in 0..partitions {
            command.args(["-p", &partition.to_string()]);
        }
        let output = command.output().map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&output.stdout);
        let (messages, seconds) =
            parse_consumed(&text).ok_or_else(|| format!("rdkafka_performance: {}", text.trim()))?;
        Ok(Outcome {
            messages,
            seconds,
            ..Outcome::default()
        })
    }

    fn producer(&self, load: Load<'_>, messages: u64, statistics: &Path) -> Command {
        let mut command = program(&self.program);
        command.args(["-P", "-q", "-t", load.topic, "-z", load.codec]);
        command.args(["-s", &load.value.len_bytes().to_string()]);
        if let Value::Text(text) = load.value {
            command.args(["-m", text]);
        }
        command.args(["-a", &load.acks.to_string()]);
        command.args(["-c", &messages.to_string()]);
        match load.address {
            Some(address) => command.args(["-b", address]),
            None => command.args(["-X", "test.mock.num.brokers=1"]),
        };
        let settings: &[&str] = match load.batching {
            Batching::Large => &BATCHING,
            Batching::Thousand => &THOUSAND,
            Batching::Single => &SINGLE,
        };
        for setting in settings {
            command.args(["-X", setting]);
        }
        let write = format!("cat >> '{}'", statistics.display());
        command.args(["-T", "100", "-Y", &write]);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        command
    }
}

/// Of `% 10 messages produced (1000 bytes), 10 delivered (offset 0, 0 failed) in 5ms: ...`: what was delivered, and the seconds.
fn parse_produced(text: &str) -> Option<(f64, f64)> {
    let line = text
        .lines()
        .rfind(|it| it.contains(" messages produced "))?;
    let delivered = line.split_once("), ")?.1.split_once(" delivered")?.0;
    Some((delivered.parse().ok()?, milliseconds(line)? / 1e3))
}

/// Of `% 10 messages (1000 bytes) consumed in 5ms: ...`.
fn parse_consumed(text: &str) -> Option<(f64, f64)> {
    let line = text.lines().rfind(|it| it.contains(" consumed in "))?;
    let messages = line.split_whitespace().nth(1)?;
    Some((messages.parse().ok()?, milliseconds(line)? / 1e3))
}

/// Of `... in 5ms: ...`.
fn milliseconds(line: &str) -> Option<f64> {
    let (before, _) = line.split_once("ms: ")?;
    before.rsplit(' ').next()?.parse().ok()
}

/// Records and batches of a topic, in the statistics of a producer.
fn batches_of(statistics: &Path, topic: &str) -> (f64, f64) {
    let text = fs::read_to_string(statistics).unwrap_or_default();
    let windows = text.lines().filter_map(|line| {
        let window: Json = serde_json::from_str(line).ok()?;
        let counts = &window["topics"][topic]["batchcnt"];
        Some((counts["sum"].as_f64()?, counts["cnt"].as_f64()?))
    });
    windows.fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_program_says_is_understood() {
        let produced = "% 1000000 messages produced (100000000 bytes), 999999 delivered (offset 3, 1 failed) \
                        in 446ms: 2240000 msgs/s and 224.00 MB/s, 0 produce failures, 0 in queue, no compression\n";
        assert_eq!(parse_produced(produced), Some((999_999.0, 0.446)));
        let consumed = "% 500 messages (50000 bytes) consumed in 20ms: 25000 msgs/s (2.50 MB/s)\n\
                        % Average application fetch latency: 3us\n";
        assert_eq!(parse_consumed(consumed), Some((500.0, 0.02)));
        assert_eq!(parse_produced(consumed), None);
    }
}
