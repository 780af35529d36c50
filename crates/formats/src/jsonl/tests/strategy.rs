//! Lines that are JSON, lines that almost are, and lines that are made of the same tokens.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Keys of the test's paths and others, some of them escaped.
const KEYS: &[&str] = &[
    r#""a""#,
    r#""b""#,
    r#""c""#,
    r#""\u0061""#,
    r#""ab""#,
    r#""""#,
    r#""\"""#,
    r#""long key of more than thirty-two bytes, é""#,
    r#""long key of more than thirty-two bytes, \u00e9""#,
];

/// Values without parts; a few are no JSON.
const SCALARS: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-0",
    "1",
    "-1.5",
    "1.0",
    "12345678901234567890",
    "1e5",
    "1E-5",
    "0.25e+10",
    "1e400",
    "-1e309",
    "1e-400",
    "0e999",
    "1.7976931348623157e308",
    "1.7976931348623159e308",
    "01",
    "1.",
    ".5",
    "1e",
    "-",
    "+1",
    "NaN",
    "nul",
    "truee",
    r#""""#,
    r#""text""#,
    r#""é😀""#,
    r#""\"\\\/\b\f\n\r\t""#,
    r#""\u0000\u00e9\uFFFF""#,
    r#""\ud83d\ude00""#,
    r#""\ud83d""#,
    r#""\ude00""#,
    r#""\ud83d\u0041""#,
    r#""\ud83d\ud83d\ude00""#,
    r#""\u12g4""#,
    r#""\x""#,
    r#""open"#,
    "\"\u{7f}\"",
    "\"\t\"",
    "\"\u{1}\"",
    r#""a string that is longer than the sixty-four bytes of a block, so that its end is in another one""#,
];

const SPACES: &[&str] = &["", "", "", "", "", " ", "  ", "\t", "\r"];

fn space() -> impl Strategy<Value = &'static str> {
    select(SPACES)
}

/// Mostly valid scalars.
fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        10 => select(&["null", "true", "1", "-2.50", "\"x\"", "\"\\n\"", "[]", "{}"][..]),
        1 => select(SCALARS),
    ]
    .prop_map(str::to_owned)
}

fn members(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    vec(
        (space(), select(KEYS), space(), space(), value, space()),
        0..6,
    )
    .prop_map(|members| {
        let members = members
            .iter()
            .map(|(a, key, b, c, value, d)| format!("{a}{key}{b}:{c}{value}{d}"));
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    })
}

fn value() -> impl Strategy<Value = String> {
    scalar().prop_recursive(4, 24, 4, |inner| {
        let array = vec(inner.clone(), 0..4).prop_map(|values| format!("[{}]", values.join(" ,")));
        prop_oneof![members(inner), array]
    })
}

/// One line's text: nearly always an object.
fn line() -> impl Strategy<Value = String> {
    let text = prop_oneof![30 => members(value()), 1 => value(), 1 => Just(String::new())];
    (space(), text, space()).prop_map(|(before, text, after)| format!("{before}{text}{after}"))
}

/// Lines, each possibly repeated and then possibly damaged somewhere.
pub(super) fn lines() -> impl Strategy<Value = Vec<u8>> {
    let damage = vec(
        (
            any::<Index>(),
            select(&b"{}[]\",:\\ \n\r0e.-\xff\x80\xc3tu"[..]),
            0..3_u8,
        ),
        0..3,
    );
    let lines = vec((line(), 1..3_usize), 0..8);
    (lines, damage, any::<bool>()).prop_map(|(lines, damage, is_ended)| {
        let mut text = Vec::new();
        for (line, copies) in &lines {
            for _ in 0..*copies {
                text.extend_from_slice(line.as_bytes());
                text.push(b'\n');
            }
        }
        if !is_ended {
            text.pop();
        }
        for (place, byte, how) in damage {
            if text.is_empty() {
                break;
            }
            let at = place.index(text.len());
            match how {
                0 => text[at] = byte,
                1 => text.insert(at, byte),
                _ => drop(text.remove(at)),
            }
        }
        text
    })
}

/// Tokens in any order, whole lines of them.
pub(super) fn soup() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        6 => select(&["{", "}", "[", "]", ",", ":", "\n", " "][..]),
        3 => select(KEYS),
        2 => select(SCALARS),
        2 => select(&["{\"a\":", ",\"a\":", ",\"b\":{\"a\":1}", "{\"a\":1}\n"][..]),
    ];
    vec(token, 0..40).prop_map(|tokens| tokens.concat().into_bytes())
}
