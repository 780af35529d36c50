//! A run handed out in batches: one report for every so many rows, while the run goes on.
//!
//! Chunks are cut by bytes and mapped in parallel, batches by rows. So the map gives every violation of a chunk
//! ([`super::findings`]), and the merge, which knows how many rows came before, cuts parts apart where a batch is full.
//! Batches are therefore the same for any number of threads and any chunk size.
//!
//! What a batch's report holds is about its rows alone: their numbers, counts and first violations. Faults of the
//! header belong to the first batch. Thresholds are about the whole input; they, and the notes, are in the report
//! that ends the run. The counts of all batches and the thresholds that failed add up to that report's.
//!
//! Rows that repeat a key: what can be read twice is, and no batch is handed out before the first pass has come to
//! its end. What cannot is read by one thread, in order, which remembers every key ([`crate::unique`], `seen`).
//!
//! An input that goes on in another file (a log that was rotated) is one input: rows are counted on, lines and
//! bytes are those of the file at hand.

use std::num::NonZero;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tamis_engine::pipeline::Flow;
use tamis_engine::sink::Sink;
use tamis_engine::source::Source;

use super::compile::Compiled;
use super::findings::Findings;
use super::merge::{InputTally, Located, Tally};
use super::outcome::Ended;
use super::outputs::Outputs;
use super::part::Part;
use super::rule::RuleId;
use super::worker::Pass;
use super::{Check, CheckError, CheckOptions, run};
use crate::report::Report;
use crate::unique::SeenKeys;

/// How a run is cut into batches.
#[derive(Clone, Copy, Debug)]
pub struct BatchOptions {
    /// Rows in each batch; the last one may have fewer.
    pub rows: NonZero<u64>,
    /// Samples in each batch's report; [`CheckOptions::samples_max`] is for the last report.
    pub samples_max: usize,
    /// For an input that comes slowly: no row waits longer than this for its batch to fill up. `None`: as long as it
    /// takes.
    pub max_wait: Option<Duration>,
}

impl Default for BatchOptions {
    fn default() -> BatchOptions {
        BatchOptions {
            rows: NonZero::new(10_000).expect("not zero"),
            samples_max: 10,
            max_wait: None,
        }
    }
}

/// Where good and bad records go, if anywhere.
pub type RecordSinks = (Option<Box<dyn Sink>>, Option<Box<dyn Sink>>);

impl Check {
    /// Checks `input` and calls `hand_out` with a report for every batch of its rows, in order, on the calling
    /// thread. When that says [`Flow::Stop`] the run ends early. Returns the report of the whole run.
    ///
    /// The memory it takes depends neither on the input's length nor on a batch's, except for the keys of `unique`
    /// rules: see `memory_bytes`. While `hand_out` takes its time the run waits.
    ///
    /// # Errors
    /// As [`Check::run`]; and [`tamis_engine::Error::Unsupported`] when an input that can be read only once has more
    /// different keys than fit into `memory_bytes`.
    pub fn run_batches(
        &self,
        input: &dyn Source,
        options: &CheckOptions,
        batches: &BatchOptions,
        hand_out: &mut dyn FnMut(Report) -> Flow,
    ) -> Result<Report, CheckError> {
        self.run_batches_into(input, options, batches, (None, None), hand_out)
    }

    /// The same, where good and bad records go to `outputs` as well: those of a batch are written, if not yet published, when its
    /// report is handed out. Outputs may have more: parts are written whole.
    ///
    /// # Errors
    /// As [`run_batches`](Check::run_batches), and as [`Check::run`] with outputs.
    pub fn run_batches_into(
        &self,
        input: &dyn Source,
        options: &CheckOptions,
        batches: &BatchOptions,
        (good, bad): RecordSinks,
        hand_out: &mut dyn FnMut(Report) -> Flow,
    ) -> Result<Report, CheckError> {
        let batcher = Batcher::new(self, input, options, *batches, hand_out);
        let outputs = Outputs::new(good, bad)?.in_batches(batcher);
        run::run(self, &[input], options, outputs)
    }
}

