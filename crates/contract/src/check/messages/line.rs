//! One value as a line of a chunk.

use tamis_engine::pipeline::RECORD_BYTES_MAX_DEFAULT;

use super::Payload;

/// Bytes of Confluent's wire format in front of a value: a zero, and the id of a schema.
const SCHEMA_ID_BYTES: usize = 5;

/// What becomes of a value.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'m> {
    /// It stands in the chunk like this, a line end behind it.
    Shared(&'m [u8]),
    /// A chunk of its own: in one with others it might not be one row.
    Alone(&'m [u8]),
    /// There is no record to judge, for this reason.
    Refused(String),
}

impl<'m> Line<'m> {
    pub(super) fn of(value: Option<&'m [u8]>, payload: Payload) -> Line<'m> {
        let record = match payload {
            Payload::Json => "one JSON object",
            Payload::Csv => "one record",
        };
        let Some(value) = value else {
            return Line::Refused(format!("must be {record}, the message has no value"));
        };
        let value = without_schema_id(value);
        if value.len() > RECORD_BYTES_MAX_DEFAULT {
            let message = format!(
                "must be no longer than {RECORD_BYTES_MAX_DEFAULT} bytes, it has {}",
                value.len()
            );
            return Line::Refused(message);
        }
        // Programs that write lines send their ends with them.
        let line = value.strip_suffix(b"\n").unwrap_or(value);
        let (line, is_blank) = match payload {
            Payload::Json => (line, line.iter().all(is_json_space)),
            // White space may be a field, or a delimiter.
            Payload::Csv => {
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                (line, line.is_empty())
            }
        };
        match payload {
            _ if is_blank => Line::Refused(format!("must be {record}, the value is empty")),
            Payload::Csv if memchr::memchr2(b'\n', b'\r', line).is_some() => Line::Alone(value),
            Payload::Json | Payload::Csv => Line::Shared(line),
        }
    }
}

/// Appends a JSON value without its line feeds. Between tokens they become spaces; in a string, where JSON allows none,
/// carriage returns, which it does not allow either.
pub(super) fn push_json(value: &[u8], line: &mut Vec<u8>) {
    if memchr::memchr(b'\n', value).is_none() {
        return line.extend_from_slice(value);
    }
    let (mut in_string, mut is_escaped) = (false, false);
    for &byte in value {
        line.push(match byte {
            b'\n' if in_string => b'\r',
            b'\n' => b' ',
            _ => byte,
        });
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = in_string,
            b'"' => in_string = !in_string,
            _ => {}
        }
    }
}

pub(super) fn without_schema_id(value: &[u8]) -> &[u8] {
    match value {
        [0, ..] if value.len() >= SCHEMA_ID_BYTES => &value[SCHEMA_ID_BYTES..],
        _ => value,
    }
}

/// White space of JSON, and of no other text.
fn is_json_space(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_feeds_between_tokens_are_spaces_and_stay_invalid_in_strings() {
        let line = |value: &str| {
            let mut line = Vec::new();
            push_json(value.as_bytes(), &mut line);
            String::from_utf8(line).unwrap()
        };
        assert_eq!(line("{\n \"a\": 1\r\n}"), "{  \"a\": 1\r }");
        assert_eq!(
            line("{\"a\\\"\nb\\\\\":\n1}"),
            "{\"a\\\"\rb\\\\\": 1}",
            "quotes and backslashes are escaped"
        );
        assert_eq!(line("{\"a\":\"\\\n\"\n}"), "{\"a\":\"\\\r\" }");
    }

    #[test]
    fn a_schema_id_is_skipped_where_there_is_one() {
        let json = |value| Line::of(Some(value), Payload::Json);
        assert_eq!(json(b"\0\0\0\0\x07{}"), Line::Shared(b"{}"));
        assert_eq!(json(b"\0\0\0\x07"), Line::Shared(b"\0\0\0\x07"));
        assert_eq!(json(b"\x01\0\0\0\x07{}"), Line::Shared(b"\x01\0\0\0\x07{}"));
        assert!(matches!(json(b"\0\0\0\0\x07"), Line::Refused(_)));
    }

    #[test]
    fn blank_is_what_the_format_takes_for_a_blank_line() {
        let is_blank = |value, payload| matches!(Line::of(value, payload), Line::Refused(_));
        for payload in [Payload::Json, Payload::Csv] {
            for value in [None, Some(&b""[..]), Some(b"\n"), Some(b"\r\n")] {
                assert!(is_blank(value, payload), "{value:?}");
            }
        }
        assert!(is_blank(Some(b" \t\r\n "), Payload::Json));
        assert!(
            !is_blank(Some(b"\x0c"), Payload::Json),
            "no white space of JSON"
        );
        assert!(!is_blank(Some(b"\t"), Payload::Csv), "two fields, maybe");
    }

    #[test]
    fn csv_with_a_line_end_inside_is_judged_alone() {
        let csv = |value| Line::of(Some(value), Payload::Csv);
        assert_eq!(csv(b"1,a\r\n"), Line::Shared(b"1,a"));
        assert_eq!(csv(b"1,a\n\n"), Line::Alone(b"1,a\n\n"));
        assert_eq!(csv(b"1,\"a\nb\"\n"), Line::Alone(b"1,\"a\nb\"\n"));
        assert_eq!(csv(b"1\ra"), Line::Alone(b"1\ra"));
    }
}
