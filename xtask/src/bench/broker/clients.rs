//! Other clients: confluent-kafka from Python, and the tools that come with Kafka, which are Java's client.

use std::process::Command;

use super::performance::Outcome;
use super::probe::parse;
use super::server::{Who, number};
use super::setting::{Extent, Setting, observe, throughput};
use crate::Result;
use crate::command::output;
use crate::python::Python;

pub(super) const CLIENTS: &str = "clients";

const SCRIPT: &str = "benches/broker/confluent.py";

const MESSAGES: u64 = 1_000_000;
const SIZES: [usize; 2] = [100, 1024];
const PARTITIONS: usize = 4;

/// A client that has never seen the broker it is measured with.
#[derive(Clone, Copy, Debug)]
enum Client {
    Confluent,
    Java,
}

impl Client {
    fn name(self) -> &'static str {
        match self {
            Self::Confluent => "confluent-kafka",
            Self::Java => "Java's perf tools",
        }
    }

    fn is_there(self, setting: &Setting) -> bool {
        match self {
            Self::Confluent => setting.python.is_some(),
            Self::Java => setting.kafka.is_some(),
        }
    }
}

pub(super) fn run(setting: &mut Setting) {
    for round in 1..=setting.rounds {
        eprintln!("other clients, round {round} of {}", setting.rounds);
        let sizes = match setting.extent {
            Extent::Quick => &SIZES[..1],
            Extent::Usual | Extent::Full => &SIZES,
        };
        for &size in sizes {
            for client in [Client::Confluent, Client::Java] {
                for who in [Who::Tamis, Who::Kafka, Who::Tansu] {
                    // A new broker each time: once is enough.
                    if client.is_there(setting) && (who != Who::Tansu || round == 1) {
                        measure(setting, client, size, who);
                    }
                }
            }
        }
    }
}

/// Produces and then consumes.
fn measure(setting: &mut Setting, client: Client, size: usize, who: Who) {
    let case = |verb: &str| format!("{}, {verb}, {size} B", client.name());
    let produce = case("produce");
    let mut consumed = None;
    setting.measure(
        (CLIENTS, &produce, who),
        (PARTITIONS, &[]),
        |it, server, topic| {
            let work = Work {
                address: &server.address,
                topic,
                messages: it.scaled(MESSAGES),
                size,
            };
            let (outcome, usage) = observe(&server.process, || client.produce(it, work))?;
            let (read, read_usage) = observe(&server.process, || client.consume(it, work))?;
            consumed = Some(match read.messages >= work.messages as f64 {
                true => Ok(throughput(read, size, Some(read_usage))),
                false => Err(format!("{} messages came", read.messages)),
            });
            Ok(throughput(outcome, size, Some(usage)))
        },
    );
    if let Some(figures) = consumed {
        let consume = case("consume");
        setting.results.note(CLIENTS, &consume, who.name(), figures);
    }
}

/// What a client is to do.
#[derive(Clone, Copy, Debug)]
struct Work<'a> {
    address: &'a str,
    topic: &'a str,
    messages: u64,
    size: usize,
}

impl Client {
    fn produce(self, setting: &Setting, work: Work<'_>) -> Result<Outcome> {
        let (count, size) = (work.messages.to_string(), work.size.to_string());
        match self {
            Self::Confluent => {
                let python = setting.python.as_ref().ok_or("there is no Python")?;
                confluent(
                    python,
                    &["produce", work.address, work.topic, &count, &size],
                )
            }
            Self::Java => {
                let mut tool = java(setting, "ProducerPerformance", work)?;
                tool.args(["--record-size", &size, "--throughput", "-1"]);
                tool.args(["--command-property", "linger.ms=5"]);
                let said = output(&mut tool)?;
                parse_java_produced(&said).ok_or(said)
            }
        }
    }

    fn consume(self, setting: &Setting, work: Work<'_>) -> Result<Outcome> {
        let count = work.messages.to_string();
        match self {
            Self::Confluent => {
                let python = setting.python.as_ref().ok_or("there is no Python")?;
                confluent(python, &["consume", work.address, work.topic, &count])
            }
            Self::Java => {
                let said = output(&mut java(setting, "ConsumerPerformance", work)?)?;
                parse_java_consumed(&said).ok_or(said)
            }
        }
    }
}

/// A tool of Kafka's, told what all of them need to know.
fn java(setting: &Setting, tool: &str, work: Work<'_>) -> Result<Command> {
    let kafka = setting.kafka.as_ref().ok_or("there is no Java")?;
    let mut command = kafka.tool(&format!("org.apache.kafka.tools.{tool}"));
    command.args(["--bootstrap-server", work.address, "--topic", work.topic]);
    command.args(["--num-records", &work.messages.to_string()]);
    Ok(command)
}

/// Runs the script.
pub(super) fn confluent(python: &Python, words: &[&str]) -> Result<Outcome> {
    script(python, SCRIPT, words)
}

/// Runs a script with confluent-kafka that says what came of it.
pub(super) fn script(python: &Python, path: &str, words: &[&str]) -> Result<Outcome> {
    let answer = output(python.script(path).args(words))?;
    let answer = parse(answer.lines().last().unwrap_or_default())?;
    Ok(Outcome {
        messages: number(&answer, "messages")?,
        seconds: number(&answer, "seconds")?,
        client_cpu_seconds: answer["cpu_seconds"].as_f64(),
        per_batch: None,
    })
}

/// Of `1000 records sent, 500.0 records/sec (0.05 MB/sec), 1.2 ms avg latency, ...`: the last such line is of all.
fn parse_java_produced(text: &str) -> Option<Outcome> {
    let line = text.lines().rfind(|it| it.contains("records sent"))?;
    let mut words = line.split_whitespace();
    let messages: f64 = words.next()?.parse().ok()?;
    let rate: f64 = words.nth(2)?.parse().ok()?;
    Some(Outcome {
        messages,
        seconds: messages / rate,
        ..Outcome::default()
    })
}

/// Of a table with names in its first line: how many came, and how fast while partitions were fetched from.
fn parse_java_consumed(text: &str) -> Option<Outcome> {
    let mut lines = text.lines().filter(|it| it.contains(", "));
    let names: Vec<_> = lines.next()?.split(", ").collect();
    let values: Vec<_> = lines.next()?.split(", ").collect();
    let value = |name: &str| -> Option<f64> {
        let at = names.iter().position(|it| it.trim() == name)?;
        values.get(at)?.trim().parse().ok()
    };
    let messages = value("data.consumed.in.nMsg").or_else(|| value("data.consumed.in.nRecords"))?;
    Some(Outcome {
        messages,
        seconds: value("fetch.time.ms")? / 1e3,
        ..Outcome::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_tools_say_is_understood() {
        let said = "500 records sent, 100.0 records/sec (0.01 MB/sec), 5.0 ms avg latency\n\
                    1000 records sent, 250.0 records/sec (0.02 MB/sec), 1.20 ms avg latency, 9.00 ms max latency.\n";
        let produced = parse_java_produced(said).expect("two lines of it");
        assert_eq!((produced.messages, produced.seconds), (1000.0, 4.0));
        let said = "start.time, end.time, data.consumed.in.MB, data.consumed.in.nMsg, fetch.time.ms\n\
                    2026-01-01 00:00:00:000, 2026-01-01 00:00:01:000, 1.5, 1000, 500\n";
        let consumed = parse_java_consumed(said).expect("a table");
        assert_eq!((consumed.messages, consumed.seconds), (1000.0, 0.5));
    }
}
