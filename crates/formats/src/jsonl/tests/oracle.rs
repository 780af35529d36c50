//! What serde_json makes of each line, and what the parser made of it, in one shape.

use std::ops::Range;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor as SerdeVisitor};
use serde_json::Value;

use crate::jsonl::{Parser, Path, decode_string};
use crate::{Block, Fault, Kind, Malformed, Totals, Visitor};

/// What was found in a chunk.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Lines in order: what each is, and for a record its values.
    pub(super) lines: Vec<(Range<usize>, Line)>,
    pub(super) totals: Totals,
    /// Kind and span of each field, for records. Not compared.
    pub(super) fields: Vec<Vec<(Kind, Range<usize>)>>,
    /// Faults of the others. Not compared: serde_json has other words.
    pub(super) faults: Vec<Fault>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Line {
    /// The value of each column; `None` if missing.
    Record(Vec<Option<Value>>),
    InvalidUtf8(usize),
    InvalidJson,
    NotAnObject,
    DuplicateKey,
}

impl PartialEq for Found {
    fn eq(&self, other: &Self) -> bool {
        self.lines == other.lines && self.totals == other.totals
    }
}

impl Found {
    /// Adds what was found in the next chunk, which begins at `offset`.
    pub(super) fn append(&mut self, next: Found, offset: usize) {
        for (range, line) in next.lines {
            let line = match line {
                Line::InvalidUtf8(byte) => Line::InvalidUtf8(byte + offset),
                line => line,
            };
            self.lines
                .push((range.start + offset..range.end + offset, line));
        }
        self.totals.rows += next.totals.rows;
        self.totals.blank_lines += next.totals.blank_lines;
        self.totals.newlines += next.totals.newlines;
    }
}

/// Runs the parser.
pub(super) fn run(text: &[u8], parser: &mut Parser) -> Found {
    let mut found = Found::default();
    found.totals = parser.parse(text, true, &mut found);
    found
}

impl Visitor for Found {
    fn block(&mut self, block: &Block<'_>) {
        assert!(block.rows > 0 && block.step == 2 && block.quote.is_none());
        for row in 0..block.rows {
            let mut values = Vec::new();
            let mut fields = Vec::new();
            for column in 0..block.columns {
                let kind = block.kind(row, column);
                let span = block.column(column).range(row);
                assert!(block.record(row).start <= span.start && span.end <= block.record(row).end);
                values.push(value(kind, &block.bytes[span.clone()]));
                fields.push((kind, span));
            }
            if block.ascii {
                assert!(block.bytes[block.record(row)].is_ascii());
            }
            self.lines.push((block.record(row), Line::Record(values)));
            self.fields.push(fields);
        }
    }

    fn malformed(&mut self, record: &Malformed<'_>) {
        let line = match record.fault {
            Fault::InvalidUtf8 { offset } => Line::InvalidUtf8(offset),
            Fault::InvalidJson { offset, .. } => {
                let range = &record.range;
                assert!(
                    range.contains(&offset) || offset == record.bytes.len(),
                    "{record:?}"
                );
                Line::InvalidJson
            }
            Fault::NotAnObject => Line::NotAnObject,
            Fault::DuplicateKey { offset } => {
                assert_eq!(record.bytes[offset], b'"');
                Line::DuplicateKey
            }
            ref other => panic!("{other:?}"),
        };
        self.lines.push((record.range.clone(), line));
        self.faults.push(record.fault.clone());
    }
}

/// A field as serde_json reads its span.
fn value(kind: Kind, span: &[u8]) -> Option<Value> {
    let parse = || serde_json::from_slice::<Value>(span).expect("a span is a value");
    let string = |bytes: &[u8]| Value::String(String::from_utf8(bytes.to_vec()).expect("UTF-8"));
    match kind {
        Kind::Missing => {
            assert!(span.is_empty());
            None
        }
        Kind::Null => {
            assert!(span.is_empty());
            Some(Value::Null)
        }
        Kind::String => Some(string(span)),
        Kind::EscapedString => {
            assert!(span.contains(&b'\\'));
            Some(string(decode_string(span, &mut Vec::new())))
        }
        Kind::Number => Some(parse()).filter(Value::is_number),
        Kind::Boolean => Some(parse()).filter(Value::is_boolean),
        Kind::Object => Some(parse()).filter(Value::is_object),
        Kind::Array => Some(parse()).filter(Value::is_array),
        Kind::Text => panic!("JSON has no untyped text"),
    }
}

/// What serde_json finds, line by line.
pub(super) fn expect(text: &[u8], paths: &[Path]) -> Found {
    let mut found = Found::default();
    let mut start = 0;
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        let range = start..start + line.len();
        start = range.end;
        found.totals.newlines += u64::from(line.ends_with(b"\n"));
        if line.iter().all(|byte| b" \t\r\n".contains(byte)) {
            found.totals.blank_lines += 1;
            continue;
        }
        found.totals.rows += 1;
        found
            .lines
            .push((range.clone(), judge(line, range.start, paths)));
    }
    found
}

fn judge(line: &[u8], start: usize, paths: &[Path]) -> Line {
    if let Err(error) = std::str::from_utf8(line) {
        return Line::InvalidUtf8(start + error.valid_up_to());
    }
    let Ok(value) = serde_json::from_slice::<Value>(line) else {
        return Line::InvalidJson;
    };
    if !value.is_object() {
        return Line::NotAnObject;
    }
    let members = serde_json::from_slice::<Members>(line).expect("an object");
    if paths.iter().any(|path| members.has_duplicate(path.keys())) {
        return Line::DuplicateKey;
    }
    let walk = |path: &Path| {
        path.keys()
            .iter()
            .try_fold(&value, |object, key| object.get(key))
            .cloned()
    };
    Line::Record(paths.iter().map(walk).collect())
}

/// An object with all its members, duplicates included; of other values nothing is kept.
#[derive(Default)]
struct Members(Vec<(String, Members)>);

impl Members {
    /// Whether a key on the path comes twice in its object.
    fn has_duplicate(&self, path: &[String]) -> bool {
        let Some((key, rest)) = path.split_first() else {
            return false;
        };
        let mut same = self.0.iter().filter(|(name, _)| name == key);
        let Some((_, first)) = same.next() else {
            return false;
        };
        same.next().is_some() || first.has_duplicate(rest)
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> SerdeVisitor<'de> for Collect {
            type Value = Members;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(key) = map.next_key::<String>()? {
                    let value = map.next_value::<Box<serde_json::value::RawValue>>()?;
                    let inner = match value.get().starts_with('{') {
                        true => {
                            serde_json::from_str(value.get()).map_err(serde::de::Error::custom)?
                        }
                        false => Members::default(),
                    };
                    members.push((key, inner));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}
