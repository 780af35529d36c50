//! How often each value came: exactly while there are few, about where there are too many to keep.
//!
//! A worker counts into a [`Local`] table, small enough for its cache, and adds that to the [`Table`] of the run when it is
//! full ([`Table::absorb`]). So the memory does not depend on the number of threads.
//!
//! A [`Table`] keeps every value with its counts as long as all of them fit into a budget. Whether they do depends on which
//! values there are, not on who saw them when; so the answer is the same for any number of threads and any chunk size.
//! Beyond the budget it turns into two things that also merge in any order:
//!
//! - a *count sketch* ([`sketch`]), which estimates the counts of any value;
//! - a *sample* of events ([`sample`]), drawn by a hash of their place in the input, which says for which values to ask.
//!   A value with a share of `p` of the events is missing in a sample of `k` with a probability of `(1-p)^k`: of 0.1 %
//!   and 16,384 that is less than one in ten million. The sample also stands for the durations of a value.
//!
//! Space-saving and Misra-Gries, the usual ways, keep the values themselves; but what they keep depends on the order
//! in which tables are merged.

mod exact;
mod local;
mod sample;
mod sketch;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tamis_engine::sketch::Sketch;

use exact::Exact;
pub(super) use local::{DISTINCT_PRECISION, Local};
use sample::Sample;
pub(super) use sample::{SAMPLE_EVENTS, draw};
use sketch::CountSketch;

/// Bits of a duration's mantissa that a group keeps: a quantile is off by 1.5 % at most.
pub(super) const GROUP_BITS: u32 = 5;

/// Parts of a table that are locked one by one; by the low bits of a value's hash.
const SHARDS: usize = 16;

/// Longer values are told apart by so many of their first bytes.
pub(super) const KEY_BYTES_MAX: usize = 512;

/// What is added up for each value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) events: u64,
    pub(super) errors: u64,
    /// Bytes of responses.
    pub(super) bytes: u64,
    /// Bytes of the log.
    pub(super) log_bytes: u64,
}

impl Counts {
    #[inline(always)]
    pub(super) fn add(&mut self, more: Counts) {
        self.events = self.events.saturating_add(more.events);
        self.errors = self.errors.saturating_add(more.errors);
        self.bytes = self.bytes.saturating_add(more.bytes);
        self.log_bytes = self.log_bytes.saturating_add(more.log_bytes);
    }
}

/// A value and what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ranked {
    pub(super) value: Vec<u8>,
    pub(super) counts: Counts,
    /// How long its events took, in nanoseconds: all of them, or those of the sample.
    pub(super) latency: Option<Sketch>,
}

/// The answer of a table.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ranking {
    /// The most frequent values first; of equally frequent ones the smaller first.
    pub(super) values: Vec<Ranked>,
    /// How many values there are, if all were kept.
    pub(super) distinct: Option<u64>,
    /// Counts may be off by so many events (three standard deviations); `None`: they are exact.
    pub(super) error: Option<u64>,
}

/// The counts of all values of one field.
#[derive(Debug)]
pub(super) struct Table {
    shards: Box<[Mutex<Shard>]>,
    sample: Mutex<Sample>,
    /// Events with a draw from here on are not of the sample.
    sample_below: AtomicU64,
    /// What the values kept take.
    charged_bytes: AtomicU64,
    budget_bytes: u64,
    is_over: AtomicBool,
}

#[derive(Debug)]
enum Shard {
    Exact(Exact),
    Sketch(CountSketch),
}

impl Table {
    /// An empty one whose exact values may take `budget_bytes`; `with_latency`: durations are kept, too.
    pub(super) fn new(budget_bytes: u64, with_latency: bool) -> Table {
        let shard = || Mutex::new(Shard::Exact(Exact::new(with_latency)));
        Table {
            shards: (0..SHARDS).map(|_| shard()).collect(),
            sample: Mutex::new(Sample::default()),
            sample_below: AtomicU64::new(u64::MAX),
            charged_bytes: AtomicU64::new(0),
            budget_bytes,
            is_over: AtomicBool::new(false),
        }
    }

    /// Events with a smaller draw may belong to the sample.
    pub(super) fn sample_below(&self) -> u64 {
        self.sample_below.load(Ordering::Relaxed)
    }

