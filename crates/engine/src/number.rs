//! Exact decimal numbers, for limits in contracts and for the values held against them.
//!
//! `0.1` is a tenth here, and `12345678901234567890.1` keeps all its digits: comparing numbers as
//! written must not depend on how binary floating point rounds them.
//!
//! ```
//! use tamis_engine::number::Decimal;
//! let price = Decimal::parse(b"19.990").unwrap();
//! assert!(price < Decimal::from(20_i64));
//! assert!(price.is_multiple_of(&Decimal::parse(b"0.01").unwrap()));
//! assert_eq!(price.to_string(), "19.99");
//! ```
//!
//! Almost every number has at most 38 digits and lives in an `i128`. The rest are kept as digit
//! strings ([`digits`]), slower; no digit is ever dropped. What has more than [`PLACES_MAX`] places
//! is no number here: adding and writing take time in proportion to the square of the digits, and a
//! field of a few megabytes must not stop a run for hours (Python draws the line at 4,300).

mod digits;

use std::cmp::Ordering;
use std::fmt;

use digits::Digits;

/// The most digits an `i128` holds whatever they are.
const SMALL_DIGITS_MAX: usize = 38;

/// The largest exponent that can be written, either sign: that of IEEE 754 decimal128, the widest
/// decimal format in use. Without a limit `1e999999999` would print as a gigabyte of zeros.
const EXPONENT_MAX: i64 = 6144;

/// The most places that a number may have, digits and exponent together: what it takes to write it
/// without an exponent.
pub const PLACES_MAX: usize = 16_384;

/// A decimal number, exact. Equal numbers are equal however they were written.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Decimal(Form);

/// Normalised, so that each number has one form: no trailing zeros in mantissa or digits, exponent
/// 0 for zero, `Large` only above 38 digits.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Form {
    /// `mantissa * 10^exponent`
    Small { mantissa: i128, exponent: i32 },
    /// More digits than fit.
    Large(Box<Digits>),
}

impl Decimal {
    /// Zero.
    pub const ZERO: Decimal = Decimal(Form::Small {
        mantissa: 0,
        exponent: 0,
    });

    /// Reads `-? (digits [. [digits]] | . digits) ([eE] [+-]? digits)?`.
    ///
    /// No leading `+`, no spaces, no underscores, no NaN, no infinity. `None` if `text` is anything
    /// else, or a number other than zero whose exponent is beyond ±6144 or that has more than
    /// [`PLACES_MAX`] places.
    pub fn parse(text: &[u8]) -> Option<Decimal> {
        Decimal::parse_with_point(text, b'.')
    }

