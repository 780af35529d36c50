//! What became of handshakes.
//!
//! A port that others reach sees all kinds of them, day and night: they are counted by why they failed, and told of, a line every
//! ten seconds at most ([`Pace`]).

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::pace::Pace;

/// Why a handshake failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// It was not through in time.
    Slow,
    /// The client went away in the middle of it.
    Closed,
    /// The client did not speak TLS.
    NotTls,
    /// There is no version, cipher or group that both sides have.
    NothingInCommon,
    /// The client does not like our certificate, or something else of ours.
    Refused,
    /// The client's certificate is missing, expired, or of somebody whom we do not trust.
    Certificate,
    /// What the client sent is no handshake.
    Malformed,
}

/// Every reason, and what it is called where it is counted.
pub(crate) const REASONS: [(Reason, &str); 7] = [
    (Reason::Slow, "slow"),
    (Reason::Closed, "closed"),
    (Reason::NotTls, "not_tls"),
    (Reason::NothingInCommon, "nothing_in_common"),
    (Reason::Refused, "refused"),
    (Reason::Certificate, "certificate"),
    (Reason::Malformed, "malformed"),
];

/// A handshake that failed.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
pub(crate) struct Failed {
    pub(crate) reason: Reason,
    pub(crate) detail: String,
}

/// How many handshakes there were, and how often the certificate was read again.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Those that succeeded.
    pub(crate) done: AtomicU64,
    failed: [AtomicU64; REASONS.len()],
    /// Times that a changed certificate was taken.
    pub(crate) renewed: AtomicU64,
    /// Times that one was not.
    pub(crate) not_renewed: AtomicU64,
    told: Pace,
}

impl Counts {
    /// Handshakes that failed for this reason.
    pub(crate) fn failed(&self, reason: Reason) -> u64 {
        self.failed[reason as usize].load(Ordering::Relaxed)
    }

    /// Counts one that failed, and tells of it, if it is time to.
    pub(crate) fn note_failed(&self, peer: SocketAddr, failed: &Failed) {
        self.failed[failed.reason as usize].fetch_add(1, Ordering::Relaxed);
        match self.told.take() {
            Some(0) => tracing::warn!(%peer, reason = %failed, "TLS handshake failed"),
            Some(untold) => tracing::warn!(
                %peer,
                reason = %failed,
                untold,
                "TLS handshake failed, and others of which nothing was told"
            ),
            None => tracing::debug!(%peer, reason = %failed, "TLS handshake failed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_counted_in_its_place() {
        let counts = Counts::default();
        let peer = ([127, 0, 0, 1], 1).into();
        for (times, (reason, _)) in REASONS.into_iter().enumerate() {
            for _ in 0..times {
                let detail = String::new();
                counts.note_failed(peer, &Failed { reason, detail });
            }
        }
        for (times, (reason, name)) in REASONS.into_iter().enumerate() {
            assert_eq!(counts.failed(reason), times as u64, "{name}");
        }
    }
}
