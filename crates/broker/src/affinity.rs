//! Worker threads that stay on their cores.
//!
//! The cores are those that this process may use, taken in turn. Threads that wait for the disk, which the runtime starts beside its
//! workers, may go anywhere: they inherit a core from the worker that needed one, and give it up.

use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

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
        let allowed = sched_getaffinity(None)?;
        let each = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu));
        let each = each.map(|cpu| {
            let mut one = CpuSet::new();
            one.set(cpu);
            one
        });
        let each: Vec<_> = each.collect();
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
        if let Err(error) = sched_setaffinity(None, cores.unwrap_or(&self.allowed)) {
            tracing::warn!(%error, "a thread cannot be kept on its core");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_threads_have_a_core_each_and_the_others_all() {
        let allowed = sched_getaffinity(None).expect("it is told");
        let count = allowed.count() as usize;
        let cores = Cores::of(Some(count + 1)).expect("it is told");
        let start = || {
            std::thread::scope(|scope| {
                let thread = scope.spawn(|| {
                    cores.take();
                    sched_getaffinity(None).expect("it is told")
                });
                thread.join().expect("it ends")
            })
        };
        let mut union = CpuSet::new();
        for _ in 0..count {
            let own = start();
            assert_eq!(own.count(), 1);
            (0..CpuSet::MAX_CPU)
                .filter(|it| own.is_set(*it))
                .for_each(|it| union.set(it));
        }
        assert_eq!(union, allowed);
        assert_eq!(start().count(), 1, "one more worker than cores");
        assert_eq!(start(), allowed);
    }
}
