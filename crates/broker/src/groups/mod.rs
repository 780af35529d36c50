//! Consumer groups: who is a member of which, which generation it is, and what was committed. The protocol is the classic one;
//! it is the members who choose a leader's way to share out partitions, and nobody here reads what they say about it.
//!
//! 1. A request comes to [`Groups`] under one lock, which is held for microseconds: the group changes, and what must survive a
//!    restart (committed offsets, the generation) is appended to the log of groups.
//! 2. Whoever is to be told waits, without the lock: for the other members if it joins or syncs, and then until the log is durable.
//!    Who reads offsets waits likewise, so nobody learns what a crash may take back.
//! 3. What becomes due by itself (members that are gone, rebalances that took too long, old offsets) is done by [`run`], which
//!    sleeps until the next of it.
//!
//! Members do not survive a restart. They are told that they are unknown, and join anew.
//!
//! | file | holds |
//! |---|---|
//! | `group.rs` | a group, and its way from one generation to the next |
//! | `join.rs`, `sync.rs` | what members do: join; sync, heartbeat, leave |
//! | `member.rs` | a member, and what it is told |
//! | `offsets.rs` | committed offsets |
//! | `record.rs`, `journal.rs` | both on the disk |
//! | `subscription.rs` | which topics members read |
//! | `timer.rs` | what happens without a request |
//!
//! Not here: messages of the protocol, sockets, partitions.

mod group;
mod join;
mod journal;
mod member;
mod offsets;
mod options;
mod record;
mod subscription;
mod sync;
#[cfg(test)]
mod tests;
mod timer;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use kafka_protocol::error::ResponseError;
use tokio::sync::{Notify, oneshot};

use crate::Result;
use crate::log::{Log, Recovery, Shared};
pub(crate) use group::{Group, Now};
pub(crate) use join::Join;
use journal::Journal;
pub(crate) use member::{JoinAnswer, JoinRefused, Joined, SyncAnswer, Synced};
pub(crate) use offsets::Committed;
pub use options::GroupOptions;
use record::{Change, GroupState};
pub(crate) use sync::{Identity, Sync};
pub(crate) use timer::run;

/// All groups of a broker.
#[derive(Debug)]
pub(crate) struct Groups {
    options: GroupOptions,
    state: Mutex<State>,
    log: Arc<Log>,
    /// Something is due earlier than it was, or the log has grown.
    is_due: Notify,
}

#[derive(Debug)]
struct State {
    groups: HashMap<String, Held>,
    journal: Journal,
    /// When [`Groups::advance`] is expected to be called next.
    due: Option<Instant>,
}

/// A group, and what of it is in the log.
#[derive(Debug)]
struct Held {
    group: Group,
    /// What the log says of it; `None`: nothing.
    noted: Option<GroupState>,
    /// Whether that could not be brought up to date.
    is_unwritten: bool,
    due: Option<Instant>,
}

/// An offset of the log of groups: once all before it is durable, an answer may go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Written(pub(crate) i64);

/// An offset to commit.
#[derive(Clone, Debug)]
pub(crate) struct Commit {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) committed: Committed,
}

impl Groups {
    /// Opens the log of groups in `folder`. Offsets of topics for which `is_topic` does not hold are dropped: a process was killed
    /// while it deleted them.
    ///
    /// # Errors
    /// [`crate::Error::Io`], [`crate::Error::Damaged`].
    pub(crate) fn open(
        folder: &Path,
        options: GroupOptions,
        shared: &Shared,
        is_topic: impl Fn(&str) -> bool,
    ) -> Result<(Groups, Recovery)> {
        let mut groups = HashMap::new();
        let (journal, found) = Journal::open(folder, shared, |change| {
            replay(&mut groups, change);
        })?;
        let now = Now::read();
        for held in groups.values_mut() {
            held.restart(now);
        }
        let groups = Groups {
            options,
            log: journal.log().clone(),
            state: Mutex::new(State {
                groups,
                journal,
                due: None,
            }),
            is_due: Notify::new(),
        };
        groups.drop_offsets(now, |topic| !is_topic(topic))?;
        Ok((groups, found))
    }

