//! One line as it is shown: what stands before it, its matches in colour or replaced, its end.

use grep_matcher::{Captures as _, Match};

use super::color::{Color, RESET};
use super::condition::Caches;
use super::json;
use super::name::Name;
use super::options::{Report, Search};

/// A line of the input.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    /// With its terminator, if it has one.
    pub(super) bytes: &'a [u8],
    /// Where it starts in the input.
    pub(super) byte_offset: u64,
    /// Whether it is one that was looked for, and not only near one.
    pub(super) is_match: bool,
}

/// Where a row is in the text it was written to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written {
    pub(super) number_at: Option<usize>,
    pub(super) end: usize,
}

/// Writes lines, and keeps what it needs for the next.
#[derive(Debug, Default)]
pub(super) struct RowWriter {
    /// The line at hand, where it must stay as it is: mapped bytes may change between two looks.
    line: Vec<u8>,
    /// Matches in it.
    matches: Vec<Match>,
    /// The line with its matches replaced, and where the replacements are.
    replaced: Vec<u8>,
    places: Vec<Match>,
}

impl RowWriter {
    /// Writes the rows of `line` to `out` and tells `wrote` of each; returns how many matches the line has, if anybody needs them.
    pub(super) fn write(
        &mut self,
        search: &Search,
        caches: &mut Caches,
        name: &Name,
        line: Line<'_>,
        out: &mut Vec<u8>,
        wrote: impl FnMut(Written),
    ) -> u64 {
        let mut copy = std::mem::take(&mut self.line);
        let mut line = line;
        if search.report == Report::Json {
            copy.clear();
            copy.extend_from_slice(line.bytes);
            line.bytes = &copy;
        }
        self.matches.clear();
        self.places.clear();
        // Lines near a match can have matches of their own only if those are lines without one.
        if search.needs_matches() && (line.is_match || search.condition.inverted) {
            self.find_matches(search, caches, line.bytes);
            if search.style.replacement.is_some() && !self.matches.is_empty() {
                self.replace(search, caches, line.bytes);
            }
        }
        match search.report {
            Report::Json => self.write_json(search, name, line, out, wrote),
            _ => self.write_text(search, name, line, out, wrote),
        }
        self.line = copy;
        self.matches.len() as u64
    }

    fn find_matches(&mut self, search: &Search, caches: &mut Caches, line: &[u8]) {
        let matches = &mut self.matches;
        each_match(search, caches, line, |found| matches.push(found));
    }

    fn replace(&mut self, search: &Search, caches: &mut Caches, line: &[u8]) {
        let replacement = search.style.replacement.as_deref().unwrap_or_default();
        let text = without_terminator(search, line);
        let (replaced, places) = (&mut self.replaced, &mut self.places);
        replaced.clear();
        let mut copied_to = 0;
        let pattern = &search.condition.pattern;
        search.condition.captures_each(caches, text, |captures| {
            let whole = captures.get(0).expect("there is a match");
            if whole.start() >= line.len() {
                return;
            }
            replaced.extend_from_slice(&text[copied_to..whole.start()]);
            copied_to = whole.end();
            let start = replaced.len();
            let index_of = |name: &str| pattern.capture_index(name);
            captures.interpolate(index_of, text, replacement, replaced);
            places.push(Match::new(start, replaced.len()));
        });
        replaced.extend_from_slice(&line[copied_to..]);
    }

    /// Writes `line` where nothing must be known but that it matches.
    #[inline]
    pub(super) fn write_plain(
        search: &Search,
        name: &Name,
        line: Line<'_>,
        out: &mut Vec<u8>,
    ) -> Option<usize> {
        let show = Show {
            search,
            name,
            is_match: true,
            match_count: 0,
        };
        let number_at = show.before(out, None, line.byte_offset);
        show.plain(out, line.bytes);
        number_at
    }

    fn write_json(
        &self,
        search: &Search,
        name: &Name,
        line: Line<'_>,
        out: &mut Vec<u8>,
        mut wrote: impl FnMut(Written),
    ) {
        let kind = if line.is_match { "match" } else { "context" };
        json::write_before_number(out, kind, &name.json, line.bytes);
        let number_at = search.line_numbers.then_some(out.len());
        if number_at.is_none() {
            out.extend_from_slice(b"null");
        }
        let replaced = (!self.places.is_empty()).then_some((&self.replaced[..], &self.places[..]));
        json::write_after_number(out, line.byte_offset, line.bytes, &self.matches, replaced);
        let end = out.len();
        wrote(Written { number_at, end });
    }

