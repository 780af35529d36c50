//! The map half: a chunk's values go into the columns of a shard, and what is left for the merge is small.
//!
//! A *shard* is a set of columns that one worker fills. It survives its chunk, its worker and even its input: a
//! worker takes one from the [`Shards`] when it starts and puts it back when it ends. So there are as many shards as
//! there are threads, however long the inputs are, and since nothing in a column depends on order, at the end they are
//! merged in any.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use tamis_engine::Result;
use tamis_engine::kernel::Kernel;
use tamis_engine::pipeline::Chunk;
use tamis_formats::csv::{self, Dialect};
use tamis_formats::file::Unit;
use tamis_formats::jsonl::{self, Path};
use tamis_formats::{Block, Malformed, Totals, Visitor};

use super::block::{Scratch, Taker};
use super::column::{Column, Setting};
use super::dictionary::Family;
use super::hash::permute;
use crate::infer::nulls::Tokens;
use crate::infer::tree;

/// What all workers of a run share.
#[derive(Debug)]
pub(super) struct Shards {
    pub(super) setting: Setting,
    pub(super) tokens: Tokens,
    /// The columns that are wanted, by name; `None`: all.
    pub(super) selected: Option<HashSet<String>>,
    shards: Mutex<Vec<Vec<Column>>>,
    registry: Mutex<Registry>,
}

/// The columns of the table, numbered as they were met.
#[derive(Debug, Default)]
struct Registry {
    numbers: HashMap<Name, usize>,
    names: Vec<Name>,
}

/// Which column it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Name {
    pub(super) path: Path,
    /// How many columns of an input with this name come before it.
    pub(super) repetition: usize,
}

/// How the fields of an input become columns.
#[derive(Clone, Debug)]
pub(super) enum Layout {
    /// Delimiter-separated text.
    Csv {
        dialect: Dialect,
        /// For each field its column; `None`: not wanted.
        columns: Vec<Option<usize>>,
    },
    /// A file that says what its columns are.
    File {
        /// Those that are wanted.
        columns: Vec<FileColumn>,
    },
    /// JSON lines; the columns are those that a chunk turns out to have.
    Jsonl,
}

/// A column of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct FileColumn {
    /// Its place in the file.
    pub(super) place: usize,
    /// The column of the table.
    pub(super) number: usize,
    /// What its texts are.
    pub(super) family: Family,
}

/// What the merge hears of a chunk.
#[derive(Debug)]
pub(super) struct Part {
    /// Malformed records included.
    pub(super) totals: Totals,
    /// Records that could not be split into fields.
    pub(super) malformed: u64,
    /// Where the first of them starts in the input, and what is wrong with it.
    pub(super) first_malformed: Option<(u64, String)>,
    /// The columns of a JSON chunk in the order in which they came; `None` if there are too many.
    pub(super) columns: Option<Arc<[usize]>>,
}

impl Shards {
    pub(super) fn new(
        setting: Setting,
        tokens: Tokens,
        selected: Option<HashSet<String>>,
    ) -> Shards {
        Shards {
            setting,
            tokens,
            selected,
            shards: Mutex::default(),
            registry: Mutex::default(),
        }
    }

    /// The number of the column of that name; `None` if it is not wanted.
    pub(super) fn number(&self, path: &Path, repetition: usize) -> Option<usize> {
        let is_selected = |selected: &HashSet<String>| selected.contains(&shown(path));
        if !self.selected.as_ref().is_none_or(is_selected) {
            return None;
        }
        let mut registry = lock(&self.registry);
        let name = Name {
            path: path.clone(),
            repetition,
        };
        if let Some(&number) = registry.numbers.get(&name) {
            return Some(number);
        }
        let number = registry.names.len();
        registry.names.push(name.clone());
        registry.numbers.insert(name, number);
        Some(number)
    }

