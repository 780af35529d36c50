//! What a megabyte of messages costs beside what it costs at the least: off a socket and into a file, and nothing else.
//!
//! The same program sends the same requests to both, so that all of the difference is the broker's.

use std::io::{BufRead, BufReader};

use serde_json::Value;

use super::probe::parse;
use super::process::Process;
use super::results::Figures;
use super::server::{Who, free_address, number};
use super::setting::{Setting, Usage, observe};
use crate::Result;

pub(super) const FLOOR: &str = "floor";

/// Whose figures are the floor.
pub(super) const BARE: &str = "socket to file";

/// Requests of a kibibyte a message: their name, and messages in them.
const SIZES: [(&str, &str); 2] = [
    ("requests of 1 MB", "records=976"),
    ("requests of 64 KB", "records=62"),
];

/// Until when what was written is on the disk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flushed {
    name: &'static str,
    /// Settings of the floor, and of topics.
    bare: &'static [&'static str],
    tamis: &'static [&'static str],
    kafka: &'static [&'static str],
}

/// Whenever the system sees to it, as Kafka leaves it.
pub(super) const BY_SYSTEM: Flushed = Flushed {
    name: "left to the system",
    bare: &[],
    tamis: &["write.caching=true", "flush.ms=600000"],
    kafka: &[],
};

/// A tenth of a second later, as with Tamis as it comes.
pub(super) const SOON: Flushed = Flushed {
    name: "on the disk 0.1 s later",
    bare: &["flush_ms=100"],
    tamis: &[],
    kafka: &["flush.ms=100"],
};

/// The name of a case.
fn case(requests: &str, flushed: Flushed) -> String {
    format!("{requests}, {}", flushed.name)
}

/// The case of large requests.
pub(super) fn large(flushed: Flushed) -> String {
    case(SIZES[0].0, flushed)
}

const BYTES: u64 = 2_000_000_000;

pub(super) fn run(setting: &mut Setting) {
    for round in 1..=setting.rounds {
        eprintln!("the floor, round {round} of {}", setting.rounds);
        for (requests, records) in SIZES {
            for flushed in [BY_SYSTEM, SOON] {
                run_case(setting, &case(requests, flushed), records, flushed);
            }
        }
    }
}

fn run_case(setting: &mut Setting, case: &str, records: &str, flushed: Flushed) {
    eprintln!("  {case}");
    let figures = bare(setting, records, flushed.bare);
    setting.results.note(FLOOR, case, BARE, figures);
    for (who, configs) in [(Who::Tamis, flushed.tamis), (Who::Kafka, flushed.kafka)] {
        setting.measure((FLOOR, case, who), (1, configs), |it, server, topic| {
            let send = || send(it, &server.address, topic, records);
            let (answer, usage) = observe(&server.process, send)?;
            figures_of(&answer, usage)
        });
    }
}

/// Sends to the floor.
fn bare(setting: &Setting, records: &str, words: &[&str]) -> Result<Figures> {
    let address = free_address()?;
    let path = setting.folder.join("floor");
    let room = (setting.scaled(BYTES) + (4 << 20)).to_string();
    let file = path.to_string_lossy();
    let floor = ["floor", &address, &file, &room];
    let mut command = setting.probe.command(&[&floor[..], words].concat());
    let mut process = Process::start(&mut command)?;
    let stdout = process.child().stdout.take().ok_or("it says nothing")?;
    let mut line = String::new();
    let mut said = BufReader::new(stdout);
    said.read_line(&mut line)
        .map_err(|error| error.to_string())?;
    parse(&line)?;
    setting.touch_memory();
    // It ends with its sender; what it took stands in `/proc` until it is waited for.
    let measured = observe(&process, || send(setting, &address, "floor", records));
    drop(process);
    let _ = std::fs::remove_file(&path);
    measured.and_then(|(answer, usage)| figures_of(&answer, usage))
}

fn send(setting: &Setting, address: &str, topic: &str, records: &str) -> Result<Value> {
    let bytes = format!("bytes={}", setting.scaled(BYTES));
    let words = ["produce", address, topic, "acks=1", "size=1024", "window=5"];
    setting
        .probe
        .run(&[&words[..], &[records, bytes.as_str()]].concat())
}

fn figures_of(answer: &Value, usage: Usage) -> Result<Figures> {
    let bytes = number(answer, "bytes")?;
    Ok(vec![
        ("MB/s", bytes / number(answer, "seconds")? / 1e6),
        (
            "batches/s",
            number(answer, "batches")? / number(answer, "seconds")?,
        ),
        ("CPU s/GB", usage.cpu_seconds / bytes * 1e9),
    ])
}
