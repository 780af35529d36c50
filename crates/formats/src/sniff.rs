//! What an input is, from its name and its first bytes.
//!
//! Explicit beats sniffed: a format, delimiter or encoding the user gave is never second-guessed, and the
//! name counts for more than the content. What [`sniff`] finds is little and certain: a byte order mark, the
//! line end, bytes that cannot be UTF-8 text. What is likely, and comes with a reason, is in [`dialect`].

mod columns;
pub mod dialect;
mod encoding;
mod trial;

use std::fmt;

use tamis_engine::framing::Terminator;

use crate::Error;

pub(crate) use encoding::{note_on_bytes, wide_encoding};

/// As many bytes from the start of an input as [`sniff`] wants to see.
pub const PREFIX_BYTES: usize = 64 << 10;

const UTF8_MARK: &[u8] = b"\xEF\xBB\xBF";

/// How records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Fields with a delimiter between them.
    Delimited {
        /// `,` in CSV, a tab in TSV.
        delimiter: u8,
    },
    /// One JSON object a line.
    JsonLines,
    /// A JSON array of objects, or objects that take several lines each.
    JsonArray,
    /// Apache Parquet.
    Parquet,
    /// Arrow IPC with a footer, also known as Feather version 2.
    ArrowFile,
    /// Arrow IPC as a stream.
    ArrowStream,
    /// Protobuf messages, each behind its length.
    Protobuf,
}

impl Format {
    /// What reports call it, in one word.
    pub fn id(self) -> &'static str {
        match self {
            Format::Delimited { .. } => "csv",
            Format::JsonLines => "jsonl",
            Format::JsonArray => "json",
            Format::Parquet => "parquet",
            Format::ArrowFile | Format::ArrowStream => "arrow",
            Format::Protobuf => "protobuf",
        }
    }

    /// The cargo feature that reads the format, if it takes one.
    pub fn feature(self) -> Option<&'static str> {
        match self {
            Format::Delimited { .. } | Format::JsonLines | Format::JsonArray => None,
            Format::Parquet | Format::ArrowFile | Format::ArrowStream => Some("parquet"),
            Format::Protobuf => Some("protobuf"),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Format::Delimited { delimiter: b'\t' } => write!(formatter, "TSV"),
            Format::Delimited { delimiter: b',' } => write!(formatter, "CSV"),
            Format::Delimited { delimiter } => {
                write!(formatter, "CSV delimited by `{}`", delimiter.escape_ascii())
            }
            Format::JsonLines => write!(formatter, "JSON lines"),
            Format::JsonArray => write!(formatter, "JSON"),
            Format::Parquet => write!(formatter, "Parquet"),
            Format::ArrowFile => write!(formatter, "an Arrow file"),
            Format::ArrowStream => write!(formatter, "an Arrow stream"),
            Format::Protobuf => write!(formatter, "Protobuf"),
        }
    }
}

/// What the start of an input shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sniffed {
    /// By the name, else by the content.
    pub format: Format,
    /// Length of the UTF-8 byte order mark, which is no part of the first record.
    pub mark_bytes: usize,
    /// What ends lines.
    pub terminator: Terminator,
}

/// Looks at the first bytes of an input, [`PREFIX_BYTES`] or all there are.
///
/// # Errors
/// [`Error::Undeclared`] when the bytes are UTF-16 or UTF-32.
pub fn sniff(name: &str, prefix: &[u8]) -> Result<Sniffed, Error> {
    if let Some(format) = format_of_magic(prefix) {
        return Ok(Sniffed {
            format,
            mark_bytes: 0,
            terminator: Terminator::Newline,
        });
    }
    if let Some(wide) = wide_encoding(prefix) {
        return Err(wide.refused());
    }
    let text = prefix.strip_prefix(UTF8_MARK).unwrap_or(prefix);
    let format = match format_of_name(name) {
        // `.json` is said of both.
        Some(Format::JsonArray) => format_of_json(text),
        Some(format) => format,
        None => format_of_content(text),
    };
    Ok(Sniffed {
        format,
        mark_bytes: prefix.len() - text.len(),
        terminator: terminator(text),
    })
}

