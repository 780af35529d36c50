//! A column spelled out by Python code, made a property of the contract model.
//!
//! `tamis._field_spec` checks the Python types and hands on texts; here patterns, formats and numbers are compiled, and
//! what is wrong is said with the name of the argument.

use pyo3::prelude::*;
use tamis_contract::format::{DateFormat, Format, IntegerFormat, TextFormat};
use tamis_contract::model::{Bound, BoundValue, Inclusion, LogicalType, Property, parse_decimal};
use tamis_contract::pattern::Pattern;
use tamis_engine::number::Decimal;

/// One column, as `tamis._field_spec` spells it out: types and texts, nothing of Python's own.
#[derive(Debug, FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct FieldSpec {
    pub(crate) name: String,
    logical_type: String,
    /// Whether the column or key may be absent.
    optional: bool,
    /// Whether null is a violation.
    required: bool,
    minimum: Option<(String, bool)>,
    maximum: Option<(String, bool)>,
    multiple_of: Option<String>,
    min_length: Option<u64>,
    max_length: Option<u64>,
    pattern: Option<String>,
    choices: Option<Vec<String>>,
    unique: bool,
    format: Option<String>,
    description: Option<String>,
}

/// What is wrong with an argument of a field.
pub(crate) struct Fault {
    pub(crate) argument: &'static str,
    pub(crate) message: String,
}

impl FieldSpec {
    /// The property.
    ///
    /// # Errors
    /// [`Fault`] for an argument that means nothing.
    pub(crate) fn property(&self) -> Result<Property, Fault> {
        let logical_type = LogicalType::ALL
            .into_iter()
            .find(|logical_type| logical_type.name() == self.logical_type)
            .ok_or_else(|| fault("type", format!("no type is called `{}`", self.logical_type)))?;
        let mut property = Property::of_type(&self.name, logical_type);
        property.optional = Some(self.optional);
        property.required = self.required;
        property.unique = self.unique;
        property.description = self.description.clone();
        let constraints = &mut property.constraints;
        constraints.minimum = bound("min", self.minimum.as_ref(), logical_type)?;
        constraints.maximum = bound("max", self.maximum.as_ref(), logical_type)?;
        constraints.multiple_of = match &self.multiple_of {
            None => None,
            Some(text) => Some(number("multiple_of", text)?),
        };
        constraints.min_length = self.min_length;
        constraints.max_length = self.max_length;
        constraints.allowed_values = self.choices.clone();
        constraints.pattern = match &self.pattern {
            None => None,
            Some(pattern) => Some(Pattern::compile(pattern).map_err(|error| {
                fault("pattern", helped(&error.message, error.help.as_deref()))
            })?),
        };
        constraints.format = match &self.format {
            None => None,
            Some(name) => Some(format(name, logical_type)?),
        };
        Ok(property)
    }
}

fn fault(argument: &'static str, message: impl Into<String>) -> Fault {
    Fault {
        argument,
        message: message.into(),
    }
}

fn helped(message: &str, help: Option<&str>) -> String {
    match help {
        Some(help) => format!("{message} (hint: {help})"),
        None => message.to_owned(),
    }
}

fn number(argument: &'static str, text: &str) -> Result<Decimal, Fault> {
    parse_decimal(text).ok_or_else(|| fault(argument, format!("`{text}` is out of range")))
}

fn bound(
    argument: &'static str,
    given: Option<&(String, bool)>,
    logical_type: LogicalType,
) -> Result<Option<Bound>, Fault> {
    let Some((text, is_exclusive)) = given else {
        return Ok(None);
    };
    let value = match logical_type.is_temporal() {
        true => BoundValue::Temporal(text.clone()),
        false => BoundValue::Number(number(argument, text)?),
    };
    let inclusion = match is_exclusive {
        true => Inclusion::Exclusive,
        false => Inclusion::Inclusive,
    };
    Ok(Some(Bound { value, inclusion }))
}

fn format(name: &str, logical_type: LogicalType) -> Result<Format, Fault> {
    let unknown = |known: &[&str]| {
        let known = known.join(", ");
        fault(
            "format",
            format!(
                "no format of a {} is called `{name}`; there are {known}",
                logical_type.name()
            ),
        )
    };
    match logical_type {
        LogicalType::String => TextFormat::parse(name)
            .map(Format::Text)
            .ok_or_else(|| unknown(&TextFormat::ALL.map(TextFormat::name))),
        LogicalType::Integer => IntegerFormat::parse(name)
            .map(Format::Integer)
            .ok_or_else(|| unknown(&IntegerFormat::NAMES)),
        LogicalType::Number => match name {
            "f32" => Ok(Format::Float32),
            "f64" => Ok(Format::Float64),
            _ => Err(unknown(&["f32", "f64"])),
        },
        _ if logical_type.is_temporal() => DateFormat::compile(name)
            .map(Format::Temporal)
            .map_err(|error| fault("format", helped(&error.message, error.help.as_deref()))),
        _ => Err(fault(
            "format",
            format!("a {} has no formats", logical_type.name()),
        )),
    }
}
