//! Steps whose values are numbers. They stay finite: what would be infinite, or not a number, fails.

use super::view::{self, Lane as Values};
use super::{Run, Scratch};
use crate::program::{Conversion, Op, Rounding, Step};
use crate::syntax::Arithmetic;

impl Run<'_> {
    pub(super) fn numbers(&self, step: &Step, out: &mut Vec<f64>, scratch: &mut Scratch) {
        let rows = self.rows;
        let first = self.data(step.operands[0]);
        let second = step.operands.get(1).map(|&operand| self.data(operand));
        match (step.op, second) {
            (Op::Arithmetic(operator, _), Some(second)) => {
                compute(operator, first.numbers(), second.numbers(), rows, out);
                mark_infinite(out, &mut scratch.bits);
            }
            (Op::Negate(_), _) => view::map(first.numbers(), rows, out, |value: f64| -value),
            (Op::Absolute(_), _) => view::map(first.numbers(), rows, out, f64::abs),
            (Op::Round(rounding), _) => {
                let round = match rounding {
                    Rounding::Nearest => f64::round,
                    Rounding::Down => f64::floor,
                    Rounding::Up => f64::ceil,
                    Rounding::TowardZero => f64::trunc,
                };
                view::map(first.numbers(), rows, out, round);
            }
            (Op::Widen, _) => view::map(first.integers(), rows, out, |value| value as f64),
            (Op::Least(_), Some(second)) => {
                let least = |left, right| if right < left { right } else { left };
                view::map_two(first.numbers(), second.numbers(), rows, out, least);
            }
            (Op::Greatest(_), Some(second)) => {
                let greatest = |left, right| if right > left { right } else { left };
                view::map_two(first.numbers(), second.numbers(), rows, out, greatest);
            }
            (Op::Convert(Conversion::TextToNumber), _) => {
                let (texts, kernel) = (first.texts(), scratch.kernel);
                self.each_row(&mut scratch.bits, |row| {
                    let value = kernel.parse_f64(texts.get(row));
                    out.push(value.unwrap_or(0.0));
                    value.is_none()
                });
            }
            _ => unreachable!("no other step has numbers: {:?}", step.op),
        }
    }
}

fn compute(
    operator: Arithmetic,
    left: Values<'_, f64>,
    right: Values<'_, f64>,
    rows: usize,
    out: &mut Vec<f64>,
) {
    match operator {
        Arithmetic::Add => view::map_two(left, right, rows, out, |left, right| left + right),
        Arithmetic::Subtract => view::map_two(left, right, rows, out, |left, right| left - right),
        Arithmetic::Multiply => view::map_two(left, right, rows, out, |left, right| left * right),
        Arithmetic::Divide => view::map_two(left, right, rows, out, |left, right| left / right),
        Arithmetic::Remainder => view::map_two(left, right, rows, out, |left, right| left % right),
    }
}

/// Marks the rows whose value is infinite or not a number, if there are any.
fn mark_infinite(values: &[f64], bad: &mut Vec<u64>) {
    let any = values
        .iter()
        .fold(false, |any, value| any | !value.is_finite());
    if any {
        view::pack(Values::Rows(values), values.len(), bad, |value| {
            !value.is_finite()
        });
    }
}
