//! The end of a run: the rows of all workers in one order.

use std::thread;

use tamis_engine::Result;
use tamis_engine::control::Cancel;

use super::buffer::Buffer;
use super::worker::Hand;
use crate::order::Starts;
use crate::rows::{BATCH_ROWS, Writer};
use crate::spill::SpillPlace;
use crate::spill::run::{self, Record, RunWriter};

/// Bytes that are handed to the sink at once.
const BATCH_BYTES: usize = 256 << 10;

/// What the end of a run works with.
pub(super) struct End<'e> {
    pub(super) starts: &'e Starts,
    pub(super) memory_bytes: usize,
    /// Of rows with equal keys only the first is written.
    pub(super) is_unique: bool,
    pub(super) cancel: &'e Cancel,
    pub(super) place: &'e SpillPlace,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ended {
    /// Rows that were left out because their key came before.
    pub(super) repeated: u64,
    pub(super) spilled_bytes: u64,
}

impl End<'_> {
    /// Writes all rows.
    pub(super) fn write(&self, hands: Vec<Hand>, writer: &mut Writer<'_>) -> Result<Ended> {
        let mut batch = Batch {
            writer,
            cancel: self.cancel,
            bytes: Vec::with_capacity(BATCH_BYTES),
            ends: Vec::new(),
            is_first: true,
            last_key: self.is_unique.then_some(None),
            repeated: 0,
        };
        let mut ended = Ended::default();
        if hands.iter().any(|hand| hand.runs.is_some()) {
            let runs = self.spill_all(hands)?;
            ended.spilled_bytes = runs.iter().map(RunWriter::len_bytes).sum();
            let runs = runs.into_iter().flat_map(RunWriter::finish).collect();
            let rank = |order| self.starts.rank(order);
            let take = |record: Record<'_>| batch.push(record);
            run::merge(
                runs,
                self.memory_bytes,
                self.place,
                self.cancel,
                &rank,
                take,
            )?;
        } else {
            let buffers = hands.into_iter().map(|hand| hand.buffer);
            let mut buffers: Vec<_> = buffers.filter(|buffer| buffer.len() > 0).collect();
            on_threads(buffers.iter_mut(), |buffer| {
                buffer.sort();
                Ok(())
            })?;
            self.merge_buffers(&buffers, &mut batch)?;
        }
        batch.flush()?;
        ended.repeated = batch.repeated;
        Ok(ended)
    }

    /// Moves what is left in memory to disk.
    fn spill_all(&self, mut hands: Vec<Hand>) -> Result<Vec<RunWriter>> {
        on_threads(hands.iter_mut(), |hand| {
            let spilled = hand.spill(self.place);
            hand.buffer = Buffer::default();
            spilled
        })?;
        Ok(hands.into_iter().filter_map(|hand| hand.runs).collect())
    }

    /// Writes the rows of sorted buffers; there are as many as threads, so the least row is looked for.
    fn merge_buffers(&self, buffers: &[Buffer], batch: &mut Batch<'_, '_>) -> Result<()> {
        let mut heads: Vec<(&Buffer, usize)> = buffers.iter().map(|buffer| (buffer, 0)).collect();
        loop {
            let least = (0..heads.len()).min_by(|&one, &other| {
                Buffer::compare(heads[one], heads[other], |order| self.starts.rank(order))
            });
            let Some(least) = least else {
                return Ok(());
            };
            let (buffer, at) = &mut heads[least];
            batch.push(buffer.get(*at))?;
            *at += 1;
            if *at == buffer.len() {
                heads.remove(least);
            }
        }
    }
}

/// Rows on their way to the sink.
struct Batch<'b, 'w> {
    writer: &'b mut Writer<'w>,
    cancel: &'b Cancel,
    bytes: Vec<u8>,
    /// Where each row ends.
    ends: Vec<usize>,
    is_first: bool,
    /// The key of the row before, if that matters.
    last_key: Option<Option<Vec<u8>>>,
    repeated: u64,
}

impl Batch<'_, '_> {
    fn push(&mut self, record: Record<'_>) -> Result<()> {
        if let Some(last) = &mut self.last_key {
            if last.as_deref() == Some(record.key) {
                self.repeated += 1;
                return Ok(());
            }
            let last = last.get_or_insert_default();
            last.clear();
            last.extend_from_slice(record.key);
        }
        self.bytes.extend_from_slice(record.payload);
        self.ends.push(self.bytes.len());
        match self.bytes.len() < BATCH_BYTES && self.ends.len() < BATCH_ROWS {
            true => Ok(()),
            false => self.flush(),
        }
    }

    fn flush(&mut self) -> Result<()> {
        self.cancel.check()?;
        if self.writer.is_columnar() {
            let starts = std::iter::once(0).chain(self.ends.iter().copied());
            let rows = starts.zip(&self.ends);
            let rows = rows.map(|(start, &end)| &self.bytes[start..end]);
            self.writer.put_rows(rows, self.is_first)?;
        } else {
            self.writer.put(&self.bytes, self.is_first)?;
        }
        self.is_first &= self.bytes.is_empty();
        self.bytes.clear();
        self.ends.clear();
        Ok(())
    }
}

/// Runs `work` on each item, on a thread of its own where the system gives one.
fn on_threads<T: Send>(
    items: impl Iterator<Item = T>,
    work: impl Fn(T) -> Result<()> + Copy + Send,
) -> Result<()> {
    thread::scope(|scope| {
        let started: Vec<_> = items.map(|item| scope.spawn(move || work(item))).collect();
        let mut result = Ok(());
        for thread in started {
            let done = match thread.join() {
                Ok(done) => done,
                Err(panic) => std::panic::resume_unwind(panic),
            };
            result = result.and(done);
        }
        result
    })
}
