//! One run over all inputs: opening each, reading it in parallel, and the contract at the end.

use std::num::NonZero;

use tamis_contract::describe;
use tamis_contract::model::CsvFacts;
use tamis_contract::odcs;
use tamis_engine::pipeline::{self, Options};
use tamis_engine::source::Source;
use tamis_formats::input::Input;

use super::document::Document;
use super::keys::{Candidates, Flag};
use super::nulls::Tokens;
use super::open::Opened;
use super::tally::{Kind, Tally};
use super::worker::{Layout, Task, Worker};
use super::{InferOptions, Inferred, tree};
use crate::table::note_length;
use crate::units::run_units;
use crate::{Error, Result};

/// What a contract says of a column at least, beside its name: `      - name: ` and the end of the line.
const PROPERTY_BYTES_MIN: usize = 15;

/// The inputs read so far.
pub(super) struct Run<'r> {
    options: &'r InferOptions,
    candidates: Candidates,
    tokens: Tokens,
    /// Names of the inputs.
    names: Vec<String>,
    facts: CsvFacts,
    has_names: bool,
    has_duplicates: bool,
    tally: Tally,
    bytes: u64,
    notes: Vec<String>,
}

impl<'r> Run<'r> {
    /// Reads the first input.
    pub(super) fn new(source: &dyn Source, options: &'r InferOptions) -> Result<Run<'r>> {
        let opened = Opened::new(source, options, None)?;
        let kind = Kind::of(&opened.layout);
        let tokens = match kind {
            Kind::Csv => Tokens::new(options.csv.missing_values.clone()),
            // They have a null of their own.
            Kind::Jsonl | Kind::File => Tokens::none(),
        };
        let mut run = Run {
            options,
            candidates: Candidates::new(options.finds_unique),
            tally: Tally::new(kind, &tokens, options),
            tokens,
            names: Vec::new(),
            facts: opened.facts.clone(),
            has_names: opened.has_names,
            has_duplicates: false,
            bytes: 0,
            notes: Vec::new(),
        };
        run.read(source, opened)?;
        Ok(run)
    }

    /// Reads one more input.
    ///
    /// # Errors
    /// As [`infer`](super::infer).
    pub(super) fn go_on(&mut self, source: &dyn Source) -> Result<()> {
        let opened = Opened::new(source, self.options, Some(&self.facts))?;
        let first = self.names[0].clone();
        if Kind::of(&opened.layout) != self.tally.kind {
            return Err(Error::OtherFormat {
                input: source.name().to_owned(),
                first,
            });
        }
        if opened.facts != self.facts {
            let described = |facts: &CsvFacts| match describe::csv_facts(facts) {
                facts if facts.is_empty() => "that of its name".to_owned(),
                facts => facts.join(", "),
            };
            return Err(Error::OtherDialect {
                input: source.name().to_owned(),
                dialect: described(&opened.facts),
                first,
                first_dialect: described(&self.facts),
            });
        }
        let known = &self.tally.names;
        let is_other = match self.has_names {
            // Columns by position: there must be as many.
            false => opened.names.len() != known.len(),
            true => !opened.names.iter().any(|name| self.tally.has_column(name)),
        };
        if self.tally.kind != Kind::Jsonl && is_other && !opened.names.is_empty() {
            let input = source.name().to_owned();
            let lacking = |names: &[String]| names.get(opened.names.len()).cloned();
            let missing = match self.has_names {
                false => lacking(known),
                true => known.first().cloned(),
            };
            return Err(match (missing, opened.names.last()) {
                (Some(name), _) => Error::OtherColumns { input, name, first },
                (None, surplus) => Error::OtherColumns {
                    input: first,
                    name: surplus.cloned().unwrap_or_default(),
                    first: input,
                },
            });
        }
        self.read(source, opened)
    }

    fn read(&mut self, source: &dyn Source, opened: Opened) -> Result<()> {
        let Opened {
            input,
            layout,
            names,
            duplicates,
            ..
        } = opened;
        note_length(&input, &self.options.progress);
        self.names.push(source.name().to_owned());
        self.has_duplicates |= !duplicates.is_empty();
        for &index in &duplicates {
            let repeated = match names[index].as_str() {
                "" => "has no name, as one before it".to_owned(),
                name => format!("repeats the name `{name}`"),
            };
            self.notes.push(format!(
                "column {} {repeated}: it is not described, and a check passes over it (`tamis.duplicateColumns`)",
                index + 1
            ));
        }
        let places = self.tally.start_input(&names, &duplicates);
        // Before anything is remembered of them all.
        let shortest = self
            .tally
            .names
            .iter()
            .map(|name| name.len() + PROPERTY_BYTES_MIN);
        check_size(&self.names[0], self.tally.names.len(), shortest.sum())?;
        let task = Task {
            layout: &layout,
            tokens: &self.tokens,
            candidates: &self.candidates,
            flags: self.flags(&names, &duplicates),
            listed_max: self.options.listed_max,
            kernel: self.options.kernel,
        };
        let options = Options {
            threads: self.options.threads,
            chunk_bytes: self.options.chunk_bytes,
            record_bytes_max: self.options.record_bytes_max,
            kernel: self.options.kernel,
            cancel: self.options.cancel.clone(),
            progress: self.options.progress.clone(),
            ..Options::default()
        };
        let tally = &mut self.tally;
        let merge = |part| tally.merge(part, &places, &self.candidates, &options.progress);
        match input {
            Input::Text(records) => {
                self.notes.extend(records.notes);
                // An input without a single field has nothing that could be parsed.
                if matches!(layout, Layout::Csv { width: 0, .. }) {
                    self.bytes += records.start;
                } else {
                    let outcome = pipeline::run(
                        records.opened,
                        records.shape.framing(),
                        &Options {
                            start: records.start,
                            ..options.clone()
                        },
                        || Worker::new(&task),
                        |worker, chunk| Ok(worker.look(chunk)),
                        merge,
                    )?;
                    self.bytes += outcome.bytes;
                }
            }
            Input::File(file) => {
                let wanted: Vec<usize> = (0..names.len()).collect();
                let outcome = run_units(
                    source.name(),
                    file.as_ref(),
                    file.units(&wanted)?,
                    &options,
                    || Worker::new(&task),
                    |worker, unit, _| worker.look_at_unit(unit),
                    merge,
                )?;
                self.bytes += outcome.bytes;
            }
        }
        if self.tally.has_too_many_keys {
            return Err(Error::TooManyKeys {
                input: source.name().to_owned(),
                limit: tree::KEYS_MAX,
            });
        }
        self.tally.end_input(&places);
        Ok(())
    }

    /// Whether each column may be unique. A column that repeats a name is none of the contract's.
    fn flags(&self, names: &[String], duplicates: &[usize]) -> Vec<Flag> {
        let flag = |(index, name): (usize, &String)| {
            let path = match duplicates.binary_search(&index) {
                Ok(_) => vec![name.clone(), index.to_string()],
                Err(_) => vec![name.clone()],
            };
            self.candidates.flag(&path)
        };
        names.iter().enumerate().map(flag).collect()
    }

    /// The contract of all inputs.
    ///
    /// # Errors
    /// [`Error::Engine`] when spilled keys cannot be read; [`Error::TooManyColumns`].
    pub(super) fn finish(self) -> Result<Inferred> {
        let threads = NonZero::new(self.options.threads).unwrap_or(NonZero::<usize>::MIN);
        let mut tally = self.tally;
        let unique = tally.take_keys().finish(threads)?;
        let document = Document {
            source_names: &self.names,
            facts: self.facts.clone(),
            has_duplicates: self.has_duplicates,
            tokens: &self.tokens,
            tally: &tally,
            unique: &unique,
        };
        let (contract, mut decided) = document.write();
        let columns = contract.objects[0].properties.len();
        check_size(&self.names[0], columns, odcs::to_yaml(&contract).len())?;
        let mut notes = self.notes;
        notes.append(&mut decided);
        Ok(Inferred {
            contract,
            rows: tally.rows_total,
            malformed: tally.malformed,
            bytes: self.bytes,
            notes,
        })
    }
}

/// Fails if a contract of so many bytes is longer than what is read of one.
fn check_size(input: &str, columns: usize, bytes: usize) -> Result<()> {
    match bytes > odcs::TEXT_BYTES_MAX {
        true => Err(Error::TooManyColumns {
            input: input.to_owned(),
            columns,
            limit_bytes: odcs::TEXT_BYTES_MAX,
        }),
        false => Ok(()),
    }
}
