//! The record that names the columns.

use std::collections::HashSet;
use std::ops::Range;

use super::splitter::{Piece, Splitter};
use super::{Dialect, decode};
use crate::{Error, Totals};

/// The column names of an input, and where its data begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The names in the order of the columns.
    pub names: Vec<String>,
    /// Columns (from 0) whose name stands further left as well.
    pub duplicates: Vec<usize>,
    /// Bytes up to the first data record: the header and the blank lines and comments before it.
    pub len_bytes: usize,
    /// What these bytes hold; `rows` is 0.
    pub totals: Totals,
}

impl Header {
    /// Whether at least half of the names that `other` has are here too, in any order.
    pub fn resembles(&self, other: &Header) -> bool {
        let is_here = |name: &&String| self.names.contains(name);
        let common = other.names.iter().filter(is_here).count();
        common > 0 && 2 * common >= other.names.len()
    }
}

/// Reads the first record of an input as its header.
///
/// `bytes` are the first bytes of the input, behind its byte order mark; `at_end` says that they are
/// all there is.
///
/// # Errors
/// [`Error::HeaderMissing`] without any record, [`Error::HeaderTooLong`] when the header goes on
/// behind `bytes`, [`Error::HeaderUnclosedQuote`], [`Error::HeaderInvalidUtf8`].
pub fn read_header(bytes: &[u8], at_end: bool, dialect: &Dialect) -> Result<Header, Error> {
    let splitter = Splitter::new(dialect);
    let mut totals = Totals::default();
    let mut start = 0;
    let mut ends = Vec::new();
    while start < bytes.len() {
        let (piece, end) = splitter.next(bytes, start, &mut ends);
        // A final `\r` may be the first half of `\r\n`, so only `\n` is sure to end something.
        let is_cut = end == bytes.len() && !at_end && !bytes.ends_with(b"\n");
        match piece {
            Piece::Unclosed { quote } if at_end => {
                return Err(Error::HeaderUnclosedQuote { byte_offset: quote });
            }
            _ if is_cut => break,
            Piece::Unclosed { .. } => break,
            Piece::BlankLine => totals.blank_lines += 1,
            Piece::Comment => totals.comments += 1,
            Piece::Record => {
                totals.newlines = dialect.count_line_ends(&bytes[..end]);
                let record = &bytes[start..end];
                if let Err(error) = simdutf8::compat::from_utf8(record) {
                    return Err(Error::HeaderInvalidUtf8 {
                        byte_offset: start + error.valid_up_to(),
                    });
                }
                let names = names(record, dialect);
                return Ok(Header {
                    duplicates: duplicates(&names),
                    names,
                    len_bytes: end,
                    totals,
                });
            }
        }
        start = end;
    }
    Err(if at_end {
        Error::HeaderMissing
    } else {
        Error::HeaderTooLong {
            len_bytes: bytes.len(),
        }
    })
}

/// Where the raw fields of one record lie in it, its terminator left out.
///
/// Takes malformed records too: whatever follows a quote that is never closed is the last field.
pub fn fields(record: &[u8], dialect: &Dialect) -> impl Iterator<Item = Range<usize>> {
    let mut ends = Vec::new();
    let piece = match record {
        [] => Piece::BlankLine,
        _ => Splitter::new(dialect).next(record, 0, &mut ends).0,
    };
    match piece {
        Piece::Record => {
            let last = ends.last_mut().expect("a record has a field");
            if record.ends_with(b"\r\n") && *last as usize + 1 == record.len() {
                *last -= 1;
            }
        }
        Piece::Unclosed { .. } => ends.push(record.len() as u32),
        Piece::BlankLine | Piece::Comment => {}
    }
    let mut start = 0;
    ends.into_iter().map(move |end| {
        let field = start..end as usize;
        start = end as usize + 1;
        field
    })
}

fn names(record: &[u8], dialect: &Dialect) -> Vec<String> {
    let mut scratch = Vec::new();
    fields(record, dialect)
        .map(|field| {
            let value = decode(&record[field], dialect, &mut scratch);
            // Removing ASCII quotes and escapes cannot break UTF-8.
            String::from_utf8_lossy(value).into_owned()
        })
        .collect()
}

fn duplicates(names: &[String]) -> Vec<usize> {
    let mut known = HashSet::new();
    let repeated = names
        .iter()
        .enumerate()
        .filter(|(_, name)| !known.insert(name.as_str()));
    repeated.map(|(column, _)| column).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names_of(bytes: &[u8]) -> Vec<String> {
        read_header(bytes, true, &Dialect::csv()).unwrap().names
    }

    #[test]
    fn names_are_decoded() {
        assert_eq!(
            names_of(b"id,\"a \"\"b\"\"\r\nc\",\r\n1,2,3\r\n"),
            ["id", "a \"b\"\r\nc", ""]
        );
        assert_eq!(names_of(b"only"), ["only"]);
    }

    #[test]
    fn a_mark_before_a_quoted_header_is_no_part_of_it() {
        let bytes = b"\xEF\xBB\xBF\"id\",\"na,me\"\n1,2\n";
        let mark_bytes = crate::sniff::sniff("-", bytes).unwrap().mark_bytes;
        assert_eq!(names_of(&bytes[mark_bytes..]), ["id", "na,me"]);
    }

    #[test]
    fn what_stands_before_the_header_is_counted() {
        let dialect = Dialect {
            comment: Some(b'#'),
            ..Dialect::csv()
        };
        let header = read_header(b"\n# it's \"\r\n\r\na,b,a\r\n1,2,3\n", false, &dialect).unwrap();
        assert_eq!(header.names, ["a", "b", "a"]);
        assert_eq!(header.duplicates, [2]);
        assert_eq!(header.len_bytes, 20);
        let expected = Totals {
            blank_lines: 2,
            comments: 1,
            newlines: 4,
            rows: 0,
        };
        assert_eq!(header.totals, expected);
    }

    #[test]
    fn a_header_that_may_go_on_is_not_cut_short() {
        let csv = Dialect::csv();
        for prefix in ["a,b", "a,b\r", "a,\"b\n"] {
            let error = read_header(prefix.as_bytes(), false, &csv).unwrap_err();
            assert_eq!(
                error,
                Error::HeaderTooLong {
                    len_bytes: prefix.len()
                }
            );
        }
        assert_eq!(read_header(b"", true, &csv), Err(Error::HeaderMissing));
        assert_eq!(
            read_header(b"a,\"b\n", true, &csv),
            Err(Error::HeaderUnclosedQuote { byte_offset: 2 })
        );
        assert_eq!(
            read_header(b"a,\xE9\n", true, &csv),
            Err(Error::HeaderInvalidUtf8 { byte_offset: 2 })
        );
    }

    #[test]
    fn fields_of_malformed_records_are_shown_as_far_as_they_go() {
        let csv = Dialect::csv();
        let record = b"a,\"b,c\n";
        let found: Vec<_> = fields(record, &csv).map(|field| &record[field]).collect();
        assert_eq!(found, [&b"a"[..], b"\"b,c\n"]);
        assert_eq!(fields(b"\r\n", &csv).count(), 0);
    }
}
