//! The dialect of a delimiter-separated input, from its first bytes.
//!
//! [`decide`] reads the same bytes by every dialect that could be meant ([`trial`](super::trial)) and takes one that
//! makes them a table: records of one width. What the caller knows is never looked at, what the name says is kept as
//! long as it makes a table, and every decision that differs from plain CSV comes with its reason and the option that
//! decides otherwise. The answer depends on the bytes alone.
//!
//! 1. **Delimiter.** That of the name, if the first record and nine of ten have the same fields with it, at least two.
//!    Otherwise, and where the name tells none, the one with which *all* records have the same fields; of several the
//!    one that gives most. Otherwise one of the common ones that fits as that of the name has to, where there is none
//!    first of all the one that the first line has most of. Where none of these fits, it is that of the name or of the
//!    first line; if it may be another, a note says so.
//! 2. **Comments.** If no delimiter makes a table of an input that starts with `#`, the same once more without the
//!    lines that start so. Where the first two do, these are left out first.
//! 3. **Quote.** `'`, if fields stand in pairs of it and none in `"`. None, if `"` tears a table apart that is whole
//!    without it.
//! 4. **Spaces.** Trimmed, if every field but the first of each record starts with one.
//! 5. **Header** and **decimal comma**: see [`columns`](super::columns).
//!
//! Lines above the table that are no comments are no part of any dialect; a note says how to leave them out.

mod delimiter;

use super::columns::{Columns, First, Point};
use super::trial::Trial;
use crate::csv::Dialect;
use crate::input::DialectOptions;

/// What was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// Everything about the dialect.
    pub dialect: Dialect,
    /// The byte between integer and fraction, where it is not a point.
    pub decimal_char: Option<u8>,
    /// Each decision that is not what CSV is by default, why, and how to decide otherwise.
    pub notes: Vec<String>,
    /// Why the delimiter is what it is, where it makes a table.
    pub table: Option<String>,
}

/// Where a delimiter comes from that nobody has stated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DelimiterBy {
    /// From the name of the input, or the name of its format: it is kept if it makes a table.
    Name,
    /// From the first line: any other that makes a table is as good.
    Content,
}

/// Decides on the dialect of `text`, the whole input or its first [`PREFIX_BYTES`](super::PREFIX_BYTES), without its
/// byte order mark. `base` is what holds without evidence.
pub fn decide(
    text: &[u8],
    is_all: bool,
    base: Dialect,
    by: DelimiterBy,
    known: &DialectOptions,
) -> Decided {
    let base = known.over(base);
    let mut sniffer = Sniffer {
        text,
        is_all,
        known,
        notes: Vec::new(),
        table: None,
    };
    let mut trial = sniffer.delimiter(base, by);
    if known.quote.is_none() {
        trial = sniffer.quote(trial);
    }
    let columns = Columns::of(&trial);
    let mut dialect = trial.dialect;
    if known.trim.is_none() && columns.are_padded() {
        dialect.trim = true;
        sniffer.notes.push(
            "spaces around values are no part of them: every field but the first starts with one \
             (`--trim false` decides otherwise)"
                .to_owned(),
        );
        trial = Trial::new(text, is_all, dialect);
    }
    let columns = if dialect.trim {
        Columns::of(&trial)
    } else {
        columns
    };
    let is_titled = sniffer.lines_above(&trial);
    let is_usual = trial.widths.first() == Some(&trial.width);
    if known.header.is_none() && is_usual && !is_titled {
        dialect.header = sniffer.header(&columns);
    }
    Decided {
        decimal_char: sniffer.decimal_char(&columns, &dialect),
        dialect,
        notes: sniffer.notes,
        table: sniffer.table,
    }
}

struct Sniffer<'t> {
    text: &'t [u8],
    is_all: bool,
    known: &'t DialectOptions,
    notes: Vec<String>,
    table: Option<String>,
}

