//! Patterns that are text: which one comes next.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind, Span, StartKind, packed};
use memchr::memmem;

use super::grams::Grams;
use super::text::Text;

/// Up to so many texts Teddy is faster than sampling.
const TEDDY_MAX: usize = 56;
/// Up to so many texts without case a run of classes is faster.
const CLASSES_MAX: usize = 8;
/// What a table of all transitions costs per byte, in nanoseconds.
const TABLE_COST: f64 = 1.6;
/// Bytes of patterns up to which an automaton is such a table: for about 300 bytes of it per byte of
/// pattern it has twice the speed of the compact form.
const TABLE_PATTERN_BYTES_MAX: usize = 128 << 10;

/// Finds any of several texts.
#[derive(Debug)]
pub(super) enum Literals {
    One(Box<memmem::Finder<'static>>),
    Few(packed::Searcher),
    Sampled(Box<Grams>),
    Automaton(AhoCorasick),
}

impl Literals {
    /// `None` if they are too many, or none, or one is empty; with letters of either case also if they
    /// are few, for which there is a better way, or some are too short or too common.
    pub(super) fn new(mut texts: Vec<Text>) -> Option<Self> {
        if !texts.iter().all(Text::is_plain) {
            texts.sort_unstable();
            texts.dedup();
            return Self::sampled(&texts).filter(|_| texts.len() > CLASSES_MAX);
        }
        // Teddy makes better use of texts in no particular order.
        let few = Self::few(&texts);
        texts.sort_unstable();
        // A text that starts with another is found when that one is.
        texts.dedup_by(|text, shorter| text.bytes.starts_with(&shorter.bytes));
        match &texts[..] {
            [] => None,
            [text, ..] if text.bytes.is_empty() => None,
            [text] => {
                let finder = memmem::Finder::new(&text.bytes).into_owned();
                Some(Literals::One(Box::new(finder)))
            }
            _ => few
                .or_else(|| Self::sampled(&texts))
                .or_else(|| Self::automaton(&texts)),
        }
    }

    /// `None` if they are too many, or the CPU lacks the instructions.
    fn few(texts: &[Text]) -> Option<Self> {
        if texts.len() > TEDDY_MAX {
            return None;
        }
        let mut builder = packed::Config::new().builder();
        builder.extend(texts.iter().map(|text| &text.bytes));
        builder.build().map(Literals::Few)
    }

    /// `None` if some are too short or too common.
    fn sampled(texts: &[Text]) -> Option<Self> {
        let grams = Grams::new(texts).filter(|grams| grams.cost() < TABLE_COST)?;
        Some(Literals::Sampled(Box::new(grams)))
    }

    /// `None` if they are too many.
    fn automaton(texts: &[Text]) -> Option<Self> {
        let bytes: usize = texts.iter().map(|text| text.bytes.len()).sum();
        let kind = (bytes <= TABLE_PATTERN_BYTES_MAX).then_some(AhoCorasickKind::DFA);
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .start_kind(StartKind::Unanchored)
            .kind(kind)
            .build(texts.iter().map(|text| &text.bytes));
        automaton.ok().map(Literals::Automaton)
    }

    /// Where one of them starts, at or after `from`, in the first line that has one.
    ///
    /// `from` is the start of a line, and no text contains the end of one.
    #[inline]
    pub(super) fn find(&self, bytes: &[u8], from: usize) -> Option<usize> {
        match self {
            Literals::One(finder) => finder.find(&bytes[from..]).map(|at| from + at),
            Literals::Few(searcher) => {
                let span = Span::from(from..bytes.len());
                searcher.find_in(bytes, span).map(|found| found.start())
            }
            Literals::Sampled(grams) => grams.find(bytes, from),
            Literals::Automaton(automaton) => {
                let input = aho_corasick::Input::new(bytes).range(from..);
                automaton.find(input).map(|found| found.start())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_way_finds_the_first_line(
            texts in vec("[abc]{2,9}", 2..20),
            bytes in "[abc\n]{0,300}",
        ) {
            let (bytes, texts) = (bytes.as_bytes(), texts.iter().map(String::as_bytes));
            let texts: Vec<_> = texts.map(Text::plain).collect();
            let start = |at: &usize| texts.iter().any(|text| text.starts(&bytes[*at..]));
            let lines = |at: usize| memchr::memchr_iter(b'\n', &bytes[..at]).count();
            let expected = (0..bytes.len()).find(start).map(lines);
            let grams = Grams::new(&texts).expect("texts of two bytes");
            let ways = [
                Literals::new(texts.clone()),
                Literals::few(&texts),
                Some(Literals::Sampled(Box::new(grams))),
                Literals::automaton(&texts),
            ];
            for way in ways.into_iter().flatten() {
                prop_assert_eq!(way.find(bytes, 0).map(lines), expected, "{:?}", way);
            }
        }
    }
}