    /// The columns of all shards, merged, with their names. No worker is left.
    pub(super) fn finish(self) -> (Setting, Tokens, Vec<(Name, Column)>) {
        let names = self
            .registry
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
            .names;
        let shards = self
            .shards
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        let setting = self.setting;
        let mut merged: Vec<Column> = Vec::new();
        let empty = || Column::new(&setting, self.tokens.texts.len());
        merged.resize_with(names.len(), empty);
        for shard in shards {
            for (column, more) in merged.iter_mut().zip(shard) {
                column.merge(&setting, more);
            }
        }
        (
            setting,
            self.tokens,
            names.into_iter().zip(merged).collect(),
        )
    }
}

/// Nothing that could panic half-way is done under these locks.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One thread's share of a run over one input.
#[derive(Debug)]
pub(super) struct Worker<'a> {
    shards: &'a Shards,
    layout: &'a Layout,
    kernel: Kernel,
    /// Tells this input's records from those of others.
    seed: u64,
    columns: Vec<Column>,
    scratch: Scratch,
    parser: Parser,
    /// The paths that the JSON parser looks for, and their columns.
    paths: Vec<Path>,
    numbers: Arc<[usize]>,
}

/// Made anew when a chunk has other paths; while it parses, its place is empty.
#[derive(Debug)]
enum Parser {
    Csv(Box<csv::Parser>),
    Jsonl(Box<jsonl::Parser>),
    Away,
}

impl<'a> Worker<'a> {
    /// A worker on the input of that number.
    pub(super) fn new(
        shards: &'a Shards,
        layout: &'a Layout,
        input: usize,
        kernel: Kernel,
    ) -> Worker<'a> {
        let parser = match layout {
            Layout::Csv { dialect, columns } => {
                Parser::Csv(Box::new(csv::Parser::new(*dialect, columns.len(), kernel)))
            }
            Layout::Jsonl => Parser::Jsonl(Box::new(jsonl::Parser::new(&[], kernel))),
            Layout::File { .. } => Parser::Away,
        };
        Worker {
            shards,
            layout,
            kernel,
            seed: permute(input as u64),
            columns: lock(&shards.shards).pop().unwrap_or_default(),
            scratch: Scratch::default(),
            parser,
            paths: Vec::new(),
            numbers: Arc::new([]),
        }
    }

    /// Looks at every value of a chunk.
    pub(super) fn look(&mut self, chunk: Chunk<'_>) -> Part {
        let mut part = self.new_part();
        if let Layout::Jsonl = self.layout {
            if !self.find_paths(chunk.bytes) {
                part.columns = None;
                return part;
            }
            part.columns = Some(Arc::clone(&self.numbers));
        }
        self.make_columns();
        let mut parser = std::mem::replace(&mut self.parser, Parser::Away);
        let mut look = Look {
            worker: self,
            part: &mut part,
            place: chunk.byte_offset,
            counts_rows: false,
        };
        let totals = match &mut parser {
            Parser::Csv(parser) => parser.parse(chunk.bytes, chunk.at_end, &mut look),
            Parser::Jsonl(parser) => parser.parse(chunk.bytes, chunk.at_end, &mut look),
            Parser::Away => unreachable!("it is put back below"),
        };
        part.totals = totals;
        self.parser = parser;
        part
    }

    /// Looks at every value of a unit, the one of that number in its file.
    pub(super) fn look_at_unit(&mut self, unit: Box<dyn Unit + '_>, number: u64) -> Result<Part> {
        let mut part = self.new_part();
        self.make_columns();
        let byte_offset = unit.byte_offset();
        let mut look = Look {
            worker: self,
            part: &mut part,
            // Where rows have no offsets they are numbered within their unit, which has less than 2^32.
            place: byte_offset.unwrap_or(number << 32),
            counts_rows: byte_offset.is_none(),
        };
        part.totals = unit.visit(&mut look)?;
        Ok(part)
    }

    fn new_part(&self) -> Part {
        Part {
            totals: Totals::default(),
            malformed: 0,
            first_malformed: None,
            columns: Some(Arc::clone(&self.numbers)),
        }
    }

    /// Makes columns of the members of a JSON chunk; `false` if these are too many.
    fn find_paths(&mut self, bytes: &[u8]) -> bool {
        let Some(paths) = tree::paths_of(bytes, self.kernel) else {
            return false;
        };
        if paths != self.paths {
            let wanted = paths.iter().map(|path| (path, self.shards.number(path, 0)));
            let wanted: Vec<(Path, usize)> = wanted
                .filter_map(|(path, number)| Some((path.clone(), number?)))
                .collect();
            let (kept, numbers): (Vec<Path>, Vec<usize>) = wanted.into_iter().unzip();
            self.numbers = numbers.into();
            self.parser = Parser::Jsonl(Box::new(jsonl::Parser::new(&kept, self.kernel)));
            self.paths = paths;
        }
        true
    }

    /// Has a column for every number that may be asked for.
    fn make_columns(&mut self) {
        let numbers = match self.layout {
            Layout::Csv { columns, .. } => columns.iter().flatten().max(),
            Layout::File { columns } => columns.iter().map(|column| &column.number).max(),
            Layout::Jsonl => self.numbers.iter().max(),
        };
        let count = numbers.map_or(0, |&number| number + 1);
        let Shards {
            setting, tokens, ..
        } = self.shards;
        let empty = || Column::new(setting, tokens.texts.len());
        let len = self.columns.len().max(count);
        self.columns.resize_with(len, empty);
    }
}

