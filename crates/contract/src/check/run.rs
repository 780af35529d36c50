//! A run over all inputs: opening them, one or two passes, and the report.

use std::num::NonZero;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use tamis_engine::framing::Terminator;
use tamis_engine::pipeline::{self, Options};
use tamis_engine::source::{Opened, Source, SpooledSource};
use tamis_formats::input::{self, Input, InputOptions, Records, Shape, Sniffing};

use super::batches::lock;
use super::compile::{Compiled, Counted};
use super::files::check_file;
use super::layout::{HeaderFaults, Layout};
use super::merge::{InputTally, Located, Tally};
use super::outcome::Ended;
use super::outputs::{First, GoodRows, Outputs};
use super::threshold::Measured;
use super::worker::{Known, Pass, Worker};
use super::{Check, CheckError, CheckOptions};
use crate::report::Report;
use crate::unique::{Duplicates, UniqueIndex};

/// Which pass over the inputs.
#[derive(Clone, Copy)]
enum Turn<'a> {
    /// Checks everything but duplicates, and takes the keys to find them by.
    First,
    /// The same with duplicates known: for each unique rule the rows, for each input its chunks.
    Second {
        duplicates: &'a [Duplicates],
        chunks: &'a [Vec<(u64, u64)>],
    },
}

pub(super) fn run(
    check: &Check,
    inputs: &[&dyn Source],
    options: &CheckOptions,
    mut outputs: Outputs<'_>,
) -> Result<Report, CheckError> {
    let started = Instant::now();
    let compiled = &check.compiled;
    // With all earlier keys at hand, one pass over a stream says which rows are duplicates.
    let seen = outputs
        .batches
        .as_ref()
        .and_then(|batches| batches.seen.clone());
    let judges_duplicates =
        seen.is_none() && compiled.unique.iter().any(|unique| unique.rule.is_some());
    let mut spooled = Vec::new();
    if judges_duplicates {
        for input in inputs.iter().filter(|input| !input.is_repeatable()) {
            spooled.push(SpooledSource::new(*input, options.spill_dir.clone())?);
        }
    }
    let mut spooled = spooled.iter();
    let inputs: Vec<&dyn Source> = inputs
        .iter()
        .map(|input| match judges_duplicates && !input.is_repeatable() {
            true => spooled.next().expect("spooled above") as &dyn Source,
            false => *input,
        })
        .collect();

    let waits = judges_duplicates && (outputs.are_wanted() || outputs.batches.is_some());
    let mut nowhere = outputs.rehearsal();
    let first_outputs = if waits { &mut nowhere } else { &mut outputs };
    let mut tally = pass_over(check, &inputs, options, Turn::First, first_outputs)?;
    let spilled_bytes = tally.unique.iter().map(UniqueIndex::spilled_bytes).sum();
    let duplicates = match &seen {
        Some(seen) => lock(seen).take_duplicates(),
        None => find_duplicates(&mut tally, options)?,
    };
    let has_duplicates = compiled
        .unique
        .iter()
        .zip(&duplicates)
        .any(|(unique, found)| unique.rule.is_some() && !found.is_empty());
    if waits || judges_duplicates && has_duplicates {
        let chunks: Vec<_> = tally
            .inputs
            .iter_mut()
            .map(|input| std::mem::take(&mut input.chunks))
            .collect();
        let turn = Turn::Second {
            duplicates: &duplicates,
            chunks: &chunks,
        };
        let first = std::mem::take(&mut tally.inputs);
        tally = pass_over(check, &inputs, options, turn, &mut outputs)?;
        // Where it may be stopped, the second pass may rightly end before the first did.
        if !options.fail_fast && tally.is_complete {
            compare_passes(&first, &tally.inputs)?;
        }
    }
    if let Some(batches) = &mut outputs.batches {
        batches.finish(tally.inputs.first());
    }
    judge_thresholds(compiled, &mut tally, &duplicates);
    let written = outputs.finish(&tally)?;
    let ended = Ended {
        check,
        tally: &tally,
        duplicates: &duplicates,
        options,
        outputs: written,
        spilled_bytes,
        elapsed: started.elapsed(),
    };
    Ok(ended.report())
}

pub(super) fn find_duplicates(
    tally: &mut Tally,
    options: &CheckOptions,
) -> Result<Vec<Duplicates>, CheckError> {
    let threads = NonZero::new(options.threads).unwrap_or(NonZero::<usize>::MIN);
    let indices = std::mem::take(&mut tally.unique);
    Ok(indices
        .into_iter()
        .map(|index| index.finish(threads))
        .collect::<tamis_engine::Result<_>>()?)
}

/// Counts a violation for each threshold that is not met.
pub(super) fn judge_thresholds(compiled: &Compiled, tally: &mut Tally, duplicates: &[Duplicates]) {
    for threshold in &compiled.metrics {
        let measured = measure(threshold, tally, duplicates);
        if !measured.meets(&threshold.operator) {
            tally.by_rule[threshold.rule.0 as usize] += 1;
        }
    }
}

