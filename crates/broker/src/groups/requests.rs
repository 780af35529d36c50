//! What is asked of groups: which one it is, and what of it goes to the log.

use kafka_protocol::error::ResponseError;
use tokio::sync::oneshot;

use super::member::{JoinAnswer, JoinRefused, SyncAnswer};
use super::record::Change;
use super::{
    Committed, Group, Groups, Held, Identity, Join, Now, Sync, Written, dropped_offset,
    subscription,
};
use crate::Result;

/// An offset to commit.
#[derive(Clone, Debug)]
pub(crate) struct Commit {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) committed: Committed,
}

impl Groups {
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
        let beat = self.touch(&mut state, now, id, |group| group.heartbeat(now, identity));
        self.settle(&mut state, id);
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
        let is_unsaved = state.groups.get(id).is_some_and(|it| it.group.is_unsaved);
        (!is_unsaved).then(|| Written(self.log.end_offset()))
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
        let checked = self.touch(&mut state, now, id, |group| {
            group.check_commit(now, identity)
        });
        if let Err(error) = checked.unwrap_or(Err(ResponseError::UnknownMemberId)) {
            self.settle(&mut state, id);
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
        self.settle(&mut state, id);
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
        self.settle(&mut state, id);
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

    /// Drops the offsets of a topic that is no more, durably: another one of that name is not to find them.
    ///
    /// # Errors
    /// As [`crate::log::Log::append`] and [`crate::log::Log::flush`].
    pub(crate) fn topic_deleted(&self, topic: &str) -> Result<()> {
        match self.drop_offsets(Now::read(), |it| it == topic)? {
            true => self.log.flush(),
            false => Ok(()),
        }
    }

    /// Drops the offsets of topics; tells whether there were any.
    pub(super) fn drop_offsets(&self, now: Now, is_dropped: impl Fn(&str) -> bool) -> Result<bool> {
        let mut state = self.lock();
        let mut changes = Vec::new();
        for (id, held) in &state.groups {
            let dropped = held.group.offsets.find(|topic, _, _| is_dropped(topic));
            changes.extend(dropped.iter().map(|it| dropped_offset(id, it)));
        }
        let is_any = !changes.is_empty();
        if is_any {
            state.journal.append(&changes, now.ms)?;
            state.apply(changes);
        }
        Ok(is_any)
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
