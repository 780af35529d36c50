//! A check of rows that are no bytes: values that a program holds.
//!
//! ```text
//! batches ─ one at a time ─► blocks of columns ─► the worker of every check ─► Part ─► Tally ─► Report
//! ```
//!
//! Batches are seen once: what makes them may be an iterator, or a query. So a row that repeats a key is not found
//! by a second pass, as in a file; its key brings along what a report would say of it ([`kept`]), and what the
//! duplicates add to counts and samples is worked out at the end. The answer is that of the same rows as a file.
//!
//! Arrow arrays are such rows, with named columns that are held to the contract as a CSV header is (`arrow`).

#[cfg(feature = "arrow")]
pub(super) mod arrow;
mod kept;
#[cfg(test)]
mod tests;

use std::sync::atomic::AtomicBool;
use std::time::Instant;

use tamis_engine::pipeline::{self, Options};
use tamis_formats::Visitor;
use tamis_formats::columns::Batch;

use super::compile::Compiled;
use super::layout::{HeaderFaults, Layout};
use super::merge::{InputTally, Tally};
use super::outcome::Ended;
use super::outputs::Outputs;
use super::part::Part;
use super::run::{count_header_faults, find_duplicates, judge_thresholds};
use super::worker::{Pass, Worker};
use super::{Check, CheckError, CheckOptions};
use crate::report::Report;
use crate::unique::UniqueIndex;
use kept::Kept;

/// What a report calls rows that come from no file.
#[derive(Clone, Copy, Debug)]
pub struct RowsInput<'n> {
    /// The input's name.
    pub name: &'n str,
    /// What kind of thing it is, where a file has its format: `rows`, `arrow`.
    pub format: &'static str,
}

/// Which of the contract's columns the rows have, and what is wrong with the names of their columns.
pub(in crate::check) struct Columns {
    pub(in crate::check) layout: Layout,
    pub(in crate::check) faults: HeaderFaults,
}

impl Columns {
    /// Every row may have every column.
    pub(in crate::check) fn all(compiled: &Compiled) -> Columns {
        Columns {
            layout: Layout::Rows {
                places: (0..compiled.columns.len()).map(Some).collect(),
            },
            faults: HeaderFaults::default(),
        }
    }
}

pub(super) fn run<B: Batch>(
    check: &Check,
    columns: Columns,
    input: RowsInput<'_>,
    batches: impl Iterator<Item = tamis_engine::Result<B>> + Send,
    options: &CheckOptions,
) -> Result<Report, CheckError> {
    let started = Instant::now();
    let compiled = &check.compiled;
    if options.fail_fast {
        let reason = "rows that come from no file are always checked to their end".to_owned();
        let input = input.name.to_owned();
        return Err(tamis_engine::Error::Unsupported { input, reason }.into());
    }
    let judges_duplicates = compiled.unique.iter().any(|unique| unique.rule.is_some());
    // Every unique rule gets an equal part of the budget, its keys and what is kept of its rows a half each.
    let budget = options.memory_bytes / compiled.unique.len().max(1) / 2;
    let new_index = |_: &_| UniqueIndex::new(budget, options.spill_dir.clone());
    let mut tally = Tally::new(compiled, compiled.unique.iter().map(new_index).collect());
    tally.inputs.push(InputTally {
        name: input.name.to_owned(),
        format: input.format,
        ..InputTally::default()
    });
    let mut outputs = Outputs::default();
    count_header_faults(
        compiled,
        columns.faults,
        input.name,
        options.samples_max,
        &mut tally,
        &mut outputs,
    );
    let pass = Pass {
        samples_full: AtomicBool::new(tally.samples.len() >= options.samples_max),
        wants_keys: !compiled.unique.is_empty(),
        wants_details: judges_duplicates,
        ..Pass::new(compiled, &columns.layout, b'\n', options)
    };
    let mut kept = Kept::new(options.memory_bytes / 2, options.spill_dir.clone());
    let run_options = Options {
        threads: options.threads,
        cancel: options.cancel.clone(),
        progress: options.progress.clone(),
        ..Options::default()
    };
    let outcome = pipeline::run_items(
        input.name,
        batches,
        &run_options,
        || Worker::new(&pass),
        |worker, batch: B| check_batch(worker, &pass, &batch, input.name),
        |mut part| {
            let is_shown = tally.samples.len() < options.samples_max;
            kept.take(&mut part, tally.totals.rows, is_shown)?;
            tally.merge(part, &pass, &mut outputs, &options.progress)
        },
    )?;
    tally.stages += outcome.stages;
    let input = tally.inputs.last_mut().expect("pushed above");
    input.backend = outcome.backend;

    let spilled_bytes = tally
        .unique
        .iter()
        .map(UniqueIndex::spilled_bytes)
        .sum::<u64>();
    let spilled_bytes = spilled_bytes + kept.spilled_bytes();
    let duplicates = find_duplicates(&mut tally, options)?;
    kept.add_duplicates(&mut tally, &pass, &duplicates)?;
    judge_thresholds(compiled, &mut tally, &duplicates);
    let ended = Ended {
        check,
        tally: &tally,
        duplicates: &duplicates,
        options,
        outputs: Vec::new(),
        spilled_bytes,
        elapsed: started.elapsed(),
    };
    let mut report = ended.report();
    for sample in &mut report.samples {
        // These rows lie nowhere.
        (sample.line, sample.byte_offset) = (None, None);
    }
    Ok(report)
}

/// The part of one batch of the input called `name`.
pub(in crate::check) fn check_batch(
    worker: &mut Worker,
    pass: &Pass<'_>,
    batch: &impl Batch,
    name: &str,
) -> tamis_engine::Result<Part> {
    let rows = |visitor: &mut dyn Visitor| batch.for_each_block(&mut |block| visitor.block(block));
    worker
        .check_rows(pass, rows)
        .map_err(|error| tamis_engine::Error::Producer {
            input: name.to_owned(),
            source: Box::new(error),
        })
}
