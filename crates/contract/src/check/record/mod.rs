//! One record at a time: no input, no batch, no report.
//!
//! A program that handles its records one by one asks for each of them. [`RecordCheck`] judges values as they are
//! held ([`Scalar`]), by the same [`ValueCheck`] that defines every other check, or
//! a record as text ([`RecordCheck::judge_line`]). Judging a good record allocates nothing; what a report would say
//! of a broken rule is made when it is asked for ([`RecordCheck::sample`]).
//!
//! Numbers are what makes this slow: the judge reads them as exact decimals, and a program holds them in binary.
//! [`numbers`] compares those exactly, without a decimal.
//!
//! Expressions over several columns need all values of a record together: [`RecordRow`] takes them.
//!
//! ```
//! use tamis_contract::check::{Check, RecordCheck, Scalar, Unchecked};
//! use tamis_contract::model::{Contract, Object, Property};
//!
//! let object = Object::new("orders")
//!     .property(Property::string("id").required())
//!     .property(Property::number("amount").minimum(1));
//! let contract = Contract::builder("orders").object(object.clone()).build();
//! let check = Check::compile(&contract, &object, Unchecked::Refuse)?;
//! let records = RecordCheck::new(&check, Unchecked::Refuse)?;
//! let mut broken = Vec::new();
//! records.judge(0, Scalar::Text("TX1"), |rule| broken.push((rule, Scalar::Text("TX1"))));
//! records.judge(1, Scalar::Float(0.5), |rule| broken.push((rule, Scalar::Float(0.5))));
//! let sample = records.sample(broken[0].0, broken[0].1);
//! assert_eq!((sample.rule.as_str(), sample.value.as_deref()), ("minimum", Some("0.5")));
//! # Ok::<(), tamis_contract::check::CheckError>(())
//! ```

mod expressions;
mod line;
pub(in crate::check) mod numbers;
#[cfg(test)]
mod tests;

use std::sync::Mutex;

use tamis_formats::Kind;

use super::compile::Compiled;
use super::rule::RuleId;
use super::value::{Consequence, ValueCheck};
use super::worker::Expressions;
use super::{Check, CheckError, Unchecked};
use crate::model::{ExtraColumns, Severity, UncheckedKind, UncheckedRule};
use crate::report::{Sample, shown_value};
pub use expressions::RecordRow;
use line::LineParsers;
pub(in crate::check) use line::not_one_record;
use numbers::NumberRules;

