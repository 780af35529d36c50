//! What an expression means, for one record: the plainest interpreter there can be. It shares the syntax with the compiler, and
//! the reading and writing of moments; nothing else.

use std::cmp::Ordering;

use tamis_formats::vector::Type;

use crate::syntax::{Arithmetic, Call, Comparison, Node, Tree};
use crate::temporal;

/// The value of a part.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    /// It cannot be computed.
    Failed,
    Boolean(bool),
    Integer(i64),
    Number(f64),
    Text(String),
    Date(i64),
    Timestamp(i64),
    Duration(i64),
}

use Value::{Boolean, Date, Duration, Failed, Integer, Null, Number, Text, Timestamp};

/// The value of `tree`, where `column` gives those of columns.
pub(super) fn value(tree: &Tree, column: &dyn Fn(&str) -> Value) -> Value {
    let of = |tree: &Tree| value(tree, column);
    match &tree.node {
        Node::Null => Null,
        Node::Boolean(value) => Boolean(*value),
        Node::Integer(value) => Integer(*value),
        Node::Number(value) => Number(*value),
        Node::Text(value) => Text(value.clone()),
        Node::Path(parts) => column(&parts.join(".")),
        Node::List(_) => panic!("lists stand behind `in`"),
        Node::Negate(operand) => match of(operand) {
            Integer(value) => value.checked_neg().map_or(Failed, Integer),
            Number(value) => Number(-value),
            other => other,
        },
        Node::Not(operand) => match of(operand) {
            Boolean(value) => Boolean(!value),
            other => other,
        },
        Node::And(terms) => settle(terms.iter().map(of), false),
        Node::Or(terms) => settle(terms.iter().map(of), true),
        Node::Arithmetic(operator, pair) => {
            strict([of(&pair[0]), of(&pair[1])], |[left, right]| {
                compute(*operator, left, right)
            })
        }
        Node::Compare(comparison, pair) => {
            let asked = pair.iter().find(|tree| tree.node != Node::Null);
            if pair.iter().any(|tree| tree.node == Node::Null) {
                let is_null = asked.is_none_or(|tree| matches!(of(tree), Null | Failed));
                return Boolean(is_null == (*comparison == Comparison::Equal));
            }
            compare(*comparison, of(&pair[0]), of(&pair[1]))
        }
        Node::In(pair) => {
            let Node::List(items) = &pair[1].node else {
                panic!("a list stands behind `in`");
            };
            let value = of(&pair[0]);
            match value {
                Null | Failed if items.is_empty() => value,
                _ if items.is_empty() => Boolean(false),
                _ => {
                    let equal = |item| compare(Comparison::Equal, value.clone(), of(item));
                    settle(items.iter().map(equal), true)
                }
            }
        }
        Node::If(three) => match of(&three[0]) {
            Boolean(true) => of(&three[1]),
            Boolean(false) => of(&three[2]),
            other => other,
        },
        Node::Call(call) => {
            let arguments = call.target.iter().map(|target| of(target));
            let arguments = arguments.chain(call.arguments.iter().map(of)).collect();
            function(call, arguments)
        }
    }
}

/// "Or" if `truth` settles it, "and" if falsehood does.
fn settle(terms: impl Iterator<Item = Value>, truth: bool) -> Value {
    let terms: Vec<Value> = terms.collect();
    if terms.contains(&Boolean(truth)) {
        Boolean(truth)
    } else if terms.contains(&Failed) {
        Failed
    } else if terms.contains(&Null) {
        Null
    } else {
        Boolean(!truth)
    }
}

/// What is computed of null is null, of a failure fails.
fn strict<const N: usize>(values: [Value; N], of: impl FnOnce([Value; N]) -> Value) -> Value {
    if values.contains(&Null) {
        Null
    } else if values.contains(&Failed) {
        Failed
    } else {
        of(values)
    }
}

fn finite(value: f64) -> Value {
    if value.is_finite() {
        Number(value)
    } else {
        Failed
    }
}

