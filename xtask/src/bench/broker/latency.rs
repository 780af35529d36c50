//! How long a producer waits at a fixed rate, and what group commit makes of many producers that wait.
//!
//! Measured by the client, the same for both: Kafka tells the times inside it in whole milliseconds, of a sample that reaches minutes
//! back. A request is on its way every millisecond, over four connections.

use super::results::Figures;
use super::server::{Server, Who, number};
use super::setting::{Setting, observe};
use super::small::{CACHED, DURABLE, Durability};
use crate::Result;

pub(super) const LATENCY: &str = "latency";
/// Producers that wait for each message.
pub(super) const GROUP: &str = "group commit";

/// Messages a second, and how many of them go together.
const RATES: [(&str, &str, &str); 2] = [
    ("10 k msg/s", "rate=10000", "records=10"),
    ("100 k msg/s", "rate=100000", "records=100"),
];

const PRODUCERS: [&str; 3] = ["1", "8", "64"];

/// Names of the rates.
pub(super) fn rates() -> impl Iterator<Item = &'static str> {
    RATES.iter().map(|(name, ..)| *name)
}

/// The name of a case.
pub(super) fn case(durability: Durability, rate: &str) -> String {
    format!("{}, {rate}", durability.name)
}

pub(super) fn run_rates(setting: &mut Setting) {
    for round in 1..=setting.rounds {
        eprintln!("latency, round {round} of {}", setting.rounds);
        for durability in [CACHED, DURABLE] {
            for (name, rate, records) in RATES {
                let case = case(durability, name);
                eprintln!("  {case}");
                for who in [Who::Tamis, Who::Kafka] {
                    let load = [rate, records, "connections=4", "partitions=4", "size=100"];
                    measure(setting, (LATENCY, &case, who), (4, durability), &load);
                }
            }
        }
    }
}

pub(super) fn run_groups(setting: &mut Setting) {
    for round in 1..=setting.rounds {
        eprintln!("group commit, round {round} of {}", setting.rounds);
        for producers in PRODUCERS {
            let case = format!("producers {producers}");
            eprintln!("  {case}");
            for who in [Who::Tamis, Who::Kafka] {
                let connections = format!("connections={producers}");
                let load = [connections.as_str(), "window=1", "records=1", "size=100"];
                measure(setting, (GROUP, &case, who), (1, DURABLE), &load);
            }
        }
    }
}

fn measure(
    setting: &mut Setting,
    place: (&'static str, &str, Who),
    (partitions, durability): (usize, Durability),
    load: &[&str],
) {
    let topic = (partitions, durability.of(place.2));
    setting.measure(place, topic, |it, server, topic| {
        let seconds = format!("seconds={}", it.seconds(4.0));
        let words = ["produce", &server.address, topic, "acks=-1", &seconds];
        let syncs = Syncs::look(server, place.2);
        let send = || it.probe.run(&[&words[..], load].concat());
        let (answer, usage) = observe(&server.process, send)?;
        let messages = number(&answer, "messages")?;
        let elapsed = number(&answer, "seconds")?;
        let mut figures = vec![("msg/s", messages / elapsed)];
        if let Some(count) = syncs.since(server) {
            figures.push(("fsync/s", count / elapsed));
            figures.push(("messages a fsync", messages / count));
        }
        push_latencies(&mut figures, &answer)?;
        figures.push(("CPU s/M msg", usage.cpu_seconds / messages * 1e6));
        Ok(figures)
    });
}

fn push_latencies(figures: &mut Figures, answer: &serde_json::Value) -> Result<()> {
    for (figure, name) in [
        ("p50 us", "p50_us"),
        ("p99 us", "p99_us"),
        ("p99.9 us", "p999_us"),
    ] {
        figures.push((figure, number(answer, name)?));
    }
    Ok(())
}

/// How often files were made durable, as far as a broker tells.
struct Syncs(Option<f64>);

const SYNCS: &str = "tamis_sync_duration_seconds_count";

impl Syncs {
    fn look(server: &Server, who: Who) -> Self {
        Self((who == Who::Tamis).then(|| server.metric(SYNCS)))
    }

    /// `None`: it does not tell, or there were none.
    fn since(&self, server: &Server) -> Option<f64> {
        let count = server.metric(SYNCS) - self.0?;
        (count > 0.0).then_some(count)
    }
}
