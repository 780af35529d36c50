//! Finds the next line that matches, in a buffer of whole lines.
//!
//! A [`LineMatcher`] is made once and shared by all threads; each has a [`Cache`] of its own. What a
//! line matches is what ripgrep says of that line alone, without its terminator: no match contains a
//! terminator, so most expressions can be searched for in the whole buffer, and the line is looked
//! for around what was found. The fastest way is chosen when the matcher is made:
//!
//! - one literal is found by `memmem`, several by Aho-Corasick, and what they find is a match;
//! - what every match contains ([`required`]) is looked for if it is rare enough, and the
//!   expression is run on the lines that have it;
//! - otherwise the expression runs over the buffer and stops at the first end of a match;
//! - what matches nothing at the start of every line, or at its end (`^`, `x*`), matches every line;
//! - what depends on where a line starts (`\A`, `^` with `--null-data`) is tried line by line.
//!
//! ```
//! use tamis_scan::search::{LineMatcher, MatcherOptions};
//! let matcher = LineMatcher::new(&["b+".to_owned()], &MatcherOptions::default())?;
//! let mut cache = matcher.cache();
//! assert_eq!(matcher.find_line(&mut cache, b"a\nabb\nc\n", 0), Some(2..5));
//! assert_eq!(matcher.find_line(&mut cache, b"a\nabb\nc\n", 6), None);
//! # Ok::<(), tamis_scan::Error>(())
//! ```

mod within;

use std::ops::Range;

use memchr::{memchr, memrchr};
use regex_automata::{Input, meta};
use regex_syntax::hir::{Hir, Look};
use tamis_engine::kernel::Kernel;

pub use within::Captures;

use super::literals::Literals;
use super::pattern::{LineEnd, MatcherOptions};
use super::required::{required, required_texts, texts};
use super::rewrite::without_word_boundaries;
use super::trust::Trust;
use super::window::{self, Window};
use crate::Result;

/// Decides which lines match, and where in them.
#[derive(Debug)]
pub struct LineMatcher {
    finder: Finder,
    /// Finds candidates, for another finder than literals.
    window: Option<Window>,
    /// In those candidates, at first.
    trust: Trust,
    regex: meta::Regex,
    line_end: LineEnd,
}

/// What a thread needs to search; made by [`LineMatcher::cache`], for that matcher alone.
#[derive(Debug)]
pub struct Cache {
    regex: meta::Cache,
    relaxed: Option<meta::Cache>,
    trust: Trust,
}

/// What finders cost per byte of text, in nanoseconds as in [`Plan`](window::Plan).
const LITERALS_COST: f64 = 0.1;
const REGEX_COST: f64 = 1.8;
const EACH_LINE_COST: f64 = 3.0;

/// How the next matching line is found.
#[derive(Debug)]
enum Finder {
    /// Any of these is a match.
    Literals(Literals),
    /// The expression itself, over the whole buffer.
    Regex,
    /// The expression without its word boundaries, over the whole buffer; then the expression itself
    /// on the line. The automata of `regex-automata` do not know Unicode's word boundaries, and leave
    /// the rest of the buffer to something twenty times slower at the first byte that is not ASCII.
    Relaxed(Box<meta::Regex>),
    /// The expression itself, one line after the other.
    EachLine,
    /// There is nothing to be found out.
    EveryLine,
}

impl LineMatcher {
    /// Reads `patterns`; a line matches if one of them does.
    ///
    /// # Errors
    /// [`Error::Pattern`](crate::Error::Pattern) if one is not a regular expression, asks for a line
    /// terminator, or is too large.
    pub fn new(patterns: &[String], options: &MatcherOptions) -> Result<Self> {
        let hir = options.expression(patterns)?;
        let regex = compiled(&hir, options).ok_or_else(|| options.refusal(patterns))?;
        let mut finder = Finder::new(&hir, options);
        let window = finder.window(&hir, &regex, options.kernel);
        if window.is_none() {
            finder = finder.relaxed(&hir, options);
        }
        let bytes_per_line = window::LINE_COST / finder.cost(&hir, &regex);
        Ok(Self {
            trust: Trust::new(bytes_per_line as usize),
            window,
            finder,
            regex,
            line_end: options.line_end,
        })
    }

    /// What a thread needs to search.
    pub fn cache(&self) -> Cache {
        Cache {
            regex: self.regex.create_cache(),
            relaxed: match &self.finder {
                Finder::Relaxed(regex) => Some(regex.create_cache()),
                _ => None,
            },
            trust: self.trust.clone(),
        }
    }

    /// Whether it is known that there is no line without a match.
    pub fn matches_every_line(&self) -> bool {
        matches!(self.finder, Finder::EveryLine)
    }

