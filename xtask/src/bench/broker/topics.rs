//! Topics as inputs: `tamis check kafka://…` beside a loop that reads the same topic and throws it away.
//!
//! A topic is filled once with transactions as JSON, of which one in a hundred breaks the contract, in batches of a thousand packed by lz4. All read it
//! then from its beginning to its end, in turns.
//!
//! The loop is in Python, and counts what confluent-kafka's `consume` hands it. It runs at librdkafka's stock settings, which have it wait for a second
//! whenever its queue is full, and with how much and how soon Tamis fetches; only beside the second, which is faster, is a share worth something.
//! It is timed from its first message to its last, Tamis as a whole process, from its start to the end of its report: what that makes of
//! a difference is in the loop's favour. A report that does not tell as many records, and bad ones, as were sent is no measurement.

use std::process::Stdio;
use std::time::Instant;

use serde_json::Value;

use super::super::data::Data;
use super::clients::script;
use super::performance::Outcome;
use super::process::waited_for_cpu_seconds;
use super::results::Figures;
use super::server::{Server, Who, number};
use super::setting::{Setting, observe, throughput};
use crate::Result;
use crate::command::{program, target};

pub(super) const TOPICS: &str = "topics";

/// What is read.
pub(super) const CASE: &str = "4 partitions";

/// The loop that fetches as Tamis does.
pub(super) const BARE: &str = "bare loop, Tamis' settings";
/// The verb that is held against it.
pub(super) const CHECK: &str = "tamis check";

const TOPIC: &str = "bench-topics";
const SCRIPT: &str = "benches/broker/bare.py";
const MESSAGES: u64 = 4_000_000;

/// Different ones: a batch for each connection, which sends it over and over.
const ROWS: u64 = 40_000;
const LOAD: [&str; 6] = [
    "connections=40",
    "records=1000",
    "codec=lz4",
    "acks=1",
    "window=2",
    "partitions=4",
];

/// How much `crates/kafka/src/consumer.rs` has librdkafka fetch, and how soon. Not what makes it more careful, such as checksums.
const FETCHING: [&str; 3] = [
    "queued.max.messages.kbytes=32768",
    "fetch.queue.backoff.ms=10",
    "fetch.wait.max.ms=100",
];

/// Who reads.
#[derive(Clone, Copy, Debug)]
enum Reader {
    /// The program in Python, with these settings.
    Loop(&'static [&'static str]),
    /// A verb of ours, with these options; where its report has the records.
    Verb(&'static str, &'static [&'static str], &'static str),
    /// The verb that also tells the bad ones.
    Check,
}

const READERS: [(&str, Reader); 5] = [
    ("bare loop, stock settings", Reader::Loop(&[])),
    (BARE, Reader::Loop(&FETCHING)),
    (CHECK, Reader::Check),
    ("tamis stats", Reader::Verb("stats", &[], "/rows/total")),
    (
        "tamis count",
        Reader::Verb("count", &["--records"], "/total/records"),
    ),
];

/// The topic, and what is in it.
struct Filled {
    address: String,
    data: Data,
    messages: u64,
    invalid: u64,
}

pub(super) fn run(setting: &mut Setting) {
    let Some(server) = setting.server(Who::Tamis) else {
        return;
    };
    let filled = server.and_then(|server| Ok((fill(setting, &server)?, server)));
    let (filled, server) = match filled {
        Ok(filled) => filled,
        Err(reason) => {
            setting.notices.push(format!("topics as inputs: {reason}"));
            return;
        }
    };
    for round in 1..=setting.rounds {
        eprintln!("topics as inputs, round {round} of {}", setting.rounds);
        for (who, reader) in READERS {
            if matches!(reader, Reader::Loop(_)) && setting.python.is_none() {
                continue;
            }
            let figures = measure(setting, &server, &filled, reader);
            setting.results.note(TOPICS, CASE, who, figures);
        }
    }
    if let Err(reason) = setting.probe.run(&["delete", &server.address, TOPIC]) {
        eprintln!("NOTICE: `{TOPIC}` is still there: {reason}");
    }
}

