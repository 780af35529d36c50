//! From a contract's object to the rules of a check.
//!
//! This happens once for a run and knows no input: columns are found by name later
//! ([`super::layout`]). Every property becomes a [`ColumnRules`]: the [`ValueCheck`] that defines right and
//! wrong, and the [`FastCheck`] that spares most rows from it. A rule that cannot be checked here is never
//! dropped: it is in [`Compiled::unchecked`].

use tamis_engine::number::Decimal;

use super::fast::FastCheck;
use super::rule::{MetricId, Rule, RuleId, Rules, StructuralRules};
use super::value::{Consequence, Constraint, Side, Temporal, TypeCheck, ValueCheck, iso_shape};
use crate::describe;
use crate::format::{DateFormat, Format, Instant, IsoShape};
use crate::model::{
    Bound, BoundValue, Contract, ExtraColumns, Inclusion, LogicalType, Metric, Object, Operator,
    Property, Quality, QualityKind, Severity, UncheckedKind, UncheckedRule, Unit,
};

/// An object's rules, ready to be laid over the columns of an input.
#[derive(Clone, Debug)]
pub(crate) struct Compiled {
    pub(crate) object_name: String,
    pub(crate) rules: Rules,
    pub(crate) structural: StructuralRules,
    pub(crate) columns: Vec<ColumnRules>,
    pub(crate) metrics: Vec<Threshold>,
    pub(crate) unique: Vec<UniqueRule>,
    pub(crate) unchecked: Vec<UncheckedRule>,
    pub(crate) csv: crate::model::CsvFacts,
    pub(crate) extra_columns: Option<ExtraColumns>,
}

