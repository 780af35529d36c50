//! Which lines are looked for: those of a pattern, narrowed by further ones.

use std::ops::Range;

use grep_matcher::Match;

use super::matcher::{Cache, Captures, LineMatcher};
use super::pattern::LineEnd;

/// A line is looked for if the pattern matches, all of `and` do, and none of `not` does, or, inverted, if that is not so.
#[derive(Debug)]
pub struct Condition {
    /// What is looked for, shown and coloured.
    pub pattern: LineMatcher,
    /// What a line must match as well.
    pub and: Vec<LineMatcher>,
    /// What a line must not match.
    pub not: Vec<LineMatcher>,
    /// Lines that do not fulfil all this are looked for.
    pub inverted: bool,
}

/// What a thread needs to decide.
#[derive(Debug)]
pub(super) struct Caches {
    pattern: Cache,
    and: Vec<Cache>,
    not: Vec<Cache>,
    pub(super) captures: Captures,
}

impl Condition {
    /// The condition that a line matches `pattern`.
    pub fn of(pattern: LineMatcher) -> Self {
        Self {
            pattern,
            and: Vec::new(),
            not: Vec::new(),
            inverted: false,
        }
    }

    pub(super) fn caches(&self) -> Caches {
        let all = |matchers: &[LineMatcher]| matchers.iter().map(LineMatcher::cache).collect();
        Caches {
            pattern: self.pattern.cache(),
            and: all(&self.and),
            not: all(&self.not),
            captures: self.pattern.captures(),
        }
    }

    /// Whether every line fulfils the condition, as if it were not inverted.
    pub(super) fn is_always_met(&self) -> bool {
        self.pattern.matches_every_line() && self.and.is_empty() && self.not.is_empty()
    }

    pub(super) fn line_end(&self) -> LineEnd {
        self.pattern.line_end()
    }

    /// The next line at or behind `from`, where one starts, that fulfils the condition as if it were not inverted; without its
    /// terminator.
    pub(super) fn find_line(
        &self,
        caches: &mut Caches,
        bytes: &[u8],
        mut from: usize,
    ) -> Option<Range<usize>> {
        loop {
            let line = self.pattern.find_line(&mut caches.pattern, bytes, from)?;
            if self.is_kept(caches, &bytes[self.pattern.text(bytes, &line)]) {
                return Some(line);
            }
            from = line.end + 1;
        }
    }

    /// Where that line ends.
    pub(super) fn find_line_end(
        &self,
        caches: &mut Caches,
        bytes: &[u8],
        from: usize,
    ) -> Option<usize> {
        if self.and.is_empty() && self.not.is_empty() {
            self.pattern.find_line_end(&mut caches.pattern, bytes, from)
        } else {
            self.find_line(caches, bytes, from).map(|line| line.end)
        }
    }

    fn is_kept(&self, caches: &mut Caches, line: &[u8]) -> bool {
        let mut and = self.and.iter().zip(&mut caches.and);
        let mut not = self.not.iter().zip(&mut caches.not);
        and.all(|(matcher, cache)| matcher.is_match(cache, line))
            && !not.any(|(matcher, cache)| matcher.is_match(cache, line))
    }

    /// Gives `visit` every match of the pattern in `line`, which has no terminator.
    pub(super) fn find_each(&self, caches: &mut Caches, line: &[u8], mut visit: impl FnMut(Match)) {
        self.pattern
            .find_each(&mut caches.pattern, line, 0, |found| {
                visit(found);
                true
            });
    }

    /// The same with the groups of each match.
    pub(super) fn captures_each(
        &self,
        caches: &mut Caches,
        line: &[u8],
        mut visit: impl FnMut(&Captures),
    ) {
        let Caches {
            pattern, captures, ..
        } = caches;
        self.pattern
            .captures_each(pattern, line, 0, captures, |captures| {
                visit(captures);
                true
            });
    }
}