/// What a threshold's metric came to.
pub(super) fn measure(
    threshold: &super::compile::Threshold,
    tally: &Tally,
    duplicates: &[Duplicates],
) -> Measured {
    let count = match threshold.counted {
        Counted::Rows => tally.totals.rows,
        Counted::Values(metric) => tally.metrics[metric.0 as usize],
        Counted::Duplicates(index) => duplicates[index].count(),
    };
    Measured {
        count,
        rows: tally.totals.rows,
        unit: threshold.unit,
    }
}

fn pass_over(
    check: &Check,
    inputs: &[&dyn Source],
    options: &CheckOptions,
    turn: Turn<'_>,
    outputs: &mut Outputs<'_>,
) -> Result<Tally, CheckError> {
    let compiled = &check.compiled;
    let takes_keys = matches!(turn, Turn::First);
    // Every unique rule gets an equal part of the budget.
    let budget = options.memory_bytes / compiled.unique.len().max(1);
    let new_index = |_: &_| UniqueIndex::new(budget, options.spill_dir.clone());
    let unique = compiled
        .unique
        .iter()
        .filter(|_| takes_keys)
        .map(new_index)
        .collect();
    let mut tally = Tally::new(compiled, unique);
    for (index, input) in inputs.iter().enumerate() {
        let known = match turn {
            Turn::First => None,
            Turn::Second { duplicates, chunks } => Some(Known {
                duplicates,
                chunks: &chunks[index],
            }),
        };
        let mut is_over = check_input(check, *input, options, known, &mut tally, outputs)?;
        while !is_over && input.goes_on() {
            is_over = check_input(check, *input, options, known, &mut tally, outputs)?;
        }
        if is_over {
            tally.is_complete = false;
            break;
        }
    }
    Ok(tally)
}

/// Checks one input, or the next file in which the last one goes on; `true` when the run is over before its end.
fn check_input(
    check: &Check,
    source: &dyn Source,
    options: &CheckOptions,
    known: Option<Known<'_>>,
    tally: &mut Tally,
    outputs: &mut Outputs<'_>,
) -> Result<bool, CheckError> {
    let compiled = &check.compiled;
    let before = tally.shape.take();
    let records = match &before {
        None => match open_any(check, source, options)? {
            Input::Text(records) => *records,
            Input::File(file) => {
                let file = file.as_ref();
                return check_file(check, source, file, options, known, tally, outputs);
            }
        },
        Some(before) => match open(check, source, Some(before), options) {
            // Stopped before there was a header: what came before is the whole input.
            Err(CheckError::Engine(tamis_engine::Error::Interrupted))
                if !options.cancel.is_cancelled() =>
            {
                return Ok(false);
            }
            records => records?,
        },
    };
    let raw_len_bytes = match &records.opened {
        Opened::Random(access) => Some(access.len_bytes()),
        Opened::Stream(stream) => stream.raw_len_bytes(),
    };
    options
        .progress
        .add_raw_bytes_total(raw_len_bytes.unwrap_or(0));
    let (layout, header_faults) = layout_of(compiled, &records.shape);
    let seen = outputs
        .batches
        .as_ref()
        .and_then(|batches| batches.seen.clone());
    let pass = Pass {
        samples_full: AtomicBool::new(tally.samples.len() >= options.samples_max),
        good: GoodRows::of_text(
            outputs.good_name(),
            source.name(),
            compiled,
            &records.shape,
            &layout,
        )?,
        wants_bad: outputs.wants_bad(),
        wants_keys: known.is_none() && seen.is_none() && !compiled.unique.is_empty(),
        wants_findings: outputs.batches.is_some(),
        seen: seen.as_deref(),
        fail_fast: options.fail_fast,
        known,
        ..Pass::new(compiled, &layout, line_end(&records.shape), options)
    };
    let header = &records.header_bytes;
    let first = First::Text(header.trim_ascii_end().to_vec());
    outputs.start_input(source.name(), first, header, &pass, options.threads)?;
    match (&before, tally.inputs.last_mut()) {
        (Some(_), Some(input)) => input.go_on(&records.totals),
        _ => tally.inputs.push(InputTally {
            name: source.name().to_owned(),
            format: if records.is_array {
                "json"
            } else {
                records.shape.name()
            },
            is_array: records.is_array,
            totals: records.totals,
            notes: records.notes.clone(),
            ..InputTally::default()
        }),
    }
    // A header that is repeated has no new faults.
    if before.is_none_or(|before| !before.has_columns_of(&records.shape)) {
        count_header_faults(
            compiled,
            header_faults,
            source.name(),
            options.samples_max,
            tally,
            outputs,
        );
    }

    let run_options = Options {
        // Keys are seen in order by one thread alone.
        threads: if seen.is_some() { 1 } else { options.threads },
        chunk_bytes: options.chunk_bytes,
        record_bytes_max: options.record_bytes_max,
        start: records.start,
        live: outputs.batches.is_some(),
        kernel: options.kernel,
        cancel: options.cancel.clone(),
        progress: options.progress.clone(),
        ..Options::default()
    };
    let outcome = pipeline::run(
        records.opened,
        records.shape.framing(),
        &run_options,
        || Worker::new(&pass),
        |worker, chunk| {
            let part = worker.check(&pass, chunk);
            part.ok_or_else(|| changed(source.name(), chunk.byte_offset))
        },
        |part| tally.merge(part, &pass, outputs, &options.progress),
    )?;
    outputs.failure()?;
    let input = tally.inputs.last_mut().expect("pushed above");
    if records.is_array {
        // White space around no elements looks like a blank line.
        tally.totals.blank_lines -= std::mem::take(&mut input.totals.blank_lines);
    }
    input.bytes += outcome.bytes;
    input.raw_bytes += raw_len_bytes.unwrap_or(outcome.raw_bytes);
    input.backend = outcome.backend;
    tally.stages += outcome.stages;
    tally.shape = source.goes_on().then_some(records.shape);
    Ok(outcome.stopped)
}

