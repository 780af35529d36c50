//! What contracts found.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Kind, Page, escaped, seconds};
use crate::metrics::Verdicts;
use crate::topics::Topic;

/// What there is to say of a topic with a contract.
type OfContract = (&'static str, &'static str, fn(&Verdicts) -> f64);

const OF_CONTRACTS: &[OfContract] = &[
    (
        "tamis_contract_dead_letters_total",
        "Records put into the topic of dead letters since the start.",
        |it| it.dead_letters.load(Ordering::Relaxed) as f64,
    ),
    (
        "tamis_contract_batches_rejected_total",
        "Batches refused since the start for their records, or because the contract cannot be used.",
        |it| it.batches_rejected.load(Ordering::Relaxed) as f64,
    ),
    (
        "tamis_contract_check_seconds_total",
        "Time that unpacking and checking records took, all threads together.",
        |it| seconds(it.check_ns.load(Ordering::Relaxed)),
    ),
];

impl Page {
    /// What contracts found, of topics that have one, or had.
    pub(super) fn put_contracts(&mut self, topics: &[Arc<Topic>]) {
        let load = |it: &AtomicU64| it.load(Ordering::Relaxed);
        let looks = |it: &&Arc<Topic>| it.gate().is_some() || !it.verdicts.is_empty();
        let checked: Vec<_> = topics.iter().filter(looks).collect();
        let name = "tamis_contract_records_total";
        let help = "Records held against the contract of their topic since the start.";
        self.put_head(name, Kind::Counter, help);
        for topic in &checked {
            let (name_of_topic, verdicts) = (topic.name(), &topic.verdicts);
            for (verdict, count) in [("good", &verdicts.good), ("bad", &verdicts.bad)] {
                let labels = format!("{{topic=\"{name_of_topic}\",verdict=\"{verdict}\"}}");
                self.put_value(name, &labels, load(count));
            }
        }
        let name = "tamis_contract_violations_total";
        let help = "How often records broke a rule since the start.";
        self.put_head(name, Kind::Counter, help);
        for topic in &checked {
            for ((column, rule), count) in topic.verdicts.by_rule() {
                let column = escaped(column.as_deref().unwrap_or_default());
                let (topic, rule) = (topic.name(), escaped(&rule));
                let labels = format!("{{topic=\"{topic}\",column=\"{column}\",rule=\"{rule}\"}}");
                self.put_value(name, &labels, count);
            }
        }
        for (name, help, value) in OF_CONTRACTS {
            self.put_head(name, Kind::Counter, help);
            for topic in &checked {
                let label = format!("{{topic=\"{}\"}}", topic.name());
                self.put_value(name, &label, value(&topic.verdicts));
            }
        }
    }
}
