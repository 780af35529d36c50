//! Checking a password that came as it is: by PLAIN, or over HTTP.
//!
//! It takes some milliseconds of a core, by intent, and anybody may ask for it. So it is done on threads on which nobody else waits, as many
//! at a time as half of the cores, and at least one: a flood of wrong passwords takes no more of the machine than that. Who comes from the same
//! address stands in one line, whose first waits for a turn: a flood from one address keeps others waiting for one of its passwords, and
//! not for all. Passwords that were right are remembered by a keyed hash until nobody comes with them for a while, so that those who come
//! again do not wait behind a flood, and so that who watches metrics costs nothing.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::directory::{Account, Directory};
use super::hash::{Hash, random};
use super::users::prepared;
use crate::server::network_of;

/// A password that was right is remembered for so long since it last came.
const REMEMBERED: Duration = Duration::from_secs(600);

/// So many are, at most.
const REMEMBERED_MAX: usize = 1024;

/// Lines of which there is a note, before it is looked which of them are empty.
const LINES_MAX: usize = 1024;

/// What was checked, by a hash that nobody can make who does not have our key.
type Seal = [u8; 32];

/// Whoever has it is the first of those who come from one address.
type Line = tokio::sync::Mutex<()>;

/// Where passwords are checked.
pub(super) struct Passwords {
    turns: Arc<Semaphore>,
    /// Those who wait, by where they come from.
    lines: Mutex<HashMap<IpAddr, Weak<Line>>>,
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
        Passwords {
            turns: Arc::new(Semaphore::new((cores / 2).max(1))),
            lines: Mutex::default(),
            key: random(),
            remembered: Mutex::default(),
        }
    }

    /// The user of this name, if the password is right. It takes as long for one that is not there.
    pub(super) async fn check(
        &self,
        directory: &Directory,
        peer: IpAddr,
        name: &str,
        password: &str,
    ) -> Option<Arc<Account>> {
        let (account, credential) = directory.find(name, Hash::Sha256);
        // What cannot be a password is checked as any other, and is wrong.
        let password = prepared(password).unwrap_or_default();
        let seal = self.seal(&credential.stored_key, &password);
        if account.is_some() && self.remembers(&seal) {
            return account;
        }
        let first = self.line_of(peer).lock_owned().await;
        // Whoever stood in front may have had the same.
        if account.is_some() && self.remembers(&seal) {
            return account;
        }
        // Nobody closes it.
        let turn = self.turns.clone().acquire_owned().await.ok()?;
        let checked = tokio::task::spawn_blocking(move || {
            // Also if nobody waits any more.
            let _held = (first, turn);
            credential.is_of(Hash::Sha256, password.as_bytes())
        });
        match checked.await {
            Ok(true) if account.is_some() => {
                self.remember(seal);
                account
            }
            _ => None,
        }
    }

    /// The line of those who come from there.
    fn line_of(&self, peer: IpAddr) -> Arc<Line> {
        let lines = self.lines.lock();
        let mut lines = lines.unwrap_or_else(PoisonError::into_inner);
        if lines.len() >= LINES_MAX {
            lines.retain(|_, line| line.strong_count() > 0);
        }
        let line = lines.entry(network_of(peer)).or_default();
        line.upgrade().unwrap_or_else(|| {
            let made = Arc::new(Line::default());
            *line = Arc::downgrade(&made);
            made
        })
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

    #[tokio::test]
    async fn who_comes_from_elsewhere_does_not_wait_for_a_flood() {
        let folder = TempDir::new().expect("a folder");
        let path = Users::path_in(folder.path());
        Users::change(&path, |it| it.set("ann", "secret")).expect("she is added");
        let directory = Arc::new(Directory::open(path).expect("it is good"));
        let passwords = Arc::new(Passwords {
            turns: Arc::new(Semaphore::new(1)),
            ..Passwords::new()
        });
        let refused = Arc::new(AtomicUsize::new(0));
        let mut flood = JoinSet::new();
        for _ in 0..20 {
            let (directory, passwords) = (directory.clone(), passwords.clone());
            let refused = refused.clone();
            flood.spawn(async move {
                let found = passwords.check(&directory, HERE, "ann", "wrong").await;
                assert!(found.is_none());
                refused.fetch_add(1, Ordering::Relaxed);
            });
        }
        // They all stand in line.
        tokio::task::yield_now().await;
        let there = IpAddr::from([192, 0, 2, 1]);
        let found = passwords.check(&directory, there, "ann", "secret").await;
        let refused = refused.load(Ordering::Relaxed);
        assert!(found.is_some() && refused <= 2, "behind {refused}");
    }

    #[tokio::test]
    async fn right_passwords_are_remembered_and_wrong_ones_are_not() {
        let folder = TempDir::new().expect("a folder");
        let path = Users::path_in(folder.path());
        Users::change(&path, |it| it.set("ann", "é")).expect("she is added");
        let directory = Directory::open(path.clone()).expect("it is good");
        let passwords = Passwords::new();
        let is_in = async |name, password| {
            let found = passwords.check(&directory, HERE, name, password).await;
            found.is_some()
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