/// A column's name as people write it: dots between the keys of members.
pub(super) fn shown(path: &Path) -> String {
    match path.keys() {
        [name] => name.clone(),
        _ => path.to_string(),
    }
}

impl Drop for Worker<'_> {
    fn drop(&mut self) {
        let columns = std::mem::take(&mut self.columns);
        lock(&self.shards.shards).push(columns);
    }
}

/// Takes the parser's blocks.
struct Look<'l, 'a> {
    worker: &'l mut Worker<'a>,
    part: &'l mut Part,
    /// Of the chunk or unit in its input; where records lie nowhere, of the next row.
    place: u64,
    counts_rows: bool,
}

impl Visitor for Look<'_, '_> {
    fn block(&mut self, block: &Block<'_>) {
        let Worker {
            shards,
            layout,
            columns,
            scratch,
            numbers,
            kernel,
            seed,
            ..
        } = &mut *self.worker;
        scratch.priorities.clear();
        if shards.setting.wanted.needs_sample() {
            let priorities = (0..block.rows).map(|row| {
                let place = match self.counts_rows {
                    true => row,
                    false => block.record(row).start,
                };
                permute((self.place + place as u64) ^ *seed)
            });
            scratch.priorities.extend(priorities);
            if self.counts_rows {
                self.place += block.rows as u64;
            }
        }
        let taker = Taker {
            setting: &shards.setting,
            tokens: &shards.tokens,
            kernel: *kernel,
        };
        match layout {
            Layout::Csv {
                dialect,
                columns: wanted,
            } => {
                let wanted = wanted.iter().enumerate();
                for (at, number) in wanted.filter_map(|(at, number)| Some((at, (*number)?))) {
                    taker.csv(block, at, dialect, &mut columns[number], scratch);
                }
            }
            Layout::Jsonl => {
                for (at, &number) in numbers.iter().enumerate() {
                    taker.typed(block, at, None, &mut columns[number], scratch);
                }
            }
            Layout::File { columns: wanted } => {
                for (at, column) in wanted.iter().enumerate() {
                    let family = Some(column.family);
                    taker.typed(block, at, family, &mut columns[column.number], scratch);
                }
            }
        }
    }

    fn malformed(&mut self, record: &Malformed<'_>) {
        self.part.malformed += 1;
        let offset = self.place;
        let first = &mut self.part.first_malformed;
        first.get_or_insert_with(|| {
            let byte_offset = offset + record.range.start as u64;
            (byte_offset, record.fault.describe(offset))
        });
    }
}
