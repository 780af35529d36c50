//! From a contract's object to the rules of a check.
//!
//! This happens once for a run and knows no input: columns are found by name later ([`super::layout`]). Every property
//! becomes a [`ColumnRules`] (`property`): the [`ValueCheck`](super::value::ValueCheck) that defines right and wrong,
//! with its type, its `constraints` and its `quality`, and the [`FastCheck`](super::fast::FastCheck) that spares most
//! rows from it. What is about all rows is a key (`unique`) or a threshold (`quality`).
//!
//! Rules are numbered in the order in which they are added, and reports list them in that order. A rule that cannot be
//! checked here is never dropped: it is in [`Compiled::unchecked`].

mod compiled;
mod constraints;
mod expression;
mod property;
mod quality;
mod unique;

use super::rule::{Rule, RuleId, Rules, StructuralRules};
use crate::model::{Contract, Object, Severity, UncheckedKind, UncheckedRule};
pub(crate) use compiled::{ColumnRules, Compiled, Counted, Threshold, UniqueRule};
pub(crate) use expression::ExpressionRule;

/// Compiles the rules of `object`.
pub(crate) fn compile(contract: &Contract, object: &Object) -> Compiled {
    let mut rules = Rules::default();
    let structural = StructuralRules::add_to(&mut rules);
    let mut compiler = Compiler {
        decimal_char: object.csv.decimal_char.unwrap_or(b'.'),
        null_texts: object
            .csv
            .missing_values
            .iter()
            .flatten()
            .map(|text| text.as_bytes().into())
            .collect(),
        compiled: Compiled {
            object_name: object.name.clone(),
            rules,
            structural,
            columns: Vec::new(),
            metrics: Vec::new(),
            expressions: Vec::new(),
            unique: Vec::new(),
            unchecked: contract.unchecked.clone(),
            csv: object.csv.clone(),
            extra_columns: object.extra_columns,
            duplicate_columns: object.duplicate_columns,
        },
        value_metrics: 0,
    };
    for property in &object.properties {
        compiler.property(property, &[], &[]);
    }
    compiler.primary_key(object);
    for quality in &object.quality {
        compiler.object_quality(quality);
    }
    compiler.expressions(object);
    compiler.compiled
}

/// The rules so far, and what all columns share.
struct Compiler {
    compiled: Compiled,
    decimal_char: u8,
    null_texts: Vec<Box<[u8]>>,
    value_metrics: u32,
}

impl Compiler {
    /// Numbers a rule on the values of a column.
    fn rule(
        &mut self,
        column: &str,
        word: &'static str,
        severity: Severity,
        expected: String,
    ) -> RuleId {
        let column = Some(column.to_owned());
        self.compiled.rules.add(Rule {
            column,
            word: word.into(),
            severity,
            expected,
            is_structural: false,
        })
    }

    /// Notes a rule that cannot be checked; without a `column` it is one of the object.
    fn unchecked(&mut self, column: &str, rule: &str, reason: &str) {
        let object = &self.compiled.object_name;
        let location = if column.is_empty() {
            object.clone()
        } else {
            format!("{object}.{column}")
        };
        self.compiled.unchecked.push(UncheckedRule {
            location,
            rule: rule.to_owned(),
            reason: reason.to_owned(),
            kind: UncheckedKind::Rule,
            span: 0..0,
        });
    }
}
