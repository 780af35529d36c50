//! The map half: one chunk to one [`Part`], column after column within each block.

use std::sync::Arc;

use tamis_engine::Result;
use tamis_engine::kernel::Kernel;
use tamis_engine::pipeline::Chunk;
use tamis_formats::csv::{self, Dialect};
use tamis_formats::file::Unit;
use tamis_formats::jsonl::{self, Path};
use tamis_formats::{Block, Kind, Malformed, Totals, Visitor};

use super::column::{Column, characters};
use super::keys::{self, Candidates, Flag};
use super::nulls::Tokens;
use super::tree;
use tamis_formats::value::{Class, Reading, read_moment, read_number, read_small, read_text};

/// How the fields of an input become columns.
#[derive(Clone, Debug)]
pub(super) enum Layout {
    /// Delimiter-separated text of so many fields.
    Csv {
        dialect: Dialect,
        width: usize,
        /// The byte between integer and fraction.
        point: u8,
    },
    /// JSON lines; the columns are those that a chunk turns out to have.
    Jsonl,
    /// Units of a file that knows its columns.
    File,
}

/// What one chunk holds.
#[derive(Debug)]
pub(super) struct Part {
    /// Malformed records included.
    pub(super) totals: Totals,
    /// Records that could not be split into fields.
    pub(super) malformed: u64,
    /// Columns of CSV, in the order of the fields; of JSON, in that of `paths`.
    pub(super) columns: Vec<Column>,
    /// The paths of a JSON chunk; `None` if there are too many.
    pub(super) paths: Option<Arc<[Path]>>,
}

/// What all workers of an input share.
#[derive(Debug)]
pub(super) struct Task<'a> {
    pub(super) layout: &'a Layout,
    pub(super) tokens: &'a Tokens,
    pub(super) candidates: &'a Candidates,
    /// Of the columns of CSV and files.
    pub(super) flags: Vec<Flag>,
    /// The most values of a column that are listed.
    pub(super) listed_max: usize,
    pub(super) kernel: Kernel,
}

/// The scratch of one thread.
#[derive(Debug)]
pub(super) struct Worker<'a> {
    task: &'a Task<'a>,
    parser: Parser,
    /// The paths that the parser looks for.
    paths: Arc<[Path]>,
    /// Whether each column may be unique.
    flags: Vec<Flag>,
    keys: keys::Table,
    index: Vec<u32>,
    decoded: Vec<u8>,
}

/// Made anew when a chunk has other paths; while it parses, its place is empty.
#[derive(Debug)]
enum Parser {
    Csv(Box<csv::Parser>),
    Jsonl(Box<jsonl::Parser>),
    Away,
}

impl<'a> Worker<'a> {
    pub(super) fn new(task: &'a Task<'a>) -> Worker<'a> {
        let parser = match task.layout {
            Layout::Csv { dialect, width, .. } => {
                Parser::Csv(Box::new(csv::Parser::new(*dialect, *width, task.kernel)))
            }
            Layout::Jsonl => Parser::Jsonl(Box::new(jsonl::Parser::new(&[], task.kernel))),
            Layout::File => Parser::Away,
        };
        Worker {
            task,
            parser,
            paths: Arc::new([]),
            flags: task.flags.clone(),
            keys: keys::Table::default(),
            index: Vec::new(),
            decoded: Vec::new(),
        }
    }

    /// Looks at every value of a chunk.
    pub(super) fn look(&mut self, chunk: Chunk<'_>) -> Part {
        if let Layout::Jsonl = self.task.layout {
            let Some(paths) = tree::paths_of(chunk.bytes, self.task.kernel) else {
                return Part {
                    totals: Totals::default(),
                    malformed: 0,
                    columns: Vec::new(),
                    paths: None,
                };
            };
            if paths != *self.paths {
                self.paths = paths.into();
                let parser = jsonl::Parser::new(&self.paths, self.task.kernel);
                self.parser = Parser::Jsonl(Box::new(parser));
                let flags = self.paths.iter();
                self.flags = flags
                    .map(|path| self.task.candidates.flag(path.keys()))
                    .collect();
            }
        }
        let mut parser = std::mem::replace(&mut self.parser, Parser::Away);
        let mut part = self.part();
        let mut look = Look {
            worker: self,
            part: &mut part,
        };
        part.totals = match &mut parser {
            Parser::Csv(parser) => parser.parse(chunk.bytes, chunk.at_end, &mut look),
            Parser::Jsonl(parser) => parser.parse(chunk.bytes, chunk.at_end, &mut look),
            Parser::Away => unreachable!("it is put back below"),
        };
        self.parser = parser;
        self.settle(&mut part);
        part
    }

    /// Looks at every value of a unit.
    pub(super) fn look_at_unit(&mut self, unit: Box<dyn Unit + '_>) -> Result<Part> {
        let mut part = self.part();
        part.totals = unit.visit(&mut Look {
            worker: self,
            part: &mut part,
        })?;
        self.settle(&mut part);
        Ok(part)
    }

    /// A part with nothing in it yet.
    fn part(&self) -> Part {
        let column = |flag: &Flag| {
            let mut column = Column::new(self.task.tokens.texts.len());
            column.keys = flag.is_up().then(Vec::new);
            column
        };
        Part {
            totals: Totals::default(),
            malformed: 0,
            columns: self.flags.iter().map(column).collect(),
            paths: Some(Arc::clone(&self.paths)),
        }
    }

    /// Lets go of the keys of columns that are not unique.
    fn settle(&mut self, part: &mut Part) {
        let rows = part.totals.rows - part.malformed;
        for (column, flag) in part.columns.iter_mut().zip(&self.flags) {
            keys::settle(column, rows, flag, &mut self.keys);
        }
    }
}

