//! Goal: CSV records are those of the strict machine, whatever the kernel, the steps and the cuts, and
//! where both define them those of the `csv` crate.
//!
//! The first three bytes of an input choose the dialect, the number of columns and the cuts.

#![no_main]

use std::ops::Range;

use libfuzzer_sys::fuzz_target;
use tamis_engine::framing::Terminator;
use tamis_engine::kernel::Kernel;
use tamis_formats::csv::{Dialect, Parser, decode, unquote_column};
use tamis_formats::{Block, Fault, Malformed, Totals, Visitor};

fuzz_target!(|data: &[u8]| {
    let Some((&[bits, columns, cut], bytes)) = data.split_first_chunk() else {
        return;
    };
    let dialect = dialect(bits);
    let columns = 1 + usize::from(columns % 5);
    let expected = parse(&mut Parser::strict(dialect, columns), &dialect, bytes, &[]);
    compare_with_crate(&dialect, columns, bytes, &expected);
    // One cut in `cut` of those that are possible; none if it is 0.
    let ends = expected.records.iter().map(|(range, _)| range.end);
    let cuts: Vec<usize> = match usize::from(cut) {
        0 => Vec::new(),
        step => ends
            .step_by(step)
            .filter(|&end| end < bytes.len())
            .collect(),
    };
    for kernel in Kernel::available() {
        for steps in [None, Some(1), Some(3), Some(64)] {
            let parser = Parser::new(dialect, columns, kernel);
            let mut parser = match steps {
                None => parser,
                Some(steps) => parser.in_steps_of(steps),
            };
            let found = parse(&mut parser, &dialect, bytes, &cuts);
            assert_eq!(found, expected, "{kernel:?} {steps:?} {cuts:?} {dialect:?}");
        }
    }
});

fn dialect(bits: u8) -> Dialect {
    let has = |bit: u8| bits >> bit & 1 == 1;
    let quote = [Some(b'"'), Some(b'\''), None, Some(b'"')][usize::from(bits & 3)];
    let dialect = Dialect {
        delimiter: if has(2) { b';' } else { b',' },
        quote,
        escape: (has(3) && quote.is_some()).then_some(b'\\'),
        comment: has(4).then_some(b'#'),
        trim: has(5),
        header: false,
        terminator: if has(6) {
            Terminator::CarriageReturn
        } else {
            Terminator::Newline
        },
    };
    dialect.checked().expect("all of these make sense")
}

/// Everything a parser reported, with offsets from the start of the input.
#[derive(Debug, Default, PartialEq)]
struct Found {
    records: Vec<(Range<usize>, Record)>,
    totals: Totals,
}

#[derive(Debug, PartialEq)]
enum Record {
    Row(Vec<Vec<u8>>),
    Malformed(Fault),
}

/// Parses `bytes` as chunks that end at `cuts`.
fn parse(parser: &mut Parser, dialect: &Dialect, bytes: &[u8], cuts: &[usize]) -> Found {
    let mut found = Found::default();
    let mut start = 0;
    for &end in cuts.iter().chain([&bytes.len()]) {
        let mut collector = Collector {
            dialect,
            offset: start,
            found: &mut found,
        };
        let is_last = end == bytes.len();
        let totals = parser.parse(&bytes[start..end], is_last, &mut collector);
        found.totals.rows += totals.rows;
        found.totals.blank_lines += totals.blank_lines;
        found.totals.comments += totals.comments;
        found.totals.newlines += totals.newlines;
        start = end;
    }
    assert_eq!(found.totals.rows, found.records.len() as u64);
    found
}

struct Collector<'c> {
    dialect: &'c Dialect,
    offset: usize,
    found: &'c mut Found,
}

impl Collector<'_> {
    fn push(&mut self, range: Range<usize>, record: Record) {
        let range = range.start + self.offset..range.end + self.offset;
        let before = self.found.records.last().map_or(0, |(range, _)| range.end);
        assert!(
            before <= range.start && !range.is_empty(),
            "{range:?} after {before}"
        );
        self.found.records.push((range, record));
    }
}

