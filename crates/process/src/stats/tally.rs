//! The merge half: what must be known in the order of the input, and the end of a run.

use std::collections::HashMap;
use std::sync::Arc;

use tamis_contract::model::LogicalType;
use tamis_engine::control::Progress;
use tamis_engine::pipeline::Flow;
use tamis_engine::source::Source;
use tamis_formats::input::{Input as Opened, InputOptions, Shape, Sniffing};
use tamis_formats::jsonl;
use tamis_formats::jsonl::Path;
use tamis_formats::value::{Class, Classes};
use tamis_formats::vector::Type;

use super::StatsOptions;
use super::column::{Column, Setting, Spread, State};
use super::dictionary::Family;
use super::finish::Finish;
use super::report::{ColumnStats, InputStats, RowCounts, SCHEMA_VERSION, Statistics};
use super::worker::{FileColumn, Layout, Name, Part, Shards, shown};
use crate::infer::nulls::{Fate, Nullable};
use crate::infer::tree::{KEYS_MAX, tree_order};
use crate::infer::typing::{self, Typing};
use crate::open::{names_by_number, open, sample};
use crate::{Error, Result};

/// An input at its first record.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) name: String,
    pub(super) opened: Opened,
    /// Names of the columns; unknown in JSON lines.
    pub(super) names: Option<Vec<String>>,
    /// How many columns it has, in JSON lines: how many its first records have.
    pub(super) width: usize,
}

impl Input {
    pub(super) fn open(source: &dyn Source, options: &StatsOptions) -> Result<Input> {
        let input_options = InputOptions {
            format: options.format,
            csv: options.csv.dialect(),
            encoding: options.csv.encoding.clone(),
            messages: options.messages.clone(),
            header_bytes_max: options.record_bytes_max,
            sniffing: Sniffing::Dialect,
        };
        let mut opened = open(source, &input_options)?;
        let mut width = 0;
        let names: Option<Vec<String>> = match &mut opened {
            Opened::File(file) => {
                let names = file.columns().iter().map(|column| column.name.clone());
                Some(names.collect())
            }
            Opened::Text(records) => match records.shape.clone() {
                Shape::Jsonl => {
                    let head = sample(records, options.record_bytes_max)?;
                    width = jsonl::discover(head.lines(), KEYS_MAX, options.kernel)
                        .fields
                        .len();
                    None
                }
                Shape::Csv {
                    header: Some(header),
                    ..
                } => Some(header.names),
                Shape::Csv {
                    dialect,
                    header: None,
                } => {
                    let longest = options.record_bytes_max;
                    Some(names_by_number(records, &dialect, longest)?)
                }
            },
        };
        Ok(Input {
            name: source.name().to_owned(),
            opened,
            width: names.as_ref().map_or(width, Vec::len),
            names,
        })
    }
}

/// All parts so far.
#[derive(Debug)]
pub(super) struct Tally {
    inputs: Vec<InputStats>,
    rows: RowCounts,
    /// The columns in the order in which they came.
    order: Vec<usize>,
    is_known: Vec<bool>,
    /// The columns of the last chunk.
    last_columns: Arc<[usize]>,
    /// Names of the columns of the first input, wanted or not, where they are known.
    header_names: Option<Vec<String>>,
    /// Those that JSON brought.
    keys: usize,
    /// The most that there may be.
    keys_max: usize,
    has_too_many_keys: bool,
    notes: Vec<String>,
}

impl Tally {
    pub(super) fn new(keys_max: usize) -> Tally {
        Tally {
            inputs: Vec::new(),
            rows: RowCounts::default(),
            order: Vec::new(),
            is_known: Vec::new(),
            last_columns: Arc::new([]),
            header_names: None,
            keys: 0,
            keys_max,
            has_too_many_keys: false,
            notes: Vec::new(),
        }
    }

