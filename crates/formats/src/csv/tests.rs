//! Records and values equal the `csv` crate's, however they were found and wherever a chunk was cut.

use std::ops::Range;

use proptest::collection::vec;
use proptest::prelude::*;
use tamis_engine::framing::Terminator;
use tamis_engine::kernel::Kernel;

use super::parser::Pace;
use super::splitter::{Piece, Splitter};
use super::{Dialect, Parser, decode, fields, unquote_column, write_field};
use crate::{Block, Fault, Malformed, Totals, Visitor};

/// One record as the parser reported it, with offsets from the start of the input.
#[derive(Clone, Debug, PartialEq)]
enum Record {
    Row(Vec<Vec<u8>>),
    Malformed(Fault),
}

/// Everything a parser reported. Ranges are there to show that no byte is owned twice or lost.
#[derive(Debug, Default, PartialEq)]
struct Collected {
    records: Vec<(Range<usize>, Record)>,
    totals: Totals,
    /// Offset of the chunk in the input.
    offset: usize,
}

struct Collector<'c> {
    dialect: &'c Dialect,
    collected: &'c mut Collected,
}

impl Visitor for Collector<'_> {
    fn block(&mut self, block: &Block<'_>) {
        assert!(block.rows > 0, "no empty blocks");
        let mut rows = vec![Vec::new(); block.rows];
        let (mut index, mut scratch) = (Vec::new(), Vec::new());
        for column in 0..block.columns {
            let raw = block.column(column);
            let spans = unquote_column(block, column, self.dialect, &mut index).unwrap_or(raw);
            for (row, values) in rows.iter_mut().enumerate() {
                let entry = spans.first + row * spans.stride;
                let start = spans.index[entry].wrapping_add(1) as usize;
                let mut value = &block.bytes[start..spans.index[entry + 1] as usize];
                if spans.trim_cr {
                    value = value.strip_suffix(b"\r").unwrap_or(value);
                }
                // A span that starts with a quote is raw; any other is the value.
                if value.first().copied() == block.quote && block.quote.is_some() {
                    value = decode(value, self.dialect, &mut scratch);
                }
                values.push(value.to_vec());
            }
        }
        for (row, values) in rows.into_iter().enumerate() {
            let range = block.record(row);
            assert!(!block.ascii || block.bytes[range.clone()].is_ascii());
            assert!(std::str::from_utf8(&block.bytes[range.clone()]).is_ok());
            self.push(range, Record::Row(values));
        }
    }

    fn malformed(&mut self, record: &Malformed<'_>) {
        let offset = self.collected.offset;
        let fault = match record.fault.clone() {
            Fault::UnclosedQuote { offset: at } => Fault::UnclosedQuote {
                offset: at + offset,
            },
            Fault::InvalidUtf8 { offset: at } => Fault::InvalidUtf8 {
                offset: at + offset,
            },
            fault => fault,
        };
        self.push(record.range.clone(), Record::Malformed(fault));
    }
}

impl Collector<'_> {
    fn push(&mut self, range: Range<usize>, record: Record) {
        let range = range.start + self.collected.offset..range.end + self.collected.offset;
        let end = self
            .collected
            .records
            .last()
            .map_or(0, |(range, _)| range.end);
        assert!(
            end <= range.start && !range.is_empty(),
            "{range:?} after {end}"
        );
        self.collected.records.push((range, record));
    }
}

const SMALL_PACES: [Pace; 3] = [
    Pace {
        block_bytes: 1,
        window_bytes_max: 1,
        window_bytes_min: 1,
        strict_bytes: 0,
    },
    Pace {
        block_bytes: 20,
        window_bytes_max: 16,
        window_bytes_min: 3,
        strict_bytes: 4,
    },
    Pace {
        block_bytes: 3000,
        window_bytes_max: 500,
        window_bytes_min: 100,
        strict_bytes: 0,
    },
];

/// Parses `bytes` cut at `cuts`.
fn parse_cut(parser: &mut Parser, dialect: &Dialect, bytes: &[u8], cuts: &[usize]) -> Collected {
    let mut collected = Collected::default();
    let mut totals = Totals::default();
    let mut start = 0;
    for &end in cuts.iter().chain([&bytes.len()]) {
        collected.offset = start;
        let is_last = end == bytes.len();
        let found = parser.parse(
            &bytes[start..end],
            is_last,
            &mut Collector {
                dialect,
                collected: &mut collected,
            },
        );
        totals.rows += found.rows;
        totals.blank_lines += found.blank_lines;
        totals.comments += found.comments;
        totals.newlines += found.newlines;
        start = end;
    }
    assert_eq!(totals.rows, collected.records.len() as u64);
    Collected {
        totals,
        offset: 0,
        ..collected
    }
}

