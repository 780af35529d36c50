//! Goal: no text makes the compiler panic, overflow its stack or take for ever; and what it compiles is evaluated without a
//! panic, to the same values by every kernel.
//!
//! An input is the text of an expression.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tamis_engine::kernel::Kernel;
use tamis_expr::{Evaluator, Expression, Input, Schema};
use tamis_formats::vector::{Texts, Type, Values, Vector};

/// More rows than a word of bits has.
const ROWS: usize = 70;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let columns = columns();
    let schema = Schema::new(columns.iter().map(|(name, vector)| (*name, vector.ty())));
    if let Err(error) = Expression::names(text) {
        check_span(text, &error);
    }
    let expression = match Expression::compile(text, &schema) {
        Ok(expression) => expression,
        Err(error) => return check_span(text, &error),
    };
    let inputs: Vec<Input<'_>> = expression
        .columns()
        .iter()
        .map(|&column| Input {
            vector: &columns[column].1,
            bytes: &[],
        })
        .collect();
    let mut shown = Vec::new();
    for kernel in Kernel::available() {
        let mut evaluator = Evaluator::new(kernel);
        for rows in [0, 1, 64, ROWS] {
            let evaluated = evaluator.evaluate(&expression, &inputs, rows);
            assert!(evaluated.vector.rows >= rows);
            let _ = evaluated.failed_count();
        }
        let evaluated = evaluator.evaluate(&expression, &inputs, ROWS);
        assert_eq!(evaluated.vector.ty(), expression.ty());
        // NaN is not equal to itself, nor to be found.
        shown.push(format!("{:?} {:?}", evaluated.vector, evaluated.failed));
    }
    assert!(shown.windows(2).all(|pair| pair[0] == pair[1]), "{text}");
    if expression.ty() == Type::Boolean {
        let mut evaluator = Evaluator::new(Kernel::scalar());
        let selected = evaluator.select(&expression, &inputs, ROWS);
        assert!(selected.count() + selected.failed_count() <= ROWS as u64);
    }
});

/// An error points into the text, at whole characters.
fn check_span(text: &str, error: &tamis_expr::ExprError) {
    assert!(
        text.get(error.span.clone()).is_some(),
        "{text:?}: {error:?}"
    );
    assert!(!error.message.is_empty());
}

/// A column of each type, with nulls and the ends of each.
fn columns() -> Vec<(&'static str, Vector)> {
    let integers = |ends: [i64; 4]| -> Vec<i64> {
        (0..ROWS as i64)
            .map(|row| ends.get(row as usize).copied().unwrap_or(row - 30))
            .collect()
    };
    let ends = integers([i64::MIN, i64::MAX, 0, 1 << 53]);
    let numbers: Vec<f64> = ends.iter().map(|&value| value as f64 / 4.0).collect();
    let mut texts = Texts::default();
    for row in 0..ROWS {
        let all = [
            "",
            "a",
            "é☃",
            " x ",
            "12",
            "-7.5",
            "2024-02-29",
            "true",
            "1h",
            "aXbXc",
        ];
        texts.push(all[row % all.len()].as_bytes());
    }
    let day = 86_400_000_000;
    let moments = integers([-62_135_596_800_000_000, 253_402_300_799_999_999, 0, -1]);
    let days = integers([-719_162, 2_932_896, 0, -1]);
    let times: Vec<i64> = (0..ROWS as i64)
        .map(|row| row * 1_234_567_891 % day)
        .collect();
    let bits = vec![0xAAAA_AAAA_AAAA_AAAA, 0b10_1010];
    [
        ("b", Values::Boolean(bits)),
        ("i", Values::Integer(ends)),
        ("n", Values::Number(numbers)),
        ("t", Values::Text(texts)),
        ("d", Values::Date(days)),
        ("at", Values::Timestamp(moments)),
        ("time", Values::Time(times)),
        ("nothing", Values::Null),
        ("a.b", Values::Integer(vec![1; ROWS])),
    ]
    .map(|(name, values)| {
        let present = match values {
            Values::Null => vec![0; 2],
            _ => vec![0x7FFF_FFFF_FFFF_FFF7, 0b11_0111],
        };
        let vector = Vector {
            rows: ROWS,
            present,
            values,
        };
        (name, vector)
    })
    .into()
}
