//! Judging a count against its threshold, exactly.

use tamis_engine::number::Decimal;

use crate::model::{Operator, Unit};

/// A measured count, comparable with any limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Measured {
    pub(crate) count: u64,
    pub(crate) rows: u64,
    pub(crate) unit: Unit,
}

impl Measured {
    /// Whether the count is what `operator` asks for.
    pub(crate) fn meets(self, operator: &Operator) -> bool {
        let cmp = |limit: &Decimal| self.comparable(limit).cmp(limit);
        let is_between = |low: &Decimal, high: &Decimal| cmp(low).is_ge() && cmp(high).is_le();
        match operator {
            Operator::MustBe(limit) => cmp(limit).is_eq(),
            Operator::MustNotBe(limit) => cmp(limit).is_ne(),
            Operator::MustBeGreaterThan(limit) => cmp(limit).is_gt(),
            Operator::MustBeGreaterOrEqualTo(limit) => cmp(limit).is_ge(),
            Operator::MustBeLessThan(limit) => cmp(limit).is_lt(),
            Operator::MustBeLessOrEqualTo(limit) => cmp(limit).is_le(),
            Operator::MustBeBetween(low, high) => is_between(low, high),
            Operator::MustNotBeBetween(low, high) => !is_between(low, high),
        }
    }

    /// The share of the rows, 0 to 100, to four digits after the point; for people and reports.
    pub(crate) fn percent(self) -> f64 {
        let share = self.count as f64 / self.rows.max(1) as f64;
        (share * 1_000_000.0).round() / 10_000.0
    }

    /// A decimal that compares with `limit` as the measured value does.
    ///
    /// A share such as one third has no end as a decimal. It is cut after as many digits as `limit` has, and
    /// if something was cut off, half a digit is put back: that is neither equal to `limit` nor on its other side.
    fn comparable(self, limit: &Decimal) -> Decimal {
        let count = u128::from(self.count);
        if self.unit == Unit::Rows || self.rows == 0 {
            return decimal(&count.to_string());
        }
        let digits = limit
            .to_string()
            .split_once('.')
            .map_or(0, |(_, fraction)| fraction.len())
            .min(15);
        let scaled = count * 100 * 10u128.pow(digits as u32);
        let (quotient, rest) = (
            scaled / u128::from(self.rows),
            scaled % u128::from(self.rows),
        );
        let mut text = format!("{quotient:0>width$}", width = digits + 1);
        text.insert(text.len() - digits, '.');
        text.push(if rest == 0 { '0' } else { '5' });
        decimal(&text)
    }
}

fn decimal(text: &str) -> Decimal {
    Decimal::parse(text.as_bytes()).expect("digits and at most one point")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(count: u64, rows: u64) -> Measured {
        Measured {
            count,
            rows,
            unit: Unit::Percent,
        }
    }

    #[test]
    fn shares_compare_exactly() {
        let limit = |text: &str| Decimal::parse(text.as_bytes()).unwrap();
        assert!(share(1, 3).meets(&Operator::MustBeGreaterThan(limit("33.3"))));
        assert!(share(1, 3).meets(&Operator::MustBeLessThan(limit("33.4"))));
        assert!(share(1, 3).meets(&Operator::MustNotBe(limit("33.3333"))));
        assert!(share(1, 8).meets(&Operator::MustBe(limit("12.5"))));
        assert!(share(1, 8).meets(&Operator::MustBeGreaterThan(limit("12"))));
        assert!(share(0, 5).meets(&Operator::MustBe(limit("0"))));
        assert!(share(5, 5).meets(&Operator::MustBeBetween(limit("99.9"), limit("100"))));
        assert!(!share(1, 1_000_000).meets(&Operator::MustBe(limit("0"))));
    }

    #[test]
    fn counts_compare_as_they_are() {
        let rows = Measured {
            count: 7,
            rows: 100,
            unit: Unit::Rows,
        };
        assert!(rows.meets(&Operator::MustBe(Decimal::from(7i64))));
        assert!(rows.meets(&Operator::MustNotBeBetween(
            Decimal::from(8i64),
            Decimal::from(9i64)
        )));
        assert_eq!(share(1, 3).percent(), 33.3333);
    }
}
