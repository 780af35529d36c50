//! Plain decimal numbers within limits, compared exactly.
//!
//! A number of up to 18 digits is an integer that fits into 64 bits and a *scale*, the number of
//! digits after the point. The limits are rounded to each possible scale beforehand, inwards, so
//! that the exact comparison is one of integers: `12.345 <= 12.34` is `12345 <= 12340`.

use crate::kernel::{Empty, Kernel, Spans, dispatch};
use crate::number::Decimal;

/// The most digits a plain decimal has here, before and after the point together.
const DIGITS_MAX: usize = 18;

/// A limit of a [`DecimalRange`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The limit.
    pub value: Decimal,
    /// The limit itself is outside of the range.
    pub exclusive: bool,
}

/// Which decimal numbers are good.
#[derive(Clone, Debug)]
pub struct DecimalRange {
    /// The least and the greatest good mantissa, by scale.
    limits: [(i64, i64); DIGITS_MAX],
    integer_only: bool,
    point: u8,
}

impl DecimalRange {
    /// The numbers from `minimum` to `maximum`; `integer_only`: among them those with nothing but
    /// zeros after the point.
    pub fn new(
        minimum: Option<&Bound>,
        maximum: Option<&Bound>,
        integer_only: bool,
    ) -> DecimalRange {
        let limits = std::array::from_fn(|scale| {
            let least = minimum.map_or(i64::MIN, |bound| {
                let (floor, exact) = bound.value.floor_scaled(scale as u32);
                floor.saturating_add(i64::from(!exact || bound.exclusive))
            });
            let greatest = maximum.map_or(i64::MAX, |bound| {
                let (floor, exact) = bound.value.floor_scaled(scale as u32);
                floor.saturating_sub(i64::from(exact && bound.exclusive))
            });
            (least, greatest)
        });
        DecimalRange {
            limits,
            integer_only,
            point: b'.',
        }
    }

    /// The same numbers written with another decimal point.
    ///
    /// # Panics
    /// If `point` is a digit or `-`.
    pub fn with_decimal_char(self, point: u8) -> DecimalRange {
        assert!(
            !point.is_ascii_digit() && point != b'-',
            "{point:?} cannot be a decimal point"
        );
        DecimalRange { point, ..self }
    }

    /// Whether `field` is `-?[0-9]+(\.[0-9]+)?` of at most 18 digits and one of these numbers: the
    /// definition of the kernel.
    #[inline(never)]
    pub fn contains(&self, field: &[u8]) -> bool {
        let (is_negative, unsigned) = match field {
            [b'-', rest @ ..] => (true, rest),
            _ => (false, field),
        };
        let mut parts = unsigned.splitn(2, |&byte| byte == self.point);
        let whole = parts.next().unwrap_or_default();
        let fraction = parts.next();
        let is_digits = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
        if !is_digits(whole) || !fraction.is_none_or(is_digits) {
            return false;
        }
        let fraction = fraction.unwrap_or_default();
        if whole.len() + fraction.len() > DIGITS_MAX {
            return false;
        }
        let digits = whole.iter().chain(fraction);
        let mantissa = digits.fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
        let is_integer = fraction.iter().all(|&digit| digit == b'0');
        let mantissa = if is_negative { -mantissa } else { mantissa };
        self.holds(mantissa, fraction.len(), is_integer)
    }

    /// Whether `mantissa / 10^scale` is one of these numbers.
    #[inline(always)]
    fn holds(&self, mantissa: i64, scale: usize, is_integer: bool) -> bool {
        let (least, greatest) = self.limits[scale];
        (least <= mantissa) & (mantissa <= greatest) & (is_integer | !self.integer_only)
    }
}

impl Kernel {
    /// Marks the rows whose field is not a plain decimal number of at most 18 digits in `range`.
    ///
    /// Plain is `-?[0-9]+(\.[0-9]+)?`: good numbers in other notations (`1e3`, `.5`) are marked too.
    pub fn mark_decimal(
        self,
        spans: &Spans<'_>,
        range: &DecimalRange,
        empty: Empty,
        suspects: &mut [u64],
    ) {
        dispatch!(
            self,
            mark_decimal(
                spans: &Spans<'_>,
                range: &DecimalRange,
                empty: Empty,
                suspects: &mut [u64],
            )
        );
    }
}

