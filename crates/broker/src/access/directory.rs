//! The users as a broker knows them: those of the file, which is read again when it changed.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::credential::{Credential, ITERATIONS};
use super::hash::{Hash, random};
use super::users::{Credentials, Resolved, SECRET_BYTES, Users, prepared};
use crate::Result;

/// Who may log in.
#[derive(Debug)]
pub(super) struct Directory {
    file: crate::watched::Watched,
    known: ArcSwap<Known>,
    /// Counts what was read.
    generation: AtomicU64,
    /// Wakes who waits for the next.
    changed: watch::Sender<()>,
}

/// What was last read.
struct Known {
    users: BTreeMap<String, Arc<Account>>,
    secret: Vec<u8>,
    iterations: u32,
    /// Nobody can be let in, though those who are in stay.
    is_damaged: bool,
}

/// A user there is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(super) name: String,
    pub(super) credentials: Credentials,
}

impl Directory {
    /// Reads the file, which need not be there.
    ///
    /// # Errors
    /// [`crate::Error::Io`], [`crate::Error::Damaged`].
    pub(super) fn open(path: PathBuf) -> Result<Directory> {
        let file = crate::watched::Watched::new(path);
        let known = Known::read(file.path())?;
        Ok(Directory {
            known: ArcSwap::from_pointee(known),
            file,
            generation: AtomicU64::new(0),
            changed: watch::Sender::new(()),
        })
    }

    pub(super) fn path(&self) -> &Path {
        self.file.path()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.known.load().users.is_empty()
    }

    /// Reads the file again if it changed. One that is damaged lets nobody in until it is not.
    pub(super) fn look(&self) {
        let read = |path: &Path| {
            let known = Known::read(path)?;
            tracing::info!(users = known.users.len(), "read the file of users again");
            self.replace(known);
            Ok(())
        };
        self.file.look(read, |error| {
            tracing::error!(%error, "nobody can log in: the file of users cannot be read");
            self.replace(Known {
                is_damaged: true,
                ..Known::nobody()
            });
        });
    }

    fn replace(&self, known: Known) {
        self.known.store(Arc::new(known));
        self.generation.fetch_add(1, Ordering::Release);
        self.changed.send_replace(());
    }

    /// Changes when the file was read again.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Learns of each that is read from now on.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Whether somebody who was let in still would be: the user is there, with the same password.
    pub(super) fn still_has(&self, account: &Account) -> bool {
        let known = self.known.load();
        known.is_damaged || known.has(account)
    }

    /// Whether this is a user there is, as it is in the file now: nobody is while that is damaged.
    pub(super) fn has(&self, account: &Account) -> bool {
        self.known.load().has(account)
    }

    /// The user of this name, and what is to be proven; of nobody, if there is none.
    pub(super) fn find(&self, name: &str, hash: Hash) -> (Option<Arc<Account>>, Credential) {
        let known = self.known.load();
        let prepared = prepared(name);
        let name = prepared.as_deref().unwrap_or(name);
        // Made in any case: whether it was needed is not to be seen from how long this takes.
        let of_nobody = Credential::of_nobody(hash, &known.secret, known.iterations, name);
        let found = prepared.as_ref().and_then(|it| known.users.get(it));
        match found {
            Some(account) => {
                let credential = account.credentials.of(hash).clone();
                (Some(account.clone()), credential)
            }
            None => (None, of_nobody),
        }
    }
}

impl fmt::Debug for Known {
    /// Without the secret, with which who is there could be told from who is not.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Known");
        shown.field("users", &self.users.keys());
        shown.field("is_damaged", &self.is_damaged);
        shown.finish_non_exhaustive()
    }
}

impl Known {
    fn nobody() -> Known {
        Known {
            users: BTreeMap::new(),
            secret: random::<SECRET_BYTES>().to_vec(),
            iterations: ITERATIONS,
            is_damaged: false,
        }
    }

    fn has(&self, account: &Account) -> bool {
        let found = self.users.get(&account.name);
        found.is_some_and(|it| **it == *account)
    }

    fn read(path: &Path) -> Result<Known> {
        let Some(users) = Users::read(path)? else {
            return Ok(Known::nobody());
        };
        let resolved = users.resolve();
        let Resolved {
            secret,
            iterations,
            users,
        } = resolved.map_err(|it| crate::json_file::damaged(path, it))?;
        let users = users.into_iter().map(|(name, credentials)| {
            let account = Account {
                name: name.clone(),
                credentials,
            };
            (name, Arc::new(account))
        });
        Ok(Known {
            users: users.collect(),
            secret,
            iterations,
            is_damaged: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn who_is_added_is_known_and_who_is_removed_is_not() {
        let folder = TempDir::new().expect("a folder");
        let path = Users::path_in(folder.path());
        let directory = Directory::open(path.clone()).expect("no file is no user");
        assert!(directory.is_empty());
        let find = |name| directory.find(name, Hash::Sha256).0;
        Users::change(&path, |it| it.set("ann", "secret")).expect("she is added");
        assert_eq!(find("ann"), None);
        directory.look();
        let ann = find("ann").expect("she is known");
        assert!(directory.still_has(&ann));
        let generation = directory.generation();
        directory.look();
        assert_eq!(directory.generation(), generation);
        Users::change(&path, |it| it.set("ann", "other")).expect("another password");
        directory.look();
        assert!(!directory.still_has(&ann));
        let ann = find("ann").expect("she is known");
        std::fs::write(&path, "{}").expect("it is damaged");
        directory.look();
        assert_eq!(find("ann"), None);
        assert!(directory.still_has(&ann), "she is in already");
        assert!(!directory.has(&ann), "nobody gets in");
        Users::read(&path).expect_err("it is damaged");
        Directory::open(path).expect_err("it is damaged");
    }

    #[test]
    fn who_is_not_there_looks_like_who_is() {
        let folder = TempDir::new().expect("a folder");
        let path = Users::path_in(folder.path());
        Users::change(&path, |it| it.set("ann", "secret")).expect("she is added");
        let open = || Directory::open(path.clone()).expect("it is good");
        let (found, eve) = open().find("eve", Hash::Sha512);
        assert_eq!(found, None);
        assert_eq!(open().find("eve", Hash::Sha512).1, eve);
        let (_, ann) = open().find("ann", Hash::Sha512);
        let shape = |it: &Credential| (it.salt.len(), it.iterations, it.stored_key.len());
        assert_eq!(shape(&eve), shape(&ann));
    }
}