/// Parses `bytes` in every way there is, and gives the answer they must all give.
fn parse(dialect: &Dialect, columns: usize, bytes: &[u8]) -> Collected {
    let strict = parse_cut(&mut Parser::strict(*dialect, columns), dialect, bytes, &[]);
    for kernel in Kernel::available() {
        let mut parser = Parser::new(*dialect, columns, kernel);
        let found = parse_cut(&mut parser, dialect, bytes, &[]);
        assert_eq!(found, strict, "{kernel:?}");
        for pace in SMALL_PACES {
            // A window of one byte is for inputs of a few.
            if bytes.len() > 1000 * pace.window_bytes_max {
                continue;
            }
            let mut parser = Parser::new(*dialect, columns, kernel).at_pace(pace);
            let found = parse_cut(&mut parser, dialect, bytes, &[]);
            assert_eq!(found, strict, "{kernel:?} {pace:?}");
        }
    }
    strict
}

fn oracle(dialect: &Dialect, bytes: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(dialect.delimiter)
        .quote(dialect.quote.unwrap_or(b'"'))
        .quoting(dialect.quote.is_some())
        .escape(dialect.escape)
        .comment(dialect.comment)
        .trim(if dialect.trim {
            csv::Trim::All
        } else {
            csv::Trim::None
        })
        .from_reader(bytes);
    let records = reader.byte_records().map(Result::unwrap);
    records
        .map(|record| record.iter().map(<[u8]>::to_vec).collect())
        .collect()
}

/// Holds what was collected to the `csv` crate's answer, and accounts for every byte.
fn check(dialect: &Dialect, columns: usize, bytes: &[u8], found: &Collected) {
    let mut expected = oracle(dialect, bytes);
    let mut position = 0;
    let (mut blank_lines, mut comments) = (0, 0);
    let splitter = Splitter::new(dialect);
    for (number, (range, record)) in found.records.iter().enumerate() {
        // Between the records stand blank lines and comments, nothing else.
        while position < range.start {
            let (piece, end) = splitter.next(bytes, position, &mut Vec::new());
            blank_lines += u64::from(piece == Piece::BlankLine);
            comments += u64::from(piece == Piece::Comment);
            assert!(matches!(piece, Piece::BlankLine | Piece::Comment));
            position = end;
        }
        assert_eq!(position, range.start);
        position = range.end;
        let raw = &bytes[range.clone()];
        let expected = std::mem::take(&mut expected[number]);
        let raw_fields = fields(raw, dialect).count();
        assert_eq!(raw_fields, expected.len());
        match record {
            Record::Row(values) => assert_eq!(values, &expected),
            Record::Malformed(Fault::FieldCount {
                found,
                expected: wanted,
            }) => {
                assert_eq!((*found, *wanted), (expected.len(), columns));
                assert_ne!(found, wanted);
                assert!(std::str::from_utf8(raw).is_ok());
            }
            Record::Malformed(Fault::UnclosedQuote { offset }) => {
                assert_eq!(range.end, bytes.len());
                assert_eq!(Some(bytes[*offset]), dialect.quote);
            }
            Record::Malformed(Fault::InvalidUtf8 { offset }) => {
                let error = std::str::from_utf8(raw).unwrap_err();
                assert_eq!(range.start + error.valid_up_to(), *offset);
            }
            Record::Malformed(fault) => panic!("{fault:?}"),
        }
    }
    while position < bytes.len() {
        let (piece, end) = splitter.next(bytes, position, &mut Vec::new());
        blank_lines += u64::from(piece == Piece::BlankLine);
        comments += u64::from(piece == Piece::Comment);
        assert!(matches!(piece, Piece::BlankLine | Piece::Comment));
        // csv 1.4 reports an empty record for a last comment without `\n`; it is none.
        if piece == Piece::Comment && end == bytes.len() && !bytes.ends_with(b"\n") {
            assert_eq!(expected.pop(), Some(vec![Vec::new()]));
        }
        position = end;
    }
    assert_eq!(expected.len(), found.records.len());
    assert_eq!(
        (blank_lines, comments),
        (found.totals.blank_lines, found.totals.comments)
    );
    assert_eq!(found.totals.newlines, dialect.count_line_ends(bytes));
}

