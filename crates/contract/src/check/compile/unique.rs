//! Keys that no two rows may share: the primary key, and `duplicateValues` of quality.

use super::quality::tolerates_none;
use super::{Compiler, Counted, UniqueRule};
use crate::model::{Object, Quality, QualityKind, Severity};

impl Compiler {
    /// `duplicateValues` of the `columns`, or else of those with these `names`.
    pub(super) fn duplicates(
        &mut self,
        quality: &Quality,
        column: Option<&str>,
        columns: Option<Vec<usize>>,
        names: &[String],
    ) {
        let QualityKind::Metric {
            metric,
            operator,
            unit,
        } = &quality.kind
        else {
            return;
        };
        let Some(columns) = columns.or_else(|| self.columns_named(names)) else {
            return self.unchecked(
                column.unwrap_or(""),
                metric.name(),
                "it names a property that the object does not have",
            );
        };
        let label = column.map_or_else(|| names.join(", "), str::to_owned);
        if tolerates_none(operator) {
            let rule = self.rule(
                &label,
                metric.name(),
                quality.severity,
                "must not occur twice".into(),
            );
            self.compiled.unique.push(UniqueRule {
                columns,
                rule: Some(rule),
            });
        } else {
            let counted = Counted::Duplicates(self.compiled.unique.len());
            self.compiled.unique.push(UniqueRule {
                columns,
                rule: None,
            });
            self.threshold(quality, Some(&label), metric, operator, *unit, counted);
        }
    }

    pub(super) fn primary_key(&mut self, object: &Object) {
        let key = object.primary_key();
        if key.is_empty() {
            return;
        }
        let names: Vec<String> = key.iter().map(|property| property.name.clone()).collect();
        let columns = self
            .columns_named(&names)
            .expect("they are the object's own properties");
        let label: Vec<String> = columns
            .iter()
            .map(|&column| self.compiled.columns[column].name())
            .collect();
        let rule = self.rule(
            &label.join(", "),
            "primaryKey",
            Severity::Error,
            "must not occur twice".into(),
        );
        self.compiled.unique.push(UniqueRule {
            columns,
            rule: Some(rule),
        });
    }

    /// Indices of top-level columns by the contract's names (or physical ones).
    fn columns_named(&self, names: &[String]) -> Option<Vec<usize>> {
        let find = |name: &String| {
            let is_named = |path: &Vec<String>| path.join(".") == *name;
            let columns = &self.compiled.columns;
            let logical = columns
                .iter()
                .position(|column| is_named(&column.logical_path));
            logical.or_else(|| columns.iter().position(|column| is_named(&column.path)))
        };
        (!names.is_empty()).then(|| names.iter().map(find).collect())?
    }
}