impl Visitor for Collector<'_> {
    fn block(&mut self, block: &Block<'_>) {
        assert!(block.rows > 0);
        let mut rows = vec![Vec::new(); block.rows];
        let (mut index, mut scratch) = (Vec::new(), Vec::new());
        for column in 0..block.columns {
            let raw = block.column(column);
            let unquoted = unquote_column(block, column, self.dialect, &mut index);
            for (row, values) in rows.iter_mut().enumerate() {
                let value = decode(raw.field(row), self.dialect, &mut scratch);
                // Text without its quotes is the value, unless it still starts with one.
                if let Some(text) = unquoted.map(|spans| spans.field(row)) {
                    assert!(text == value || text.first().copied() == self.dialect.quote);
                }
                values.push(value.to_vec());
            }
        }
        for (row, values) in rows.into_iter().enumerate() {
            let range = block.record(row);
            let text = &block.bytes[range.clone()];
            assert!(!block.ascii || text.is_ascii());
            assert!(std::str::from_utf8(text).is_ok());
            self.push(range, Record::Row(values));
        }
    }

    fn malformed(&mut self, record: &Malformed<'_>) {
        let fault = match record.fault.clone() {
            Fault::UnclosedQuote { offset } => Fault::UnclosedQuote {
                offset: offset + self.offset,
            },
            Fault::InvalidUtf8 { offset } => Fault::InvalidUtf8 {
                offset: offset + self.offset,
            },
            fault => fault,
        };
        self.push(record.range.clone(), Record::Malformed(fault));
    }
}

/// The `csv` crate's answer, where it has one: it knows no space before a quote, ends a comment at `\n` only,
/// and drops a byte-order mark, which we leave to whoever opens the file.
fn compare_with_crate(dialect: &Dialect, columns: usize, bytes: &[u8], found: &Found) {
    let is_cr = dialect.terminator == Terminator::CarriageReturn;
    if dialect.trim || is_cr && dialect.comment.is_some() || bytes.starts_with(b"\xEF\xBB\xBF") {
        return;
    }
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(dialect.delimiter)
        .quote(dialect.quote.unwrap_or(b'"'))
        .quoting(dialect.quote.is_some())
        .escape(dialect.escape)
        .comment(dialect.comment)
        .from_reader(bytes);
    let mut expected: Vec<csv::ByteRecord> = reader
        .byte_records()
        .map(|record| record.expect("memory can be read"))
        .collect();
    // csv 1.4 reports an empty record for a last comment without `\n`; it is none.
    if expected.len() == found.records.len() + 1 && found.totals.comments > 0 {
        let last = expected.pop().expect("there is one more");
        assert!(last.len() == 1 && last[0].is_empty() && !bytes.ends_with(b"\n"));
    }
    assert_eq!(expected.len(), found.records.len(), "{dialect:?}");
    for (expected, (range, record)) in expected.iter().zip(&found.records) {
        match record {
            Record::Row(values) => assert!(expected.iter().eq(values), "{values:?} {expected:?}"),
            Record::Malformed(Fault::FieldCount { found, .. }) => {
                assert_eq!(*found, expected.len());
                assert_ne!(*found, columns);
            }
            Record::Malformed(Fault::UnclosedQuote { offset }) => {
                assert_eq!(
                    (range.end, Some(bytes[*offset])),
                    (bytes.len(), dialect.quote)
                );
            }
            Record::Malformed(Fault::InvalidUtf8 { offset }) => {
                let error = std::str::from_utf8(&bytes[range.clone()]).expect_err("not UTF-8");
                assert_eq!(range.start + error.valid_up_to(), *offset);
            }
            Record::Malformed(fault) => panic!("{fault:?} in CSV"),
        }
    }
}