    fn write_text(
        &self,
        search: &Search,
        name: &Name,
        line: Line<'_>,
        out: &mut Vec<u8>,
        mut wrote: impl FnMut(Written),
    ) {
        let (text, places) = match self.places.is_empty() {
            true => (line.bytes, &self.matches),
            false => (&self.replaced[..], &self.places),
        };
        let show = Show {
            search,
            name,
            is_match: line.is_match,
            match_count: self.matches.len(),
        };
        let Some(first) = places.first() else {
            let number_at = show.before(out, None, line.byte_offset);
            show.plain(out, text);
            let end = out.len();
            return wrote(Written { number_at, end });
        };
        if !search.style.only_matching {
            let column = Some(first.start() as u64 + 1);
            let number_at = show.before(out, column, line.byte_offset);
            show.coloured(out, text, places);
            let end = out.len();
            return wrote(Written { number_at, end });
        }
        for place in places {
            let start = place.start() as u64;
            let number_at = show.before(out, Some(start + 1), line.byte_offset + start);
            let whole = Match::new(0, place.len());
            show.coloured(out, &text[*place], &[whole]);
            let end = out.len();
            wrote(Written { number_at, end });
        }
    }
}

/// How the rows of one line are shown.
struct Show<'a> {
    search: &'a Search,
    name: &'a Name,
    is_match: bool,
    match_count: usize,
}

impl Show<'_> {
    /// Everything before the text of a row. Returns where the line number goes.
    fn before(&self, out: &mut Vec<u8>, column: Option<u64>, byte_offset: u64) -> Option<usize> {
        let style = &self.search.style;
        let (prefix, separator) = match self.is_match {
            true => (&self.name.of_match, b':'),
            false => (&self.name.of_context, b'-'),
        };
        out.extend_from_slice(prefix);
        let mut number_at = None;
        if self.search.line_numbers {
            if style.color {
                out.extend_from_slice(Color::Line.start());
            }
            number_at = Some(out.len());
            if style.color {
                out.extend_from_slice(RESET);
            }
            out.push(separator);
        }
        let column = column.filter(|_| style.columns);
        let byte_offset = Some(byte_offset).filter(|_| style.byte_offsets);
        for number in [column, byte_offset].into_iter().flatten() {
            let digits = itoa::Buffer::new().format(number).to_owned();
            Color::Column.paint(style.color, out, digits.as_bytes());
            out.push(separator);
        }
        number_at
    }

    fn plain(&self, out: &mut Vec<u8>, text: &[u8]) {
        if self.leave_out(out, text) {
            return;
        }
        out.extend_from_slice(text);
        if text.last() != Some(&self.search.terminator()) {
            out.extend_from_slice(self.search.terminator_text());
        }
    }

    fn coloured(&self, out: &mut Vec<u8>, text: &[u8], matches: &[Match]) {
        if !self.search.style.color {
            return self.plain(out, text);
        }
        if self.leave_out(out, text) {
            return;
        }
        let text = without_terminator(self.search, text);
        let (mut at, mut is_on) = (0, false);
        for found in matches
            .iter()
            .filter(|found| !found.is_empty() && found.start() < text.len())
        {
            if found.start() > at {
                switch_off(out, &mut is_on);
                out.extend_from_slice(&text[at..found.start()]);
                at = found.start();
            }
            if !is_on {
                out.extend_from_slice(Color::Match.start());
                is_on = true;
            }
            let end = found.end().min(text.len());
            out.extend_from_slice(&text[at..end]);
            at = end;
        }
        switch_off(out, &mut is_on);
        out.extend_from_slice(&text[at..]);
        out.extend_from_slice(self.search.terminator_text());
    }

    /// Whether `text` is too long; then a note stands in its place.
    fn leave_out(&self, out: &mut Vec<u8>, text: &[u8]) -> bool {
        let style = &self.search.style;
        if style.max_columns.is_none_or(|max| text.len() as u64 <= max) {
            return false;
        }
        match (self.match_count, self.is_match) {
            (0, true) => out.extend_from_slice(b"[Omitted long matching line]"),
            (0, false) => out.extend_from_slice(b"[Omitted long context line]"),
            (_, true) if style.only_matching => {
                out.extend_from_slice(b"[Omitted long matching line]");
            }
            (_, false) if style.only_matching => {
                out.extend_from_slice(b"[Omitted long context line]");
            }
            (count, _) => out
                .extend_from_slice(format!("[Omitted long line with {count} matches]").as_bytes()),
        }
        out.extend_from_slice(self.search.terminator_text());
        true
    }
}

fn switch_off(out: &mut Vec<u8>, is_on: &mut bool) {
    if std::mem::take(is_on) {
        out.extend_from_slice(RESET);
    }
}

/// Gives `visit` every match in `line`, which has its terminator if there is one. The end of an input is no place for an empty one.
pub(super) fn each_match(
    search: &Search,
    caches: &mut Caches,
    line: &[u8],
    mut visit: impl FnMut(Match),
) {
    let text = without_terminator(search, line);
    search.condition.find_each(caches, text, |found| {
        if found.start() < line.len() {
            visit(found);
        }
    });
}

/// `line` as expressions see it.
fn without_terminator<'a>(search: &Search, line: &'a [u8]) -> &'a [u8] {
    match line.split_last() {
        Some((last, rest)) if *last == search.terminator() => {
            &line[search.condition.pattern.text(line, &(0..rest.len()))]
        }
        _ => line,
    }
}
