//! Goal: an array holds the records of the same JSON lines, however it is written and cut, and what is none is an error
//! with its place.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::Value;
use tamis_engine::source::{MemorySource, Opened, Source};

use super::*;

/// All of `text`, read in steps from a stream that gives as little, or the error and what came before it.
fn lines_of(text: &[u8], step: usize, kernel: Kernel) -> (Vec<u8>, Option<ArrayError>) {
    let source = MemorySource::new("m", text.to_vec()).as_stream(step);
    let Opened::Stream(stream) = source.open().unwrap() else {
        unreachable!("asked for a stream")
    };
    let mark_bytes = if text.starts_with(b"\xEF\xBB\xBF") {
        3
    } else {
        0
    };
    let mut stream = JsonArrayStream::new(stream, mark_bytes, kernel);
    let (mut lines, mut buffer) = (Vec::new(), vec![0; 5000]);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return (lines, None),
            Ok(count) => lines.extend_from_slice(&buffer[..count]),
            Err(Error::Producer { source, .. }) => {
                return (lines, Some(*source.downcast().expect("an error of arrays")));
            }
            Err(error) => panic!("{error}"),
        }
    }
}

fn rewritten(text: &[u8]) -> Vec<u8> {
    match lines_of(text, 1 << 20, Kernel::detect()) {
        (lines, None) => lines,
        (_, Some(error)) => panic!("{error}"),
    }
}

fn values_of(lines: &[u8]) -> Vec<Value> {
    lines
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.trim_ascii().is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

fn json() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        "[ -~]{0,12}",
        r#"[\\\\"{}\[\],:a\n]{0,20}"#,
        "[é😀\u{1}]{0,4}"
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            btree_map(text.clone(), inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn an_array_holds_the_records_of_its_lines(
        values in vec(json(), 0..30),
        is_pretty in any::<bool>(),
        step in prop_oneof![1..200usize, Just(1 << 20)],
    ) {
        let array = Value::from(values.clone());
        let text = match is_pretty {
            true => serde_json::to_string_pretty(&array).unwrap(),
            false => array.to_string(),
        };
        for kernel in Kernel::available() {
            let (lines, error) = lines_of(text.as_bytes(), step, kernel);
            prop_assert_eq!(error, None);
            prop_assert_eq!(lines.len(), text.len());
            prop_assert_eq!(&values_of(&lines), &values);
        }
        // The objects among them, one behind the other.
        let objects: Vec<Value> = values.into_iter().filter(Value::is_object).collect();
        let texts = objects.iter().map(|object| match is_pretty {
            true => serde_json::to_string_pretty(object).unwrap() + "\n",
            false => object.to_string() + " \r\n",
        });
        let text = texts.collect::<String>();
        if !objects.is_empty() {
            let (lines, error) = lines_of(text.as_bytes(), step, Kernel::detect());
            prop_assert_eq!((error, lines.len()), (None, text.len()));
            prop_assert_eq!(&values_of(&lines), &objects);
        }
    }

    #[test]
    fn any_bytes_give_the_same_however_they_are_cut(
        text in vec(prop_oneof![
            9 => prop::sample::select(&b"[]{},\"\\\n a1"[..]), 1 => any::<u8>()
        ], 0..300),
        step in 1..100usize,
    ) {
        for start in [&b""[..], b"[", b"[{", b"\n{"] {
            let text = [start, &text].concat();
            let expected = lines_of(&text, 1 << 20, Kernel::scalar());
            prop_assert_eq!(expected.0.len() as u64, match &expected.1 {
                Some(error) => error.byte_offset,
                None => text.len() as u64,
            });
            for kernel in Kernel::available() {
                prop_assert_eq!(&lines_of(&text, step, kernel), &expected);
            }
        }
    }

    /// An array that serde_json reads is read, and the other way round, as far as brackets and commas go.
    #[test]
    fn arrays_are_those_of_serde_json(mut text in vec(prop::sample::select(&b"[],1 \"{}"[..]), 0..12)) {
        text.insert(0, b'[');
        let (lines, error) = lines_of(&text, 7, Kernel::detect());
        let is_good = error.is_none() && lines
            .split(|&byte| byte == b'\n')
            .filter(|line| !line.trim_ascii().is_empty())
            .all(|line| serde_json::from_slice::<Value>(line).is_ok());
        prop_assert_eq!(is_good, serde_json::from_slice::<Vec<Value>>(&text).is_ok());
    }
}

#[test]
fn bytes_stay_where_they_are() {
    let array = b"\xEF\xBB\xBF[\n  {\"a\": \"x\ny\",\n \"b\": [1,\n2]},\r\n {}\n]\n";
    let lines = b"\xEF\xBB\xBF    {\"a\": \"x\ry\",  \"b\": [1, 2]}\n\r  {} \n ";
    assert_eq!(rewritten(array), lines);
    assert_eq!(rewritten(b"[]"), b" \n");
    assert_eq!(rewritten(b"[1,\"a,]\",null]"), b" 1\n\"a,]\"\nnull\n");
}

#[test]
fn objects_may_take_several_lines() {
    let text = b"\n{\n \"a\": [1,\n2],\n \"b\": \"}\n\"\n}\n\n{\"a\": 2}\n}\n{\n";
    let lines = b" {  \"a\": [1, 2],  \"b\": \"}\r\" }\n\n{\"a\": 2}\n}\n{ ";
    assert_eq!(rewritten(text), lines);
}

#[test]
fn what_is_no_array_is_named_with_its_place() {
    let cases: [(&str, u64, Expected, Option<u8>); 14] = [
        ("", 0, Expected::Array, None),
        (" 17", 1, Expected::Array, Some(b'1')),
        ("[", 1, Expected::FirstValue, None),
        ("[,{}]", 1, Expected::FirstValue, Some(b',')),
        ("[{},,{}]", 4, Expected::Value, Some(b',')),
        ("[{},]", 4, Expected::Value, Some(b']')),
        ("[{},", 4, Expected::Value, None),
        ("[{} {}]", 4, Expected::CommaOrEnd, Some(b'{')),
        ("[1 2]", 3, Expected::CommaOrEnd, Some(b'2')),
        ("[\"a\" \"b\"]", 5, Expected::CommaOrEnd, Some(b'"')),
        ("[{}}]", 3, Expected::CommaOrEnd, Some(b'}')),
        ("[{}", 3, Expected::CommaOrEnd, None),
        ("[{}] []", 5, Expected::Nothing, Some(b'[')),
        ("[{}]\n{}", 5, Expected::Nothing, Some(b'{')),
    ];
    for (text, byte_offset, expected, found) in cases {
        let error = ArrayError {
            byte_offset,
            expected,
            found,
            line_end: None,
        };
        let (_, said) = lines_of(text.as_bytes(), 3, Kernel::detect());
        assert_eq!(said, Some(error), "{text}");
    }
}

#[test]
fn a_missing_quote_is_suspected() {
    let (_, error) = lines_of(b"[{\"a\": \"x},\n {\"a\": \"y\"}]", 100, Kernel::detect());
    let message = error.unwrap().to_string();
    assert!(message.contains("line end at byte 11"), "{message}");
}