/// A value of a record, as a program holds it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar<'a> {
    /// The record has no such key.
    Missing,
    /// Null.
    Null,
    /// Text, read as a CSV field is: as the column's type, and as null when it is empty.
    Text(&'a str),
    /// A string whatever the column's type, such as a moment in ISO 8601.
    String(&'a str),
    /// An integer.
    Integer(i64),
    /// A number by its text: a decimal, or an integer that needs more than 64 bits.
    Number(&'a str),
    /// A float, which stands for the shortest decimal that reads back as the same.
    Float(f64),
    /// `true` or `false`.
    Boolean(bool),
    /// An object, by a text that shows it to people.
    Object(&'a str),
    /// An array, by a text that shows it to people.
    Array(&'a str),
}

/// A rule that a record breaks. In the order of rules, which is that of reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BrokenRule(RuleId);

/// An object's rules for records that come one by one; usable from several threads at once.
#[derive(Debug)]
pub struct RecordCheck {
    compiled: Compiled,
    /// For each column, its rules on numbers, where they are simple.
    numbers: Vec<Option<NumberRules>>,
    parsers: Mutex<Vec<LineParsers>>,
    /// For each column, its place among those that expressions read.
    read: Vec<Option<usize>>,
    expressions: Mutex<Vec<Expressions>>,
}

impl RecordCheck {
    /// The rules of `check` that one record can be held to.
    ///
    /// # Errors
    /// [`CheckError::NeedsAllRecords`] when `rest` refuses to leave any out: what must be unique, thresholds.
    pub fn new(check: &Check, rest: Unchecked) -> Result<RecordCheck, CheckError> {
        let compiled = check.compiled.clone();
        let rules = needing_all_records(&compiled);
        if rest == Unchecked::Refuse && !rules.is_empty() {
            return Err(CheckError::NeedsAllRecords { rules });
        }
        let numbers = compiled
            .columns
            .iter()
            .map(|column| NumberRules::of(&column.values))
            .collect();
        Ok(RecordCheck {
            numbers,
            read: expressions::read_columns(&compiled),
            compiled,
            parsers: Mutex::new(Vec::new()),
            expressions: Mutex::new(Vec::new()),
        })
    }

    /// For each column the keys that lead to its value, from the record's root.
    pub fn columns(&self) -> impl ExactSizeIterator<Item = &[String]> {
        self.compiled
            .columns
            .iter()
            .map(|column| column.path.as_slice())
    }

    /// Whether a key at the root that is no column breaks a rule ([`extra_key`](Self::extra_key)).
    pub fn refuses_extra_keys(&self) -> bool {
        self.compiled.extra_columns == Some(ExtraColumns::Refuse)
    }

    /// Calls `found` for every rule that the value breaks, in no particular order.
    ///
    /// # Panics
    /// If there is no such column.
    #[inline]
    pub fn judge(&self, column: usize, value: Scalar<'_>, mut found: impl FnMut(BrokenRule)) {
        match (value, &self.numbers[column]) {
            (Scalar::Integer(number), Some(rules)) => {
                rules.judge_integer(number, |rule| found(BrokenRule(rule)));
            }
            (Scalar::Float(number), Some(rules)) => {
                rules.judge_float(number, |rule| found(BrokenRule(rule)));
            }
            _ => {
                let values = &self.compiled.columns[column].values;
                value.with_text(|kind, text| judge(values, kind, text, &mut found));
            }
        }
    }

    /// What a report says of a rule that `value` breaks; a record alone has no row, line or byte offset.
    pub fn sample(&self, broken: BrokenRule, value: Scalar<'_>) -> Sample {
        let value = value.with_text(|kind, text| {
            let is_there = !matches!(kind, Kind::Missing | Kind::Null);
            is_there.then(|| shown_value(text))
        });
        let rule = self.compiled.rules.get(broken.0);
        self.sample_of(broken.0, rule.column.clone(), value, rule.expected.clone())
    }

    /// A key at the root that is no column, where the contract refuses such.
    pub fn extra_key(&self, key: &str) -> (BrokenRule, Sample) {
        let rule = self.compiled.structural.extra_column;
        let key = shown_value(key.as_bytes());
        let message = format!("key `{key}` is not in the contract");
        let sample = self.sample_of(rule, Some(key), None, message);
        (BrokenRule(rule), sample)
    }

    /// A value that is no Unicode text although it should be; `shown` is what can be shown of it.
    pub fn not_unicode(&self, column: usize, shown: &str) -> (BrokenRule, Sample) {
        let rule = self.compiled.structural.encoding;
        let column = self.compiled.columns[column].name();
        let expected = self.compiled.rules.get(rule).expected.clone();
        let value = Some(shown_value(shown.as_bytes()));
        let sample = self.sample_of(rule, Some(column), value, expected);
        (BrokenRule(rule), sample)
    }

    /// Whether a violation makes its record bad.
    pub fn makes_bad(sample: &Sample) -> bool {
        sample.severity == Severity::Error
    }

    fn sample_of(
        &self,
        rule: RuleId,
        column: Option<String>,
        value: Option<String>,
        message: String,
    ) -> Sample {
        let rule = self.compiled.rules.get(rule);
        Sample {
            input: String::new(),
            row: None,
            line: None,
            byte_offset: None,
            column,
            rule: rule.word.to_string(),
            severity: rule.severity,
            value,
            message,
        }
    }
}

impl Scalar<'_> {
    /// Calls `read` with the kind and the text that the judge takes; nothing is allocated for it.
    fn with_text<T>(self, read: impl FnOnce(Kind, &[u8]) -> T) -> T {
        match self {
            Scalar::Missing => read(Kind::Missing, b""),
            Scalar::Null => read(Kind::Null, b""),
            Scalar::Text(text) => read(Kind::Text, text.as_bytes()),
            Scalar::String(text) => read(Kind::String, text.as_bytes()),
            Scalar::Integer(number) => {
                read(Kind::Number, itoa::Buffer::new().format(number).as_bytes())
            }
            Scalar::Number(text) => read(Kind::Number, text.as_bytes()),
            Scalar::Float(number) => {
                read(Kind::Number, zmij::Buffer::new().format(number).as_bytes())
            }
            Scalar::Boolean(true) => read(Kind::Boolean, b"true"),
            Scalar::Boolean(false) => read(Kind::Boolean, b"false"),
            Scalar::Object(shown) => read(Kind::Object, shown.as_bytes()),
            Scalar::Array(shown) => read(Kind::Array, shown.as_bytes()),
        }
    }
}

/// Counting towards a threshold means nothing for one record.
fn judge(values: &ValueCheck, kind: Kind, text: &[u8], found: &mut impl FnMut(BrokenRule)) {
    values.judge(kind, text, |consequence| match consequence {
        Consequence::Violation(rule) => found(BrokenRule(rule)),
        Consequence::Count(_) => {}
    });
}

/// The rules that no value, and no record by itself, is held to.
pub(in crate::check) fn needing_all_records(compiled: &Compiled) -> Vec<UncheckedRule> {
    let unique = compiled.unique.iter().filter_map(|unique| unique.rule);
    let thresholds = compiled.metrics.iter().map(|threshold| threshold.rule);
    let needs_all = unique.chain(thresholds);
    let rules = needs_all.map(|rule| {
        let rule = compiled.rules.get(rule);
        let column = rule.column.iter().map(|column| format!(".{column}"));
        UncheckedRule {
            location: format!("{}{}", compiled.object_name, column.collect::<String>()),
            rule: rule.word.to_string(),
            reason: "one record alone cannot break it".to_owned(),
            kind: UncheckedKind::Rule,
            span: 0..0,
        }
    });
    rules.collect()
}