/// Cuts the parts of a run into batches.
pub(crate) struct Batcher<'a> {
    check: &'a Check,
    check_options: &'a CheckOptions,
    options: BatchOptions,
    hand_out: &'a mut dyn FnMut(Report) -> Flow,
    /// The batch at hand.
    batch: Tally,
    /// Rows of the batches before it.
    rows_before: u64,
    batches: u64,
    started: Instant,
    /// When the first row of the batch at hand came; later, if nobody took batches then.
    waits_since: Instant,
    /// The keys so far, of an input that cannot be read twice.
    pub(crate) seen: Option<Arc<Mutex<SeenKeys>>>,
    is_stopped: bool,
}

impl<'a> Batcher<'a> {
    fn new(
        check: &'a Check,
        input: &dyn Source,
        check_options: &'a CheckOptions,
        options: BatchOptions,
        hand_out: &'a mut dyn FnMut(Report) -> Flow,
    ) -> Batcher<'a> {
        let now = Instant::now();
        let rules = check.compiled.unique.len();
        let needs_keys = rules > 0 && !input.is_repeatable();
        let seen = || SeenKeys::new(rules, check_options.memory_bytes);
        Batcher {
            check,
            check_options,
            options,
            hand_out,
            batch: Tally::new(&check.compiled, Vec::new()),
            rows_before: 0,
            batches: 0,
            started: now,
            waits_since: now,
            seen: needs_keys.then(|| Arc::new(Mutex::new(seen()))),
            is_stopped: false,
        }
    }

    /// Takes the next part of `input`, whose rows before it are counted already. Returns samples for the report of
    /// the whole run, at most `wanted`.
    ///
    /// # Errors
    /// [`tamis_engine::Error::Unsupported`] when the memory for keys is used up.
    pub(crate) fn take(
        &mut self,
        part: &Part,
        input: &InputTally,
        pass: &Pass<'_>,
        wanted: usize,
    ) -> tamis_engine::Result<Vec<Located>> {
        self.end_chunk(part, input)?;
        if part.totals.rows > 0 && self.batch.totals.rows == 0 {
            self.waits_since = Instant::now();
        }
        self.start_input(input);
        let findings = part.findings.as_ref().expect("parts of batches have them");
        let mut samples = Vec::new();
        let mut next = 0;
        let mut rows_taken = 0;
        while rows_taken < part.totals.rows && !self.is_stopped {
            let room = self.options.rows.get() - self.batch.totals.rows;
            let rows_end = part.totals.rows.min(rows_taken + room);
            let mut last_bad = None;
            while let Some(finding) = findings.list().get(next)
                && u64::from(finding.row) < rows_end
            {
                self.batch.by_rule[finding.rule.0 as usize] += 1;
                if pass.makes_bad(finding.rule) && last_bad != Some(finding.row) {
                    last_bad = Some(finding.row);
                    self.batch.invalid += 1;
                }
                let wants_one = self.batch.samples.len() < self.options.samples_max;
                if wants_one || samples.len() < wanted {
                    let row = self.rows_before + self.batch.totals.rows - rows_taken;
                    let located = locate(findings, next, row, part, input, pass);
                    if samples.len() < wanted {
                        samples.push(located.clone());
                    }
                    if wants_one {
                        self.batch.samples.push(located);
                    }
                }
                next += 1;
            }
            self.batch.totals.rows += rows_end - rows_taken;
            rows_taken = rows_end;
            if self.batch.totals.rows == self.options.rows.get() {
                self.end_batch();
            }
        }
        self.end_batch_if_due();
        Ok(samples)
    }

    /// Counts the faults of a header.
    pub(crate) fn take_header(&mut self, fault: Located) {
        let compiled = &self.check.compiled;
        let column = fault.column.as_deref().unwrap_or_default();
        self.batch
            .count_header_fault(compiled, (fault.rule, column), 1);
        if self.batch.samples.len() < self.options.samples_max {
            self.batch.samples.push(fault);
        }
    }

    /// Counts faults of a header that are not listed.
    pub(crate) fn count_headers(&mut self, rule: RuleId, count: u64) {
        self.batch.by_rule[rule.0 as usize] += count;
    }

    /// Hands out the last batch.
    pub(crate) fn finish(&mut self, input: Option<&InputTally>) {
        if let Some(input) = input {
            self.start_input(input);
        }
        let has_something = self.batch.totals.rows > 0 || !self.batch.by_header.is_empty();
        if has_something && !self.is_stopped {
            self.end_batch();
        }
    }

    /// Whether whoever takes the batches wants no more.
    pub(crate) fn is_stopped(&self) -> bool {
        self.is_stopped
    }

    fn end_chunk(&mut self, part: &Part, input: &InputTally) -> tamis_engine::Result<()> {
        let Some(seen) = &self.seen else {
            return Ok(());
        };
        let mut seen = lock(seen);
        seen.end_chunk(part.totals.rows);
        if seen.is_full() {
            return Err(tamis_engine::Error::Unsupported {
                input: input.name.clone(),
                reason: format!(
                    "the keys of its `unique` rules need more than the {} bytes of memory they may take: allow \
                     more, or store the data in a file, which can be read twice",
                    self.check_options.memory_bytes
                ),
            });
        }
        Ok(())
    }

    /// A row does not wait for ever.
    fn end_batch_if_due(&mut self) {
        let is_due = self
            .options
            .max_wait
            .is_some_and(|max_wait| self.waits_since.elapsed() >= max_wait);
        if is_due && self.batch.totals.rows > 0 && !self.is_stopped {
            self.end_batch();
        }
    }

    fn start_input(&mut self, input: &InputTally) {
        if self.batch.inputs.is_empty() {
            self.batch.inputs.push(InputTally {
                name: input.name.clone(),
                format: input.format,
                backend: input.backend,
                ..InputTally::default()
            });
        }
    }

    fn end_batch(&mut self) {
        let compiled: &Compiled = &self.check.compiled;
        let mut batch = std::mem::replace(&mut self.batch, Tally::new(compiled, Vec::new()));
        if let Some(input) = batch.inputs.first_mut() {
            input.totals.rows = batch.totals.rows;
            input.invalid = batch.invalid;
        }
        self.rows_before += batch.totals.rows;
        self.batches += 1;
        let now = Instant::now();
        let elapsed = now - std::mem::replace(&mut self.started, now);
        let report = Ended {
            check: self.check,
            tally: &batch,
            duplicates: &[],
            options: self.check_options,
            outputs: Vec::new(),
            spilled_bytes: 0,
            elapsed,
        };
        let report = report.batch_report();
        self.is_stopped = (self.hand_out)(report) == Flow::Stop;
        self.waits_since = Instant::now();
        if let Some(first) = batch.inputs.first() {
            self.start_input(first);
        }
    }
}

/// A finding with its place in the input; `row` rows of the run come before the part.
fn locate(
    findings: &Findings,
    index: usize,
    row: u64,
    part: &Part,
    input: &InputTally,
    pass: &Pass<'_>,
) -> Located {
    let finding = findings.list()[index];
    let rule = pass.compiled.rules.get(finding.rule);
    let is_text = pass.layout.is_text();
    let located = Located {
        input: input.name.clone(),
        row: Some(row + u64::from(finding.row) + 1),
        line: input.line(u64::from(finding.line)).filter(|_| is_text),
        byte_offset: pass
            .has_offsets()
            .then_some(part.byte_offset + u64::from(finding.offset)),
        column: rule.column.clone(),
        rule: finding.rule,
        value: findings.value(index).map(str::to_owned),
        message: match findings.fault(index) {
            Some(fault) => fault.describe(part.byte_offset),
            None => rule.expected.clone(),
        },
    };
    located.naming_extra_key(pass.compiled)
}

pub(crate) fn lock(seen: &Mutex<SeenKeys>) -> MutexGuard<'_, SeenKeys> {
    seen.lock()
        .expect("the run has ended when a worker panicked with the keys in hand")
}

#[cfg(test)]
mod tests;