/// The binary format whose magic bytes these are: certain, whatever the name says.
fn format_of_magic(prefix: &[u8]) -> Option<Format> {
    if prefix.starts_with(b"PAR1") {
        Some(Format::Parquet)
    } else if prefix.starts_with(b"ARROW1\0\0") {
        Some(Format::ArrowFile)
    } else if prefix.starts_with(b"\xFF\xFF\xFF\xFF") {
        // The continuation marker of an encapsulated message; no text starts so.
        Some(Format::ArrowStream)
    } else {
        None
    }
}

/// The format that a file name or URI ends in, behind a suffix of compression. What ends in `.json` may as well be
/// JSON lines, as its first byte tells.
pub fn format_of_name(name: &str) -> Option<Format> {
    if name.starts_with("kafka://") {
        // Dots in names of topics are dots.
        return None;
    }
    let mut name = name.to_ascii_lowercase();
    for suffix in [".gz", ".gzip", ".zst", ".zstd", ".lz4"] {
        if let Some(stem) = name.strip_suffix(suffix) {
            name.truncate(stem.len());
            break;
        }
    }
    let file = name.rsplit(['/', '\\']).next()?;
    let (_, extension) = file.rsplit_once('.')?;
    Some(match extension {
        "csv" => Format::Delimited { delimiter: b',' },
        "tsv" | "tab" => Format::Delimited { delimiter: b'\t' },
        "psv" => Format::Delimited { delimiter: b'|' },
        "jsonl" | "ndjson" => Format::JsonLines,
        "json" => Format::JsonArray,
        "parquet" | "pq" => Format::Parquet,
        "arrow" | "feather" | "ipc" => Format::ArrowFile,
        "arrows" => Format::ArrowStream,
        "pb" => Format::Protobuf,
        _ => return None,
    })
}

/// How a text writes JSON: lines, unless it begins with a bracket or with a line of nothing but a brace.
fn format_of_json(text: &[u8]) -> Format {
    let text = text.trim_ascii_start();
    let line = text.split(|&byte| byte == b'\n').next();
    let is_brace = line.is_some_and(|line| line.len() < text.len() && line.trim_ascii() == b"{");
    match text.starts_with(b"[") || is_brace {
        true => Format::JsonArray,
        false => Format::JsonLines,
    }
}

/// JSON starts with a brace, or with a bracket and a brace; else the first line tells by the delimiter it has most of.
fn format_of_content(text: &[u8]) -> Format {
    match text.trim_ascii_start() {
        [b'{', ..] => return format_of_json(text),
        // A bracket alone may begin a line of a log.
        [b'[', rest @ ..] if matches!(rest.trim_ascii_start().first(), Some(b'{' | b']')) => {
            return Format::JsonArray;
        }
        _ => {}
    }
    // Of equal counts `max_by_key` takes the last: the comma.
    let delimiter = [b'|', b';', b'\t', b',']
        .into_iter()
        .max_by_key(|&delimiter| count_in_first_line(text, delimiter));
    Format::Delimited {
        delimiter: delimiter.unwrap_or(b','),
    }
}

/// How often a delimiter stands in the first line, outside of quotes.
fn count_in_first_line(text: &[u8], delimiter: u8) -> usize {
    let line = text.split(|byte| matches!(byte, b'\n' | b'\r')).next();
    let mut is_quoted = false;
    let found = line.unwrap_or_default().iter().filter(|&&byte| {
        is_quoted ^= byte == b'"';
        byte == delimiter && !is_quoted
    });
    found.count()
}

/// Why a text is of a format that [`sniff`] found by its content.
pub(crate) fn reason_of_content(text: &[u8], format: Format) -> String {
    match format {
        Format::JsonArray if text.trim_ascii_start().starts_with(b"{") => {
            "its first line is nothing but `{`".to_owned()
        }
        Format::JsonArray => "it starts with `[` and an object".to_owned(),
        Format::Delimited { delimiter } => match count_in_first_line(text, delimiter) {
            0 => "it does not start as JSON does, and its first line has no delimiter".to_owned(),
            count => format!(
                "its first line has `{}` {}, and no other delimiter more often",
                delimiter.escape_ascii(),
                match count {
                    1 => "once".to_owned(),
                    count => format!("{count} times"),
                }
            ),
        },
        _ => "it starts with `{`".to_owned(),
    }
}