    /// Like [`parse`](Self::parse), with another decimal point: `,` in much of the world.
    pub fn parse_with_point(text: &[u8], point: u8) -> Option<Decimal> {
        let (is_negative, unsigned) = match text {
            [b'-', rest @ ..] => (true, rest),
            _ => (false, text),
        };
        let (whole, rest) = split_digits(unsigned);
        let (fraction, rest) = match rest {
            [first, rest @ ..] if *first == point => split_digits(rest),
            _ => (&[][..], rest),
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let written = parse_exponent(rest)?;
        let digits = whole.iter().chain(fraction).map(|digit| digit - b'0');
        let first_exponent = i32::try_from(written.clamp(-EXPONENT_MAX - 1, EXPONENT_MAX + 1))
            .ok()?
            - i32::try_from(fraction.len()).ok()?;
        let number = if whole.len() + fraction.len() <= SMALL_DIGITS_MAX {
            let magnitude = digits.fold(0, |sum, digit| sum * 10 + i128::from(digit));
            Decimal::small(
                if is_negative { -magnitude } else { magnitude },
                first_exponent,
            )
        } else {
            Decimal::from_digits(Digits::new(is_negative, digits.collect(), first_exponent))
        };
        let zeros = whole.iter().take_while(|digit| **digit == b'0').count();
        let places = (whole.len() - zeros + fraction.len()) as u64 + written.unsigned_abs();
        let is_near = written.abs() <= EXPONENT_MAX && places <= PLACES_MAX as u64;
        (is_near || number == Decimal::ZERO).then_some(number)
    }

    /// The number that the shortest text stands for which reads back as `value`: `0.1`, not the
    /// 55 digits of the nearest double. `None` for NaN and the infinities.
    pub fn from_f64(value: f64) -> Option<Decimal> {
        // `LowerExp` prints the shortest digits that round-trip.
        if value.is_finite() {
            Decimal::parse(format!("{value:e}").as_bytes())
        } else {
            None
        }
    }

    /// The nearest double, ties to even; infinite beyond the last one.
    pub fn to_f64(&self) -> f64 {
        let short = match self.0 {
            Form::Small { mantissa, exponent } => i64::try_from(mantissa)
                .ok()
                .and_then(|mantissa| short_f64(mantissa, exponent)),
            Form::Large(_) => None,
        };
        short.unwrap_or_else(|| {
            let text = self.to_string();
            text.parse().expect("a decimal is written as a double is")
        })
    }

    /// Whether nothing but zeros stands after the point.
    pub fn is_integer(&self) -> bool {
        match &self.0 {
            Form::Small { exponent, .. } => *exponent >= 0,
            Form::Large(digits) => digits.exponent >= 0,
        }
    }

    /// Whether this is a whole number of times `divisor`. Of zero, only zero is.
    pub fn is_multiple_of(&self, divisor: &Decimal) -> bool {
        match (&self.0, &divisor.0) {
            (Form::Small { mantissa: 0, .. }, _) => true,
            (_, Form::Small { mantissa: 0, .. }) => false,
            (
                Form::Small { mantissa, exponent },
                Form::Small {
                    mantissa: divisor,
                    exponent: divisor_exponent,
                },
            ) => {
                // Not even when divided by one: the last digit of a mantissa is never 0.
                let Ok(zeros) = u32::try_from(exponent - divisor_exponent) else {
                    return false;
                };
                divides_shifted(mantissa.unsigned_abs(), zeros, divisor.unsigned_abs())
            }
            _ => self.to_digits().is_multiple_of(&divisor.to_digits()),
        }
    }

    /// `self * 10^scale` rounded down, limited to `±i64::MAX`, and whether that is exact.
    pub(crate) fn floor_scaled(&self, scale: u32) -> (i64, bool) {
        let scaled = match &self.0 {
            Form::Small { mantissa, exponent } => {
                Decimal::small(*mantissa, exponent + scale as i32)
            }
            Form::Large(digits) => {
                let digits = Digits {
                    exponent: digits.exponent + scale as i32,
                    ..(**digits).clone()
                };
                Decimal::from_digits(digits)
            }
        };
        if scaled > Decimal::from(i64::MAX) {
            return (i64::MAX, false);
        }
        if scaled < Decimal::from(-i64::MAX) {
            return (-i64::MAX, false);
        }
        let (mut floor, exact) = scaled.truncated();
        if !exact && scaled < Decimal::ZERO {
            floor -= 1;
        }
        (floor, exact)
    }

    /// The number rounded towards zero, which must fit, and whether that is exact.
    fn truncated(&self) -> (i64, bool) {
        let digits = self.to_digits();
        let whole_count = (digits.leading_exponent() + 1).max(0) as usize;
        let at = |index| i64::from(digits.digits.get(index).copied().unwrap_or(0));
        let magnitude = (0..whole_count).fold(0, |sum, index| sum * 10 + at(index));
        let value = if digits.is_negative {
            -magnitude
        } else {
            magnitude
        };
        (value, self.is_integer())
    }

    /// Normalises; `mantissa` has at most 38 digits.
    fn small(mut mantissa: i128, mut exponent: i32) -> Decimal {
        if mantissa == 0 {
            return Decimal::ZERO;
        }
        while mantissa % 10 == 0 {
            mantissa /= 10;
            exponent += 1;
        }
        Decimal(Form::Small { mantissa, exponent })
    }

    /// Takes normalised digits, and moves them into the small form if they fit.
    fn from_digits(digits: Digits) -> Decimal {
        if digits.digits.len() > SMALL_DIGITS_MAX {
            return Decimal(Form::Large(Box::new(digits)));
        }
        let magnitude = digits
            .digits
            .iter()
            .fold(0, |sum, &digit| sum * 10 + i128::from(digit));
        Decimal::small(
            if digits.is_negative {
                -magnitude
            } else {
                magnitude
            },
            digits.exponent,
        )
    }

    fn to_digits(&self) -> Digits {
        match &self.0 {
            Form::Small { mantissa, exponent } => {
                let text = mantissa.unsigned_abs().to_string();
                Digits::new(
                    *mantissa < 0,
                    text.bytes().map(|digit| digit - b'0').collect(),
                    *exponent,
                )
            }
            Form::Large(digits) => (**digits).clone(),
        }
    }
}

/// The double nearest to `mantissa * 10^exponent`, where both are doubles: one operation on these rounds once (Clinger 1990).
#[inline]
pub fn short_f64(mantissa: i64, exponent: i32) -> Option<f64> {
    /// All powers of ten that are doubles.
    const POWERS: [f64; 23] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
        1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
    ];
    if mantissa.unsigned_abs() > 1 << f64::MANTISSA_DIGITS {
        return None;
    }
    let power = *POWERS.get(exponent.unsigned_abs() as usize)?;
    Some(match exponent < 0 {
        true => mantissa as f64 / power,
        false => mantissa as f64 * power,
    })
}

