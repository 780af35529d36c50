//! A member of a group: what it can, what it was given to do, and what it waits for.

use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::error::ResponseError;
use tokio::sync::oneshot;

/// A protocol that a member knows: its name, and what the member says of itself to the leader, which nobody else reads.
pub(crate) type Protocol = (String, Bytes);

/// What becomes of a join.
pub(crate) type JoinAnswer = Result<Joined, JoinRefused>;

/// What becomes of a sync.
pub(crate) type SyncAnswer = Result<Synced, ResponseError>;

/// A member is told that it is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Joined {
    pub(crate) member_id: String,
    pub(crate) generation: i32,
    pub(crate) protocol_type: String,
    pub(crate) protocol: String,
    pub(crate) leader: String,
    /// Whether the leader is to leave the assignment as it is.
    pub(crate) skips_assignment: bool,
    /// All members, for the leader; the others learn nothing of each other.
    pub(crate) members: Vec<JoinedMember>,
}

/// A member, as its leader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JoinedMember {
    pub(crate) id: String,
    pub(crate) instance_id: Option<String>,
    pub(crate) metadata: Bytes,
}

/// A join that failed, and the id with which to try again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JoinRefused {
    pub(crate) error: ResponseError,
    pub(crate) member_id: String,
}

/// What a member is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Synced {
    pub(crate) protocol_type: String,
    pub(crate) protocol: String,
    pub(crate) assignment: Bytes,
}

/// A member of a group.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) instance_id: Option<String>,
    pub(crate) client_id: String,
    pub(crate) client_host: String,
    pub(super) session_timeout: Duration,
    pub(super) rebalance_timeout: Duration,
    /// Best first.
    pub(super) protocols: Vec<Protocol>,
    pub(crate) assignment: Bytes,
    pub(super) last_seen: Instant,
    /// Whether it was told of the generation and has not asked yet what it is to do.
    pub(super) must_sync: bool,
    pub(super) joining: Option<oneshot::Sender<JoinAnswer>>,
    pub(super) syncing: Option<oneshot::Sender<SyncAnswer>>,
}

impl Member {
    /// When it counts as gone; `None` while it waits for us.
    pub(super) fn expires(&self) -> Option<Instant> {
        let waits = self.joining.is_some() || self.syncing.is_some();
        (!waits).then(|| self.last_seen + self.session_timeout)
    }

    /// What it says of itself, for those who know this protocol.
    pub(crate) fn metadata(&self, protocol: &str) -> Bytes {
        let known = self.protocols.iter().find(|it| it.0 == protocol);
        known.map_or_else(Bytes::new, |it| it.1.clone())
    }

    /// Whether it knows this protocol.
    pub(super) fn knows(&self, protocol: &str) -> bool {
        self.protocols.iter().any(|it| it.0 == protocol)
    }

    // Whoever waited may be gone by now, which its session will show.

    pub(super) fn answer_join(&mut self, answer: JoinAnswer) {
        if let Some(waiting) = self.joining.take() {
            let _ = waiting.send(answer);
        }
    }

    pub(super) fn answer_sync(&mut self, answer: SyncAnswer) {
        if let Some(waiting) = self.syncing.take() {
            let _ = waiting.send(answer);
        }
    }

    /// Tells it that whatever it waits for will not come.
    pub(super) fn refuse(&mut self, id: &str, error: ResponseError) {
        self.answer_join(Err(JoinRefused {
            error,
            member_id: id.to_owned(),
        }));
        self.answer_sync(Err(error));
    }
}
