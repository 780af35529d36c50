//! What it costs that a topic checks its records: the same load to one with a contract and to one without.
//!
//! The records are payments without a fault, so all are stored as they came. librdkafka's program sends one of them over and over and shares
//! the processors with the broker; our own sends a thousand different ones on each connection, in requests that were encoded before, so what it shows
//! is the broker.

use std::fs;
use std::path::PathBuf;

use super::super::data;
use super::performance::{Batching, Load, Value};
use super::results::Figures;
use super::server::{Server, Who, number};
use super::setting::{Setting, observe, throughput};
use super::small::{CACHED, DURABLE, Durability};
use crate::Result;

pub(super) const CONTRACTS: &str = "contracts";

/// A topic that checks its records.
pub(super) const CHECKED: &str = "with a contract";
/// One that does not.
pub(super) const UNCHECKED: &str = "without";

/// By librdkafka.
pub(super) const LIBRDKAFKA: &str = "rdkafka_performance";
/// By the program that is not the limit.
pub(super) const PROBE: &str = "4 connections of 2 requests";

const PARTITIONS: usize = 4;
const MESSAGES: u64 = 4_000_000;

/// As many as the connections send.
const PAYMENTS: u64 = 4_000;

/// What is sent, and what a topic holds it to.
#[derive(Debug)]
struct Payments {
    file: PathBuf,
    first: String,
    /// The setting of a topic.
    contract: String,
}

impl Payments {
    fn generate() -> Result<Self> {
        let (file, contract) = data::good_transactions(PAYMENTS)?;
        let read = |path: &PathBuf| {
            fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
        };
        let text = read(&file)?;
        let first = text.lines().next().ok_or("there are no payments")?;
        Ok(Self {
            first: first.to_owned(),
            contract: format!("tamis.contract={}", read(&contract)?),
            file,
        })
    }
}

/// The name of a case at a fixed rate.
pub(super) fn at_rate(durability: Durability) -> String {
    format!("10 k msg/s, {}", durability.name)
}

pub(super) fn run(setting: &mut Setting) {
    let payments = match Payments::generate() {
        Ok(payments) => payments,
        Err(reason) => {
            setting
                .notices
                .push(format!("a validating topic: {reason}"));
            return;
        }
    };
    for round in 1..=setting.rounds {
        eprintln!("a validating topic, round {round} of {}", setting.rounds);
        // Whatever comes second may find what the first has left behind: none is always the second.
        let both = match round % 2 {
            1 => [UNCHECKED, CHECKED],
            _ => [CHECKED, UNCHECKED],
        };
        for who in both {
            if setting.performance.is_some() {
                by_librdkafka(setting, &payments, who);
            }
        }
        for who in both {
            by_probe(setting, &payments, who);
        }
        for durability in [CACHED, DURABLE] {
            for who in both {
                by_rate(setting, &payments, durability, who);
            }
        }
    }
}

fn by_librdkafka(setting: &mut Setting, payments: &Payments, who: &'static str) {
    let messages = setting.scaled(MESSAGES);
    measure(
        setting,
        payments,
        (LIBRDKAFKA, who),
        &[],
        |it, server, topic| {
            let performance = it.performance.as_ref().ok_or("there is no client")?;
            let load = Load {
                address: Some(&server.address),
                topic,
                messages,
                value: Value::Text(&payments.first),
                codec: "lz4",
                acks: 1,
                producers: 1,
                batching: Batching::Thousand,
            };
            let (outcome, usage) = observe(&server.process, || performance.produce(load))?;
            Ok(throughput(outcome, payments.first.len(), Some(usage)))
        },
    );
}

fn by_probe(setting: &mut Setting, payments: &Payments, who: &'static str) {
    let load = ["acks=1", "window=2", "records=1000"];
    measure(setting, payments, (PROBE, who), &[], |it, server, topic| {
        send(it, payments, (server, topic), &load)
    });
}

fn by_rate(setting: &mut Setting, payments: &Payments, durability: Durability, who: &'static str) {
    let case = at_rate(durability);
    let load = ["acks=-1", "rate=10000", "records=10"];
    let configs = durability.of(Who::Tamis);
    measure(
        setting,
        payments,
        (&case, who),
        configs,
        |it, server, topic| send(it, payments, (server, topic), &load),
    );
}

/// Has our own program send payments.
fn send(
    setting: &Setting,
    payments: &Payments,
    (server, topic): (&Server, &str),
    load: &[&str],
) -> Result<Figures> {
    let seconds = format!("seconds={}", setting.seconds(4.0));
    let values = format!("values={}", payments.file.display());
    let words = ["produce", &server.address, topic, &seconds, &values];
    let all = ["codec=lz4", "connections=4", "partitions=4"];
    let send = || setting.probe.run(&[&words[..], &all, load].concat());
    let (answer, usage) = observe(&server.process, send)?;
    let messages = number(&answer, "messages")?;
    Ok(vec![
        ("msg/s", messages / number(&answer, "seconds")?),
        ("CPU s/M msg", usage.cpu_seconds / messages * 1e6),
        ("p50 us", number(&answer, "p50_us")?),
        ("p99 us", number(&answer, "p99_us")?),
        ("peak RSS MB", usage.peak_rss_mb),
    ])
}

fn measure(
    setting: &mut Setting,
    payments: &Payments,
    (case, who): (&str, &'static str),
    configs: &[&str],
    run: impl FnOnce(&Setting, &Server, &str) -> Result<Figures>,
) {
    eprintln!("  {case}, {who}");
    let mut configs = configs.to_vec();
    if who == CHECKED {
        configs.push(&payments.contract);
    }
    let figures = setting.on_topic(Who::Tamis, (PARTITIONS, &configs), |it, server, topic| {
        if who == CHECKED {
            expect_refusal(it, server, topic)?;
        }
        run(it, server, topic)
    });
    if let Some(figures) = figures {
        let figures = figures.map_err(|reason| briefly(&reason));
        setting.results.note(CONTRACTS, case, who, figures);
    }
}

/// Of a command that failed, whose words hold a whole contract. What the broker said has been shown already.
fn briefly(reason: &str) -> String {
    match reason.split_once("tamis.contract=") {
        Some((before, _)) => format!(
            "no topic with `tamis.contract` could be made: {}",
            before.trim_end()
        ),
        None => reason.to_owned(),
    }
}

/// A topic that takes anything would be fast.
fn expect_refusal(setting: &Setting, server: &Server, topic: &str) -> Result<()> {
    let words = ["produce", &server.address, topic, "bytes=1", "size=20"];
    let sent = setting.probe.command(&words).output();
    let sent = sent.map_err(|error| format!("cannot start the probe: {error}"))?;
    let told = String::from_utf8_lossy(&sent.stderr);
    match told.contains("InvalidRecord") {
        true => Ok(()),
        false => Err(format!(
            "the topic did not refuse records that are no payments: {}",
            told.trim()
        )),
    }
}
