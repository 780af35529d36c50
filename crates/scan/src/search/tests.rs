//! The same rows however an input is cut, and the rows that a plain loop over its lines gives.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use tamis_engine::control::{Cancel, Progress};
use tamis_engine::kernel::Kernel;
use tamis_engine::sink::MemorySink;
use tamis_engine::source::MemorySource;

use super::input::Origin;
use super::name::Name;
use super::one;
use super::*;

fn search_for(pattern: &str) -> Search {
    let options = MatcherOptions::default();
    let pattern = LineMatcher::new(&[pattern.to_owned()], &options).expect("a good pattern");
    Search {
        condition: Condition::of(pattern),
        multiline: None,
        report: Report::Lines,
        before: 0,
        after: 0,
        max_count: None,
        line_numbers: true,
        stats: false,
        binary: BinaryFiles::Text,
        style: Style::default(),
    }
}

/// What a search of `text` prints, with so many threads and such chunks.
fn printed(search: &Search, text: &[u8], threads: usize, chunk_bytes: usize) -> Vec<u8> {
    let reading = Reading {
        threads,
        chunk_bytes,
        line_bytes_max: 1 << 20,
        kernel: Kernel::detect(),
        cancel: Cancel::new(),
        progress: Progress::new(),
        extent: Extent::All,
        unpacks: false,
    };
    let source = MemorySource::new("text", text.to_vec());
    let name = Name::new(b"text", search);
    let (sink, rows) = MemorySink::new("-");
    let output = Output::new(Box::new(sink), Vec::new(), false);
    let place = output.input();
    one::search(search, &source, &name, Origin::Named, &reading, place)
        .expect("memory is readable");
    output.finish().expect("memory takes everything");
    rows.bytes().expect("it is finished").to_vec()
}

/// The same by a loop: lines that are wanted, and those around them.
fn expected(search: &Search, text: &[u8], is_wanted: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    if lines.last().is_some_and(|last| last.is_empty()) {
        lines.pop();
    }
    let inverted = search.condition.inverted;
    let wanted: Vec<bool> = lines
        .iter()
        .map(|line| is_wanted(line) != inverted)
        .collect();
    let limit = search.max_count.map_or(usize::MAX, |limit| limit as usize);
    let counted: Vec<usize> = (0..lines.len())
        .filter(|&at| wanted[at])
        .take(limit)
        .collect();
    let is_shown = |at: usize| {
        counted
            .iter()
            .any(|&found| at + search.before >= found && at <= found + search.after)
    };
    let mut out = Vec::new();
    let mut last = None;
    for at in (0..lines.len()).filter(|&at| is_shown(at)) {
        let is_gap = last.is_some_and(|last| last + 1 < at);
        if is_gap && search.before + search.after > 0 {
            out.extend_from_slice(b"--\n");
        }
        last = Some(at);
        let separator = if wanted[at] { ':' } else { '-' };
        out.extend_from_slice(format!("{}{separator}", at + 1).as_bytes());
        out.extend_from_slice(lines[at]);
        out.push(b'\n');
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn rows_are_those_of_a_loop_over_lines(
        text in vec(select(b"ab\n\n x".to_vec()), 0..120),
        (before, after) in (0..4usize, 0..4usize),
        max_count in proptest::option::of(1..4u64),
        inverted: bool,
        threads in 1..5usize,
        chunk_bytes in select(vec![1usize, 2, 3, 7, 64, 4096]),
    ) {
        let mut search = search_for("a b?");
        search.condition.inverted = inverted;
        (search.before, search.after, search.max_count) = (before, after, max_count);
        let is_wanted = |line: &[u8]| line.windows(2).any(|two| two == b"a ");
        let rows = printed(&search, &text, threads, chunk_bytes);
        let expected = expected(&search, &text, is_wanted);
        prop_assert_eq!(
            String::from_utf8_lossy(&rows),
            String::from_utf8_lossy(&expected)
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    /// Goal: parts that leave the rest of their chunk to the merge change nothing.
    #[test]
    fn many_rows_are_the_same_in_any_chunks(
        line in "[a-c]{0,3}",
        report in select(vec![Report::Lines, Report::Json]),
        (before, columns, only_matching) in (0..2usize, any::<bool>(), any::<bool>()),
    ) {
        let text = format!("{line}\nb\n").repeat(20_000);
        let mut search = search_for("b");
        search.report = report;
        search.before = before;
        search.style.columns = columns;
        search.style.only_matching = only_matching;
        let rows = |threads, chunk_bytes| {
            let rows = printed(&search, text.as_bytes(), threads, chunk_bytes);
            let text = String::from_utf8(rows).expect("it is text");
            // The last line tells the time.
            let end = text.trim_end().rfind('\n').unwrap_or(0);
            text[..end].to_owned()
        };
        let whole = rows(1, 1 << 20);
        prop_assert!(rows(2, 1 << 20) == whole);
        prop_assert!(rows(3, 1000) == whole);
    }
}