fn fill(setting: &Setting, server: &Server) -> Result<Filled> {
    let data = Data::generate(ROWS)?;
    let address = server.address.clone();
    setting.probe.run(&["create", &address, TOPIC, "4"])?;
    setting.touch_memory();
    let values = format!("values={}", data.jsonl.display());
    let messages = format!("messages={}", setting.scaled(MESSAGES));
    let words = ["produce", &address, TOPIC, &values, &messages];
    let answer = setting.probe.run(&[&words[..], &LOAD].concat())?;
    let messages = number(&answer, "messages")? as u64;
    Ok(Filled {
        address,
        messages,
        // Each row is there as often as every other.
        invalid: messages / ROWS * data.invalid,
        data,
    })
}

fn measure(setting: &Setting, server: &Server, filled: &Filled, reader: Reader) -> Result<Figures> {
    let read = || match reader {
        Reader::Loop(settings) => {
            let python = setting.python.as_ref().ok_or("there is no Python")?;
            let words = [&[filled.address.as_str(), TOPIC], settings].concat();
            let outcome = script(python, SCRIPT, &words)?;
            expect("messages", Some(outcome.messages as u64), filled.messages)?;
            Ok(outcome)
        }
        Reader::Verb(verb, options, place) => {
            let (report, outcome) = verb_reads(filled, verb, options)?;
            expect("records", count(&report, place), filled.messages)?;
            Ok(outcome)
        }
        Reader::Check => {
            let contract = filled.data.contract.to_string_lossy();
            let (report, outcome) = verb_reads(filled, "check", &["--contract", &contract])?;
            expect("records", count(&report, "/rows/total"), filled.messages)?;
            expect("bad ones", count(&report, "/rows/invalid"), filled.invalid)?;
            Ok(outcome)
        }
    };
    let (outcome, usage) = observe(&server.process, read)?;
    // Without their line ends.
    let size = filled.data.jsonl_bytes / ROWS - 1;
    Ok(throughput(outcome, size as usize, Some(usage)))
}

/// Runs a verb on the topic: its report, and what it took as a whole process.
fn verb_reads(filled: &Filled, verb: &str, options: &[&str]) -> Result<(Value, Outcome)> {
    let topic = format!("kafka://{}/{TOPIC}", filled.address);
    let mut command = program(target().join("release/tamis"));
    command
        .args([verb, &topic, "--json", "--quiet"])
        .args(options);
    command.stderr(Stdio::inherit());
    let cpu_before = waited_for_cpu_seconds();
    let start = Instant::now();
    let output = command.output();
    let seconds = start.elapsed().as_secs_f64();
    let output = output.map_err(|error| format!("tamis {verb}: {error}"))?;
    // That there are bad records is what the exit code tells as well.
    let report = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("tamis {verb} ({}): {error}", output.status))?;
    let outcome = Outcome {
        messages: filled.messages as f64,
        seconds,
        client_cpu_seconds: Some(waited_for_cpu_seconds() - cpu_before),
        per_batch: None,
    };
    Ok((report, outcome))
}

fn count(report: &Value, place: &str) -> Option<u64> {
    report.pointer(place)?.as_u64()
}

fn expect(what: &str, found: Option<u64>, expected: u64) -> Result<()> {
    match found {
        Some(found) if found == expected => Ok(()),
        Some(found) => Err(format!("{found} {what} instead of {expected}")),
        None => Err(format!("the report does not tell how many {what}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::root;

    #[test]
    fn the_loop_fetches_as_tamis_does() {
        let path = root().join("crates/kafka/src/consumer.rs");
        let source = std::fs::read_to_string(path).expect("it is where the fetching is");
        let ahead = source.split_once("AHEAD_KIB: &str = ");
        let (ahead, _) = ahead
            .and_then(|(_, rest)| rest.split_once(';'))
            .expect("a constant");
        let said = source.replace("AHEAD_KIB)", &format!("{ahead})"));
        for setting in FETCHING {
            let (name, value) = setting.split_once('=').expect("a setting has a value");
            let pair = format!("(\"{name}\", \"{value}\")");
            assert!(said.contains(&pair), "{pair} is not what it says");
        }
    }

    #[test]
    fn a_report_of_fewer_records_is_no_measurement() {
        let report = serde_json::json!({ "rows": { "total": 39_999 } });
        assert_eq!(
            expect("records", count(&report, "/rows/total"), 39_999),
            Ok(())
        );
        assert!(expect("records", count(&report, "/rows/total"), 40_000).is_err());
        assert!(expect("records", count(&report, "/total/records"), 39_999).is_err());
    }
}
