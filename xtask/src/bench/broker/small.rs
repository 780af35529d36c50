//! One message a batch, many on their way: here brokers differ, for each message is a request with all that it costs.
//!
//! Pairs have a like durability: Tamis' `write.caching=true` is what Kafka does by default, and Kafka's `flush.messages=1` what Tamis does by
//! default.

use super::performance::{Batching, Load, Value};
use super::server::{Who, number};
use super::setting::{Setting, observe, throughput};

pub(super) const SMALL: &str = "small";

/// What an acknowledgement is worth, and how a topic of each gets there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Durability {
    pub(super) name: &'static str,
    tamis: &'static [&'static str],
    kafka: &'static [&'static str],
}

/// In the page cache.
pub(super) const CACHED: Durability = Durability {
    name: "cached",
    tamis: &["write.caching=true"],
    kafka: &[],
};

/// On stable storage.
pub(super) const DURABLE: Durability = Durability {
    name: "durable",
    tamis: &[],
    kafka: &["flush.messages=1"],
};

impl Durability {
    /// Settings of a topic.
    pub(super) fn of(self, who: Who) -> &'static [&'static str] {
        match who {
            Who::Tamis => self.tamis,
            Who::Kafka => self.kafka,
            Who::Tansu => &[],
        }
    }
}

/// By the program that is not the limit.
pub(super) const PROBE: &str = "8 connections of 32 requests";
/// By librdkafka.
const LIBRDKAFKA: &str = "rdkafka_performance, linger 0";

const PARTITIONS: usize = 4;
const MESSAGES: u64 = 200_000;
const MESSAGES_MIN: u64 = 200;

/// The name of a case.
pub(super) fn case(durability: Durability, client: &str) -> String {
    format!("{}, {client}", durability.name)
}

pub(super) fn run(setting: &mut Setting) {
    for round in 1..=setting.rounds {
        eprintln!("small batches, round {round} of {}", setting.rounds);
        for durability in [CACHED, DURABLE] {
            eprintln!("  {}", durability.name);
            for who in [Who::Tamis, Who::Kafka] {
                by_probe(setting, durability, who);
            }
            for who in [Who::Tamis, Who::Kafka] {
                by_librdkafka(setting, durability, who);
            }
        }
    }
}

fn by_probe(setting: &mut Setting, durability: Durability, who: Who) {
    let case = case(durability, PROBE);
    let topic = (PARTITIONS, durability.of(who));
    setting.measure((SMALL, &case, who), topic, |it, server, topic| {
        let seconds = format!("seconds={}", it.seconds(4.0));
        let words = ["produce", &server.address, topic, "acks=-1", &seconds];
        let load = [
            "partitions=4",
            "connections=8",
            "window=32",
            "records=1",
            "size=100",
        ];
        let send = || it.probe.run(&[&words[..], &load[..]].concat());
        let (answer, usage) = observe(&server.process, send)?;
        let messages = number(&answer, "messages")?;
        Ok(vec![
            ("msg/s", messages / number(&answer, "seconds")?),
            ("CPU s/M msg", usage.cpu_seconds / messages * 1e6),
            ("p50 us", number(&answer, "p50_us")?),
            ("p99 us", number(&answer, "p99_us")?),
        ])
    });
}

fn by_librdkafka(setting: &mut Setting, durability: Durability, who: Who) {
    if setting.performance.is_none() {
        return;
    }
    let case = case(durability, LIBRDKAFKA);
    let topic = (PARTITIONS, durability.of(who));
    setting.measure((SMALL, &case, who), topic, |it, server, topic| {
        let performance = it.performance.as_ref().ok_or("there is no client")?;
        let load = Load {
            address: Some(&server.address),
            topic,
            messages: two_seconds(it, durability, who),
            value: Value::Bytes(100),
            codec: "none",
            acks: -1,
            producers: 1,
            batching: Batching::Single,
        };
        let (outcome, usage) = observe(&server.process, || performance.produce(load))?;
        let mut figures = throughput(outcome, 100, Some(usage));
        figures.retain(|(name, _)| ["msg/s", "CPU s/M msg"].contains(name));
        Ok(figures)
    });
}

/// As many messages as the broker took of the other program in so long: a peer that makes each durable takes a hundred a second.
fn two_seconds(setting: &Setting, durability: Durability, who: Who) -> u64 {
    let case = case(durability, PROBE);
    let rate = setting.results.median(SMALL, &case, who.name(), "msg/s");
    let messages = rate.map_or(MESSAGES_MIN, |it| (2.0 * it) as u64);
    messages.clamp(MESSAGES_MIN, setting.scaled(MESSAGES))
}