impl Compiled {
    /// The columns (by index) that a rule is about.
    pub(crate) fn columns_of(&self, rule: RuleId) -> Vec<usize> {
        if let Some(unique) = self.unique.iter().find(|unique| unique.rule == Some(rule)) {
            return unique.columns.clone();
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
            unique: Vec::new(),
            unchecked: contract.unchecked.clone(),
            csv: object.csv.clone(),
            extra_columns: object.extra_columns,
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
    compiler.compiled
}

struct Compiler {
    compiled: Compiled,
    decimal_char: u8,
    null_texts: Vec<Box<[u8]>>,
    value_metrics: u32,
}

impl Compiler {
    fn property(&mut self, property: &Property, parent: &[String], logical_parent: &[String]) {
        let extended = |parent: &[String], name: &str| [parent, &[name.to_owned()]].concat();
        let path = extended(parent, property.column_name());
        let logical_path = extended(logical_parent, &property.name);
        let column = path.join(".");
        let mut values = ValueCheck {
            null_texts: self.null_texts.clone(),
            decimal_char: self.decimal_char,
            ..ValueCheck::default()
        };
        if property.required || property.primary_key_position.is_some() {
            let rule = self.rule(
                &column,
                "required",
                Severity::Error,
                "must not be null".into(),
            );
            values.on_null.push(Consequence::Violation(rule));
        }
        if let Some(logical_type) = property.logical_type {
            values.kind = self.type_check(property, logical_type, &column);
        }
        self.constraints(property, &column, &mut values);
        let index = self.compiled.columns.len();
        if property.unique {
            let rule = self.rule(
                &column,
                "unique",
                Severity::Error,
                "must not occur twice".into(),
            );
            self.compiled.unique.push(UniqueRule {
                columns: vec![index],
                rule: Some(rule),
            });
        }
        for quality in &property.quality {
            self.value_quality(quality, property, (index, &column), &mut values);
        }
        if property
            .items
            .as_ref()
            .is_some_and(|items| has_rules(items))
        {
            self.unchecked(
                &column,
                "items",
                "rules on the elements of an array are not checked yet",
            );
        }
        let missing_rule = self.absence(property, &column, &mut values);
        let fast = FastCheck::new(&values);
        self.compiled.columns.push(ColumnRules {
            path: path.clone(),
            logical_path: logical_path.clone(),
            missing_rule,
            values,
            fast,
        });
        for member in &property.properties {
            self.property(member, &path, &logical_path);
        }
    }

    /// What it means that a JSON record lacks the key, where that differs from null; and the rule that a header
    /// breaks without the column.
    fn absence(
        &mut self,
        property: &Property,
        column: &str,
        values: &mut ValueCheck,
    ) -> Option<RuleId> {
        let is_required = property.required || property.primary_key_position.is_some();
        match property.optional {
            Some(true) => {
                values.on_missing = Some(Vec::new());
                None
            }
            Some(false) if !is_required => {
                let rule = self.compiled.rules.add(Rule {
                    column: Some(column.to_owned()),
                    word: "missingColumn",
                    severity: Severity::Error,
                    expected: "must be there".to_owned(),
                    is_structural: true,
                });
                let mut consequences = vec![Consequence::Violation(rule)];
                consequences.extend_from_slice(&values.on_null);
                values.on_missing = Some(consequences);
                Some(rule)
            }
            // As null; and where null breaks `required`, that says enough.
            Some(false) | None => Some(self.compiled.structural.missing_column),
        }
    }

    fn type_check(
        &mut self,
        property: &Property,
        logical_type: LogicalType,
        column: &str,
    ) -> Option<(TypeCheck, RuleId)> {
        let format = match &property.constraints.format {
            Some(Format::Temporal(format)) => Some(format),
            _ => None,
        };
        let (kind, word, expected) = match (logical_type, format) {
            (LogicalType::String, _) => (TypeCheck::String, "type", "must be a string".into()),
            (LogicalType::Number, _) => (TypeCheck::Number, "type", "must be a number".into()),
            (LogicalType::Integer, _) => (TypeCheck::Integer, "type", "must be an integer".into()),
            (LogicalType::Boolean, _) => (
                TypeCheck::Boolean,
                "type",
                "must be `true` or `false`".into(),
            ),
            (LogicalType::Object, _) => (TypeCheck::Object, "type", "must be an object".into()),
            (LogicalType::Array, _) => (TypeCheck::Array, "type", "must be an array".into()),
            (_, Some(format)) => {
                let expected = format!(
                    "must be a {} written as `{}`",
                    logical_type.name(),
                    format.as_str()
                );
                (TypeCheck::Temporal(temporal_of(format)), "format", expected)
            }
            (temporal, None) => {
                let shape = iso_shape(temporal).expect("the remaining types are temporal");
                let expected = format!("must be a {} in ISO 8601", temporal.name());
                (TypeCheck::Temporal(Temporal::Iso(shape)), "type", expected)
            }
        };
        Some((kind, self.rule(column, word, Severity::Error, expected)))
    }

    fn constraints(&mut self, property: &Property, column: &str, values: &mut ValueCheck) {
        let constraints = &property.constraints;
        let ValueCheck {
            constraints: rules, ..
        } = values;
        let add =
            |compiler: &mut Compiler, rules: &mut Vec<_>, word, expected: String, constraint| {
                let rule = compiler.rule(column, word, Severity::Error, expected);
                rules.push((constraint, Consequence::Violation(rule)));
            };
        let minimum = (&constraints.minimum, ["minimum", "exclusiveMinimum"]);
        let maximum = (&constraints.maximum, ["maximum", "exclusiveMaximum"]);
        for ((bound, words), side) in [(minimum, Side::AtLeast), (maximum, Side::AtMost)] {
            let Some(bound) = bound else { continue };
            let Bound { value, inclusion } = bound;
            let word = words[usize::from(*inclusion == Inclusion::Exclusive)];
            let limit = match value {
                BoundValue::Number(limit) => {
                    Some(Constraint::Number(side, *inclusion, limit.clone()))
                }
                BoundValue::Temporal(text) => {
                    moment(property, text).map(|limit| Constraint::Moment(side, *inclusion, limit))
                }
            };
            let Some(limit) = limit else {
                let reason = "the bound is not a date, time or timestamp";
                self.unchecked(column, word, reason);
                continue;
            };
            let described = match side {
                Side::AtLeast => describe::lower_bound(bound),
                Side::AtMost => describe::upper_bound(bound),
            };
            add(self, rules, word, format!("must be {described}"), limit);
        }
        if let Some(divisor) = &constraints.multiple_of {
            add(
                self,
                rules,
                "multipleOf",
                format!("must be a multiple of {divisor}"),
                Constraint::MultipleOf(divisor.clone()),
            );
        }
        if let Some(min) = constraints.min_length {
            add(
                self,
                rules,
                "minLength",
                format!("must have at least {min} characters"),
                Constraint::MinLength(min),
            );
        }
        if let Some(max) = constraints.max_length {
            add(
                self,
                rules,
                "maxLength",
                format!("must have at most {max} characters"),
                Constraint::MaxLength(max),
            );
        }
        if let Some(pattern) = &constraints.pattern {
            let expected = format!("must match `{}`", pattern.as_str());
            add(
                self,
                rules,
                "pattern",
                expected,
                Constraint::Pattern(pattern.clone()),
            );
        }
        if let Some(allowed) = &constraints.allowed_values {
            add(
                self,
                rules,
                "enum",
                format!("must be {}", describe::one_of(allowed)),
                membership(property, allowed),
            );
        }
        match &constraints.format {
            Some(Format::Text(format)) => {
                add(
                    self,
                    rules,
                    "format",
                    format!("must be a valid {}", format.name()),
                    Constraint::Text(*format),
                );
            }
            Some(Format::Integer(format)) => {
                let rule = self.rule(
                    column,
                    "format",
                    Severity::Error,
                    format!("must fit {}", format.name()),
                );
                let limits = [(Side::AtLeast, format.min()), (Side::AtMost, format.max())];
                for (side, limit) in limits {
                    let limit = Constraint::Number(side, Inclusion::Inclusive, limit);
                    rules.push((limit, Consequence::Violation(rule)));
                }
            }
            Some(Format::Float32) => add(
                self,
                rules,
                "format",
                "must fit f32".into(),
                Constraint::Float32,
            ),
            Some(Format::Float64) => add(
                self,
                rules,
                "format",
                "must fit f64".into(),
                Constraint::Float64,
            ),
            Some(Format::Temporal(_)) | None => {}
        }
        self.timezone(property, column, rules);
    }

    /// `timezone` says something of a timestamp in ISO 8601 only: a format of its own has a zone or has none.
    fn timezone(
        &mut self,
        property: &Property,
        column: &str,
        rules: &mut Vec<(Constraint, Consequence)>,
    ) {
        let Some(zone) = property.constraints.timezone else {
            return;
        };
        if property.logical_type != Some(LogicalType::Timestamp)
            || property.constraints.format.is_some()
        {
            let reason = "only timestamps without a `format` are checked for their zone";
            return self.unchecked(column, "timezone", reason);
        }
        let expected = if zone {
            "must name a time zone"
        } else {
            "must name no time zone"
        };
        let rule = self.rule(column, "timezone", Severity::Error, expected.into());
        rules.push((Constraint::Zone(zone), Consequence::Violation(rule)));
    }

    /// A quality rule of a property.
    fn value_quality(
        &mut self,
        quality: &Quality,
        property: &Property,
        (index, column): (usize, &str),
        values: &mut ValueCheck,
    ) {
        let QualityKind::Metric {
            metric,
            operator,
            unit,
        } = &quality.kind
        else {
            return;
        };
        if let Metric::RowCount = metric {
            return self.threshold(
                quality,
                Some(column),
                metric,
                operator,
                *unit,
                Counted::Rows,
            );
        }
        if let Metric::DuplicateValues { properties } = metric {
            let columns = if properties.is_empty() {
                Some(vec![index])
            } else {
                None
            };
            return self.duplicates(quality, Some(column), columns, properties);
        }
        // "None at all" is a rule on each row; any other threshold can only be judged at the end.
        let consequence = if tolerates_none(operator) {
            let expected = match metric {
                Metric::NullValues => "must not be null".into(),
                Metric::MissingValues { .. } => "must not be missing".into(),
                Metric::InvalidValues {
                    valid_values: Some(valid),
                    ..
                } => format!("must be {}", describe::one_of(valid)),
                Metric::InvalidValues {
                    pattern: Some(pattern),
                    ..
                } => format!("must match `{}`", pattern.as_str()),
                _ => "must be valid".into(),
            };
            Consequence::Violation(self.rule(column, metric.name(), quality.severity, expected))
        } else {
            let id = MetricId(self.value_metrics);
            self.value_metrics += 1;
            self.threshold(
                quality,
                Some(column),
                metric,
                operator,
                *unit,
                Counted::Values(id),
            );
            Consequence::Count(id)
        };
        match metric {
            Metric::NullValues => values.on_null.push(consequence),
            Metric::MissingValues { missing_values } => {
                values.on_null.push(consequence);
                let texts = missing_values.iter().filter(|text| !text.is_empty());
                values.missing.push((
                    texts.map(|text| text.as_bytes().into()).collect(),
                    consequence,
                ));
            }
            Metric::InvalidValues {
                valid_values,
                pattern,
            } => {
                if let Some(valid) = valid_values {
                    values
                        .constraints
                        .push((membership(property, valid), consequence));
                }
                if let Some(pattern) = pattern {
                    values
                        .constraints
                        .push((Constraint::Pattern(pattern.clone()), consequence));
                }
            }
            Metric::DuplicateValues { .. } | Metric::RowCount => unreachable!("handled above"),
        }
    }

    /// A quality rule of the object as a whole.
    fn object_quality(&mut self, quality: &Quality) {
        let QualityKind::Metric {
            metric,
            operator,
            unit,
        } = &quality.kind
        else {
            return;
        };
        match metric {
            Metric::RowCount => {
                self.threshold(quality, None, metric, operator, *unit, Counted::Rows)
            }
            Metric::DuplicateValues { properties } => {
                self.duplicates(quality, None, None, properties);
            }
            _ => self.unchecked(
                "",
                metric.name(),
                "this metric belongs to a property, not to the object",
            ),
        }
    }

    fn duplicates(
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

    fn primary_key(&mut self, object: &Object) {
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

    fn threshold(
        &mut self,
        quality: &Quality,
        column: Option<&str>,
        metric: &Metric,
        operator: &Operator,
        unit: Unit,
        counted: Counted,
    ) {
        let rule = self.compiled.rules.add(Rule {
            column: column.map(str::to_owned),
            word: metric.name(),
            severity: quality.severity,
            expected: describe::threshold(operator, unit),
            is_structural: false,
        });
        self.compiled.metrics.push(Threshold {
            rule,
            name: quality.name.clone(),
            operator: operator.clone(),
            unit,
            counted,
        });
    }

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
            word,
            severity,
            expected,
            is_structural: false,
        })
    }

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

/// Whether a threshold means "no row at all", so that each row can be judged alone.
fn tolerates_none(operator: &Operator) -> bool {
    let zero = Decimal::from(0i64);
    match operator {
        Operator::MustBe(count) | Operator::MustBeLessOrEqualTo(count) => *count == zero,
        _ => false,
    }
}

fn has_rules(property: &Property) -> bool {
    property.logical_type.is_some()
        || property.required
        || !property.constraints.is_empty()
        || !property.quality.is_empty()
        || property.properties.iter().any(has_rules)
}

/// A format that is ISO 8601 as it is, whatever its letters, is read by the kernel, any other by its own program.
fn temporal_of(format: &DateFormat) -> Temporal {
    match format.iso_shape() {
        Some(IsoShape {
            shape,
            layout: None,
        }) => Temporal::Iso(shape),
        _ => Temporal::Format(format.clone()),
    }
}

/// A bound of a temporal property: in ISO 8601, or in the property's own format.
fn moment(property: &Property, text: &str) -> Option<Instant> {
    let own = match &property.constraints.format {
        Some(Format::Temporal(format)) => Some(format.clone()),
        _ => None,
    };
    let iso = [DateFormat::iso_timestamp(), DateFormat::iso_time()];
    own.iter()
        .chain(&iso)
        .find_map(|format| format.parse(text.as_bytes()))
}

fn membership(property: &Property, allowed: &[String]) -> Constraint {
    let is_numeric = property.logical_type.is_some_and(LogicalType::is_numeric);
    let numbers: Option<Vec<Decimal>> = allowed
        .iter()
        .map(|text| Decimal::parse(text.as_bytes()))
        .collect();
    match numbers {
        Some(numbers) if is_numeric => Constraint::OneOfNumbers(numbers),
        _ => Constraint::OneOf(allowed.iter().map(|text| text.as_bytes().into()).collect()),
    }
}
