//! One record: from its opening brace to its newline, every byte judged, wanted values written down.

use super::joint::{Next, Place};
use super::lexer::{DEPTH_MAX, Lexer, Stop};
use super::path::{Path, ROOT, Tree};
use super::rows::Rows;
use super::trail::Trail;
use crate::{Fault, Kind};

/// What a line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A record; its row is filled but not ended.
    Record,
    /// Only white space.
    Blank,
    /// Neither; offsets are in the chunk.
    Malformed(Fault),
}

/// Walks through records, one after the other.
#[derive(Clone, Debug)]
pub(super) struct Walker {
    tree: Tree,
    /// Columns that ask for the same path as an earlier one.
    copies: Vec<(usize, usize)>,
    /// Columns and the nodes they come from.
    columns: Vec<(usize, usize)>,
    trail: Trail,
    /// The number of the current record.
    record: u64,
    /// For each node, the last record that had it.
    seen: Vec<u64>,
    /// For each node, where its object began.
    opened: Vec<usize>,
    /// Whether keys at the root that nobody asked for are written down.
    pub(super) notes_extra_keys: bool,
}

impl Walker {
    pub(super) fn new(paths: &[Path]) -> Self {
        let (tree, copies) = Tree::new(paths);
        let columns = (0..tree.len())
            .filter_map(|node| Some((tree.node(node).column?, node)))
            .collect();
        Self {
            columns,
            copies,
            trail: Trail::default(),
            record: 0,
            seen: vec![0; tree.len()],
            opened: vec![0; tree.len()],
            notes_extra_keys: false,
            tree,
        }
    }

    /// Gets ready for a new chunk.
    pub(super) fn begin_chunk(&mut self) {
        self.trail.make_room();
    }

    /// Reads the line that starts at `start`, and where the next one does. `base` is where the lexer's
    /// text begins in the chunk.
    #[inline(always)]
    pub(super) fn line(
        &mut self,
        lexer: &Lexer<'_>,
        start: usize,
        base: u32,
        rows: &mut Rows,
    ) -> (Line, usize) {
        self.json_line(lexer, start, base, rows)
            .unwrap_or_else(|stop| {
                let fault = Fault::InvalidJson {
                    offset: base as usize + stop.at.min(lexer.text().len()),
                    message: stop.expected,
                };
                (Line::Malformed(fault), lexer.line_end(start))
            })
    }

    /// [`Self::line`] as long as the line is JSON or blank.
    #[inline(always)]
    fn json_line(
        &mut self,
        lexer: &Lexer<'_>,
        start: usize,
        base: u32,
        rows: &mut Rows,
    ) -> Result<(Line, usize), Stop> {
        if lexer.byte(start) != b'{' {
            let at = lexer.space(start);
            match lexer.byte(at) {
                b'{' => {}
                b'\n' => return Ok((Line::Blank, end_of_line(lexer, at)?)),
                _ => {
                    let value = lexer.value(at, 0)?;
                    let end = end_of_line(lexer, value.next)?;
                    return Ok((Line::Malformed(Fault::NotAnObject), end));
                }
            }
        }
        let (end, duplicate) = self.object(lexer, start, base, rows)?;
        let end = end_of_line(lexer, end)?;
        let line = match duplicate {
            None => Line::Record,
            Some(key_at) => Line::Malformed(Fault::DuplicateKey {
                offset: base as usize + key_at,
            }),
        };
        Ok((line, end))
    }

    /// Reads the object a record is: where it ends, and the first wanted key that came twice.
    #[inline(always)]
    fn object(
        &mut self,
        lexer: &Lexer<'_>,
        start: usize,
        base: u32,
        rows: &mut Rows,
    ) -> Result<(usize, Option<usize>), Stop> {
        let offset = |at: usize| base + at as u32;
        self.record += 1;
        self.opened[ROOT] = start;
        let mut duplicate = None;
        let mut filled = 0;
        let mut place = Place::RECORD;
        let mut at = start;
        loop {
            let step = self.trail.step(lexer, &self.tree, place, at)?;
            at = step.at;
            match step.next {
                Next::Wanted(node) if self.seen[node] != self.record => {
                    self.seen[node] = self.record;
                    let wanted = self.tree.node(node);
                    if wanted.is_branch() {
                        at = lexer.space(at);
                        if lexer.byte(at) == b'{' {
                            if wanted.depth > DEPTH_MAX {
                                return Stop::err(at, "at most 127 levels of nesting");
                            }
                            self.opened[node] = at;
                            place = Place {
                                object: node,
                                is_start: true,
                            };
                            continue;
                        }
                    }
                    let value = lexer.value(at, wanted.depth - 1)?;
                    if let Some(column) = wanted.column {
                        rows.set(column, value.kind, offset(value.start), offset(value.end));
                        filled += 1;
                    }
                    at = value.next;
                }
                Next::Wanted(node) => {
                    duplicate = duplicate.or(Some(step.key_at));
                    at = lexer.value(at, self.tree.node(node).depth - 1)?.next;
                }
                Next::Unwanted => {
                    if self.notes_extra_keys && place.object == ROOT {
                        rows.note_extra_key(offset(step.key_at));
                    }
                    at = lexer.value(at, self.tree.node(place.object).depth)?.next;
                }
                Next::Closed => {
                    let closed = self.tree.node(place.object);
                    if let Some(column) = closed.column {
                        let opened = self.opened[place.object];
                        rows.set(column, Kind::Object, offset(opened), offset(at));
                        filled += 1;
                    }
                    if place.object == ROOT {
                        break;
                    }
                    place.object = closed.parent;
                }
            }
            place.is_start = false;
        }
        if filled < self.columns.len() {
            self.fill_missing(offset(start), rows);
        }
        for &(column, original) in &self.copies {
            rows.copy(column, original);
        }
        Ok((at, duplicate))
    }

    /// Marks the columns that this record did not have.
    #[inline(never)]
    fn fill_missing(&self, start: u32, rows: &mut Rows) {
        for &(column, node) in &self.columns {
            let is_whole_record = node == ROOT;
            if self.seen[node] != self.record && !is_whole_record {
                rows.set(column, Kind::Missing, start, start);
            }
        }
    }
}

/// Behind a line's value only white space may follow; where the next line starts.
#[inline(always)]
fn end_of_line(lexer: &Lexer<'_>, at: usize) -> Result<usize, Stop> {
    let at = lexer.space(at);
    if lexer.byte(at) != b'\n' {
        return Stop::err(at, "the end of the line");
    }
    Ok((at + 1).min(lexer.text().len()))
}
