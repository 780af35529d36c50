//! The names of functions: those there are, and what they are called elsewhere.

use tamis_engine::suggest;

use crate::ExprError;
use crate::syntax::Call;

/// All functions, with the arguments they take: for messages and the documentation.
const FUNCTIONS: [(&str, &str); 40] = [
    ("abs", "abs(number)"),
    ("bool", "bool(text)"),
    ("ceil", "ceil(number)"),
    ("coalesce", "coalesce(value, value, ...)"),
    ("contains", "text.contains(text)"),
    ("date", "date(text or timestamp)"),
    ("double", "double(text, number or boolean)"),
    ("duration", "duration(text)"),
    ("endsWith", "text.endsWith(text)"),
    ("floor", "floor(number)"),
    ("getDate", "timestamp.getDate()"),
    ("getDayOfMonth", "timestamp.getDayOfMonth()"),
    ("getDayOfWeek", "timestamp.getDayOfWeek()"),
    ("getDayOfYear", "timestamp.getDayOfYear()"),
    ("getFullYear", "timestamp.getFullYear()"),
    ("getHours", "timestamp.getHours()"),
    ("getMilliseconds", "timestamp.getMilliseconds()"),
    ("getMinutes", "timestamp.getMinutes()"),
    ("getMonth", "timestamp.getMonth()"),
    ("getSeconds", "timestamp.getSeconds()"),
    ("greatest", "greatest(value, value, ...)"),
    ("has", "has(column)"),
    ("indexOf", "text.indexOf(text)"),
    ("int", "int(text, number, boolean, timestamp or duration)"),
    ("least", "least(value, value, ...)"),
    ("lowerAscii", "text.lowerAscii()"),
    ("matches", "text.matches('pattern')"),
    ("max", "max(value, value, ...)"),
    ("min", "min(value, value, ...)"),
    ("replace", "text.replace(text, text)"),
    ("round", "round(number)"),
    ("size", "size(text)"),
    ("startsWith", "text.startsWith(text)"),
    ("string", "string(value)"),
    (
        "substring",
        "text.substring(start) or text.substring(start, end)",
    ),
    ("time", "time(text or timestamp)"),
    ("timestamp", "timestamp(text, date or integer)"),
    ("trim", "text.trim()"),
    ("trunc", "trunc(number)"),
    ("upperAscii", "text.upperAscii()"),
];

/// What functions are called elsewhere.
const ELSEWHERE: [(&str, &str); 31] = [
    ("all", "there are no lists here"),
    ("exists", "there are no lists here"),
    ("exists_one", "there are no lists here"),
    ("map", "there are no lists here"),
    ("filter", "there are no lists here"),
    ("avg", "`tamis group --agg` computes over many records"),
    ("count", "`tamis group --agg` computes over many records"),
    ("mean", "`tamis group --agg` computes over many records"),
    ("sum", "`tamis group --agg` computes over many records"),
    ("len", "it is `size(text)`"),
    ("length", "it is `size(text)`"),
    ("strlen", "it is `size(text)`"),
    ("lower", "it is `text.lowerAscii()`"),
    ("toLowerCase", "it is `text.lowerAscii()`"),
    ("upper", "it is `text.upperAscii()`"),
    ("toUpperCase", "it is `text.upperAscii()`"),
    ("strip", "it is `text.trim()`"),
    ("substr", "it is `text.substring(start, end)`"),
    ("year", "it is `x.getFullYear()`"),
    (
        "month",
        "it is `x.getMonth() + 1`: CEL counts months from 0",
    ),
    ("day", "it is `x.getDate()`"),
    ("hour", "it is `x.getHours()`"),
    ("minute", "it is `x.getMinutes()`"),
    ("second", "it is `x.getSeconds()`"),
    ("weekday", "it is `x.getDayOfWeek()`, 0 being Sunday"),
    ("isnull", "write `x == null`"),
    ("is_null", "write `x == null`"),
    ("ifnull", "it is `coalesce(x, y)`"),
    ("float", "it is `double(x)`"),
    ("str", "it is `string(x)`"),
    (
        "like",
        "`text.startsWith(text)`, `text.contains(text)`, `text.matches('pattern')`",
    ),
];

/// Whether there is a function of that name.
pub(in crate::check) fn is_function(name: &str) -> bool {
    signature(name).is_some()
}

/// How a function is called.
pub(super) fn signature(name: &str) -> Option<&'static str> {
    FUNCTIONS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|&(_, signature)| signature)
}

/// There is no such function; perhaps one that does the same.
pub(super) fn unknown(call: &Call) -> ExprError {
    let name = call.name.as_str();
    let error = ExprError::new(
        call.name_span.clone(),
        format!("no function is named `{name}`"),
    );
    let elsewhere = ELSEWHERE
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name));
    if let Some((_, help)) = elsewhere {
        return error.with_help(*help);
    }
    let names = FUNCTIONS.iter().map(|&(name, _)| name);
    match suggest::nearest(name, names) {
        Some(nearest) => error.with_help(format!("did you mean `{nearest}`?")),
        None => error,
    }
}
