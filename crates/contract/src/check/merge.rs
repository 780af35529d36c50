//! The merge half of a check: parts, in input order, to the totals of the run.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use tamis_engine::control::Progress;
use tamis_engine::pipeline::{Flow, Stages};
use tamis_formats::Totals;
use tamis_formats::input::Shape;

use super::batches::Batcher;
use super::compile::Compiled;
use super::layout::HEADER_FAULTS_LISTED_MAX;
use super::outputs::Outputs;
use super::part::{BadRecords, Part, Sample};
use super::rule::RuleId;
use super::worker::Pass;
use crate::unique::UniqueIndex;

/// What a pass over all inputs adds up to.
pub(crate) struct Tally {
    pub(crate) totals: Totals,
    pub(crate) invalid: u64,
    pub(crate) by_rule: Vec<u64>,
    /// Faults of headers: (rule, column) and how many inputs have them.
    pub(crate) by_header: BTreeMap<(RuleId, String), u64>,
    pub(crate) metrics: Vec<u64>,
    /// Rows that each expression could not be computed for.
    pub(crate) not_computed: Vec<u64>,
    pub(crate) samples: Vec<Located>,
    pub(crate) unique: Vec<UniqueIndex>,
    pub(crate) inputs: Vec<InputTally>,
    /// Where the time of this pass went.
    pub(crate) stages: Stages,
    /// How the records of the last input were read, when it goes on in another file.
    pub(crate) shape: Option<Shape>,
    /// No input was left unread.
    pub(crate) is_complete: bool,
}

/// One input's share.
#[derive(Debug, Default)]
pub(crate) struct InputTally {
    pub(crate) name: String,
    pub(crate) format: &'static str,
    /// A JSON array: what counts as its lines are its elements.
    pub(crate) is_array: bool,
    pub(crate) backend: &'static str,
    /// Plain bytes.
    pub(crate) bytes: u64,
    /// These are bytes of the columns that are read: others in a pass that copies rows.
    pub(crate) has_columns: bool,
    /// Bytes as stored.
    pub(crate) raw_bytes: u64,
    pub(crate) totals: Totals,
    pub(crate) invalid: u64,
    /// First byte and first row (counted over the run) of each chunk, when a second pass may need them.
    pub(crate) chunks: Vec<(u64, u64)>,
    pub(crate) notes: Vec<String>,
    /// How often it went on in another file.
    pub(crate) replaced: u64,
}

/// A sample with its place in the input.
#[derive(Clone, Debug)]
pub(crate) struct Located {
    pub(crate) input: String,
    /// From 1; `None`: the header.
    pub(crate) row: Option<u64>,
    /// From 1; `None`: nobody counted lines, or there are none.
    pub(crate) line: Option<u64>,
    /// `None`: the record lies in no text.
    pub(crate) byte_offset: Option<u64>,
    pub(crate) column: Option<String>,
    pub(crate) rule: RuleId,
    pub(crate) value: Option<String>,
    pub(crate) message: String,
}

/// What is said of a key of a record that the contract does not have.
pub(crate) fn extra_key_message(key: &str) -> String {
    format!("key `{key}` is not in the contract")
}

impl Located {
    /// A key of a record that the contract does not have comes as a value; here it becomes the column.
    pub(crate) fn naming_extra_key(mut self, compiled: &Compiled) -> Located {
        if self.rule == compiled.structural.extra_column
            && let Some(key) = self.value.take()
        {
            self.message = extra_key_message(&key);
            self.column = Some(key);
        }
        self
    }
}

impl Tally {
    pub(crate) fn new(compiled: &Compiled, unique: Vec<UniqueIndex>) -> Tally {
        Tally {
            totals: Totals::default(),
            invalid: 0,
            by_rule: vec![0; compiled.rules.len()],
            by_header: BTreeMap::new(),
            metrics: vec![0; compiled.metrics.len()],
            not_computed: vec![0; compiled.expressions.len()],
            samples: Vec::new(),
            unique,
            inputs: Vec::new(),
            stages: Stages::default(),
            shape: None,
            is_complete: true,
        }
    }

    /// Counts a fault that so many headers have: by column, as long as there are not too many.
    pub(crate) fn count_header_fault(
        &mut self,
        compiled: &Compiled,
        (rule, column): (RuleId, &str),
        headers: u64,
    ) {
        let names_column = compiled.rules.get(rule).column.is_some();
        let is_full = self.by_header.len() >= HEADER_FAULTS_LISTED_MAX
            && rule != compiled.structural.missing_column;
        let column = (rule, column.to_owned());
        let count = if names_column || (is_full && !self.by_header.contains_key(&column)) {
            &mut self.by_rule[rule.0 as usize]
        } else {
            self.by_header.entry(column).or_default()
        };
        *count = count.saturating_add(headers);
    }

