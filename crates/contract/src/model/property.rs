//! A property: one column, or one member of a nested record.

use tamis_engine::number::Decimal;

use crate::format::Format;
use crate::pattern::{Pattern, PatternError};

use super::{Bound, BoundValue, Constraints, Extra, Quality};

/// One column of an object, or one member of a nested record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Property {
    /// Name in the contract.
    pub name: String,
    /// Name where the data lies (the CSV header, the JSON key), if it differs.
    pub physical_name: Option<String>,
    /// For people.
    pub description: Option<String>,
    /// Type of the values; without one any text is fine.
    pub logical_type: Option<LogicalType>,
    /// Whether null is a violation.
    pub required: bool,
    /// Whether the column, or the key of a JSON record, may be absent.
    ///
    /// `None` is what the standard means: a CSV header has every column, in JSON an absent key is null.
    /// `Some(true)`: absence breaks no rule, not even `required`, which then says "not null if it is there".
    /// `Some(false)`: absence is a violation in JSON as well, even where null is none.
    pub optional: Option<bool>,
    /// Whether a value may occur once only.
    pub unique: bool,
    /// Place in the primary key, from 1; `None`: not part of it.
    pub primary_key_position: Option<u32>,
    /// What every value must meet.
    pub constraints: Constraints,
    /// Rules that count.
    pub quality: Vec<Quality>,
    /// Members, if the type is `object`.
    pub properties: Vec<Property>,
    /// The elements, if the type is `array`.
    pub items: Option<Box<Property>>,
    /// Descriptive keys, written back as they came.
    pub extra: Extra,
}

/// `logicalType`: what a value is, whatever the file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogicalType {
    /// Any text.
    String,
    /// A calendar day.
    Date,
    /// A day and a time of day.
    Timestamp,
    /// A time of day.
    Time,
    /// A decimal number.
    Number,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// A record of named members.
    Object,
    /// A list.
    Array,
}

impl LogicalType {
    /// Every type, in the order of the standard.
    pub const ALL: [Self; 9] = [
        Self::String,
        Self::Date,
        Self::Timestamp,
        Self::Time,
        Self::Number,
        Self::Integer,
        Self::Object,
        Self::Array,
        Self::Boolean,
    ];

    /// The type's name in the standard.
    pub fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Date => "date",
            Self::Timestamp => "timestamp",
            Self::Time => "time",
            Self::Number => "number",
            Self::Integer => "integer",
            Self::Boolean => "boolean",
            Self::Object => "object",
            Self::Array => "array",
        }
    }

    /// Whether values are dates, times or timestamps.
    pub fn is_temporal(self) -> bool {
        matches!(self, Self::Date | Self::Timestamp | Self::Time)
    }

    /// Whether values are numbers.
    pub fn is_numeric(self) -> bool {
        matches!(self, Self::Number | Self::Integer)
    }
}

impl Property {
    /// A property of any type.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }

    /// A property of this type.
    pub fn of_type(name: impl Into<String>, logical_type: LogicalType) -> Self {
        Self {
            name: name.into(),
            logical_type: Some(logical_type),
            ..Self::default()
        }
    }

    /// A `string` property.
    pub fn string(name: impl Into<String>) -> Self {
        Self::of_type(name, LogicalType::String)
    }

    /// A `number` property.
    pub fn number(name: impl Into<String>) -> Self {
        Self::of_type(name, LogicalType::Number)
    }

    /// An `integer` property.
    pub fn integer(name: impl Into<String>) -> Self {
        Self::of_type(name, LogicalType::Integer)
    }

    /// A `boolean` property.
    pub fn boolean(name: impl Into<String>) -> Self {
        Self::of_type(name, LogicalType::Boolean)
    }

    /// A `date` property.
    pub fn date(name: impl Into<String>) -> Self {
        Self::of_type(name, LogicalType::Date)
    }

    /// A `timestamp` property.
    pub fn timestamp(name: impl Into<String>) -> Self {
        Self::of_type(name, LogicalType::Timestamp)
    }

    /// A `time` property.
    pub fn time(name: impl Into<String>) -> Self {
        Self::of_type(name, LogicalType::Time)
    }

    /// Sets the name where the data lies.
    #[must_use]
    pub fn physical_name(mut self, name: impl Into<String>) -> Self {
        self.physical_name = Some(name.into());
        self
    }

    /// Describes the property for people.
    #[must_use]
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = Some(text.into());
        self
    }

    /// Makes null a violation.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Lets the column, or the key of a JSON record, be absent without breaking any rule.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.optional = Some(true);
        self
    }

    /// Makes the absence of a JSON key a violation, even where null is none.
    #[must_use]
    pub fn always_present(mut self) -> Self {
        self.optional = Some(false);
        self
    }

    /// Allows every value once only.
    #[must_use]
    pub fn unique(mut self) -> Self {
        self.unique = true;
        self
    }

    /// Makes the property part of the primary key, at this place from 1.
    #[must_use]
    pub fn primary_key(mut self, position: u32) -> Self {
        self.primary_key_position = Some(position);
        self
    }

    /// Smallest value allowed.
    #[must_use]
    pub fn minimum(mut self, value: impl Into<BoundValue>) -> Self {
        self.constraints.minimum = Some(Bound::inclusive(value));
        self
    }

    /// Largest value allowed.
    #[must_use]
    pub fn maximum(mut self, value: impl Into<BoundValue>) -> Self {
        self.constraints.maximum = Some(Bound::inclusive(value));
        self
    }

    /// Values must be greater.
    #[must_use]
    pub fn exclusive_minimum(mut self, value: impl Into<BoundValue>) -> Self {
        self.constraints.minimum = Some(Bound::exclusive(value));
        self
    }

    /// Values must be less.
    #[must_use]
    pub fn exclusive_maximum(mut self, value: impl Into<BoundValue>) -> Self {
        self.constraints.maximum = Some(Bound::exclusive(value));
        self
    }

    /// Values must be an integer times this, exactly.
    #[must_use]
    pub fn multiple_of(mut self, divisor: Decimal) -> Self {
        self.constraints.multiple_of = Some(divisor);
        self
    }

    /// Shortest text allowed, in Unicode scalar values.
    #[must_use]
    pub fn min_length(mut self, length: u64) -> Self {
        self.constraints.min_length = Some(length);
        self
    }

    /// Longest text allowed, in Unicode scalar values.
    #[must_use]
    pub fn max_length(mut self, length: u64) -> Self {
        self.constraints.max_length = Some(length);
        self
    }

    /// Values must match this pattern.
    ///
    /// # Errors
    /// [`PatternError`] if it does not compile.
    pub fn pattern(mut self, pattern: &str) -> Result<Self, PatternError> {
        self.constraints.pattern = Some(Pattern::compile(pattern)?);
        Ok(self)
    }

    /// Values must have this format.
    #[must_use]
    pub fn format(mut self, format: Format) -> Self {
        self.constraints.format = Some(format);
        self
    }

    /// Only these texts are allowed.
    #[must_use]
    pub fn one_of<T: Into<String>>(mut self, values: impl IntoIterator<Item = T>) -> Self {
        self.constraints.allowed_values = Some(values.into_iter().map(Into::into).collect());
        self
    }

    /// Adds a rule that counts.
    #[must_use]
    pub fn quality(mut self, quality: Quality) -> Self {
        self.quality.push(quality);
        self
    }

    /// The name to look for in the data: `physicalName`, else `name`.
    pub fn column_name(&self) -> &str {
        self.physical_name.as_deref().unwrap_or(&self.name)
    }
}
