//! Sorted records on disk, and one sequence of all of them.
//!
//! A record is a key, an order and a payload. Records are sorted by key, byte by byte, and those of one key by their order: a number
//! that tells where they come from, so that sorting is stable. A *run* is a sorted sequence of records in a [`SpillFile`]:
//!
//! ```text
//!   key_len_bytes u32 | payload_len_bytes u32 | order u64 | key | payload      (little-endian), one behind the other
//! ```

use std::cmp::Ordering;
use std::sync::Arc;

use tamis_engine::Result;
use tamis_engine::control::Cancel;

use super::{SpillFile, SpillPlace};

const HEADER_BYTES: usize = 16;

/// Bytes handed to the system in one write.
const WRITE_BYTES: usize = 256 << 10;

/// The least that a reader has in memory: below, reads cost more than they bring.
const READ_BYTES_MIN: usize = 16 << 10;
const READ_BYTES_MAX: usize = 1 << 20;

/// The most runs that are merged at once; more are merged to fewer first.
const FAN_IN_MAX: usize = 256;

/// Records that are merged before somebody looks whether the run was cancelled.
const RECORDS_PER_LOOK: u32 = 4096;

/// A record of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record<'r> {
    pub(crate) key: &'r [u8],
    pub(crate) order: u64,
    pub(crate) payload: &'r [u8],
}

/// A sorted sequence of records in a file.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    file: Arc<SpillFile>,
    byte_offset: u64,
    len_bytes: u64,
    /// The length of its longest record: a reader holds a whole one.
    record_bytes_max: usize,
}

/// Appends runs to a file.
#[derive(Debug)]
pub(crate) struct RunWriter {
    file: SpillFile,
    buffer: Vec<u8>,
    /// Where each run ends, and the length of its longest record.
    ends: Vec<(u64, usize)>,
    record_bytes_max: usize,
}

impl RunWriter {
    pub(crate) fn new(place: &SpillPlace) -> Result<RunWriter> {
        Ok(RunWriter {
            file: place.file()?,
            buffer: Vec::with_capacity(WRITE_BYTES),
            ends: Vec::new(),
            record_bytes_max: 0,
        })
    }

    /// Appends a record, not before the last one in order.
    pub(crate) fn push(&mut self, record: Record<'_>) -> Result<()> {
        let len = |bytes: &[u8]| (bytes.len() as u32).to_le_bytes();
        let record_bytes = HEADER_BYTES + record.key.len() + record.payload.len();
        self.record_bytes_max = self.record_bytes_max.max(record_bytes);
        self.buffer.extend_from_slice(&len(record.key));
        self.buffer.extend_from_slice(&len(record.payload));
        self.buffer.extend_from_slice(&record.order.to_le_bytes());
        self.buffer.extend_from_slice(record.key);
        self.buffer.extend_from_slice(record.payload);
        match self.buffer.len() < WRITE_BYTES {
            true => Ok(()),
            false => self.flush(),
        }
    }

    /// Bytes of all runs that have ended.
    pub(crate) fn len_bytes(&self) -> u64 {
        self.file.len_bytes()
    }

    /// Ends the run.
    pub(crate) fn end_run(&mut self) -> Result<()> {
        self.flush()?;
        let record_bytes_max = std::mem::take(&mut self.record_bytes_max);
        self.ends.push((self.file.len_bytes(), record_bytes_max));
        Ok(())
    }

    /// The runs, in the order in which they were written.
    pub(crate) fn finish(self) -> Vec<Run> {
        let file = Arc::new(self.file);
        let mut start = 0;
        let runs = self.ends.into_iter().map(|(end, record_bytes_max)| {
            let run = Run {
                file: Arc::clone(&file),
                byte_offset: start,
                len_bytes: end - start,
                record_bytes_max,
            };
            start = end;
            run
        });
        runs.filter(|run| run.len_bytes > 0).collect()
    }

