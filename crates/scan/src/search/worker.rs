//! Searches one chunk of whole lines: bytes in, a [`Part`] out.

use std::ops::Range;

use tamis_engine::kernel::Kernel;

use super::condition::Caches;
use super::lines::{Lines, line_end};
use super::name::Name;
use super::options::Search;
use super::part::{CountedLine, Number, Part, Row, RowKind};
use super::row::{Line, RowWriter, each_match};

/// A part whose text or rows are longer than this leaves the rest of its chunk for later: this, times the parts that wait for
/// the merge, is what output takes of memory.
///
/// A little less than a power of two, which is where a vector would grow to the next.
const TEXT_BYTES_MAX: usize = (2 << 20) - (64 << 10);
const ROWS_MAX: usize = 32 << 10;
const NUMBERS_MAX: usize = 128 << 10;

/// Searches the chunks of one thread.
#[derive(Debug)]
pub(super) struct Worker<'s> {
    search: &'s Search,
    kernel: Kernel,
    caches: Caches,
    rows: RowWriter,
}

/// What is searched for NUL bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NulCheck {
    /// Nothing.
    None,
    /// Lines that are shown.
    Shown,
    /// All bytes.
    All,
}

impl<'s> Worker<'s> {
    pub(super) fn new(search: &'s Search, kernel: Kernel) -> Self {
        Self {
            search,
            kernel,
            caches: search.condition.caches(),
            rows: RowWriter::default(),
        }
    }

    /// Searches `bytes`, whole lines that start at `byte_offset` of the input.
    pub(super) fn search(
        &mut self,
        name: &Name,
        bytes: &[u8],
        byte_offset: u64,
        nul: NulCheck,
    ) -> Part {
        let mut part = Part {
            end: byte_offset + bytes.len() as u64,
            ..Part::default()
        };
        if nul == NulCheck::All {
            part.nul = memchr::memchr(0, bytes).map(|at| byte_offset + at as u64);
        }
        if self.search.shows_lines() {
            let chunk = Chunk {
                name,
                bytes,
                byte_offset,
                nul,
                part,
                counted_to: 0,
                line: 0,
            };
            chunk.search(self)
        } else {
            self.count(bytes, byte_offset, &mut part);
            part
        }
    }

    /// Counts without a look at anything but what is counted.
    fn count(&mut self, bytes: &[u8], byte_offset: u64, part: &mut Part) {
        let search = self.search;
        let mut lines = Lines::new(bytes);
        if search.ends_at_first_match() {
            if let Some(line) = lines.next(search, &mut self.caches, |_| {}) {
                part.matched_lines = 1;
                part.first_match_end = Some(byte_offset + line.end as u64);
            }
            return;
        }
        if !search.needs_matches() && search.max_count.is_none() {
            part.matched_lines = match search.condition.inverted {
                false => self.count_matched(bytes),
                true => self.count_lines(bytes) - self.count_matched(bytes),
            };
            return;
        }
        let limit = search.max_count.unwrap_or(u64::MAX);
        while part.matched_lines < limit
            && let Some(line) = lines.next(search, &mut self.caches, |_| {})
        {
            part.matched_lines += 1;
            let end = byte_offset + line.end as u64;
            let mut matches = 0;
            if search.needs_matches() {
                each_match(search, &mut self.caches, &bytes[line], |_| matches += 1);
                matches = matches.max(1);
                part.matches += u64::from(matches);
            }
            if search.max_count.is_some() {
                part.counted_lines.push(CountedLine { end, matches });
            }
        }
    }

    /// Lines that fulfil the condition as if it were not inverted.
    fn count_matched(&mut self, bytes: &[u8]) -> u64 {
        let condition = &self.search.condition;
        if condition.is_always_met() {
            return self.count_lines(bytes);
        }
        let mut count = 0;
        let mut from = 0;
        while let Some(end) = condition.find_line_end(&mut self.caches, bytes, from) {
            count += 1;
            from = end + 1;
        }
        count
    }

    fn count_lines(&self, bytes: &[u8]) -> u64 {
        let terminator = self.search.terminator();
        let ended = self.kernel.count_byte(bytes, terminator) as u64;
        let is_open = bytes.last().is_some_and(|last| *last != terminator);
        ended + u64::from(is_open)
    }
}