/// A file without any `\n` ends its lines in `\r`, if it has these. One at the very end of the
/// prefix does not count: the `\n` may follow.
fn terminator(text: &[u8]) -> Terminator {
    let has_newline = memchr::memchr(b'\n', text).is_some();
    let body = &text[..text.len().saturating_sub(1)];
    if !has_newline && memchr::memchr(b'\r', body).is_some() {
        Terminator::CarriageReturn
    } else {
        Terminator::Newline
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delimited(delimiter: u8) -> Format {
        Format::Delimited { delimiter }
    }

    #[test]
    fn the_name_decides_the_format() {
        let names = [
            ("a.csv", Some(delimited(b','))),
            ("s3://bucket/a.b/DATA.TSV.gz", Some(delimited(b'\t'))),
            ("x.psv.zst", Some(delimited(b'|'))),
            ("x.ndjson.lz4", Some(Format::JsonLines)),
            ("t.parquet", Some(Format::Parquet)),
            ("x.json", Some(Format::JsonArray)),
            ("a.csv/part-0", None),
            ("csv", None),
            ("-", None),
        ];
        for (name, format) in names {
            assert_eq!(format_of_name(name), format, "{name}");
        }
        assert_eq!(
            sniff("a.csv", b"{\"a;b\":1}").unwrap().format,
            delimited(b',')
        );
    }

    #[test]
    fn without_a_name_the_first_line_does() {
        let contents: [(&[u8], Format); 9] = [
            (b" \n{\"a\":1}\n", Format::JsonLines),
            (b"{\n  \"a\": 1\n}\n", Format::JsonArray),
            (b" [\n{\"a\":1}]", Format::JsonArray),
            (b"[ ]", Format::JsonArray),
            (b"[info] a,b\n", delimited(b',')),
            (b"a;b;c\n1,5;2,5;3,5\n", delimited(b';')),
            (b"\"a;b;c\",d\n", delimited(b',')),
            (b"a\tb, c\td\n", delimited(b'\t')),
            (b"", delimited(b',')),
        ];
        for (content, format) in contents {
            assert_eq!(sniff("-", content).unwrap().format, format);
        }
    }

    #[test]
    fn magic_bytes_are_certain() {
        let format = |prefix: &[u8]| sniff("a.csv", prefix).unwrap().format;
        assert_eq!(format(b"PAR1\x15\0"), Format::Parquet);
        assert_eq!(format(b"ARROW1\0\0\xFF\xFF\xFF\xFF"), Format::ArrowFile);
        assert_eq!(format(b"\xFF\xFF\xFF\xFF\x10\0\0\0"), Format::ArrowStream);
        assert_eq!(format(b"PAR2\n"), delimited(b','));
    }

    #[test]
    fn only_a_file_without_newlines_ends_its_lines_in_returns() {
        let terminator = |text: &[u8]| sniff("-", text).unwrap().terminator;
        assert_eq!(terminator(b"a,b\rc,d\r"), Terminator::CarriageReturn);
        assert_eq!(terminator(b"a,b\rc,d\n"), Terminator::Newline);
        assert_eq!(terminator(b"a,b\r"), Terminator::Newline);
        assert_eq!(terminator(b"a,b"), Terminator::Newline);
    }

    #[test]
    fn a_mark_is_measured_and_wide_characters_are_refused() {
        let sniffed = sniff("-", b"\xEF\xBB\xBF{}").unwrap();
        assert_eq!((sniffed.mark_bytes, sniffed.format), (3, Format::JsonLines));
        let wide: [&[u8]; 5] = [
            b"\xFF\xFEa\0",
            b"\xFE\xFF\0a",
            b"\xFF\xFE\0\0a\0\0\0",
            b"a\0,\0b\0\n\0",
            b"\0a\0,\0b\0\n",
        ];
        for prefix in wide {
            let message = sniff("a.csv", prefix).unwrap_err().to_string();
            assert!(message.contains("UTF-"), "{message}");
        }
        assert!(sniff("a.csv", b"\0,\0\n").is_ok(), "zeros are data");
    }
}