    /// Adds the part of one chunk of the last of `inputs`.
    pub(crate) fn merge(
        &mut self,
        part: Part,
        pass: &Pass<'_>,
        outputs: &mut Outputs<'_>,
        progress: &Progress,
    ) -> tamis_engine::Result<Flow> {
        let first_row = self.totals.rows;
        for (index, keys) in self.unique.iter_mut().zip(&part.keys) {
            index.push(
                keys.iter()
                    .map(|keyed| (keyed.key, first_row + u64::from(keyed.row))),
            )?;
        }
        let input = self.inputs.last_mut().expect("a part belongs to an input");
        if pass.wants_keys {
            input.chunks.push((part.byte_offset, first_row));
        }
        if let Some(misfit) = part.misfit {
            outputs.fail(&input.name, &misfit.behind(input.totals.rows));
            return Ok(Flow::Stop);
        }
        if let Some(good) = &part.good {
            outputs.write_good(good, pass.line_end)?;
        }
        outputs.write_columns(&part.columns)?;
        if let Some(bad) = &part.bad {
            outputs.write_bad(&super::bad::render(bad, input.totals.rows, pass))?;
        }
        // Behind the outputs: whoever takes batches relies on their rows being written.
        if let Some(batches) = &mut outputs.batches {
            let wanted = pass.samples_max - self.samples.len();
            self.samples
                .extend(batches.take(&part, input, pass, wanted)?);
        }
        for sample in part.samples {
            if self.samples.len() < pass.samples_max {
                self.samples
                    .push(located(sample, input, part.byte_offset, pass));
            }
        }
        if self.samples.len() >= pass.samples_max {
            pass.samples_full.store(true, Ordering::Relaxed);
        }
        add(&mut self.totals, &part.totals);
        add(&mut input.totals, &part.totals);
        self.invalid += part.invalid;
        input.invalid += part.invalid;
        add_all(&mut self.by_rule, &part.by_rule);
        add_all(&mut self.metrics, &part.metrics);
        add_all(&mut self.not_computed, &part.not_computed);
        progress.add_records(part.totals.rows);
        progress.add_violations(part.by_rule.iter().sum());
        let is_stopped = outputs.batches.as_ref().is_some_and(Batcher::is_stopped);
        let is_over = is_stopped || pass.fail_fast && part.first_bad_end.is_some();
        Ok(if is_over { Flow::Stop } else { Flow::Continue })
    }
}

impl InputTally {
    /// Goes on in another file, with so much before its first record: rows are counted on, lines anew.
    pub(crate) fn go_on(&mut self, totals: &Totals) {
        self.totals.newlines = 0;
        add(&mut self.totals, totals);
        self.replaced += 1;
    }

    /// The line of the input, from 1, that is so many behind the start of the chunk that comes next.
    pub(crate) fn line(&self, behind: u64) -> Option<u64> {
        (!self.is_array).then(|| self.totals.newlines + behind + 1)
    }
}

fn located(sample: Sample, input: &InputTally, chunk_offset: u64, pass: &Pass<'_>) -> Located {
    let is_text = pass.layout.is_text();
    let located = Located {
        input: input.name.clone(),
        row: Some(input.totals.rows + sample.row + 1),
        line: input.line(sample.line).filter(|_| is_text),
        byte_offset: pass
            .has_offsets()
            .then_some(chunk_offset + sample.offset as u64),
        column: pass.compiled.rules.get(sample.rule).column.clone(),
        rule: sample.rule,
        value: sample.value,
        message: sample.message,
    };
    located.naming_extra_key(pass.compiled)
}

/// Adds up what parsing found.
fn add(sum: &mut Totals, more: &Totals) {
    sum.rows += more.rows;
    sum.blank_lines += more.blank_lines;
    sum.comments += more.comments;
    sum.newlines += more.newlines;
}

fn add_all(sums: &mut [u64], more: &[u64]) {
    for (sum, more) in sums.iter_mut().zip(more) {
        *sum += more;
    }
}

impl BadRecords {
    /// Each record: its row in the chunk, its bytes and its broken rules.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &[u8], &[RuleId])> {
        let (mut bytes_from, mut reasons_from) = (0, 0);
        self.records.iter().map(move |record| {
            let bytes = &self.bytes[bytes_from..record.bytes_end];
            let reasons = &self.reasons[reasons_from..record.reasons_end];
            (bytes_from, reasons_from) = (record.bytes_end, record.reasons_end);
            (record.row, bytes, reasons)
        })
    }
}
