//! Matches and their groups within a line, for those who print it.

use grep_matcher::Match;
use regex_automata::util::captures::Captures as Slots;
use regex_automata::{Input, PatternID};

use super::{Cache, LineMatcher};

/// The groups of a match.
#[derive(Clone, Debug)]
pub struct Captures(Slots);

impl grep_matcher::Captures for Captures {
    fn len(&self) -> usize {
        self.0.group_info().all_group_len()
    }

    fn get(&self, index: usize) -> Option<Match> {
        let span = self.0.get_group(index)?;
        Some(Match::new(span.start, span.end))
    }
}

impl LineMatcher {
    /// The first match at or after `at`.
    ///
    /// What stands before `at` is seen by look-around, and what is after the end of `haystack` is not:
    /// it ends where the line does ([`text`](Self::text)).
    pub fn find_at(&self, cache: &mut Cache, haystack: &[u8], at: usize) -> Option<Match> {
        let input = Input::new(haystack).range(at..);
        let found = self.regex.search_with(&mut cache.regex, &input)?;
        Some(Match::new(found.start(), found.end()))
    }

    /// Room for the groups of a match.
    pub fn captures(&self) -> Captures {
        Captures(self.regex.create_captures())
    }

    /// The number of a named group.
    pub fn capture_index(&self, name: &str) -> Option<usize> {
        self.regex.group_info().to_index(PatternID::ZERO, name)
    }

    /// As [`find_at`](Self::find_at), with the groups; `false` if there is no match.
    pub fn captures_at(
        &self,
        cache: &mut Cache,
        haystack: &[u8],
        at: usize,
        captures: &mut Captures,
    ) -> bool {
        let input = Input::new(haystack).range(at..);
        self.regex
            .search_captures_with(&mut cache.regex, &input, &mut captures.0);
        captures.0.is_match()
    }

    /// Gives `visit` every match at or after `at`, until it returns `false`.
    ///
    /// Matches do not overlap, and an empty one does not touch the one before it.
    pub fn find_each(
        &self,
        cache: &mut Cache,
        haystack: &[u8],
        at: usize,
        mut visit: impl FnMut(Match) -> bool,
    ) {
        let mut walk = Walk::new(at);
        while walk.next <= haystack.len() {
            let Some(found) = self.find_at(cache, haystack, walk.next) else {
                return;
            };
            if walk.accepts(found) && !visit(found) {
                return;
            }
        }
    }

    /// As [`find_each`](Self::find_each), with the groups.
    pub fn captures_each(
        &self,
        cache: &mut Cache,
        haystack: &[u8],
        at: usize,
        captures: &mut Captures,
        mut visit: impl FnMut(&Captures) -> bool,
    ) {
        let mut walk = Walk::new(at);
        while walk.next <= haystack.len() && self.captures_at(cache, haystack, walk.next, captures)
        {
            let span = captures.0.get_match().expect("there is a match").span();
            if walk.accepts(Match::new(span.start, span.end)) && !visit(captures) {
                return;
            }
        }
    }
}

/// From match to match.
struct Walk {
    /// Where the search goes on.
    next: usize,
    last_end: Option<usize>,
}

impl Walk {
    fn new(at: usize) -> Self {
        Self {
            next: at,
            last_end: None,
        }
    }

    /// Goes past `found`; `false` if it is empty and touches the match before it.
    fn accepts(&mut self, found: Match) -> bool {
        self.next = found.end() + usize::from(found.is_empty());
        let touches = found.is_empty() && self.last_end == Some(found.end());
        if !touches {
            self.last_end = Some(found.end());
        }
        !touches
    }
}