/// The leading ASCII digits, and what follows them.
fn split_digits(text: &[u8]) -> (&[u8], &[u8]) {
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    text.split_at(count)
}

/// The value of nothing, `e5`, `E+5`, `e-5`; saturates.
fn parse_exponent(text: &[u8]) -> Option<i64> {
    let [b'e' | b'E', rest @ ..] = text else {
        return text.is_empty().then_some(0);
    };
    let (sign, digits) = match rest {
        [b'-', rest @ ..] => (-1, rest),
        [b'+', rest @ ..] => (1, rest),
        _ => (1, rest),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits.iter().fold(0_i64, |sum, digit| {
        sum.saturating_mul(10)
            .saturating_add(i64::from(digit - b'0'))
    });
    Some(sign * value)
}

/// Whether `divisor` divides `mantissa * 10^zeros`; neither is 0.
///
/// What `divisor` does not share with `mantissa` must divide the power of ten alone, so it must be
/// `2^a * 5^b` with `a` and `b` up to `zeros`: no product has to be computed.
fn divides_shifted(mantissa: u128, zeros: u32, divisor: u128) -> bool {
    let mut rest = divisor / greatest_common_divisor(mantissa, divisor);
    for prime in [2, 5] {
        for _ in 0..zeros {
            if !rest.is_multiple_of(prime) {
                break;
            }
            rest /= prime;
        }
    }
    rest == 1
}

fn greatest_common_divisor(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

impl From<i64> for Decimal {
    fn from(value: i64) -> Decimal {
        Decimal::small(i128::from(value), 0)
    }
}

impl From<i128> for Decimal {
    fn from(value: i128) -> Decimal {
        let text = value.unsigned_abs().to_string();
        if text.len() <= SMALL_DIGITS_MAX {
            return Decimal::small(value, 0);
        }
        let digits = text.bytes().map(|digit| digit - b'0').collect();
        Decimal::from_digits(Digits::new(value < 0, digits, 0))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Decimal) -> Ordering {
        match (&self.0, &other.0) {
            (
                Form::Small { mantissa, exponent },
                Form::Small {
                    mantissa: other,
                    exponent: other_exponent,
                },
            ) => {
                let by_sign = mantissa.signum().cmp(&other.signum());
                if exponent == other_exponent || by_sign.is_ne() || *mantissa == 0 {
                    return mantissa.cmp(other);
                }
                let by_magnitude = compare_magnitudes(
                    (mantissa.unsigned_abs(), *exponent),
                    (other.unsigned_abs(), *other_exponent),
                );
                if *mantissa < 0 {
                    by_magnitude.reverse()
                } else {
                    by_magnitude
                }
            }
            _ => self.to_digits().cmp(&other.to_digits()),
        }
    }
}

/// Compares `a.0 * 10^a.1` with `b.0 * 10^b.1`; neither is 0, neither has more than 38 digits.
fn compare_magnitudes(a: (u128, i32), b: (u128, i32)) -> Ordering {
    let (a_last, b_last) = (a.0.ilog10() as i32, b.0.ilog10() as i32);
    // Where the first digits stand decides; if at the same place, the shorter one is filled up with
    // zeros to the length of the other, so at most to 38 digits.
    (a_last + a.1).cmp(&(b_last + b.1)).then_with(|| {
        let filled = |value: u128, zeros: i32| value * 10_u128.pow(zeros.max(0) as u32);
        filled(a.0, b_last - a_last).cmp(&filled(b.0, a_last - b_last))
    })
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Decimal) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Prints the number in full, without exponent and without zeros that say nothing.
impl fmt::Display for Decimal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_digits().fmt(formatter)
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Decimal({self})")
    }
}

#[cfg(test)]
mod tests;
