//! One pass over all inputs: pieces to the map, parts to the merge.

use std::time::Duration;

use tamis_contract::report::{Performance, StageTimes};
use tamis_engine::counters::peak_rss_bytes;
use tamis_engine::pipeline::{self, Flow, Options, Outcome, Stages};
use tamis_engine::source::Source;
use tamis_formats::csv::{self, Header};
use tamis_formats::file::RecordFile;
use tamis_formats::input::{Input, Records, Shape};
use tamis_formats::{Totals, jsonl};

use super::open::{note_length, open};
use super::piece::Rows;
use super::{Layout, Piece, Table, TableOptions};
use crate::units::run_units;
use crate::{Error, Result, batches};

/// What came before a part.
#[derive(Clone, Copy, Debug)]
pub struct Start<'s> {
    /// The input's name.
    pub input: &'s str,
    /// Its number, from 0.
    pub input_index: usize,
    /// Rows of this input before the part.
    pub input_rows: u64,
    /// Rows of all inputs before the part, malformed records included.
    pub rows: u64,
}

/// What a finished pass says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scanned {
    /// Rows of all inputs, malformed records included.
    pub rows: u64,
    /// Plain bytes read.
    pub bytes: u64,
    /// Bytes of the inputs as stored.
    pub raw_bytes: u64,
    /// The back end of the last input.
    pub backend: &'static str,
    /// Where the time went.
    pub stages: Stages,
    /// The merge ended the pass before the inputs did.
    pub stopped: bool,
}

/// A part with what its piece held.
type Parted<P> = (P, Totals);

