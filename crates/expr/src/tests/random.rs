//! Random expressions over random columns: the loops give what the interpreter gives, row by row.

use fastrand::Rng;
use proptest::prelude::*;
use tamis_formats::vector::Type;

use super::Table;
use super::oracle::{self, Value};
use crate::Expression;
use crate::syntax;
use crate::temporal;

/// The columns: two of each type, and one without values.
const COLUMNS: [(&str, Type); 13] = [
    ("b1", Type::Boolean),
    ("b2", Type::Boolean),
    ("i1", Type::Integer),
    ("i2", Type::Integer),
    ("n1", Type::Number),
    ("n2", Type::Number),
    ("t1", Type::Text),
    ("t2", Type::Text),
    ("d1", Type::Date),
    ("d2", Type::Date),
    ("s1", Type::Timestamp),
    ("s2", Type::Timestamp),
    ("empty", Type::Null),
];

/// Values that meet each other, and ends.
fn text_of(ty: Type, rng: &mut Rng) -> String {
    let one_of = |rng: &mut Rng, texts: &[&str]| texts[rng.usize(..texts.len())].to_owned();
    if rng.u8(..8) == 0 {
        return String::new();
    }
    match ty {
        Type::Null => String::new(),
        Type::Boolean => rng.bool().to_string(),
        Type::Integer if rng.u8(..8) == 0 => one_of(
            rng,
            &[
                "9223372036854775807",
                "-9223372036854775808",
                "9007199254740993",
                "4611686018427387904",
            ],
        ),
        Type::Integer => rng.i64(-4..5).to_string(),
        Type::Number if rng.u8(..8) == 0 => one_of(
            rng,
            &[
                "1e308",
                "-1e308",
                "9007199254740992",
                "9223372036854775808",
                "-0",
                "1e-320",
            ],
        ),
        Type::Number => format!("{}", rng.i32(-8..9) as f64 / 2.0),
        Type::Text => one_of(
            rng,
            &[
                "a",
                "b",
                "ab",
                "aba",
                "é",
                "☃a",
                " a ",
                "12",
                "-3",
                "1.5",
                "A",
                "abcabcabc",
                "ca",
            ],
        ),
        Type::Date => one_of(
            rng,
            &["2024-02-29", "1969-12-31", "2000-01-01", "0001-01-01"],
        ),
        Type::Time => "12:00:00".to_owned(),
        Type::Timestamp => one_of(
            rng,
            &[
                "2024-02-29T00:00:00Z",
                "1969-12-31 23:59:59.5",
                "2024-02-28T23:59:59+01:00",
            ],
        ),
    }
}

