//! Inputs that are not lines of text: row groups, record batches, runs of messages.
//!
//! A unit of such a file is what a chunk is of a text. What a chunk's byte offset is for, to know it again in a second
//! pass, its number is for; and violations have a row and neither a line nor an offset. Where records lie in the file one
//! behind the other, as messages do, they have an offset, and good and bad ones can be written.

use std::collections::HashSet;
use std::sync::atomic::AtomicBool;

use tamis_engine::pipeline::{self, Options};
use tamis_engine::source::Source;
use tamis_formats::Visitor;
use tamis_formats::file::{RecordFile, Unit, Units};

use super::compile::Compiled;
use super::layout::Layout;
use super::merge::{InputTally, Outputs, Tally};
use super::part::Part;
use super::rows::Columns;
use super::run::{changed, count_header_faults};
use super::worker::{Known, Pass, Worker};
use super::{Check, CheckError, CheckOptions};
use crate::model::ExtraColumns;

/// Rows of a unit, where it matters what a part holds: a key takes 32 bytes, and some parts wait for the merge.
const KEYED_ROWS: usize = 128 << 10;

/// Rows of a unit where parts are small.
const UNIT_ROWS: usize = 1 << 20;

/// Checks a file; `true` when the run is over before its end.
pub(super) fn check_file(
    check: &Check,
    source: &dyn Source,
    file: &dyn RecordFile,
    options: &CheckOptions,
    known: Option<Known<'_>>,
    tally: &mut Tally,
    outputs: &mut Outputs<'_>,
) -> Result<bool, CheckError> {
    let compiled = &check.compiled;
    refuse_outputs(source, file, outputs)?;
    let wants_good = outputs.good.is_some();
    let wants_bad = outputs.bad.is_some();
    let has_keys = !compiled.unique.is_empty();
    let rows_max = if has_keys { KEYED_ROWS } else { UNIT_ROWS };
    let (columns, units) = units(compiled, file, rows_max, options)?;
    let len_bytes = file.len_bytes();
    options.progress.add_raw_bytes_total(len_bytes.unwrap_or(0));
    let pass = Pass {
        samples_full: AtomicBool::new(tally.samples.len() >= options.samples_max),
        file: file.has_records().then_some(file),
        wants_good,
        wants_bad,
        wants_keys: known.is_none() && has_keys,
        fail_fast: options.fail_fast,
        known,
        ..Pass::new(compiled, &columns.layout, b'\n', options)
    };
    if !outputs.start_input(&[], &pass)? {
        return Err(CheckError::HeadersDiffer {
            input: source.name().to_owned(),
        });
    }
    tally.inputs.push(InputTally {
        name: source.name().to_owned(),
        format: file.format().id(),
        ..InputTally::default()
    });
    let samples_before = tally.samples.len();
    count_header_faults(
        compiled,
        columns.faults,
        source.name(),
        options.samples_max,
        tally,
        outputs,
    );
    for sample in &mut tally.samples[samples_before..] {
        (sample.line, sample.byte_offset) = (None, None);
    }
    let run_options = Options {
        threads: options.threads,
        cancel: options.cancel.clone(),
        progress: options.progress.clone(),
        ..Options::default()
    };
    let mut stored_bytes = 0;
    let mut plain_bytes = 0;
    let numbered = units.zip(0..).map(|(unit, index)| Ok((index, unit?)));
    let outcome = pipeline::run_items(
        source.name(),
        numbered,
        &run_options,
        || Worker::new(&pass),
        |worker, (index, unit)| {
            let size = (unit.len_bytes(), unit.plain_bytes());
            let part = check_unit(worker, &pass, index, unit, source.name())?;
            Ok((part, size))
        },
        |(part, (stored, plain))| {
            stored_bytes += stored;
            plain_bytes += plain;
            let flow = tally.merge(part, &pass, outputs, &options.progress)?;
            options.progress.add_raw_bytes(stored);
            options.progress.add_plain_bytes(plain);
            Ok(flow)
        },
    )?;
    if !outcome.stopped {
        file.verify()?;
    }
    let input = tally.inputs.last_mut().expect("pushed above");
    input.bytes += plain_bytes;
    input.raw_bytes += len_bytes.unwrap_or(stored_bytes);
    input.backend = file.backend();
    tally.stages += outcome.stages;
    tally.shape = None;
    Ok(outcome.stopped)
}

/// Outputs that such an input cannot be written to.
fn refuse_outputs(
    source: &dyn Source,
    file: &dyn RecordFile,
    outputs: &Outputs<'_>,
) -> Result<(), CheckError> {
    let reason = match (outputs.are_wanted(), &outputs.batches) {
        (true, _) if !file.has_records() => {
            "good and bad records can be written of text and Protobuf only"
        }
        (_, Some(_)) => "reports batch by batch are made of text only",
        (_, None) => return Ok(()),
    };
    Err(tamis_engine::Error::Unsupported {
        input: source.name().to_owned(),
        reason: format!("{reason}, and the input is {}", file.format()),
    }
    .into())
}

fn check_unit(
    worker: &mut Worker,
    pass: &Pass<'_>,
    index: u64,
    unit: Box<dyn Unit + '_>,
    name: &str,
) -> tamis_engine::Result<Part> {
    let place = unit.byte_offset().unwrap_or(index);
    let first_row = match pass.known {
        None => 0,
        Some(known) => known.first_row(place).ok_or_else(|| changed(name, 0))?,
    };
    worker.check_unit(pass, place, first_row, |visitor: &mut dyn Visitor| {
        unit.visit(visitor).map(drop)
    })
}

/// The contract's columns in the file, and its rows.
fn units<'f>(
    compiled: &Compiled,
    file: &'f dyn RecordFile,
    rows_max: usize,
    options: &CheckOptions,
) -> Result<(Columns, Units<'f>), CheckError> {
    #[cfg(feature = "parquet")]
    if let Some(batches) = file.batches() {
        return super::rows::arrow::units(compiled, batches, rows_max, options);
    }
    // Such a file is divided as it is.
    let _ = (rows_max, options);
    // Where records lie as messages do, a schema says what they may have, as keys of JSON; it is no header.
    let allows_more = file.has_records() && compiled.extra_columns != Some(ExtraColumns::Refuse);
    let known: HashSet<String> = compiled
        .columns
        .iter()
        .flat_map(|column| [column.path.join("."), column.logical_path.join(".")])
        .collect();
    let columns = file
        .columns()
        .iter()
        .map(|column| (&column.name, allows_more));
    let structures = file.structures().iter().map(|name| (name, true));
    let columns = columns.chain(structures).enumerate();
    let (columns, names): (Vec<usize>, Vec<String>) = columns
        .filter(|(_, (name, may_be_extra))| !may_be_extra || known.contains(*name))
        .map(|(index, (name, _))| (index, name.clone()))
        .unzip();
    let (places, faults) = Layout::places_of(compiled, &names);
    let mut wanted = Vec::new();
    let places = places.into_iter().map(|place| {
        wanted.push(columns[place?]);
        Some(wanted.len() - 1)
    });
    let layout = Layout::Rows {
        places: places.collect(),
    };
    Ok((Columns { layout, faults }, file.units(&wanted)?))
}

#[cfg(all(test, feature = "parquet"))]
mod tests;
