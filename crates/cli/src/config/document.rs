//! From the text of a `tamis.toml` to settings, or to all that is wrong with it.

use std::ops::Range;

use tamis_contract::diagnostic::{Diagnostic, Level};
use tamis_engine::suggest;
use toml::Spanned;
use toml::de::{DeInteger, DeString, DeTable, DeValue};

use super::Config;
use super::performance::Performance;
use super::serve::Serve;
use super::settings::{Fault, Given, Setting, Table, shortened};

/// All tables there are.
const TABLES: [&str; 2] = [Performance::NAME, Serve::NAME];
/// Nobody reads more at once, and a file of nothing but mistakes must not take long.
const FINDINGS_MAX: usize = 20;

type Key<'t> = Spanned<DeString<'t>>;
type Value<'t> = Spanned<DeValue<'t>>;

/// Puts what the text says in its place, and returns what is wrong with the text, in its order.
///
/// With a finding, `config` is of no use.
pub(super) fn read(text: &str, config: &mut Config) -> Vec<Diagnostic> {
    let document = match DeTable::parse(text) {
        Ok(document) => document,
        Err(error) => return vec![syntax(text, &error)],
    };
    let mut findings = Vec::new();
    for (key, value) in in_order(document.get_ref()) {
        if findings.len() >= FINDINGS_MAX {
            break;
        }
        match key.get_ref().as_ref() {
            Performance::NAME => read_table(value, &mut config.performance, &mut findings),
            Serve::NAME => read_table(value, &mut config.serve, &mut findings),
            _ => findings.push(stranger(key, value.get_ref())),
        }
    }
    findings
}

fn read_table<T: Table>(value: &Value<'_>, to: &mut T, findings: &mut Vec<Diagnostic>) {
    let DeValue::Table(table) = value.get_ref() else {
        let found = kind(value.get_ref());
        let message = format!("`{}` must be a table, not {found}", T::NAME);
        let help = Some(format!("write `[{}]` on a line of its own", T::NAME));
        findings.push(finding("wrong-value", value.span(), message, help));
        return;
    };
    for (key, value) in in_order(table) {
        if findings.len() >= FINDINGS_MAX {
            return;
        }
        let Some(setting) = Setting::<T>::of_key(key.get_ref()) else {
            findings.push(unknown_key::<T>(key));
            continue;
        };
        if let Err(Fault { message, help }) = setting.set(to, given(value.get_ref())) {
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
        DeValue::Boolean(is_on) => Given::Switch(*is_on),
        DeValue::Array(array) => match array.iter().map(|it| it.get_ref().as_str()).collect() {
            Some(texts) => Given::Texts(texts),
            None => Given::Other(kind(value)),
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
    let help = match (suggest::nearest(name, TABLES), table_of(name)) {
        (Some(nearest), _) => format!("did you mean `[{nearest}]`?"),
        (None, Some(table)) => {
            format!("`{name}` belongs to the table `[{table}]`: write `[{table}]` above it")
        }
        (None, None) => {
            let tables = TABLES.map(|table| format!("`[{table}]`"));
            format!("the tables are {}", tables.join(" and "))
        }
    };
    let code = if what == "table" {
        "unknown-table"
    } else {
        "unknown-key"
    };
    let message = format!("unknown {what} `{}`", shortened(name));
    finding(code, key.span(), message, Some(help))
}

/// The table that has a key of this name.
fn table_of(key: &str) -> Option<&'static str> {
    let of_performance = Setting::<Performance>::of_key(key).map(|_| Performance::NAME);
    of_performance.or_else(|| Setting::<Serve>::of_key(key).map(|_| Serve::NAME))
}

fn unknown_key<T: Table>(key: &Key<'_>) -> Diagnostic {
    let name = key.get_ref();
    let keys = || T::settings().iter().map(|setting| setting.key);
    let listed: Vec<_> = keys().map(|key| format!("`{key}`")).collect();
    let keys_are = format!("the keys of `[{}]` are {}", T::NAME, listed.join(", "));
    let help = match suggest::nearest(name, keys()) {
        Some(nearest) => format!("did you mean `{nearest}`? {keys_are}"),
        None => keys_are,
    };
    let message = format!("unknown key `{}` in `[{}]`", shortened(name), T::NAME);
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