fn awkward_bytes() -> impl Strategy<Value = Vec<u8>> {
    let byte = proptest::sample::select(b"ab,,\"\"\n\r\\#\0\xC3\xA9".to_vec());
    vec(byte, 0..60)
}

fn dialects() -> impl Strategy<Value = Dialect> {
    let quote = prop_oneof![Just(Some(b'"')), Just(Some(b'a')), Just(None)];
    (quote, any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(quote, escape, comment, cr)| {
        Dialect {
            quote,
            escape: (escape && quote.is_some()).then_some(b'\\'),
            comment: comment.then_some(b'#'),
            // A comment ends at `\r` in such a file, which is where the `csv` crate differs.
            terminator: if cr && !comment {
                Terminator::CarriageReturn
            } else {
                Terminator::Newline
            },
            ..Dialect::csv()
        }
    })
}

/// Lines that are mostly clean, long enough for several blocks, with something awkward now and then.
fn long_input() -> impl Strategy<Value = (usize, Vec<u8>)> {
    let columns = 1..5_usize;
    let stretches = vec((0..4000_usize, any::<u64>(), awkward_bytes()), 1..5);
    (columns, stretches, any::<bool>()).prop_map(|(columns, stretches, crlf)| {
        let mut bytes = Vec::new();
        for (rows, seed, awkward) in stretches {
            let mut random = fastrand::Rng::with_seed(seed);
            for _ in 0..rows {
                for column in 0..columns {
                    if column > 0 {
                        bytes.push(b',');
                    }
                    let field = match random.u8(..) {
                        0..10 => "\"quoted, with a \"\"comma\"\"\r\nand more\"",
                        10..20 => "\"plain\"",
                        20..22 => "\u{e9}t\u{e9}",
                        22..120 => "12345.67",
                        _ => "x",
                    };
                    bytes.extend_from_slice(field.as_bytes());
                }
                bytes.extend_from_slice(if crlf { b"\r\n" } else { b"\n" });
            }
            bytes.extend_from_slice(&awkward);
            if random.bool() {
                bytes.push(b'\n');
            }
        }
        (columns, bytes)
    })
}

/// `cases` of a property; `TAMIS_SOAK=n` has `n` times as many.
fn cases(cases: u32) -> ProptestConfig {
    let factor = std::env::var("TAMIS_SOAK")
        .ok()
        .and_then(|factor| factor.parse().ok());
    ProptestConfig::with_cases(cases * factor.unwrap_or(1))
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn awkward_input_reads_as_in_the_csv_crate(
        bytes in awkward_bytes(),
        dialect in dialects(),
        columns in 1..4_usize,
    ) {
        check(&dialect, columns, &bytes, &parse(&dialect, columns, &bytes));
    }

    /// The `csv` crate knows no spaces before a quote; that the paths agree is what can be asked.
    #[test]
    fn trimmed_input_reads_the_same_either_way(
        bytes in vec(proptest::sample::select(b"ab,,\"\"\n\r#  \t".to_vec()), 0..60),
        comment: bool,
        columns in 1..4_usize,
    ) {
        let comment = comment.then_some(b'#');
        parse(&Dialect { trim: true, comment, ..Dialect::csv() }, columns, &bytes);
    }

    #[test]
    fn cutting_between_records_changes_nothing(
        bytes in awkward_bytes(),
        dialect in dialects(),
        columns in 1..4_usize,
    ) {
        let whole = parse(&dialect, columns, &bytes);
        let splitter = Splitter::new(&dialect);
        let mut parser = Parser::new(dialect, columns, Kernel::detect());
        let mut cut = 0;
        while cut < bytes.len() {
            cut = splitter.next(&bytes, cut, &mut Vec::new()).1;
            prop_assert_eq!(&parse_cut(&mut parser, &dialect, &bytes, &[cut]), &whole);
        }
    }

    #[test]
    fn written_fields_are_read_back(value in awkward_bytes(), dialect in dialects()) {
        let mut field = Vec::new();
        write_field(&value, &dialect, &mut field);
        field.push(b'\n');
        let found = parse(&Dialect { comment: None, ..dialect }, 1, &field);
        prop_assert_eq!(found.totals.rows, u64::from(dialect.quote.is_some() || !value.is_empty()));
        if dialect.quote.is_some() && std::str::from_utf8(&value).is_ok() {
            prop_assert_eq!(&found.records[0].1, &Record::Row(vec![value]));
        }
    }
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn long_input_reads_as_in_the_csv_crate((columns, bytes) in long_input()) {
        check(&Dialect::csv(), columns, &bytes, &parse(&Dialect::csv(), columns, &bytes));
    }
}

