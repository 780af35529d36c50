//! Opening inputs: which columns they have, and what a sample of the first says of their types.

use tamis_engine::control::Progress;
use tamis_engine::source::{Opened, Source};
use tamis_formats::input::{Input, InputOptions, Records, Shape, Sniffing};
use tamis_formats::vector::Type;
use tamis_formats::{csv, jsonl};

use super::types::Typist;
use super::{Column, Table, TableOptions};
pub(super) use crate::infer::tree::KEYS_MAX;
use crate::open::{names_by_number, sample};
use crate::{Error, Result, batches};

impl<'s> Table<'s> {
    /// Opens `sources` as one table and looks at the start of the first.
    ///
    /// # Errors
    /// As opening an input; [`Error::UnknownColumn`] for a declared type of a column there is not.
    ///
    /// # Panics
    /// If there are no sources.
    pub fn open(sources: Vec<&'s dyn Source>, options: TableOptions) -> Result<Table<'s>> {
        let source = *sources.first().expect("a table has an input");
        let input = open(source, &options)?;
        note_length(&input, &options.progress);
        let mut table = Table {
            sources,
            options,
            columns: Vec::new(),
            stored: Vec::new(),
            paths: Vec::new(),
            shape: None,
            first: None,
            header_bytes: Vec::new(),
            notes: Vec::new(),
            is_complete: true,
            grows: false,
            is_uniform: false,
        };
        table.first = Some(match input {
            Input::Text(records) => Input::Text(Box::new(table.look(*records)?)),
            Input::File(file) => {
                table.stored = batches::stored(file.as_ref());
                let columns = file.columns().iter();
                table.columns = columns
                    .map(|column| Column {
                        name: column.name.clone(),
                        ty: column.ty,
                        is_declared: true,
                    })
                    .collect();
                Input::File(file)
            }
        });
        table.declare()?;
        Ok(table)
    }

    /// Gives columns the types that are declared.
    pub(super) fn declare(&mut self) -> Result<()> {
        for at in 0..self.options.types.len() {
            let (name, ty) = self.options.types[at].clone();
            let column = self.find(&name)?;
            self.columns[column].ty = ty;
            self.columns[column].is_declared = true;
        }
        Ok(())
    }

    /// The column of that name, in JSON lines one that only later records have, too.
    ///
    /// # Errors
    /// [`Error::UnknownColumn`]; as reading the inputs, if all of them have to be.
    pub fn find(&mut self, name: &str) -> Result<usize> {
        if let Some(column) = self.position(name) {
            return Ok(column);
        }
        if self.is_repeatable() && !self.grows {
            self.find_all()?;
        }
        self.position(name).ok_or_else(|| Error::UnknownColumn {
            name: name.to_owned(),
            known: self.columns.iter().map(|it| it.name.clone()).collect(),
        })
    }

    /// Makes sure that all columns are known: in JSON lines those of all records.
    ///
    /// # Errors
    /// [`Error::LateKeys`] for JSON lines that cannot be read twice or go on; as [`scan`](Table::scan).
    pub fn find_all(&mut self) -> Result<()> {
        if self.is_complete {
            return Ok(());
        }
        if !self.is_repeatable() || self.grows {
            return Err(Error::LateKeys {
                input: self.sources[0].name().to_owned(),
            });
        }
        self.discover()?;
        self.is_complete = true;
        Ok(())
    }

    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// Adds the columns at `paths` that are not there yet; `is_complete`: there are no more.
    pub(super) fn set_paths(&mut self, paths: Vec<jsonl::Path>, is_complete: bool) -> Result<()> {
        if !is_complete || paths.len() > KEYS_MAX {
            return Err(Error::TooManyKeys {
                input: self.sources[0].name().to_owned(),
                limit: KEYS_MAX,
            });
        }
        self.columns
            .extend(paths[self.paths.len()..].iter().map(|path| Column {
                name: path.to_string(),
                ty: Type::Null,
                is_declared: false,
            }));
        self.paths = paths;
        Ok(())
    }

    /// Takes columns and their types from the start of the first input.
    fn look(&mut self, mut records: Records) -> Result<Records> {
        self.notes.append(&mut records.notes);
        self.header_bytes = records.header_bytes.clone();
        let csv = &mut self.options.csv;
        csv.decimal_char = csv.decimal_char.or(records.decimal_char);
        if let Shape::Csv { dialect, .. } = &records.shape {
            // The inputs behind the first are like it.
            csv.header = Some(dialect.header);
        }
        let names = match &records.shape {
            Shape::Jsonl => Vec::new(),
            Shape::Csv { header, dialect } => match header {
                Some(header) => header.names.clone(),
                None => {
                    let dialect = *dialect;
                    let longest = self.options.record_bytes_max;
                    names_by_number(&mut records, &dialect, longest)?
                }
            },
        };
        self.columns = names
            .into_iter()
            .map(|name| Column {
                name,
                ty: Type::Null,
                is_declared: false,
            })
            .collect();
        self.shape = Some(records.shape.clone());
        let head = sample(&mut records, self.options.record_bytes_max)?;
        let sample = head.lines();
        if records.shape == Shape::Jsonl {
            let found = jsonl::discover(sample, KEYS_MAX, self.options.kernel);
            let paths = found.fields.into_iter().map(|(path, _)| path);
            self.set_paths(paths.collect(), found.is_complete)?;
            self.is_complete = head.is_all && self.sources.len() == 1;
        }
        self.type_sample(&records.shape, sample);
        Ok(records)
    }

    fn type_sample(&mut self, shape: &Shape, sample: &[u8]) {
        if self.columns.is_empty() {
            return;
        }
        let all: Vec<usize> = (0..self.columns.len()).collect();
        let layout = self.layout_of_text(shape, &all);
        let mut typist = Typist::new(&self.readers(), &layout);
        let kernel = self.options.kernel;
        match shape {
            Shape::Csv { dialect, .. } => {
                let mut parser = csv::Parser::new(*dialect, self.columns.len(), kernel);
                parser.parse(sample, true, &mut typist);
            }
            Shape::Jsonl => {
                let mut parser = jsonl::Parser::new(&self.paths, kernel);
                parser.parse(sample, true, &mut typist);
            }
        }
        let types = typist.types;
        self.widen(&all, &types);
    }
}

/// Opens one input, whatever its format.
pub(crate) fn open(source: &dyn Source, options: &TableOptions) -> Result<Input> {
    let input_options = InputOptions {
        format: options.format,
        csv: options.csv.dialect(),
        encoding: options.csv.encoding.clone(),
        messages: options.messages.clone(),
        header_bytes_max: options.record_bytes_max,
        sniffing: Sniffing::Dialect,
    };
    crate::open::open(source, &input_options)
}

/// Tells the progress how much there is to read.
pub(crate) fn note_length(input: &Input, progress: &Progress) {
    let len_bytes = match input {
        Input::Text(records) => match &records.opened {
            Opened::Random(access) => Some(access.len_bytes()),
            Opened::Stream(stream) => stream.raw_len_bytes(),
        },
        Input::File(file) => file.len_bytes(),
    };
    progress.add_raw_bytes_total(len_bytes.unwrap_or(0));
}
