//! Joining a group: as somebody new, as a member that is there already, or as the next life of a static one (KIP-345, KIP-394).

use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::error::ResponseError;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::GroupOptions;
use super::group::{Group, Now, Pending, Phase};
use super::member::{JoinAnswer, JoinRefused, Member, Protocol};

/// Members that come at the same moment are one generation: so long the last one waits for others, whatever was set. Whoever
/// comes later is nobody's peer until the others beat next, which is every three seconds with most clients.
const SAME_MOMENT: Duration = Duration::from_millis(50);

/// A client that was given an id comes back at once; no longer does the group wait for it.
const PENDING_WAIT: Duration = Duration::from_secs(1);

/// A client that wants to be a member.
#[derive(Clone, Debug)]
pub(crate) struct Join {
    /// Empty: it has none yet.
    pub(crate) member_id: String,
    pub(crate) instance_id: Option<String>,
    pub(crate) client_id: String,
    pub(crate) client_host: String,
    pub(crate) session_timeout: Duration,
    pub(crate) rebalance_timeout: Duration,
    pub(crate) protocol_type: String,
    pub(crate) protocols: Vec<Protocol>,
    /// Whether somebody new is to come back with the id it was given, so that an answer that is lost leaves no member behind.
    pub(crate) needs_id: bool,
    /// Whether it understands that it leads and is to leave everything as it is.
    pub(crate) can_skip_assignment: bool,
}

impl Group {
    /// Takes a join; the answer comes when the next generation begins, or at once.
    pub(crate) fn join(
        &mut self,
        now: Now,
        join: Join,
        options: &GroupOptions,
        answer: oneshot::Sender<JoinAnswer>,
    ) {
        if let Err((error, answer)) = self.try_join(now, join, options, answer) {
            // Who went away meanwhile needs no answer.
            let _ = answer.send(Err(error));
        }
        self.advance(now);
    }

    fn try_join(
        &mut self,
        now: Now,
        join: Join,
        options: &GroupOptions,
        answer: oneshot::Sender<JoinAnswer>,
    ) -> Result<(), (JoinRefused, oneshot::Sender<JoinAnswer>)> {
        if let Err(error) = self.check_join(now, &join, options) {
            let member_id = join.member_id;
            return Err((JoinRefused { error, member_id }, answer));
        }
        let is_known = self.members.contains_key(&join.member_id);
        let first_delay = options.first_rebalance_delay.max(SAME_MOMENT);
        if is_known {
            self.join_again(now, join, first_delay, answer);
            return Ok(());
        }
        if self.pending.remove(&join.member_id).is_some() {
            self.add(now, join.member_id.clone(), join, first_delay, answer);
            return Ok(());
        }
        let name = join.instance_id.as_ref().unwrap_or(&join.client_id);
        let id = format!("{name}-{}", Uuid::new_v4());
        let former = join.instance_id.as_ref();
        if let Some(former) = former.and_then(|it| self.instances.get(it)).cloned() {
            self.replace(now, &former, id, join, first_delay, answer);
            return Ok(());
        }
        if join.needs_id && join.instance_id.is_none() {
            let pending = Pending {
                awaited_until: now.at + PENDING_WAIT.min(join.session_timeout),
                expires: now.at + join.session_timeout,
            };
            self.pending.insert(id.clone(), pending);
            return Err((
                JoinRefused {
                    error: ResponseError::MemberIdRequired,
                    member_id: id,
                },
                answer,
            ));
        }
        self.add(now, id, join, first_delay, answer);
        Ok(())
    }

    fn check_join(
        &mut self,
        now: Now,
        join: &Join,
        options: &GroupOptions,
    ) -> Result<(), ResponseError> {
        if !self.has_room(join, options.members_max.max(1)) {
            // It would be told so each time, and the others would wait for it.
            self.remove(&join.member_id, ResponseError::GroupMaxSizeReached, now);
            self.pending.remove(&join.member_id);
            return Err(ResponseError::GroupMaxSizeReached);
        }
        if !self.supports(&join.protocol_type, &join.protocols) {
            return Err(ResponseError::InconsistentGroupProtocol);
        }
        if join.member_id.is_empty() {
            return Ok(());
        }
        if self.pending.contains_key(&join.member_id) {
            let instance = join.instance_id.as_ref();
            return match instance.is_some_and(|it| self.instances.contains_key(it)) {
                true => Err(ResponseError::FencedInstanceId),
                false => Ok(()),
            };
        }
        self.check_member(&join.member_id, join.instance_id.as_deref())
    }

    /// Whether `member_id` is a member, and the current life of its instance.
    pub(super) fn check_member(
        &self,
        member_id: &str,
        instance_id: Option<&str>,
    ) -> Result<(), ResponseError> {
        if let Some(instance_id) = instance_id {
            return match self.instances.get(instance_id) {
                None => Err(ResponseError::UnknownMemberId),
                Some(id) if id != member_id => Err(ResponseError::FencedInstanceId),
                Some(_) => Ok(()),
            };
        }
        match self.members.contains_key(member_id) {
            true => Ok(()),
            false => Err(ResponseError::UnknownMemberId),
        }
    }

