//! All that a run knows so far: what its workers share, and what became of each input.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::LogOptions;
use super::merge::Merged;
use super::report::Report;
use super::summary::{self, Summary};
use super::tally::{Tables, Tally, Wanted};
use super::time::{Range, Zone};

/// A run over some inputs.
#[derive(Debug)]
pub(super) struct State {
    pub(super) tables: Tables,
    wanted: Wanted,
    /// What each worker counts. They are used again for the next input.
    tallies: Mutex<Vec<Arc<Mutex<Tally>>>>,
    /// Workers of the current input.
    taken: AtomicUsize,
    /// Seconds that the clock of the report is ahead of UTC, and the range of time asked for; known with the first record.
    pub(super) frame: Option<Frame>,
    pub(super) inputs: Vec<InputState>,
    pub(super) notes: Vec<String>,
}

/// What the first record of a run settles.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) offset_seconds: i32,
    pub(super) range: Range,
}

/// What became of an input.
#[derive(Clone, Debug, Default)]
pub(super) struct InputState {
    pub(super) name: String,
    /// The name as people see it.
    pub(super) shown: String,
    pub(super) format: String,
    /// Its length after decompression, if it is known.
    pub(super) len_bytes: Option<u64>,
    pub(super) read_bytes: u64,
    pub(super) probes: u64,
    pub(super) probed_bytes: u64,
    /// Bytes that were left out: outside of the range, if the file is sorted.
    pub(super) skipped_bytes: u64,
    /// Lines count from its start.
    pub(super) has_lines: bool,
    pub(super) seen: Option<(i64, i64)>,
    pub(super) merged: Merged,
}

impl State {
    pub(super) fn new(options: &LogOptions) -> State {
        State {
            tables: Tables::new(options.memory_bytes),
            wanted: Wanted {
                keeps_query: options.keeps_query,
                by: options.by.name().is_some(),
                by_is_path: options.by.is_path(),
            },
            tallies: Mutex::default(),
            taken: AtomicUsize::new(0),
            frame: None,
            inputs: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Settles the clock and the range by the first record with a time that is found.
    pub(super) fn settle(&mut self, first: Option<(i64, i32)>, options: &LogOptions) -> Frame {
        if let Some(frame) = self.frame {
            return frame;
        }
        let (first_us, written) = first.unwrap_or((options.now_us, 0));
        let zone = options.zone.clone().unwrap_or(Zone::fixed(written));
        let range = Range::resolve(
            options.since.as_ref(),
            options.until.as_ref(),
            options.now_us,
            &zone,
        );
        let frame = Frame {
            offset_seconds: match &options.zone {
                Some(zone) => zone.offset_at(first_us),
                None => written,
            },
            range,
        };
        // A first input without times leaves it to the next one.
        if first.is_some() {
            self.frame = Some(frame);
        }
        frame
    }

    /// Another input begins: all tallies are free.
    pub(super) fn release_tallies(&self) {
        self.taken.store(0, Ordering::Relaxed);
    }

    /// A tally that nobody else uses for this input.
    pub(super) fn take_tally(&self, offset_seconds: i32) -> Arc<Mutex<Tally>> {
        let number = self.taken.fetch_add(1, Ordering::Relaxed);
        let mut tallies = lock(&self.tallies);
        while tallies.len() <= number {
            let tally = Tally::new(self.wanted.clone(), offset_seconds);
            tallies.push(Arc::new(Mutex::new(tally)));
        }
        Arc::clone(&tallies[number])
    }

    /// What is known while the last input is still read, of which `merged` is known so far.
    pub(super) fn report_with(&self, merged: &Merged, options: &LogOptions) -> Report {
        let mut inputs = self.inputs.clone();
        if let Some(last) = inputs.last_mut() {
            last.merged = merged.clone();
            last.has_lines = true;
            last.read_bytes = merged.bytes;
        }
        self.report_on(&inputs, options)
    }

    /// What is known.
    pub(super) fn report(&self, options: &LogOptions) -> Report {
        self.report_on(&self.inputs, options)
    }

    fn report_on(&self, inputs: &[InputState], options: &LogOptions) -> Report {
        let offset_seconds = self.frame.map_or(0, |frame| frame.offset_seconds);
        let mut total = Tally::new(self.wanted.clone(), offset_seconds);
        for tally in lock(&self.tallies).iter() {
            let mut tally = lock(tally);
            tally.hand_over(&self.tables);
            total.merge(&tally);
        }
        summary::report(&Summary {
            total: &total,
            tables: &self.tables,
            inputs,
            notes: &self.notes,
            offset_seconds,
            range: self.frame.map_or(Range::ALL, |frame| frame.range),
            options,
        })
    }
}

/// A tally is sums, valid at any point.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
