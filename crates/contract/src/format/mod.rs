//! Formats: the named syntaxes of `logicalTypeOptions.format`.
//!
//! For a string the name is a syntax (`email`, `uuid`, ...), for a number a width (`i32`, `f64`),
//! for a date, time or timestamp a pattern in the notation of the JDK ([`DateFormat`]).

mod date;

use tamis_engine::number::Decimal;

pub use date::{DateFormat, DateFormatError, Instant};

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

/// Syntaxes of strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextFormat {
    /// `email`: an address as mail systems take it.
    Email,
    /// `uri`: a URI with a scheme.
    Uri,
    /// `uuid`: 32 hexadecimal digits in groups of 8-4-4-4-12.
    Uuid,
    /// `hostname`: dot-separated labels.
    Hostname,
    /// `ipv4`: four decimal numbers.
    Ipv4,
    /// `ipv6`: an IPv6 address, without a zone.
    Ipv6,
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
        Decimal::from(if self.signed {
            i128::MIN >> (128 - self.bits)
        } else {
            0
        })
    }

    /// Largest number that fits; `None` for `u128`, whose largest is beyond `i128`: its range is not
    /// limited above.
    pub fn max(self) -> Option<Decimal> {
        let bits = if self.signed {
            self.bits
        } else {
            self.bits + 1
        };
        (bits <= 128).then(|| Decimal::from(i128::MAX >> (128 - bits)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integer_formats_have_the_bounds_of_their_types() {
        let bounds = |name| {
            let format = IntegerFormat::parse(name).expect("a known name");
            (format.min(), format.max())
        };
        let expected = |min: i128, max: i128| (Decimal::from(min), Some(Decimal::from(max)));
        assert_eq!(bounds("i8"), expected(-128, 127));
        assert_eq!(bounds("u8"), expected(0, 255));
        assert_eq!(bounds("i64"), expected(i64::MIN.into(), i64::MAX.into()));
        assert_eq!(bounds("u64"), expected(0, u64::MAX.into()));
        assert_eq!(bounds("i128"), expected(i128::MIN, i128::MAX));
        assert_eq!(bounds("u128"), (Decimal::ZERO, None));
    }
}
