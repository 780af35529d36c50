//! From the text of a `tamis.toml` to settings, or to all that is wrong with it.

use std::ops::Range;

use tamis_contract::diagnostic::{Diagnostic, Level};
use tamis_engine::suggest;
use toml::Spanned;
use toml::de::{DeInteger, DeString, DeTable, DeValue};

use super::performance::Performance;
use super::settings::{Fault, Given, PERFORMANCE, Setting, shortened};

/// The only table there is.
const TABLE: &str = "performance";
/// Nobody reads more at once, and a file of nothing but mistakes must not take long.
const FINDINGS_MAX: usize = 20;

type Key<'t> = Spanned<DeString<'t>>;
type Value<'t> = Spanned<DeValue<'t>>;

/// Puts what the text says in its place, and returns what is wrong with the text, in its order.
///
/// With a finding, `performance` is of no use.
pub(super) fn read(text: &str, performance: &mut Performance) -> Vec<Diagnostic> {
    let document = match DeTable::parse(text) {
        Ok(document) => document,
        Err(error) => return vec![syntax(text, &error)],
    };
    let mut findings = Vec::new();
    for (key, value) in in_order(document.get_ref()) {
        if findings.len() >= FINDINGS_MAX {
            break;
        }
        match (key.get_ref().as_ref(), value.get_ref()) {
            (TABLE, DeValue::Table(table)) => read_table(table, performance, &mut findings),
            (TABLE, other) => {
                let message = format!("`{TABLE}` must be a table, not {}", kind(other));
                let help = Some(format!("write `[{TABLE}]` on a line of its own"));
                findings.push(finding("wrong-value", value.span(), message, help));
            }
            _ => findings.push(stranger(key, value.get_ref())),
        }
    }
    findings
}

fn read_table(table: &DeTable<'_>, performance: &mut Performance, findings: &mut Vec<Diagnostic>) {
    for (key, value) in in_order(table) {
        if findings.len() >= FINDINGS_MAX {
            return;
        }
        let Some(setting) = Setting::of_key(key.get_ref()) else {
            findings.push(unknown_key(key));
            continue;
        };
        if let Err(Fault { message, help }) = setting.set(performance, given(value.get_ref())) {
            let message = format!("`{}` {message}", setting.key);
            findings.push(finding("wrong-value", value.span(), message, help));
        }
    }
}

/// The entries as they stand in the text; the table has them by name.
fn in_order<'a, 't>(table: &'a DeTable<'t>) -> Vec<(&'a Key<'t>, &'a Value<'t>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

fn given<'a>(value: &'a DeValue<'_>) -> Given<'a> {
    match value {
        DeValue::String(text) => Given::Text(text),
        DeValue::Integer(integer) => match number(integer) {
            Some(number) => Given::Number(number),
            None => Given::Other("so large a number"),
        },
        other => Given::Other(kind(other)),
    }
}

/// `None` beyond 128 bits.
fn number(integer: &DeInteger<'_>) -> Option<i128> {
    i128::from_str_radix(integer.as_str(), integer.radix()).ok()
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

/// What is beside the tables that exist.
fn stranger(key: &Key<'_>, value: &DeValue<'_>) -> Diagnostic {
    let name = key.get_ref();
    let what = match value {
        DeValue::Table(_) => "table",
        DeValue::Array(array) if array.iter().any(|item| item.get_ref().is_table()) => "table",
        _ => "key",
    };
    let help = match suggest::nearest(name, [TABLE]) {
        Some(nearest) => format!("did you mean `[{nearest}]`?"),
        None if Setting::of_key(name).is_some() => {
            format!("`{name}` belongs to the table `[{TABLE}]`: write `[{TABLE}]` above it")
        }
        None => format!("the only table is `[{TABLE}]`"),
    };
    let code = if what == "table" {
        "unknown-table"
    } else {
        "unknown-key"
    };
    let message = format!("unknown {what} `{}`", shortened(name));
    finding(code, key.span(), message, Some(help))
}

fn unknown_key(key: &Key<'_>) -> Diagnostic {
    let name = key.get_ref();
    let keys = PERFORMANCE.each_ref().map(|setting| setting.key);
    let listed = keys.map(|key| format!("`{key}`")).join(", ");
    let keys_are = format!("the keys of `[{TABLE}]` are {listed}");
    let help = match suggest::nearest(name, keys) {
        Some(nearest) => format!("did you mean `{nearest}`? {keys_are}"),
        None => keys_are,
    };
    let message = format!("unknown key `{}` in `[{TABLE}]`", shortened(name));
    finding("unknown-key", key.span(), message, Some(help))
}

/// What is no TOML. The parser's first complaint: those after it are often its consequences.
fn syntax(text: &str, error: &toml::de::Error) -> Diagnostic {
    let span = error.span().unwrap_or(text.len()..text.len());
    let message = format!("not TOML: {}", error.message());
    finding("syntax", span, message, None)
}

/// A finding that makes the file useless, as all of them do.
pub(super) fn finding(
    code: &'static str,
    span: Range<usize>,
    message: String,
    help: Option<String>,
) -> Diagnostic {
    Diagnostic {
        level: Level::Error,
        code,
        message,
        span,
        help,
    }
}
