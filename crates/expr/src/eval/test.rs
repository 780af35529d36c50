//! Steps whose values are bits: comparisons, sets, questions about texts.

use std::cmp::Ordering;

use memchr::memmem::Finder;
use regex_automata::{Input, meta};

use super::view::{self, Lane as Values, TextLane};
use super::{Run, Scratch};
use crate::program::{Conversion, Op, Step};
use crate::set::{Keys, Set, key_of_number};
use crate::syntax::Comparison;
use crate::ty::Lane;

impl Run<'_> {
    /// A bit for each row; of one without a value, any. Booleans read from text can fail, and are handled apart.
    pub(super) fn test(&self, step: &Step, out: &mut Vec<u64>, scratch: &mut Scratch) {
        let first = self.data(step.operands[0]);
        let second = step.operands.get(1).map(|&operand| self.data(operand));
        match (step.op, second) {
            (Op::Not, _) => out.extend((0..self.rows.div_ceil(64)).map(|word| !first.bits(word))),
            (Op::In(set), _) => self.member(&self.program.sets[set], step, out),
            (Op::Convert(Conversion::TextToBoolean), _) => {
                let texts = first.texts();
                self.each_row(out, |row| parse_boolean(texts.get(row)) == Some(true));
                self.each_row(&mut scratch.bits, |row| {
                    parse_boolean(texts.get(row)).is_none()
                });
            }
            (Op::Matches(pattern), _) => self.matches(pattern, first.texts(), out, scratch),
            (Op::Compare(comparison, Lane::Bits), Some(second)) => {
                let words = 0..self.rows.div_ceil(64);
                out.extend(words.map(|word| {
                    let (left, right) = (first.bits(word), second.bits(word));
                    match comparison {
                        Comparison::Equal => !(left ^ right),
                        Comparison::NotEqual => left ^ right,
                        Comparison::Less => !left & right,
                        Comparison::LessEqual => !left | right,
                        Comparison::Greater => left & !right,
                        Comparison::GreaterEqual => left | !right,
                    }
                }));
            }
            (Op::Compare(comparison, Lane::Integers), Some(second)) => {
                compare(
                    comparison,
                    first.integers(),
                    second.integers(),
                    self.rows,
                    out,
                );
            }
            (Op::Compare(comparison, Lane::Numbers), Some(second)) => {
                compare(
                    comparison,
                    first.numbers(),
                    second.numbers(),
                    self.rows,
                    out,
                );
            }
            (Op::Compare(comparison, Lane::Texts), Some(second)) => {
                self.compare_texts(comparison, first.texts(), second.texts(), out);
            }
            (Op::CompareMixed(comparison), Some(second)) => {
                let test = |integer, number| match order(integer, number) {
                    Some(order) => comparison.holds(order),
                    None => comparison == Comparison::NotEqual,
                };
                view::pack_two(first.integers(), second.numbers(), self.rows, out, test);
            }
            (Op::Contains | Op::StartsWith | Op::EndsWith, Some(second)) => {
                self.look_into(step.op, first.texts(), second.texts(), out);
            }
            _ => unreachable!("no other step has bits: {:?}", step.op),
        }
    }

    fn compare_texts(
        &self,
        comparison: Comparison,
        left: TextLane<'_>,
        right: TextLane<'_>,
        out: &mut Vec<u64>,
    ) {
        // Equality looks at lengths first; and bytes are in the order of code points, as UTF-8 has it.
        match comparison {
            Comparison::Equal => self.each_row(out, |row| left.get(row) == right.get(row)),
            Comparison::NotEqual => self.each_row(out, |row| left.get(row) != right.get(row)),
            _ => self.each_row(out, |row| {
                comparison.holds(left.get(row).cmp(right.get(row)))
            }),
        }
    }

    fn look_into(&self, op: Op, text: TextLane<'_>, other: TextLane<'_>, out: &mut Vec<u64>) {
        match (op, other) {
            (Op::StartsWith, other) => {
                self.each_row(out, |row| text.get(row).starts_with(other.get(row)));
            }
            (Op::EndsWith, other) => {
                self.each_row(out, |row| text.get(row).ends_with(other.get(row)));
            }
            (_, TextLane::One(needle)) => {
                let finder = Finder::new(needle);
                self.each_row(out, |row| finder.find(text.get(row)).is_some());
            }
            (_, other) => self.each_row(out, |row| {
                memchr::memmem::find(text.get(row), other.get(row)).is_some()
            }),
        }
    }

    fn matches(
        &self,
        pattern: usize,
        text: TextLane<'_>,
        out: &mut Vec<u64>,
        scratch: &mut Scratch,
    ) {
        let caches = &mut scratch.patterns;
        if caches.len() <= pattern {
            caches.resize_with(pattern + 1, || None);
        }
        let pattern_cache = &mut caches[pattern];
        let pattern = &self.program.patterns[pattern];
        let cache: &mut meta::Cache =
            pattern_cache.get_or_insert_with(|| Box::new(pattern.create_cache()));
        self.each_row(out, |row| {
            let input = Input::new(text.get(row)).earliest(true);
            pattern.search_half_with(cache, &input).is_some()
        });
    }

    fn member(&self, set: &Set, step: &Step, out: &mut Vec<u64>) {
        let data = self.data(step.operands[0]);
        match set {
            Set::Booleans([has_false, has_true]) => {
                let of = |is_there: bool| if is_there { u64::MAX } else { 0 };
                let words = 0..self.rows.div_ceil(64);
                out.extend(words.map(|word| {
                    let bits = data.bits(word);
                    bits & of(*has_true) | !bits & of(*has_false)
                }));
            }
            Set::Integers(keys) => {
                let key = i64::cast_unsigned;
                member_of(keys, data.integers(), key, self.rows, out);
            }
            Set::Numbers(keys) => member_of(keys, data.numbers(), key_of_number, self.rows, out),
            Set::ShortTexts(set) => {
                let texts = data.texts();
                self.each_row(out, |row| set.contains(texts.get(row)));
            }
            Set::Texts(set) => {
                let texts = data.texts();
                self.each_row(out, |row| set.contains(texts.get(row)));
            }
        }
    }

    /// A bit for each row.
    pub(super) fn each_row(&self, out: &mut Vec<u64>, mut test: impl FnMut(usize) -> bool) {
        for first in (0..self.rows).step_by(64) {
            let rows = first..self.rows.min(first + 64);
            let bits = rows
                .enumerate()
                .map(|(bit, row)| u64::from(test(row)) << bit);
            out.push(bits.fold(0, |word, bit| word | bit));
        }
    }
}

