//! Checking a password that came as it is: by PLAIN, or over HTTP.
//!
//! It takes some milliseconds of a core, by intent, and anybody may ask for it. So it is done on threads on which nobody else waits, as many
//! at a time as half of the cores, and at least one: a flood of wrong passwords takes no more of the machine than that. Those who wait for
//! it stand in a [`Queue`], one for each way, so that a flood over one is none over the other. Passwords that were right are remembered
//! by a keyed hash until nobody comes with them for a while, so that those who come again do not wait behind a flood, and so that
//! who watches metrics costs nothing.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::directory::{Account, Directory};
use super::hash::{Hash, random};
use super::queue::{Bounds, Queue, Standing};
use super::users::prepared;
use crate::http::CONNECTIONS_MAX;
use crate::server::Place;

/// A password that was right is remembered for so long since it last came.
const REMEMBERED: Duration = Duration::from_secs(600);

/// So many are, at most.
const REMEMBERED_MAX: usize = 1024;

/// Clients that start together come with passwords together, and there may be many.
const BY_SASL: Bounds = Bounds {
    all_max: 256,
    of_one_max: 64,
};

/// As many as there are connections for strangers; a page that loads asks for its parts over six connections at a time.
const OVER_HTTP: Bounds = Bounds {
    all_max: CONNECTIONS_MAX / 2,
    of_one_max: 8,
};

/// What was checked, by a hash that nobody can make who does not have our key.
type Seal = [u8; 32];

/// How a password came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Sasl,
    Http,
}

/// Why nobody was found.
#[derive(Debug)]
pub(super) enum Denied {
    /// Too many wait: it was not looked at.
    Crowded,
    /// It is wrong. As long as the place is kept it counts among the tries of its address.
    Wrong(Place),
}

/// Where passwords are checked.
pub(super) struct Passwords {
    turns: Arc<Semaphore>,
    by_sasl: Queue,
    over_http: Queue,
    key: [u8; 32],
    remembered: Mutex<HashMap<Seal, Instant>>,
}

impl fmt::Debug for Passwords {
    /// Without the key and what was made with it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords").finish_non_exhaustive()
    }
}

impl Passwords {
    pub(super) fn new() -> Passwords {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Passwords::with_turns((cores / 2).max(1))
    }

    fn with_turns(turns: usize) -> Passwords {
        Passwords {
            turns: Arc::new(Semaphore::new(turns)),
            by_sasl: Queue::new(BY_SASL, turns),
            over_http: Queue::new(OVER_HTTP, turns),
            key: random(),
            remembered: Mutex::default(),
        }
    }

    fn queue(&self, way: Way) -> &Queue {
        match way {
            Way::Sasl => &self.by_sasl,
            Way::Http => &self.over_http,
        }
    }

    /// Takes all places that an address has in both queues.
    #[cfg(test)]
    pub(super) fn crowd(&self, peer: IpAddr) -> Vec<Standing> {
        let queues = [&self.by_sasl, &self.over_http];
        let standing = queues.map(|it| std::iter::from_fn(|| it.enter(peer)));
        standing.into_iter().flatten().collect()
    }

    /// The user of this name, if the password is right. It takes as long for one that is not there.
    ///
    /// # Errors
    /// [`Denied`].
    pub(super) async fn check(
        &self,
        directory: &Directory,
        (way, peer): (Way, IpAddr),
        name: &str,
        password: &str,
    ) -> Result<Arc<Account>, Denied> {
        let (account, credential) = directory.find(name, Hash::Sha256);
        // What cannot be a password is checked as any other, and is wrong.
        let password = prepared(password).unwrap_or_default();
        let seal = self.seal(&credential.stored_key, &password);
        let known = |account: &Option<Arc<Account>>| {
            let account = account.as_ref()?;
            self.remembers(&seal).then(|| account.clone())
        };
        if let Some(account) = known(&account) {
            return Ok(account);
        }
        let queue = self.queue(way);
        let standing = queue.enter(peer).ok_or(Denied::Crowded)?;
        let first = queue.first(peer).await;
        // Whoever stood in front may have had the same.
        if let Some(account) = known(&account) {
            return Ok(account);
        }
        let front = queue.front().await;
        // Nobody closes it, as nobody closes what is in front of it.
        let turn = self.turns.clone().acquire_owned().await;
        let Standing { attempt, place } = standing;
        let checked = tokio::task::spawn_blocking(move || {
            // Also if nobody waits any more.
            let _held = (place, first, front, turn);
            credential.is_of(Hash::Sha256, password.as_bytes())
        });
        match (checked.await, account) {
            (Ok(true), Some(account)) => {
                self.remember(seal);
                Ok(account)
            }
            _ => Err(Denied::Wrong(attempt)),
        }
    }

