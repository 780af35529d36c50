//! Binary numbers against decimal limits, exactly and without a decimal.
//!
//! A float stands for the shortest decimal that reads back as it. Reading is monotone: let `l` be the float that
//! a limit `L` reads as. If a float is greater than `l`, its decimal is greater than `L`, because a decimal that is not
//! would read as `l` or less. The same holds below. So one comparison of floats decides, unless the float *is* `l`; and
//! how the decimal of that one compares with `L` is worked out beforehand.

use std::cmp::Ordering;
use std::ops::RangeInclusive;

use tamis_engine::number::Decimal;

use super::super::rule::RuleId;
use super::super::value::{Consequence, Constraint, Side, TypeCheck, ValueCheck};
use crate::model::Inclusion;

/// The rules of a column of numbers, where it asks for nothing but a range.
#[derive(Clone, Debug)]
pub(in crate::check) struct NumberRules {
    is_integer: bool,
    type_rule: RuleId,
    limits: Vec<Limit>,
}

/// One end of a range.
#[derive(Clone, Debug)]
struct Limit {
    side: Side,
    inclusion: Inclusion,
    rule: RuleId,
    /// The integers on the right side.
    integers: RangeInclusive<i64>,
    /// The float that the limit reads as.
    nearest: f64,
    /// How the decimal that `nearest` stands for compares with the limit.
    at_nearest: Ordering,
}

impl NumberRules {
    /// The rules of a column; `None` if it is no column of numbers, or has other rules.
    pub(in crate::check) fn of(values: &ValueCheck) -> Option<NumberRules> {
        let (is_integer, type_rule) = match &values.kind {
            Some((TypeCheck::Number, rule)) => (false, *rule),
            Some((TypeCheck::Integer, rule)) => (true, *rule),
            _ => return None,
        };
        // Texts that count as missing are compared with the text of a number.
        if !values.missing.is_empty() {
            return None;
        }
        let limits = values
            .constraints
            .iter()
            .map(|constraint| match constraint {
                (Constraint::Number(side, inclusion, limit), Consequence::Violation(rule)) => {
                    Some(Limit::new(*side, *inclusion, limit, *rule))
                }
                _ => None,
            });
        Some(NumberRules {
            is_integer,
            type_rule,
            limits: limits.collect::<Option<_>>()?,
        })
    }

    /// The integers that break no rule, the floats that break none, and whether these must be whole.
    #[cfg(feature = "arrow")]
    pub(in crate::check) fn right(&self) -> (RangeInclusive<i64>, RangeInclusive<f64>, bool) {
        let (mut first, mut last) = (i64::MIN, i64::MAX);
        let (mut lowest, mut highest) = (f64::MIN, f64::MAX);
        for limit in &self.limits {
            first = first.max(*limit.integers.start());
            last = last.min(*limit.integers.end());
            let is_in = limit.admits_float(limit.nearest);
            match limit.side {
                Side::AtLeast if is_in => lowest = lowest.max(limit.nearest),
                Side::AtLeast => lowest = lowest.max(limit.nearest.next_up()),
                Side::AtMost if is_in => highest = highest.min(limit.nearest),
                Side::AtMost => highest = highest.min(limit.nearest.next_down()),
            }
        }
        (first..=last, lowest..=highest, self.is_integer)
    }

    /// Calls `found` for every rule that the number breaks.
    #[inline]
    pub(super) fn judge_integer(&self, number: i64, found: impl FnMut(RuleId)) {
        self.judge_limits(|limit| limit.integers.contains(&number), found);
    }

    /// Calls `found` for every rule that the decimal breaks which `number` stands for. NaN and the infinities stand for
    /// none.
    #[inline]
    pub(super) fn judge_float(&self, number: f64, mut found: impl FnMut(RuleId)) {
        if !number.is_finite() || self.is_integer && number.fract() != 0.0 {
            return found(self.type_rule);
        }
        self.judge_limits(|limit| limit.admits_float(number), found);
    }

