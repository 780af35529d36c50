//! The map half: records to a [`Partial`].

use std::path::Path;

use tamis_engine::framing::State;
use tamis_engine::pipeline::{self, Flow, Options};
use tamis_engine::source::{Opened, Source};
use tamis_formats::columns::Batch;
use tamis_formats::input::Shape;

use super::PartialError;
use super::keys::{Base, FileName, KeyWriter};
use super::plan::open_range;
use super::range::{FormatFacts, HeadFacts, InputFacts, PlannedRange};
use super::value::{
    Body, Chunks, HeaderCount, HeaderFault, Input, KeyFile, Partial, Piece, PlanName, Sample,
};
use crate::check::compile::Compiled;
use crate::check::merge::extra_key_message;
use crate::check::part::Part;
use crate::check::rows::{Columns, RowsInput, check_batch};
use crate::check::rule::RuleId;
use crate::check::run::{layout_of, line_end, open};
use crate::check::worker::{Pass, Worker};
use crate::check::{Check, CheckError, CheckOptions, layout};

/// Checks the records that start in a planned range.
pub(super) fn map_range(
    check: &Check,
    source: &dyn Source,
    planned: &PlannedRange,
    options: &CheckOptions,
) -> Result<Partial, CheckError> {
    let range = planned.range();
    let facts = &range.input;
    check.must_be_mine("range", &range.contract)?;
    let name = format!("{}-{}-{}.keys", planned.plan, facts.index, range.ordinal);
    let name = FileName::Known(checked_name(name)?);
    let mut collector = Collector::new(check, options, name)?;
    let (shape, input);
    if facts.is_stream {
        let options = &CheckOptions {
            format: Some(facts.format.format()),
            ..options.clone()
        };
        let records = open(check, source, None, options)?;
        let raw_len_bytes = match &records.opened {
            Opened::Stream(stream) => stream.raw_len_bytes(),
            Opened::Random(access) => Some(access.len_bytes()),
        };
        if FormatFacts::of(&records.shape) != facts.format || raw_len_bytes != facts.len_bytes {
            return Err(tamis_engine::Error::Changed {
                input: source.name().to_owned(),
                byte_offset: 0,
                detail: "it is not what it was when it was split; plan it again".to_owned(),
            }
            .into());
        }
        shape = facts.format.shape()?;
        let read = Read {
            opened: records.opened,
            shape: &shape,
            start: records.start,
            end: None,
            start_state: State::RecordStart,
        };
        let outcome = collector.read(read, options)?;
        let raw_bytes = raw_len_bytes.unwrap_or(outcome.raw_bytes);
        input = input_of(check, facts, &shape, raw_bytes);
    } else {
        shape = facts.format.shape()?;
        let read = Read {
            opened: Opened::Random(open_range(source, facts)?),
            shape: &shape,
            start: range.start,
            end: Some(range.end),
            start_state: planned.start_state()?,
        };
        collector.read(read, options)?;
        input = input_of(check, facts, &shape, facts.len_bytes.unwrap_or(0));
    }
    let piece = Piece {
        input: facts.index,
        ordinals: range.ordinal..range.ordinal + 1,
        body: collector.finish()?,
    };
    let mut partial = empty(check, options);
    partial.plan = Some(PlanName {
        id: planned.plan.clone(),
        inputs: planned.inputs,
    });
    partial.inputs.insert(facts.index, input);
    partial.pieces.push(piece);
    Ok(partial)
}

/// Checks all records of a source as a chunk without a place.
pub(super) fn map_source(
    check: &Check,
    source: &dyn Source,
    options: &CheckOptions,
) -> Result<Partial, CheckError> {
    let mut collector = Collector::new(check, options, FileName::ByContent("chunk"))?;
    let records = open(check, source, None, options)?;
    let (_, faults) = layout_of(&check.compiled, &records.shape);
    let facts = ChunkFacts {
        format: FormatFacts::of(&records.shape).name().to_owned(),
        head: records.totals.into(),
        notes: records.notes,
        header_faults: faults.listed.into_iter().map(HeaderFault::from).collect(),
        more_header_faults: more(&faults.more),
        bytes: 0,
    };
    collector.start_behind(facts.head);
    let outcome = collector.read(
        Read {
            opened: records.opened,
            shape: &records.shape,
            start: records.start,
            end: None,
            start_state: State::RecordStart,
        },
        options,
    )?;
    collector.into_chunk(
        check,
        options,
        ChunkFacts {
            // Of the plain text, which byte offsets count in.
            bytes: outcome.bytes,
            ..facts
        },
    )
}

