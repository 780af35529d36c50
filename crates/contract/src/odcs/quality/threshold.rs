//! The threshold of a metric: one `mustBe...` key, and the unit it counts in.

use tamis_engine::number::Decimal;

use crate::model::{Operator, Unit};
use crate::odcs::fields::Fields;
use crate::odcs::reader::Reader;

/// Makes an operator of its threshold.
type OfOne = fn(Decimal) -> Operator;
/// Makes an operator of the ends of its range.
type OfTwo = fn(Decimal, Decimal) -> Operator;

impl Reader<'_> {
    /// Exactly one of the `mustBe...` keys.
    pub(super) fn operator(&mut self, fields: &mut Fields<'_>) -> Option<Operator> {
        let mut found: Vec<(&str, Option<Operator>)> = Vec::new();
        let single: [(_, OfOne); 8] = [
            ("mustBe", Operator::MustBe),
            ("mustNotBe", Operator::MustNotBe),
            ("mustBeGreaterThan", Operator::MustBeGreaterThan),
            ("mustBeGreaterOrEqualTo", Operator::MustBeGreaterOrEqualTo),
            // A spelling seen in the wild.
            (
                "mustBeGreaterThanOrEqualTo",
                Operator::MustBeGreaterOrEqualTo,
            ),
            ("mustBeLessThan", Operator::MustBeLessThan),
            ("mustBeLessOrEqualTo", Operator::MustBeLessOrEqualTo),
            ("mustBeLessThanOrEqualTo", Operator::MustBeLessOrEqualTo),
        ];
        for (key, operator) in single {
            if let Some(node) = fields.take(key) {
                found.push((key, self.decimal_of(key, node).map(operator)));
            }
        }
        let double: [(_, OfTwo); 2] = [
            ("mustBeBetween", Operator::MustBeBetween),
            ("mustNotBeBetween", Operator::MustNotBeBetween),
        ];
        for (key, operator) in double {
            let Some(node) = fields.take(key) else {
                continue;
            };
            let ends: Vec<_> = self
                .list_of(key, node)
                .iter()
                .filter_map(|item| self.decimal_of(key, item))
                .collect();
            let ends = <[_; 2]>::try_from(ends);
            match &ends {
                Ok([low, high]) if low > high => {
                    self.error(
                        "contradiction",
                        &node.span,
                        format!("`{key}`: the smaller number comes first"),
                    );
                }
                Ok(_) => {}
                Err(_) => self.error(
                    "wrong-type",
                    &node.span,
                    format!("`{key}` must be a list of two numbers"),
                ),
            }
            found.push((key, ends.ok().map(|[low, high]| operator(low, high))));
        }
        let span = fields.span.start..fields.span.start + 1;
        match found.as_mut_slice() {
            [(_, operator)] => operator.take(),
            [] => {
                let help = "for example `mustBe: 0` or `mustBeLessThan: 5`";
                self.error_with_help(
                    "missing-key",
                    &span,
                    "this quality rule has no threshold",
                    help,
                );
                None
            }
            [(first, _), (second, _), ..] => {
                let message =
                    format!("this quality rule has several thresholds: `{first}` and `{second}`");
                self.error_with_help(
                    "contradiction",
                    &span,
                    message,
                    "write one rule for each, or `mustBeBetween: [low, high]`",
                );
                None
            }
        }
    }

    pub(super) fn unit(&mut self, fields: &mut Fields<'_>) -> Unit {
        let Some(node) = fields.take("unit") else {
            return Unit::Rows;
        };
        match self.text_of("unit", node).as_deref() {
            None | Some("rows") => Unit::Rows,
            Some("percent") => Unit::Percent,
            Some(other) => {
                self.unknown(
                    "unknown-value",
                    &node.span,
                    "unit",
                    other,
                    &["rows", "percent"],
                );
                Unit::Rows
            }
        }
    }
}