    fn has_room(&self, join: &Join, members_max: usize) -> bool {
        let member = self.members.get(&join.member_id);
        let instance = join.instance_id.as_ref();
        if instance.is_some_and(|it| self.instances.contains_key(it)) {
            return true;
        }
        if join.member_id.is_empty() && join.needs_id && self.pending.len() >= members_max {
            return false;
        }
        match self.phase {
            // Those who do not come back make room.
            Phase::Preparing { .. } => {
                let joined = self.members.values().filter(|it| it.joining.is_some());
                member.is_some_and(|it| it.joining.is_some()) || joined.count() < members_max
            }
            _ => member.is_some() || self.members.len() < members_max,
        }
    }

    fn add(
        &mut self,
        now: Now,
        id: String,
        join: Join,
        first_delay: Duration,
        answer: oneshot::Sender<JoinAnswer>,
    ) {
        if self.members.is_empty() {
            self.protocol_type = Some(join.protocol_type);
            self.leader = Some(id.clone());
        }
        if let Some(instance) = &join.instance_id {
            self.instances.insert(instance.clone(), id.clone());
        }
        let member = Member {
            instance_id: join.instance_id,
            client_id: join.client_id,
            client_host: join.client_host,
            session_timeout: join.session_timeout,
            rebalance_timeout: join.rebalance_timeout,
            protocols: join.protocols,
            assignment: Bytes::new(),
            last_seen: now.at,
            must_sync: false,
            joining: Some(answer),
            syncing: None,
        };
        self.members.insert(id, member);
        self.prepare(now, first_delay);
        self.wait_for_more(now.at, first_delay);
    }

    /// Where one comes to an empty group there may be more.
    fn wait_for_more(&mut self, now: Instant, first_delay: Duration) {
        if let Phase::Preparing {
            earliest,
            latest,
            is_first: true,
        } = &mut self.phase
        {
            *earliest = (now + first_delay).min(*latest);
        }
    }

    /// A member joins that is one.
    fn join_again(
        &mut self,
        now: Now,
        join: Join,
        first_delay: Duration,
        answer: oneshot::Sender<JoinAnswer>,
    ) {
        let id = join.member_id.clone();
        let is_leader = self.leader.as_ref() == Some(&id);
        let member = self.members.get_mut(&id).expect("it was looked up");
        let is_same = member.protocols == join.protocols;
        let is_completing = matches!(self.phase, Phase::Completing { .. });
        // The answer of this generation was lost, or it is a follower that changed nothing.
        let is_answered = match self.phase {
            Phase::Completing { .. } => is_same,
            Phase::Stable { .. } => is_same && !is_leader,
            Phase::Empty | Phase::Preparing { .. } => false,
        };
        member.update(now, join);
        if is_answered {
            member.must_sync |= is_completing && member.syncing.is_none();
            let joined = self.joined(&id, is_leader && is_completing);
            let _ = answer.send(Ok(joined));
            return;
        }
        self.wait_for_generation(now, &id, first_delay, answer);
    }

    /// A static member begins a new life, under another id; the former one is fenced.
    fn replace(
        &mut self,
        now: Now,
        former: &str,
        id: String,
        join: Join,
        first_delay: Duration,
        answer: oneshot::Sender<JoinAnswer>,
    ) {
        let former_leader = self.leader.clone();
        let can_skip_assignment = join.can_skip_assignment;
        let mut member = self.members.remove(former).expect("instances are members");
        member.refuse(former, ResponseError::FencedInstanceId);
        member.client_id.clone_from(&join.client_id);
        member.client_host.clone_from(&join.client_host);
        if let Some(instance) = &member.instance_id {
            self.instances.insert(instance.clone(), id.clone());
        }
        member.update(now, join);
        self.members.insert(id.clone(), member);
        if self.leader.as_deref() == Some(former) {
            self.leader = Some(id.clone());
        }
        let is_stable = matches!(self.phase, Phase::Stable { .. });
        if !is_stable || self.best_protocol() != self.protocol {
            self.wait_for_generation(now, &id, first_delay, answer);
            return;
        }
        self.is_unsaved = true;
        // Nothing changes for the others. It gets what its former life had, and does not assign anew: either it is told so, or
        // it is told that the former id leads.
        let is_leader = self.leader.as_ref() == Some(&id);
        let mut joined = self.joined(&id, is_leader && can_skip_assignment);
        match can_skip_assignment {
            true => joined.skips_assignment = is_leader,
            false => joined.leader = former_leader.unwrap_or_default(),
        }
        let _ = answer.send(Ok(joined));
    }

    fn wait_for_generation(
        &mut self,
        now: Now,
        id: &str,
        first_delay: Duration,
        answer: oneshot::Sender<JoinAnswer>,
    ) {
        let member = self.members.get_mut(id).expect("it was looked up");
        // A join that is sent again takes the place of the first one.
        member.answer_join(Err(JoinRefused {
            error: ResponseError::RebalanceInProgress,
            member_id: id.to_owned(),
        }));
        member.joining = Some(answer);
        self.prepare(now, first_delay);
    }
}

impl Member {
    fn update(&mut self, now: Now, join: Join) {
        self.last_seen = now.at;
        self.session_timeout = join.session_timeout;
        self.rebalance_timeout = join.rebalance_timeout;
        self.protocols = join.protocols;
    }
}
