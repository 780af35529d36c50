//! Expressions over the columns of a record, of the object and of its properties.

use tamis_expr::Expression;
use tamis_formats::vector::Type;

use super::quality::tolerates_none;
use super::{Compiler, Counted, Threshold};
use crate::check::rule::{EXPRESSION, MetricId, Rule};
use crate::check::value::Consequence;
use crate::describe;
use crate::expression::{self, Named};
use crate::model::{Object, Property, Quality, QualityKind};

/// An expression that is false for records that break it.
#[derive(Clone, Debug)]
pub(crate) struct ExpressionRule {
    /// The rule's name in the contract, or what it says.
    pub(crate) name: String,
    pub(crate) expression: Expression,
    /// The columns it reads, by their index in the contract, in its own order.
    pub(crate) columns: Vec<usize>,
    /// What each of them is read as.
    pub(crate) types: Vec<Type>,
    /// What it means that it is false.
    pub(crate) consequence: Consequence,
}

impl Compiler {
    /// Adds the expressions of an object and of its properties, whose columns are all there.
    pub(super) fn expressions(&mut self, object: &Object) {
        let names = expression::names(&object.properties);
        self.property_expressions(&object.properties, &[], &names);
        for quality in &object.quality {
            self.expression(quality, None, &names);
        }
    }

    fn property_expressions(
        &mut self,
        properties: &[Property],
        parent: &[String],
        names: &[Named],
    ) {
        for property in properties {
            let path = [parent, &[property.column_name().to_owned()]].concat();
            for quality in &property.quality {
                self.expression(quality, Some(&path.join(".")), names);
            }
            self.property_expressions(&property.properties, &path, names);
        }
    }

    fn expression(&mut self, quality: &Quality, column: Option<&str>, names: &[Named]) {
        let QualityKind::Expression { text, threshold } = &quality.kind else {
            return;
        };
        let expression = match expression::compile(text, names) {
            Ok(expression) => expression,
            Err(error) => {
                return self.unchecked(column.unwrap_or_default(), EXPRESSION, &error.to_string());
            }
        };
        let read: Vec<&Named> = expression.columns().iter().map(|&at| &names[at]).collect();
        let place = |named: &&Named| {
            let columns = &self.compiled.columns;
            let found = columns.iter().position(|column| column.path == named.path);
            found.expect("every property is a column")
        };
        let columns = read.iter().map(place).collect();
        let rule = self.compiled.rules.add(Rule {
            column: column.map(str::to_owned),
            word: match &quality.name {
                Some(name) => format!("{EXPRESSION}: {name}").into(),
                None => EXPRESSION.into(),
            },
            severity: quality.severity,
            expected: match threshold {
                Some((operator, unit)) if !tolerates_none(operator) => {
                    describe::threshold(operator, *unit)
                }
                _ => format!("must be such that `{text}`"),
            },
            is_structural: false,
        });
        let consequence = match threshold {
            Some((operator, unit)) if !tolerates_none(operator) => {
                let metric = MetricId(self.value_metrics);
                self.value_metrics += 1;
                self.compiled.metrics.push(Threshold {
                    rule,
                    name: quality.name.clone(),
                    operator: operator.clone(),
                    unit: *unit,
                    counted: Counted::Values(metric),
                });
                Consequence::Count(metric)
            }
            _ => Consequence::Violation(rule),
        };
        let types = read.iter().map(|named| named.ty).collect();
        self.compiled.expressions.push(ExpressionRule {
            name: quality.name.clone().unwrap_or_else(|| text.clone()),
            columns,
            types,
            expression,
            consequence,
        });
    }
}
