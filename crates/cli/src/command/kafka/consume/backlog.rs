//! What a group has still to read.
//!
//! A member to which no partition was given waits: it gets some as soon as another one leaves. It ends when the group has committed all
//! that was there when it began to wait, whoever read it ([`Waiting`]).

use std::time::{Duration, Instant};

use crate::Result;
use crate::kafka::Partition;
use crate::kafka::consumer::Consumer;
use crate::kafka::offsets::Moment;
use crate::kafka::place::Place;

/// How often it is asked what the group has committed.
const INTERVAL: Duration = Duration::from_secs(1);

/// What is there for a group in some partitions.
#[derive(Debug)]
pub(super) struct Backlog {
    pub(super) shares: Vec<Share>,
}

/// What is there for it in one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) partition: Partition,
    /// Where the group goes on.
    pub(super) start: i64,
    /// The offset behind the last record.
    pub(super) end: i64,
}

impl Backlog {
    /// Asks for it. Where nothing is committed the group begins at `from`.
    pub(super) fn of(
        consumer: &Consumer,
        partitions: Vec<Partition>,
        from: Option<&Place>,
    ) -> Result<Backlog> {
        let latest = consumer.offsets_at(&partitions, Moment::Latest)?;
        let unset = match from == Some(&Place::END) {
            true => latest.clone(),
            false => consumer.offsets_at(&partitions, Moment::Earliest)?,
        };
        let committed = consumer.committed(&partitions)?;
        let share = |(at, partition): (usize, _)| Share {
            partition,
            start: committed[at].unwrap_or(unset[at]),
            end: latest[at],
        };
        let shares = partitions.into_iter().enumerate().map(share).collect();
        Ok(Backlog { shares })
    }

    /// Leaves out what the group has committed by now; whether nothing is left.
    fn work_off(&mut self, consumer: &Consumer) -> Result<bool> {
        let left = self.shares.iter().map(|it| it.partition.clone());
        let committed = consumer.committed(&left.collect::<Vec<_>>())?;
        for (share, committed) in self.shares.iter_mut().zip(committed) {
            share.start = committed.unwrap_or(share.start);
        }
        self.shares.retain(|it| !it.is_read());
        Ok(self.shares.is_empty())
    }
}

impl Share {
    /// Whether there is nothing to read of it.
    pub(super) fn is_read(&self) -> bool {
        self.start >= self.end
    }
}

/// A member that has no partition.
#[derive(Debug)]
pub(super) struct Waiting {
    backlog: Backlog,
    asked: Instant,
    is_told: bool,
}

impl Waiting {
    /// It begins to wait; `partitions` are all there are.
    pub(super) fn begin(
        consumer: &Consumer,
        partitions: Vec<Partition>,
        from: Option<&Place>,
    ) -> Result<Waiting> {
        let mut backlog = Backlog::of(consumer, partitions, from)?;
        backlog.shares.retain(|it| !it.is_read());
        Ok(Waiting {
            backlog,
            asked: Instant::now(),
            is_told: false,
        })
    }

    /// Whether nothing is left to wait for; `tell` says once that it waits.
    pub(super) fn is_over(&mut self, consumer: &Consumer, tell: impl FnOnce()) -> Result<bool> {
        if self.backlog.shares.is_empty() {
            return Ok(true);
        }
        if self.asked.elapsed() < INTERVAL {
            return Ok(false);
        }
        self.asked = Instant::now();
        let is_over = self.backlog.work_off(consumer)?;
        if !is_over && !std::mem::replace(&mut self.is_told, true) {
            tell();
        }
        Ok(is_over)
    }
}
