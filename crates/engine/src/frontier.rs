//! Work that leads to more work, such as folders that have folders in them, done by several threads until none is left.
//!
//! 1. What is known to be left to do waits in one list; each thread takes the last of it, so that the list stays as short as the work is deep and wide
//!    in one place.
//! 2. A thread whose list is empty sleeps as long as another may still add to it.
//! 3. The last thread at work that finds nothing left wakes all others, and they end.
//!
//! Nothing is in order, and results are each thread's own until the end. For work in order there is [`pipeline`](crate::pipeline).

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::Error;
use crate::control::Cancel;

/// Does `first` and all that it leads to: `work` adds what it finds left to do to the list that it is handed. What the threads have made
/// of what `start` gave each of them.
///
/// # Errors
/// The first error that `work` ends in, which ends the others after what they are doing; [`Error::Interrupted`] once cancelled.
///
/// # Panics
/// If `work` does.
pub fn exhaust<T: Send, S: Send, E: From<Error> + Send>(
    first: Vec<T>,
    threads: usize,
    cancel: &Cancel,
    start: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, T, &mut Vec<T>) -> Result<(), E> + Sync,
) -> Result<Vec<S>, E> {
    let frontier = Frontier {
        state: Mutex::new(State {
            waiting: first,
            busy: 0,
            made: Vec::new(),
            error: None,
        }),
        changed: Condvar::new(),
    };
    std::thread::scope(|scope| {
        let run = || frontier.run(cancel, start(), &work);
        for _ in 1..threads.max(1) {
            // With fewer threads it takes longer.
            let _ = std::thread::Builder::new().spawn_scoped(scope, run);
        }
        run();
    });
    cancel.check()?;
    let state = frontier.state.into_inner();
    let state = state.unwrap_or_else(PoisonError::into_inner);
    match state.error {
        Some(error) => Err(error),
        None => Ok(state.made),
    }
}

struct Frontier<T, S, E> {
    state: Mutex<State<T, S, E>>,
    /// There is more to do, or nothing more will come.
    changed: Condvar,
}

struct State<T, S, E> {
    waiting: Vec<T>,
    /// Threads that are at work.
    busy: usize,
    made: Vec<S>,
    error: Option<E>,
}

impl<T, S, E> Frontier<T, S, E> {
    fn state(&self) -> MutexGuard<'_, State<T, S, E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(
        &self,
        cancel: &Cancel,
        mut own: S,
        work: &impl Fn(&mut S, T, &mut Vec<T>) -> Result<(), E>,
    ) {
        while let Some(next) = self.next(cancel) {
            // Also if `work` panics: others must not wait for us.
            let mut turn = Turn {
                frontier: self,
                more: Vec::new(),
            };
            if let Err(error) = work(&mut own, next, &mut turn.more) {
                self.state().error.get_or_insert(error);
            }
        }
        self.state().made.push(own);
    }

    /// What to do next, when there is something.
    fn next(&self, cancel: &Cancel) -> Option<T> {
        let mut state = self.state();
        loop {
            if cancel.is_cancelled() || state.error.is_some() {
                state.waiting.clear();
            }
            if let Some(next) = state.waiting.pop() {
                state.busy += 1;
                return Some(next);
            }
            if state.busy == 0 {
                self.changed.notify_all();
                return None;
            }
            let woken = self.changed.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// A thread at work.
struct Turn<'f, T, S, E> {
    frontier: &'f Frontier<T, S, E>,
    more: Vec<T>,
}

impl<T, S, E> Drop for Turn<'_, T, S, E> {
    fn drop(&mut self) {
        let mut state = self.frontier.state();
        state.busy -= 1;
        let is_over = state.busy == 0 && state.waiting.is_empty();
        if is_over || !self.more.is_empty() {
            self.frontier.changed.notify_all();
        }
        state.waiting.append(&mut self.more);
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    /// Each number leads to all below its half.
    fn numbers(threads: usize, last: u64, cancel: &Cancel) -> Result<Vec<Vec<u64>>, Error> {
        exhaust(
            vec![last],
            threads,
            cancel,
            Vec::new,
            |seen, number, more| {
                seen.push(number);
                more.extend(0..number / 2);
                Ok(())
            },
        )
    }

    #[test]
    fn all_is_done_once_by_any_number_of_threads() {
        let sorted = |threads| {
            let seen = numbers(threads, 60, &Cancel::new()).expect("nobody cancels");
            let mut seen = seen.concat();
            seen.sort_unstable();
            seen
        };
        let expected = sorted(1);
        assert!(expected.len() > 100, "{}", expected.len());
        for threads in [0, 2, 3, 8] {
            for _ in 0..50 {
                assert_eq!(sorted(threads), expected);
            }
        }
    }

    #[test]
    fn an_error_a_cancellation_and_a_panic_end_it() {
        for threads in [1, 4] {
            let cancel = Cancel::new();
            let failed = exhaust(
                vec![0_u64],
                threads,
                &cancel,
                || (),
                |(), number, more| {
                    more.extend([number + 1; 2]);
                    match number {
                        5 => Err(Error::Interrupted),
                        _ => Ok(()),
                    }
                },
            );
            assert!(failed.is_err());
            let cancelled = exhaust(
                vec![0_u64],
                threads,
                &cancel,
                || (),
                |(), number, more| {
                    more.extend([number + 1; 2]);
                    if number == 5 {
                        cancel.cancel();
                    }
                    Ok::<_, Error>(())
                },
            );
            assert!(matches!(cancelled, Err(Error::Interrupted)));
            let run = || {
                let never = Cancel::new();
                exhaust(
                    vec![3_u64],
                    threads,
                    &never,
                    || (),
                    |(), number, more| {
                        more.extend(0..number);
                        assert!(number > 0, "it comes to that");
                        Ok::<_, Error>(())
                    },
                )
            };
            assert!(catch_unwind(AssertUnwindSafe(run)).is_err());
        }
    }
}
