//! Thresholds: what was measured, and what it had to be.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Number;
use tamis_engine::number::Decimal;

use crate::model::{Operator, Severity, Unit};

/// One quality rule of the contract with what was measured.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct MetricReport {
    /// The column, or the columns of a composite key joined by `, `; `null` for the whole.
    pub column: Option<String>,
    /// The rule's name in the contract, if it has one.
    pub name: Option<String>,
    /// What was counted, in the contract's own word: `nullValues`, `rowCount`, ...
    pub metric: String,
    /// The count, or the share.
    pub measured: Measured,
    /// What it is measured in.
    pub unit: Unit,
    /// How it is compared, in the contract's own word: `mustBeLessThan`, ...
    pub operator: String,
    /// What it is compared with.
    pub expected: Expected,
    /// Whether it is as it must be.
    pub passed: bool,
    /// What it means if it is not.
    pub severity: Severity,
}

/// A measured number of rows, or a share of them.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Measured {
    /// A number of rows.
    Rows(u64),
    /// A share of all rows, 0 to 100.
    Percent(f64),
}

/// What a measured number is compared with.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Expected {
    /// One number.
    One(Number),
    /// Both ends of a range.
    Range([Number; 2]),
}

impl MetricReport {
    /// Whether it makes the run fail.
    pub fn is_error(&self) -> bool {
        !self.passed && self.severity == Severity::Error
    }
}

impl From<&Operator> for Expected {
    fn from(operator: &Operator) -> Self {
        match operator {
            Operator::MustBe(value)
            | Operator::MustNotBe(value)
            | Operator::MustBeGreaterThan(value)
            | Operator::MustBeGreaterOrEqualTo(value)
            | Operator::MustBeLessThan(value)
            | Operator::MustBeLessOrEqualTo(value) => Self::One(number(value)),
            Operator::MustBeBetween(low, high) | Operator::MustNotBeBetween(low, high) => {
                Self::Range([number(low), number(high)])
            }
        }
    }
}

/// A decimal as a JSON number: whole numbers as they are, others as the nearest double, which
/// prints the digits of the contract again.
fn number(value: &Decimal) -> Number {
    let text = value.to_string();
    match text.parse::<i64>() {
        Ok(whole) => whole.into(),
        Err(_) => {
            let double: f64 = text.parse().expect("a decimal prints as a number");
            // JSON has no infinity; a threshold beyond every double is as good as the largest.
            Number::from_f64(double.clamp(f64::MIN, f64::MAX)).expect("clamped to finite")
        }
    }
}

impl Serialize for Unit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match self {
            Self::Rows => "rows",
            Self::Percent => "percent",
        })
    }
}

impl<'de> Deserialize<'de> for Unit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "rows" => Ok(Self::Rows),
            "percent" => Ok(Self::Percent),
            other => Err(de::Error::unknown_variant(other, &["rows", "percent"])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::parse_decimal;

    #[test]
    fn thresholds_keep_their_digits() {
        let json = |operator: Operator| {
            serde_json::to_string(&Expected::from(&operator)).expect("numbers serialise")
        };
        let decimal = |text| parse_decimal(text).expect("a number");
        assert_eq!(json(Operator::MustBe(decimal("0"))), "0");
        assert_eq!(json(Operator::MustBeLessThan(decimal("0.1"))), "0.1");
        assert_eq!(json(Operator::MustBeGreaterThan(decimal("-12.5"))), "-12.5");
        let range = Operator::MustBeBetween(decimal("1"), decimal("99.99"));
        assert_eq!(json(range), "[1,99.99]");
    }
}
