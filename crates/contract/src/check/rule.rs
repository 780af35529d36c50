//! The rules of a compiled check, numbered, and what they say when they are broken.

use std::borrow::Cow;

use crate::model::Severity;

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