    /// The stored key is in it, so that a password that was changed is not remembered any more.
    fn seal(&self, stored_key: &[u8], password: &str) -> Seal {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(stored_key);
        hasher.update(password.as_bytes());
        hasher.finalize().into()
    }

    fn remembers(&self, seal: &Seal) -> bool {
        let mut remembered = self.lock();
        let since = remembered.get_mut(seal);
        let Some(since) = since.filter(|it| it.elapsed() < REMEMBERED) else {
            return false;
        };
        *since = Instant::now();
        true
    }

    fn remember(&self, seal: Seal) {
        let mut remembered = self.lock();
        if remembered.len() >= REMEMBERED_MAX {
            remembered.retain(|_, since| since.elapsed() < REMEMBERED);
        }
        if remembered.len() >= REMEMBERED_MAX {
            // For the one who was away longest.
            let oldest = remembered.iter().min_by_key(|(_, since)| **since);
            if let Some(oldest) = oldest.map(|(seal, _)| *seal) {
                remembered.remove(&oldest);
            }
        }
        remembered.insert(seal, Instant::now());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Seal, Instant>> {
        let remembered = self.remembered.lock();
        remembered.unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tempfile::TempDir;
    use tokio::task::JoinSet;

    use super::*;
    use crate::access::users::Users;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    /// Those who know `ann`, by her password `secret`, in this folder.
    fn ann(folder: &TempDir) -> Arc<Directory> {
        let path = Users::path_in(folder.path());
        Users::change(&path, |it| it.set("ann", "secret")).expect("she is added");
        Arc::new(Directory::open(path).expect("it is good"))
    }

    /// Has `ann` come by SASL while passwords that are wrong are checked, one at a time; returns how many of these were before hers.
    async fn behind(directory: &Arc<Directory>, flood: Vec<(Way, IpAddr)>) -> usize {
        let passwords = Arc::new(Passwords::with_turns(1));
        let refused = Arc::new(AtomicUsize::new(0));
        let mut flooding = JoinSet::new();
        for from in flood {
            let (directory, passwords) = (directory.clone(), passwords.clone());
            let refused = refused.clone();
            flooding.spawn(async move {
                let found = passwords.check(&directory, from, "ann", "wrong").await;
                assert!(matches!(found, Err(Denied::Wrong(_))), "{found:?}");
                refused.fetch_add(1, Ordering::Relaxed);
            });
        }
        // They all stand in line.
        tokio::task::yield_now().await;
        let there = (Way::Sasl, THERE);
        let found = passwords.check(directory, there, "ann", "secret").await;
        found.expect("it is right");
        refused.load(Ordering::Relaxed)
    }

    #[tokio::test]
    async fn who_comes_from_elsewhere_does_not_wait_for_a_flood() {
        let folder = TempDir::new().expect("a folder");
        let directory = ann(&folder);
        let refused = behind(&directory, vec![(Way::Sasl, HERE); 20]).await;
        assert!(refused <= 2, "behind {refused}");
    }

    #[tokio::test]
    async fn who_comes_by_sasl_does_not_wait_for_a_flood_over_http() {
        let folder = TempDir::new().expect("a folder");
        let directory = ann(&folder);
        let from = |number| (Way::Http, IpAddr::from([198, 51, 100, number]));
        let refused = behind(&directory, (0..20).map(from).collect()).await;
        assert!(refused <= 2, "behind {refused}");
    }

    // No time passes while a password is checked, and that is waited for.
    #[tokio::test(start_paused = true)]
    async fn who_finds_a_queue_full_is_told_and_the_other_is_not() {
        let folder = TempDir::new().expect("a folder");
        let directory = ann(&folder);
        let passwords = Arc::new(Passwords::with_turns(1));
        let turn = passwords.turns.clone().acquire_owned().await;
        let mut waiting = JoinSet::new();
        let mut stand = |from, password: &'static str| {
            let (directory, passwords) = (directory.clone(), passwords.clone());
            waiting.spawn(async move { passwords.check(&directory, from, "ann", password).await });
        };
        for _ in 0..OVER_HTTP.of_one_max {
            stand((Way::Http, HERE), "wrong");
        }
        tokio::task::yield_now().await;
        let come = async |from| {
            let come = passwords.check(&directory, from, "ann", "secret");
            let soon = std::time::Duration::from_millis(50);
            match tokio::time::timeout(soon, come).await {
                Ok(Err(Denied::Crowded)) => "crowded",
                Ok(_) => "checked",
                Err(_) => "waits",
            }
        };
        assert_eq!(come((Way::Http, HERE)).await, "crowded");
        assert_eq!(come((Way::Http, THERE)).await, "waits");
        assert_eq!(come((Way::Sasl, HERE)).await, "waits");
        for number in 0..OVER_HTTP.all_max {
            let network = [0x2001, 0xdb8, 0, number as u16, 0, 0, 0, 0];
            stand((Way::Http, network.into()), "wrong");
        }
        tokio::task::yield_now().await;
        assert_eq!(come((Way::Http, THERE)).await, "crowded", "of all");
        assert_eq!(come((Way::Sasl, HERE)).await, "waits");
        drop(turn);
        let mut kept = Vec::new();
        while let Some(denied) = waiting.join_next().await {
            if let Err(Denied::Wrong(place)) = denied.expect("no panic") {
                kept.push(place);
            }
        }
        // Those that were wrong count until that is told.
        assert_eq!(kept.len(), OVER_HTTP.all_max);
        assert_eq!(come((Way::Http, HERE)).await, "crowded", "by its address");
        assert_eq!(come((Way::Sasl, HERE)).await, "checked");
        assert_eq!(come((Way::Http, HERE)).await, "checked", "remembered");
    }

    #[tokio::test]
    async fn right_passwords_are_remembered_and_wrong_ones_are_not() {
        let folder = TempDir::new().expect("a folder");
        let path = Users::path_in(folder.path());
        Users::change(&path, |it| it.set("ann", "é")).expect("she is added");
        let directory = Directory::open(path.clone()).expect("it is good");
        let passwords = Passwords::new();
        let is_in = async |name, password| {
            let here = (Way::Sasl, HERE);
            let found = passwords.check(&directory, here, name, password).await;
            found.is_ok()
        };
        assert!(is_in("ann", "é").await);
        // Written in another way, and the same to whoever types it.
        assert!(is_in("ann", "e\u{301}").await);
        assert!(!is_in("ann", "e").await && !is_in("ann", "\n").await);
        assert!(!is_in("eve", "é").await);
        assert_eq!(passwords.lock().len(), 1);
        let all = passwords.turns.available_permits() as u32;
        let all = passwords.turns.clone().acquire_many_owned(all).await;
        let all = all.expect("nobody closes it");
        assert!(is_in("ann", "é").await, "it waited behind a flood");
        Users::change(&path, |it| it.set("ann", "new")).expect("it is changed");
        directory.look();
        drop(all);
        assert!(!is_in("ann", "é").await, "the old password");
        assert!(is_in("ann", "new").await);
    }

    #[test]
    fn no_more_are_remembered_than_there_is_room_for() {
        let passwords = Passwords::new();
        for number in 0..3 * REMEMBERED_MAX {
            passwords.remember(passwords.seal(b"key", &number.to_string()));
            assert!(passwords.lock().len() <= REMEMBERED_MAX);
            // One that is used stays.
            assert!(
                passwords.remembers(&passwords.seal(b"key", "0")),
                "{number}"
            );
        }
    }
}
