//! The offsets that a group committed.

use std::collections::BTreeMap;
use std::time::Duration;

/// A committed offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Committed {
    pub(crate) offset: i64,
    /// -1: the client did not say.
    pub(crate) leader_epoch: i32,
    /// What the client wrote beside it.
    pub(crate) metadata: String,
    /// When it was committed, in milliseconds since 1970.
    pub(crate) committed_ms: i64,
    /// When it is to go, if the client said so (`OffsetCommit` up to version 4).
    pub(crate) expires_ms: Option<i64>,
}

/// The offsets of a group, by topic and partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Offsets(BTreeMap<String, BTreeMap<i32, Committed>>);

impl Offsets {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn one(&self, topic: &str, partition: i32) -> Option<&Committed> {
        self.0.get(topic)?.get(&partition)
    }

    /// All of them, by topic.
    pub(crate) fn topics(&self) -> impl Iterator<Item = (&str, &BTreeMap<i32, Committed>)> {
        self.0.iter().map(|(topic, it)| (topic.as_str(), it))
    }

    /// Puts one in place of what was there; `None` takes it out.
    pub(super) fn set(&mut self, topic: &str, partition: i32, committed: Option<Committed>) {
        match committed {
            Some(committed) => {
                let topic = self.0.entry(topic.to_owned()).or_default();
                topic.insert(partition, committed);
            }
            None => {
                let Some(partitions) = self.0.get_mut(topic) else {
                    return;
                };
                partitions.remove(&partition);
                if partitions.is_empty() {
                    self.0.remove(topic);
                }
            }
        }
    }

    /// Topics and partitions of those for which this holds.
    pub(super) fn find(
        &self,
        mut holds: impl FnMut(&str, i32, &Committed) -> bool,
    ) -> Vec<(String, i32)> {
        let mut found = Vec::new();
        for (topic, partitions) in &self.0 {
            for (partition, committed) in partitions {
                if holds(topic, *partition, committed) {
                    found.push((topic.clone(), *partition));
                }
            }
        }
        found
    }
}

impl Committed {
    /// Whether it is to go at `now_ms`, if nobody has read its topic since `unread_since_ms` or its commit; never if somebody does, that is
    /// if it is `None`, whatever the client asked for (KIP-211).
    pub(super) fn is_expired(
        &self,
        now_ms: i64,
        unread_since_ms: Option<i64>,
        retention: Duration,
    ) -> bool {
        let Some(since_ms) = unread_since_ms else {
            return false;
        };
        if let Some(expires_ms) = self.expires_ms {
            return now_ms >= expires_ms;
        }
        let age_ms = now_ms.saturating_sub(since_ms.max(self.committed_ms));
        u128::try_from(age_ms).is_ok_and(|age_ms| age_ms >= retention.as_millis())
    }
}
