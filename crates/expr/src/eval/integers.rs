//! Steps whose values are integers: arithmetic that notices overflow, parts of moments, positions in texts.

use super::view::{self, Lane as Values};
use super::{Run, Scratch};
use crate::program::{Conversion, Op, Part, Step};
use crate::syntax::Arithmetic;
use crate::temporal::{self, DAY};

impl Run<'_> {
    pub(super) fn integers(&self, step: &Step, out: &mut Vec<i64>, scratch: &mut Scratch) {
        let rows = self.rows;
        let first = self.data(step.operands[0]);
        let second = step.operands.get(1).map(|&operand| self.data(operand));
        let bad = &mut scratch.bits;
        match (step.op, second) {
            (Op::Arithmetic(operator, _), Some(second)) => {
                compute(
                    operator,
                    first.integers(),
                    second.integers(),
                    rows,
                    out,
                    bad,
                );
            }
            (Op::Negate(_), _) => {
                view::try_map(first.integers(), rows, out, bad, i64::overflowing_neg);
            }
            (Op::Absolute(_), _) => {
                view::try_map(first.integers(), rows, out, bad, i64::overflowing_abs);
            }
            (Op::Least(_), Some(second)) => {
                view::map_two(first.integers(), second.integers(), rows, out, i64::min);
            }
            (Op::Greatest(_), Some(second)) => {
                view::map_two(first.integers(), second.integers(), rows, out, i64::max);
            }
            (Op::Size, _) => {
                let texts = first.texts();
                out.extend((0..rows).map(|row| count_chars(texts.get(row)) as i64));
            }
            (Op::IndexOf, Some(second)) => {
                let (texts, others) = (first.texts(), second.texts());
                out.extend((0..rows).map(|row| index_of(texts.get(row), others.get(row))));
            }
            (Op::Part(part, offset), _) => {
                view::map(first.integers(), rows, out, |micros: i64| {
                    part_of(micros.wrapping_add(offset), part)
                });
            }
            (Op::Convert(conversion), _) => self.converted(conversion, step, out, scratch),
            _ => unreachable!("no other step has integers: {:?}", step.op),
        }
    }

    fn converted(
        &self,
        conversion: Conversion,
        step: &Step,
        out: &mut Vec<i64>,
        scratch: &mut Scratch,
    ) {
        let rows = self.rows;
        let data = self.data(step.operands[0]);
        let bad = &mut scratch.bits;
        let kernel = scratch.kernel;
        let mut read = |read: fn(&[u8]) -> Option<i64>| {
            let texts = data.texts();
            self.each_row(bad, |row| {
                let value = read(texts.get(row));
                out.push(value.unwrap_or(0));
                value.is_none()
            });
        };
        match conversion {
            Conversion::TextToInteger => {
                let texts = data.texts();
                self.each_row(bad, |row| {
                    let value = kernel.parse_i64(texts.get(row));
                    out.push(value.unwrap_or(0));
                    value.is_none()
                });
            }
            Conversion::TextToDate => read(temporal::parse_date),
            Conversion::TextToTime => read(temporal::parse_time),
            Conversion::TextToTimestamp => read(temporal::parse_timestamp),
            Conversion::TextToDuration => read(temporal::parse_duration),
            Conversion::BooleanToInteger => {
                out.extend((0..rows).map(|row| (data.bits(row / 64) >> (row % 64) & 1) as i64));
            }
            Conversion::NumberToInteger => view::try_map(data.numbers(), rows, out, bad, truncate),
            Conversion::DateToTimestamp => {
                view::try_map(data.integers(), rows, out, bad, |days: i64| {
                    days.overflowing_mul(DAY)
                });
            }
            Conversion::SecondsToTimestamp => {
                view::try_map(data.integers(), rows, out, bad, |seconds: i64| {
                    seconds.overflowing_mul(temporal::SECOND)
                });
            }
            Conversion::TimestampToDate => {
                view::map(data.integers(), rows, out, |micros: i64| {
                    micros.div_euclid(DAY)
                });
            }
            Conversion::TimestampToTime => {
                view::map(data.integers(), rows, out, |micros: i64| {
                    micros.rem_euclid(DAY)
                });
            }
            Conversion::Divide(unit) => {
                view::map(data.integers(), rows, out, |micros| micros / unit)
            }
            Conversion::DivideDown(unit) => {
                view::map(data.integers(), rows, out, |micros: i64| {
                    micros.div_euclid(unit)
                });
            }
            Conversion::TextToBoolean | Conversion::TextToNumber | Conversion::ToText(_) => {
                unreachable!("these have no integers: {conversion:?}")
            }
        }
    }
}

fn compute(
    operator: Arithmetic,
    left: Values<'_, i64>,
    right: Values<'_, i64>,
    rows: usize,
    out: &mut Vec<i64>,
    bad: &mut Vec<u64>,
) {
    match operator {
        Arithmetic::Add => view::try_map_two(left, right, rows, out, bad, i64::overflowing_add),
        Arithmetic::Subtract => {
            view::try_map_two(left, right, rows, out, bad, i64::overflowing_sub)
        }
        Arithmetic::Multiply => {
            view::try_map_two(left, right, rows, out, bad, i64::overflowing_mul)
        }
        Arithmetic::Divide => view::try_map_two(left, right, rows, out, bad, |left: i64, right| {
            match left.checked_div(right) {
                Some(value) => (value, false),
                None => (0, true),
            }
        }),
        Arithmetic::Remainder => {
            view::try_map_two(left, right, rows, out, bad, |left: i64, right| {
                match right {
                    0 => (0, true),
                    // Of the smallest integer by -1, too, which hardware cannot divide.
                    _ => (left.wrapping_rem(right), false),
                }
            })
        }
    }
}

/// Toward zero; none beyond the integers.
fn truncate(number: f64) -> (i64, bool) {
    // The first number above all integers.
    const ABOVE: f64 = -(i64::MIN as f64);
    (number as i64, !(-ABOVE..ABOVE).contains(&number))
}

/// The code points of a text: the bytes that begin one.
pub(super) fn count_chars(text: &[u8]) -> usize {
    text.iter().filter(|&&byte| byte & 0xC0 != 0x80).count()
}

fn index_of(text: &[u8], other: &[u8]) -> i64 {
    match memchr::memmem::find(text, other) {
        Some(at) => count_chars(&text[..at]) as i64,
        None => -1,
    }
}

fn part_of(micros: i64, part: Part) -> i64 {
    let days = micros.div_euclid(DAY);
    let time = micros.rem_euclid(DAY);
    match part {
        Part::Year => temporal::day_of(days).year,
        Part::Month => temporal::day_of(days).month - 1,
        Part::Date => temporal::day_of(days).day,
        Part::DayOfMonth => temporal::day_of(days).day - 1,
        Part::DayOfYear => temporal::day_of(days).day_of_year,
        // 1970-01-01 was a Thursday.
        Part::DayOfWeek => (days + 4).rem_euclid(7),
        Part::Hour => time / temporal::HOUR,
        Part::Minute => time / temporal::MINUTE % 60,
        Part::Second => time / temporal::SECOND % 60,
        Part::Millisecond => time / temporal::MILLISECOND % 1000,
    }
}