fn compute(operator: Arithmetic, left: Value, right: Value) -> Value {
    use Arithmetic::{Add, Divide, Multiply, Remainder, Subtract};
    let checked = |left: i64, right: i64| {
        // In 128 bits nothing overflows, and what does not fit has failed.
        let (left, right) = (i128::from(left), i128::from(right));
        let value = match operator {
            Add => left + right,
            Subtract => left - right,
            Multiply => left * right,
            Divide | Remainder if right == 0 => return None,
            Divide => left / right,
            Remainder => left % right,
        };
        i64::try_from(value).ok()
    };
    match (left, right) {
        (Integer(left), Integer(right)) => checked(left, right).map_or(Failed, Integer),
        (Text(left), Text(right)) => Text(left + &right),
        (Timestamp(left), Timestamp(right)) => checked(left, right).map_or(Failed, Duration),
        (Timestamp(left), Duration(right)) => checked(left, right).map_or(Failed, Timestamp),
        (Date(left), right) => compute(operator, Timestamp(left * temporal::DAY), right),
        (left, Date(right)) => compute(operator, left, Timestamp(right * temporal::DAY)),
        (left, right) => {
            let (left, right) = (number(&left), number(&right));
            finite(match operator {
                Add => left + right,
                Subtract => left - right,
                Multiply => left * right,
                Divide => left / right,
                Remainder => left % right,
            })
        }
    }
}

fn number(value: &Value) -> f64 {
    match value {
        Integer(value) => *value as f64,
        Number(value) => *value,
        other => panic!("{other:?} is no number"),
    }
}

fn compare(comparison: Comparison, left: Value, right: Value) -> Value {
    strict([left, right], |[left, right]| {
        Boolean(comparison.holds(order(&left, &right)))
    })
}

fn order(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Boolean(left), Boolean(right)) => left.cmp(right),
        (Integer(left), Integer(right)) => left.cmp(right),
        (Number(left), Number(right)) => left.partial_cmp(right).expect("numbers are finite"),
        (Integer(left), Number(right)) => exact(*left, *right),
        (Number(left), Integer(right)) => exact(*right, *left).reverse(),
        (Text(left), Text(right)) => left.chars().cmp(right.chars()),
        (Date(left), Date(right)) | (Timestamp(left), Timestamp(right)) => left.cmp(right),
        (Duration(left), Duration(right)) => left.cmp(right),
        (Date(left), right) => order(&Timestamp(left * temporal::DAY), right),
        (left, Date(right)) => order(left, &Timestamp(right * temporal::DAY)),
        _ => panic!("{left:?} and {right:?} do not compare"),
    }
}

fn moment(text: &str) -> Value {
    Timestamp(temporal::parse_timestamp(text.as_bytes()).expect("a literal was checked"))
}

/// In 128 bits, which hold all integers and the whole part of all numbers near them.
fn exact(integer: i64, number: f64) -> Ordering {
    let floor = number.floor();
    let is_above = if number > floor {
        Ordering::Less
    } else {
        Ordering::Equal
    };
    // What is larger is cut to the ends of 128 bits.
    i128::from(integer).cmp(&(floor as i128)).then(is_above)
}

