//! Who may do what at the same time: locks on bytes of one empty file.
//!
//! They are locks of open file descriptions (`F_OFD_SETLK`, fcntl(2)): the kernel drops them when the process ends, however it ends, so
//! no lock is ever stale; and they keep threads apart as well as processes.
//!
//! | byte | held | by |
//! |---|---|---|
//! | 0, [`Role::User`] | shared | whoever has the store open, from before anything but `format` is read |
//! | | exclusively | `gc`, while it deletes what is in the trash: nobody reads or refers to it then |
//! | 1, [`Role::Staging`] | exclusively | `add`, `commit`, `unstage`, `rm` and `repair`, as long as they run; `gc`, while it deletes; whoever adopts packs and has `Publish`, for that moment |
//! | 2, [`Role::Publish`] | exclusively | whoever replaces the manifest, a ref or the list of forgotten commits, for that moment; `repair`, as long as it mends |
//! | 3, [`Role::Collect`] | exclusively | `gc`, as long as it runs; `repair`, as long as it mends |
//! | | shared | `gc --dry-run`, as long as it runs |
//!
//! Only `Publish`, and `User` shared, are waited for. Who finds `Staging` taken takes `Publish` for a moment and asks once more: so whoever adopts
//! packs keeps nobody out. `gc` takes `Collect`, then `Publish` by itself some times, then `User`, `Staging` and
//! `Publish`; `repair` takes `Staging`, `Publish`, `Collect`, then shares `User`; all others share `User`, then take `Staging`, then
//! `Publish`, if at all.
//!
//! Whoever waits asks again and again (`F_OFD_SETLKW` would sleep until the lock is free, and hear of no cancellation that another thread
//! was told of): after a millisecond, and then less often. What is waited for is held for moments.
//!
//! A [`Store`](crate::store::Store) has one description for `User`, so threads that use the same store are one user to the kernel. `gc` takes its
//! store for itself (`&mut`) therefore: that no other thread uses it then is for the compiler to see to.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use tamis_engine::control::Cancel;

use crate::{Error, Result};

/// How long a waiter sleeps before it asks again: at first, and at most.
const PAUSE_MIN: Duration = Duration::from_millis(1);
const PAUSE_MAX: Duration = Duration::from_millis(20);
/// How long [`Wait::Briefly`] is.
const BRIEFLY: Duration = Duration::from_secs(1);

/// What a lock is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Using the store at all.
    User,
    /// Changing what the next commit will hold.
    Staging,
    /// Replacing a small file that others read and replace.
    Publish,
    /// Collecting garbage.
    Collect,
}

impl Role {
    fn byte(self) -> i64 {
        match self {
            Role::User => 0,
            Role::Staging => 1,
            Role::Publish => 2,
            Role::Collect => 3,
        }
    }

    fn doing(self) -> &'static str {
        match self {
            Role::User => "uses it",
            Role::Staging => "is adding, removing or committing",
            Role::Publish => "is changing its index or its references",
            Role::Collect => "is collecting garbage",
        }
    }
}

/// A lock, held as long as this lives.
#[derive(Debug)]
pub(crate) struct Lock {
    /// Closing it lets go.
    file: File,
    role: Role,
    store: PathBuf,
    path: PathBuf,
}

impl Lock {
    /// Makes a lock that is shared one's own, as long as what is returned lives. In between nobody else has it: the kernel changes
    /// the lock of an open file as a whole, or leaves it.
    ///
    /// # Errors
    /// [`Error::Locked`] if others share it; it is not waited for.
    pub(crate) fn upgrade(&self) -> Result<Upgraded<'_>> {
        self.set(libc::F_WRLCK)?;
        Ok(Upgraded(self))
    }

    /// Takes it, after others have let go of it if it is `wait`ed for.
    fn take(&self, kind: libc::c_int, wait: Wait, cancel: &Cancel) -> Result<()> {
        let mut pause = PAUSE_MIN;
        let start = Instant::now();
        loop {
            let may_wait = match wait {
                Wait::No => false,
                Wait::Briefly => start.elapsed() < BRIEFLY,
                Wait::Yes => true,
            };
            match self.set(kind) {
                Err(Error::Locked { .. }) if may_wait => {}
                taken => return taken,
            }
            cancel.check()?;
            std::thread::sleep(pause);
            pause = PAUSE_MAX.min(pause * 2);
        }
    }

    fn set(&self, kind: libc::c_int) -> Result<()> {
        let range = libc::flock {
            l_type: kind as libc::c_short,
            l_whence: libc::SEEK_SET as libc::c_short,
            l_start: self.role.byte(),
            l_len: 1,
            l_pid: 0,
        };
        match fcntl(&self.file, FcntlArg::F_OFD_SETLK(&range)) {
            Ok(_) => Ok(()),
            Err(Errno::EAGAIN | Errno::EACCES) => Err(Error::Locked {
                path: self.store.clone(),
                doing: self.role.doing(),
            }),
            Err(error) => Err(Error::io("lock", &self.path)(error.into())),
        }
    }
}

/// A shared lock that is one's own for the moment.
#[derive(Debug)]
pub(crate) struct Upgraded<'l>(&'l Lock);

