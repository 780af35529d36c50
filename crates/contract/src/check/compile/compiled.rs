//! What compiling a contract gives: the rules of every column, the keys and the thresholds.

use super::expression::ExpressionRule;
use crate::check::fast::FastCheck;
use crate::check::rule::{MetricId, RuleId, Rules, StructuralRules};
use crate::check::value::{Consequence, ValueCheck};
use crate::model::{CsvFacts, DuplicateColumns, ExtraColumns, Operator, UncheckedRule, Unit};

/// An object's rules, ready to be laid over the columns of an input.
#[derive(Clone, Debug)]
pub(crate) struct Compiled {
    pub(crate) object_name: String,
    pub(crate) rules: Rules,
    pub(crate) structural: StructuralRules,
    pub(crate) columns: Vec<ColumnRules>,
    pub(crate) metrics: Vec<Threshold>,
    pub(crate) expressions: Vec<ExpressionRule>,
    pub(crate) unique: Vec<UniqueRule>,
    pub(crate) unchecked: Vec<UncheckedRule>,
    pub(crate) csv: CsvFacts,
    pub(crate) extra_columns: Option<ExtraColumns>,
    pub(crate) duplicate_columns: Option<DuplicateColumns>,
}

impl Compiled {
    /// The columns (by index) that a rule is about.
    pub(crate) fn columns_of(&self, rule: RuleId) -> Vec<usize> {
        if let Some(unique) = self.unique.iter().find(|unique| unique.rule == Some(rule)) {
            return unique.columns.clone();
        }
        let is_broken = |expression: &&ExpressionRule| matches!(expression.consequence, Consequence::Violation(own) if own == rule);
        if let Some(expression) = self.expressions.iter().find(is_broken) {
            return expression.columns.clone();
        }
        let Some(name) = &self.rules.get(rule).column else {
            return Vec::new();
        };
        self.columns
            .iter()
            .position(|column| column.is_called(name))
            .into_iter()
            .collect()
    }
}

/// One column of the contract.
#[derive(Clone, Debug)]
pub(crate) struct ColumnRules {
    /// Keys from the record's root; one key unless the record is nested.
    pub(crate) path: Vec<String>,
    /// The same by the contract's own names, when the data uses physical ones.
    pub(crate) logical_path: Vec<String>,
    /// What a header without the column breaks; `None`: it may lack it.
    pub(crate) missing_rule: Option<RuleId>,
    pub(crate) values: ValueCheck,
    pub(crate) fast: FastCheck,
}

impl ColumnRules {
    /// Whether that is its name; asked of every column for every violation that is listed.
    fn is_called(&self, name: &str) -> bool {
        match self.path.as_slice() {
            [key] => key == name,
            _ => self.name() == name,
        }
    }

    /// `customer.address.city`, for reports.
    pub(crate) fn name(&self) -> String {
        self.path.join(".")
    }
}

/// A metric with its threshold, judged at the end of the run.
#[derive(Clone, Debug)]
pub(crate) struct Threshold {
    pub(crate) rule: RuleId,
    /// The rule's name in the contract.
    pub(crate) name: Option<String>,
    pub(crate) operator: Operator,
    pub(crate) unit: Unit,
    pub(crate) counted: Counted,
}

/// What a threshold is set on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    /// Rows that values were counted towards.
    Values(MetricId),
    /// All rows.
    Rows,
    /// Duplicates of a unique key, by its index.
    Duplicates(usize),
}

/// A key whose second and later occurrences are duplicates.
#[derive(Clone, Debug)]
pub(crate) struct UniqueRule {
    /// Indices into [`Compiled::columns`].
    pub(crate) columns: Vec<usize>,
    /// The rule that a duplicate row breaks; `None`: only counted.
    pub(crate) rule: Option<RuleId>,
}
