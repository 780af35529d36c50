//! What contracts found in the batches of producers.
//!
//! Each topic counts its own ([`Verdicts`]). Of records that broke a rule the broker keeps the last few of all topics with their
//! reasons ([`Refusals`]), for whoever looks at the moment; where they are kept for good is the matter of the topic's mode.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Refusals that are kept.
const REFUSALS_MAX: usize = 100;

/// A rule by the column that it is about, if it is about one, and the contract's word for it.
pub(crate) type RuleKey = (Option<String>, String);

/// What the contract of one topic found, since the topic was opened.
#[derive(Debug, Default)]
pub(crate) struct Verdicts {
    /// Records that keep the contract.
    pub(crate) good: AtomicU64,
    /// Records that break it.
    pub(crate) bad: AtomicU64,
    /// Records that were put into the topic of dead letters.
    pub(crate) dead_letters: AtomicU64,
    /// Batches that were refused whole.
    pub(crate) batches_rejected: AtomicU64,
    /// Nanoseconds that unpacking and checking took.
    pub(crate) check_ns: AtomicU64,
    by_rule: Mutex<BTreeMap<RuleKey, u64>>,
}

impl Verdicts {
    /// Whether nothing was checked, and nothing refused.
    pub(crate) fn is_empty(&self) -> bool {
        let all = [
            &self.good,
            &self.bad,
            &self.batches_rejected,
            &self.check_ns,
        ];
        all.iter().all(|it| it.load(Ordering::Relaxed) == 0)
    }

    /// Notes a batch that was checked, and that is not there already.
    pub(crate) fn note_batch(&self, good: u64, bad: u64) {
        self.good.fetch_add(good, Ordering::Relaxed);
        self.bad.fetch_add(bad, Ordering::Relaxed);
    }

    /// Notes how long unpacking and checking a batch took.
    pub(crate) fn note_time(&self, took: Duration) {
        let took_ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.check_ns.fetch_add(took_ns, Ordering::Relaxed);
    }

    /// Notes that a batch was refused whole.
    pub(crate) fn note_rejected(&self) {
        self.batches_rejected.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes records that were put into the topic of dead letters.
    pub(crate) fn note_dead_letters(&self, records: u64) {
        self.dead_letters.fetch_add(records, Ordering::Relaxed);
    }

    /// Notes that a rule was broken so many times. Columns are those of the contract, never names that came with records: there are
    /// only so many.
    pub(crate) fn note_broken(&self, column: Option<&str>, rule: &str, count: u64) {
        let mut by_rule = lock(&self.by_rule);
        let key = (column.map(str::to_owned), rule.to_owned());
        *by_rule.entry(key).or_default() += count;
    }

    /// How often each rule was broken, of those that were.
    pub(crate) fn by_rule(&self) -> Vec<(RuleKey, u64)> {
        let by_rule = lock(&self.by_rule);
        by_rule
            .iter()
            .map(|(key, &count)| (key.clone(), count))
            .collect()
    }
}

/// What became of a record that broke a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It was refused, with all of its batch.
    Rejected,
    /// It is in the topic of dead letters.
    DeadLetter,
    /// It is in its topic, with a header that says so.
    Tagged,
    /// It is in its topic: the contract is only tried.
    Passed,
}

impl Fate {
    /// A word for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Fate::Rejected => "rejected",
            Fate::DeadLetter => "dead-letter",
            Fate::Tagged => "tagged",
            Fate::Passed => "passed",
        }
    }
}

/// A record that broke a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Milliseconds since 1970.
    pub(crate) at_ms: i64,
    pub(crate) topic: String,
    pub(crate) partition: i32,
    /// Its place in the batch, from 0.
    pub(crate) index: i32,
    pub(crate) fate: Fate,
    /// All rules it broke: `amount: minimum; country: invalidValues`.
    pub(crate) reason: String,
    /// The beginning of its value, as text.
    pub(crate) value: String,
}

/// The last records of all topics that broke a rule.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    last: Mutex<VecDeque<Refusal>>,
}

impl Refusals {
    /// How many of a batch are worth noting: more would push each other out.
    pub(crate) const NOTED_MAX: usize = REFUSALS_MAX;

    /// Notes one, and forgets the oldest.
    pub(crate) fn note(&self, refusal: Refusal) {
        let mut last = lock(&self.last);
        last.truncate(REFUSALS_MAX - 1);
        last.push_front(refusal);
    }

    /// The last, newest first.
    pub(crate) fn last(&self) -> Vec<Refusal> {
        lock(&self.last).iter().cloned().collect()
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing is left half done by whoever panics while holding it.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_counted_by_column() {
        let verdicts = Verdicts::default();
        verdicts.note_broken(Some("amount"), "minimum", 2);
        verdicts.note_broken(None, "json", 1);
        verdicts.note_broken(Some("amount"), "minimum", 3);
        let expected = [
            ((None, "json".to_owned()), 1),
            ((Some("amount".to_owned()), "minimum".to_owned()), 5),
        ];
        assert_eq!(verdicts.by_rule(), expected);
    }

    #[test]
    fn the_last_refusals_are_kept() {
        let refusals = Refusals::default();
        for index in 0..REFUSALS_MAX as i32 + 7 {
            refusals.note(Refusal {
                at_ms: 0,
                topic: "orders".to_owned(),
                partition: 0,
                index,
                fate: Fate::Rejected,
                reason: String::new(),
                value: String::new(),
            });
        }
        let last = refusals.last();
        assert_eq!(last.len(), REFUSALS_MAX);
        assert_eq!((last[0].index, last[99].index), (106, 7));
    }
}