    /// Adds what a worker has counted, and empties its table.
    pub(super) fn absorb(&self, local: &mut Local) {
        local.sort_by_shard();
        for (number, shard) in self.shards.iter().enumerate() {
            let mut shard = lock(shard);
            self.turn_if_over(&mut shard);
            match &mut *shard {
                Shard::Exact(exact) => {
                    let charge = exact.absorb(local, number);
                    let before = self.charged_bytes.fetch_add(charge, Ordering::Relaxed);
                    if before + charge > self.budget_bytes {
                        self.is_over.store(true, Ordering::Relaxed);
                    }
                }
                Shard::Sketch(sketch) => {
                    for entry in local.of_shard(number) {
                        sketch.add(entry.hash, entry.counts);
                    }
                }
            }
        }
        if local.has_sampled() {
            let mut sample = lock(&self.sample);
            sample.absorb(local);
            self.sample_below.store(sample.below(), Ordering::Relaxed);
        }
        local.clear();
    }

    /// The `top` most frequent values.
    pub(super) fn ranking(&self, top: usize) -> Ranking {
        let mut shards: Vec<MutexGuard<'_, Shard>> = self.shards.iter().map(lock).collect();
        for shard in &mut shards {
            self.turn_if_over(shard);
        }
        if !self.is_over.load(Ordering::Relaxed) {
            return exact_ranking(&shards, top);
        }
        self.sketched_ranking(&shards, top)
    }

    /// A shard of a table that is over its budget becomes a sketch.
    fn turn_if_over(&self, shard: &mut Shard) {
        if let Shard::Exact(exact) = shard
            && self.is_over.load(Ordering::Relaxed)
        {
            let mut sketch = CountSketch::new();
            exact
                .entries()
                .for_each(|(hash, _, counts, _)| sketch.add(hash, counts));
            *shard = Shard::Sketch(sketch);
        }
    }

    fn sketched_ranking(&self, shards: &[MutexGuard<'_, Shard>], top: usize) -> Ranking {
        let sketch = |hash: u64| match &*shards[shard_of(hash)] {
            Shard::Sketch(sketch) => sketch,
            Shard::Exact(_) => unreachable!("all shards of a table over its budget are sketches"),
        };
        let sample = lock(&self.sample);
        let mut values: Vec<Ranked> = sample
            .values()
            .into_iter()
            .map(|sampled| Ranked {
                counts: sketch(sampled.hash).estimate(sampled.hash, sampled.count),
                value: sampled.value.to_vec(),
                latency: sampled.latency,
            })
            .collect();
        rank(&mut values, top);
        let squares: f64 = (0..SHARDS as u64).map(|hash| sketch(hash).squares()).sum();
        // What is listed is known, so that it does not count among what blurs the rest.
        let listed = values.iter().map(|it| (it.counts.events as f64).powi(2));
        let rest = (squares - listed.sum::<f64>()).max(0.0);
        let error = (3.0 * (rest / (SHARDS * sketch::WIDTH) as f64).sqrt()).ceil() as u64;
        values.retain(|value| value.counts.events > error);
        Ranking {
            values,
            distinct: None,
            error: Some(error.max(1)),
        }
    }
}

fn exact_ranking(shards: &[MutexGuard<'_, Shard>], top: usize) -> Ranking {
    let mut values = Vec::new();
    let mut distinct = 0;
    for shard in shards {
        let Shard::Exact(exact) = &**shard else {
            unreachable!("no shard of a table within its budget is a sketch");
        };
        let mut of_shard: Vec<(usize, &[u8], Counts)> = exact
            .entries()
            .enumerate()
            .map(|(number, (_, value, counts, _))| (number, value, counts))
            .collect();
        distinct += of_shard.len() as u64;
        // No more than these can be among the first of all.
        if of_shard.len() > top && top > 0 {
            let order = |a: &(usize, &[u8], Counts), b: &(usize, &[u8], Counts)| {
                (b.2.events, a.1).cmp(&(a.2.events, b.1))
            };
            of_shard.select_nth_unstable_by(top - 1, order);
        }
        of_shard.truncate(top);
        values.extend(of_shard.into_iter().map(|(number, value, counts)| Ranked {
            value: value.to_vec(),
            counts,
            latency: exact.latency(number).cloned(),
        }));
    }
    rank(&mut values, top);
    Ranking {
        values,
        distinct: Some(distinct),
        error: None,
    }
}

fn rank(values: &mut Vec<Ranked>, top: usize) {
    values.sort_by(|a, b| (b.counts.events, &a.value).cmp(&(a.counts.events, &b.value)));
    values.truncate(top);
}

fn shard_of(hash: u64) -> usize {
    hash as usize % SHARDS
}

/// No code that can panic leaves a table half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
