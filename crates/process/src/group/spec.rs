//! What `--by` and `--agg` say: `country, year`, and `sum(amount) as total, count(), p95(delay)`.
//!
//! Items stand between commas; a comma inside of brackets or quotes is no border. An item may end in `as NAME`. What an item
//! computes with is a column, by its name, in double quotes or as `row['any name']`, or an expression.

use std::ops::Range;

use super::aggregate::Function;
use crate::Result;
use crate::items::{items, matching, renamed, trimmed, wrong};

/// A column of keys.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct KeySpec {
    /// What it is called in the result.
    pub(super) name: String,
    pub(super) source: SourceSpec,
}

/// An aggregate.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct AggregateSpec {
    /// What it is called in the result.
    pub(super) name: String,
    pub(super) function: Function,
    /// Where its name stands.
    pub(super) function_span: Range<usize>,
    /// `None`: it counts rows.
    pub(super) argument: Option<SourceSpec>,
}

/// What values are taken from.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SourceSpec {
    pub(super) text: String,
    pub(super) span: Range<usize>,
}

/// The functions by name.
const FUNCTIONS: [(&str, Function); 13] = [
    ("count", Function::Count),
    ("sum", Function::Sum),
    ("mean", Function::Mean),
    ("avg", Function::Mean),
    ("min", Function::Least),
    ("max", Function::Greatest),
    ("stddev", Function::StandardDeviation),
    ("variance", Function::Variance),
    ("distinct", Function::Distinct),
    ("first", Function::First),
    ("last", Function::Last),
    ("median", Function::Quantile(0.5)),
    ("p99.9", Function::Quantile(0.999)),
];

/// Reads the columns of keys.
pub(super) fn parse_keys(text: &str) -> Result<Vec<KeySpec>> {
    let items = items(text)?;
    let keys = items.into_iter().map(|item| {
        let (source, name) = renamed(text, item)?;
        let source = SourceSpec {
            text: text[source.clone()].to_owned(),
            span: source,
        };
        let name =
            name.unwrap_or_else(|| source.column_name().unwrap_or_else(|| source.text.clone()));
        Ok(KeySpec { name, source })
    });
    keys.collect()
}

/// Reads aggregates.
pub(super) fn parse_aggregates(text: &str) -> Result<Vec<AggregateSpec>> {
    let items = items(text)?;
    items
        .into_iter()
        .map(|item| parse_aggregate(text, item))
        .collect()
}

fn parse_aggregate(text: &str, item: Range<usize>) -> Result<AggregateSpec> {
    let (call, name) = renamed(text, item)?;
    let wrong = |span: Range<usize>, message: String, help: &str| {
        wrong(text, span, message, Some(help.to_owned()))
    };
    let Some(open) = text[call.clone()].find('(').map(|at| call.start + at) else {
        let item = &text[call.clone()];
        let (message, help) = match function(item) {
            Some(_) => (
                format!("`{item}` has no argument"),
                format!("write `{item}(...)` with a column, or `count()` for rows"),
            ),
            None => (
                format!("`{item}` is no aggregate"),
                "write a function of a column, such as `sum(amount)`".to_owned(),
            ),
        };
        return Err(wrong(call, message, &help));
    };
    let function_span = trimmed(text, call.start..open);
    let function_name = &text[function_span.clone()];
    let Some(function) = function(function_name) else {
        let names = FUNCTIONS.map(|(name, _)| name).join(", ");
        let help = format!("there are {names} and other percentiles");
        return Err(wrong(
            function_span,
            format!("there is no function `{function_name}`"),
            &help,
        ));
    };
    let close = call.end - 1;
    if !text[call.clone()].ends_with(')') || matching(text, open) != Some(close) {
        let rest = matching(text, open).map_or(call.end..call.end, |close| close + 1..call.end);
        let message = "expected `)`, and behind it a comma or `as`".to_owned();
        return Err(wrong(
            trimmed(text, rest),
            message,
            "each aggregate is `function(column) as name`",
        ));
    }
    let argument = trimmed(text, open + 1..close);
    let argument = match (
        argument.is_empty() || &text[argument.clone()] == "*",
        function,
    ) {
        (true, Function::Count) => None,
        (true, _) => {
            let message = format!("`{function_name}` needs a column");
            return Err(wrong(
                open..close + 1,
                message,
                "only `count()` counts rows",
            ));
        }
        (false, _) => Some(SourceSpec {
            text: text[argument.clone()].to_owned(),
            span: argument,
        }),
    };
    Ok(AggregateSpec {
        name: name.unwrap_or_else(|| text[call].to_owned()),
        function,
        function_span,
        argument,
    })
}

