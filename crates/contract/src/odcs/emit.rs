//! Values as YAML text: block style, two spaces, the same text for the same value always.
//!
//! Text is written plain only when every YAML reader, those of version 1.1 included, reads it back
//! as the same text: `no`, `1.0` and `2024-01-01` are quoted.

use crate::model::Value;

use super::yaml::{Scalar, classify};

/// Words that YAML 1.1 readers take for booleans.
const OLD_BOOLEANS: [&str; 6] = ["y", "n", "yes", "no", "on", "off"];

/// A document of this value.
pub(super) fn document(value: &Value) -> String {
    let mut text = String::new();
    block(value, 0, &mut text);
    text
}

/// Writes a value on lines of its own.
fn block(value: &Value, indent: usize, text: &mut String) {
    match value {
        Value::Map(entries) if !entries.is_empty() => {
            for (index, (key, value)) in entries.iter().enumerate() {
                // The first key of a mapping inside a list stands behind the dash.
                if index > 0 || !text.ends_with("- ") {
                    push_indent(indent, text);
                }
                push_text(key, text);
                text.push(':');
                after_colon(value, indent, text);
            }
        }
        Value::List(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                if index > 0 || !text.ends_with("- ") {
                    push_indent(indent, text);
                }
                text.push_str("- ");
                block(item, indent + 2, text);
            }
        }
        scalar => {
            push_scalar(scalar, text);
            text.push('\n');
        }
    }
}

/// Writes the value of a key: on the same line if it fits there.
fn after_colon(value: &Value, indent: usize, text: &mut String) {
    match value {
        Value::Map(entries) if !entries.is_empty() => {
            text.push('\n');
            block(value, indent + 2, text);
        }
        Value::List(items) if !items.is_empty() && items.iter().all(is_scalar) => {
            text.push_str(" [");
            for (index, item) in items.iter().enumerate() {
                text.push_str(if index > 0 { ", " } else { "" });
                push_scalar(item, text);
            }
            text.push_str("]\n");
        }
        Value::List(items) if !items.is_empty() => {
            text.push('\n');
            block(value, indent + 2, text);
        }
        scalar => {
            text.push(' ');
            push_scalar(scalar, text);
            text.push('\n');
        }
    }
}

fn is_scalar(value: &Value) -> bool {
    !matches!(value, Value::List(_) | Value::Map(_))
}

fn push_indent(indent: usize, text: &mut String) {
    text.extend(std::iter::repeat_n(' ', indent));
}

fn push_scalar(value: &Value, text: &mut String) {
    match value {
        Value::Null => text.push_str("null"),
        Value::Boolean(value) => text.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => text.push_str(number),
        Value::Text(value) => push_text(value, text),
        Value::List(_) => text.push_str("[]"),
        Value::Map(_) => text.push_str("{}"),
    }
}

fn push_text(value: &str, text: &mut String) {
    if is_plain(value) {
        text.push_str(value);
    } else if value.chars().all(is_printable) {
        text.push('\'');
        text.push_str(&value.replace('\'', "''"));
        text.push('\'');
    } else {
        push_escaped(value, text);
    }
}

/// Double quotes: the only style that can hold every character.
fn push_escaped(value: &str, text: &mut String) {
    text.push('"');
    for character in value.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\t' => text.push_str("\\t"),
            character if is_printable(character) => text.push(character),
            character => text.push_str(&format!("\\U{:08X}", u32::from(character))),
        }
    }
    text.push('"');
}

/// Whether a character can stand in quotes as itself (YAML 1.2.2, section 5.1), line ends excepted.
fn is_printable(character: char) -> bool {
    matches!(character, ' '..='~' | '\u{a0}'..='\u{2027}' | '\u{202a}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}'
        | '\u{ff00}'..='\u{fffd}' | '\u{10000}'..)
}

/// Whether text can do without quotes; when in doubt it cannot.
fn is_plain(value: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./ ".contains(&byte);
    value.starts_with(|first: char| first.is_ascii_alphabetic())
        && value.bytes().all(is_word)
        && !value.ends_with(' ')
        && classify(value) == Scalar::Text
        && !OLD_BOOLEANS.contains(&value.to_ascii_lowercase().as_str())
}
