//! A message's value as a record of its own, whatever stands in it.
//!
//! Records of a stream end at a line feed, so that a value with line ends of its own would become several, or swallow its neighbours:
//!
//! - JSON: line feeds between tokens become spaces. In a string they are not allowed, and become another byte that is not, so that the
//!   value stays one malformed record.
//! - CSV: a value that is not exactly one record (a quote that is never closed, a line end outside of quotes) becomes one quoted field.
//!
//! Line ends behind a value are not part of it, nor is the header that Confluent's serialisers put in front: a zero byte and the number
//! of a schema.

use tamis_engine::framing::{Framing, Machine, Quoting, State};

/// Bytes of Confluent's header.
const SCHEMA_HEADER_BYTES: usize = 5;

/// Not allowed in JSON strings, no white space of JSON, and no line end.
const NOT_JSON: u8 = 0x0b;

/// What became of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shaped {
    /// A record, as it is.
    AsIs,
    /// A record that is not what was sent, byte for byte, but for line ends behind it.
    Changed,
    /// Nothing is in it.
    Empty,
}

/// Makes records of values.
#[derive(Debug)]
pub(super) enum Shaper {
    Json,
    Csv {
        machine: Box<Machine>,
        quoting: Quoting,
    },
}

impl Shaper {
    pub(super) fn csv(quoting: Quoting) -> Shaper {
        Shaper::Csv {
            machine: Box::new(Machine::new(Framing::Quoted(quoting))),
            quoting,
        }
    }

    /// The record in `value`, without its line feed: a part of it, or what was put into `scratch`.
    pub(super) fn shape<'v>(
        &self,
        value: &'v [u8],
        scratch: &'v mut Vec<u8>,
    ) -> (Shaped, &'v [u8]) {
        let value = body(value);
        let Some(first) = value.first() else {
            return (Shaped::Empty, value);
        };
        scratch.clear();
        match self {
            Shaper::Json if first.is_ascii_whitespace() && value.trim_ascii().is_empty() => {
                // A line of white space is no record, and this is one.
                scratch.push(NOT_JSON);
            }
            Shaper::Json if !value.contains(&b'\n') => return (Shaped::AsIs, value),
            Shaper::Json => flatten(value, scratch),
            Shaper::Csv { machine, quoting } => match is_one_record(value, machine, quoting) {
                true => return (Shaped::AsIs, value),
                false => enclose(value, quoting, scratch),
            },
        }
        (Shaped::Changed, scratch)
    }
}

/// A value without Confluent's header and without line ends behind it. What is shorter than that header has none.
fn body(value: &[u8]) -> &[u8] {
    let value = match value {
        [0, ..] => value.get(SCHEMA_HEADER_BYTES..).unwrap_or(value),
        _ => value,
    };
    let mut end = value.len();
    while end > 0 && matches!(value[end - 1], b'\n' | b'\r') {
        end -= 1;
    }
    &value[..end]
}

fn flatten(value: &[u8], out: &mut Vec<u8>) {
    let (mut is_string, mut is_escaped) = (false, false);
    for &byte in value {
        out.push(match byte {
            b'\n' if is_string => NOT_JSON,
            b'\n' => b' ',
            byte => byte,
        });
        if byte == b'"' && !is_escaped {
            is_string = !is_string;
        }
        is_escaped = is_string && byte == b'\\' && !is_escaped;
    }
}

fn is_one_record(value: &[u8], machine: &Machine, quoting: &Quoting) -> bool {
    let is_comment = quoting
        .comment
        .is_some_and(|byte| value.first() == Some(&byte));
    let is_special = |byte: &u8| {
        matches!(byte, b'\n' | b'\r')
            || Some(*byte) == quoting.quote
            || Some(*byte) == quoting.escape
    };
    if is_comment {
        return false;
    }
    if !value.iter().any(is_special) {
        // Of spaces alone, trimmed, nothing would be left.
        return !(quoting.trim && value.trim_ascii().is_empty());
    }
    let mut state = State::RecordStart;
    for &byte in value {
        state = machine.step(state, byte);
        if state.is_between_records() {
            return false;
        }
    }
    !state.is_quoted()
}

