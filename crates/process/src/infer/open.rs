//! Opening an input: its columns, and what a contract must say so that a check reads it the same way.

use std::collections::HashSet;

use tamis_contract::model::CsvFacts;
use tamis_engine::source::{Source, peek};
use tamis_formats::csv::{self, Dialect};
use tamis_formats::input::{self, Input, InputOptions, OpenError, Records, Shape, Sniffing};
use tamis_formats::sniff::{self, Format};

use super::InferOptions;
use super::worker::Layout;
use crate::{Error, Result};

/// An input at its first record.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) input: Input,
    pub(super) layout: Layout,
    /// Names of the columns of CSV and of files that know theirs.
    pub(super) names: Vec<String>,
    /// Columns whose name stands further left as well.
    pub(super) duplicates: Vec<usize>,
    /// Whether the names are those of the input.
    pub(super) has_names: bool,
    /// How the input is written, where its name does not say so.
    pub(super) facts: CsvFacts,
}

impl Opened {
    /// Opens `source`; `facts` are those of the inputs before, which hold for it too.
    pub(super) fn new(
        source: &dyn Source,
        options: &InferOptions,
        facts: Option<&CsvFacts>,
    ) -> Result<Opened> {
        let known = match facts {
            None => options.csv.clone(),
            Some(facts) => options.csv.clone().or(facts),
        };
        let input_options = InputOptions {
            format: options.format,
            csv: known.dialect(),
            encoding: known.encoding.clone(),
            messages: options.messages.clone(),
            header_bytes_max: options.record_bytes_max,
            // What was found out of the first input holds for all: a contract has one dialect.
            sniffing: match facts {
                None => Sniffing::Dialect,
                Some(_) => Sniffing::Format,
            },
        };
        let input = input::open_any(source, &input_options).map_err(|error| match error {
            OpenError::Engine(error) => Error::Engine(error),
            OpenError::Format(error) => Error::Format {
                input: source.name().to_owned(),
                source: error,
            },
        })?;
        match input {
            Input::Text(records) => {
                Opened::text(source, *records, &known, options.record_bytes_max)
            }
            Input::File(file) => {
                let names = file.columns().iter().map(|column| column.name.clone());
                let names: Vec<String> = names.collect();
                let mut known = HashSet::new();
                let repeated = names.iter().enumerate();
                let repeated = repeated.filter(|(_, name)| !known.insert(name.as_str()));
                Ok(Opened {
                    layout: Layout::File,
                    duplicates: repeated.map(|(column, _)| column).collect(),
                    names,
                    has_names: true,
                    facts: CsvFacts::default(),
                    input: Input::File(file),
                })
            }
        }
    }

    fn text(
        source: &dyn Source,
        mut records: Records,
        known: &CsvFacts,
        record_bytes_max: usize,
    ) -> Result<Opened> {
        let encoding = encoding_of(known, &records);
        let (dialect, header) = match &records.shape {
            Shape::Jsonl => {
                return Ok(Opened {
                    input: Input::Text(Box::new(records)),
                    layout: Layout::Jsonl,
                    names: Vec::new(),
                    duplicates: Vec::new(),
                    has_names: false,
                    facts: CsvFacts {
                        encoding,
                        ..CsvFacts::default()
                    },
                });
            }
            Shape::Csv { dialect, header } => (*dialect, header.clone()),
        };
        let has_names = header.is_some();
        let (names, duplicates) = match header {
            Some(header) => (header.names, header.duplicates),
            None => {
                let width = width_of_first(&mut records, &dialect, record_bytes_max)?;
                let names = (1..=width).map(|number| format!("column_{number}"));
                (names.collect(), Vec::new())
            }
        };
        let decimal_char = known.decimal_char.or(records.decimal_char);
        Ok(Opened {
            layout: Layout::Csv {
                dialect,
                width: names.len(),
                point: decimal_char.unwrap_or(b'.'),
            },
            input: Input::Text(Box::new(records)),
            names,
            duplicates,
            has_names,
            facts: CsvFacts {
                decimal_char,
                encoding,
                ..facts_of(&dialect, source.name())
            },
        })
    }
}

fn encoding_of(known: &CsvFacts, records: &Records) -> Option<String> {
    let found = records.encoding.map(str::to_owned);
    known.encoding.clone().or(found)
}

/// What of a dialect is not what a check would take for granted.
fn facts_of(dialect: &Dialect, source_name: &str) -> CsvFacts {
    let usual = Dialect::csv();
    let named = sniff::format_of_name(source_name);
    let comma = Format::Delimited { delimiter: b',' };
    // A content can be taken for something else, a `.csv` file with commas cannot.
    let is_plain = dialect.delimiter == usual.delimiter && named == Some(comma);
    CsvFacts {
        delimiter: (!is_plain).then_some(dialect.delimiter),
        quote: (dialect.quote != usual.quote).then_some(dialect.quote),
        escape: (dialect.escape != usual.escape).then_some(dialect.escape),
        comment: (dialect.comment != usual.comment).then_some(dialect.comment),
        header: (!dialect.header).then_some(false),
        trim: dialect.trim.then_some(true),
        ..CsvFacts::default()
    }
}

/// Fields of the first record of an input without header; 0 if it has no records.
pub(crate) fn width_of_first(
    records: &mut Records,
    dialect: &Dialect,
    record_bytes_max: usize,
) -> Result<usize> {
    let mut len_bytes = sniff::PREFIX_BYTES.min(record_bytes_max);
    loop {
        let opened = std::mem::replace(&mut records.opened, nothing());
        let peeked = peek(opened, records.start as usize + len_bytes)?;
        records.opened = peeked.input;
        let head = peeked
            .head
            .get(records.start as usize..)
            .unwrap_or_default();
        let record = first_record(head, dialect);
        let fields: Vec<_> = csv::fields(record, dialect).collect();
        // A record that reaches to the end of what was read may go on behind it.
        let is_whole = fields.last().is_some_and(|last| last.end < record.len());
        if is_whole || peeked.is_all || len_bytes >= record_bytes_max {
            return Ok(fields.len());
        }
        len_bytes = (4 * len_bytes).min(record_bytes_max);
    }
}

/// `text` without the blank lines and comments in front of it.
fn first_record<'t>(mut text: &'t [u8], dialect: &Dialect) -> &'t [u8] {
    loop {
        match text {
            [b'\n' | b'\r', rest @ ..] => text = rest,
            [first, ..] if Some(*first) == dialect.comment => {
                let end = text.iter().position(|&byte| byte == b'\n');
                text = end.map_or(&[], |end| &text[end + 1..]);
            }
            _ => return text,
        }
    }
}

/// Takes the place of an input that is being peeked into.
fn nothing() -> tamis_engine::source::Opened {
    let empty = tamis_engine::source::MemorySource::new("", Vec::new());
    empty.open().expect("memory can be opened")
}