    /// What ends a line.
    pub fn line_end(&self) -> LineEnd {
        self.line_end
    }

    /// The next line that matches, without its terminator, at or after `from`.
    ///
    /// `bytes` are whole lines (the last may lack its terminator) and `from` is where one starts: 0, or
    /// the end of a line found plus one. With CRLF the `\r` is part of the range;
    /// [`text`](Self::text) takes it off.
    pub fn find_line(&self, cache: &mut Cache, bytes: &[u8], from: usize) -> Option<Range<usize>> {
        if from >= bytes.len() {
            return None;
        }
        let Some(window) = &self.window else {
            return self.find_without_window(cache, bytes, from);
        };
        let mut start = from;
        while cache.trust.is_given() {
            let Some(hit) = window.find(bytes, start) else {
                cache.trust.pass(bytes.len() - start);
                return None;
            };
            let line = self.line_around(bytes, start, hit);
            cache.trust.pass(line.end - start);
            if self.is_match(cache, &bytes[self.text(bytes, &line)]) {
                return Some(line);
            }
            cache.trust.disappoint();
            start = line.end + 1;
            if start >= bytes.len() {
                return None;
            }
        }
        let found = self.find_without_window(cache, bytes, start);
        let end = found.as_ref().map_or(bytes.len(), |line| line.end);
        cache.trust.pass(end - start);
        found
    }

    /// Where the next line that matches ends: [`find_line`](Self::find_line) for who does not ask where it starts.
    pub(super) fn find_line_end(
        &self,
        cache: &mut Cache,
        bytes: &[u8],
        from: usize,
    ) -> Option<usize> {
        match &self.finder {
            Finder::Literals(literals) if from < bytes.len() => {
                let hit = literals.find(bytes, from)?;
                Some(self.end_of_line(bytes, hit))
            }
            _ => self.find_line(cache, bytes, from).map(|line| line.end),
        }
    }

    fn find_without_window(
        &self,
        cache: &mut Cache,
        bytes: &[u8],
        from: usize,
    ) -> Option<Range<usize>> {
        match &self.finder {
            Finder::Literals(literals) => {
                let hit = literals.find(bytes, from)?;
                Some(self.line_around(bytes, from, hit))
            }
            Finder::Regex => self.find_by(&self.regex, &mut cache.regex, bytes, from),
            Finder::Relaxed(regex) => {
                let mut relaxed = cache.relaxed.take()?;
                let found = self.find_by_relaxed(regex, &mut relaxed, cache, bytes, from);
                cache.relaxed = Some(relaxed);
                found
            }
            Finder::EachLine => self.find_by_lines(cache, bytes, from),
            Finder::EveryLine => Some(self.line_around(bytes, from, from)),
        }
    }

    /// The next line in which a match of `regex` ends.
    fn find_by(
        &self,
        regex: &meta::Regex,
        cache: &mut meta::Cache,
        bytes: &[u8],
        from: usize,
    ) -> Option<Range<usize>> {
        let input = Input::new(bytes).range(from..).earliest(true);
        let end = regex.search_half_with(cache, &input)?;
        let line = self.line_around(bytes, from, end.offset());
        // After the last terminator there is no line, not even an empty one.
        (line.start < bytes.len()).then_some(line)
    }

    fn find_by_relaxed(
        &self,
        regex: &meta::Regex,
        relaxed: &mut meta::Cache,
        cache: &mut Cache,
        bytes: &[u8],
        from: usize,
    ) -> Option<Range<usize>> {
        let mut start = from;
        while start < bytes.len() {
            let line = self.find_by(regex, relaxed, bytes, start)?;
            if self.is_match(cache, &bytes[self.text(bytes, &line)]) {
                return Some(line);
            }
            start = line.end + 1;
        }
        None
    }

    fn find_by_lines(&self, cache: &mut Cache, bytes: &[u8], from: usize) -> Option<Range<usize>> {
        let mut start = from;
        while start < bytes.len() {
            let line = self.line_around(bytes, start, start);
            if self.is_match(cache, &bytes[self.text(bytes, &line)]) {
                return Some(line);
            }
            start = line.end + 1;
        }
        None
    }

    /// The line of which `at` is a byte or the end; it starts at or after `from`.
    #[inline]
    fn line_around(&self, bytes: &[u8], from: usize, at: usize) -> Range<usize> {
        let terminator = self.line_end.byte();
        let start = memrchr(terminator, &bytes[from..at]).map_or(from, |before| from + before + 1);
        start..self.end_of_line(bytes, at)
    }

