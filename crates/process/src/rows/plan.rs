//! A query against the columns there are: what to read, what to compute, what to write.

use std::ops::Range;

use tamis_engine::kernel::Kernel;
use tamis_engine::pool::BufferPool;
use tamis_expr::{ExprError, Expression, Schema};
use tamis_formats::csv::Dialect;
use tamis_formats::input::Shape;
use tamis_formats::vector::Type;

use super::select::{self, Selected, Source};
use super::{Query, RowFormat, Take};
use crate::batches::{BatchFormat, Target};
use crate::table::{Readers, Table};
use crate::{Result, lists};

/// What buffers for the output of pieces may take while no piece is in them.
const POOLED_BYTES_MAX: usize = 8 << 20;

/// How much such a buffer has room for at first, at most; it grows where that is too little.
const OUTPUT_BYTES_MAX: usize = 1 << 20;

/// What every worker must know.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The columns of the table that blocks must have.
    pub(crate) wanted: Vec<usize>,
    /// For each of them, the type to read it as, if its values are needed and not just its bytes.
    pub(super) types: Vec<Option<Type>>,
    /// For each of them, whether it is passed on as it is stored, and nobody computes with it.
    pub(crate) passed: Vec<bool>,
    /// For each of them, whether it is only written, as JSON, where values say what they are.
    pub(super) written: Vec<bool>,
    /// Rows for which this is true.
    pub(super) filter: Option<Computed>,
    /// Columns that are computed.
    pub(super) computed: Vec<Computed>,
    /// The columns to write; none if records leave as they came.
    pub(super) outputs: Vec<Output>,
    pub(super) encoding: Encoding,
    /// The columns of the output, if it is written in columns.
    pub(super) target: Option<Target>,
    pub(super) take: Take,
    /// The columns of the table whose types matter.
    pub(crate) typed: Vec<usize>,
    pub(super) readers: Readers,
    pub(super) kernel: Kernel,
    /// Stands between integer and fraction.
    pub(super) point: u8,
    pub(super) skips_malformed: bool,
    pub(super) threads: usize,
    /// For the output of pieces.
    pub(super) pool: BufferPool,
    /// About how much that is: as much as was read.
    pub(super) output_bytes: usize,
    /// Somebody wants rows one by one.
    keeps_ends: bool,
}

/// An expression, with where its columns are among the wanted ones.
#[derive(Debug)]
pub(super) struct Computed {
    pub(super) expression: Expression,
    pub(super) inputs: Vec<usize>,
}

/// A column to write.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) name: String,
    pub(super) from: From,
}

/// Where its values are.
#[derive(Clone, Copy, Debug)]
pub(super) enum From {
    /// Among the wanted columns.
    Column(usize),
    /// Among the wanted columns, as it is stored where that is in arrays.
    Stored(usize),
    /// Among the computed ones.
    Computed(usize),
}

/// How a row becomes bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// The record as it came.
    Raw {
        /// It is JSON, to become an element of an array.
        is_element: bool,
    },
    Delimited(Dialect),
    Json {
        /// An element of an array, not a line.
        is_element: bool,
    },
    /// As columns: [`Plan::target`].
    Batches(BatchFormat),
}

impl Plan {
    pub(crate) fn new(table: &mut Table<'_>, query: &Query) -> Result<Plan> {
        query.validate()?;
        let encoding = encoding(table, query);
        if matches!(encoding, Encoding::Raw { .. }) {
            table.require_uniform();
        }
        let selected = match (&query.columns, encoding) {
            (None, Encoding::Raw { .. }) => Vec::new(),
            (None, _) => select::all(table, 0..0)?,
            (Some(text), _) => select::select(text, table)?,
        };
        if matches!(encoding, Encoding::Json { .. } | Encoding::Batches(_)) {
            select::require_names(&selected, query.columns.as_deref())?;
        }
        let mut wanted = Wanted::default();
        let filter = match &query.filter {
            Some(text) => {
                let all = 0..text.len();
                Some(compile(text, &all, table, &mut wanted, Expression::filter)?)
            }
            None => None,
        };
        let mut computed = Vec::new();
        let mut outputs = Vec::with_capacity(selected.len());
        let keeps_stored = matches!(encoding, Encoding::Batches(_));
        for Selected { source, name, .. } in selected {
            let from = match source {
                Source::Column(column) if keeps_stored && table.stored(column).is_some() => {
                    From::Stored(wanted.add(column, Use::Passed))
                }
                Source::Column(column) => From::Column(wanted.add(
                    column,
                    match encoding {
                        Encoding::Json { .. } if table.is_stated(column) => Use::Written,
                        Encoding::Json { .. } | Encoding::Batches(_) => Use::Value,
                        Encoding::Raw { .. } | Encoding::Delimited(_) => Use::Bytes,
                    },
                )),
                Source::Expression(span) => {
                    let text = query.columns.as_deref().unwrap_or_default();
                    let compiled = compile(text, &span, table, &mut wanted, Expression::compile)?;
                    computed.push(compiled);
                    From::Computed(computed.len() - 1)
                }
            };
            outputs.push(Output { name, from });
        }
        let columns = table.columns();
        let types = wanted.columns.iter().zip(&wanted.uses);
        let types = types.map(|(&column, &usage)| {
            let is_read = usage != Use::Bytes;
            is_read.then(|| columns[column].ty)
        });
        let types: Vec<Option<Type>> = types.collect();
        let target = match encoding {
            Encoding::Batches(format) => {
                let columns = outputs.iter().map(|Output { name, from }| match *from {
                    From::Column(at) => (name, types[at].unwrap_or_default(), None),
                    From::Stored(at) => {
                        let stored = table.stored(wanted.columns[at]);
                        (name, types[at].unwrap_or_default(), stored)
                    }
                    From::Computed(at) => (name, computed[at].expression.ty(), None),
                });
                let mut target = Target::new(format, columns);
                if matches!(query.take, Take::Sample { .. }) {
                    target.move_rows()?;
                }
                Some(target)
            }
            _ => None,
        };
        let written: Vec<bool> = wanted.uses.iter().map(|&it| it == Use::Written).collect();
        let typed = wanted.columns.iter().zip(&types).zip(&written);
        // Text takes everything: nothing can turn out to be wrong. Nor can what says itself what it is.
        let typed =
            typed.filter(|((_, ty), written)| !**written && ty.is_some_and(|ty| ty != Type::Text));
        let options = table.options();
        Ok(Plan {
            typed: typed.map(|((&column, _), _)| column).collect(),
            types,
            written,
            passed: wanted.uses.iter().map(|&it| it == Use::Passed).collect(),
            wanted: wanted.columns,
            target,
            filter,
            computed,
            outputs,
            encoding,
            take: query.take,
            readers: table.readers(),
            kernel: options.kernel,
            point: options.csv.decimal_char.unwrap_or(b'.'),
            skips_malformed: options.skips_malformed,
            threads: options.threads,
            pool: BufferPool::new(POOLED_BYTES_MAX),
            output_bytes: match encoding {
                Encoding::Batches(_) => 0,
                _ => options.chunk_bytes.min(OUTPUT_BYTES_MAX),
            },
            keeps_ends: false,
        })
    }

