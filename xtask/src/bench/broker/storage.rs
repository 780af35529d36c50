//! The log alone, in one process without a socket; and what comes out of sealed segments over one.

use std::fs;

use super::server::{Who, number};
use super::setting::{Setting, observe};

/// Appending in process.
pub(super) const ENGINE: &str = "engine";
/// Reading over one connection.
pub(super) const FETCH: &str = "fetch";

/// Appending: the name of a case, threads and whether it ends when all is durable.
const CASES: [(&str, &str, &str); 4] = [
    ("cached, threads 1", "threads=1", "durable=0"),
    ("cached, threads 2", "threads=2", "durable=0"),
    ("durable, threads 1", "threads=1", "durable=1"),
    ("durable, threads 2", "threads=2", "durable=1"),
];

/// Making partitions durable, each with a producer that waits for it.
pub(super) const FLUSH: &str = "flush";

/// How, by name.
const FLUSHES: [(&str, &str); 2] = [("threads", "ring=0"), ("io_uring", "ring=1")];

const MESSAGES: u64 = 10_000_000;

/// Six segments, all but the last of them sealed.
const FETCH_BYTES: u64 = 1_500_000_000;

/// Names of the cases of [`ENGINE`].
pub(super) fn cases() -> impl Iterator<Item = &'static str> {
    CASES.iter().map(|(name, ..)| *name)
}

/// The case of [`FETCH`].
pub(super) const SEALED: &str = "sealed segments";

pub(super) fn run_engine(setting: &mut Setting) {
    for round in 1..=setting.rounds {
        eprintln!("the engine, round {round} of {}", setting.rounds);
        for (case, threads, durable) in CASES {
            eprintln!("  {case}");
            let folder = setting.folder.join("engine");
            let messages = format!("messages={}", setting.scaled(MESSAGES));
            let path = folder.to_string_lossy().into_owned();
            let words = ["append", &path, threads, durable, &messages];
            let run = setting.probe.run(&words).and_then(|answer| {
                let seconds = number(&answer, "seconds")?;
                Ok(vec![
                    ("msg/s", number(&answer, "messages")? / seconds),
                    ("batches/s", number(&answer, "batches")? / seconds),
                    ("MB/s", number(&answer, "bytes")? / seconds / 1e6),
                ])
            });
            setting.results.note(ENGINE, case, Who::Tamis.name(), run);
            // The next is to find the disk as this one did.
            let _ = fs::remove_dir_all(&folder);
        }
    }
}

pub(super) fn run_flush(setting: &mut Setting) {
    for round in 1..=setting.rounds {
        eprintln!("flushing, round {round} of {}", setting.rounds);
        for count in [1, 4, 16, 64] {
            let case = format!("partitions {count}");
            let partitions = format!("partitions={count}");
            let seconds = format!("seconds={}", setting.seconds(3.0));
            for (how, ring) in FLUSHES {
                let folder = setting.folder.join("flush");
                let path = folder.to_string_lossy().into_owned();
                let run = setting
                    .probe
                    .run(&["flush", &path, &partitions, &seconds, ring]);
                let run = run.and_then(|answer| {
                    let flushes = number(&answer, "flushes")?;
                    Ok(vec![
                        ("flush/s", flushes / number(&answer, "seconds")?),
                        ("p50 us", number(&answer, "p50_us")?),
                        ("p99 us", number(&answer, "p99_us")?),
                        (
                            "CPU s/M flush",
                            number(&answer, "cpu_seconds")? / flushes * 1e6,
                        ),
                    ])
                });
                setting.results.note(FLUSH, &case, how, run);
                let _ = fs::remove_dir_all(&folder);
            }
        }
    }
}

pub(super) fn run_fetch(setting: &mut Setting) {
    for round in 1..=setting.rounds {
        eprintln!("fetching, round {round} of {}", setting.rounds);
        for who in [Who::Tamis, Who::Kafka] {
            // Kafka's segments are four times as long by default.
            let topic = (1, &["segment.bytes=268435456"][..]);
            setting.measure((FETCH, SEALED, who), topic, |it, server, topic| {
                let bytes = format!("bytes={}", it.scaled(FETCH_BYTES));
                let words = ["produce", &server.address, topic, "acks=1", &bytes];
                let load = ["window=5", "records=62", "size=1024"];
                let sent = it.probe.run(&[&words[..], &load[..]].concat())?;
                let messages = number(&sent, "messages")?.to_string();
                let read = || it.probe.run(&["fetch", &server.address, topic, &messages]);
                let (answer, usage) = observe(&server.process, read)?;
                let bytes = number(&answer, "bytes")?;
                Ok(vec![
                    ("MB/s", bytes / number(&answer, "seconds")? / 1e6),
                    ("CPU s/GB", usage.cpu_seconds / bytes * 1e9),
                    ("peak RSS MB", usage.peak_rss_mb),
                ])
            });
        }
    }
}
