//! The map half: one chunk to one [`Part`], column after column within each block.

use std::sync::Arc;

use tamis_engine::kernel::Kernel;
use tamis_engine::pipeline::Chunk;
use tamis_formats::csv::{self, Dialect};
use tamis_formats::jsonl::{self, Path};
use tamis_formats::{Block, Kind, Malformed, Totals, Visitor};

use super::column::{Column, characters};
use super::nulls::Tokens;
use super::tree;
use tamis_formats::value::{Class, Reading, read_moment, read_number, read_text};

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

/// The scratch of one thread.
#[derive(Debug)]
pub(super) struct Worker<'a> {
    layout: &'a Layout,
    tokens: &'a Tokens,
    kernel: Kernel,
    parser: Parser,
    /// The paths that the parser looks for.
    paths: Arc<[Path]>,
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
    pub(super) fn new(layout: &'a Layout, tokens: &'a Tokens, kernel: Kernel) -> Worker<'a> {
        let parser = match layout {
            Layout::Csv { dialect, width, .. } => {
                Parser::Csv(Box::new(csv::Parser::new(*dialect, *width, kernel)))
            }
            Layout::Jsonl => Parser::Jsonl(Box::new(jsonl::Parser::new(&[], kernel))),
        };
        Worker {
            layout,
            tokens,
            kernel,
            parser,
            paths: Arc::new([]),
            index: Vec::new(),
            decoded: Vec::new(),
        }
    }

    /// Looks at every value of a chunk.
    pub(super) fn look(&mut self, chunk: Chunk<'_>) -> Part {
        let mut part = Part {
            totals: Totals::default(),
            malformed: 0,
            columns: Vec::new(),
            paths: Some(Arc::clone(&self.paths)),
        };
        let width = match self.layout {
            Layout::Csv { width, .. } => *width,
            Layout::Jsonl => {
                let Some(paths) = tree::paths_of(chunk.bytes, self.kernel) else {
                    part.paths = None;
                    return part;
                };
                if paths != *self.paths {
                    self.paths = paths.into();
                    let parser = jsonl::Parser::new(&self.paths, self.kernel);
                    self.parser = Parser::Jsonl(Box::new(parser));
                }
                part.paths = Some(Arc::clone(&self.paths));
                self.paths.len()
            }
        };
        part.columns = vec![Column::new(self.tokens.texts.len()); width];
        let mut parser = std::mem::replace(&mut self.parser, Parser::Away);
        let mut look = Look {
            worker: self,
            part: &mut part,
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
}

/// Takes the parser's blocks.
struct Look<'l, 'a> {
    worker: &'l mut Worker<'a>,
    part: &'l mut Part,
}

impl Visitor for Look<'_, '_> {
    fn block(&mut self, block: &Block<'_>) {
        for at in 0..block.columns {
            match self.worker.layout {
                Layout::Csv { dialect, point, .. } => self.csv_column(block, at, dialect, *point),
                Layout::Jsonl => self.json_column(block, at),
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
            tokens,
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
            column.take_text(text, length(text, block.ascii));
            // Once there is text, the column is text, whatever else comes.
            let reading = match column.classes.contains(Class::Text) {
                true => Reading::Other(Class::Text),
                false => read_text(text, point),
            };
            column.take(reading, text);
        }
    }

    fn json_column(&mut self, block: &Block<'_>, at: usize) {
        let decoded = &mut self.worker.decoded;
        let column = &mut self.part.columns[at];
        let spans = block.column(at);
        for row in 0..block.rows {
            let raw = spans.field(row);
            match block.kind(row, at) {
                Kind::Missing | Kind::Null => {}
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
                    let is_ascii = block.ascii && kind == Kind::String;
                    column.take_text(text, length(text, is_ascii));
                    let reading = match column.classes.contains(Class::Text) {
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
