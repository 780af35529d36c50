//! A group: its members, and the phases from one generation to the next.
//!
//! ```text
//!          somebody joins                        all have joined
//!  Empty ─────────────────► PreparingRebalance ──────────────────► CompletingRebalance
//!    ▲                        │  ▲          ▲                         │        │
//!    └── nobody is left ──────┘  │          └── joins, leaves, is ────┘        │ the leader says
//!                                │              gone                           ▼ who does what
//!                                └──────────── joins, leaves, is gone ────── Stable
//! ```
//!
//! The generation counts up on the way out of `PreparingRebalance`. A member that has not come back by then is no member any more,
//! unless it is a static one, which has as long as its session lasts.
//!
//! Nothing here waits or asks for the time: each call is told what time it is, those who must wait leave the sender of their
//! answer with the member, and [`Group::advance`] does what is due. Every call ends with it.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use kafka_protocol::error::ResponseError;

use super::member::{Joined, JoinedMember, Member};
use super::offsets::Offsets;

/// Before it is looked again whether one of the absent static members came back.
const ABSENT_WAIT_MIN: Duration = Duration::from_secs(1);

/// What time it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    /// For timeouts.
    pub(crate) at: Instant,
    /// For what is kept: milliseconds since 1970.
    pub(crate) ms: i64,
}

impl Now {
    /// The time it is.
    pub(crate) fn read() -> Now {
        Now {
            at: Instant::now(),
            ms: crate::broker::now_ms(),
        }
    }
}

/// Where a group is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It has no members.
    Empty,
    /// Members are to join anew.
    Preparing {
        /// Not before this is it over, even if all have joined.
        earliest: Instant,
        /// At this it is over, whoever has joined.
        latest: Instant,
        /// Whether the group was empty before.
        is_first: bool,
    },
    /// The leader is to say who does what; who has not asked for it by `deadline` is gone.
    Completing { deadline: Instant },
    /// Members know what to do, but for those that have until `deadline` to ask.
    Stable { deadline: Option<Instant> },
}

/// A member that was given an id and is to come back with it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    /// So long the others wait for it.
    pub(super) awaited_until: Instant,
    /// So long the id is good.
    pub(super) expires: Instant,
}

/// A group.
#[derive(Debug)]
pub(crate) struct Group {
    pub(super) phase: Phase,
    pub(super) generation: i32,
    pub(super) protocol_type: Option<String>,
    pub(super) protocol: Option<String>,
    pub(super) leader: Option<String>,
    pub(super) members: BTreeMap<String, Member>,
    /// The ids of static members, by the names of their instances.
    pub(super) instances: HashMap<String, String>,
    pub(super) pending: HashMap<String, Pending>,
    /// Since when there are no members, in milliseconds since 1970.
    pub(super) empty_since_ms: Option<i64>,
    pub(super) offsets: Offsets,
    /// Whether the log does not have yet what is to survive a restart.
    pub(super) is_unsaved: bool,
}

impl Group {
    /// A group that never had members.
    pub(super) fn new() -> Group {
        Group {
            phase: Phase::Empty,
            generation: 0,
            protocol_type: None,
            protocol: None,
            leader: None,
            members: BTreeMap::new(),
            instances: HashMap::new(),
            pending: HashMap::new(),
            empty_since_ms: None,
            offsets: Offsets::default(),
            is_unsaved: false,
        }
    }

    /// What it committed.
    pub(crate) fn offsets(&self) -> &Offsets {
        &self.offsets
    }

