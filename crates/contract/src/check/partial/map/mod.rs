//! The map half: records to a [`Partial`].
//!
//! Where the records come from makes three entrances: a planned range of an input, a source that has no place in any
//! plan, and rows that are no text. Each sets up a [`Collector`], which runs the pipeline and adds up its parts; what
//! has no place becomes a chunk of its own (`chunk`).

mod chunk;
mod collector;

use tamis_engine::framing::State;
use tamis_engine::pipeline::{self, Options};
use tamis_engine::source::{Opened, Source};
use tamis_formats::columns::Batch;
use tamis_formats::input::Shape;

use super::keys::{FileName, checked_name};
use super::plan::open_range;
use super::range::{FormatFacts, InputFacts, PlannedRange};
use super::value::{HeaderFault, Input, Partial, Piece, PlanName};
use crate::check::rows::{Columns, RowsInput, check_batch};
use crate::check::rule::RuleId;
use crate::check::run::{layout_of, open};
use crate::check::worker::{Pass, Worker};
use crate::check::{Check, CheckError, CheckOptions, layout};
use chunk::ChunkFacts;
use collector::{Collector, Read};

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
        if FormatFacts::of(&records) != facts.format || raw_len_bytes != facts.len_bytes {
            return Err(tamis_engine::Error::Changed {
                input: source.name().to_owned(),
                byte_offset: 0,
                detail: "it is not what it was when it was split; plan it again".to_owned(),
            }
            .into());
        }
        shape = facts.format.shape()?;
        collector.is_array = records.is_array;
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
        format: FormatFacts::of(&records).name().to_owned(),
        head: records.totals.into(),
        notes: records.notes,
        header_faults: faults.listed.into_iter().map(HeaderFault::from).collect(),
        more_header_faults: more(&faults.more),
        bytes: 0,
    };
    collector.start_behind(facts.head);
    collector.is_array = records.is_array;
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

/// A partial of nothing yet.
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
