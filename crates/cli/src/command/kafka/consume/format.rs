//! How a record is written.

use std::io::Write;

use serde::ser::{Serialize, SerializeMap, Serializer};
use tamis_scan::names::base64;

use super::super::escapes::unescape;

/// How records are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// The value and a line feed.
    Value,
    /// The key, what stands between, the value and a line feed.
    KeyValue,
    /// An object and a line feed.
    Json,
    /// As a template has it.
    Template(Vec<Piece>),
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Text(Vec<u8>),
    Topic,
    Partition,
    Offset,
    Key,
    KeyLength,
    Value,
    ValueLength,
    Headers,
    Time,
}

/// A record, wherever it is from.
#[derive(Clone, Debug)]
pub(super) struct Record<'r> {
    pub(super) topic: &'r str,
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) timestamp_ms: Option<i64>,
    pub(super) is_append_time: bool,
    pub(super) key: Option<&'r [u8]>,
    pub(super) value: Option<&'r [u8]>,
    pub(super) headers: Vec<(&'r str, Option<&'r [u8]>)>,
}

impl Format {
    /// For clap.
    pub(super) fn parse(text: &str) -> Result<Format, String> {
        match text {
            "value" => Ok(Format::Value),
            "key-value" => Ok(Format::KeyValue),
            "json" => Ok(Format::Json),
            template if template.contains('%') => pieces(template).map(Format::Template),
            _ => Err(
                "expected value, key-value, json or a template such as `%p %o %k %v\\n`".to_owned(),
            ),
        }
    }

    /// Whether headers are written.
    pub(super) fn has_headers(&self) -> bool {
        match self {
            Format::Value | Format::KeyValue => false,
            Format::Json => true,
            Format::Template(pieces) => pieces.contains(&Piece::Headers),
        }
    }

    /// Adds the record to `out`.
    pub(super) fn write(&self, record: &Record<'_>, separator: &[u8], out: &mut Vec<u8>) {
        match self {
            Format::Value => {
                out.extend_from_slice(record.value.unwrap_or_default());
                out.push(b'\n');
            }
            Format::KeyValue => {
                out.extend_from_slice(record.key.unwrap_or_default());
                out.extend_from_slice(separator);
                out.extend_from_slice(record.value.unwrap_or_default());
                out.push(b'\n');
            }
            Format::Json => {
                serde_json::to_writer(&mut *out, record).expect("a vector takes everything");
                out.push(b'\n');
            }
            Format::Template(pieces) => {
                for piece in pieces {
                    piece.write(record, out);
                }
            }
        }
    }
}

impl Piece {
    fn write(&self, record: &Record<'_>, out: &mut Vec<u8>) {
        // Kafka's own tools count nothing as -1.
        let len = |bytes: Option<&[u8]>| bytes.map_or(-1, |bytes| bytes.len() as i64);
        let number = match self {
            Piece::Text(text) => return out.extend_from_slice(text),
            Piece::Topic => return out.extend_from_slice(record.topic.as_bytes()),
            Piece::Key => return out.extend_from_slice(record.key.unwrap_or_default()),
            Piece::Value => return out.extend_from_slice(record.value.unwrap_or_default()),
            Piece::Headers => return write_headers(record, out),
            Piece::Partition => record.partition.into(),
            Piece::Offset => record.offset,
            Piece::KeyLength => len(record.key),
            Piece::ValueLength => len(record.value),
            Piece::Time => record.timestamp_ms.unwrap_or(-1),
        };
        write!(out, "{number}").expect("a vector takes everything");
    }
}

fn write_headers(record: &Record<'_>, out: &mut Vec<u8>) {
    for (index, (name, value)) in record.headers.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(name.as_bytes());
        out.push(b'=');
        out.extend_from_slice(value.unwrap_or_default());
    }
}

/// An object whose fields are in the order in which people read them.
impl Serialize for Record<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(None)?;
        object.serialize_entry("topic", self.topic)?;
        object.serialize_entry("partition", &self.partition)?;
        object.serialize_entry("offset", &self.offset)?;
        object.serialize_entry("timestamp", &self.timestamp_ms.map(rfc3339))?;
        if self.is_append_time {
            object.serialize_entry("timestamp_type", "append")?;
        }
        put_bytes(["key", "key_base64"], self.key, &mut object)?;
        let headers = self.headers.iter();
        let headers: Vec<_> = headers
            .map(|(name, value)| HeaderOf(name, *value))
            .collect();
        object.serialize_entry("headers", &headers)?;
        put_bytes(["value", "value_base64"], self.value, &mut object)?;
        object.end()
    }
}