    /// What groups are held to.
    pub(crate) fn options(&self) -> &GroupOptions {
        &self.options
    }

    /// The log of groups.
    pub(crate) fn log(&self) -> &Arc<Log> {
        &self.log
    }

    /// Takes a join; its answer comes when it comes.
    pub(crate) fn join(&self, now: Now, id: &str, join: Join) -> oneshot::Receiver<JoinAnswer> {
        let (answer, answered) = oneshot::channel();
        let mut state = self.lock();
        if !state.groups.contains_key(id) {
            if !join.member_id.is_empty() {
                let _ = answer.send(Err(JoinRefused {
                    error: ResponseError::UnknownMemberId,
                    member_id: join.member_id,
                }));
                return answered;
            }
            state.groups.insert(id.to_owned(), Held::default());
        }
        self.change(&mut state, now, id, |group| {
            group.join(now, join, &self.options, answer);
        });
        answered
    }

    /// Takes a sync; its answer comes when it comes.
    pub(crate) fn sync(&self, now: Now, id: &str, sync: Sync) -> oneshot::Receiver<SyncAnswer> {
        let (answer, answered) = oneshot::channel();
        let mut state = self.lock();
        // Without a group the sender is dropped, which says as much.
        self.change(&mut state, now, id, |group| group.sync(now, sync, answer));
        answered
    }

    /// Takes a heartbeat.
    ///
    /// # Errors
    /// As [`Group::heartbeat`].
    pub(crate) fn heartbeat(
        &self,
        now: Now,
        id: &str,
        identity: &Identity,
    ) -> Result<(), ResponseError> {
        let mut state = self.lock();
        let beat = self.change(&mut state, now, id, |group| group.heartbeat(now, identity));
        beat.unwrap_or(Err(ResponseError::UnknownMemberId))
    }

    /// Takes members out; `None`: there is no such group.
    pub(crate) fn leave(
        &self,
        now: Now,
        id: &str,
        leaving: &[(String, Option<String>)],
    ) -> Option<Vec<Option<ResponseError>>> {
        let mut state = self.lock();
        self.change(&mut state, now, id, |group| group.leave(now, leaving))
    }

    /// What the log must have before anybody may be told what a group is now; `None`: it could not be written.
    pub(crate) fn written(&self, id: &str) -> Option<Written> {
        let state = self.lock();
        let is_unwritten = state.groups.get(id).is_some_and(|it| it.is_unwritten);
        (!is_unwritten).then(|| Written(self.log.end_offset()))
    }

    /// Commits offsets of partitions for which `is_partition` holds; tells for each whether it was taken.
    ///
    /// # Errors
    /// Why none was; Kafka's `NotCoordinator` if the log could not be written.
    pub(crate) fn commit(
        &self,
        now: Now,
        id: &str,
        identity: &Identity,
        commits: &[Commit],
        is_partition: impl Fn(&str, i32) -> bool,
    ) -> Result<(Vec<Option<ResponseError>>, Written), ResponseError> {
        let mut state = self.lock();
        let is_new = !state.groups.contains_key(id);
        if is_new && identity.generation >= 0 {
            return Err(ResponseError::IllegalGeneration);
        }
        if is_new {
            state.groups.insert(id.to_owned(), Held::default());
        }
        let checked = self.change_kept(&mut state, now, id, |group| {
            let checked = group.check_commit(now, identity);
            group.advance(now);
            checked
        });
        if let Err(error) = checked.unwrap_or(Err(ResponseError::UnknownMemberId)) {
            self.settle(&mut state, now, id);
            return Err(error);
        }
        let metadata_bytes_max = self.options.offset_metadata_bytes_max;
        // Looked up under the lock: a topic that is deleted takes its offsets along afterwards.
        let refusal = |it: &Commit| match is_partition(&it.topic, it.partition) {
            false => Some(ResponseError::UnknownTopicOrPartition),
            true if it.committed.metadata.len() > metadata_bytes_max => {
                Some(ResponseError::OffsetMetadataTooLarge)
            }
            true => None,
        };
        let refused: Vec<_> = commits.iter().map(refusal).collect();
        let taken = commits.iter().zip(&refused).filter(|it| it.1.is_none());
        let changes: Vec<_> = taken.map(|(it, _)| it.change(id)).collect();
        let written = self.write(&mut state, now, changes);
        self.settle(&mut state, now, id);
        Ok((refused, written?))
    }

