//! Quality rules: a count over the rows, and what the count must be.

use tamis_engine::number::Decimal;

use crate::pattern::Pattern;

use super::{Extra, Value};

/// One quality rule of an object or a property.
#[derive(Clone, Debug, PartialEq)]
pub struct Quality {
    /// Name for people and reports.
    pub name: Option<String>,
    /// For people.
    pub description: Option<String>,
    /// What the rule says.
    pub kind: QualityKind,
    /// What breaking it means.
    pub severity: Severity,
    /// Descriptive keys (`dimension`, `businessImpact`, ...), written back as they came.
    pub extra: Extra,
}

/// What a quality rule says, by its `type`.
#[derive(Clone, Debug, PartialEq)]
pub enum QualityKind {
    /// `library`: a metric of the standard, compared with a threshold.
    Metric {
        /// What is counted.
        metric: Metric,
        /// What the count must be.
        operator: Operator,
        /// Whether the count is of rows or a share of them.
        unit: Unit,
    },
    /// `custom` for the engine `tamis`: an expression over the columns of a record, which is false for records that break it.
    Expression {
        /// The expression, in CEL.
        text: String,
        /// How many records may break it; `None`: none.
        threshold: Option<(Operator, Unit)>,
    },
    /// `text`: prose for people.
    Text,
    /// `sql`: a query for a database; listed, not checked. Holds the keys of the rule.
    Sql(Extra),
    /// `custom`: a rule of another engine; listed, not checked.
    Custom {
        /// Name of the engine.
        engine: String,
        /// What that engine is to run.
        implementation: Value,
    },
    /// A `library` rule that Tamis does not know; listed, not checked. Holds the keys of the rule.
    Unknown(Extra),
}

/// What a metric counts.
#[derive(Clone, Debug, PartialEq)]
pub enum Metric {
    /// `nullValues`: rows whose value is null.
    NullValues,
    /// `missingValues`: rows whose value is null or one of these texts.
    MissingValues {
        /// Texts that count as missing.
        missing_values: Vec<String>,
    },
    /// `invalidValues`: rows whose value is not null and breaks one of these.
    InvalidValues {
        /// The texts allowed, if limited.
        valid_values: Option<Vec<String>>,
        /// What the value must match, if anything.
        pattern: Option<Pattern>,
    },
    /// `duplicateValues`: rows whose key occurred in an earlier row.
    DuplicateValues {
        /// The columns of the key; empty on a property: the property itself.
        properties: Vec<String>,
    },
    /// `rowCount`: all rows.
    RowCount,
}

/// What the count must be.
#[derive(Clone, Debug, PartialEq)]
pub enum Operator {
    /// `mustBe`
    MustBe(Decimal),
    /// `mustNotBe`
    MustNotBe(Decimal),
    /// `mustBeGreaterThan`
    MustBeGreaterThan(Decimal),
    /// `mustBeGreaterOrEqualTo`
    MustBeGreaterOrEqualTo(Decimal),
    /// `mustBeLessThan`
    MustBeLessThan(Decimal),
    /// `mustBeLessOrEqualTo`
    MustBeLessOrEqualTo(Decimal),
    /// `mustBeBetween`: both ends allowed.
    MustBeBetween(Decimal, Decimal),
    /// `mustNotBeBetween`: both ends forbidden.
    MustNotBeBetween(Decimal, Decimal),
}

/// What a count is measured in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unit {
    /// A number of rows.
    #[default]
    Rows,
    /// A share of all rows, 0 to 100.
    Percent,
}

/// What breaking a rule means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Listed.
    Info,
    /// Counted; makes no row bad and no run fail, unless it is strict.
    Warning,
    /// The run fails.
    #[default]
    Error,
}

impl Quality {
    /// A metric with its threshold, in rows, of severity error.
    pub fn metric(metric: Metric, operator: Operator) -> Self {
        let kind = QualityKind::Metric {
            metric,
            operator,
            unit: Unit::Rows,
        };
        Self {
            name: None,
            description: None,
            kind,
            severity: Severity::Error,
            extra: Extra::new(),
        }
    }

    /// An expression over the columns of a record that no record may break, of severity error.
    pub fn expression(text: impl Into<String>) -> Self {
        Self {
            name: None,
            description: None,
            kind: QualityKind::Expression {
                text: text.into(),
                threshold: None,
            },
            severity: Severity::Error,
            extra: Extra::new(),
        }
    }

    /// Names the rule.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Measures the metric as a share of all rows, 0 to 100.
    #[must_use]
    pub fn percent(mut self) -> Self {
        if let QualityKind::Metric { unit, .. } = &mut self.kind {
            *unit = Unit::Percent;
        }
        self
    }

    /// Sets what breaking the rule means.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }
}

impl Metric {
    /// The metric's name in the standard.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NullValues => "nullValues",
            Self::MissingValues { .. } => "missingValues",
            Self::InvalidValues { .. } => "invalidValues",
            Self::DuplicateValues { .. } => "duplicateValues",
            Self::RowCount => "rowCount",
        }
    }
}

impl Operator {
    /// The operator's key in the standard.
    pub fn name(&self) -> &'static str {
        match self {
            Self::MustBe(_) => "mustBe",
            Self::MustNotBe(_) => "mustNotBe",
            Self::MustBeGreaterThan(_) => "mustBeGreaterThan",
            Self::MustBeGreaterOrEqualTo(_) => "mustBeGreaterOrEqualTo",
            Self::MustBeLessThan(_) => "mustBeLessThan",
            Self::MustBeLessOrEqualTo(_) => "mustBeLessOrEqualTo",
            Self::MustBeBetween(..) => "mustBeBetween",
            Self::MustNotBeBetween(..) => "mustNotBeBetween",
        }
    }
}

/// `must be at most 5`: the end of a sentence about a count.
impl Severity {
    /// The word used in contracts and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}