mod scalar {
    use super::DecimalRange;
    use crate::kernel::{Empty, Spans};

    pub(super) fn mark_decimal(
        spans: &Spans<'_>,
        range: &DecimalRange,
        empty: Empty,
        suspects: &mut [u64],
    ) {
        for (word, rows) in spans.words(suspects) {
            for (bit, place) in rows {
                let field = &spans.bytes[place];
                let is_suspect = if field.is_empty() {
                    empty.is_suspect()
                } else {
                    !range.contains(field)
                };
                *word |= u64::from(is_suspect) << bit;
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod wide {
    use super::DecimalRange;
    use crate::kernel::floats::plain::{WINDOW_BYTES, parse_plain};
    use crate::kernel::simd::Simd;
    use crate::kernel::{Empty, Spans};

    #[inline(always)]
    pub(super) fn mark_decimal<S: Simd>(
        simd: S,
        spans: &Spans<'_>,
        range: &DecimalRange,
        empty: Empty,
        suspects: &mut [u64],
    ) {
        for (word, rows) in spans.words(suspects) {
            for (bit, place) in rows {
                let window = spans
                    .bytes
                    .get(..place.end)
                    .and_then(|before| before.last_chunk());
                let is_suspect = match window {
                    Some(window) if (1..=WINDOW_BYTES).contains(&place.len()) => {
                        let plain = parse_plain(simd, window, place.len(), range.point);
                        !(plain.is_valid
                            & range.holds(plain.mantissa, plain.scale, plain.is_integer))
                    }
                    _ if place.is_empty() => empty.is_suspect(),
                    // A long number, or one of the first fields of `bytes`.
                    _ => !range.contains(&spans.bytes[place]),
                };
                *word |= u64::from(is_suspect) << bit;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(text: &str, exclusive: bool) -> Bound {
        Bound {
            value: Decimal::parse(text.as_bytes()).unwrap(),
            exclusive,
        }
    }

    #[test]
    fn limits_are_exact_at_every_scale() {
        let range = DecimalRange::new(
            Some(&bound("0.005", false)),
            Some(&bound("12.34", true)),
            false,
        );
        for (field, good) in [
            ("0.005", true),
            ("0.0050000", true),
            ("0.00499999", false),
            ("0.01", true),
            ("0.0", false),
            ("1", true),
            ("12", true),
            ("13", false),
            ("12.3", true),
            ("12.34", false),
            ("12.3400", false),
            ("12.3399999999999999", true),
            ("-1", false),
        ] {
            assert_eq!(range.contains(field.as_bytes()), good, "{field}");
        }
    }

    #[test]
    fn limits_beyond_all_plain_numbers_do_not_overflow() {
        let all = DecimalRange::new(
            Some(&bound("-1e300", true)),
            Some(&bound("1e300", true)),
            false,
        );
        assert!(all.contains(b"999999999999999999") && all.contains(b"-999999999999999999"));
        let none = DecimalRange::new(
            Some(&bound("1e300", true)),
            Some(&bound("-1e300", true)),
            false,
        );
        assert!(!none.contains(b"999999999999999999") && !none.contains(b"-999999999999999999"));
    }

    #[test]
    fn integers_may_have_zeros_after_the_point() {
        let range = DecimalRange::new(None, None, true);
        assert!(range.contains(b"1.0") && range.contains(b"-0") && !range.contains(b"1.01"));
    }

    #[test]
    fn other_notations_are_not_plain() {
        let range = DecimalRange::new(None, None, false);
        for field in [
            "",
            "-",
            ".",
            "1.",
            ".5",
            "+1",
            "1e3",
            " 1",
            "1 ",
            "1.2.3",
            "--1",
            "1234567890123456789",
        ] {
            assert!(!range.contains(field.as_bytes()), "{field}");
        }
        let comma = range.with_decimal_char(b',');
        assert!(comma.contains(b"1,5") && !comma.contains(b"1.5"));
    }
}