    /// Begins an input: how its fields become columns.
    pub(super) fn start(&mut self, input: &Input, shards: &Shards) -> Layout {
        self.inputs.push(InputStats {
            name: input.name.clone(),
            format: match &input.opened {
                Opened::Text(records) => records.shape.name().to_owned(),
                Opened::File(file) => file.format().to_string(),
            },
            bytes: 0,
            rows: 0,
        });
        if let Opened::Text(records) = &input.opened {
            let notes = records.notes.iter();
            self.notes
                .extend(notes.map(|note| format!("`{}`: {note}", input.name)));
        }
        let Some(names) = &input.names else {
            return Layout::Jsonl;
        };
        self.header_names.get_or_insert_with(|| names.clone());
        let mut repetitions: HashMap<&str, usize> = HashMap::new();
        let columns = names.iter().map(|name| {
            let repetition = repetitions.entry(name).or_default();
            *repetition += 1;
            shards.number(&Path::new([name]), *repetition - 1)
        });
        let columns: Vec<Option<usize>> = columns.collect();
        columns
            .iter()
            .flatten()
            .for_each(|&number| self.know(number));
        match &input.opened {
            Opened::Text(records) => match &records.shape {
                Shape::Csv { dialect, .. } => Layout::Csv {
                    dialect: *dialect,
                    columns,
                },
                Shape::Jsonl => Layout::Jsonl,
            },
            Opened::File(file) => {
                let placed = columns.iter().zip(file.columns()).enumerate();
                let wanted = placed.filter_map(|(place, (number, column))| {
                    Some(FileColumn {
                        place,
                        number: (*number)?,
                        family: family_of(column.ty),
                    })
                });
                Layout::File {
                    columns: wanted.collect(),
                }
            }
        }
    }

    pub(super) fn merge(&mut self, part: Part, progress: &Progress) -> Flow {
        let input = self.inputs.last_mut().expect("an input was started");
        input.rows += part.totals.rows;
        progress.add_records(part.totals.rows);
        if let Some((byte_offset, fault)) = part.first_malformed
            && self.rows.malformed == 0
        {
            self.notes.push(format!(
                "the first malformed record is at byte {byte_offset} of `{}`: {fault}",
                input.name,
            ));
        }
        self.rows.malformed += part.malformed;
        let Some(columns) = part.columns else {
            self.has_too_many_keys = true;
            return Flow::Stop;
        };
        if !Arc::ptr_eq(&columns, &self.last_columns) {
            let before = self.order.len();
            columns.iter().for_each(|&number| self.know(number));
            self.keys += self.order.len() - before;
            self.last_columns = columns;
        }
        self.has_too_many_keys = self.keys > self.keys_max;
        match self.has_too_many_keys {
            true => Flow::Stop,
            false => Flow::Continue,
        }
    }

    /// Ends an input that had so many bytes.
    pub(super) fn end(&mut self, bytes: u64) {
        let input = self.inputs.last_mut().expect("an input was started");
        input.bytes = bytes;
        self.rows.total += input.rows;
    }

    fn know(&mut self, number: usize) {
        if self.is_known.len() <= number {
            self.is_known.resize(number + 1, false);
        }
        if !std::mem::replace(&mut self.is_known[number], true) {
            self.order.push(number);
        }
    }

    /// What all of it comes to.
    pub(super) fn finish(mut self, shards: Shards, options: &StatsOptions) -> Result<Statistics> {
        if self.has_too_many_keys {
            let input = self.inputs.last().map(|input| input.name.clone());
            return Err(Error::TooManyKeys {
                input: input.unwrap_or_default(),
                limit: self.keys_max,
            });
        }
        let (setting, tokens, columns) = shards.finish();
        let known: Vec<(&[String], usize)> = self
            .order
            .iter()
            .map(|&number| (columns[number].0.path.keys(), columns[number].0.repetition))
            .collect();
        let order = tree_order(&known);
        let mut columns: Vec<Option<(Name, Column)>> = columns.into_iter().map(Some).collect();
        let ordered = order
            .into_iter()
            .filter_map(|at| columns[self.order[at]].take());
        let mut columns: Vec<(Name, Column)> = ordered.collect();
        drop_parents(&mut columns);
        if let Some(wanted) = &options.columns {
            let names: Vec<String> = columns.iter().map(|(name, _)| shown(&name.path)).collect();
            if let Some(missing) = wanted.iter().find(|wanted| !names.contains(wanted)) {
                return Err(Error::UnknownColumn {
                    name: missing.clone(),
                    known: self.header_names.unwrap_or(names),
                });
            }
        }
        let facts: Vec<Facts> = columns
            .iter()
            .map(|(_, column)| Facts::of(column, &setting))
            .collect();
        let fates = tokens.decide(&facts.iter().collect::<Vec<_>>());
        let names: Vec<String> = columns.iter().map(|(name, _)| shown(&name.path)).collect();
        self.say_tokens(&tokens.texts, &fates, &names, tokens.are_given);
        let is_null = |text: &[u8]| {
            let token = tokens.position(text);
            token.is_some_and(|token| matches!(fates[token], Fate::Null(_)))
        };
        let finish = Finish {
            setting: &setting,
            rows: self.rows.total - self.rows.malformed,
        };
        let columns = columns
            .into_iter()
            .zip(names)
            .map(|((_, mut column), name)| {
                for (token, fate) in fates.iter().enumerate() {
                    let count = column.tokens[token];
                    if count > 0 && !matches!(fate, Fate::Null(_)) {
                        // A null token that is a value after all.
                        let text = tokens.texts[token].as_bytes();
                        column.take(&setting, Family::Untyped, text, count);
                    }
                }
                finish.column(name, column, &is_null)
            });
        let columns: Vec<ColumnStats> = columns.collect();
        Ok(Statistics {
            schema_version: SCHEMA_VERSION,
            inputs: self.inputs,
            rows: self.rows,
            columns,
            notes: self.notes,
        })
    }