    /// Kafka's name of its phase.
    pub(crate) fn phase_name(&self) -> &'static str {
        match self.phase {
            Phase::Empty => "Empty",
            Phase::Preparing { .. } => "PreparingRebalance",
            Phase::Completing { .. } => "CompletingRebalance",
            Phase::Stable { .. } => "Stable",
        }
    }

    /// Whether it has no members.
    pub(crate) fn is_empty(&self) -> bool {
        self.phase == Phase::Empty
    }

    /// Whether members know what to do.
    pub(crate) fn is_stable(&self) -> bool {
        matches!(self.phase, Phase::Stable { .. })
    }

    /// What kind of members it has, or had last.
    pub(crate) fn protocol_type(&self) -> &str {
        self.protocol_type.as_deref().unwrap_or("")
    }

    /// The protocol of this generation.
    pub(crate) fn protocol(&self) -> &str {
        self.protocol.as_deref().unwrap_or("")
    }

    /// Its members by their ids.
    pub(crate) fn members(&self) -> &BTreeMap<String, Member> {
        &self.members
    }

    /// Whether nothing of it is worth keeping.
    pub(super) fn is_disposable(&self) -> bool {
        self.is_empty() && self.pending.is_empty() && self.offsets.is_empty()
    }

    /// Does what is due.
    pub(crate) fn advance(&mut self, now: Now) {
        self.pending.retain(|_, it| it.expires > now.at);
        let is_gone = |it: &Member| it.expires().is_some_and(|expires| expires <= now.at);
        let gone = self.members.iter().filter(|(_, it)| is_gone(it));
        for id in gone.map(|(id, _)| id.clone()).collect::<Vec<_>>() {
            self.remove(&id, ResponseError::UnknownMemberId, now);
        }
        self.end_syncs(now);
        self.end_joins(now);
    }

    /// When [`Group::advance`] has something to do next.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        let members = self.members.values().filter_map(Member::expires);
        let pending = self.pending.values();
        let pending = pending.flat_map(|it| [it.awaited_until, it.expires]);
        let phase = match self.phase {
            Phase::Empty => [None, None],
            Phase::Preparing {
                earliest, latest, ..
            } => [Some(earliest), Some(latest)],
            Phase::Completing { deadline } => [Some(deadline), None],
            Phase::Stable { deadline } => [deadline, None],
        };
        let all = members.chain(pending).chain(phase.into_iter().flatten());
        all.filter(|it| *it > now).min()
    }

    /// Takes a member out; what it waits for is answered with `error`.
    pub(super) fn remove(&mut self, id: &str, error: ResponseError, now: Now) {
        let Some(mut member) = self.members.remove(id) else {
            return;
        };
        member.refuse(id, error);
        if let Some(instance) = &member.instance_id {
            self.instances.remove(instance);
        }
        if self.leader.as_deref() == Some(id) {
            self.leader = self.members.keys().next().cloned();
        }
        if matches!(self.phase, Phase::Completing { .. } | Phase::Stable { .. }) {
            self.prepare(now, Duration::ZERO);
        }
    }

    /// Lets all members join anew. Those of an empty group wait for each other for `first_delay` at least.
    pub(super) fn prepare(&mut self, now: Now, first_delay: Duration) {
        let is_first = match self.phase {
            Phase::Preparing { .. } => return,
            Phase::Empty => true,
            Phase::Completing { .. } | Phase::Stable { .. } => false,
        };
        for member in self.members.values_mut() {
            if member.syncing.is_some() {
                // It could not show that it lives while it waited for us.
                member.last_seen = now.at;
            }
            member.answer_sync(Err(ResponseError::RebalanceInProgress));
            member.must_sync = false;
        }
        let latest = now.at + self.rebalance_timeout();
        let earliest = match is_first {
            true => (now.at + first_delay).min(latest),
            false => now.at,
        };
        self.phase = Phase::Preparing {
            earliest,
            latest,
            is_first,
        };
    }

    /// The time that the slowest member asks for.
    fn rebalance_timeout(&self) -> Duration {
        let timeouts = self.members.values().map(|it| it.rebalance_timeout);
        timeouts.max().unwrap_or_default()
    }

    /// Begins the next generation if all have joined, or it is too late for those that have not.
    fn end_joins(&mut self, now: Now) {
        let Phase::Preparing {
            earliest,
            latest,
            is_first,
        } = self.phase
        else {
            return;
        };
        let is_late = latest <= now.at;
        let is_awaited = |it: &Pending| it.awaited_until > now.at;
        let have_all_joined = self.members.values().all(|it| it.joining.is_some())
            && !self.pending.values().any(is_awaited);
        if !is_late && (earliest > now.at || !have_all_joined) {
            return;
        }
        self.drop_absent();
        let has_joined = self.members.values().any(|it| it.joining.is_some());
        if !has_joined && !self.members.is_empty() {
            // Static members alone, none of which is back: their sessions tell how long that goes on.
            self.phase = Phase::Preparing {
                earliest,
                latest: now.at + self.rebalance_timeout().max(ABSENT_WAIT_MIN),
                is_first,
            };
            return;
        }
        self.begin_generation(now);
    }

    /// Takes out who has not joined, but for static members.
    fn drop_absent(&mut self) {
        let leader = self.leader.take();
        self.members
            .retain(|_, it| it.joining.is_some() || it.instance_id.is_some());
        let has_joined = |id: &String| {
            let member = self.members.get(id);
            member.is_some_and(|it| it.joining.is_some())
        };
        self.leader = leader.filter(has_joined).or_else(|| {
            let mut joined = self.members.iter().filter(|(_, it)| it.joining.is_some());
            joined.next().map(|(id, _)| id.clone())
        });
    }

    fn begin_generation(&mut self, now: Now) {
        self.generation = self.generation.checked_add(1).unwrap_or(1);
        if self.members.is_empty() {
            self.protocol = None;
            self.leader = None;
            self.phase = Phase::Empty;
            self.empty_since_ms = Some(now.ms);
            self.is_unsaved = true;
            return;
        }
        self.protocol = self.best_protocol();
        self.empty_since_ms = None;
        self.is_unsaved = true;
        self.phase = Phase::Completing {
            deadline: now.at + self.rebalance_timeout(),
        };
        for id in self.members.keys().cloned().collect::<Vec<_>>() {
            let is_leader = self.leader.as_ref() == Some(&id);
            let joined = self.joined(&id, is_leader);
            let member = self.members.get_mut(&id).expect("it was just named");
            member.assignment.clear();
            if member.joining.is_some() {
                member.must_sync = true;
                member.last_seen = now.at;
                member.answer_join(Ok(joined));
            }
        }
    }

    /// What a member is told of the generation.
    pub(super) fn joined(&self, id: &str, with_members: bool) -> Joined {
        Joined {
            member_id: id.to_owned(),
            generation: self.generation,
            protocol_type: self.protocol_type().to_owned(),
            protocol: self.protocol().to_owned(),
            leader: self.leader.clone().unwrap_or_default(),
            skips_assignment: false,
            members: match with_members {
                true => self.joined_members(),
                false => Vec::new(),
            },
        }
    }

    fn joined_members(&self) -> Vec<JoinedMember> {
        let members = self.members.iter().map(|(id, member)| JoinedMember {
            id: id.clone(),
            instance_id: member.instance_id.clone(),
            metadata: member.metadata(self.protocol()),
        });
        members.collect()
    }

    /// Takes out who was told of the generation and never asked what to do.
    fn end_syncs(&mut self, now: Now) {
        let deadline = match self.phase {
            Phase::Completing { deadline } => deadline,
            Phase::Stable {
                deadline: Some(deadline),
            } => deadline,
            _ => return,
        };
        let late = self.members.iter().filter(|(_, it)| it.must_sync);
        let late: Vec<_> = late.map(|(id, _)| id.clone()).collect();
        if deadline <= now.at {
            for id in &late {
                self.remove(id, ResponseError::UnknownMemberId, now);
            }
        }
        if let Phase::Stable { deadline } = &mut self.phase
            && late.is_empty()
        {
            *deadline = None;
        }
        // All have asked, and the leader, if it is still the one that joined as such, has not said: it never will.
        if let Phase::Completing { deadline } = self.phase
            && deadline <= now.at
        {
            self.prepare(now, Duration::ZERO);
        }
    }
}
