//! Opening an input: its columns, and what a contract must say so that a check reads it the same way.

use std::collections::HashSet;

use tamis_contract::model::CsvFacts;
use tamis_engine::source::Source;
use tamis_formats::csv::Dialect;
use tamis_formats::input::{Input, InputOptions, Records, Shape, Sniffing};
use tamis_formats::sniff::{self, Format};

use super::InferOptions;
use super::worker::Layout;
use crate::Result;
use crate::open::{names_by_number, open};

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
        match open(source, &input_options)? {
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
                let names = names_by_number(&mut records, &dialect, record_bytes_max)?;
                (names, Vec::new())
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