fn function(call: &Call, arguments: Vec<Value>) -> Value {
    let name = call.name.as_str();
    if name == "has" {
        return Boolean(!matches!(arguments[0], Null | Failed));
    }
    if name == "coalesce" {
        let failed = arguments.contains(&Failed);
        let is_value = |value: &Value| !matches!(value, Null | Failed);
        let is_number = arguments.iter().any(|value| matches!(value, Number(_)));
        let found = arguments.into_iter().find(is_value);
        return match found {
            Some(Integer(value)) if is_number => Number(value as f64),
            Some(value) => value,
            None if failed => Failed,
            None => Null,
        };
    }
    if arguments.contains(&Null) {
        return Null;
    }
    if arguments.contains(&Failed) {
        return Failed;
    }
    match (name, &arguments[..]) {
        ("min", [left, right]) => if order(left, right).is_gt() {
            right
        } else {
            left
        }
        .clone(),
        ("max", [left, right]) => if order(left, right).is_lt() {
            right
        } else {
            left
        }
        .clone(),
        ("abs", [Integer(value)]) => value.checked_abs().map_or(Failed, Integer),
        ("abs", [Number(value)]) => Number(value.abs()),
        ("round", [Number(value)]) => Number(value.round()),
        ("floor", [Number(value)]) => Number(value.floor()),
        ("size", [Text(text)]) => Integer(text.chars().count() as i64),
        ("contains", [Text(text), Text(other)]) => Boolean(text.contains(other.as_str())),
        ("startsWith", [Text(text), Text(other)]) => Boolean(text.starts_with(other.as_str())),
        ("endsWith", [Text(text), Text(other)]) => Boolean(text.ends_with(other.as_str())),
        ("matches", [Text(text), Text(pattern)]) => {
            let pattern = regex_automata::meta::Regex::new(pattern).expect("a pattern");
            Boolean(pattern.is_match(text))
        }
        ("upperAscii", [Text(text)]) => Text(text.to_ascii_uppercase()),
        ("trim", [Text(text)]) => Text(
            text.trim_matches(|found: char| found.is_ascii_whitespace())
                .to_owned(),
        ),
        ("replace", [Text(text), Text(from), Text(to)]) => match from.is_empty() {
            true => Text(text.clone()),
            false => Text(text.replace(from.as_str(), to)),
        },
        ("indexOf", [Text(text), Text(other)]) => {
            let found = text.find(other.as_str());
            Integer(found.map_or(-1, |at| text[..at].chars().count() as i64))
        }
        ("substring", [Text(text), Integer(start), rest @ ..]) => {
            let chars: Vec<char> = text.chars().collect();
            let end = match rest {
                [Integer(end)] => *end,
                _ => chars.len() as i64,
            };
            let range = usize::try_from(*start).ok().zip(usize::try_from(end).ok());
            let part = range.and_then(|(start, end)| chars.get(start..end));
            part.map_or(Failed, |part| Text(part.iter().collect()))
        }
        ("int", [Text(text)]) => match text.starts_with('+') {
            true => Failed,
            false => text.parse().map_or(Failed, Integer),
        },
        ("int", [Number(value)]) => {
            match value.abs() < 2.0_f64.powi(63) || *value == -(2.0_f64.powi(63)) {
                true => Integer(*value as i64),
                false => Failed,
            }
        }
        ("double", [value @ (Integer(_) | Number(_))]) => Number(number(value)),
        ("date", [Text(text)]) => Date(temporal::parse_date(text.as_bytes()).expect("a literal")),
        ("timestamp", [Text(text)]) => moment(text),
        ("string", [value]) => Text(written(value)),
        ("getFullYear", [value]) => Integer(civil(value).0),
        ("getMonth", [value]) => Integer(civil(value).1 - 1),
        ("getDate", [value]) => Integer(civil(value).2),
        ("getHours", [Timestamp(at)]) => Integer(at.rem_euclid(temporal::DAY) / temporal::HOUR),
        (name, arguments) => panic!("{name} of {arguments:?}"),
    }
}

/// Year, month and day, by the text of the date.
fn civil(value: &Value) -> (i64, i64, i64) {
    let days = match value {
        Date(days) => *days,
        Timestamp(at) => at.div_euclid(temporal::DAY),
        other => panic!("{other:?} has no year"),
    };
    let mut text = String::new();
    temporal::write_moment(Type::Date, days, &mut text);
    let [day, month, year]: [&str; 3] = text
        .rsplitn(3, '-')
        .collect::<Vec<_>>()
        .try_into()
        .expect("three parts");
    let parse = |text: &str| text.parse::<i64>().expect("digits");
    (parse(year), parse(month), parse(day))
}

fn written(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Boolean(value) => return value.to_string(),
        Integer(value) => return value.to_string(),
        Text(text) => return text.clone(),
        Number(value) => {
            let text = zmij::Buffer::new().format(*value).to_owned();
            return text.strip_suffix(".0").unwrap_or(&text).to_owned();
        }
        Date(days) => temporal::write_moment(Type::Date, *days, &mut out),
        Timestamp(at) => temporal::write_moment(Type::Timestamp, *at, &mut out),
        Duration(at) => temporal::write_duration(*at, &mut out),
        Null | Failed => unreachable!("these were handled"),
    }
    out
}

/// As the tests show the values of vectors.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Null => "null".to_owned(),
        Failed => "failed".to_owned(),
        Boolean(value) => value.to_string(),
        Number(value) => format!("{value:?}"),
        Text(text) => format!("{text:?}"),
        Integer(value) | Date(value) | Timestamp(value) | Duration(value) => value.to_string(),
    }
}
