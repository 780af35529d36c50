//! Who logged in and who was refused, counted; and told to who reads the log, but not more often than that can be read.

use std::sync::atomic::{AtomicU64, Ordering};

use super::grants::OPERATIONS;
use crate::gate::cut;
use crate::pace::Pace;

/// By what somebody logs in: the mechanisms, and HTTP.
pub(crate) const WAYS: [&str; 4] = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "HTTP"];

/// Of a name that somebody asked for no more is told: no topic has a longer one, and a request can.
const NAME_BYTES_MAX: usize = 249;

/// What is counted.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// For each of [`WAYS`] how many were let in and how many were not.
    logins: [[AtomicU64; 2]; WAYS.len()],
    /// For each of [`OPERATIONS`].
    denied: [AtomicU64; OPERATIONS.len()],
    failures: Pace,
    denials: Pace,
}

impl Counts {
    pub(super) fn note_login(&self, way: &str, is_in: bool) {
        if let Some(at) = WAYS.iter().position(|it| *it == way) {
            self.logins[at][usize::from(!is_in)].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many were let in and how many were not.
    pub(crate) fn logins(&self, way: usize) -> [u64; 2] {
        let counts = &self.logins[way];
        [0, 1].map(|it: usize| counts[it].load(Ordering::Relaxed))
    }

    pub(super) fn note_denied(&self, operation: usize) {
        self.denied[operation].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn denied(&self, operation: usize) -> u64 {
        self.denied[operation].load(Ordering::Relaxed)
    }

    /// Tells of a login that failed. Who it was is told only of users there are: people type passwords where names belong.
    pub(super) fn tell_failure(
        &self,
        way: &str,
        peer: std::net::IpAddr,
        user: Option<&str>,
        reason: &str,
    ) {
        if let Some(left_out) = self.failures.take() {
            let user = user.unwrap_or("one that is not known");
            tracing::warn!(%peer, way, user, reason, left_out, "a login failed");
        }
    }

    /// Tells of something that a user asked for and may not.
    pub(super) fn tell_denial(&self, user: &str, operation: &str, resource: &str) {
        if let Some(left_out) = self.denials.take() {
            let resource = cut(resource.to_owned(), NAME_BYTES_MAX);
            tracing::warn!(user, operation, resource, left_out, "not granted");
        }
    }
}
