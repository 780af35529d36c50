//! What members do once they are members: ask what they are to do, show that they live, and leave.

use bytes::Bytes;
use kafka_protocol::error::ResponseError;
use tokio::sync::oneshot;

use super::group::{Group, Now, Phase};
use super::member::{SyncAnswer, Synced};

/// A member, as it says who it is.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) member_id: String,
    pub(crate) instance_id: Option<String>,
    pub(crate) generation: i32,
}

/// A member asks what it is to do; the leader says it for all.
#[derive(Clone, Debug)]
pub(crate) struct Sync {
    pub(crate) identity: Identity,
    /// What the member believes them to be; `None`: it does not say.
    pub(crate) protocol_type: Option<String>,
    pub(crate) protocol: Option<String>,
    pub(crate) assignments: Vec<(String, Bytes)>,
}

impl Group {
    /// Takes a sync; the answer comes when the leader has said what to do, or at once.
    pub(crate) fn sync(&mut self, now: Now, sync: Sync, answer: oneshot::Sender<SyncAnswer>) {
        if let Err((error, answer)) = self.try_sync(now, sync, answer) {
            // Who went away meanwhile needs no answer.
            let _ = answer.send(Err(error));
        }
        self.advance(now);
    }

    fn try_sync(
        &mut self,
        now: Now,
        sync: Sync,
        answer: oneshot::Sender<SyncAnswer>,
    ) -> Result<(), (ResponseError, oneshot::Sender<SyncAnswer>)> {
        if let Err(error) = self.check_sync(&sync) {
            return Err((error, answer));
        }
        let id = sync.identity.member_id;
        let is_leader = self.leader.as_ref() == Some(&id);
        let is_completing = matches!(self.phase, Phase::Completing { .. });
        let member = self.members.get_mut(&id).expect("it was checked");
        member.last_seen = now.at;
        member.must_sync = false;
        // A sync that is sent again takes the place of the first one.
        member.answer_sync(Err(ResponseError::RebalanceInProgress));
        member.syncing = Some(answer);
        if is_completing && is_leader {
            self.assign(sync.assignments);
        }
        if self.is_stable() {
            self.answer_syncs(now);
        }
        Ok(())
    }

    fn check_sync(&self, sync: &Sync) -> Result<(), ResponseError> {
        self.check_identity(&sync.identity)?;
        let is_other = |said: &Option<String>, known| said.as_deref().is_some_and(|it| it != known);
        if is_other(&sync.protocol_type, self.protocol_type())
            || is_other(&sync.protocol, self.protocol())
        {
            return Err(ResponseError::InconsistentGroupProtocol);
        }
        match self.phase {
            Phase::Empty => Err(ResponseError::UnknownMemberId),
            Phase::Preparing { .. } => Err(ResponseError::RebalanceInProgress),
            Phase::Completing { .. } | Phase::Stable { .. } => Ok(()),
        }
    }

    fn check_identity(&self, identity: &Identity) -> Result<(), ResponseError> {
        self.check_member(&identity.member_id, identity.instance_id.as_deref())?;
        match identity.generation == self.generation {
            true => Ok(()),
            false => Err(ResponseError::IllegalGeneration),
        }
    }

    fn assign(&mut self, assignments: Vec<(String, Bytes)>) {
        let Phase::Completing { deadline } = self.phase else {
            return;
        };
        for (id, assignment) in assignments {
            if let Some(member) = self.members.get_mut(&id) {
                member.assignment = assignment;
            }
        }
        self.phase = Phase::Stable {
            deadline: Some(deadline),
        };
        self.is_unsaved = true;
    }

    fn answer_syncs(&mut self, now: Now) {
        let protocol_type = self.protocol_type().to_owned();
        let protocol = self.protocol().to_owned();
        let waiting = self.members.values_mut();
        for member in waiting.filter(|it| it.syncing.is_some()) {
            member.last_seen = now.at;
            let assignment = member.assignment.clone();
            member.answer_sync(Ok(Synced {
                protocol_type: protocol_type.clone(),
                protocol: protocol.clone(),
                assignment,
            }));
        }
    }

    /// A member shows that it lives, and learns whether it is to join anew. None of the others is looked at: of all requests of
    /// members this is by far the most frequent.
    ///
    /// # Errors
    /// Kafka's errors for who is no member, of another generation, or fenced; `RebalanceInProgress`.
    pub(crate) fn heartbeat(&mut self, now: Now, identity: &Identity) -> Result<(), ResponseError> {
        let checked = self.check_identity(identity);
        if checked.is_ok()
            && let Some(member) = self.members.get_mut(&identity.member_id)
        {
            member.last_seen = now.at;
        }
        checked.and(match self.phase {
            Phase::Preparing { .. } => Err(ResponseError::RebalanceInProgress),
            _ => Ok(()),
        })
    }

    /// Takes members out that want to go, or that somebody else names by their instance; tells what became of each.
    pub(crate) fn leave(
        &mut self,
        now: Now,
        leaving: &[(String, Option<String>)],
    ) -> Vec<Option<ResponseError>> {
        let left = leaving.iter().map(|(id, instance)| {
            let left = self.leave_one(now, id, instance.as_deref());
            left.err()
        });
        let left = left.collect();
        self.advance(now);
        left
    }

    fn leave_one(
        &mut self,
        now: Now,
        member_id: &str,
        instance_id: Option<&str>,
    ) -> Result<(), ResponseError> {
        if self.pending.remove(member_id).is_some() {
            return Ok(());
        }
        let id = match instance_id {
            // Who runs the group names instances and does not know the ids of their members.
            Some(instance) if member_id.is_empty() => {
                let known = self.instances.get(instance).cloned();
                known.ok_or(ResponseError::UnknownMemberId)?
            }
            _ => {
                self.check_member(member_id, instance_id)?;
                member_id.to_owned()
            }
        };
        self.remove(&id, ResponseError::UnknownMemberId, now);
        Ok(())
    }

    /// Whether somebody may commit offsets, who may be no member where there are none.
    ///
    /// # Errors
    /// Kafka's errors for who may not.
    pub(super) fn check_commit(
        &mut self,
        now: Now,
        identity: &Identity,
    ) -> Result<(), ResponseError> {
        let is_nobody = identity.member_id.is_empty() && identity.instance_id.is_none();
        if identity.generation < 0 && self.is_empty() {
            return Ok(());
        }
        if identity.generation < 0 && is_nobody {
            return Err(ResponseError::UnknownMemberId);
        }
        self.check_identity(identity)?;
        if let Some(member) = self.members.get_mut(&identity.member_id) {
            member.last_seen = now.at;
        }
        match self.phase {
            Phase::Completing { .. } => Err(ResponseError::RebalanceInProgress),
            _ => Ok(()),
        }
    }
}
