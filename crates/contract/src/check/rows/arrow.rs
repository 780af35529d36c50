//! Arrow arrays as rows: which columns are looked at, and a stream of arrays as one of slices.

use std::iter;
use std::sync::Arc;

use arrow_array::StructArray;
use arrow_schema::Schema;
use tamis_engine::kernel::Kernel;
use tamis_formats::arrow::{
    Dictionaries, EmptyText, Leaf, Reader, Right, Slice, Spare, Texts, leaves,
};
use tamis_formats::{Block, Kind};
#[cfg(feature = "parquet")]
use tamis_formats::{
    arrow::file::BatchFile,
    arrow::proof::Proof,
    arrow::records::{self, Arrays},
    file::Units,
};

use super::{Columns, RowsInput};
use crate::check::compile::{ColumnRules, Compiled};
use crate::check::fast::{self, FastCheck};
use crate::check::layout::Layout;
use crate::check::record::numbers::NumberRules;
use crate::check::value::{Constraint, Side, Temporal, TypeCheck, ValueCheck};
use crate::check::{Check, CheckError, CheckOptions};

/// The arrays as slices that a check can look at, and where the contract's columns are in them.
///
/// # Errors
/// [`CheckError::Format`] for a column that has rules and a type that no rule can be held against.
pub(in crate::check) fn slices(
    check: &Check,
    input: RowsInput<'_>,
    schema: &Schema,
    batches: impl Iterator<Item = tamis_engine::Result<StructArray>> + Send,
    kernel: Kernel,
) -> Result<
    (
        Columns,
        impl Iterator<Item = tamis_engine::Result<Slice>> + Send,
    ),
    CheckError,
> {
    let compiled = &check.compiled;
    let leaves = leaves(schema, &known_names(compiled));
    let names: Vec<String> = leaves.iter().map(|leaf| leaf.name.clone()).collect();
    let (places, faults) = Layout::places_of(compiled, &names);
    let reader = wanted(compiled, &leaves, &places, kernel).and_then(Reader::new);
    let reader = reader.map_err(|source| CheckError::Format {
        input: input.name.to_owned(),
        source,
    })?;
    // Strings of a program are read as CSV fields are, whether they come in rows or in a table.
    let reader = reader.with_empty_text(EmptyText::Null);
    let layout = layout(&places);
    // One array may be all there is: it is cut before it is divided among the threads.
    let mut batches = batches;
    let mut slices = None;
    let mut dictionaries = Dictionaries::default();
    let slices = iter::from_fn(move || {
        loop {
            if let Some(slice) = slices.as_mut().and_then(Iterator::next) {
                return Some(Ok(slice));
            }
            match batches.next()? {
                Ok(batch) => slices = Some(reader.slices_knowing(&batch, &mut dictionaries)),
                Err(error) => return Some(Err(error)),
            }
        }
    });
    Ok((Columns { layout, faults }, slices))
}

/// The layout of blocks that have the contract's columns in its order, where the input has them.
fn layout(places: &[Option<usize>]) -> Layout {
    let columns = places.iter().enumerate();
    Layout::Rows {
        places: columns
            .map(|(column, place)| place.map(|_| column))
            .collect(),
    }
}

/// A file of record batches: the layout of its blocks, and its rows in units of about `rows_max` at most; also what is to be told of values that were not read.
///
/// # Errors
/// As [`slices`], and when the file cannot be read.
#[cfg(feature = "parquet")]
pub(in crate::check) fn units<'f>(
    compiled: &Compiled,
    file: &'f dyn BatchFile,
    arrays: Arrays,
    rows_max: usize,
    options: &CheckOptions,
) -> Result<(Columns, Units<'f>, Option<String>), CheckError> {
    let leaves = leaves(file.schema(), &known_names(compiled));
    let names: Vec<String> = leaves.iter().map(|leaf| leaf.name.clone()).collect();
    let (places, faults) = Layout::places_of(compiled, &names);
    let wanted = wanted(compiled, &leaves, &places, options.kernel);
    let wanted = wanted.map_err(|source| CheckError::Format {
        input: file.name().to_owned(),
        source,
    })?;
    let proof = match options.trusts_statistics {
        true => Proof::new(file, &wanted),
        false => Proof::default(),
    };
    let units = records::units(file, &wanted, arrays, &proof, rows_max, options.threads)?;
    let layout = layout(&places);
    let note = match proof.counts() {
        (0, _) => None,
        (trusted, all) => Some(format!(
            "{trusted} of {all} row groups have columns that were not read, because the statistics of the file say that they keep the contract (`--trust-statistics`)"
        )),
    };
    Ok((Columns { layout, faults }, units, note))
}

/// The names that the contract has for columns.
fn known_names(compiled: &Compiled) -> Vec<String> {
    let columns = compiled.columns.iter();
    let paths = columns.flat_map(|column| [&column.path, &column.logical_path]);
    paths.map(|path| path.join(".")).collect()
}