/// Checks rows that are no text as a chunk without a place.
pub(super) fn map_rows<B: Batch>(
    check: &Check,
    columns: Columns,
    input: RowsInput<'_>,
    batches: impl Iterator<Item = tamis_engine::Result<B>> + Send,
    options: &CheckOptions,
) -> Result<Partial, CheckError> {
    let mut collector = Collector::new(check, options, FileName::ByContent("chunk"))?;
    collector.is_text = false;
    let pass = Pass {
        wants_keys: collector.keys.is_some(),
        wants_details: collector.keys.is_some(),
        ..Pass::new(&check.compiled, &columns.layout, b'\n', options)
    };
    let run_options = Options {
        threads: options.threads,
        cancel: options.cancel.clone(),
        progress: options.progress.clone(),
        ..Options::default()
    };
    pipeline::run_items(
        input.name,
        batches,
        &run_options,
        || Worker::new(&pass),
        |worker, batch: B| check_batch(worker, &pass, &batch, input.name),
        |part| collector.merge(part, &pass, options),
    )?;
    let facts = ChunkFacts {
        format: input.format.to_owned(),
        header_faults: columns
            .faults
            .listed
            .into_iter()
            .map(HeaderFault::from)
            .collect(),
        more_header_faults: more(&columns.faults.more),
        ..ChunkFacts::default()
    };
    collector.into_chunk(check, options, facts)
}

/// What is known of a chunk without a place beside its records.
#[derive(Clone, Debug, Default)]
pub(in crate::check) struct ChunkFacts {
    /// `csv`, `jsonl`, or what else its records are.
    pub(in crate::check) format: String,
    /// What stands before its first record.
    pub(super) head: HeadFacts,
    pub(super) notes: Vec<String>,
    pub(super) header_faults: Vec<HeaderFault>,
    pub(super) more_header_faults: Vec<(u32, u64)>,
    /// Length of its text; 0 if it is none.
    pub(super) bytes: u64,
}

/// An opened input and the part of it to read.
struct Read<'a> {
    opened: Opened,
    shape: &'a Shape,
    start: u64,
    end: Option<u64>,
    start_state: State,
}

/// Adds up the parts of one range or chunk, in order.
pub(in crate::check) struct Collector<'a> {
    check: &'a Check,
    samples_max: usize,
    body: Body,
    keys: Option<KeyWriter>,
    /// Rows have lines and byte offsets.
    is_text: bool,
}