/// A random expression of that type.
fn expression(ty: Type, depth: usize, rng: &mut Rng) -> String {
    if depth == 0 {
        return leaf(ty, rng);
    }
    /// One level down.
    macro_rules! of {
        ($ty:expr) => {
            expression($ty, depth - 1, rng)
        };
    }
    let [b1, b2, b3] = [of!(Type::Boolean), of!(Type::Boolean), of!(Type::Boolean)];
    let (x, y) = (of!(ty), of!(ty));
    let choice = rng.u8(..12);
    match ty {
        Type::Boolean => {
            let comparison = ["==", "!=", "<", "<=", ">", ">="][rng.usize(..6)];
            let types = [
                Type::Boolean,
                Type::Integer,
                Type::Number,
                Type::Text,
                Type::Date,
                Type::Timestamp,
            ];
            let other = types[rng.usize(..6)];
            let is_integer = rng.bool();
            let types_of_numbers = [Type::Integer, Type::Number];
            let [one, another] =
                [usize::from(is_integer), usize::from(!is_integer)].map(|at| types_of_numbers[at]);
            match choice {
                0 => format!("({b1} && {b2} && {b3})"),
                1 => format!("({b1} || {b2})"),
                2 => format!("!({b1})"),
                3 => format!("({b1} ? {b2} : {b3})"),
                4 | 5 => format!("({} {comparison} {})", of!(other), of!(other)),
                6 => {
                    let (left, right) = (of!(one), of!(another));
                    format!("({left} {comparison} {right})")
                }
                7 => format!("({} in [1, 2.5, {}, 3, -1])", of!(one), of!(Type::Integer)),
                8 => format!(
                    "({} in ['a', 'ab', '{}'])",
                    of!(Type::Text),
                    "long text ".repeat(3)
                ),
                9 => {
                    let test = ["contains", "startsWith", "endsWith"][usize::from(is_integer) * 2];
                    format!("{}.{test}({})", of!(Type::Text), of!(Type::Text))
                }
                10 => format!("{}.matches('^a.*[b-d]$|é')", of!(Type::Text)),
                _ => format!(
                    "({} {} null)",
                    of!(other),
                    if is_integer { "==" } else { "!=" }
                ),
            }
        }
        Type::Integer => match choice {
            0..5 => format!(
                "({x} {} {y})",
                ["+", "-", "*", "/", "%"][usize::from(choice)]
            ),
            5 => format!("abs({x})"),
            6 => format!("min({x}, {y})"),
            7 => format!("({b1} ? {x} : {y})"),
            8 => format!("size({})", of!(Type::Text)),
            9 => format!("coalesce({x}, {y})"),
            10 => format!(
                "int({})",
                if rng.bool() {
                    of_text(rng, depth)
                } else {
                    of_number(rng, depth)
                }
            ),
            _ => {
                let part = ["getFullYear", "getMonth", "getDate"][rng.usize(..3)];
                let moment = if rng.bool() {
                    Type::Date
                } else {
                    Type::Timestamp
                };
                format!("{}.{part}()", expression(moment, depth - 1, rng))
            }
        },
        Type::Number => match choice {
            0..5 => {
                let integer = of!(Type::Integer);
                format!(
                    "({x} {} {integer})",
                    ["+", "-", "*", "/", "%"][usize::from(choice)]
                )
            }
            5 => format!("max({x}, {y})"),
            6 => format!("-({x})"),
            7 => format!("({b1} ? {x} : {y})"),
            8 => format!("round({x})"),
            9 => format!("floor({x})"),
            10 => format!("double({})", of!(Type::Integer)),
            _ => format!("coalesce({x}, {y})"),
        },
        Type::Text => match choice {
            0 | 1 => format!("({x} + {y})"),
            2 => format!("{x}.upperAscii()"),
            3 => format!("{x}.trim()"),
            4 => format!("{x}.substring(1)"),
            5 => format!("{x}.substring({}, 2)", of!(Type::Integer)),
            6 => format!("{x}.replace({y}, 'x')"),
            7 => format!(
                "string({})",
                of!([Type::Integer, Type::Number, Type::Boolean, Type::Date][depth % 4])
            ),
            8 => format!("min({x}, {y})"),
            9 => format!("({b1} ? {x} : {y})"),
            _ => format!("coalesce({x}, {y})"),
        },
        Type::Date => match choice {
            0..4 => format!("({b1} ? {x} : {y})"),
            4..8 => format!("max({x}, {y})"),
            _ => format!("coalesce({x}, {y})"),
        },
        _ => match choice {
            0..4 => format!("({x} + ({y} - {}))", of!(Type::Date)),
            4 => format!("min({x}, {y})"),
            5 => format!("({b1} ? {x} : {y})"),
            _ => format!("coalesce({x}, {y})"),
        },
    }
}

fn of_text(rng: &mut Rng, depth: usize) -> String {
    expression(Type::Text, depth - 1, rng)
}

fn of_number(rng: &mut Rng, depth: usize) -> String {
    expression(Type::Number, depth - 1, rng)
}

fn leaf(ty: Type, rng: &mut Rng) -> String {
    let columns: Vec<&str> = COLUMNS
        .iter()
        .filter(|(_, column)| *column == ty)
        .map(|(name, _)| *name)
        .collect();
    if rng.u8(..12) == 0 {
        return "empty".to_owned();
    }
    if rng.u8(..4) != 0 {
        return columns[rng.usize(..columns.len())].to_owned();
    }
    match ty {
        Type::Boolean => rng.bool().to_string(),
        Type::Integer => rng.i64(-3..4).to_string(),
        Type::Number => format!("{:?}", rng.i32(-6..7) as f64 / 2.0),
        Type::Text => ["'a'", "'é☃'", "''", "'b'"][rng.usize(..4)].to_owned(),
        Type::Date => "date('2024-02-29')".to_owned(),
        _ => "timestamp('2024-02-28T23:00:00Z')".to_owned(),
    }
}

