//! Binary numbers against decimal limits, exactly and without a decimal.
//!
//! A float stands for the shortest decimal that reads back as it. Reading is monotone: let `l` be the float that
//! a limit `L` reads as. If a float is greater than `l`, its decimal is greater than `L`, because a decimal that is not
//! would read as `l` or less. The same holds below. So one comparison of floats decides, unless the float *is* `l`; and
//! how the decimal of that one compares with `L` is worked out beforehand.

use std::cmp::Ordering;
use std::ops::RangeInclusive;

use tamis_engine::number::Decimal;

use super::super::value::{Constraint, Side, TypeCheck, ValueCheck};
use crate::model::Inclusion;

/// The numbers that a column admits, where it asks for nothing but a range.
#[derive(Clone, Debug)]
pub(super) struct NumberRange {
    integers: RangeInclusive<i64>,
    is_integer: bool,
    limits: Vec<FloatLimit>,
}

/// One end of a range, for floats.
#[derive(Clone, Copy, Debug)]
struct FloatLimit {
    side: Side,
    inclusion: Inclusion,
    /// What the limit reads as.
    nearest: f64,
    /// How the decimal that `nearest` stands for compares with the limit.
    at_nearest: Ordering,
}

impl NumberRange {
    /// The range of a column; `None` if it is no column of numbers, or has other rules.
    pub(super) fn of(values: &ValueCheck) -> Option<NumberRange> {
        let is_integer = match &values.kind {
            Some((TypeCheck::Number, _)) => false,
            Some((TypeCheck::Integer, _)) => true,
            _ => return None,
        };
        // Texts that count as missing are compared with the text of a number.
        if !values.missing.is_empty() {
            return None;
        }
        let mut range = NumberRange {
            integers: i64::MIN..=i64::MAX,
            is_integer,
            limits: Vec::new(),
        };
        for (constraint, _) in &values.constraints {
            let Constraint::Number(side, inclusion, limit) = constraint else {
                return None;
            };
            range.narrow(*side, *inclusion, limit);
        }
        Some(range)
    }

    fn narrow(&mut self, side: Side, inclusion: Inclusion, limit: &Decimal) {
        let admits = |number: i64| side.admits(inclusion, &Decimal::from(number), limit);
        let (start, end) = (*self.integers.start(), *self.integers.end());
        self.integers = match side {
            Side::AtLeast => match first_that(admits) {
                Some(first) => start.max(first)..=end,
                None => RangeInclusive::new(i64::MAX, i64::MIN),
            },
            Side::AtMost => match first_that(|number| !admits(number)) {
                None => start..=end,
                Some(i64::MIN) => RangeInclusive::new(i64::MAX, i64::MIN),
                Some(first) => start..=end.min(first - 1),
            },
        };
        let nearest: f64 = limit
            .to_string()
            .parse()
            .expect("a decimal is written as a float may be");
        self.limits.push(FloatLimit {
            side,
            inclusion,
            nearest,
            // Beyond all floats nothing is equal.
            at_nearest: Decimal::from_f64(nearest)
                .map_or(Ordering::Equal, |decimal| decimal.cmp(limit)),
        });
    }

    #[inline]
    pub(super) fn admits_integer(&self, number: i64) -> bool {
        self.integers.contains(&number)
    }

    /// Whether the decimal that `number` stands for is in the range. NaN and the infinities never are.
    #[inline]
    pub(super) fn admits_float(&self, number: f64) -> bool {
        number.is_finite()
            && (!self.is_integer || number.fract() == 0.0)
            && self.limits.iter().all(|limit| limit.admits(number))
    }
}

impl FloatLimit {
    #[inline]
    fn admits(&self, number: f64) -> bool {
        let order = match number.partial_cmp(&self.nearest) {
            Some(Ordering::Equal) | None => self.at_nearest,
            Some(order) => order,
        };
        match (self.side, self.inclusion) {
            (Side::AtLeast, Inclusion::Inclusive) => order.is_ge(),
            (Side::AtLeast, Inclusion::Exclusive) => order.is_gt(),
            (Side::AtMost, Inclusion::Inclusive) => order.is_le(),
            (Side::AtMost, Inclusion::Exclusive) => order.is_lt(),
        }
    }
}

/// The first integer for which a condition holds that holds for all after it.
fn first_that(holds: impl Fn(i64) -> bool) -> Option<i64> {
    let (mut low, mut high) = (i128::from(i64::MIN), i128::from(i64::MAX) + 1);
    while low < high {
        let middle = (low + high).div_euclid(2);
        if holds(middle as i64) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    i64::try_from(low).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text.as_bytes()).expect("a number")
    }

    /// Floats around each other: whatever bits, or a neighbour of what a limit reads as.
    fn floats(limit: f64) -> Vec<f64> {
        vec![
            limit,
            limit.next_up(),
            limit.next_down(),
            -limit,
            0.0,
            -0.0,
            f64::MAX,
            f64::MIN,
        ]
    }

    proptest! {
        #[test]
        fn numbers_compare_as_their_decimals_do(
            whole in any::<i64>(), fraction in "[0-9]{0,25}", exponent in -330..310i32,
            other in any::<f64>(), integer in any::<i64>(), exclusive: bool, upper: bool, is_integer: bool,
        ) {
            let text = format!("{whole}.{fraction}e{}", if exponent % 3 == 0 { exponent } else { 0 });
            let limit = decimal(&text);
            let side = if upper { Side::AtMost } else { Side::AtLeast };
            let inclusion = if exclusive { Inclusion::Exclusive } else { Inclusion::Inclusive };
            let mut range = NumberRange { integers: i64::MIN..=i64::MAX, is_integer, limits: Vec::new() };
            range.narrow(side, inclusion, &limit);
            let nearest: f64 = text.parse().expect("a float");
            for number in floats(nearest).into_iter().chain([other, integer as f64]) {
                let expected = Decimal::from_f64(number)
                    .is_some_and(|number| side.admits(inclusion, &number, &limit) && (!is_integer || number.is_integer()));
                prop_assert_eq!(range.admits_float(number), expected, "{} {:?}", number, range);
            }
            for number in [integer, whole, whole.saturating_add(1), whole.saturating_sub(1), i64::MIN, i64::MAX] {
                let expected = side.admits(inclusion, &Decimal::from(number), &limit);
                prop_assert_eq!(range.admits_integer(number), expected, "{} {:?}", number, range);
            }
        }
    }

    #[test]
    fn an_empty_range_admits_nothing() {
        let mut range = NumberRange {
            integers: i64::MIN..=i64::MAX,
            is_integer: false,
            limits: Vec::new(),
        };
        range.narrow(Side::AtLeast, Inclusion::Inclusive, &decimal("1e400"));
        assert!(!range.admits_integer(i64::MAX) && !range.admits_float(f64::MAX));
        range.narrow(Side::AtMost, Inclusion::Exclusive, &decimal("-1e400"));
        assert!(!range.admits_integer(0) && !range.admits_float(0.0));
    }
}