/// Takes the parser's blocks.
struct Look<'l, 'a> {
    worker: &'l mut Worker<'a>,
    part: &'l mut Part,
}

impl Visitor for Look<'_, '_> {
    fn block(&mut self, block: &Block<'_>) {
        for at in 0..block.columns {
            match self.worker.task.layout {
                Layout::Csv { dialect, point, .. } => self.csv_column(block, at, dialect, *point),
                Layout::Jsonl | Layout::File => self.json_column(block, at),
            }
        }
    }

    fn malformed(&mut self, _: &Malformed<'_>) {
        self.part.malformed += 1;
    }
}

impl Look<'_, '_> {
    fn csv_column(&mut self, block: &Block<'_>, at: usize, dialect: &Dialect, point: u8) {
        let Worker {
            index,
            decoded,
            task: Task {
                tokens, listed_max, ..
            },
            ..
        } = &mut *self.worker;
        let column = &mut self.part.columns[at];
        let raw = block.column(at);
        let unquoted = csv::unquote_column(block, at, dialect, index);
        let spans = unquoted.unwrap_or(raw);
        for row in 0..block.rows {
            let mut text = spans.field(row);
            // Behind a quote that is still there stands a value that must be put together.
            if unquoted.is_some() && text.first().copied() == dialect.quote {
                text = csv::decode(raw.field(row), dialect, decoded);
            }
            if text.is_empty() {
                continue;
            }
            if let Some(token) = tokens.position(text) {
                column.tokens[token] += 1;
                continue;
            }
            column.take_text(text, length(text, block.ascii), *listed_max);
            if column.is_settled() {
                column.take(Reading::Other(Class::Text), text);
            } else if let Some(number) = read_small(text) {
                column.take_small(number, text);
            } else {
                column.take(read_text(text, point), text);
            }
        }
    }

    fn json_column(&mut self, block: &Block<'_>, at: usize) {
        let Worker { decoded, task, .. } = &mut *self.worker;
        let column = &mut self.part.columns[at];
        let spans = block.column(at);
        let is_ascii = block.is_ascii(at);
        for row in 0..block.rows {
            let raw = spans.field(row);
            match block.kind(row, at) {
                Kind::Missing | Kind::Null => {}
                Kind::Text if raw.is_empty() => {}
                Kind::Number => {
                    let reading = match read_number(raw, b'.') {
                        Reading::Other(_) => Reading::Other(Class::Unreadable),
                        number => number,
                    };
                    column.take(reading, raw);
                }
                Kind::Boolean => column.take(Reading::Other(Class::Boolean), raw),
                Kind::Object => column.take(Reading::Other(Class::Object), raw),
                Kind::Array => column.take(Reading::Other(Class::Array), raw),
                kind @ (Kind::String | Kind::EscapedString | Kind::Text) => {
                    let text = match kind {
                        Kind::EscapedString => jsonl::decode_string(raw, decoded),
                        _ => raw,
                    };
                    // An escaped text may be ASCII only in its escapes.
                    let is_ascii = is_ascii && kind != Kind::EscapedString;
                    column.take_text(text, length(text, is_ascii), task.listed_max);
                    let reading = match column.is_settled() {
                        true => Reading::Other(Class::Text),
                        false => read_moment(text),
                    };
                    column.take(reading, text);
                }
            }
        }
    }
}

/// Length in characters.
#[inline]
fn length(text: &[u8], is_ascii: bool) -> u64 {
    if is_ascii {
        text.len() as u64
    } else {
        characters(text)
    }
}
