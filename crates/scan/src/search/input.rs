//! The merge: parts of one input, in order, to its output.
//!
//! Here everything comes together that no chunk knows: line numbers, context across the borders of chunks, how many matches
//! there were before, whether the input is text at all.

mod ending;

use std::collections::VecDeque;
use std::time::Instant;

use tamis_engine::pipeline::Flow;

use super::json;
use super::name::Name;
use super::options::{BinaryFiles, Report, Search};
use super::output::InputOutput;
use super::part::{Part, Row, RowKind};
use super::stats::Stats;
use super::worker::{NulCheck, Worker};
use crate::Work;
use tamis_engine::Result;

/// What stands between groups of lines that are not neighbours.
pub(super) const CONTEXT_SEPARATOR: &[u8] = b"--";

/// Where an input comes from: it decides what a NUL byte in it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Somebody named it.
    Named,
    /// It was found in a folder.
    Found,
}

/// How an input came out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Found {
    /// Whether what was asked for is there: a line that matches, or none for [`Report::FilesWithoutMatch`].
    pub is_match: bool,
    /// Counts, if they were asked for.
    pub stats: Stats,
    /// What it took.
    pub work: Work,
}

/// What a binary input does to its search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Binary {
    /// Nothing: it is text, whatever it holds.
    Text,
    /// Its lines are not shown.
    Hide,
    /// It is left where it turns out to be one.
    Leave,
}

/// Lines kept because they may be the context of a match to come.
struct Kept {
    line: u64,
    text: Vec<u8>,
    number_at: Option<usize>,
    nul: Option<u64>,
}

/// A row, with what is known of it only here.
#[derive(Clone, Copy)]
struct Shown<'a> {
    kind: RowKind,
    matches: u64,
    /// Number of its line in the input, from 0.
    line: u64,
    nul: Option<u64>,
    text: &'a [u8],
    number_at: Option<usize>,
}

/// The merge of one input.
pub(super) struct InputMerge<'s, 'o> {
    search: &'s Search,
    name: &'s Name,
    binary: Binary,
    out: InputOutput<'o>,
    started: Instant,
    /// Where the search begins.
    started_at: u64,
    /// Lines in the parts before.
    lines_before: u64,
    matched_lines: u64,
    matches: u64,
    /// Lines still to be shown after a match.
    after_left: usize,
    kept: VecDeque<Kept>,
    last_line: Option<u64>,
    binary_at: Option<u64>,
    /// Where the search ended, if it was before the input did.
    ended_at: Option<u64>,
    has_begun: bool,
    work: Work,
}

impl<'s, 'o> InputMerge<'s, 'o> {
    pub(super) fn new(
        search: &'s Search,
        name: &'s Name,
        origin: Origin,
        out: InputOutput<'o>,
    ) -> Self {
        let binary = match (search.binary, origin) {
            (BinaryFiles::Text, _) => Binary::Text,
            (BinaryFiles::Guarded, Origin::Found) => Binary::Leave,
            _ => Binary::Hide,
        };
        Self {
            search,
            name,
            binary,
            out,
            started: Instant::now(),
            started_at: 0,
            lines_before: 0,
            matched_lines: 0,
            matches: 0,
            after_left: 0,
            kept: VecDeque::new(),
            last_line: None,
            binary_at: None,
            ended_at: None,
            has_begun: false,
            work: Work::default(),
        }
    }

    /// What the workers look for in this input besides matches.
    pub(super) fn nul_check(&self) -> NulCheck {
        match self.binary {
            Binary::Text => NulCheck::None,
            Binary::Hide => NulCheck::Shown,
            Binary::Leave => NulCheck::All,
        }
    }

    /// Says that `offset` has a NUL byte, before any line was searched. `Stop` if that is all there is to it.
    pub(super) fn is_binary_at(&mut self, offset: u64) -> Flow {
        if self.binary == Binary::Text {
            return Flow::Continue;
        }
        self.binary_at = Some(offset);
        match self.binary {
            Binary::Leave => {
                self.ended_at = Some(0);
                Flow::Stop
            }
            _ => Flow::Continue,
        }
    }

    /// Sets the number that the first line has, counted from 0.
    pub(super) fn starts_at_line(&mut self, line: u64) {
        self.lines_before = line;
    }

    /// Sets where the first line starts.
    pub(super) fn starts_at_byte(&mut self, offset: u64) {
        self.started_at = offset;
    }

