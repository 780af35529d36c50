//! How long somebody waits who failed to log in: the longer, the more often that happened.
//!
//! What is late is the answer that says no, and with it the place that it takes of those of its address. A right password is never
//! late, so nobody can lock out a user by trying its name. Failures are counted by address and by name, whichever are more, and
//! whether there is such a user or not: else it could be told from the time.
//!
//! Counts are in two tables of a fixed size, in places that a hash chooses which nobody can foresee: whoever comes with as many names as he
//! likes takes no more memory, and pushes nobody else's count out. Two that share a place have no harm but that.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::users::prepared;
use crate::server::network_of;

/// After the first failures an answer is so late; Kafka's brokers take as long (`connection.failed.authentication.delay.ms`).
pub(super) const PAUSE_MIN: Duration = Duration::from_millis(100);

/// People mistype: so many failures cost no more than the first.
const CHEAP: u32 = 3;

/// Each further one doubles the pause, this often at most. It stays below the time in which a client has to log in: who comes with
/// a wrong password is to be told so, and not to be cut off.
const DOUBLINGS_MAX: u32 = 5;

/// After so long without one all failures are forgotten.
const FORGOTTEN: Duration = Duration::from_secs(300);

/// Places of a table.
const PLACES: usize = 1024;

/// Who failed how often.
#[derive(Debug)]
pub(super) struct Failures {
    key: RandomState,
    tables: Mutex<Tables>,
}

#[derive(Debug)]
struct Tables {
    of_addresses: Vec<Count>,
    of_names: Vec<Count>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    failures: u32,
    last: Option<Instant>,
}

impl Failures {
    pub(super) fn new() -> Failures {
        let table = || vec![Count::default(); PLACES];
        let tables = Tables {
            of_addresses: table(),
            of_names: table(),
        };
        Failures {
            key: RandomState::new(),
            tables: Mutex::new(tables),
        }
    }

    /// Counts a failure, of somebody who gave this name, if one could be read. Returns how late that is to be told.
    pub(super) fn note(&self, peer: IpAddr, name: Option<&str>) -> Duration {
        let now = Instant::now();
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let at = self.place(network_of(peer));
        let of_address = tables.of_addresses[at].note(now);
        let of_name = name.map_or(0, |name| {
            let same = prepared(name);
            let at = self.place(same.as_deref().unwrap_or(name));
            tables.of_names[at].note(now)
        });
        pause_after(of_address.max(of_name))
    }

    fn place(&self, what: impl std::hash::Hash) -> usize {
        // The remainder fits.
        (self.key.hash_one(what) % PLACES as u64) as usize
    }
}

impl Count {
    /// One more; returns how many there are.
    fn note(&mut self, now: Instant) -> u32 {
        let is_old = self
            .last
            .is_none_or(|it| now.duration_since(it) >= FORGOTTEN);
        if is_old {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        self.last = Some(now);
        self.failures
    }
}

fn pause_after(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(CHEAP).min(DOUBLINGS_MAX);
    PAUSE_MIN * (1 << doublings)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    /// Of one network.
    fn far(number: u16) -> IpAddr {
        [0x2001, 0xdb8, 0, 0, 0, 0, 0, number].into()
    }

    fn millis(failures: &Failures, peer: IpAddr, name: Option<&str>) -> u128 {
        failures.note(peer, name).as_millis()
    }

    /// In which none of those of the test share a place.
    fn apart() -> Failures {
        loop {
            let failures = Failures::new();
            let at = [HERE, THERE, far(1)].map(|it| failures.place(network_of(it)));
            let is_apart = at[0] != at[1] && at[0] != at[2] && at[1] != at[2];
            if is_apart && failures.place("ann") != failures.place("bob") {
                return failures;
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_with_failures_up_to_a_bound_and_are_forgotten() {
        let failures = Failures::new();
        let next = || millis(&failures, HERE, None);
        let grown: Vec<_> = (0..10).map(|_| next()).collect();
        assert_eq!(
            grown,
            [100, 100, 100, 200, 400, 800, 1600, 3200, 3200, 3200]
        );
        tokio::time::advance(FORGOTTEN - Duration::from_millis(1)).await;
        assert_eq!(next(), 3200);
        tokio::time::advance(FORGOTTEN).await;
        assert_eq!(next(), 100);
    }

    #[tokio::test(start_paused = true)]
    async fn they_are_counted_by_address_and_by_name() {
        let failures = apart();
        for _ in 0..CHEAP {
            assert_eq!(millis(&failures, HERE, Some("ann")), 100);
        }
        assert_eq!(millis(&failures, far(1), Some("\u{ad}ann")), 200, "ann");
        for number in 2..=3 {
            assert_eq!(millis(&failures, far(number), None), 100);
        }
        assert_eq!(millis(&failures, far(4), Some("bob")), 200, "from there");
        assert_eq!(millis(&failures, THERE, Some("bob")), 100, "neither");
    }
}
