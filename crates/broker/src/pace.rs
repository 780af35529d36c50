//! Lines in the log that strangers can cause as often as they like: one in so long is told, and the others are counted.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// One line in so long is told.
const PAUSE: Duration = Duration::from_secs(10);

/// Lets through one in so long, and counts the others.
#[derive(Debug, Default)]
pub(crate) struct Pace(Mutex<(Option<Instant>, u64)>);

impl Pace {
    /// How many were left out since the last one, if this one is to be told.
    pub(crate) fn take(&self) -> Option<u64> {
        self.take_at(Instant::now())
    }

    fn take_at(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, left_out) = &mut *state;
        if last.is_some_and(|it| now.duration_since(it) < PAUSE) {
            *left_out += 1;
            return None;
        }
        *last = Some(now);
        Some(std::mem::take(left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_lines_one_is_told_and_the_others_are_counted() {
        let pace = Pace::default();
        let start = Instant::now();
        assert_eq!(pace.take_at(start), Some(0));
        for _ in 0..5 {
            assert_eq!(pace.take_at(start + PAUSE / 2), None);
        }
        assert_eq!(pace.take_at(start + PAUSE), Some(5));
        assert_eq!(pace.take_at(start + 2 * PAUSE), Some(0));
    }
}
