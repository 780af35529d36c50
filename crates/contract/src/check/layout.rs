//! Where the contract's columns are in one input.

use std::collections::{HashMap, HashSet};

use tamis_formats::csv::{Dialect, Header};
use tamis_formats::jsonl;

use super::compile::Compiled;
use super::rule::RuleId;
use super::value::TypeCheck;
use crate::model::{DuplicateColumns, ExtraColumns};

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
    Jsonl {
        paths: Vec<jsonl::Path>,
        /// Other keys at the root are violations.
        refuses_extra_keys: bool,
    },
    /// Columns of values.
    Rows {
        /// For each column of the contract, the blocks' column.
        places: Vec<Option<usize>>,
    },
}

/// Faults of one kind that are listed one by one; the others are only counted. A header with a million unknown
/// columns is one mistake, and its report should not be larger than its data.
pub(crate) const HEADER_FAULTS_LISTED_MAX: usize = 1000;

/// Something wrong with a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HeaderFault {
    pub(crate) rule: RuleId,
    pub(crate) column: String,
    pub(crate) message: String,
}

/// All that is wrong with a header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HeaderFaults {
    /// Every missing column, and the first of the columns too many.
    pub(crate) listed: Vec<HeaderFault>,
    /// How many more there are, by rule.
    pub(crate) more: Vec<(RuleId, u64)>,
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
            refuses_extra_keys: compiled.extra_columns == Some(ExtraColumns::Refuse),
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
    ) -> (Layout, HeaderFaults) {
        let structural = &compiled.structural;
        let mut listed = Vec::new();
        let mut is_taken = vec![false; header.names.len()];
        let mut places = Vec::with_capacity(compiled.columns.len());
        // Of several columns of one name the first.
        let mut places_by_name = HashMap::with_capacity(header.names.len());
        for (place, name) in header.names.iter().enumerate() {
            places_by_name.entry(name.as_str()).or_insert(place);
        }
        for column in &compiled.columns {
            let find = |name: String| places_by_name.get(name.as_str()).copied();
            let place = find(column.path.join(".")).or_else(|| find(column.logical_path.join(".")));
            // A nested object is no column itself, its members are.
            let is_object = matches!(column.values.kind, Some((TypeCheck::Object, _)));
            if let (None, false, Some(rule)) = (place, is_object, column.missing_rule) {
                listed.push(HeaderFault {
                    rule,
                    column: column.name(),
                    message: format!("the header has no column `{}`", column.name()),
                });
            }
            if let Some(place) = place {
                is_taken[place] = true;
            }
            places.push(place);
        }
        let refuses_extra = compiled.extra_columns != Some(ExtraColumns::Allow);
        let refuses_duplicates = compiled.duplicate_columns != Some(DuplicateColumns::Allow);
        let (mut repeated, mut extra) = (0, 0);
        for (index, name) in header.names.iter().enumerate() {
            let is_duplicate = header.duplicates.binary_search(&index).is_ok();
            let (rule, count) = match is_duplicate {
                true if refuses_duplicates => (structural.duplicate_column, &mut repeated),
                false if !is_taken[index] && refuses_extra => (structural.extra_column, &mut extra),
                _ => continue,
            };
            *count += 1;
            if *count <= HEADER_FAULTS_LISTED_MAX as u64 {
                let column = index + 1;
                listed.push(HeaderFault {
                    rule,
                    column: name.clone(),
                    message: if rule == structural.extra_column {
                        format!("column {column} (`{name}`) is not in the contract")
                    } else {
                        format!("column {column} repeats the name `{name}`")
                    },
                });
            }
        }
        let more = [
            (structural.duplicate_column, repeated),
            (structural.extra_column, extra),
        ];
        let more =
            more.map(|(rule, count)| (rule, count.saturating_sub(HEADER_FAULTS_LISTED_MAX as u64)));
        let faults = HeaderFaults {
            listed,
            more: more.into_iter().filter(|(_, count)| *count > 0).collect(),
        };
        (
            Layout::Csv {
                dialect,
                width: header.names.len(),
                places,
            },
            faults,
        )
    }

    /// For each of the contract's columns the one of these names that is its, and what is wrong with the names. They are
    /// held to the contract as a CSV header is.
    pub(crate) fn places_of(
        compiled: &Compiled,
        names: &[String],
    ) -> (Vec<Option<usize>>, HeaderFaults) {
        let mut seen = HashSet::new();
        let mut is_repeat = |&at: &usize| !seen.insert(&names[at]);
        let header = Header {
            names: names.to_vec(),
            duplicates: (0..names.len()).filter(&mut is_repeat).collect(),
            ..Header::default()
        };
        let (layout, faults) = Layout::csv_by_name(compiled, Dialect::csv(), &header);
        let places = (0..compiled.columns.len()).map(|column| layout.place(column));
        (places.collect(), faults)
    }

    /// Whether records lie in a text, so that they have a line and a byte offset.
    pub(crate) fn is_text(&self) -> bool {
        !matches!(self, Layout::Rows { .. })
    }

    /// The field of a contract's column, if this input has it.
    pub(crate) fn place(&self, column: usize) -> Option<usize> {
        match self {
            Layout::Csv { places, .. } => places[column],
            Layout::Jsonl { .. } => Some(column),
            Layout::Rows { places } => places[column],
        }
    }
}