impl<'t> Sniffer<'t> {
    /// The text read by a dialect; `None` if there is no such dialect.
    fn trial(&self, dialect: Dialect) -> Option<Trial<'t>> {
        let dialect = dialect.checked().ok()?;
        Some(Trial::new(self.text, self.is_all, dialect))
    }

    /// Step 3.
    fn quote(&mut self, trial: Trial<'t>) -> Trial<'t> {
        let dialect = trial.dialect;
        let Some(plain) = self.trial(Dialect {
            quote: None,
            escape: None,
            ..dialect
        }) else {
            return trial;
        };
        let has = |byte| memchr::memchr(byte, self.text).is_some();
        if has(b'\'') && !has(b'"') {
            let single = self.trial(Dialect {
                quote: Some(b'\''),
                ..dialect
            });
            let pairs = single.as_ref().map_or(0, |single| paired(single, b'\''));
            if let Some(single) =
                single.filter(|single| pairs >= 2 && single.agreeing >= plain.agreeing)
            {
                self.notes.push(format!(
                    "the quote is `'`: {pairs} fields at the start stand in a pair of them, and nothing in `\"` \
                     (`--quote '\"'` decides otherwise)"
                ));
                return single;
            }
        }
        let is_torn = has(b'"') && !trial.is_viable();
        if is_torn && plain.is_strict() && plain.widths.len() >= 3 && paired(&plain, b'"') == 0 {
            self.notes.push(format!(
                "`\"` is no quote: without quotes {} (`--quote '\"'` decides otherwise)",
                plain.described()
            ));
            return plain;
        }
        trial
    }

    /// Whether lines stand above the table, and a note if so.
    fn lines_above(&mut self, trial: &Trial<'_>) -> bool {
        let Some(above @ 1..) = trial.table_start() else {
            return false;
        };
        let below = &trial.widths[above..];
        let line = trial.line(above);
        // `tail` knows no other line end.
        let way = match trial.dialect.line_end() {
            b'\n' => format!(", for example with `tail -n +{line}`"),
            _ => format!(": it starts at line {line}"),
        };
        self.notes.push(format!(
            "the first {} not like the {} below, which have {} fields: if these lines stand above the table, leave \
             them out{way}",
            match above {
                1 => "record is".to_owned(),
                _ => format!("{above} records are"),
            },
            below.len(),
            trial.width,
        ));
        true
    }

    /// Whether there is a header.
    fn header(&mut self, columns: &Columns) -> bool {
        let First::Values { field, value } = columns.first() else {
            return true;
        };
        self.notes.push(format!(
            "there is no header: the first record holds values like those below it, such as `{value}` in field \
             {field} (`--header true` decides otherwise)"
        ));
        false
    }

    fn decimal_char(&mut self, columns: &Columns, dialect: &Dialect) -> Option<u8> {
        if dialect.delimiter == b',' {
            return None;
        }
        match columns.point() {
            Point::Usual => None,
            Point::Comma { example } => {
                self.notes.push(format!(
                    "numbers have a decimal comma, as in `{example}` (`--decimal-char .` decides otherwise)"
                ));
                Some(b',')
            }
            Point::Unclear { example } => {
                self.notes.push(format!(
                    "`{example}` is taken for text: its comma may stand before a fraction (then say \
                     `--decimal-char ,`) or group thousands"
                ));
                None
            }
        }
    }
}

