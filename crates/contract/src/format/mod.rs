//! Formats: the named syntaxes of `logicalTypeOptions.format`.
//!
//! For a string the name is a syntax (`email`, `uuid`, ...), for a number a width (`i32`, `f64`),
//! for a date, time or timestamp a pattern in the notation of the JDK ([`DateFormat`]).

mod date;
mod text;

use std::borrow::Cow;

use tamis_engine::number::Decimal;

pub use date::{DateFormat, DateFormatError, IsoShape, to_iso};
/// What dates, times and timestamps are compared by: the engine's own, so that its kernels' answers
/// and those of [`DateFormat`] can stand side by side.
pub use tamis_engine::kernel::Moment as Instant;
pub use text::TextFormat;

/// What `format` asks of a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Format {
    /// A string with a syntax of its own.
    Text(TextFormat),
    /// An integer that fits a machine type.
    Integer(IntegerFormat),
    /// `f32`: a number whose magnitude fits a 32-bit float.
    Float32,
    /// `f64`: a number whose magnitude fits a 64-bit float.
    Float64,
    /// A date, time or timestamp written in one way.
    Temporal(DateFormat),
}

/// Machine integers, by the names of the standard (`i8` .. `u128`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntegerFormat {
    /// Whether negative numbers fit.
    pub signed: bool,
    /// Width: 8, 16, 32, 64 or 128.
    pub bits: u32,
}

impl IntegerFormat {
    /// Every name.
    pub const NAMES: [&str; 10] = [
        "i8", "i16", "i32", "i64", "i128", "u8", "u16", "u32", "u64", "u128",
    ];

    /// The format called `name`, such as `u16`.
    pub fn parse(name: &str) -> Option<Self> {
        let signed = match name.as_bytes().first()? {
            b'i' => true,
            b'u' => false,
            _ => return None,
        };
        let bits = match &name[1..] {
            "8" => 8,
            "16" => 16,
            "32" => 32,
            "64" => 64,
            "128" => 128,
            _ => return None,
        };
        Some(Self { signed, bits })
    }

    /// The name in the standard.
    pub fn name(self) -> String {
        format!("{}{}", if self.signed { 'i' } else { 'u' }, self.bits)
    }

    /// Smallest number that fits.
    pub fn min(self) -> Decimal {
        match self.signed {
            true => Decimal::from(i128::MIN >> (128 - self.bits)),
            false => Decimal::ZERO,
        }
    }

    /// Largest number that fits.
    pub fn max(self) -> Decimal {
        let largest = match self.signed {
            true => u128::MAX >> (129 - self.bits),
            false => u128::MAX >> (128 - self.bits),
        };
        Decimal::parse(largest.to_string().as_bytes())
            .expect("the digits of an integer are a number")
    }
}

impl Format {
    /// The text of `format` in a contract.
    pub fn name(&self) -> Cow<'_, str> {
        match self {
            Self::Text(format) => format.name().into(),
            Self::Integer(format) => format.name().into(),
            Self::Float32 => "f32".into(),
            Self::Float64 => "f64".into(),
            Self::Temporal(format) => format.as_str().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integer_formats_have_the_bounds_of_their_types() {
        let bounds = |name| {
            let format = IntegerFormat::parse(name).expect("a known name");
            (format.min().to_string(), format.max().to_string())
        };
        let expected = |min: &dyn ToString, max: &dyn ToString| (min.to_string(), max.to_string());
        assert_eq!(bounds("i8"), expected(&i8::MIN, &i8::MAX));
        assert_eq!(bounds("u8"), expected(&u8::MIN, &u8::MAX));
        assert_eq!(bounds("i64"), expected(&i64::MIN, &i64::MAX));
        assert_eq!(bounds("u64"), expected(&u64::MIN, &u64::MAX));
        assert_eq!(bounds("i128"), expected(&i128::MIN, &i128::MAX));
        assert_eq!(bounds("u128"), expected(&u128::MIN, &u128::MAX));
        for name in IntegerFormat::NAMES {
            assert_eq!(
                IntegerFormat::parse(name)
                    .map(IntegerFormat::name)
                    .as_deref(),
                Some(name)
            );
        }
        assert_eq!(IntegerFormat::parse("i7"), None);
        assert_eq!(IntegerFormat::parse(""), None);
        assert_eq!(IntegerFormat::parse("é8"), None);
    }
}