fn compare<T: Copy + PartialOrd>(
    comparison: Comparison,
    left: Values<'_, T>,
    right: Values<'_, T>,
    rows: usize,
    out: &mut Vec<u64>,
) {
    match comparison {
        Comparison::Equal => view::pack_two(left, right, rows, out, |left, right| left == right),
        Comparison::NotEqual => view::pack_two(left, right, rows, out, |left, right| left != right),
        Comparison::Less => view::pack_two(left, right, rows, out, |left, right| left < right),
        Comparison::LessEqual => {
            view::pack_two(left, right, rows, out, |left, right| left <= right)
        }
        Comparison::Greater => view::pack_two(left, right, rows, out, |left, right| left > right),
        Comparison::GreaterEqual => {
            view::pack_two(left, right, rows, out, |left, right| left >= right);
        }
    }
}

fn member_of<T: Copy>(
    keys: &Keys,
    values: Values<'_, T>,
    key: impl Fn(T) -> u64,
    rows: usize,
    out: &mut Vec<u64>,
) {
    match keys {
        Keys::Few(few) => view::pack(values, rows, out, |value| few.contains(&key(value))),
        Keys::Many(many) => view::pack(values, rows, out, |value| many.contains(&key(value))),
    }
}

/// How an integer compares with a number, neither rounded; NaN does not.
fn order(integer: i64, number: f64) -> Option<Ordering> {
    // The first number above all integers.
    const ABOVE: f64 = -(i64::MIN as f64);
    if number.is_nan() {
        None
    } else if number >= ABOVE {
        Some(Ordering::Less)
    } else if number < -ABOVE {
        Some(Ordering::Greater)
    } else {
        // In this range whole numbers are integers.
        let whole = number.trunc();
        let fraction = number - whole;
        Some(
            integer
                .cmp(&(whole as i64))
                .then_with(|| 0.0_f64.partial_cmp(&fraction).unwrap_or(Ordering::Equal)),
        )
    }
}

/// What CEL reads as a boolean.
fn parse_boolean(text: &[u8]) -> Option<bool> {
    match text {
        b"1" | b"t" | b"T" => Some(true),
        b"0" | b"f" | b"F" => Some(false),
        _ if text.eq_ignore_ascii_case(b"true") => Some(true),
        _ if text.eq_ignore_ascii_case(b"false") => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_and_numbers_compare_by_value() {
        let large = 9_007_199_254_740_993; // 2^53 + 1, which no number is
        for (integer, number, expected) in [
            (large, 9_007_199_254_740_992.0, Some(Ordering::Greater)),
            (large, 9_007_199_254_740_994.0, Some(Ordering::Less)),
            (i64::MAX, 9_223_372_036_854_775_808.0, Some(Ordering::Less)),
            (
                i64::MIN,
                -9_223_372_036_854_775_808.0,
                Some(Ordering::Equal),
            ),
            (i64::MIN, -1e300, Some(Ordering::Greater)),
            (2, 2.5, Some(Ordering::Less)),
            (-2, -2.5, Some(Ordering::Greater)),
            (0, -0.0, Some(Ordering::Equal)),
            (0, f64::NAN, None),
        ] {
            assert_eq!(order(integer, number), expected, "{integer} {number}");
        }
    }
}