impl<'a> Collector<'a> {
    /// Makes sure that the options can be obeyed; nothing has been read yet.
    fn new(
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
                ..Body::default()
            },
            keys,
            is_text: true,
        })
    }

    /// Counts what stands before the first record of a chunk.
    fn start_behind(&mut self, head: HeadFacts) {
        self.body.blank_lines += head.blank_lines;
        self.body.comments += head.comments;
        self.body.newlines += head.newlines;
    }

    fn read(
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

    fn merge(
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
    pub(in crate::check) fn add(
        &mut self,
        part: Part,
        pass: &Pass<'_>,
    ) -> tamis_engine::Result<()> {
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
                line: self.is_text.then_some(body.newlines + sample.line),
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
            pass.samples_full
                .store(true, std::sync::atomic::Ordering::Relaxed);
        }
        body.rows += part.totals.rows;
        body.blank_lines += part.totals.blank_lines;
        body.comments += part.totals.comments;
        body.newlines += part.totals.newlines;
        body.invalid += part.invalid;
        for (sums, more) in [
            (&mut body.by_rule, &part.by_rule),
            (&mut body.metrics, &part.metrics),
        ] {
            sums.iter_mut()
                .zip(more)
                .for_each(|(sum, more)| *sum += more);
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Body, CheckError> {
        if let Some(keys) = self.keys.take() {
            self.body.keys.push(KeyFile {
                name: keys.finish()?,
                rows: self.body.rows,
                first_row: 0,
                first_line: 0,
                first_byte: 0,
                is_text: self.is_text,
            });
        }
        Ok(self.body)
    }

    fn into_chunk(
        self,
        check: &Check,
        options: &CheckOptions,
        facts: ChunkFacts,
    ) -> Result<Partial, CheckError> {
        let place = self.is_text.then_some(0);
        let mut body = self.finish()?;
        for (rule, count) in facts.more_header_faults {
            body.by_rule[rule as usize] += count;
        }
        let mut by_header: Vec<HeaderCount> = Vec::new();
        let mut samples = Vec::new();
        for fault in facts.header_faults {
            samples.push(Sample {
                row: 0,
                is_header: true,
                line: place,
                byte_offset: place,
                rule: fault.rule,
                column: Some(fault.column.clone()),
                value: None,
                message: fault.message,
            });
            let known = by_header
                .iter_mut()
                .find(|known| known.rule == fault.rule && known.column == fault.column);
            match known {
                Some(known) => known.count += 1,
                None => by_header.push(HeaderCount {
                    rule: fault.rule,
                    column: fault.column,
                    count: 1,
                }),
            }
        }
        by_header.sort();
        samples.append(&mut body.samples);
        body.samples = samples;
        let mut partial = empty(check, options);
        partial.chunks = Some(Chunks {
            count: 1,
            format: facts.format,
            bytes: facts.bytes,
            notes: facts.notes,
            by_header,
            body,
        });
        partial.bound_samples();
        Ok(partial)
    }
}

impl From<layout::HeaderFault> for HeaderFault {
    fn from(fault: layout::HeaderFault) -> HeaderFault {
        HeaderFault {
            rule: fault.rule.0,
            column: fault.column,
            message: fault.message,
        }
    }
}

fn more(faults: &[(RuleId, u64)]) -> Vec<(u32, u64)> {
    faults
        .iter()
        .map(|&(rule, count)| (rule.0, count))
        .collect()
}

fn empty(check: &Check, options: &CheckOptions) -> Partial {
    Partial {
        contract: check.rules_id(),
        samples_max: options.samples_max,
        strict: options.strict,
        plan: None,
        inputs: Default::default(),
        pieces: Vec::new(),
        chunks: None,
    }
}

fn input_of(check: &Check, facts: &InputFacts, shape: &Shape, len_bytes: u64) -> Input {
    let (_, faults) = layout_of(&check.compiled, shape);
    Input {
        name: facts.name.clone(),
        ranges: facts.ranges,
        format: facts.format.name().to_owned(),
        compression: facts.compression.clone(),
        len_bytes,
        head: facts.head,
        notes: facts.notes.clone(),
        more_header_faults: more(&faults.more),
        header_faults: faults.listed.into_iter().map(HeaderFault::from).collect(),
    }
}

/// The folder for keys; none if the contract needs none.
pub(super) fn shared_folder<'o>(
    compiled: &Compiled,
    options: &'o CheckOptions,
) -> Result<Option<&'o Path>, PartialError> {
    if compiled.unique.is_empty() {
        return Ok(None);
    }
    let columns = |columns: &[usize]| {
        let names: Vec<_> = columns
            .iter()
            .map(|&column| compiled.columns[column].name())
            .collect();
        format!("`{}`", names.join(", "))
    };
    match &options.spill_dir {
        Some(folder) => Ok(Some(folder)),
        None => Err(PartialError::NoSharedFolder {
            rules: compiled
                .unique
                .iter()
                .map(|unique| columns(&unique.columns))
                .collect::<Vec<_>>()
                .join(" and "),
        }),
    }
}

/// A plan may come from anywhere; it must not make us write outside of the folder.
fn checked_name(name: String) -> Result<String, PartialError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
    if name.bytes().all(is_plain) {
        Ok(name)
    } else {
        Err(PartialError::Unreadable {
            what: "planned range",
            reason: "the name of its plan is none of ours".to_owned(),
        })
    }
}