impl Drop for Upgraded<'_> {
    fn drop(&mut self) {
        // Sharing what one has alone is never refused.
        let _ = self.0.set(libc::F_RDLCK);
    }
}

/// How long a lock is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Not at all.
    No,
    /// For about as long as what is held for a moment only is held; then it is somebody's for longer.
    Briefly,
    /// Until it is free, or the store's work is cancelled: for what is held for a moment only.
    Yes,
}

/// The file whose bytes are locked.
#[derive(Clone, Debug)]
pub(crate) struct Locks {
    store: PathBuf,
    path: PathBuf,
    cancel: Cancel,
}

impl Locks {
    /// The locks of the store in that folder; `cancel` ends all waiting for them.
    pub(crate) fn new(store: &Path, cancel: &Cancel) -> Locks {
        Locks {
            store: store.to_owned(),
            path: store.join("lock"),
            cancel: cancel.clone(),
        }
    }

    /// Takes a lock for oneself.
    ///
    /// # Errors
    /// [`Error::Locked`] if another has it, and it is not waited for; [`Interrupted`](tamis_engine::Error::Interrupted) if that was cancelled.
    pub(crate) fn exclusive(&self, role: Role, wait: Wait) -> Result<Lock> {
        self.take(role, libc::F_WRLCK, wait)
    }

    /// Takes a lock together with others.
    ///
    /// # Errors
    /// As [`exclusive`](Locks::exclusive), if another has it for itself.
    pub(crate) fn shared(&self, role: Role, wait: Wait) -> Result<Lock> {
        self.take(role, libc::F_RDLCK, wait)
    }

    fn take(&self, role: Role, kind: libc::c_int, wait: Wait) -> Result<Lock> {
        let open = |writes| OpenOptions::new().read(true).write(writes).open(&self.path);
        let opened = match open(true) {
            // A store that may only be read can be used, and nobody changes it: a shared lock needs read permission alone.
            Err(_) if kind == libc::F_RDLCK => open(false),
            opened => opened,
        };
        let lock = Lock {
            file: opened.map_err(|error| match error.kind() {
                // What matters is that nothing can be changed, and not by which file that was noticed.
                ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem
                    if kind == libc::F_WRLCK =>
                {
                    Error::io("write to", &self.store)(error)
                }
                _ => Error::io("open", &self.path)(error),
            })?,
            role,
            store: self.store.clone(),
            path: self.path.clone(),
        };
        lock.take(kind, wait, &self.cancel)?;
        Ok(lock)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_keeps_others_out_until_it_is_dropped() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        File::create(folder.path().join("lock")).expect("the folder is writable");
        let locks = Locks::new(folder.path(), &Cancel::new());
        let users = [
            locks.shared(Role::User, Wait::No),
            locks.shared(Role::User, Wait::No),
        ];
        assert!(users.iter().all(Result::is_ok));
        for wait in [Wait::No, Wait::Briefly] {
            let refused = locks.exclusive(Role::User, wait);
            assert!(matches!(refused, Err(Error::Locked { .. })));
        }
        let other = locks.exclusive(Role::Staging, Wait::No);
        assert!(other.is_ok(), "another byte is another lock");
        drop(users);
        assert!(locks.exclusive(Role::User, Wait::No).is_ok());
    }

    #[test]
    fn a_shared_lock_is_upgraded_only_if_nobody_shares_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        File::create(folder.path().join("lock")).expect("the folder is writable");
        let locks = Locks::new(folder.path(), &Cancel::new());
        let share = || locks.shared(Role::User, Wait::No);
        let (mine, other) = (share().expect("it is free"), share().expect("it is shared"));
        assert!(matches!(mine.upgrade(), Err(Error::Locked { .. })));
        assert!(other.upgrade().is_err(), "a failed upgrade keeps the share");
        drop(other);
        let upgraded = mine.upgrade().expect("nobody shares it");
        assert!(share().is_err());
        drop(upgraded);
        assert!(share().is_ok(), "it is shared again");
        assert!(locks.exclusive(Role::User, Wait::No).is_err());
    }

    #[test]
    fn waiting_ends_when_the_lock_is_free_or_the_work_is_cancelled() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        File::create(folder.path().join("lock")).expect("the folder is writable");
        let cancel = Cancel::new();
        let locks = Locks::new(folder.path(), &cancel);
        let take = || locks.exclusive(Role::Publish, Wait::Yes);
        let held = take().expect("it is free");
        std::thread::scope(|scope| {
            let waiter = scope.spawn(take);
            std::thread::sleep(Duration::from_millis(50));
            assert!(!waiter.is_finished());
            drop(held);
            let held = waiter.join().expect("no panic").expect("it is free now");
            let waiter = scope.spawn(take);
            cancel.cancel();
            let cancelled = waiter.join().expect("no panic");
            let interrupted = matches!(
                cancelled,
                Err(Error::Engine(tamis_engine::Error::Interrupted))
            );
            assert!(interrupted, "{cancelled:?}");
            drop(held);
        });
        assert!(take().is_ok(), "what is free is not waited for");
    }
}
