//! Counts by rule, and the violations shown one by one.

use std::cmp::Reverse;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::model::Severity;

/// Exact counts of violations. One row can break several rules; each counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Violations {
    /// All of them, whatever their severity.
    pub total: u64,
    /// Those that make a row bad.
    pub errors: u64,
    /// Those that are only counted.
    pub warnings: u64,
    /// The counts by column and rule; the most frequent first, then by column and rule.
    pub by_rule: Vec<RuleCount>,
}

/// How often one rule was broken.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct RuleCount {
    /// The column, or the columns of a composite key joined by `, `; `null` for a rule about the
    /// record or the file.
    pub column: Option<String>,
    /// The rule in the contract's own word: `required`, `type`, `minimum`, `pattern`, ...
    pub rule: String,
    /// What breaking it means.
    pub severity: Severity,
    /// How often.
    pub count: u64,
}

/// One violation.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Sample {
    /// Name of the input.
    pub input: String,
    /// The row in that input, from 1; `null` for a fault of the header or the file.
    pub row: Option<u64>,
    /// The physical line the record begins on, from 1, as an editor shows it.
    pub line: Option<u64>,
    /// The record's first byte, from the start of the decompressed input.
    pub byte_offset: Option<u64>,
    /// The column; `null` for a rule about the record or the file.
    pub column: Option<String>,
    /// The rule in the contract's own word.
    pub rule: String,
    /// What breaking it means.
    pub severity: Severity,
    /// The offending value as [`shown_value`](super::shown_value) cuts it; `null` when the value
    /// is null or the fault is no value.
    pub value: Option<String>,
    /// What was expected, for people.
    pub message: String,
}

impl Violations {
    /// Totals and order of these counts; a count of zero is left out.
    pub fn from_counts(counts: impl IntoIterator<Item = RuleCount>) -> Self {
        let mut by_rule: Vec<_> = counts.into_iter().filter(|rule| rule.count > 0).collect();
        by_rule.sort_by(|one, other| {
            let order = |rule: &RuleCount| Reverse(rule.count);
            (order(one), &one.column, &one.rule).cmp(&(order(other), &other.column, &other.rule))
        });
        let sum = |severity: Option<Severity>| {
            let counted = |rule: &&RuleCount| severity.is_none_or(|wanted| rule.severity == wanted);
            by_rule.iter().filter(counted).map(|rule| rule.count).sum()
        };
        Self {
            total: sum(None),
            errors: sum(Some(Severity::Error)),
            warnings: sum(Some(Severity::Warning)),
            by_rule,
        }
    }

    /// The counts of one severity, the most frequent first.
    pub fn of_severity(&self, severity: Severity) -> impl Iterator<Item = &RuleCount> {
        self.by_rule
            .iter()
            .filter(move |rule| rule.severity == severity)
    }
}

impl Serialize for Severity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Severity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        [Self::Info, Self::Warning, Self::Error]
            .into_iter()
            .find(|severity| severity.name() == name)
            .ok_or_else(|| de::Error::unknown_variant(&name, &["info", "warning", "error"]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(column: &str, rule: &str, severity: Severity, count: u64) -> RuleCount {
        RuleCount {
            column: Some(column.to_owned()),
            rule: rule.to_owned(),
            severity,
            count,
        }
    }

    #[test]
    fn the_worst_rule_comes_first_and_ties_go_by_name() {
        let violations = Violations::from_counts([
            count("b", "type", Severity::Error, 3),
            count("a", "required", Severity::Error, 3),
            count("a", "minimum", Severity::Error, 3),
            count("c", "invalidValues", Severity::Warning, 9),
            count("c", "maximum", Severity::Error, 0),
            count("c", "nullValues", Severity::Info, 1),
        ]);
        let order: Vec<_> = violations
            .by_rule
            .iter()
            .map(|rule| rule.rule.as_str())
            .collect();
        assert_eq!(
            order,
            ["invalidValues", "minimum", "required", "type", "nullValues"]
        );
        assert_eq!(
            (violations.total, violations.errors, violations.warnings),
            (19, 9, 9)
        );
    }
}
