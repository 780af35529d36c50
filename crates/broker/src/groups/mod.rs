//! Consumer groups: who is a member of which, which generation it is, and what was committed. The protocol is the classic one;
//! it is the members who choose a leader's way to share out partitions, and nobody here reads what they say about it.
//!
//! 1. A request comes to [`Groups`] under one lock, which is held for microseconds: the group changes, and what must survive a
//!    restart (committed offsets, the generation and its members) is appended to the log of groups.
//! 2. Whoever is to be told waits, without the lock: for the other members if it joins or syncs, and then until the log is durable.
//!    Who reads offsets waits likewise, so nobody learns what a crash may take back.
//! 3. What becomes due by itself (members that are gone, rebalances that took too long, old offsets) is done by [`run`], which
//!    sleeps until the next of it.
//!
//! Members go on after a restart of the broker, and notice nothing but that their connections were closed.
//!
//! | file | holds |
//! |---|---|
//! | `requests.rs` | what is asked, by the group it is asked of |
//! | `group.rs`, `protocol.rs` | a group, and its way from one generation to the next; on which protocol members agree |
//! | `join.rs`, `sync.rs` | what members do: join; sync, heartbeat, leave |
//! | `kept.rs` | what of a group survives a restart |
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
mod kept;
mod member;
mod offsets;
mod options;
mod protocol;
mod record;
mod requests;
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
use tokio::sync::Notify;

use crate::Result;
use crate::log::{Log, Recovery, Shared};
pub(crate) use group::{Group, Now};
pub(crate) use join::Join;
use journal::Journal;
pub(crate) use member::{JoinRefused, Joined, Synced};
pub(crate) use offsets::Committed;
pub use options::GroupOptions;
#[cfg(fuzzing)]
pub use record::check_record;
use record::{Change, GroupState};
pub(crate) use requests::Commit;
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
    /// Nothing is due before: what members do may have put it off.
    due: Option<Instant>,
}

/// An offset of the log of groups: once all before it is durable, an answer may go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Written(pub(crate) i64);

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

    /// Makes everything durable, and the folder such that the next start trusts it.
    ///
    /// # Errors
    /// As [`Log::close`].
    pub(crate) fn close(&self) -> Result<()> {
        self.log.end();
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
        self.settle(state, id);
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
        held.due = held.group.due(now.at);
        if held.group.is_unsaved {
            let now_is = held.group.state();
            let changes = [Change::Group(id.to_owned(), Some(now_is.clone()))];
            match state.journal.append(&changes, now.ms) {
                Ok(_) => {
                    held.group.is_unsaved = false;
                    held.noted = Some(now_is);
                }
                Err(error) => tracing::error!(group = id, %error, "its generation is not kept"),
            }
        }
        Some(changed)
    }

    /// Lets a member show that it lives. That changes nothing else, so the others are looked at only if something is due.
    fn touch<T>(
        &self,
        state: &mut State,
        now: Now,
        id: &str,
        touch: impl FnOnce(&mut Group) -> T,
    ) -> Option<T> {
        let held = state.groups.get_mut(id)?;
        if held.due.is_none_or(|due| due > now.at) {
            return Some(touch(&mut held.group));
        }
        self.change_kept(state, now, id, |group| {
            let touched = touch(group);
            group.advance(now);
            touched
        })
    }

    /// Sees to it that the timer comes in time, and forgets a group of which nothing is left, nor ever was in the log.
    fn settle(&self, state: &mut State, id: &str) {
        if state.journal.has_grown() {
            self.is_due.notify_one();
        }
        let Some(held) = state.groups.get_mut(id) else {
            return;
        };
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
            group: Group::new(),
            noted: None,
            due: None,
        }
    }
}

impl Held {
    /// Makes it what it is after a restart.
    fn restart(&mut self, now: Now) {
        if let Some(noted) = &self.noted {
            let offsets = std::mem::take(&mut self.group.offsets);
            self.group = Group::restored(noted, now);
            self.group.offsets = offsets;
            self.due = self.group.due(now.at);
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