    #[inline]
    fn judge_limits(&self, admits: impl Fn(&Limit) -> bool, mut found: impl FnMut(RuleId)) {
        let mut last = None;
        for limit in &self.limits {
            // Both ends of a format are one rule, and neighbours, as for the judge.
            if !admits(limit) && last != Some(limit.rule) {
                found(limit.rule);
                last = Some(limit.rule);
            }
        }
    }
}

impl Limit {
    fn new(side: Side, inclusion: Inclusion, limit: &Decimal, rule: RuleId) -> Limit {
        let admits = |number: i64| side.admits(inclusion, &Decimal::from(number), limit);
        let none = RangeInclusive::new(i64::MAX, i64::MIN);
        let integers = match side {
            Side::AtLeast => first_that(admits).map_or(none, |first| first..=i64::MAX),
            Side::AtMost => match first_that(|number| !admits(number)) {
                None => i64::MIN..=i64::MAX,
                Some(first) => first.checked_sub(1).map_or(none, |last| i64::MIN..=last),
            },
        };
        let nearest = limit.to_f64();
        Limit {
            side,
            inclusion,
            rule,
            integers,
            nearest,
            // Beyond all floats nothing is equal.
            at_nearest: Decimal::from_f64(nearest)
                .map_or(Ordering::Equal, |decimal| decimal.cmp(limit)),
        }
    }

    #[inline]
    fn admits_float(&self, number: f64) -> bool {
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

    /// The rules of a column with one limit, whose number is 1; that of the type is 0.
    fn rules(limit: Limit, is_integer: bool) -> NumberRules {
        let type_rule = RuleId(0);
        NumberRules {
            is_integer,
            type_rule,
            limits: vec![limit],
        }
    }

    fn broken(judge: impl FnOnce(&mut dyn FnMut(RuleId))) -> Vec<u32> {
        let mut broken = Vec::new();
        judge(&mut |rule| broken.push(rule.0));
        broken
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
            let rules = rules(Limit::new(side, inclusion, &limit, RuleId(1)), is_integer);
            let expected = |number: Option<Decimal>| match number {
                Some(number) if !is_integer || number.is_integer() => {
                    if side.admits(inclusion, &number, &limit) { vec![] } else { vec![1] }
                }
                _ => vec![0],
            };
            let nearest: f64 = text.parse().expect("a float");
            for number in floats(nearest).into_iter().chain([other, integer as f64, f64::NAN, f64::INFINITY]) {
                let found = broken(|found| rules.judge_float(number, found));
                let expected = expected(Decimal::from_f64(number));
                prop_assert_eq!(&found, &expected, "{} {:?}", number, rules);
                #[cfg(feature = "arrow")]
                prop_assert_eq!(
                    rules.right().1.contains(&number) && (!is_integer || number.trunc() == number),
                    expected.is_empty(),
                    "{} {:?}", number, rules,
                );
            }
            for number in [integer, whole, whole.saturating_add(1), whole.saturating_sub(1), i64::MIN, i64::MAX] {
                let found = broken(|found| rules.judge_integer(number, found));
                let expected = expected(Some(Decimal::from(number)));
                prop_assert_eq!(&found, &expected, "{} {:?}", number, rules);
                #[cfg(feature = "arrow")]
                prop_assert_eq!(rules.right().0.contains(&number), expected.is_empty(), "{} {:?}", number, rules);
            }
        }
    }

    #[test]
    fn limits_beyond_all_integers_and_floats() {
        let judged = |side, limit| {
            let limit = Limit::new(side, Inclusion::Inclusive, &decimal(limit), RuleId(1));
            let rules = rules(limit, false);
            let integers = [i64::MIN, i64::MAX]
                .map(|n| broken(|found| rules.judge_integer(n, found)).is_empty());
            let floats = [f64::MIN, f64::MAX]
                .map(|n| broken(|found| rules.judge_float(n, found)).is_empty());
            (integers, floats)
        };
        let (all, none) = (([true; 2], [true; 2]), ([false; 2], [false; 2]));
        assert_eq!(judged(Side::AtLeast, "1e400"), none);
        assert_eq!(judged(Side::AtMost, "1e400"), all);
        assert_eq!(judged(Side::AtLeast, "-1e400"), all);
        assert_eq!(judged(Side::AtMost, "-1e400"), none);
    }
}
