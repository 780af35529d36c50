//! What happens to groups without a request: members that are gone, rebalances that took too long, offsets that are too old, and
//! the log that is written anew.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use super::record::Change;
use super::{Group, Groups, Now, dropped_offset, subscription};
use crate::Result;
use crate::broker::Broker;

/// Does what is due until it is dropped.
pub(crate) async fn run(broker: Arc<Broker>) {
    let groups = &broker.groups;
    let mut expires = Instant::now();
    loop {
        let now = Now::read();
        if expires <= now.at {
            groups.expire(now);
            expires = now.at + groups.options.expiry_interval;
        }
        let due = groups.advance(now);
        if groups.log.is_dirty() {
            broker.flusher.request(&groups.log);
        }
        if groups.has_grown() {
            let broker = broker.clone();
            let compacted = tokio::task::spawn_blocking(move || broker.groups.compact(Now::read()));
            if let Ok(Err(error)) = compacted.await {
                tracing::error!(%error, "the log of groups is not written anew");
            }
        }
        let until = due.unwrap_or(expires).min(expires);
        tokio::select! {
            () = tokio::time::sleep_until(until.into()) => {}
            () = groups.is_due.notified() => {}
        }
    }
}

/// Who reads the topics of which a group has offsets (Kafka, `GroupMetadata.removeExpiredOffsets`).
enum Reading {
    /// Nobody, since then.
    Nobody(i64),
    /// Its members, these alone.
    Topics(HashSet<String>),
    /// Its members, whatever it is.
    Anything,
}

impl Reading {
    fn of(group: &Group) -> Reading {
        if group.is_empty() {
            return Reading::Nobody(group.empty_since_ms.unwrap_or(i64::MIN));
        }
        // What members will read is settled when they know what to do.
        let topics = group.is_stable().then(|| subscription::topics(group).ok());
        topics.flatten().map_or(Reading::Anything, Reading::Topics)
    }

    /// Since when nobody reads a topic, or longer; `None`: somebody may.
    fn unread_since_ms(&self, topic: &str) -> Option<i64> {
        match self {
            Reading::Nobody(since_ms) => Some(*since_ms),
            // It ends with the last commit at the earliest.
            Reading::Topics(topics) => (!topics.contains(topic)).then_some(i64::MIN),
            Reading::Anything => None,
        }
    }
}

impl Groups {
    /// Does what is due in all groups; returns when there is something to do next.
    pub(super) fn advance(&self, now: Now) -> Option<Instant> {
        let mut state = self.lock();
        let due = state.groups.iter();
        let due = due.filter(|(_, it)| it.due.is_some_and(|due| due <= now.at));
        let ids: Vec<_> = due.map(|(id, _)| id.clone()).collect();
        for id in ids {
            self.change(&mut state, now, &id, |group| group.advance(now));
        }
        state.due = state.groups.values().filter_map(|it| it.due).min();
        state.due
    }

    /// Drops offsets that are too old, and groups of which nothing is left.
    pub(super) fn expire(&self, now: Now) {
        let mut state = self.lock();
        let mut changes = Vec::new();
        for (id, held) in &state.groups {
            let reading = Reading::of(&held.group);
            let retention = self.options.offsets_retention;
            let old = held.group.offsets.find(|topic, _, it| {
                let unread_since_ms = reading.unread_since_ms(topic);
                it.is_expired(now.ms, unread_since_ms, retention)
            });
            changes.extend(old.iter().map(|it| dropped_offset(id, it)));
        }
        // What cannot be written stays; it was told of, and is tried again.
        let _ = self.write(&mut state, now, changes);
        let gone = state.groups.iter().filter(|it| it.1.group.is_disposable());
        let gone = gone.map(|(id, _)| Change::Group(id.clone(), None));
        let gone = gone.collect();
        let _ = self.write(&mut state, now, gone);
    }

    /// Whether the log is worth writing anew.
    fn has_grown(&self) -> bool {
        self.lock().journal.has_grown()
    }

    /// Writes the log anew; waits for the disk.
    ///
    /// # Errors
    /// As [`crate::log::Log::append`] and [`crate::log::Log::flush`]; nothing is lost then.
    pub(super) fn compact(&self, now: Now) -> Result<()> {
        let begins = self.append_snapshot(now)?;
        self.log.flush()?;
        self.log.delete_before(begins)?;
        Ok(())
    }

    fn append_snapshot(&self, now: Now) -> Result<i64> {
        let state = &mut *self.lock();
        let changes = state.groups.iter().flat_map(|(id, held)| {
            let noted = held.noted.as_ref();
            let noted = noted.map(|it| Change::Group(id.clone(), Some(it.clone())));
            let offsets = held.group.offsets.topics().flat_map(move |(topic, it)| {
                it.iter().map(move |(partition, committed)| Change::Offset {
                    group: id.clone(),
                    topic: topic.to_owned(),
                    partition: *partition,
                    committed: Some(committed.clone()),
                })
            });
            noted.into_iter().chain(offsets)
        });
        state.journal.append_snapshot(changes, now.ms)
    }
}