    /// Says which texts stand for null, where nobody had said so.
    fn say_tokens(&mut self, texts: &[String], fates: &[Fate], names: &[String], are_given: bool) {
        if are_given {
            return;
        }
        for (text, fate) in texts.iter().zip(fates) {
            match fate {
                Fate::Null(columns) => {
                    let first = columns.first().map_or("", |&column| &names[column]);
                    self.notes.push(format!(
                        "`{text}` is null: without it `{first}` has a type (`--missing-values` says otherwise)"
                    ));
                }
                Fate::Kept { by, .. } => {
                    let by = &names[*by];
                    self.notes.push(format!(
                        "`{text}` is a value: it looks like the others of `{by}`"
                    ));
                }
                Fate::Unwanted | Fate::Absent => {}
            }
        }
    }
}

/// What decides on null tokens.
struct Facts {
    tokens: Vec<u64>,
    classes: Classes,
    lengths: Option<(u64, u64)>,
}

impl Facts {
    fn of(column: &Column, setting: &Setting) -> Facts {
        let of_spread = |spread: &Spread| Facts {
            tokens: column.tokens.clone(),
            classes: spread.classes,
            lengths: spread.lengths,
        };
        match &column.state {
            State::Few(dictionary) => of_spread(&Spread::of(dictionary, setting)),
            State::Many(spread) => of_spread(spread),
        }
    }
}

impl Nullable for Facts {
    fn tokens(&self) -> &[u64] {
        &self.tokens
    }

    fn has_values(&self) -> bool {
        !self.classes.is_empty()
    }

    fn is_typed(&self) -> bool {
        let logical_type = typing::logical_type(self.classes, Typing::Text);
        logical_type.is_some_and(|found| found != LogicalType::String)
    }

    fn lengths(&self) -> Option<(u64, u64)> {
        self.lengths
    }
}

/// Leaves out the objects whose members are columns of their own.
fn drop_parents(columns: &mut Vec<(Name, Column)>) {
    let parents: std::collections::HashSet<Vec<String>> = columns
        .iter()
        .flat_map(|(name, _)| {
            let keys = name.path.keys();
            (1..keys.len())
                .map(|len| keys[..len].to_vec())
                .collect::<Vec<_>>()
        })
        .collect();
    columns.retain(|(name, column)| {
        let only_objects = match &column.state {
            State::Few(dictionary) => dictionary
                .values()
                .all(|known| known.family == Family::Object),
            State::Many(spread) => spread.classes.are_only(&[Class::Object]),
        };
        !(only_objects && parents.contains(name.path.keys()))
    });
}

/// What the texts of a column of that type are.
fn family_of(ty: Type) -> Family {
    match ty {
        Type::Null | Type::Date | Type::Time | Type::Timestamp => Family::String,
        Type::Boolean => Family::Boolean,
        Type::Integer | Type::Number => Family::Number,
        Type::Text => Family::Text,
    }
}