fn function(name: &str) -> Option<Function> {
    if let Some((_, function)) = FUNCTIONS.iter().find(|(known, _)| *known == name) {
        return Some(*function);
    }
    let percent = name.strip_prefix('p')?;
    let is_number = percent
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let percent: f64 = percent.parse().ok().filter(|_| is_number)?;
    // Divided by a hundred as a decimal would be: `p99.9` is 0.999.
    (percent > 0.0 && percent < 100.0).then(|| Function::Quantile(percent / 100.0))
}

impl SourceSpec {
    /// The column that this names, if it is no more than a name: `amount`, `"Order Date"` or `row['Order Date']`.
    pub(super) fn column_name(&self) -> Option<String> {
        let inner = self
            .text
            .strip_prefix("row[")
            .and_then(|rest| rest.strip_suffix(']'));
        let quoted = inner.map_or(self.text.as_str(), str::trim);
        let quotes: &[char] = if inner.is_some() {
            &['\'', '"']
        } else {
            &['"']
        };
        let quote = quoted
            .chars()
            .next()
            .filter(|first| quotes.contains(first))?;
        let name = quoted.strip_prefix(quote)?.strip_suffix(quote)?;
        (!name.contains(quote)).then(|| name.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    #[test]
    fn aggregates_have_functions_arguments_and_names() {
        let parsed =
            parse_aggregates("count(), sum(a) as total,p99.9( row['x, y'] ),max(f(1, 2) )")
                .unwrap();
        let shown: Vec<_> = parsed
            .iter()
            .map(|it| {
                (
                    it.name.as_str(),
                    it.function,
                    it.argument.as_ref().map(|it| it.text.as_str()),
                )
            })
            .collect();
        let expected = [
            ("count()", Function::Count, None),
            ("total", Function::Sum, Some("a")),
            (
                "p99.9( row['x, y'] )",
                Function::Quantile(0.999),
                Some("row['x, y']"),
            ),
            ("max(f(1, 2) )", Function::Greatest, Some("f(1, 2)")),
        ];
        assert_eq!(shown, expected);
        assert_eq!(
            parsed[2]
                .argument
                .as_ref()
                .unwrap()
                .column_name()
                .as_deref(),
            Some("x, y")
        );
        assert_eq!(parsed[1].argument.as_ref().unwrap().column_name(), None);
    }

    #[test]
    fn keys_are_columns() {
        let keys = parse_keys("country, \"Order Date\", row['a, b'] as ab").unwrap();
        let names: Vec<_> = keys.iter().map(|key| key.name.as_str()).collect();
        assert_eq!(names, ["country", "Order Date", "ab"]);
        assert_eq!(keys[2].source.column_name().as_deref(), Some("a, b"));
    }

    #[test]
    fn what_is_wrong_has_a_place() {
        let fault = |text: &str| match parse_aggregates(text) {
            Err(Error::Expression { source, .. }) => (text[source.span].to_owned(), source.message),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            fault("sum(a), smu(b)"),
            ("smu".to_owned(), "there is no function `smu`".to_owned())
        );
        assert_eq!(
            fault("sum"),
            ("sum".to_owned(), "`sum` has no argument".to_owned())
        );
        assert_eq!(
            fault("amount"),
            ("amount".to_owned(), "`amount` is no aggregate".to_owned())
        );
        assert_eq!(fault("sum()").0, "()");
        assert_eq!(fault("sum(a").0, "(");
        assert_eq!(fault("sum(a))").0, ")");
        assert_eq!(fault("sum(a) total").0, "total");
        assert_eq!(fault("sum(row['a)").0, "'");
        assert_eq!(fault("sum(a),,count()").0, "");
        assert_eq!(fault("p0(a)").0, "p0");
        assert_eq!(fault("p100(a)").0, "p100");
        assert_eq!(fault("sum(a) as ").0, "as");
    }
}
