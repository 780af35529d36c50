//! Groups without sockets: a clock that is set by hand, and clients that are a few fields.

mod durability;
mod expiry;
mod membership;
mod power_cut;
mod random;
mod restart;
mod static_members;

use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::oneshot::{self, Receiver};

use super::group::{Group, Now};
use super::member::{JoinAnswer, Joined, SyncAnswer};
use super::record::{GroupState, KeptMember};
use super::*;

const SESSION: Duration = Duration::from_secs(10);
const REBALANCE: Duration = Duration::from_secs(20);

/// After so long all that come at the same moment have come.
const MOMENT: Duration = Duration::from_millis(60);

/// A group and a clock.
struct World {
    group: Group,
    now: Now,
    options: GroupOptions,
    /// What of the group is in the log.
    saved: GroupState,
}

impl World {
    fn new() -> World {
        World {
            group: Group::new(),
            now: Now {
                at: Instant::now(),
                ms: 1_000_000,
            },
            options: GroupOptions::default(),
            saved: GroupState::default(),
        }
    }

    fn save(&mut self) {
        if std::mem::take(&mut self.group.is_unsaved) {
            self.saved = self.group.state();
        }
    }

    /// Lets the group be what it is after a restart of the broker.
    fn reboot(&mut self) {
        self.save();
        self.group = Group::restored(&self.saved, self.now);
    }

    /// Lets time pass, and the group act only when it said that something is due.
    fn pass(&mut self, time: Duration) {
        let end = self.now.at + time;
        while let Some(due) = self.group.due(self.now.at).filter(|due| *due <= end) {
            self.set(due);
            self.group.advance(self.now);
        }
        self.set(end);
    }

    fn set(&mut self, at: Instant) {
        self.now.ms += (at - self.now.at).as_millis() as i64;
        self.now.at = at;
    }

    fn join(&mut self, join: Join) -> Receiver<JoinAnswer> {
        let (answer, answered) = oneshot::channel();
        self.group.join(self.now, join, &self.options, answer);
        answered
    }

    fn sync(&mut self, joined: &Joined, assignments: &[(&str, &str)]) -> Receiver<SyncAnswer> {
        let assignments = assignments.iter().map(|(id, assignment)| {
            let assignment = Bytes::copy_from_slice(assignment.as_bytes());
            ((*id).to_owned(), assignment)
        });
        let sync = Sync {
            identity: identity(joined),
            protocol_type: Some(joined.protocol_type.clone()),
            protocol: Some(joined.protocol.clone()),
            assignments: assignments.collect(),
        };
        let (answer, answered) = oneshot::channel();
        self.group.sync(self.now, sync, answer);
        answered
    }

    fn beat(&mut self, joined: &Joined) -> Result<(), ResponseError> {
        self.group.heartbeat(self.now, &identity(joined))
    }

    fn leave(&mut self, id: &str) -> Option<ResponseError> {
        self.group.leave(self.now, &[(id.to_owned(), None)])[0]
    }

    /// Members that join at once, and are told what to do: "GENERATION of ID".
    fn settled(&mut self, joins: &[Join]) -> Vec<Joined> {
        let mut waiting: Vec<_> = joins.iter().map(|it| self.join(it.clone())).collect();
        self.pass(MOMENT);
        let joined: Vec<_> = waiting.iter_mut().map(ready_join).collect();
        self.share_out(&joined);
        joined
    }

    fn share_out(&mut self, joined: &[Joined]) {
        let leader = joined.iter().find(|it| it.member_id == it.leader);
        let leader = leader.expect("one leads");
        let ids: Vec<_> = leader.members.iter().map(|it| it.id.as_str()).collect();
        let texts: Vec<_> = ids.iter().map(|id| text(leader.generation, id)).collect();
        let assignments: Vec<_> = ids
            .iter()
            .copied()
            .zip(texts.iter().map(|it| &**it))
            .collect();
        for one in joined {
            let is_leader = one.member_id == leader.member_id;
            let mut synced = self.sync(one, if is_leader { &assignments } else { &[] });
            if is_leader {
                assert!(matches!(synced.try_recv(), Ok(Ok(_))));
            }
        }
        assert_eq!(self.group.phase_name(), "Stable");
    }
}

fn text(generation: i32, id: &str) -> String {
    format!("{generation} of {id}")
}

fn identity(joined: &Joined) -> Identity {
    Identity {
        member_id: joined.member_id.clone(),
        instance_id: None,
        generation: joined.generation,
    }
}

/// A client that has no id yet and needs none.
fn new_join() -> Join {
    Join {
        member_id: String::new(),
        instance_id: None,
        client_id: "client".to_owned(),
        client_host: "/::1".to_owned(),
        session_timeout: SESSION,
        rebalance_timeout: REBALANCE,
        protocol_type: "consumer".to_owned(),
        protocols: vec![("range".to_owned(), Bytes::from_static(b"\0\0\0\0\0\0"))],
        needs_id: false,
        can_skip_assignment: true,
    }
}

fn again(joined: &Joined) -> Join {
    Join {
        member_id: joined.member_id.clone(),
        ..new_join()
    }
}

fn ready_join(answered: &mut Receiver<JoinAnswer>) -> Joined {
    let answer = answered.try_recv().expect("it is answered");
    answer.expect("it is a member")
}

fn refused(answered: &mut Receiver<JoinAnswer>) -> ResponseError {
    let answer = answered.try_recv().expect("it is answered");
    answer.expect_err("it is no member").error
}

fn assigned(answered: &mut Receiver<SyncAnswer>) -> Result<String, ResponseError> {
    let answer = answered.try_recv().expect("it is answered");
    answer.map(|it| String::from_utf8(it.assignment.to_vec()).expect("it is text"))
}
