//! The bar of a command on the store: its phase, files and bytes a second, and how much was there already.

use std::time::Duration;

use tamis_engine::human;
use tamis_store::progress::{Phase, StoreProgress, StoreSnapshot};

use crate::progress::Counters;

/// A run to be watched.
#[derive(Clone, Debug)]
pub(super) struct Watched {
    progress: StoreProgress,
    direction: Direction,
}

/// Which way files go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// Into the store.
    In,
    /// Out of it: nothing is new then.
    Out,
    /// From one store to another, commit by commit.
    Across,
}

impl Watched {
    pub(super) fn new(progress: &StoreProgress, direction: Direction) -> Self {
        Self {
            progress: progress.clone(),
            direction,
        }
    }
}

impl Counters for Watched {
    fn done_of(&self) -> (u64, u64) {
        let now = self.progress.snapshot();
        (now.done_bytes, now.total_bytes)
    }

    fn message(&self, elapsed: Duration) -> String {
        message(&self.progress.snapshot(), self.direction, elapsed)
    }
}

fn message(now: &StoreSnapshot, direction: Direction, elapsed: Duration) -> String {
    let phase = now.phase.name();
    if matches!(now.phase, Phase::Discovery | Phase::Filtering) {
        return format!(
            "{phase}  {} files  {}",
            human::count(now.found_files),
            human::bytes(now.found_bytes)
        );
    }
    if direction == Direction::Across {
        return format!(
            "{phase}  {}/{} commits  {}  {}",
            human::count(now.done_files),
            human::count(now.total_files),
            human::bytes(now.done_bytes),
            human::byte_rate(now.done_bytes, elapsed),
        );
    }
    let mut message = format!(
        "{phase}  {}/{} files  {}  {} files/s  {}",
        human::count(now.done_files),
        human::count(now.total_files),
        human::bytes(now.done_bytes),
        human::rate(now.done_files, elapsed),
        human::byte_rate(now.done_bytes, elapsed),
    );
    if direction == Direction::In && now.done_bytes > 0 {
        // Both counters move on their own.
        let known = now.done_bytes.saturating_sub(now.new_bytes);
        let share = u128::from(known) * 100 / u128::from(now.done_bytes);
        message.push_str(&format!("  {share} % dedup"));
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_says_what_the_phase_knows() {
        let mut now = StoreSnapshot {
            found_files: 1_500,
            found_bytes: 3_000_000,
            ..StoreSnapshot::default()
        };
        let elapsed = Duration::from_secs(2);
        let found = "discovery  1,500 files  3.00 MB";
        assert_eq!(message(&now, Direction::In, elapsed), found);
        now.phase = Phase::Processing;
        (now.total_files, now.done_files) = (1_500, 1_000);
        (now.done_bytes, now.new_bytes) = (2_000_000, 500_000);
        let done = "processing  1,000/1,500 files  2.00 MB  500 files/s  1.00 MB/s";
        assert_eq!(message(&now, Direction::Out, elapsed), done);
        let both = format!("{done}  75 % dedup");
        assert_eq!(message(&now, Direction::In, elapsed), both);
    }
}