    /// Where the line of which `at` is a byte or the end ends, without its terminator.
    #[inline]
    fn end_of_line(&self, bytes: &[u8], at: usize) -> usize {
        memchr(self.line_end.byte(), &bytes[at..]).map_or(bytes.len(), |after| at + after)
    }

    /// The part of a line of `bytes` that is matched: without the `\r` of its CRLF.
    pub fn text(&self, bytes: &[u8], line: &Range<usize>) -> Range<usize> {
        let carriage_return = self.line_end == LineEnd::CrLf
            && line.end < bytes.len()
            && bytes[line.clone()].ends_with(b"\r");
        line.start..line.end - usize::from(carriage_return)
    }

    /// Whether the [`text`](Self::text) of a line matches.
    pub fn is_match(&self, cache: &mut Cache, text: &[u8]) -> bool {
        let input = Input::new(text).earliest(true);
        self.regex
            .search_half_with(&mut cache.regex, &input)
            .is_some()
    }
}

impl Finder {
    fn new(hir: &Hir, options: &MatcherOptions) -> Self {
        if let Some(literals) = texts(hir).and_then(Literals::new) {
            return Finder::Literals(literals);
        }
        if matches_every_line(hir, options.line_end) {
            Finder::EveryLine
        } else if depends_on_buffer(hir, options.line_end) {
            Finder::EachLine
        } else {
            Finder::Regex
        }
    }

    /// Without what an automaton cannot do, where it is in the way.
    fn relaxed(self, hir: &Hir, options: &MatcherOptions) -> Self {
        match self {
            Finder::Regex if hir.properties().look_set().contains_word_unicode() => {
                let relaxed = compiled(&without_word_boundaries(hir), options);
                relaxed.map_or(Finder::Regex, |regex| Finder::Relaxed(Box::new(regex)))
            }
            other => other,
        }
    }

    /// Nanoseconds per byte of text.
    fn cost(&self, hir: &Hir, regex: &meta::Regex) -> f64 {
        let is_slow = hir.properties().look_set().contains_word_unicode();
        match self {
            Finder::Literals(_) | Finder::EveryLine => LITERALS_COST,
            Finder::EachLine => EACH_LINE_COST,
            // By texts that it looks for, which are no better than ours.
            _ if regex.is_accelerated() && !is_slow => required_texts(hir)
                .map_or(REGEX_COST, |plan| plan.cost)
                .clamp(LITERALS_COST, REGEX_COST),
            _ => REGEX_COST,
        }
    }

    /// What finds candidates, if that is cheaper.
    fn window(&self, hir: &Hir, regex: &meta::Regex, kernel: Kernel) -> Option<Window> {
        if let Finder::Literals(_) | Finder::EveryLine = self {
            return None;
        }
        let plan = required(hir).filter(|plan| plan.cost < self.cost(hir, regex));
        plan.and_then(|plan| plan.window(kernel))
    }
}

/// `None` if it becomes too large.
fn compiled(hir: &Hir, options: &MatcherOptions) -> Option<meta::Regex> {
    let config = meta::Config::new()
        .utf8_empty(false)
        .nfa_size_limit(Some(options.size_limit_bytes))
        .onepass_size_limit(Some(10 << 20))
        .dfa_size_limit(Some(1 << 20))
        .dfa_state_limit(Some(1000))
        .hybrid_cache_capacity(options.states_limit_bytes);
    meta::Builder::new()
        .configure(config)
        .build_from_hir(hir)
        .ok()
}

/// Whether `hir` matches the empty text where every line starts, or where every line ends.
fn matches_every_line(hir: &Hir, line_end: LineEnd) -> bool {
    let starts = [Look::Start, Look::StartLF];
    let ends = [Look::End, Look::EndLF];
    let looks = hir.properties().look_set();
    let are_all = |looks_met: [Look; 2]| looks.iter().all(|look| looks_met.contains(&look));
    line_end == LineEnd::Lf
        && hir.properties().minimum_len() == Some(0)
        && (are_all(starts) || are_all(ends))
}

/// Whether `hir` may match in a buffer of lines where it does not in one of them alone.
///
/// Word boundaries are the same in both: a terminator is no word character, and neither is the end of
/// the text. But an empty match between the `\r` and the `\n` that end a line is in no line.
fn depends_on_buffer(hir: &Hir, line_end: LineEnd) -> bool {
    let looks = hir.properties().look_set();
    looks.contains_anchor_haystack()
        || match line_end {
            LineEnd::Lf => false,
            LineEnd::CrLf => {
                looks.contains_word() && hir.properties().minimum_len().is_none_or(|len| len == 0)
            }
            LineEnd::Nul => looks.contains_anchor_line(),
        }
}

#[cfg(test)]
pub(super) mod tests;
