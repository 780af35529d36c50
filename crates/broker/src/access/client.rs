//! One connection's way to being known: nobody at first, then a user, or closed.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Wire;
use super::directory::Account;
use super::scram::Challenge;
use crate::server::Place;

/// Who has not logged in by then is let go, its handshake included.
const LOGIN_TIME_MAX: Duration = Duration::from_secs(10);

/// Before it is known who a client is, its requests are no longer: messages of mechanisms have half of it at most.
const REQUEST_BYTES_MAX: usize = 8 << 10;

/// How a client may log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mechanism {
    Plain,
    ScramSha256,
    ScramSha512,
}

impl Mechanism {
    /// All there are, in the order in which clients are told of them: the best first.
    pub(crate) const ALL: [Mechanism; 3] = [
        Mechanism::ScramSha512,
        Mechanism::ScramSha256,
        Mechanism::Plain,
    ];

    /// Its name, as SASL has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Mechanism::Plain => "PLAIN",
            Mechanism::ScramSha256 => "SCRAM-SHA-256",
            Mechanism::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

/// How far a conversation is.
#[derive(Debug)]
pub(super) enum Step {
    /// It has not begun, or it is over.
    Nothing,
    /// A mechanism was agreed on.
    Chosen(Mechanism),
    /// The client is to prove that it has the password; if it is of somebody, of whom.
    Challenged(Mechanism, Box<Challenge>, Option<Arc<Account>>),
}

/// Who is at the other end of a connection.
#[derive(Debug)]
pub(crate) struct Client {
    pub(super) wire: Wire,
    /// Whether it has to say who it is before it may ask for anything.
    needs_login: bool,
    since: Instant,
    /// What it takes of the places of strangers.
    place: Mutex<Option<Place>>,
    account: OnceLock<Arc<Account>>,
    step: Mutex<Step>,
    /// What it sends next are bare messages of the mechanism, as old clients do it.
    is_bare: AtomicBool,
    /// It failed, and is to be closed.
    is_refused: AtomicBool,
    /// The file of users in which its user was last found.
    generation: AtomicU64,
}

impl Client {
    pub(super) fn new(wire: Wire, needs_login: bool) -> Client {
        Client {
            wire,
            needs_login,
            since: Instant::now(),
            place: Mutex::default(),
            account: OnceLock::new(),
            step: Mutex::new(Step::Nothing),
            is_bare: AtomicBool::new(false),
            is_refused: AtomicBool::new(false),
            generation: AtomicU64::new(0),
        }
    }

    /// Takes a place among those who have not logged in, until it has.
    pub(crate) fn hold(&self, place: Option<Place>) {
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = place;
    }

    /// For how long something may take that comes before it logs in, and may otherwise take so long: what it has for that is for both.
    pub(crate) fn patience(&self, otherwise: Duration) -> Duration {
        match self.needs_login {
            true => otherwise.min(LOGIN_TIME_MAX),
            false => otherwise,
        }
    }

    /// The name of the user, where somebody has logged in.
    pub(crate) fn user(&self) -> Option<&str> {
        self.account.get().map(|it| it.name.as_str())
    }

    pub(super) fn account(&self) -> Option<&Arc<Account>> {
        self.account.get()
    }

    /// Whether nothing may be asked for yet.
    pub(crate) fn is_unknown(&self) -> bool {
        self.needs_login && self.account.get().is_none()
    }

    /// Whether the next frame is a bare message of the mechanism.
    pub(crate) fn sends_bare_messages(&self) -> bool {
        self.is_bare.load(Ordering::Acquire) && self.is_unknown()
    }

    pub(super) fn set_bare(&self, is_bare: bool) {
        self.is_bare.store(is_bare, Ordering::Release);
    }

    /// The longest request that is read now, if it is not that of all connections.
    pub(crate) fn request_bytes_max(&self) -> Option<usize> {
        self.is_unknown().then_some(REQUEST_BYTES_MAX)
    }

    /// Waits until it is to be closed because it has not logged in: for ever, if it has.
    pub(crate) async fn until_given_up(&self) {
        if !self.is_unknown() {
            std::future::pending().await
        }
        if !self.is_refused.load(Ordering::Acquire) {
            tokio::time::sleep_until(self.since + LOGIN_TIME_MAX).await;
        }
    }

    pub(super) fn take_step(&self) -> Step {
        let mut step = self.step.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *step, Step::Nothing)
    }

    pub(super) fn set_step(&self, next: Step) {
        *self.step.lock().unwrap_or_else(PoisonError::into_inner) = next;
    }

    /// It has proven who it is.
    pub(super) fn let_in(&self, account: Arc<Account>, generation: u64) {
        self.generation.store(generation, Ordering::Release);
        // It can be said once: who is in cannot begin again.
        let _ = self.account.set(account);
        self.hold(None);
    }

    /// It has not, and gets no second try.
    pub(super) fn refuse(&self) {
        self.is_refused.store(true, Ordering::Release);
    }

    /// Whether it had its try. It may have sent more before it learnt that.
    pub(super) fn is_refused(&self) -> bool {
        self.is_unknown() && self.is_refused.load(Ordering::Acquire)
    }

    /// Whether its user was looked at in this file of users, and was there.
    pub(super) fn was_looked_at(&self, generation: u64) -> bool {
        self.generation.load(Ordering::Acquire) == generation
    }

    pub(super) fn note_look(&self, generation: u64) {
        self.generation.store(generation, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_does_not_log_in_is_given_up_in_time() {
        let wire = Wire {
            peer: [127, 0, 0, 1].into(),
            is_encrypted: false,
        };
        let stranger = Client::new(wire, true);
        let began = Instant::now();
        stranger.until_given_up().await;
        assert_eq!(began.elapsed(), LOGIN_TIME_MAX);
        let refused = Client::new(wire, true);
        refused.refuse();
        refused.until_given_up().await;
        assert_eq!(began.elapsed(), LOGIN_TIME_MAX);
        let open = Client::new(wire, false);
        open.refuse();
        let for_ever = tokio::time::timeout(100 * LOGIN_TIME_MAX, open.until_given_up());
        for_ever.await.expect_err("nobody has to log in here");
        assert_eq!((open.request_bytes_max(), open.user()), (None, None));
        // A handshake is a part of it.
        assert_eq!(stranger.patience(3 * LOGIN_TIME_MAX), LOGIN_TIME_MAX);
        assert_eq!(stranger.patience(LOGIN_TIME_MAX / 2), LOGIN_TIME_MAX / 2);
        assert_eq!(open.patience(3 * LOGIN_TIME_MAX), 3 * LOGIN_TIME_MAX);
        assert_eq!(stranger.request_bytes_max(), Some(REQUEST_BYTES_MAX));
    }
}