    /// Looks at a group; `None`: there is none.
    pub(crate) fn look<T>(&self, id: &str, look: impl FnOnce(&Group) -> T) -> Option<T> {
        let state = self.lock();
        state.groups.get(id).map(|it| look(&it.group))
    }

    /// Looks at all groups.
    pub(crate) fn look_at_all<T>(&self, mut look: impl FnMut(&str, &Group) -> Option<T>) -> Vec<T> {
        let state = self.lock();
        let groups = state.groups.iter();
        groups.filter_map(|(id, it)| look(id, &it.group)).collect()
    }

    /// Drops offsets of a group; tells for each whether it may be.
    ///
    /// # Errors
    /// Why none may be.
    pub(crate) fn delete_offsets(
        &self,
        now: Now,
        id: &str,
        partitions: &[(String, i32)],
    ) -> Result<(Vec<Option<ResponseError>>, Written), ResponseError> {
        let mut state = self.lock();
        let held = state.groups.get(id);
        let group = &held.ok_or(ResponseError::GroupIdNotFound)?.group;
        let read = subscription::topics(group)?;
        let refusal = |(topic, _): &(String, i32)| {
            read.contains(topic)
                .then_some(ResponseError::GroupSubscribedToTopic)
        };
        let refused: Vec<_> = partitions.iter().map(refusal).collect();
        let dropped = partitions
            .iter()
            .zip(&refused)
            .filter(|(it, refused)| refused.is_none() && group.offsets.one(&it.0, it.1).is_some());
        let changes = dropped.map(|(it, _)| dropped_offset(id, it)).collect();
        let written = self.write(&mut state, now, changes);
        self.settle(&mut state, now, id);
        Ok((refused, written?))
    }

