//! What `--by` and `--agg` say: `country, year`, and `sum(amount) as total, count(), p95(delay), max`.
//!
//! Both are [`lists`](crate::lists). A key is a column or an expression; an aggregate is a function of one, of rows (`count()`), or, by its
//! name alone, of each column that it can be computed of.

use std::ops::Range;

use super::aggregate::Function;
use crate::Result;
use crate::lists::{items, matching, opening, quoted, renamed, trimmed, wrong};

/// A column of keys.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct KeySpec {
    /// What it is called in the result, if that is said.
    pub(super) name: Option<String>,
    /// Where its column or its expression stands.
    pub(super) source: Range<usize>,
}

/// An aggregate.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct AggregateSpec {
    /// What it is called in the result; of each column, the name of the function.
    pub(super) name: String,
    pub(super) function: Function,
    /// Where it stands, without its name.
    pub(super) span: Range<usize>,
    /// Where the name of the function stands.
    pub(super) function_span: Range<usize>,
    pub(super) argument: Argument,
}

/// What an aggregate is computed of.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Argument {
    /// Rows, whatever is in them.
    Rows,
    /// The column or the expression that stands there.
    Source(Range<usize>),
    /// Each column that is no key, if the function takes its values.
    Each,
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
    let keys = items(text)?.into_iter().map(|item| {
        let (source, name) = renamed(text, item)?;
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
    let open = opening(text, &call);
    let function_span = trimmed(text, call.start..open.unwrap_or(call.end));
    let function_name = &text[function_span.clone()];
    let Some(function) = function(function_name) else {
        let (message, help) = match open {
            Some(_) => {
                let names = FUNCTIONS.map(|(name, _)| name).join(", ");
                let help = format!("there are {names} and other percentiles");
                (format!("there is no function `{function_name}`"), help)
            }
            None if quoted(function_name).is_some() => (
                format!("`{function_name}` is a name, and no aggregate"),
                format!("write a function of the column, such as `max({function_name})`"),
            ),
            None => (
                format!("`{function_name}` is no aggregate"),
                "write a function of a column, such as `sum(amount)`".to_owned(),
            ),
        };
        return Err(wrong(function_span, message, &help));
    };
    let argument = match open {
        None => Argument::Each,
        Some(open) => {
            let close = call.end - 1;
            let found = matching(text, &call, open);
            if found != Some(close) {
                let rest = found.map_or(call.end..call.end, |close| close + 1..call.end);
                let message = "expected `)`, and behind it a comma or `as`".to_owned();
                let help = "each aggregate is `function(column) as name`";
                return Err(wrong(trimmed(text, rest), message, help));
            }
            let inner = trimmed(text, open + 1..close);
            match (&text[inner.clone()], function) {
                ("" | "*", Function::Count) => Argument::Rows,
                ("*", _) => Argument::Each,
                ("", _) => {
                    let message = format!("`{function_name}` needs a column");
                    let help = format!(
                        "`{function_name}(*)` or `{function_name}` is that of each column, `count()` counts rows"
                    );
                    return Err(wrong(open..close + 1, message, &help));
                }
                _ => Argument::Source(inner),
            }
        }
    };
    if argument == Argument::Each {
        if function == Function::Count {
            let message = "`count` has no argument".to_owned();
            let help = "`count()` counts rows, `count(column)` the values of a column";
            return Err(wrong(call, message, help));
        }
        if name.is_some() {
            let message = format!("`{function_name}` of each column cannot have one name");
            let help = format!("name its column: `{function_name}(column) as name`");
            return Err(wrong(call, message, &help));
        }
    }
    let name = name.unwrap_or_else(|| match argument {
        Argument::Each => function_name.to_owned(),
        _ => text[call.clone()].to_owned(),
    });
    Ok(AggregateSpec {
        name,
        function,
        span: call,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    #[test]
    fn aggregates_have_functions_arguments_and_names() {
        let text = "count(), sum(a) as total,p99.9( row['x, y'] ),max(f(1, 2) ),min, last(*),max(\"a)\\\")";
        let parsed = parse_aggregates(text).unwrap();
        let shown: Vec<_> = parsed
            .iter()
            .map(|it| {
                let argument = match &it.argument {
                    Argument::Rows => None,
                    Argument::Source(place) => Some(&text[place.clone()]),
                    Argument::Each => Some("each"),
                };
                (it.name.as_str(), it.function, argument)
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
            ("min", Function::Least, Some("each")),
            ("last", Function::Last, Some("each")),
            ("max(\"a)\\\")", Function::Greatest, Some("\"a)\\\"")),
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn keys_are_columns() {
        let text = "country, \"Order Date\", row['a, b'] as \"a as b\"";
        let keys = parse_keys(text).unwrap();
        let shown: Vec<_> = keys
            .iter()
            .map(|key| (&text[key.source.clone()], key.name.as_deref()))
            .collect();
        let expected = [
            ("country", None),
            ("\"Order Date\"", None),
            ("row['a, b']", Some("a as b")),
        ];
        assert_eq!(shown, expected);
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
            fault("count"),
            ("count".to_owned(), "`count` has no argument".to_owned())
        );
        assert_eq!(
            fault("sum as total"),
            (
                "sum".to_owned(),
                "`sum` of each column cannot have one name".to_owned()
            )
        );
        assert_eq!(
            fault("amount"),
            ("amount".to_owned(), "`amount` is no aggregate".to_owned())
        );
        assert_eq!(
            fault("\"sum(min)\"").1,
            "`\"sum(min)\"` is a name, and no aggregate"
        );
        assert_eq!(fault("\"sum(min)\"").0, "\"sum(min)\"");
        assert_eq!(fault("\"a(\"(b)").0, "\"a(\"");
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