/// The name and the value of a header.
struct HeaderOf<'r>(&'r str, Option<&'r [u8]>);

impl Serialize for HeaderOf<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(None)?;
        object.serialize_entry("name", self.0)?;
        put_bytes(["value", "value_base64"], self.1, &mut object)?;
        object.end()
    }
}

/// The first name if the bytes are text, else the second.
fn put_bytes<M: SerializeMap>(
    names: [&str; 2],
    bytes: Option<&[u8]>,
    object: &mut M,
) -> Result<(), M::Error> {
    let [plain, encoded] = names;
    let Some(bytes) = bytes else {
        return object.serialize_entry(plain, &());
    };
    match std::str::from_utf8(bytes) {
        Ok(text) => object.serialize_entry(plain, text),
        Err(_) => object.serialize_entry(encoded, &base64(bytes)),
    }
}

/// `2026-11-20T14:30:00.123Z`, always with milliseconds; the number where that is no time that calendars have.
fn rfc3339(ms: i64) -> String {
    match jiff::Timestamp::from_millisecond(ms) {
        Ok(time) => format!("{time:.3}"),
        Err(_) => ms.to_string(),
    }
}

fn pieces(template: &str) -> Result<Vec<Piece>, String> {
    const EXPECTED: &str = "expected %t topic, %p partition, %o offset, %k key, %K its length, %v value, %V its length, %h headers, %T time or %%";
    let mut pieces = Vec::new();
    let mut rest = template;
    while let Some((text, behind)) = rest.split_once('%') {
        push_text(text, &mut pieces)?;
        let mut letters = behind.chars();
        let piece = match letters.next() {
            Some('t') => Piece::Topic,
            Some('p') => Piece::Partition,
            Some('o') => Piece::Offset,
            Some('k') => Piece::Key,
            Some('K') => Piece::KeyLength,
            // kcat's names are known, too.
            Some('v' | 's') => Piece::Value,
            Some('V' | 'S') => Piece::ValueLength,
            Some('h') => Piece::Headers,
            Some('T') => Piece::Time,
            Some('%') => Piece::Text(b"%".to_vec()),
            Some(other) => return Err(format!("`%{other}` means nothing: {EXPECTED}")),
            None => return Err(format!("a template cannot end in `%`: {EXPECTED}")),
        };
        pieces.push(piece);
        rest = letters.as_str();
    }
    push_text(rest, &mut pieces)?;
    Ok(pieces)
}

fn push_text(text: &str, pieces: &mut Vec<Piece>) -> Result<(), String> {
    if !text.is_empty() {
        pieces.push(Piece::Text(unescape(text)?));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn record() -> Record<'static> {
        Record {
            topic: "orders",
            partition: 3,
            offset: 7,
            timestamp_ms: Some(1_700_000_000_123),
            is_append_time: false,
            key: Some(b"k"),
            value: Some(b"\xff"),
            headers: vec![("a", Some(b"1")), ("b", None)],
        }
    }

    fn written(format: &str, record: &Record<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        let format = Format::parse(format).unwrap();
        format.write(record, b"|", &mut out);
        out
    }

    #[test]
    fn every_format_writes_all_of_a_record() {
        let record = record();
        assert_eq!(written("value", &record), b"\xff\n");
        assert_eq!(written("key-value", &record), b"k|\xff\n");
        let template = written(r"%t[%p]@%o %T %k/%K %v/%V %h 100%%\n", &record);
        assert_eq!(
            template,
            b"orders[3]@7 1700000000123 k/1 \xff/1 a=1,b= 100%\n"
        );
        let json = String::from_utf8(written("json", &record)).unwrap();
        let json: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["timestamp"], "2023-11-14T22:13:20.123Z");
        assert_eq!(json["value_base64"], "/w==");
        assert_eq!(json["key"], "k");
        assert_eq!(json["headers"][1]["value"], Value::Null);
        assert!(json.get("value").is_none());
    }

    #[test]
    fn a_tombstone_is_told_from_nothing() {
        let tombstone = Record {
            value: None,
            key: None,
            timestamp_ms: None,
            headers: Vec::new(),
            ..record()
        };
        let json = written("json", &tombstone);
        let json: Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(json["value"], Value::Null);
        assert_eq!(json["timestamp"], Value::Null);
        assert_eq!(written("%V %K %T", &tombstone), b"-1 -1 -1");
        assert_eq!(written("value", &tombstone), b"\n");
    }

    #[test]
    fn wrong_templates_say_what_is_known() {
        for wrong in ["%", "%x", "v", r"%v\q", ""] {
            assert!(Format::parse(wrong).is_err(), "{wrong}");
        }
    }
}