    /// Whether rows are cut off or drawn one by one, so that their ends must be known.
    pub(super) fn needs_ends(&self) -> bool {
        self.keeps_ends || matches!(self.take, Take::First(_) | Take::Sample { .. })
    }

    /// Whether somebody takes rows one by one.
    pub(super) fn keeps_ends(&self) -> bool {
        self.keeps_ends
    }

    /// Has somebody take rows one by one.
    pub(crate) fn keep_ends(&mut self) -> Result<()> {
        self.keeps_ends = true;
        match &mut self.target {
            Some(target) => target.move_rows(),
            None => Ok(()),
        }
    }

    /// Has the values of a column read, too; its place among the columns that are.
    pub(crate) fn want_values(&mut self, column: usize, ty: Type) -> usize {
        let known = self.wanted.iter().position(|&known| known == column);
        let place = known.unwrap_or_else(|| {
            self.wanted.push(column);
            self.types.push(None);
            self.passed.push(false);
            self.written.push(false);
            self.wanted.len() - 1
        });
        self.types[place] = Some(ty);
        self.passed[place] = false;
        self.written[place] = false;
        if ty != Type::Text && !self.typed.contains(&column) {
            self.typed.push(column);
        }
        place
    }
}

/// The columns of the table that are read.
#[derive(Default)]
struct Wanted {
    columns: Vec<usize>,
    uses: Vec<Use>,
}

/// What is done with a column; later uses need what earlier ones need, and more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Use {
    /// Its bytes are written.
    Bytes,
    /// It is written with what it is, where values say so themselves; else its values are read.
    Written,
    /// It leaves as it is stored, where that is in arrays; else its values are read.
    Passed,
    /// Its values are read.
    Value,
}

impl Wanted {
    /// Where `column` is among them.
    fn add(&mut self, column: usize, usage: Use) -> usize {
        let known = self.columns.iter().position(|&known| known == column);
        let place = known.unwrap_or_else(|| {
            self.columns.push(column);
            self.uses.push(usage);
            self.columns.len() - 1
        });
        self.uses[place] = self.uses[place].max(usage);
        place
    }
}

fn compile(
    text: &str,
    span: &Range<usize>,
    table: &mut Table<'_>,
    wanted: &mut Wanted,
    compile: fn(&str, &Schema) -> std::result::Result<Expression, ExprError>,
) -> Result<Computed> {
    let expression = lists::compile(text, span, table, compile)?;
    let inputs = expression.columns().iter();
    Ok(Computed {
        inputs: inputs
            .map(|&column| wanted.add(column, Use::Value))
            .collect(),
        expression,
    })
}

/// Rows leave as they came if nothing about them is to change.
fn encoding(table: &Table<'_>, query: &Query) -> Encoding {
    let format = match (query.format, table.shape()) {
        (Some(format), _) => Some(format),
        (None, None) => Some(RowFormat::Delimited { delimiter: b',' }),
        (None, Some(_)) => None,
    };
    let keeps_columns = query.columns.is_none();
    match (format, table.shape()) {
        (None, Some(_)) if keeps_columns => Encoding::Raw { is_element: false },
        (None, Some(Shape::Csv { dialect, .. })) => Encoding::Delimited(*dialect),
        (None, _) | (Some(RowFormat::JsonLines), _)
            if keeps_columns && table.shape() == Some(&Shape::Jsonl) =>
        {
            Encoding::Raw { is_element: false }
        }
        (Some(RowFormat::JsonArray), Some(Shape::Jsonl)) if keeps_columns => {
            Encoding::Raw { is_element: true }
        }
        (None, _) | (Some(RowFormat::JsonLines), _) => Encoding::Json { is_element: false },
        (Some(RowFormat::JsonArray), _) => Encoding::Json { is_element: true },
        (Some(RowFormat::Batches(format)), _) => Encoding::Batches(format),
        (Some(RowFormat::Delimited { delimiter }), Some(Shape::Csv { dialect, .. }))
            if keeps_columns && dialect.delimiter == delimiter =>
        {
            Encoding::Raw { is_element: false }
        }
        (Some(RowFormat::Delimited { delimiter }), _) => Encoding::Delimited(Dialect {
            delimiter,
            ..Dialect::csv()
        }),
    }
}