/// The contract's columns as they are wanted, those whose values no rule asks for left out.
fn wanted<'l>(
    compiled: &Compiled,
    leaves: &'l [Leaf],
    places: &[Option<usize>],
    kernel: Kernel,
) -> Result<Vec<Option<(&'l Leaf, Spare)>>, tamis_formats::Error> {
    let mut wanted = Vec::with_capacity(places.len());
    for (index, (column, place)) in compiled.columns.iter().zip(places).enumerate() {
        let leaf = place.map(|place| &leaves[place]);
        // The values of keys, and those that expressions read, are all needed.
        let is_needed = || {
            let mut unique = compiled.unique.iter();
            let mut expressions = compiled.expressions.iter();
            unique.any(|unique| unique.columns.contains(&index))
                || expressions.any(|expression| expression.columns.contains(&index))
        };
        let leaf = leaf.filter(|_| !column.fast.is_idle(None) || is_needed());
        let Some(leaf) = leaf else {
            wanted.push(None);
            continue;
        };
        let kind = leaf.kind()?;
        if matches!(kind, Kind::Object | Kind::Array)
            && (is_needed() || !is_only_there(column, kind))
        {
            return Err(leaf.unsupported(
                "only that such a value is there can be checked, or rules on the members of a struct",
            ));
        }
        let spare = match is_needed() {
            true => Spare::default(),
            false => spare(column, leaf, kind, kernel),
        };
        let is_looked_at = !column.fast.is_idle(Some(kind)) || is_needed();
        wanted.push(is_looked_at.then_some((leaf, spare)));
    }
    Ok(wanted)
}

/// The fast loops of a column, for the texts of a dictionary.
#[derive(Debug)]
struct Loops {
    fast: FastCheck,
    kernel: Kernel,
}

impl Texts for Loops {
    fn mark(&self, block: &Block<'_>, suspects: &mut [u64]) {
        let column = fast::Column {
            block,
            at: 0,
            spans: block.column(0),
            has_quotes: false,
        };
        // A dictionary is looked at once.
        let mut scratch = fast::Scratch::default();
        self.fast.mark(&column, self.kernel, &mut scratch, suspects);
    }
}

/// The values of a column with which its rules find nothing wrong, as far as that can be said of all of its type.
fn spare(column: &ColumnRules, leaf: &Leaf, kind: Kind, kernel: Kernel) -> Spare {
    let values = &column.values;
    let right = match kind {
        Kind::Text => Some(Right::Texts(Arc::new(Loops {
            fast: column.fast.clone(),
            kernel,
        }))),
        Kind::Number => NumberRules::of(values).map(|rules| {
            let (integers, floats, whole) = rules.right();
            Right::Numbers {
                integers,
                floats,
                whole,
            }
        }),
        Kind::String => right_moments(values, leaf),
        _ => None,
    };
    Spare {
        values: right.unwrap_or_default(),
        nulls: values.on_null.is_empty(),
    }
}

/// The moments that break no rule, if the form that all of the column's moments have breaks none.
fn right_moments(values: &ValueCheck, leaf: &Leaf) -> Option<Right> {
    if !matches!(
        values.kind,
        Some((TypeCheck::Temporal(Temporal::Iso(_)), _))
    ) || !values.missing.is_empty()
    {
        return None;
    }
    let mut form = ValueCheck {
        constraints: Vec::new(),
        ..values.clone()
    };
    let (mut first, mut last) = (i64::MIN, i64::MAX);
    for (constraint, consequence) in &values.constraints {
        match constraint {
            Constraint::Zone(_) => form.constraints.push((constraint.clone(), *consequence)),
            // Those in the second of the limit are left to the judge.
            Constraint::Moment(Side::AtLeast, _, limit) => {
                first = first.max(limit.seconds.saturating_add(1));
            }
            Constraint::Moment(Side::AtMost, _, limit) => {
                last = last.min(limit.seconds.saturating_sub(1));
            }
            _ => return None,
        }
    }
    let mut is_right = true;
    for text in leaf.moments()? {
        form.judge(Kind::String, text.as_bytes(), |_| is_right = false);
    }
    is_right.then_some(Right::Moments {
        seconds: first..=last,
    })
}

/// Whether the column's rules ask for nothing but nested values of this kind that are not null.
fn is_only_there(column: &ColumnRules, kind: Kind) -> bool {
    let values = &column.values;
    let has_type = match &values.kind {
        None => true,
        Some((TypeCheck::Object, _)) => kind == Kind::Object,
        Some((TypeCheck::Array, _)) => kind == Kind::Array,
        Some(_) => false,
    };
    has_type && values.constraints.is_empty() && values.missing.is_empty()
}

#[cfg(test)]
mod tests;