    /// Deletes a group and its offsets.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn delete(&self, now: Now, id: &str) -> Result<Written, ResponseError> {
        let mut state = self.lock();
        let held = state.groups.get(id);
        let held = held.ok_or(ResponseError::GroupIdNotFound)?;
        if !held.group.is_empty() {
            return Err(ResponseError::NonEmptyGroup);
        }
        let offsets = held.group.offsets.find(|_, _, _| true);
        let mut changes: Vec<_> = offsets.iter().map(|it| dropped_offset(id, it)).collect();
        changes.push(Change::Group(id.to_owned(), None));
        self.write(&mut state, now, changes)
    }

    /// Drops the offsets of a topic that is no more.
    ///
    /// # Errors
    /// As [`Log::append`].
    pub(crate) fn topic_deleted(&self, topic: &str) -> Result<()> {
        self.drop_offsets(Now::read(), |it| it == topic)
    }

    fn drop_offsets(&self, now: Now, is_dropped: impl Fn(&str) -> bool) -> Result<()> {
        let mut state = self.lock();
        let mut changes = Vec::new();
        for (id, held) in &state.groups {
            let dropped = held.group.offsets.find(|topic, _, _| is_dropped(topic));
            changes.extend(dropped.iter().map(|it| dropped_offset(id, it)));
        }
        if !changes.is_empty() {
            state.journal.append(&changes, now.ms)?;
            state.apply(changes);
        }
        Ok(())
    }

    /// Makes everything durable, and the folder such that the next start trusts it.
    ///
    /// # Errors
    /// As [`Log::close`].
    pub(crate) fn close(&self) -> Result<()> {
        self.log.close()
    }

    /// Changes a group, if there is one, and forgets it if nothing of it is left.
    fn change<T>(
        &self,
        state: &mut State,
        now: Now,
        id: &str,
        change: impl FnOnce(&mut Group) -> T,
    ) -> Option<T> {
        let changed = self.change_kept(state, now, id, change);
        self.settle(state, now, id);
        changed
    }

    /// Changes a group, if there is one, and brings the log up to date.
    fn change_kept<T>(
        &self,
        state: &mut State,
        now: Now,
        id: &str,
        change: impl FnOnce(&mut Group) -> T,
    ) -> Option<T> {
        let held = state.groups.get_mut(id)?;
        let changed = change(&mut held.group);
        let now_is = held.group.state();
        if held.noted.as_ref().unwrap_or(&GroupState::default()) != &now_is {
            let changes = [Change::Group(id.to_owned(), Some(now_is.clone()))];
            let appended = state.journal.append(&changes, now.ms);
            held.is_unwritten = appended.is_err();
            match appended {
                Ok(_) => held.noted = Some(now_is),
                Err(error) => tracing::error!(group = id, %error, "its generation is not kept"),
            }
        }
        Some(changed)
    }

    /// Sees to it that the timer comes in time, and forgets a group of which nothing is left, nor ever was in the log.
    fn settle(&self, state: &mut State, now: Now, id: &str) {
        if state.journal.has_grown() {
            self.is_due.notify_one();
        }
        let Some(held) = state.groups.get_mut(id) else {
            return;
        };
        held.due = held.group.due(now.at);
        if held.group.is_disposable() && held.noted.is_none() {
            state.groups.remove(id);
            return;
        }
        if let Some(due) = held.due
            && state.due.is_none_or(|it| due < it)
        {
            state.due = Some(due);
            self.is_due.notify_one();
        }
    }

    /// Appends changes, and then makes them.
    fn write(
        &self,
        state: &mut State,
        now: Now,
        changes: Vec<Change>,
    ) -> Result<Written, ResponseError> {
        match state.journal.append(&changes, now.ms) {
            Ok(next_offset) => {
                state.apply(changes);
                Ok(Written(next_offset))
            }
            Err(error) => {
                tracing::error!(%error, "offsets of groups are not kept");
                Err(ResponseError::NotCoordinator)
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn apply(&mut self, changes: Vec<Change>) {
        for change in changes {
            replay(&mut self.groups, change);
        }
    }
}

impl Default for Held {
    fn default() -> Held {
        Held {
            group: Group::new(GroupState::default()),
            noted: None,
            is_unwritten: false,
            due: None,
        }
    }
}

impl Held {
    /// Makes it what it is after a restart: without members, from now on if it had some.
    fn restart(&mut self, now: Now) {
        if let Some(noted) = &self.noted {
            let offsets = std::mem::take(&mut self.group.offsets);
            self.group = Group::new(noted.clone());
            self.group.offsets = offsets;
            if noted.generation > 0 {
                self.group.empty_since_ms.get_or_insert(now.ms);
            }
        }
    }
}

impl Commit {
    fn change(&self, group: &str) -> Change {
        Change::Offset {
            group: group.to_owned(),
            topic: self.topic.clone(),
            partition: self.partition,
            committed: Some(self.committed.clone()),
        }
    }
}

fn dropped_offset(group: &str, (topic, partition): &(String, i32)) -> Change {
    Change::Offset {
        group: group.to_owned(),
        topic: topic.clone(),
        partition: *partition,
        committed: None,
    }
}

/// Makes a change that is in the log.
fn replay(groups: &mut HashMap<String, Held>, change: Change) {
    match change {
        Change::Group(id, None) => {
            groups.remove(&id);
        }
        Change::Group(id, state) => groups.entry(id).or_default().noted = state,
        Change::Offset {
            group,
            topic,
            partition,
            committed,
        } => {
            let held = match committed.is_some() {
                true => Some(groups.entry(group).or_default()),
                false => groups.get_mut(&group),
            };
            if let Some(held) = held {
                held.group.offsets.set(&topic, partition, committed);
            }
        }
    }
}
