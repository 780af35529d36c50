//! What contracts found, as the page shows it: by topic, by rule, and the last bad records themselves.

use std::cmp::Reverse;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use super::snapshot::keep_first;
use crate::gate::{CONTRACT, OFF};
#[cfg(doc)]
use crate::metrics::Fate;
use crate::metrics::Refusal;
use crate::topics::Topic;

/// Records that broke a rule which are told.
const REFUSALS_MAX: usize = 25;

/// Characters of a text that came with records.
const TEXT_MAX: usize = 400;

/// What contracts found, worst first.
#[derive(Debug, Default, Serialize)]
pub(super) struct Contracts {
    /// Topics that have a contract, or had one since the start.
    count: usize,
    good: u64,
    bad: u64,
    dead_letters: u64,
    batches_rejected: u64,
    topics: Vec<ContractRow>,
    /// How many rules were broken, topic by topic.
    rule_count: usize,
    rules: Vec<RuleRow>,
}

#[derive(Debug, Serialize)]
struct ContractRow {
    topic: String,
    standing: &'static str,
    good: u64,
    bad: u64,
    dead_letters: u64,
    batches_rejected: u64,
    check_ns: u64,
}

#[derive(Debug, Serialize)]
struct RuleRow {
    topic: String,
    column: Option<String>,
    rule: String,
    count: u64,
}

impl Contracts {
    pub(super) fn of(all: &[Arc<Topic>]) -> Contracts {
        let mut contracts = Contracts::default();
        for topic in all {
            let Some(row) = ContractRow::of(topic) else {
                continue;
            };
            contracts.good += row.good;
            contracts.bad += row.bad;
            contracts.dead_letters += row.dead_letters;
            contracts.batches_rejected += row.batches_rejected;
            let broken = topic.verdicts.by_rule().into_iter();
            contracts
                .rules
                .extend(broken.map(|((column, rule), count)| RuleRow {
                    topic: row.topic.clone(),
                    column,
                    rule,
                    count,
                }));
            contracts.topics.push(row);
        }
        contracts.count = contracts.topics.len();
        contracts.rule_count = contracts.rules.len();
        keep_first(&mut contracts.topics, |it| {
            (Reverse(it.bad), it.topic.clone())
        });
        keep_first(&mut contracts.rules, |it| {
            let of = (it.topic.clone(), it.column.clone(), it.rule.clone());
            (Reverse(it.count), of)
        });
        contracts
    }
}

impl ContractRow {
    /// `None`: the topic never had a contract, as far as is known.
    fn of(topic: &Topic) -> Option<ContractRow> {
        let load = |it: &AtomicU64| it.load(Ordering::Relaxed);
        let standing = standing(topic);
        if standing == NONE && topic.verdicts.is_empty() {
            return None;
        }
        Some(ContractRow {
            topic: topic.name().to_owned(),
            standing,
            good: load(&topic.verdicts.good),
            bad: load(&topic.verdicts.bad),
            dead_letters: load(&topic.verdicts.dead_letters),
            batches_rejected: load(&topic.verdicts.batches_rejected),
            check_ns: load(&topic.verdicts.check_ns),
        })
    }
}

/// Nothing is held against it, and there is no contract either.
const NONE: &str = "none";

/// How a topic stands to its contract, by its gate, which is what producers meet: what becomes of records that break it ([`Fate`]), that
/// all are refused since it cannot be used, or that nobody looks.
fn standing(topic: &Topic) -> &'static str {
    match topic.gate() {
        Some(gate) if gate.is_shut() => "shut",
        Some(gate) => gate.fate().name(),
        None if topic.settings().value(CONTRACT).is_some() => OFF,
        None => NONE,
    }
}

/// A record that broke a rule.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    at_ms: i64,
    topic: String,
    partition: i32,
    index: i32,
    fate: &'static str,
    reason: String,
    value: String,
}

/// The last of them, newest first.
pub(super) fn shown<'r>(refusals: impl Iterator<Item = &'r Refusal>) -> Vec<Shown> {
    let last = refusals.take(REFUSALS_MAX);
    last.map(|it| Shown {
        at_ms: it.at_ms,
        topic: it.topic.clone(),
        partition: it.partition,
        index: it.index,
        fate: it.fate.name(),
        reason: beginning(&it.reason),
        value: beginning(&it.value),
    })
    .collect()
}

fn beginning(text: &str) -> String {
    match text.char_indices().nth(TEXT_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::broker::{Broker, Options};
    use crate::metrics::{Fate, Refusals};
    use crate::topics::Settings;

    const CONTRACT: &str = "apiVersion: v3.1.0\nkind: DataContract\nid: t\nversion: 1.0.0\nstatus: active\n\
                            schema: [{name: t, properties: [{name: id, logicalType: string}]}]\n";

    /// A topic, its settings, and how it stands.
    type Case<'c> = (&'c str, &'c [(&'c str, &'c str)], Option<&'c str>);

    #[test]
    fn how_a_topic_stands_is_what_producers_meet() {
        let folder = TempDir::new().expect("a folder");
        let (broker, _) = Broker::open(Options::new(folder.path())).expect("it opens");
        let held = ("tamis.contract", CONTRACT);
        let cases: [Case<'_>; 7] = [
            ("a", &[], None),
            ("b", &[held], Some("rejected")),
            (
                "c",
                &[held, ("tamis.on.invalid", "dead-letter")],
                Some("dead-letter"),
            ),
            ("d", &[held, ("tamis.on.invalid", "tag")], Some("tagged")),
            ("e", &[held, ("tamis.dry.run", "true")], Some("passed")),
            ("f", &[held, ("tamis.on.invalid", "off")], Some("off")),
            // Nothing passes, and nothing did yet.
            ("g", &[("tamis.on.invalid", "tag")], Some("shut")),
        ];
        for (name, given, expected) in cases {
            let mut settings = Settings::default();
            for (name, value) in given {
                settings.set(name, value).expect("it is taken");
            }
            let topic = broker.topics.create(name, 1, settings).expect("it is made");
            let row = ContractRow::of(&topic);
            assert_eq!(row.map(|it| it.standing), expected, "{name}");
        }
        // What was found is told though nobody looks any more.
        let topic = broker.topics.topic("a").expect("it is there");
        topic.verdicts.note_batch(1, 0);
        assert_eq!(ContractRow::of(&topic).map(|it| it.standing), Some("none"));
    }

    #[test]
    fn what_came_with_records_is_cut() {
        let refusals = Refusals::default();
        for index in 0..REFUSALS_MAX as i32 + 1 {
            refusals.note(Refusal {
                at_ms: 1,
                topic: "orders".to_owned(),
                partition: 0,
                index,
                fate: Fate::DeadLetter,
                reason: "amount: minimum".to_owned(),
                value: "ß".repeat(TEXT_MAX + 1),
            });
        }
        let shown = shown(refusals.last().iter());
        assert_eq!(shown.len(), REFUSALS_MAX);
        assert_eq!(shown[0].value, format!("{}…", "ß".repeat(TEXT_MAX)));
        let told = serde_json::to_value(&shown[0]).expect("JSON");
        assert_eq!(
            (&told["fate"], &told["index"]),
            (&"dead-letter".into(), &25.into())
        );
    }
}
