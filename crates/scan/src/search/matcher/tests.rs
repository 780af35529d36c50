//! The matcher against `grep-regex`, one line after the other.

use std::ops::Range;

use grep_matcher::{Captures as _, Matcher};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::search::{Boundary, Cache, Case, LineEnd, LineMatcher, MatcherOptions};

/// Parts of patterns that stand next to each other.
const ATOMS: [&str; 34] = [
    "a",
    "b",
    "A",
    "ab",
    "bA",
    "0",
    "_",
    "é",
    "É",
    "ſ",
    "k",
    ".",
    "\\w",
    "\\d",
    "\\s",
    "\\S",
    "[ab]",
    "[^a]",
    "[A-Z]",
    "[0-9]",
    "\\b",
    "\\B",
    "^",
    "$",
    "\\A",
    "\\z",
    "(?i:ab)",
    "(?:ab|0)",
    "(a|b0)",
    "(?:)",
    "(?s:.)",
    "\\xFF",
    "(?-u:\\xFF)",
    "[a&&b]",
];
const REPEATS: [&str; 8] = ["", "", "", "*", "+", "?", "{2}", "{2,}?"];
const BYTES: [&[u8]; 16] = [
    b"a",
    b"b",
    b"A",
    b"B",
    b"0",
    b"_",
    b" ",
    b"\n",
    b"\n",
    b"\r\n",
    b"\r",
    b"\0",
    b"\xFF",
    "é".as_bytes(),
    "ſ".as_bytes(),
    "\u{212A}".as_bytes(),
];

fn pattern() -> impl Strategy<Value = String> {
    let atom = (select(&ATOMS[..]), select(&REPEATS[..]));
    let branch = vec(atom, 1..4).prop_map(|atoms| {
        let parts = atoms
            .iter()
            .map(|(atom, repeat)| format!("(?:{atom}){repeat}"));
        parts.collect::<String>()
    });
    let plain = vec(select(&["a", "b", "ab", "A", "0"][..]), 1..5).prop_map(|parts| parts.concat());
    prop_oneof![
        3 => branch.clone(),
        2 => plain,
        1 => vec(branch, 2..4).prop_map(|branches| branches.join("|")),
    ]
}

/// A few patterns, or a list of words.
pub(in crate::search) fn patterns() -> impl Strategy<Value = Vec<String>> {
    let word = vec(select(&["a", "b", "k", "A", "0", "é"][..]), 2..7);
    let word = word.prop_map(|parts| parts.concat());
    prop_oneof![3 => vec(pattern(), 1..4), 1 => vec(word, 4..70)]
}

pub(in crate::search) fn options() -> impl Strategy<Value = MatcherOptions> {
    let case = select(vec![Case::Sensitive, Case::Insensitive, Case::Smart]);
    let boundary = select(vec![
        Boundary::None,
        Boundary::None,
        Boundary::Word,
        Boundary::Line,
    ]);
    let line_end = select(vec![LineEnd::Lf, LineEnd::Lf, LineEnd::CrLf, LineEnd::Nul]);
    let flags = (any::<bool>(), prop::bool::weighted(0.8), any::<bool>());
    (case, boundary, line_end, flags).prop_map(|(case, boundary, line_end, flags)| MatcherOptions {
        case,
        boundary,
        line_end,
        fixed_strings: flags.0,
        unicode: flags.1,
        banned: flags.2.then_some(0),
        ..MatcherOptions::default()
    })
}

pub(in crate::search) fn text() -> impl Strategy<Value = Vec<u8>> {
    vec(select(&BYTES[..]), 0..60).prop_map(|parts| parts.concat())
}

/// The lines of `bytes`, without their terminators.
pub(in crate::search) fn lines(bytes: &[u8], terminator: u8) -> Vec<Range<usize>> {
    let mut start = 0;
    let mut lines = Vec::new();
    while start < bytes.len() {
        let end = memchr::memchr(terminator, &bytes[start..]).map_or(bytes.len(), |at| start + at);
        lines.push(start..end);
        start = end + 1;
    }
    lines
}

fn found(matcher: &LineMatcher, cache: &mut Cache, bytes: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(line) = matcher.find_line(cache, bytes, from) {
        from = line.end + 1;
        found.push(line);
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn lines_are_those_of_grep_regex(
        patterns in patterns(),
        options in options(),
        bytes in text(),
    ) {
        let theirs = options.grep_regex().build_many(&patterns);
        let ours = LineMatcher::new(&patterns, &options);
        let (theirs, ours) = match (theirs, ours) {
            (Ok(theirs), Ok(ours)) => (theirs, ours),
            (Err(theirs), Err(ours)) => {
                prop_assert_eq!(theirs.to_string(), ours.to_string());
                return Ok(());
            }
            (theirs, ours) => {
                return Err(TestCaseError::fail(format!("{theirs:?} but {ours:?}")));
            }
        };
        let all = lines(&bytes, ours.line_end().byte());
        let matches = |line: &Range<usize>| {
            theirs.is_match(&bytes[ours.text(&bytes, line)]).expect("no error")
        };
        let expected: Vec<_> = all.iter().filter(|line| matches(line)).cloned().collect();
        let cache = &mut ours.cache();
        prop_assert_eq!(&found(&ours, cache, &bytes), &expected, "{:?}", ours);
        while cache.trust.is_given() {
            cache.trust.disappoint();
        }
        prop_assert_eq!(&found(&ours, cache, &bytes), &expected, "{:?}", ours);

        for line in all {
            let line = &bytes[ours.text(&bytes, &line)];
            let mut expected = Vec::new();
            let mut groups = theirs.new_captures().expect("no error");
            theirs.captures_iter(line, &mut groups, |groups| {
                expected.push((0..groups.len()).map(|index| groups.get(index)).collect::<Vec<_>>());
                true
            }).expect("no error");
            let mut found = Vec::new();
            let mut groups = ours.captures();
            ours.captures_each(cache, line, 0, &mut groups, |groups| {
                found.push((0..groups.len()).map(|index| groups.get(index)).collect::<Vec<_>>());
                true
            });
            prop_assert_eq!(&found, &expected);
            let mut whole = Vec::new();
            ours.find_each(cache, line, 0, |found| { whole.push(Some(found)); true });
            prop_assert_eq!(whole, expected.iter().map(|groups| groups[0]).collect::<Vec<_>>());
        }
    }
}

#[test]
fn there_is_no_line_after_the_last_terminator() {
    for pattern in ["", "^", "$", "^$", "x*"] {
        let options = MatcherOptions::default();
        let matcher = LineMatcher::new(&[pattern.to_owned()], &options).expect("a pattern");
        let cache = &mut matcher.cache();
        assert_eq!(
            found(&matcher, cache, b"a\n").len(),
            usize::from(pattern != "^$")
        );
        assert!(found(&matcher, cache, b"").is_empty());
        assert_eq!(found(&matcher, cache, b"\n"), vec![0..0]);
    }
}
