//! The rules of a compiled check, numbered, and what they say when they are broken.

use std::borrow::Cow;

use crate::model::{Metric, Severity};

/// The word for the rule that a column has no nulls.
pub(crate) const REQUIRED: &str = "required";

/// The word for rules across columns; behind it comes their name, if they have one.
pub(crate) const EXPRESSION: &str = "expression";

/// Whether null may break a rule of this word: where a report lists no value with it, that was null. Null breaks no other.
pub(crate) fn is_of_nulls(word: &str) -> bool {
    let missing_values = Metric::MissingValues {
        missing_values: Vec::new(),
    };
    let of_nulls = [REQUIRED, Metric::NullValues.name(), missing_values.name()];
    of_nulls.contains(&word) || word.starts_with(EXPRESSION)
}

/// Index into [`Rules`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RuleId(pub(crate) u32);

/// Index of a count that a threshold is set on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MetricId(pub(crate) u32);

/// One rule that a row can break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    /// The column it is about; `None`: the record as a whole.
    pub column: Option<String>,
    /// The contract's own word for it: `required`, `minimum`, `invalidValues`, ..., or `expression` with the name of the rule.
    pub word: Cow<'static, str>,
    /// What breaking it means.
    pub severity: Severity,
    /// What was expected, as the end of a sentence about the value: `must be at least 0.01`.
    pub expected: String,
    /// Whether it stands in the contract, or comes with the file format (`fieldCount`, `encoding`).
    pub is_structural: bool,
}

/// All rules of a check, in the order of the contract's columns, structural ones first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules(Vec<Rule>);

impl Rules {
    pub(crate) fn add(&mut self, rule: Rule) -> RuleId {
        self.0.push(rule);
        RuleId(self.0.len() as u32 - 1)
    }

    pub(crate) fn get(&self, id: RuleId) -> &Rule {
        &self.0[id.0 as usize]
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.0.iter()
    }
}

/// The faults a record can have before any column is looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StructuralRules {
    pub(crate) field_count: RuleId,
    pub(crate) unclosed_quote: RuleId,
    pub(crate) encoding: RuleId,
    pub(crate) json: RuleId,
    pub(crate) message: RuleId,
    pub(crate) duplicate_key: RuleId,
    pub(crate) missing_column: RuleId,
    pub(crate) extra_column: RuleId,
    pub(crate) duplicate_column: RuleId,
}

impl StructuralRules {
    pub(crate) fn add_to(rules: &mut Rules) -> StructuralRules {
        let mut add = |word, expected: &str| {
            rules.add(Rule {
                column: None,
                word: Cow::Borrowed(word),
                severity: Severity::Error,
                expected: expected.to_owned(),
                is_structural: true,
            })
        };
        StructuralRules {
            field_count: add("fieldCount", "must have as many fields as the header"),
            unclosed_quote: add("unclosedQuote", "must close the quote it opens"),
            encoding: add("encoding", "must be valid UTF-8"),
            json: add("json", "must be one JSON object"),
            message: add("message", "must be one message of the schema"),
            duplicate_key: add("duplicateKey", "must not name a key twice"),
            missing_column: add("missingColumn", "must have every column of the contract"),
            extra_column: add(
                "extraColumn",
                "must have no column beside those of the contract",
            ),
            duplicate_column: add("duplicateColumn", "must name every column once"),
        }
    }
}

#[cfg(test)]
mod tests {
    use tamis_engine::number::Decimal;

    use super::*;
    use crate::check::value::Consequence;
    use crate::check::{Check, Unchecked};
    use crate::model::{Contract, Object, Operator, Property, Quality};

    /// Goal: the rules that the compiler lets null break are those whose words say so.
    #[test]
    fn words_tell_the_rules_that_null_breaks() {
        let none = |metric| Quality::metric(metric, Operator::MustBe(Decimal::ZERO));
        let missing_values = vec!["-".to_owned()];
        let id = Property::string("id")
            .required()
            .unique()
            .min_length(2)
            .one_of(["TX"])
            .quality(none(Metric::NullValues))
            .quality(none(Metric::MissingValues { missing_values }));
        let object = Object::new("orders")
            .property(id)
            .property(Property::integer("count").minimum(1))
            .quality(Quality::expression("id != null"))
            .quality(Quality::expression("count > 0").name("more"));
        let contract = Contract::builder("test").object(object).build();
        let check = Check::compile(&contract, &contract.objects[0], Unchecked::Refuse).unwrap();
        let compiled = &check.compiled;
        let of_columns = compiled.columns.iter().flat_map(|it| &it.values.on_null);
        let of_expressions = compiled.expressions.iter().map(|it| &it.consequence);
        let of_nulls: Vec<&Consequence> = of_columns.chain(of_expressions).collect();
        assert_eq!(of_nulls.len(), 5);
        for (at, rule) in compiled.rules.iter().enumerate() {
            let breaks = Consequence::Violation(RuleId(at as u32));
            assert_eq!(
                is_of_nulls(&rule.word),
                of_nulls.contains(&&breaks),
                "{}",
                rule.word
            );
        }
    }
}