/// As one field; where there are no quotes its line ends go.
fn enclose(value: &[u8], quoting: &Quoting, out: &mut Vec<u8>) {
    let Some(quote) = quoting.quote else {
        out.extend(value.iter().map(|&byte| match byte {
            b'\n' | b'\r' => b' ',
            byte => byte,
        }));
        return;
    };
    out.push(quote);
    for &byte in value {
        if byte == quote {
            out.push(quote);
        } else if quoting.escape == Some(byte) {
            out.push(byte);
        }
        out.push(byte);
    }
    out.push(quote);
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn shaped(shaper: &Shaper, value: &[u8]) -> (Shaped, Vec<u8>) {
        let mut scratch = Vec::new();
        let (shaped, record) = shaper.shape(value, &mut scratch);
        (shaped, record.to_vec())
    }

    #[test]
    fn line_feeds_of_json_end_nothing() {
        let json = |value: &[u8]| shaped(&Shaper::Json, value);
        let all: [(&[u8], Shaped, &[u8]); 10] = [
            (b"{}", Shaped::AsIs, b"{}"),
            (b"{}\r\n", Shaped::AsIs, b"{}"),
            (b"{\n \"a\": 1\r\n}", Shaped::Changed, b"{  \"a\": 1\r }"),
            (b"{\"a\": \"\n\"}", Shaped::Changed, b"{\"a\": \"\x0b\"}"),
            (
                b"{\"\\\"\n\":1,\n\"a\":2}",
                Shaped::Changed,
                b"{\"\\\"\x0b\":1, \"a\":2}",
            ),
            (b"{\"\\\\\":\n1}", Shaped::Changed, b"{\"\\\\\": 1}"),
            (b" \t", Shaped::Changed, b"\x0b"),
            (b"", Shaped::Empty, b""),
            (b"\n\n", Shaped::Empty, b""),
            (b"\0\0\0\0\x07{}", Shaped::AsIs, b"{}"),
        ];
        for (value, expected, record) in all {
            assert_eq!(json(value), (expected, record.to_vec()), "{value:?}");
        }
        // Of a header alone nothing is left; a part of one is none.
        assert_eq!(json(b"\0\0\0\0\x07").0, Shaped::Empty);
        for value in [&b"\0"[..], b"\0\0", b"\0\0\0\0"] {
            assert_eq!(json(value), (Shaped::AsIs, value.to_vec()));
        }
    }

    #[test]
    fn a_value_that_is_not_one_csv_record_is_one_field() {
        let shaper = Shaper::csv(Quoting::RFC4180);
        let csv = |value: &[u8]| shaped(&shaper, value);
        let kept: [&[u8]; 5] = [
            b"1,a",
            b"1,\"a\nb\"",
            b"1,\"a\"\"b\"",
            b"1,5\" nail",
            b"\"\"",
        ];
        for value in kept {
            assert_eq!(csv(value), (Shaped::AsIs, value.to_vec()), "{value:?}");
        }
        assert_eq!(csv(b"1,a\r\n"), (Shaped::AsIs, b"1,a".to_vec()));
        let changed: [(&[u8], &[u8]); 3] = [
            (b"1,a\n2,b", b"\"1,a\n2,b\""),
            (b"1,\"a", b"\"1,\"\"a\""),
            (b"1\r2", b"\"1\r2\""),
        ];
        for (value, record) in changed {
            assert_eq!(csv(value), (Shaped::Changed, record.to_vec()), "{value:?}");
        }
        assert_eq!(csv(b"\r\n").0, Shaped::Empty);
        let unquoted = Shaper::csv(Quoting {
            quote: None,
            ..Quoting::RFC4180
        });
        assert_eq!(
            shaped(&unquoted, b"a\nb"),
            (Shaped::Changed, b"a b".to_vec())
        );
    }

    fn values() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![
            3 => proptest::sample::select(b"\"\\\n\r,{}:a1 #\0".to_vec()),
            1 => any::<u8>(),
        ];
        vec(byte, 0..40)
    }

    fn quotings() -> impl Strategy<Value = Quoting> {
        let quote = prop_oneof![3 => Just(Some(b'"')), 1 => Just(None)];
        let escape = prop_oneof![2 => Just(None), 1 => Just(Some(b'\\'))];
        let comment = prop_oneof![2 => Just(None), 1 => Just(Some(b'#'))];
        (quote, escape, comment, any::<bool>()).prop_map(|(quote, escape, comment, trim)| Quoting {
            quote,
            escape,
            comment,
            trim,
            ..Quoting::RFC4180
        })
    }

    proptest! {
        #[test]
        fn a_value_is_one_line_of_json(value in values()) {
            let (shaped, record) = shaped(&Shaper::Json, &value);
            prop_assert!(!record.contains(&b'\n'));
            prop_assert_eq!(record.trim_ascii().is_empty(), shaped == Shaped::Empty);
        }

        #[test]
        fn a_value_is_one_record_of_csv(value in values(), quoting in quotings()) {
            let machine = Machine::new(Framing::Quoted(quoting));
            let (shaped, mut record) = shaped(&Shaper::csv(quoting), &value);
            prop_assume!(shaped != Shaped::Empty);
            record.push(b'\n');
            let len = record.len();
            let mut state = State::RecordStart;
            for (at, &byte) in record.iter().enumerate() {
                state = machine.step(state, byte);
                let is_comment = quoting.quote.is_none() && state == State::Comment;
                prop_assert!(state.is_between_records() == (at + 1 == len), "{at} of {record:?}");
                prop_assert!(is_comment || state != State::Comment);
            }
        }
    }
}