/// Fields that stand in a pair of quotes; 0 if one only starts with a quote.
fn paired(trial: &Trial<'_>, quote: u8) -> usize {
    let mut pairs = 0;
    for record in 0..trial.records.len() {
        for field in trial.fields(record) {
            match field {
                [first, .., last] if *first == quote && *last == quote => pairs += 1,
                [first, ..] if *first == quote => return 0,
                _ => {}
            }
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(name_says: u8, by: DelimiterBy, text: &str) -> Decided {
        let base = Dialect {
            delimiter: name_says,
            ..Dialect::csv()
        };
        decide(text.as_bytes(), true, base, by, &DialectOptions::default())
    }

    fn named(text: &str) -> Decided {
        decided(b',', DelimiterBy::Name, text)
    }

    fn plain(text: &str) {
        let found = named(text);
        assert_eq!(found.dialect, Dialect::csv(), "{text}\n{:?}", found.notes);
        assert_eq!(found.notes, [""; 0]);
    }

    #[test]
    fn a_table_as_the_name_says_is_left_alone() {
        plain("a,b\n1,x\n2,y\n");
        plain("a;b,c;d\n1;2,3;4\n");
        plain("one\ntwo\n");
        plain("");
        plain("a,b\n");
        plain("#id,name\n1,x\n2,y\n");
        plain("name,text\n'tis,it's\nO'Hara,x\n");
        plain("id,t\n1,\"a;b\nc;d\"\n2,\"x;y\"\n");
        // One record in ten may be broken.
        plain("a,b\n1,x\n2,x\n3,x\n4,x\n5,x\n6,x\n7,x\n8,x;y\n9,x,z\n");
    }

    #[test]
    fn another_delimiter_is_taken_where_all_records_agree() {
        for (delimiter, text) in [
            (b';', "a;b\n1,5;x\n2,5;y\n"),
            (b'\t', "a\tb\n1\tx, y\n2\ty, z\n"),
            (b'|', "a|b|c\nx|y|z\n"),
            (b':', "root:x:0\nbin:x:1\nsys:x:2\n"),
            (0x01, "a\u{1}b\u{1}c\nx\u{1}y\u{1}z\nx\u{1}y\u{1}z\n"),
        ] {
            let found = named(text);
            assert_eq!(found.dialect.delimiter, delimiter, "{text}");
            assert!(
                found.notes[0].contains("`--delimiter`"),
                "{:?}",
                found.notes
            );
        }
        // Not all agree, or it is no table.
        for text in ["a;b\n1;2;3\n", "at 12:30\nat 12:31\nat 12:32\n", "a;b\n"] {
            assert_eq!(named(text).dialect.delimiter, b',', "{text}");
        }
        // One record in ten may be broken, as where the name says so.
        let mostly = format!("a;b;c\n{}7;8\n", "1;2;3\n".repeat(8));
        assert_eq!(named(&mostly).dialect.delimiter, b';');
        // What all records agree on goes before what the first line has most of, and behind the name.
        let nearly = format!("a,b;c\n{}1;2\n", "1,2;3\n".repeat(8));
        assert_eq!(named(&nearly).dialect.delimiter, b',');
        let found = decided(b',', DelimiterBy::Content, &nearly);
        assert_eq!(found.dialect.delimiter, b';');
        let found = decided(b',', DelimiterBy::Content, "a,b;c,d;e\n1,2;3,4;5\n");
        assert_eq!(found.dialect.delimiter, b',');
        let table = "with the delimiter `,` all 2 records at the start have 3 fields";
        assert_eq!(found.table.as_deref(), Some(table));
        let found = decided(b',', DelimiterBy::Content, "a;b;c\n1,5;2,5;3,5\n");
        assert_eq!(
            (found.dialect.delimiter, found.decimal_char),
            (b';', Some(b','))
        );
    }

    #[test]
    fn a_delimiter_that_may_be_meant_is_named() {
        let note = |text: &str| {
            let found = named(text);
            assert_eq!(found.dialect.delimiter, b',', "{text}");
            found.notes.first().cloned().unwrap_or_default()
        };
        let expected = "the delimiter is `,`, with which all 3 records at the start have 1 field: `;` may be meant, since \
                        with it 2 of 3 records at the start have 3 fields (`--delimiter ';'` takes it)";
        assert_eq!(note("a;b;c\n1;2;3\n4;5\n"), expected);
        let titled = "Sales of the year\n\na;b;c\n1;2;3\n4;5;6\n";
        let expected = "the delimiter is `,`, with which all 4 records at the start have 1 field: `;` may be meant, since \
                        from line 3 on it makes a table of 3 fields (`--delimiter ';'` takes it)";
        assert_eq!(note(titled), expected);
        assert!(note("a\tb\n1,5\t2,5\t3\n").contains("`--delimiter '\\t'`"));
        assert!(note("a;b\n").contains("the one record at the start has 2 fields"));
        for text in [
            "text\nfirst; then\nat last\n",
            "Sales; 2024\na,b,c\n1,2,3\n4,5,6\n",
            "at 12:30\nat 12:31\nat 12:32\n",
        ] {
            assert!(!note(text).contains("may be meant"), "{}", note(text));
        }
        let found = decided(b',', DelimiterBy::Content, titled);
        assert!(found.notes[0].contains("may be meant"), "{:?}", found.notes);
    }

    #[test]
    fn comments_quotes_spaces_and_headers_are_found() {
        for text in [
            "# made by hand\na,b\n1,2\n",
            "#\n# made by hand, today\na,b\n1,2\n",
            "#\n# ragged\na\tb\n1\t2\t3\n",
            "# made by hand, today\n# and, again\na;b\n1;2\n# the, end\n",
        ] {
            assert_eq!(named(text).dialect.comment, Some(b'#'), "{text}");
        }
        let found = named("a,b\n1,'x,y'\n2,'z'\n");
        assert_eq!(found.dialect.quote, Some(b'\''));
        let found = named("a,b\n1,5\" nail\n2,\"\n3,x\n4,x\n");
        assert_eq!(found.dialect.quote, None);
        assert_eq!(named("a,b\n1,\"x\n2,y\"\n3,x\n").dialect.quote, Some(b'"'));
        let found = named("a, b\n1, \"x, y\"\n2, z\n");
        assert!(found.dialect.trim && found.dialect.header);
        assert_eq!(found.notes.len(), 1, "{:?}", found.notes);
        let found = named("version,name,x\n1.1,a\n1.2,b\n1.3,c\n");
        assert!(found.dialect.header, "{:?}", found.notes);
        let found = named("1,x\n2,y\n");
        assert!(!found.dialect.header);
        assert!(
            found.notes[0].contains("`1` in field 1"),
            "{:?}",
            found.notes
        );
        let found = named("Sales of the year\n\na,b,c\n1,2,3\n4,5,6\n");
        assert!(found.notes[0].contains("`tail -n +3`"), "{:?}", found.notes);
    }

    #[test]
    fn what_is_known_is_not_looked_at() {
        let known = DialectOptions {
            delimiter: Some(b','),
            quote: Some(Some(b'"')),
            comment: Some(None),
            header: Some(true),
            trim: Some(false),
            ..DialectOptions::default()
        };
        for text in [
            "1;2\n3;4\n",
            "# x\n1,2\n3,4\n",
            "a, 'b'\n1, 'c'\n",
            "a,\"b\n1,2\n3,4\n",
        ] {
            let found = decide(
                text.as_bytes(),
                true,
                Dialect::csv(),
                DelimiterBy::Name,
                &known,
            );
            assert_eq!(found.dialect, Dialect::csv(), "{text}");
        }
    }
}