    /// Says that the search ends at `end`, because there is a NUL byte at `offset`.
    pub(super) fn ends_as_binary(&mut self, offset: u64, end: u64) {
        self.binary_at = Some(offset);
        self.ended_at = Some(end);
    }

    /// Takes note of what the search took.
    pub(super) fn took(&mut self, work: Work) {
        self.work = work;
    }

    /// Whether rows had to be given up because there are too many.
    pub(super) fn has_overflowed(&self) -> bool {
        self.out.has_overflowed()
    }

    /// Takes the next part, and searches what its worker left.
    pub(super) fn take(&mut self, mut part: Part, worker: &mut Worker<'_>) -> Result<Flow> {
        loop {
            let (rest, end) = (part.rest.take(), part.end);
            if self.take_one(part)? == Flow::Stop {
                return Ok(Flow::Stop);
            }
            let Some(rest) = rest else {
                return Ok(self.out.reached(end));
            };
            part = worker.search(self.name, &rest, end, self.nul_check());
        }
    }

    fn take_one(&mut self, part: Part) -> Result<Flow> {
        let flow = match self.search.shows_lines() {
            true => self.take_rows(&part)?,
            false => self.take_counts(&part),
        };
        self.lines_before += part.lines;
        if flow == Flow::Continue && self.binary == Binary::Leave && part.nul.is_some() {
            self.binary_at = part.nul;
            self.ended_at = part.nul;
            return Ok(Flow::Stop);
        }
        Ok(flow)
    }

    fn take_counts(&mut self, part: &Part) -> Flow {
        let left = self.matches_left();
        if part.matched_lines < left {
            self.matched_lines += part.matched_lines;
            self.matches += part.matches;
        } else {
            self.matched_lines += left;
            let counted = &part.counted_lines[..left as usize];
            self.matches += counted
                .iter()
                .map(|line| u64::from(line.matches))
                .sum::<u64>();
            self.ended_at = counted.last().map(|line| line.end);
            return Flow::Stop;
        }
        if self.matched_lines > 0 && self.search.ends_at_first_match() {
            self.ended_at = part.first_match_end;
            return Flow::Stop;
        }
        Flow::Continue
    }

    /// Lines that may still match.
    fn matches_left(&self) -> u64 {
        let limit = self.search.max_count.unwrap_or(u64::MAX);
        limit.saturating_sub(self.matched_lines)
    }

    /// Rows that are all shown.
    fn take_plain(&mut self, part: &Part) -> Result<Flow> {
        if part.matched_lines == 0 {
            return Ok(Flow::Continue);
        }
        if self.hides(None) {
            self.matched_lines += 1;
            return Ok(Flow::Stop);
        }
        self.matched_lines += part.matched_lines;
        self.begin();
        let out = self.out.buffer();
        let mut start = 0;
        for number in &part.numbers {
            let at = number.at as usize;
            out.extend_from_slice(&part.text[start..at]);
            let line = self.lines_before + u64::from(number.line) + 1;
            out.extend_from_slice(itoa::Buffer::new().format(line).as_bytes());
            start = at;
        }
        out.extend_from_slice(&part.text[start..]);
        self.out.pass_on()?;
        Ok(self.unless_overflowed())
    }

    fn unless_overflowed(&self) -> Flow {
        match self.has_overflowed() {
            true => Flow::Stop,
            false => Flow::Continue,
        }
    }

    fn take_rows(&mut self, part: &Part) -> Result<Flow> {
        if part.rows.is_empty() {
            return self.take_plain(part);
        }
        let mut nuls = part.nuls.iter().peekable();
        let mut start = 0;
        for (index, row) in part.rows.iter().enumerate() {
            let text = &part.text[start..row.end];
            let number_at = row.number_at.map(|at| at as usize);
            let nul = match nuls.peek() {
                Some((at, offset)) if *at == index => {
                    nuls.next();
                    Some(*offset)
                }
                _ => None,
            };
            start = row.end;
            let line = self.lines_before + u64::from(row.line);
            let shown = Shown {
                kind: row.kind,
                matches: u64::from(row.matches),
                line,
                nul,
                text,
                number_at,
            };
            let flow = match row.kind {
                RowKind::Edge => self.take_edge(shown),
                RowKind::Context | RowKind::Match => {
                    if !self.kept.is_empty() {
                        let ahead = &part.rows[index..];
                        if self.show_kept(ahead)? == Flow::Stop {
                            return Ok(Flow::Stop);
                        }
                    }
                    self.take_shown(shown)
                }
                RowKind::MatchGoesOn => {
                    self.write(line, text, number_at);
                    Flow::Continue
                }
            };
            if flow == Flow::Stop {
                self.ended_at.get_or_insert(row.line_end);
                return Ok(Flow::Stop);
            }
            if self.out.is_full() {
                self.out.pass_on()?;
            }
        }
        self.out.pass_on()?;
        Ok(self.unless_overflowed())
    }