impl Table<'_> {
    /// Runs `map` over pieces of all inputs, on all threads, and `merge` over what it returned, in order.
    ///
    /// `wanted` lists the columns that blocks must have; where they are is in each piece's [`Layout`].
    ///
    /// # Errors
    /// As opening and reading the inputs, and those of `map` and `merge`; [`Error::OtherColumns`] for an input that lacks a
    /// wanted column.
    pub fn scan<W, P: Send>(
        &mut self,
        wanted: &[usize],
        new_worker: impl Fn(&Layout) -> W + Sync,
        map: impl Fn(&mut W, Piece<'_>) -> tamis_engine::Result<P> + Sync,
        merge: impl FnMut(P, Start<'_>) -> tamis_engine::Result<Flow>,
    ) -> Result<Scanned> {
        self.scan_passing(wanted, &[], new_worker, map, merge)
    }

    /// The same for columns of which some are `passed` on as the arrays they come as, if they do: then nobody looks at their
    /// text. None are if there is no `passed`.
    pub(crate) fn scan_passing<W, P: Send>(
        &mut self,
        wanted: &[usize],
        passed: &[bool],
        new_worker: impl Fn(&Layout) -> W + Sync,
        map: impl Fn(&mut W, Piece<'_>) -> tamis_engine::Result<P> + Sync,
        mut merge: impl FnMut(P, Start<'_>) -> tamis_engine::Result<Flow>,
    ) -> Result<Scanned> {
        let mut scanned = Scanned::default();
        let mut first = self.first.take();
        for index in 0..self.sources.len() {
            let source = self.sources[index];
            let input = match first.take() {
                Some(input) => input,
                None => {
                    let input = open(source, &self.options)?;
                    note_length(&input, &self.options.progress);
                    input
                }
            };
            let mut rows = 0;
            let before = scanned.rows;
            let progress = self.options.progress.clone();
            let take = |(part, totals): Parted<P>| {
                let start = Start {
                    input: source.name(),
                    input_index: index,
                    input_rows: rows,
                    rows: before + rows,
                };
                rows += totals.rows;
                progress.add_records(totals.rows);
                merge(part, start)
            };
            let outcome = match input {
                Input::Text(records) => {
                    self.scan_text(index, *records, wanted, &new_worker, &map, take)?
                }
                Input::File(file) => {
                    let wanted = (wanted, passed);
                    self.scan_file(index, file.as_ref(), wanted, &new_worker, &map, take)?
                }
            };
            scanned.add(&outcome, rows);
            if outcome.stopped {
                break;
            }
        }
        Ok(scanned)
    }

    fn scan_text<W, P: Send>(
        &self,
        input_index: usize,
        records: Records,
        wanted: &[usize],
        new_worker: &(impl Fn(&Layout) -> W + Sync),
        map: &(impl Fn(&mut W, Piece<'_>) -> tamis_engine::Result<P> + Sync),
        merge: impl FnMut(Parted<P>) -> tamis_engine::Result<Flow>,
    ) -> Result<Outcome> {
        let source = self.sources[input_index];
        self.check_columns(source, &records.shape, wanted)?;
        let layout = self.layout_of_text(&records.shape, wanted);
        let width = match &records.shape {
            Shape::Csv { header, .. } => header
                .as_ref()
                .map_or(self.columns.len(), |it| it.names.len()),
            Shape::Jsonl => wanted.len(),
        };
        if width == 0 && records.shape != Shape::Jsonl {
            // An input without a single field has nothing that could be parsed.
            return Ok(Outcome {
                bytes: records.start,
                raw_bytes: records.start,
                stopped: false,
                backend: "",
                threads: 1,
                stages: Stages::default(),
            });
        }
        let paths: Vec<_> = match records.shape {
            Shape::Jsonl => wanted
                .iter()
                .map(|&column| self.paths[column].clone())
                .collect(),
            Shape::Csv { .. } => Vec::new(),
        };
        let kernel = self.options.kernel;
        let new_parser = || match &records.shape {
            Shape::Csv { dialect, .. } => {
                Parser::Csv(Box::new(csv::Parser::new(*dialect, width, kernel)))
            }
            Shape::Jsonl => Parser::Jsonl(Box::new(jsonl::Parser::new(&paths, kernel))),
        };
        let options = Options {
            start: records.start,
            ..self.run_options()
        };
        Ok(pipeline::run(
            records.opened,
            records.shape.framing(),
            &options,
            || (new_parser(), new_worker(&layout)),
            |(parser, worker), chunk| {
                let mut totals = Totals::default();
                let rows = match parser {
                    Parser::Csv(parser) => Rows::Csv(parser, chunk),
                    Parser::Jsonl(parser) => Rows::Jsonl(parser, chunk),
                };
                let piece = Piece {
                    layout: &layout,
                    rows,
                    input_index,
                    totals: &mut totals,
                };
                let part = map(worker, piece)?;
                Ok((part, totals))
            },
            merge,
        )?)
    }

    fn scan_file<W, P: Send>(
        &self,
        input_index: usize,
        file: &dyn RecordFile,
        (wanted, passed): (&[usize], &[bool]),
        new_worker: &(impl Fn(&Layout) -> W + Sync),
        map: &(impl Fn(&mut W, Piece<'_>) -> tamis_engine::Result<P> + Sync),
        merge: impl FnMut(Parted<P>) -> tamis_engine::Result<Flow>,
    ) -> Result<Outcome> {
        let source = self.sources[input_index];
        let places = wanted.iter().map(|&column| {
            let name = &self.columns[column].name;
            let known = file.columns();
            // The table's own column may be the second of its name.
            let own = known.get(column).filter(|own| own.name == *name);
            let place = match own {
                Some(_) => Some(column),
                None => known.iter().position(|column| column.name == *name),
            };
            place.ok_or_else(|| self.lacks(source, name))
        });
        let places = places.collect::<Result<Vec<usize>>>()?;
        let layout = Layout {
            fields: (0..wanted.len()).collect(),
            dialect: None,
            has_arrays: batches::has_arrays(file),
        };
        let units = match passed.contains(&true) {
            true => file.units_passing(&places, passed)?,
            false => file.units(&places)?,
        };
        Ok(run_units(
            source.name(),
            file,
            units,
            &self.run_options(),
            || new_worker(&layout),
            |worker, unit, number| {
                let mut totals = Totals::default();
                let piece = Piece {
                    layout: &layout,
                    rows: Rows::Unit(unit, number),
                    input_index,
                    totals: &mut totals,
                };
                let part = map(worker, piece)?;
                Ok((part, totals))
            },
            merge,
        )?)
    }

    /// Where the wanted columns are in the blocks of an input of this shape.
    pub(super) fn layout_of_text(&self, shape: &Shape, wanted: &[usize]) -> Layout {
        match shape {
            Shape::Jsonl => Layout {
                fields: (0..wanted.len()).collect(),
                dialect: None,
                has_arrays: false,
            },
            Shape::Csv { dialect, header } => {
                let place = |&column: &usize| match header {
                    Some(header) => {
                        let name = &self.columns[column].name;
                        // The table's own column may be the second of its name.
                        match header.names.get(column) {
                            Some(same) if same == name => column,
                            _ => position(header, name).unwrap_or(column),
                        }
                    }
                    None => column,
                };
                Layout {
                    fields: wanted.iter().map(place).collect(),
                    dialect: Some(*dialect),
                    has_arrays: false,
                }
            }
        }
    }

    /// Fails unless an input has all wanted columns.
    fn check_columns(&self, source: &dyn Source, shape: &Shape, wanted: &[usize]) -> Result<()> {
        if self.is_uniform
            && self
                .shape
                .as_ref()
                .is_some_and(|first| !is_alike(shape, first))
        {
            return Err(Error::NotUniform {
                input: source.name().to_owned(),
                first: self.sources[0].name().to_owned(),
            });
        }
        match (shape, &self.shape) {
            (Shape::Jsonl, Some(Shape::Jsonl)) => Ok(()),
            (Shape::Csv { header: None, .. }, Some(Shape::Csv { header: None, .. })) => Ok(()),
            (
                Shape::Csv {
                    header: Some(header),
                    ..
                },
                _,
            ) => {
                let names = wanted.iter().map(|&column| &self.columns[column].name);
                let mut missing = names.filter(|name| position(header, name).is_none());
                missing
                    .next()
                    .map_or(Ok(()), |name| Err(self.lacks(source, name)))
            }
            _ => Err(Error::OtherFormat {
                input: source.name().to_owned(),
                first: self.sources[0].name().to_owned(),
            }),
        }
    }

    fn lacks(&self, source: &dyn Source, name: &str) -> Error {
        Error::OtherColumns {
            input: source.name().to_owned(),
            name: name.to_owned(),
            first: self.sources[0].name().to_owned(),
        }
    }

    fn run_options(&self) -> Options {
        Options {
            threads: self.options.threads,
            chunk_bytes: self.options.chunk_bytes,
            record_bytes_max: self.options.record_bytes_max,
            kernel: self.options.kernel,
            cancel: self.options.cancel.clone(),
            progress: self.options.progress.clone(),
            ..Options::default()
        }
    }
}

/// The parser of one thread.
enum Parser {
    Csv(Box<csv::Parser>),
    Jsonl(Box<jsonl::Parser>),
}

/// Whether records of one shape can stand among those of the other.
fn is_alike(shape: &Shape, first: &Shape) -> bool {
    let dialects_agree = match (shape, first) {
        (Shape::Csv { dialect, .. }, Shape::Csv { dialect: other, .. }) => dialect == other,
        (Shape::Jsonl, Shape::Jsonl) => true,
        _ => false,
    };
    dialects_agree && shape.has_columns_of(first)
}

fn position(header: &Header, name: &str) -> Option<usize> {
    header.names.iter().position(|known| known == name)
}

impl Scanned {
    fn add(&mut self, outcome: &Outcome, rows: u64) {
        self.rows += rows;
        self.bytes += outcome.bytes;
        self.raw_bytes += outcome.raw_bytes;
        self.backend = outcome.backend;
        self.stages += outcome.stages;
        self.stopped |= outcome.stopped;
    }

    /// Adds a pass over what came next.
    pub(crate) fn go_on(&mut self, next: &Scanned) {
        self.rows += next.rows;
        self.bytes += next.bytes;
        self.raw_bytes += next.raw_bytes;
        self.stages += next.stages;
        self.stopped |= next.stopped;
    }

    /// The performance of a run that took `elapsed` and did little else than this pass.
    pub fn performance(&self, options: &TableOptions, elapsed: Duration) -> Performance {
        Performance {
            threads: options.threads,
            simd: options.kernel.name().to_owned(),
            io: self.backend.to_owned(),
            peak_rss_bytes: peak_rss_bytes(),
            stages: StageTimes::new(&self.stages, elapsed),
            ..Performance::measured(self.bytes, self.rows, elapsed.as_secs_f64())
        }
    }
}