/// A chunk whose lines are shown.
struct Chunk<'a> {
    name: &'a Name,
    bytes: &'a [u8],
    byte_offset: u64,
    nul: NulCheck,
    part: Part,
    /// Lines before this byte are counted: `line` of them.
    counted_to: usize,
    line: u64,
}

impl Chunk<'_> {
    fn search(mut self, worker: &mut Worker<'_>) -> Part {
        let search = worker.search;
        if self.nul == NulCheck::All && self.part.nul.is_none() {
            self.nul = NulCheck::None;
        }
        let is_plain = search.shows_plain_lines()
            && self.nul != NulCheck::All
            && u32::try_from(self.bytes.len() * 2).is_ok();
        if !(is_plain && self.search_plain(worker)) {
            self.search_rows(worker);
        }
        if search.needs_line_count() {
            let end = self.bytes.len();
            self.part.lines = self.count_to(worker.kernel, search, end);
        }
        self.part
    }

    /// Where rows are lines as they are. If one has a NUL byte, all is as it was before, and the answer is no.
    fn search_plain(&mut self, worker: &mut Worker<'_>) -> bool {
        let search = worker.search;
        let mut lines = Lines::new(self.bytes);
        loop {
            let count = |searched| {
                if search.line_numbers {
                    self.count_to(worker.kernel, search, searched);
                }
            };
            let Some(line) = lines.next(search, &mut worker.caches, count) else {
                return true;
            };
            if self.nul == NulCheck::Shown && memchr::memchr(0, &self.bytes[line.clone()]).is_some()
            {
                self.part = Part {
                    end: self.part.end,
                    ..Part::default()
                };
                (self.counted_to, self.line) = (0, 0);
                return false;
            }
            let number = match search.line_numbers {
                true => self.count_to(worker.kernel, search, line.start),
                false => 0,
            };
            let end = line.end;
            let line = Line {
                byte_offset: self.byte_offset + line.start as u64,
                bytes: &self.bytes[line],
                is_match: true,
            };
            let at = RowWriter::write_plain(search, self.name, line, &mut self.part.text);
            if let Some(at) = at {
                self.part.numbers.push(Number {
                    at: at as u32,
                    line: number as u32,
                });
            }
            self.part.matched_lines += 1;
            let is_full =
                self.part.text.len() > TEXT_BYTES_MAX || self.part.numbers.len() > NUMBERS_MAX;
            if is_full && end < self.bytes.len() {
                self.leave_rest(end);
                return true;
            }
        }
    }

    fn leave_rest(&mut self, end: usize) {
        self.part.rest = Some(self.bytes[end..].to_vec());
        self.bytes = &self.bytes[..end];
        self.part.end = self.byte_offset + end as u64;
    }

    fn search_rows(&mut self, worker: &mut Worker<'_>) {
        let search = worker.search;
        let mut lines = Lines::new(self.bytes);
        let mut visited = 0;
        while let Some(line) = lines.next(search, &mut worker.caches, |_| {}) {
            if search.has_context() {
                self.before_match(worker, visited..line.start);
            }
            self.write(worker, line.clone(), RowKind::Match);
            self.part.matched_lines += 1;
            visited = line.end;
            let is_full = self.part.text.len() > TEXT_BYTES_MAX || self.part.rows.len() > ROWS_MAX;
            if is_full && visited < self.bytes.len() {
                self.leave_rest(visited);
                break;
            }
        }
        if search.has_context() {
            self.after_matches(worker, visited);
        }
    }

    /// Lines of `gap`, which stands between two matches or before the first.
    fn before_match(&mut self, worker: &mut Worker<'_>, mut gap: Range<usize>) {
        gap.start = self.after_match(worker, gap.clone());
        let before = self.last_lines(worker.search, gap.clone(), worker.search.before);
        if self.part.matched_lines == 0 {
            let edge = self.first_lines(worker.search, gap.start..before, worker.search.after);
            self.write_all(worker, gap.start..edge, RowKind::Edge);
        }
        self.write_all(worker, before..gap.end, RowKind::Context);
    }

    /// Lines behind the last match, or all of them.
    fn after_matches(&mut self, worker: &mut Worker<'_>, visited: usize) {
        let end = self.bytes.len();
        let start = self.after_match(worker, visited..end);
        let edge = match self.part.matched_lines {
            0 => self.first_lines(worker.search, start..end, worker.search.after),
            _ => start,
        };
        self.write_all(worker, start..edge, RowKind::Edge);
        let last = self.last_lines(worker.search, edge..end, worker.search.before);
        self.write_all(worker, last..end, RowKind::Edge);
    }

    /// Writes the lines of `gap` that follow a match of this chunk, and says where they end.
    fn after_match(&mut self, worker: &mut Worker<'_>, gap: Range<usize>) -> usize {
        if self.part.matched_lines == 0 {
            return gap.start;
        }
        let end = self.first_lines(worker.search, gap.clone(), worker.search.after);
        self.write_all(worker, gap.start..end, RowKind::Context);
        end
    }

    /// Where the first `count` lines of `range` end.
    fn first_lines(&self, search: &Search, range: Range<usize>, count: usize) -> usize {
        let mut end = range.start;
        for _ in 0..count {
            if end == range.end {
                break;
            }
            end = line_end(search, self.bytes, end);
        }
        end
    }

    /// Where the last `count` lines of `range` start.
    fn last_lines(&self, search: &Search, range: Range<usize>, count: usize) -> usize {
        let mut start = range.end;
        for _ in 0..count {
            if start == range.start {
                break;
            }
            let before = &self.bytes[range.start..start - 1];
            start = memchr::memrchr(search.terminator(), before)
                .map_or(range.start, |at| range.start + at + 1);
        }
        start
    }

    fn write_all(&mut self, worker: &mut Worker<'_>, range: Range<usize>, kind: RowKind) {
        let mut start = range.start;
        while start < range.end {
            let end = line_end(worker.search, self.bytes, start);
            self.write(worker, start..end, kind);
            start = end;
        }
    }

    fn write(&mut self, worker: &mut Worker<'_>, line: Range<usize>, kind: RowKind) {
        let search = worker.search;
        let number = match search.needs_line_count() {
            true => self.count_to(worker.kernel, search, line.start),
            false => 0,
        };
        let bytes = &self.bytes[line.clone()];
        if self.nul != NulCheck::None
            && let Some(at) = memchr::memchr(0, bytes)
        {
            let offset = self.byte_offset + (line.start + at) as u64;
            self.part.nuls.push((self.part.rows.len(), offset));
        }
        let part = &mut self.part;
        let first = part.rows.len();
        let row = Row {
            end: part.text.len(),
            number_at: None,
            line: number as u32,
            line_end: self.byte_offset + line.end as u64,
            matches: 0,
            kind,
        };
        let line = Line {
            bytes,
            byte_offset: self.byte_offset + line.start as u64,
            is_match: kind == RowKind::Match,
        };
        let (text, rows) = (&mut part.text, &mut part.rows);
        let (caches, name) = (&mut worker.caches, self.name);
        let matches = worker
            .rows
            .write(search, caches, name, line, text, |written| {
                let (start, kind) = match rows[first..].last() {
                    Some(before) if kind == RowKind::Match => (before.end, RowKind::MatchGoesOn),
                    Some(before) => (before.end, kind),
                    None => (row.end, kind),
                };
                rows.push(Row {
                    end: written.end,
                    number_at: written.number_at.map(|at| (at - start) as u32),
                    kind,
                    ..row
                });
            });
        if kind == RowKind::Match {
            part.rows[first].matches = matches as u32;
            part.matches += matches;
        }
    }

    /// Lines that end before `to`, which is where one starts.
    #[inline]
    fn count_to(&mut self, kernel: Kernel, search: &Search, to: usize) -> u64 {
        if self.counted_to < to {
            let bytes = &self.bytes[self.counted_to..to];
            self.line += match to - self.counted_to {
                // A line or two: not worth a kernel.
                0..64 => memchr::memchr_iter(search.terminator(), bytes).count() as u64,
                _ => kernel.count_byte(bytes, search.terminator()) as u64,
            };
            self.counted_to = to;
        }
        self.line
    }
}
