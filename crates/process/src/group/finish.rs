//! The end of a run: all workers' groups together, in the order in which they first came.

use std::sync::Mutex;
use std::thread;

use tamis_engine::Result;
use tamis_engine::control::Cancel;

use super::aggregate::Cells;
use super::output::Output;
use super::plan::Plan;
use super::spilled::{self, PARTITIONS, Spilled};
use super::state::Groups;
use super::worker::{Hand, Shared};
use crate::order::Starts;
use crate::spill::SpillPlace;
use crate::spill::run::{self, Record, Run, RunWriter};

/// What the end of a run works with.
pub(super) struct End<'e> {
    pub(super) plan: &'e Plan,
    pub(super) threads: usize,
    pub(super) memory_bytes: usize,
    pub(super) cancel: &'e Cancel,
    pub(super) place: &'e SpillPlace,
    pub(super) starts: &'e Starts,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ended {
    pub(super) groups: u64,
    pub(super) is_estimated: bool,
    /// Figures that could not be computed.
    pub(super) failed: u64,
    pub(super) spilled_bytes: u64,
}

impl Shared<'_> {
    /// What the workers left behind.
    pub(super) fn into_hands(self) -> Vec<Hand> {
        self.hands
            .into_inner()
            .expect("no worker panics while it holds the lock")
    }
}

impl End<'_> {
    /// Writes all groups.
    pub(super) fn write(&self, mut hands: Vec<Hand>, output: &mut Output) -> Result<Ended> {
        if hands.iter().any(|hand| hand.spilled.is_some()) {
            for hand in &mut hands {
                hand.spill(self.place)?;
            }
            let spilled = hands.into_iter().filter_map(|hand| hand.spilled);
            return self.write_spilled(&spilled.collect::<Vec<_>>(), output);
        }
        let mut ended = Ended::default();
        let mut others = hands.into_iter().map(|hand| hand.groups);
        let mut groups = others.next().unwrap_or_else(|| Groups::new(self.plan));
        let mut bytes = Vec::new();
        for other in others {
            for group in 1..=other.len() as u32 {
                bytes.clear();
                other.write(group, &mut bytes);
                groups.absorb(&bytes, &|order| self.starts.rank(order));
            }
        }
        groups.ensure_one();
        let mut cells = Cells::default();
        for (_, group) in self.in_order(&groups) {
            groups.finish(group, self.plan, &mut cells);
            output.row(cells.as_bytes())?;
            ended.groups += 1;
        }
        ended.is_estimated = cells.is_estimated;
        ended.failed = cells.failed;
        Ok(ended)
    }

    /// The groups by where their first rows stand.
    fn in_order(&self, groups: &Groups) -> Vec<(u64, u32)> {
        let all = 1..=groups.len() as u32;
        let mut all: Vec<_> = all
            .map(|group| (self.starts.rank(groups.first(group)), group))
            .collect();
        all.sort_unstable();
        all
    }

    fn write_spilled(&self, spilled: &[Spilled], output: &mut Output) -> Result<Ended> {
        let next = Mutex::new(0..PARTITIONS);
        let work = || {
            let mut writer = RunWriter::new(self.place)?;
            let mut cells = Cells::default();
            loop {
                let partition = next.lock().expect("counting does not panic").next();
                let Some(partition) = partition else {
                    return Ok((writer.finish(), cells.is_estimated, cells.failed));
                };
                self.cancel.check()?;
                let memory_bytes = self.memory_bytes / (self.threads + 1);
                let mut take = |groups: &Groups| {
                    for (order, group) in self.in_order(groups) {
                        groups.finish(group, self.plan, &mut cells);
                        writer.push(Record {
                            key: &[],
                            order,
                            payload: cells.as_bytes(),
                        })?;
                    }
                    writer.end_run()
                };
                let rank = |order| self.starts.rank(order);
                spilled::gather(
                    spilled,
                    partition,
                    self.plan,
                    memory_bytes,
                    &rank,
                    &mut take,
                )?;
            }
        };
        let done: Vec<Result<(Vec<Run>, bool, u64)>> = thread::scope(|scope| {
            // Those that the system gives: this thread does what is left.
            let others: Vec<_> = (1..self.threads)
                .map_while(|_| thread::Builder::new().spawn_scoped(scope, work).ok())
                .collect();
            let mut done = vec![work()];
            for other in others {
                match other.join() {
                    Ok(result) => done.push(result),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            done
        });
        let mut ended = Ended {
            spilled_bytes: spilled.iter().map(Spilled::len_bytes).sum(),
            ..Ended::default()
        };
        let mut runs = Vec::new();
        for result in done {
            let (more, is_estimated, failed) = result?;
            runs.extend(more);
            ended.is_estimated |= is_estimated;
            ended.failed += failed;
        }
        run::merge(
            runs,
            self.memory_bytes,
            self.place,
            self.cancel,
            &|order| order,
            |record| {
                ended.groups += 1;
                output.row(record.payload)
            },
        )?;
        Ok(ended)
    }
}
