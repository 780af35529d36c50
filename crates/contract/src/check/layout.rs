//! Where the contract's columns are in one input.

use tamis_formats::csv::{Dialect, Header};
use tamis_formats::jsonl;

use super::compile::Compiled;
use super::rule::RuleId;
use super::value::TypeCheck;
use crate::model::ExtraColumns;

/// How the records of an input map to the contract's columns.
#[derive(Clone, Debug)]
pub(crate) enum Layout {
    /// Delimiter-separated text.
    Csv {
        dialect: Dialect,
        /// Fields in each record.
        width: usize,
        /// For each column of the contract, its field.
        places: Vec<Option<usize>>,
    },
    /// One JSON object a line; the parser finds the contract's columns, in their order.
    Jsonl { paths: Vec<jsonl::Path> },
}

/// Something wrong with a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HeaderFault {
    pub(crate) rule: RuleId,
    pub(crate) column: String,
    pub(crate) message: String,
}

impl Layout {
    /// The layout of JSON lines.
    pub(crate) fn jsonl(compiled: &Compiled) -> Layout {
        Layout::Jsonl {
            paths: compiled
                .columns
                .iter()
                .map(|column| jsonl::Path::new(column.path.clone()))
                .collect(),
        }
    }

    /// The layout of an input whose records have no header: columns by position.
    pub(crate) fn csv_by_position(compiled: &Compiled, dialect: Dialect) -> Layout {
        let mut width = 0;
        let places = compiled.columns.iter().map(|column| {
            let is_field = !matches!(column.values.kind, Some((TypeCheck::Object, _)));
            width += usize::from(is_field);
            is_field.then(|| width - 1)
        });
        let places = places.collect();
        Layout::Csv {
            dialect,
            width,
            places,
        }
    }

    /// The layout of an input with a header, and what is wrong with that header.
    pub(crate) fn csv_by_name(
        compiled: &Compiled,
        dialect: Dialect,
        header: &Header,
    ) -> (Layout, Vec<HeaderFault>) {
        let structural = &compiled.structural;
        let mut faults = Vec::new();
        let mut is_taken = vec![false; header.names.len()];
        let mut places = Vec::with_capacity(compiled.columns.len());
        for column in &compiled.columns {
            let find = |name: String| header.names.iter().position(|found| *found == name);
            let place = find(column.path.join(".")).or_else(|| find(column.logical_path.join(".")));
            // A nested object is no column itself, its members are.
            let is_object = matches!(column.values.kind, Some((TypeCheck::Object, _)));
            if place.is_none() && !is_object && !column.may_be_absent {
                faults.push(HeaderFault {
                    rule: structural.missing_column,
                    column: column.name(),
                    message: format!("the header has no column `{}`", column.name()),
                });
            }
            if let Some(place) = place {
                is_taken[place] = true;
            }
            places.push(place);
        }
        for (index, name) in header.names.iter().enumerate() {
            let (rule, message) = if header.duplicates.contains(&index) {
                (
                    structural.duplicate_column,
                    format!("column {} repeats the name `{name}`", index + 1),
                )
            } else if !is_taken[index] && compiled.extra_columns != Some(ExtraColumns::Allow) {
                (
                    structural.extra_column,
                    format!("column {} (`{name}`) is not in the contract", index + 1),
                )
            } else {
                continue;
            };
            faults.push(HeaderFault {
                rule,
                column: name.clone(),
                message,
            });
        }
        (
            Layout::Csv {
                dialect,
                width: header.names.len(),
                places,
            },
            faults,
        )
    }

    /// The field of a contract's column, if this input has it.
    pub(crate) fn place(&self, column: usize) -> Option<usize> {
        match self {
            Layout::Csv { places, .. } => places[column],
            Layout::Jsonl { .. } => Some(column),
        }
    }
}