#[test]
fn files_people_have() {
    let ten_megabytes = format!("a,\"{}\"\nb,c", "x\n".repeat(5 << 20));
    let files = [
        "",
        "\n",
        "a,b",
        "a,b\n",
        "a,b\r\r\nc,d\r\n",
        "a,b\rc,d\r",
        "a,5\" pipe\nb,c\n",
        "a,\"never closed\nb,c\n",
        "a,\"b\" c\n",
        "\"\",\n,\"\"\n",
        "\0,\0\n",
        "a,",
        "a,b\n\n\nc,d\n",
        &ten_megabytes,
    ];
    for file in files {
        for columns in [1, 2] {
            let dialect = Dialect::csv();
            check(
                &dialect,
                columns,
                file.as_bytes(),
                &parse(&dialect, columns, file.as_bytes()),
            );
        }
    }
}

#[test]
fn a_comment_may_hold_quotes() {
    let dialect = Dialect {
        comment: Some(b'#'),
        ..Dialect::csv()
    };
    let bytes = b"#it's 5\" wide\na,b\n# \"\nc,#\"d\n#";
    let found = parse(&dialect, 2, bytes);
    check(&dialect, 2, bytes, &found);
    assert_eq!((found.totals.rows, found.totals.comments), (2, 3));
}

#[test]
fn in_one_column_a_blank_line_is_no_record_and_quotes_are_one() {
    let found = parse(&Dialect::csv(), 1, b"a\n\n\"\"\r\n\r\nb\n");
    let values: Vec<_> = found
        .records
        .into_iter()
        .map(|(_, record)| record)
        .collect();
    let row = |value: &str| Record::Row(vec![value.into()]);
    assert_eq!(values, [row("a"), row(""), row("b")]);
    assert_eq!(found.totals.blank_lines, 2);
}

#[test]
fn only_the_records_with_bad_bytes_are_malformed() {
    let found = parse(
        &Dialect::csv(),
        2,
        b"a,b\n\xFF,c\nd,e\nf,g\xC3\nh,\xC3\xA9\ni\xFF\n",
    );
    let row = |a: &str, b: &str| Record::Row(vec![a.into(), b.into()]);
    let bad = |offset| Record::Malformed(Fault::InvalidUtf8 { offset });
    let records: Vec<_> = found
        .records
        .into_iter()
        .map(|(_, record)| record)
        .collect();
    let expected = [
        row("a", "b"),
        bad(4),
        row("d", "e"),
        bad(15),
        row("h", "\u{e9}"),
        bad(23),
    ];
    assert_eq!(records, expected);
}

#[test]
fn an_unclosed_quote_is_named_by_its_offset() {
    let dialect = Dialect {
        trim: true,
        ..Dialect::csv()
    };
    let found = parse(&dialect, 2, b"a,b\nc,  \"d\ne");
    let (range, record) = found.records.last().unwrap();
    assert_eq!(*range, 4..12);
    assert_eq!(
        *record,
        Record::Malformed(Fault::UnclosedQuote { offset: 8 })
    );
}

#[test]
fn trimming_looks_through_spaces_before_a_quote() {
    let dialect = Dialect {
        trim: true,
        ..Dialect::csv()
    };
    let found = parse(&dialect, 3, b" a , \"b,\t\"\"\"\t,\" c \" \r\n,  ,\"\"\n");
    let row = |values: [&str; 3]| Record::Row(values.map(Vec::from).to_vec());
    let records: Vec<_> = found
        .records
        .into_iter()
        .map(|(_, record)| record)
        .collect();
    assert_eq!(records, [row(["a", "b,\t\"", "c"]), row(["", "", ""])]);
}