    fn flush(&mut self) -> Result<()> {
        self.file.append(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}

/// Hands the records of all runs to `take`, in order, with about `memory_bytes` of buffers.
///
/// `rank` says what orders stand for: they are compared by it.
pub(crate) fn merge(
    mut runs: Vec<Run>,
    memory_bytes: usize,
    place: &SpillPlace,
    cancel: &Cancel,
    rank: &impl Fn(u64) -> u64,
    mut take: impl FnMut(Record<'_>) -> Result<()>,
) -> Result<()> {
    loop {
        let fan_in = fan_in(&runs, memory_bytes);
        if runs.len() <= fan_in {
            return merge_once(&runs, memory_bytes, cancel, rank, &mut take);
        }
        // Only as many as must be, so that most records are copied as rarely as can be.
        let excess = (runs.len() - fan_in + 1).clamp(2, fan_in);
        let later = runs.split_off(excess);
        let mut writer = RunWriter::new(place)?;
        let push = |record: Record<'_>| writer.push(record);
        merge_once(&runs, memory_bytes, cancel, rank, push)?;
        writer.end_run()?;
        runs = later;
        runs.extend(writer.finish());
    }
}

/// How many of the first runs can be merged at once: two at least, whatever the memory.
fn fan_in(runs: &[Run], memory_bytes: usize) -> usize {
    let mut left = memory_bytes;
    let fits = |run: &&Run| {
        let rest = left.checked_sub(2 * READ_BYTES_MIN + run.record_bytes_max);
        left = rest.unwrap_or(0);
        rest.is_some()
    };
    let count = runs.iter().take_while(fits).count();
    count.clamp(2, FAN_IN_MAX)
}

fn merge_once(
    runs: &[Run],
    memory_bytes: usize,
    cancel: &Cancel,
    rank: &impl Fn(u64) -> u64,
    mut take: impl FnMut(Record<'_>) -> Result<()>,
) -> Result<()> {
    let records = runs.iter().map(|run| run.record_bytes_max).sum();
    let capacity = memory_bytes.saturating_sub(records) / runs.len().max(1);
    let capacity = capacity.clamp(READ_BYTES_MIN, READ_BYTES_MAX);
    let mut readers = Vec::new();
    for run in runs {
        let mut reader = Reader::new(run, capacity);
        if reader.advance()? {
            readers.push(reader);
        }
    }
    // A heap of readers by their records, the least on top.
    let mut heap: Vec<usize> = (0..readers.len()).collect();
    for at in (0..heap.len() / 2).rev() {
        sink(&mut heap, at, &readers, rank);
    }
    let mut records_since_look = 0;
    while let Some(&least) = heap.first() {
        records_since_look += 1;
        if records_since_look == RECORDS_PER_LOOK {
            records_since_look = 0;
            cancel.check()?;
        }
        take(readers[least].record())?;
        if !readers[least].advance()? {
            heap.swap_remove(0);
        }
        sink(&mut heap, 0, &readers, rank);
    }
    Ok(())
}

/// Moves the reader at `at` down to where it belongs.
fn sink(heap: &mut [usize], mut at: usize, readers: &[Reader<'_>], rank: &impl Fn(u64) -> u64) {
    let is_less = |one: usize, other: usize| {
        compare(&readers[one].record(), &readers[other].record(), rank).is_lt()
    };
    loop {
        let mut child = 2 * at + 1;
        if child >= heap.len() {
            return;
        }
        if child + 1 < heap.len() && is_less(heap[child + 1], heap[child]) {
            child += 1;
        }
        if !is_less(heap[child], heap[at]) {
            return;
        }
        heap.swap(child, at);
        at = child;
    }
}

fn compare(one: &Record<'_>, other: &Record<'_>, rank: &impl Fn(u64) -> u64) -> Ordering {
    let by_key = one.key.cmp(other.key);
    by_key.then_with(|| rank(one.order).cmp(&rank(other.order)))
}

/// Reads a run front to back, a buffer at a time.
struct Reader<'r> {
    run: &'r Run,
    /// What of the run is read.
    read_bytes: u64,
    capacity: usize,
    buffer: Vec<u8>,
    /// Where the record at hand starts in the buffer, and what comes behind it.
    start: usize,
    end: usize,
}

impl<'r> Reader<'r> {
    fn new(run: &'r Run, capacity: usize) -> Reader<'r> {
        Reader {
            run,
            read_bytes: 0,
            capacity,
            buffer: Vec::new(),
            start: 0,
            end: 0,
        }
    }

    /// Goes to the next record; false at the end of the run.
    fn advance(&mut self) -> Result<bool> {
        self.start = self.end;
        if !self.fill(HEADER_BYTES)? {
            return Ok(false);
        }
        let (key_len, payload_len) = self.lens();
        let len = HEADER_BYTES + key_len + payload_len;
        self.fill(len)?;
        self.end = self.start + len;
        Ok(true)
    }

    fn record(&self) -> Record<'_> {
        let (key_len, _) = self.lens();
        let record = &self.buffer[self.start..self.end];
        let order = record[8..HEADER_BYTES]
            .try_into()
            .expect("it has eight bytes");
        let (key, payload) = record[HEADER_BYTES..].split_at(key_len);
        Record {
            key,
            order: u64::from_le_bytes(order),
            payload,
        }
    }

    fn lens(&self) -> (usize, usize) {
        let number = |at: usize| {
            let bytes = self.buffer[self.start + at..][..4].try_into();
            u32::from_le_bytes(bytes.expect("it has four bytes")) as usize
        };
        (number(0), number(4))
    }

    /// Has the buffer hold `wanted` bytes from `start` on; false if the run ends there.
    fn fill(&mut self, wanted: usize) -> Result<bool> {
        if self.buffer.len() - self.start >= wanted {
            return Ok(true);
        }
        self.buffer.drain(..self.start);
        self.start = 0;
        let rest = self.run.len_bytes - self.read_bytes;
        let missing = wanted.max(self.capacity) - self.buffer.len();
        let more = (missing as u64).min(rest) as usize;
        let held = self.buffer.len();
        // No more than that: a record may be as large as all other buffers.
        self.buffer.reserve_exact(more);
        self.buffer.resize(held + more, 0);
        let byte_offset = self.run.byte_offset + self.read_bytes;
        self.run
            .file
            .read_at(byte_offset, &mut self.buffer[held..])?;
        self.read_bytes += more as u64;
        Ok(self.buffer.len() >= wanted)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Goal: sorted, stable, complete, however many runs there are and however little memory.
        #[test]
        fn merging_is_sorting(
            runs in vec(vec(("[ab]{0,3}", vec(any::<u8>(), 0..9)), 0..40), 0..12),
            memory_bytes in prop_oneof![Just(0), Just(100_000), Just(10_000_000)],
        ) {
            let place = SpillPlace::new(None, "spilled records");
            let mut writer = RunWriter::new(&place).unwrap();
            let mut all = Vec::new();
            for records in &runs {
                let mut sorted = Vec::new();
                for (key, payload) in records {
                    let record = (key.clone(), all.len() as u64, payload.clone());
                    all.push(record.clone());
                    sorted.push(record);
                }
                sorted.sort_by(|one, other| (&one.0, u64::MAX - one.1).cmp(&(&other.0, u64::MAX - other.1)));
                for (key, order, payload) in &sorted {
                    writer.push(Record { key: key.as_bytes(), order: *order, payload }).unwrap();
                }
                writer.end_run().unwrap();
            }
            all.sort_by(|one, other| (&one.0, u64::MAX - one.1).cmp(&(&other.0, u64::MAX - other.1)));
            let mut merged = Vec::new();
            merge(writer.finish(), memory_bytes, &place, &Cancel::new(), &|order| u64::MAX - order, |record| {
                let key = String::from_utf8(record.key.to_vec()).unwrap();
                merged.push((key, record.order, record.payload.to_vec()));
                Ok(())
            })
            .unwrap();
            prop_assert_eq!(merged, all);
        }
    }

    /// Runs of one record of so many bytes each.
    fn runs_of(count: usize, record_bytes: usize) -> Vec<Run> {
        let place = SpillPlace::new(None, "spilled records");
        let mut writer = RunWriter::new(&place).unwrap();
        let payload = vec![0; record_bytes];
        for order in 0..count as u64 {
            let record = Record {
                key: b"key",
                order,
                payload: &payload,
            };
            writer.push(record).unwrap();
            writer.end_run().unwrap();
        }
        writer.finish()
    }

    #[test]
    fn large_records_are_merged_few_at_a_time() {
        assert_eq!(fan_in(&runs_of(300, 9), 100_000_000), FAN_IN_MAX);
        assert_eq!(fan_in(&runs_of(40, 9), 1_000_000), 30);
        assert_eq!(fan_in(&runs_of(40, 1 << 20), 10_000_000), 9);
        assert_eq!(fan_in(&runs_of(40, 1 << 20), 0), 2);
        let mut orders = Vec::new();
        let place = SpillPlace::new(None, "spilled records");
        let runs = runs_of(20, 1 << 20);
        let rank = |order| order;
        merge(runs, 4 << 20, &place, &Cancel::new(), &rank, |record| {
            orders.push(record.order);
            Ok(())
        })
        .unwrap();
        assert_eq!(orders, (0..20).collect::<Vec<_>>());
    }

    #[test]
    fn merging_can_be_cancelled_before_anything_is_taken() {
        let place = SpillPlace::new(None, "spilled records");
        let mut writer = RunWriter::new(&place).unwrap();
        for order in 0..3 * u64::from(RECORDS_PER_LOOK) {
            let (key, payload) = (&b"key"[..], &b"payload"[..]);
            writer
                .push(Record {
                    key,
                    order,
                    payload,
                })
                .unwrap();
            if order.is_multiple_of(u64::from(RECORDS_PER_LOOK)) {
                writer.end_run().unwrap();
            }
        }
        writer.end_run().unwrap();
        let cancel = Cancel::new();
        cancel.cancel();
        let taken = std::cell::Cell::new(0);
        let merged = merge(writer.finish(), 0, &place, &cancel, &|order| order, |_| {
            taken.set(taken.get() + 1);
            Ok(())
        });
        assert!(matches!(merged, Err(tamis_engine::Error::Interrupted)));
        assert_eq!(taken.get(), 0, "the first pass is cancelled, not the last");
    }
}
