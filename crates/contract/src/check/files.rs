//! Inputs that are not lines of text: row groups, record batches, runs of messages.
//!
//! A unit of such a file is what a chunk is of a text. What a chunk's byte offset is for, to know it again in a second
//! pass, its number is for; and violations have a row and neither a line nor an offset. Where records lie in the file one
//! behind the other, as messages do, they have an offset. Good and bad rows are copied out of messages as out of text, and
//! out of the arrays of a unit when all of it is judged.

use std::collections::HashSet;
use std::sync::atomic::AtomicBool;

use tamis_engine::pipeline::{self, Options};
use tamis_engine::source::Source;
use tamis_formats::Visitor;
use tamis_formats::file::{RecordFile, Unit, Units};

use super::compile::Compiled;
use super::layout::Layout;
use super::merge::{InputTally, Tally};
use super::outputs::arrays::{Copier, Kept};
use super::outputs::{First, GoodRows, Outputs};
use super::part::Part;
use super::rows::Columns;
use super::run::{changed, count_header_faults};
use super::worker::{Known, Pass, Worker};
use super::{Check, CheckError, CheckOptions};
use crate::model::ExtraColumns;

/// Rows of a unit, where it matters what a part holds: a key takes 32 bytes, and some parts wait for the merge.
#[cfg(feature = "parquet")]
const KEYED_ROWS: usize = 128 << 10;

/// Rows of a unit where parts are small.
#[cfg(feature = "parquet")]
const UNIT_ROWS: usize = 1 << 20;

/// Values of a unit whose arrays are kept until its good and bad rows are told apart.
#[cfg(feature = "parquet")]
const COPIED_VALUES: usize = 1 << 20;

/// Rows of such a unit: few columns need not make it long, nor many of them short.
#[cfg(feature = "parquet")]
const COPIED_ROWS_MAX: usize = 128 << 10;
#[cfg(feature = "parquet")]
const COPIED_ROWS_MIN: usize = 1 << 10;

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
    if outputs.batches.is_some() {
        return Err(no_batches(source, file));
    }
    let has_keys = !compiled.unique.is_empty();
    let Laid {
        columns,
        units,
        good,
        copier,
        note,
        first,
    } = lay(compiled, file, options, outputs)?;
    let len_bytes = file.len_bytes();
    options.progress.add_raw_bytes_total(len_bytes.unwrap_or(0));
    let copier = copier.as_ref();
    let pass = Pass {
        samples_full: AtomicBool::new(tally.samples.len() >= options.samples_max),
        file: file.has_records().then_some(file),
        good,
        wants_bad: outputs.wants_bad(),
        bad_dialect: copier.and_then(Copier::bad_dialect),
        wants_keys: known.is_none() && has_keys,
        fail_fast: options.fail_fast,
        known,
        ..Pass::new(compiled, &columns.layout, b'\n', options)
    };
    let header = copier.map_or_else(Vec::new, Copier::bad_header);
    outputs.start_input(source.name(), first, &header, &pass, options.threads)?;
    tally.inputs.push(InputTally {
        name: source.name().to_owned(),
        format: file.format().id(),
        has_columns: !file.has_records(),
        notes: note.into_iter().collect(),
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
            let part = check_unit(worker, &pass, copier, (index, unit), source.name())?;
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
    outputs.failure()?;
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

/// Such an input cannot be told of batch by batch.
fn no_batches(source: &dyn Source, file: &dyn RecordFile) -> CheckError {
    let format = file.format();
    tamis_engine::Error::Unsupported {
        input: source.name().to_owned(),
        reason: format!("reports batch by batch are made of text only, and the input is {format}"),
    }
    .into()
}

fn check_unit(
    worker: &mut Worker,
    pass: &Pass<'_>,
    copier: Option<&Copier>,
    (index, unit): (u64, Box<dyn Unit + '_>),
    name: &str,
) -> tamis_engine::Result<Part> {
    let place = unit.byte_offset().unwrap_or(index);
    let first_row = match pass.known {
        None => 0,
        Some(known) => known.first_row(place).ok_or_else(|| changed(name, 0))?,
    };
    let mut kept = Kept::default();
    let visit = |visitor: &mut dyn Visitor| match copier {
        Some(copier) => copier.visit(unit, visitor, &mut kept),
        None => unit.visit(visitor).map(drop),
    };
    let mut part = worker.check_unit(pass, place, first_row, visit)?;
    if let Some(copier) = copier {
        let copied = copier.copy(&mut part, &kept);
        copied.map_err(|error| tamis_engine::Error::Producer {
            input: name.to_owned(),
            source: Box::new(error),
        })?;
    }
    Ok(part)
}

/// A file as a check wants it.
struct Laid<'f> {
    /// The contract's columns in it.
    columns: Columns,
    /// Its rows.
    units: Units<'f>,
    /// What becomes of good ones.
    good: GoodRows,
    /// What becomes of rows that lie in arrays.
    copier: Option<Copier>,
    /// What is to be told of it.
    note: Option<String>,
    first: First,
}

fn lay<'f>(
    compiled: &Compiled,
    file: &'f dyn RecordFile,
    options: &CheckOptions,
    outputs: &Outputs<'_>,
) -> Result<Laid<'f>, CheckError> {
    #[cfg(feature = "parquet")]
    if let Some(batches) = file.batches() {
        return lay_arrays(compiled, batches, options, outputs);
    }
    // Such a file is divided as it is.
    let _ = options;
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
    // Rows that are written as columns need them all.
    let mut place = |column: usize| {
        let known = wanted.iter().position(|&known| known == column);
        known.unwrap_or_else(|| {
            wanted.push(column);
            wanted.len() - 1
        })
    };
    let good = GoodRows::of_messages(outputs.good_name(), file.columns(), &mut place)?;
    Ok(Laid {
        columns: Columns { layout, faults },
        units: file.units(&wanted)?,
        good,
        copier: None,
        note: None,
        first: First::Messages,
    })
}

/// The same for a file of arrays.
#[cfg(feature = "parquet")]
fn lay_arrays<'f>(
    compiled: &Compiled,
    file: &'f dyn tamis_formats::arrow::file::BatchFile,
    options: &CheckOptions,
    outputs: &Outputs<'_>,
) -> Result<Laid<'f>, CheckError> {
    use tamis_formats::arrow::records::Arrays;

    let fields = file.schema().fields();
    // Both passes of a run must cut a file alike.
    let rows_max = match outputs.are_expected() {
        true => (COPIED_VALUES / fields.len().max(1)).clamp(COPIED_ROWS_MIN, COPIED_ROWS_MAX),
        false if !compiled.unique.is_empty() => KEYED_ROWS,
        false => UNIT_ROWS,
    };
    let (copier, good, arrays) = match Copier::new(file, outputs)? {
        Some((copier, good)) => (Some(copier), good, Arrays::Whole),
        None => (None, None, Arrays::Wanted),
    };
    let (columns, units, note) =
        super::rows::arrow::units(compiled, file, arrays, rows_max, options)?;
    Ok(Laid {
        columns,
        units,
        good: good.map_or(GoodRows::Unwanted, GoodRows::Numbered),
        copier,
        note,
        first: First::Arrays(fields.clone()),
    })
}

#[cfg(all(test, feature = "parquet"))]
pub(super) mod tests;