/// Where the contract's columns are in an input of this shape, and what is wrong with its header.
pub(super) fn layout_of(compiled: &Compiled, shape: &Shape) -> (Layout, HeaderFaults) {
    match shape {
        Shape::Jsonl => (Layout::jsonl(compiled), HeaderFaults::default()),
        Shape::Csv {
            dialect,
            header: None,
        } => {
            let layout = Layout::csv_by_position(compiled, *dialect);
            (layout, HeaderFaults::default())
        }
        Shape::Csv {
            dialect,
            header: Some(header),
        } => Layout::csv_by_name(compiled, *dialect, header),
    }
}

/// The byte that ends a physical line in an input of this shape.
pub(super) fn line_end(shape: &Shape) -> u8 {
    match shape {
        Shape::Csv { dialect, .. } if dialect.terminator == Terminator::CarriageReturn => b'\r',
        _ => b'\n',
    }
}

/// Fails when the second pass over all inputs saw other rows than the first.
fn compare_passes(first: &[InputTally], second: &[InputTally]) -> Result<(), CheckError> {
    for (first, second) in first.iter().zip(second) {
        let is_longer = first.bytes != second.bytes && !first.has_columns;
        if is_longer || first.totals != second.totals {
            return Err(changed(&second.name, first.bytes.min(second.bytes)).into());
        }
    }
    Ok(())
}

pub(super) fn changed(input: &str, byte_offset: u64) -> tamis_engine::Error {
    tamis_engine::Error::Changed {
        input: input.to_owned(),
        byte_offset,
        detail: "its records lie elsewhere when it is read for the second time".to_owned(),
    }
}

pub(super) fn open(
    check: &Check,
    source: &dyn Source,
    before: Option<&Shape>,
    options: &CheckOptions,
) -> Result<Records, CheckError> {
    let input_options = input_options(check, options);
    let records = match before {
        None => input::open(source, &input_options),
        Some(before) => input::open_next(source, before, &input_options),
    };
    records.map_err(|error| open_error(source, error))
}

/// Opens an input of any format.
fn open_any(
    check: &Check,
    source: &dyn Source,
    options: &CheckOptions,
) -> Result<Input, CheckError> {
    let opened = input::open_any(source, &input_options(check, options));
    opened.map_err(|error| open_error(source, error))
}

fn input_options(check: &Check, options: &CheckOptions) -> InputOptions {
    let facts = &check.compiled.csv;
    InputOptions {
        format: options.format,
        csv: facts.dialect(),
        encoding: facts.encoding.clone(),
        messages: options.messages.clone(),
        header_bytes_max: options.record_bytes_max,
        // What the contract does not say is not guessed.
        sniffing: Sniffing::Format,
    }
}

fn open_error(source: &dyn Source, error: input::OpenError) -> CheckError {
    match error {
        input::OpenError::Engine(error) => CheckError::Engine(error),
        input::OpenError::Format(error) => CheckError::Format {
            input: source.name().to_owned(),
            source: error,
        },
    }
}

/// Counts what is wrong with a header: by column, as long as there are not too many.
pub(super) fn count_header_faults(
    compiled: &Compiled,
    faults: HeaderFaults,
    input: &str,
    samples_max: usize,
    tally: &mut Tally,
    outputs: &mut Outputs<'_>,
) {
    for fault in faults.listed {
        let located = Located {
            input: input.to_owned(),
            row: None,
            line: Some(1),
            byte_offset: Some(0),
            column: Some(fault.column),
            rule: fault.rule,
            value: None,
            message: fault.message,
        };
        if let Some(batches) = &mut outputs.batches {
            batches.take_header(located.clone());
        }
        let column = located.column.as_deref().unwrap_or_default();
        tally.count_header_fault(compiled, (located.rule, column), 1);
        if tally.samples.len() < samples_max {
            tally.samples.push(located);
        }
    }
    for (rule, count) in faults.more {
        if let Some(batches) = &mut outputs.batches {
            batches.count_headers(rule, count);
        }
        tally.by_rule[rule.0 as usize] += count;
    }
}
