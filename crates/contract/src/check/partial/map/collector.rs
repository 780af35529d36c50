//! Adds up the parts of one range or chunk: what the merge of a run does, with rows counted from the range's first.

use std::sync::atomic::Ordering;

use tamis_engine::framing::State;
use tamis_engine::pipeline::{self, Flow, Options};
use tamis_engine::source::Opened;
use tamis_formats::input::Shape;

use crate::check::merge::extra_key_message;
use crate::check::part::Part;
use crate::check::partial::PartialError;
use crate::check::partial::keys::{Base, FileName, KeyWriter, shared_folder};
use crate::check::partial::range::HeadFacts;
use crate::check::partial::value::{Body, KeyFile, Sample};
use crate::check::rule::RuleId;
use crate::check::run::{layout_of, line_end};
use crate::check::worker::{Pass, Worker};
use crate::check::{Check, CheckError, CheckOptions};

/// An opened input and the part of it to read.
pub(super) struct Read<'a> {
    pub(super) opened: Opened,
    pub(super) shape: &'a Shape,
    pub(super) start: u64,
    pub(super) end: Option<u64>,
    pub(super) start_state: State,
}

/// Adds up the parts of one range or chunk, in order.
pub(super) struct Collector<'a> {
    check: &'a Check,
    samples_max: usize,
    body: Body,
    pub(super) keys: Option<KeyWriter>,
    /// Rows have lines and byte offsets.
    pub(super) is_text: bool,
    /// Rows are elements of a JSON array and have no lines.
    pub(super) is_array: bool,
}

impl<'a> Collector<'a> {
    /// Makes sure that the options can be obeyed; nothing has been read yet.
    pub(super) fn new(
        check: &'a Check,
        options: &CheckOptions,
        name: FileName,
    ) -> Result<Collector<'a>, CheckError> {
        if options.fail_fast {
            return Err(PartialError::FailFast.into());
        }
        let compiled = &check.compiled;
        let keys = match shared_folder(compiled, options)? {
            Some(folder) => Some(KeyWriter::create(folder, name, compiled.unique.len())?),
            None => None,
        };
        Ok(Collector {
            check,
            samples_max: options.samples_max,
            body: Body {
                by_rule: vec![0; compiled.rules.len()],
                metrics: vec![0; compiled.metrics.len()],
                not_computed: vec![0; compiled.expressions.len()],
                ..Body::default()
            },
            keys,
            is_text: true,
            is_array: false,
        })
    }

    /// Counts what stands before the first record of a chunk.
    pub(super) fn start_behind(&mut self, head: HeadFacts) {
        self.body.blank_lines += head.blank_lines;
        self.body.comments += head.comments;
        self.body.newlines += head.newlines;
    }

    /// Checks the records of an input, or of a part of it, and adds them.
    pub(super) fn read(
        &mut self,
        read: Read<'_>,
        options: &CheckOptions,
    ) -> Result<pipeline::Outcome, CheckError> {
        let (layout, _) = layout_of(&self.check.compiled, read.shape);
        let pass = Pass {
            wants_keys: self.keys.is_some(),
            wants_details: self.keys.is_some(),
            ..Pass::new(&self.check.compiled, &layout, line_end(read.shape), options)
        };
        let bytes = match (&read.opened, read.end) {
            (Opened::Random(_), Some(end)) => Some(end.saturating_sub(read.start)),
            (Opened::Random(access), None) => Some(access.len_bytes()),
            (Opened::Stream(stream), _) => stream.raw_len_bytes(),
        };
        options.progress.add_raw_bytes_total(bytes.unwrap_or(0));
        let run_options = Options {
            threads: options.threads,
            chunk_bytes: options.chunk_bytes,
            record_bytes_max: options.record_bytes_max,
            start: read.start,
            end: read.end,
            start_state: read.start_state,
            kernel: options.kernel,
            cancel: options.cancel.clone(),
            progress: options.progress.clone(),
            ..Options::default()
        };
        let outcome = pipeline::run(
            read.opened,
            read.shape.framing(),
            &run_options,
            || Worker::new(&pass),
            |worker, chunk| {
                let part = worker.check(&pass, chunk);
                Ok(part.expect("only a second pass misses chunks"))
            },
            |part| self.merge(part, &pass, options),
        )?;
        Ok(outcome)
    }

    /// What the merge of a pipeline does with a part: adds it, and says how far the run has come.
    pub(super) fn merge(
        &mut self,
        part: Part,
        pass: &Pass<'_>,
        options: &CheckOptions,
    ) -> tamis_engine::Result<Flow> {
        options.progress.add_records(part.totals.rows);
        options.progress.add_violations(part.by_rule.iter().sum());
        self.add(part, pass)?;
        Ok(Flow::Continue)
    }

    /// Adds the part of the records behind those added before.
    fn add(&mut self, part: Part, pass: &Pass<'_>) -> tamis_engine::Result<()> {
        let body = &mut self.body;
        if let Some(keys) = &mut self.keys {
            let base = Base {
                row: body.rows,
                line: body.newlines,
                byte: part.byte_offset,
            };
            keys.push(&part.keys, &part.details, base)?;
        }
        let left = self.samples_max - body.samples.len();
        for sample in part.samples.into_iter().take(left) {
            let offset = part.byte_offset + sample.offset as u64;
            let mut sample = Sample {
                row: body.rows + sample.row,
                is_header: false,
                line: (self.is_text && !self.is_array).then_some(body.newlines + sample.line),
                byte_offset: self.is_text.then_some(offset),
                rule: sample.rule.0,
                column: None,
                value: sample.value,
                message: sample.message,
            };
            if RuleId(sample.rule) == self.check.compiled.structural.extra_column {
                let key = sample.value.take().unwrap_or_default();
                sample.message = extra_key_message(&key);
                sample.column = Some(key);
            }
            body.samples.push(sample);
        }
        if body.samples.len() >= self.samples_max {
            pass.samples_full.store(true, Ordering::Relaxed);
        }
        body.rows += part.totals.rows;
        body.blank_lines += part.totals.blank_lines;
        body.comments += part.totals.comments;
        body.newlines += part.totals.newlines;
        body.invalid += part.invalid;
        for (sums, more) in [
            (&mut body.by_rule, &part.by_rule),
            (&mut body.metrics, &part.metrics),
            (&mut body.not_computed, &part.not_computed),
        ] {
            sums.iter_mut()
                .zip(more)
                .for_each(|(sum, more)| *sum += more);
        }
        Ok(())
    }

    /// Closes the file of keys; what has been added up.
    pub(super) fn finish(mut self) -> Result<Body, CheckError> {
        if self.is_array {
            // White space around no elements looks like a blank line.
            self.body.blank_lines = 0;
        }
        if let Some(keys) = self.keys.take() {
            self.body.keys.push(KeyFile {
                name: keys.finish()?,
                rows: self.body.rows,
                first_row: 0,
                first_line: 0,
                first_byte: 0,
                is_text: self.is_text,
                is_array: self.is_array,
            });
        }
        Ok(self.body)
    }
}