fn read(ty: Type, text: &str) -> Value {
    if text.is_empty() {
        return Value::Null;
    }
    match ty {
        Type::Boolean => Value::Boolean(text == "true"),
        Type::Integer => Value::Integer(text.parse().unwrap()),
        Type::Number => Value::Number(text.parse().unwrap()),
        Type::Text => Value::Text(text.to_owned()),
        Type::Date => Value::Date(temporal::parse_date(text.as_bytes()).unwrap()),
        _ => Value::Timestamp(temporal::parse_timestamp(text.as_bytes()).unwrap()),
    }
}

/// The value of an expression in a row.
fn interpret(tree: &syntax::Tree, texts: &[(&str, Type, Vec<String>)], row: usize) -> Value {
    oracle::value(tree, &|name| {
        let column = texts.iter().find(|(known, _, _)| *known == name);
        let (_, ty, values) = column.expect("a known column");
        read(*ty, &values[row])
    })
}

/// `TAMIS_SOAK=n` runs `n` times as many cases.
fn config() -> ProptestConfig {
    let factor = std::env::var("TAMIS_SOAK")
        .ok()
        .and_then(|factor| factor.parse().ok());
    ProptestConfig::with_cases(200 * factor.unwrap_or(1))
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn loops_give_what_the_interpreter_gives(seed in any::<u64>(), rows in 1..140_usize) {
        let mut rng = Rng::with_seed(seed);
        let columns: Vec<(&str, Type, Vec<String>)> = COLUMNS
            .iter()
            .map(|&(name, ty)| (name, ty, (0..rows).map(|_| text_of(ty, &mut rng)).collect()))
            .collect();
        let table = Table::new(&columns);
        let types = [Type::Boolean, Type::Integer, Type::Number, Type::Text, Type::Date, Type::Timestamp];
        for _ in 0..4 {
            let ty = types[rng.usize(..6)];
            let depth = rng.usize(..4);
            let text = expression(ty, depth, &mut rng);
            // Constants that cannot be computed are errors of the text.
            let Some(found) = table.try_evaluate(&text) else { continue };
            let tree = syntax::parse(&text).unwrap();
            for (row, found) in found.iter().enumerate() {
                let expected = oracle::shown(&interpret(&tree, &columns, row));
                prop_assert_eq!(found, &expected, "{} in row {}", text, row);
            }
        }
    }
}

/// Pieces that texts are made of.
const PIECES: [&str; 60] = [
    "b1",
    "i1",
    "n1",
    "t1",
    "d1",
    "s1",
    "empty",
    "row",
    "x",
    "null",
    "true",
    "1",
    "0",
    "-1",
    "2.5",
    "9223372036854775807",
    "'a'",
    "''",
    "'2024-02-29'",
    "'1h'",
    "'('",
    "r'\\d+'",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ".",
    "?",
    ":",
    "&&",
    "||",
    "!",
    "-",
    "+",
    "*",
    "/",
    "%",
    "==",
    "!=",
    "<",
    ">=",
    " in ",
    ".size()",
    ".contains(",
    ".matches(",
    ".substring(",
    "min(",
    "coalesce(",
    "duration(",
    "timestamp(",
    "date(",
    "int(",
    "string(",
    ".getHours(",
    "has(",
    "é",
    "// c\n",
];

proptest! {
    #![proptest_config(config())]

    /// Whatever is written, it is an error that points into the text, or an expression that can be evaluated.
    #[test]
    fn no_text_is_too_odd(pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 1..12), rows in 1..70_usize) {
        let mut rng = Rng::with_seed(rows as u64);
        let columns: Vec<(&str, Type, Vec<String>)> = COLUMNS
            .iter()
            .map(|&(name, ty)| (name, ty, (0..rows).map(|_| text_of(ty, &mut rng)).collect()))
            .collect();
        let table = Table::new(&columns);
        let text = pieces.concat();
        match Expression::compile(&text, &table.schema) {
            Ok(expression) => prop_assert_eq!(table.values_of(&text, &expression).len(), rows),
            Err(error) => prop_assert!(text.get(error.span.clone()).is_some(), "{}: {:?}", text, error),
        }
    }
}