    /// A line that is near a match only if one of another part is.
    fn take_edge(&mut self, row: Shown<'_>) -> Flow {
        if self.after_left > 0 {
            return self.take_shown(row);
        }
        if self.has_enough() {
            return Flow::Stop;
        }
        if self.search.before > 0 {
            if self.kept.len() == self.search.before {
                self.kept.pop_front();
            }
            self.kept.push_back(Kept {
                line: row.line,
                text: row.text.to_vec(),
                number_at: row.number_at,
                nul: row.nul,
            });
        }
        Flow::Continue
    }

    /// Shows the lines kept that stand before the first match of `rows`.
    fn show_kept(&mut self, rows: &[Row]) -> Result<Flow> {
        let kept = std::mem::take(&mut self.kept);
        let Some(first) = rows.iter().find(|row| row.kind == RowKind::Match) else {
            return Ok(Flow::Continue);
        };
        if self.has_enough() {
            return Ok(Flow::Stop);
        }
        let from =
            (self.lines_before + u64::from(first.line)).saturating_sub(self.search.before as u64);
        for Kept {
            line,
            text,
            number_at,
            nul,
        } in kept
        {
            if line >= from {
                if self.hides(nul) {
                    return Ok(Flow::Stop);
                }
                self.write(line, &text, number_at);
            }
        }
        Ok(Flow::Continue)
    }

    /// Whether no further line is looked for.
    fn has_enough(&self) -> bool {
        self.matches_left() == 0
    }

    /// A line that is shown, unless there are enough already.
    fn take_shown(&mut self, row: Shown<'_>) -> Flow {
        if self.has_enough() {
            // Lines after the last match are shown still, those that match as such.
            if self.after_left == 0 {
                return Flow::Stop;
            }
            self.after_left -= 1;
        } else if row.kind == RowKind::Match {
            self.after_left = self.search.after;
        } else {
            self.after_left = self.after_left.saturating_sub(1);
        }
        let hides = self.hides(row.nul);
        if row.kind == RowKind::Match {
            self.matched_lines += 1;
            self.matches += row.matches;
        }
        if hides {
            return Flow::Stop;
        }
        self.write(row.line, row.text, row.number_at);
        let is_last = self.has_enough() && self.after_left == 0;
        let goes_on = row.kind == RowKind::Match && self.search.style.only_matching;
        match is_last && !goes_on {
            true => Flow::Stop,
            false => Flow::Continue,
        }
    }

    /// Whether the input turns out to be binary, so that nothing more of it is shown.
    fn hides(&mut self, nul: Option<u64>) -> bool {
        if self.binary == Binary::Hide && self.binary_at.is_none() {
            self.binary_at = nul;
        }
        let is_shown = self.binary != Binary::Hide || self.search.report == Report::Json;
        !is_shown && self.binary_at.is_some()
    }

    fn write(&mut self, line: u64, text: &[u8], number_at: Option<usize>) {
        let is_gap = self.last_line.is_some_and(|last| last + 1 < line);
        self.begin();
        let out = self.out.buffer();
        if is_gap && self.search.has_context() && self.search.report == Report::Lines {
            out.extend_from_slice(CONTEXT_SEPARATOR);
            out.extend_from_slice(self.search.terminator_text());
        }
        self.last_line = Some(line);
        match number_at {
            Some(at) => {
                out.extend_from_slice(&text[..at]);
                out.extend_from_slice(itoa::Buffer::new().format(line + 1).as_bytes());
                out.extend_from_slice(&text[at..]);
            }
            None => out.extend_from_slice(text),
        }
    }

    /// Writes what stands above the rows of an input.
    fn begin(&mut self) {
        if std::mem::replace(&mut self.has_begun, true) {
            return;
        }
        let out = self.out.buffer();
        match self.search.report {
            Report::Json => json::write_begin(out, &self.name.json),
            _ if self.search.style.names && self.search.style.heading => {
                self.name
                    .write(out, self.search, self.search.terminator_text());
            }
            _ => {}
        }
    }
}
