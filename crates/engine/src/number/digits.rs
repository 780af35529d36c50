//! Numbers as strings of digits: any length, no speed.

use std::cmp::Ordering;
use std::fmt;

/// `±d1d2..dn * 10^exponent`. Neither the first nor the last digit is 0; zero has no digits and
/// exponent 0.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Digits {
    pub(super) is_negative: bool,
    /// Values 0 to 9, the most significant first.
    pub(super) digits: Box<[u8]>,
    pub(super) exponent: i32,
}

impl Digits {
    /// Normalises: cuts zeros off at both ends.
    pub(super) fn new(is_negative: bool, mut digits: Vec<u8>, exponent: i32) -> Digits {
        let end = digits
            .iter()
            .rposition(|&digit| digit != 0)
            .map_or(0, |last| last + 1);
        let cut = (digits.len() - end) as i32;
        digits.truncate(end);
        let start = digits.iter().position(|&digit| digit != 0).unwrap_or(0);
        digits.drain(..start);
        if digits.is_empty() {
            return Digits {
                is_negative: false,
                digits: Box::default(),
                exponent: 0,
            };
        }
        Digits {
            is_negative,
            digits: digits.into(),
            exponent: exponent + cut,
        }
    }

    /// The power of ten of the first digit.
    pub(super) fn leading_exponent(&self) -> i32 {
        self.exponent + self.digits.len() as i32 - 1
    }

    /// -1, 0 or 1.
    fn signum(&self) -> i32 {
        match (self.digits.is_empty(), self.is_negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        }
    }

    /// Whether this is a whole number of times `divisor`, which is not zero: long division.
    pub(super) fn is_multiple_of(&self, divisor: &Digits) -> bool {
        let Ok(zeros) = usize::try_from(self.exponent - divisor.exponent) else {
            return false;
        };
        // `remainder` and `divisor` are of one length, most significant digit first; one more digit
        // in front takes what is shifted in.
        let width = divisor.digits.len() + 1;
        let mut remainder = vec![0; width];
        let mut subtrahend = vec![0; width];
        subtrahend[1..].copy_from_slice(&divisor.digits);
        for digit in self
            .digits
            .iter()
            .copied()
            .chain(std::iter::repeat_n(0, zeros))
        {
            remainder.rotate_left(1);
            remainder[width - 1] = digit;
            while remainder >= subtrahend {
                subtract(&mut remainder, &subtrahend);
            }
        }
        remainder.iter().all(|&digit| digit == 0)
    }
}

/// `minuend -= subtrahend`, for digits of one length and `minuend >= subtrahend`.
fn subtract(minuend: &mut [u8], subtrahend: &[u8]) {
    let mut borrow = 0;
    for (digit, &less) in minuend.iter_mut().zip(subtrahend).rev() {
        let less = less + borrow;
        borrow = u8::from(*digit < less);
        *digit = *digit + borrow * 10 - less;
    }
}

impl Ord for Digits {
    fn cmp(&self, other: &Digits) -> Ordering {
        let by_sign = self.signum().cmp(&other.signum());
        if by_sign.is_ne() || self.digits.is_empty() {
            return by_sign;
        }
        // Digit strings without trailing zeros that start at the same power of ten compare as text.
        let by_magnitude = self
            .leading_exponent()
            .cmp(&other.leading_exponent())
            .then_with(|| self.digits.cmp(&other.digits));
        if self.is_negative {
            by_magnitude.reverse()
        } else {
            by_magnitude
        }
    }
}

impl PartialOrd for Digits {
    fn partial_cmp(&self, other: &Digits) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Digits {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = (-self.exponent).max(0) as usize;
        let zeros_after = self.exponent.max(0) as usize;
        let zeros_before = (places + 1).saturating_sub(self.digits.len());
        let digits = std::iter::repeat_n(0, zeros_before)
            .chain(self.digits.iter().copied())
            .chain(std::iter::repeat_n(0, zeros_after));
        let whole_len = zeros_before + self.digits.len() + zeros_after - places;
        let mut text = String::with_capacity(whole_len + 1 + places);
        for (index, digit) in digits.enumerate() {
            if index == whole_len {
                text.push('.');
            }
            text.push(char::from(b'0' + digit));
        }
        formatter.pad_integral(!self.is_negative, "", &text)
    }
}
