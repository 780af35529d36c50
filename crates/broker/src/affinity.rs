//! Worker threads that stay on their cores.
//!
//! The cores are those that this process may use, taken in turn. Threads that wait for the disk, which the runtime starts beside its
//! workers, may go anywhere: they inherit a core from the worker that needed one, and give it up.

use std::sync::atomic::{AtomicUsize, Ordering};

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// The thread that asks.
const SELF: Pid = Pid::from_raw(0);

/// Where the next thread is to run.
#[derive(Debug)]
pub(crate) struct Cores {
    allowed: CpuSet,
    each: Vec<CpuSet>,
    /// Threads that have a core of their own, which are the first.
    pinned: usize,
    next: AtomicUsize,
}

impl Cores {
    /// For the first `threads` that start, or for one on each core.
    ///
    /// # Errors
    /// Those of the system call.
    pub(crate) fn of(threads: Option<usize>) -> std::io::Result<Cores> {
        let allowed = sched_getaffinity(SELF)?;
        let mut each = Vec::new();
        for cpu in (0..CpuSet::count()).filter(|cpu| allowed.is_set(*cpu) == Ok(true)) {
            let mut one = CpuSet::new();
            one.set(cpu)?;
            each.push(one);
        }
        Ok(Cores {
            allowed,
            pinned: threads.unwrap_or(each.len()).max(1),
            each,
            next: AtomicUsize::new(0),
        })
    }

    /// Threads that get a core.
    pub(crate) fn pinned(&self) -> usize {
        self.pinned
    }

    /// Gives the calling thread its core.
    pub(crate) fn take(&self) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let cores = match number < self.pinned {
            true => self.each.get(number % self.each.len().max(1)),
            false => None,
        };
        if let Err(error) = sched_setaffinity(SELF, cores.unwrap_or(&self.allowed)) {
            tracing::warn!(%error, "a thread cannot be kept on its core");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_threads_have_a_core_each_and_the_others_all() {
        let allowed = sched_getaffinity(SELF).expect("it is told");
        let set = |cpus: &CpuSet| {
            let cpus = (0..CpuSet::count()).filter(|it| cpus.is_set(*it) == Ok(true));
            cpus.collect::<Vec<_>>()
        };
        let count = set(&allowed).len();
        let cores = Cores::of(Some(count + 1)).expect("it is told");
        let start = || {
            std::thread::scope(|scope| {
                let thread = scope.spawn(|| {
                    cores.take();
                    sched_getaffinity(SELF).expect("it is told")
                });
                thread.join().expect("it ends")
            })
        };
        let mut union = Vec::new();
        for _ in 0..count {
            let own = start();
            assert_eq!(set(&own).len(), 1);
            union.extend(set(&own));
        }
        assert_eq!(union, set(&allowed));
        assert_eq!(set(&start()).len(), 1, "one more worker than cores");
        assert_eq!(set(&start()), set(&allowed));
    }
}
