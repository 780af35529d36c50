//! Exact sums, sums of squares and extremes of numbers, as they are written.
//!
//! A [plain](super::plain) number is an `i64` and a scale: `12.50` is 1250 at scale 2.
//! For each scale there are sums of the integers, which no order of adding can change. Whatever else is a
//! number (`1e-9`, twenty digits) goes to big integers, one sum for each power of ten. At the end all of them come
//! together, without rounding; only the mean and the standard deviation are rounded, each once.

use std::collections::BTreeMap;

use num_bigint::{BigInt, Sign};
use tamis_engine::number::Decimal;

/// Sums and extremes.
#[derive(Clone, Debug, Default)]
pub(super) struct Numbers {
    /// By scale.
    plain: Vec<Scale>,
    others: Option<Box<Others>>,
}

/// What is known of the numbers of one scale, as integers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    pub(super) least: i64,
    pub(super) greatest: i64,
    pub(super) sum: i128,
    /// The sum of the squares in two parts, `high * 2^64 + low`: a square has up to 120 bits.
    pub(super) squares: [u128; 2],
}

/// Numbers that are not plain.
#[derive(Clone, Debug)]
struct Others {
    ends: (Decimal, Decimal),
    /// By the power of ten that they are multiples of: sum and sum of squares.
    sums: BTreeMap<i32, [BigInt; 2]>,
}

/// Everything that numbers come to.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Totals {
    pub(super) least: Decimal,
    pub(super) greatest: Decimal,
    /// In full.
    pub(super) sum: String,
    pub(super) mean: f64,
    /// Of a sample, so divided by one less than the count; `None` for a single number.
    pub(super) deviation: Option<f64>,
}

impl Default for Scale {
    fn default() -> Scale {
        Scale {
            least: i64::MAX,
            greatest: i64::MIN,
            sum: 0,
            squares: [0; 2],
        }
    }
}

impl Scale {
    /// Takes a number `count` times.
    #[inline(always)]
    pub(super) fn add(&mut self, mantissa: i64, count: u64) {
        self.least = self.least.min(mantissa);
        self.greatest = self.greatest.max(mantissa);
        self.sum += i128::from(mantissa) * i128::from(count);
        let magnitude = u128::from(mantissa.unsigned_abs());
        let square = magnitude * magnitude;
        self.squares[0] += u128::from(square as u64) * u128::from(count);
        self.squares[1] += (square >> 64) * u128::from(count);
    }

    /// Takes numbers, with their squares if these are wanted.
    pub(super) fn add_all(&mut self, mantissas: &[i64], with_squares: bool) {
        let mut sum = 0_i128;
        for &mantissa in mantissas {
            self.least = self.least.min(mantissa);
            self.greatest = self.greatest.max(mantissa);
            sum += i128::from(mantissa);
        }
        self.sum += sum;
        if with_squares {
            let [mut low, mut high] = self.squares;
            for &mantissa in mantissas {
                let magnitude = u128::from(mantissa.unsigned_abs());
                let square = magnitude * magnitude;
                low += u128::from(square as u64);
                high += square >> 64;
            }
            self.squares = [low, high];
        }
    }

    fn merge(&mut self, other: &Scale) {
        self.least = self.least.min(other.least);
        self.greatest = self.greatest.max(other.greatest);
        self.sum += other.sum;
        self.squares[0] += other.squares[0];
        self.squares[1] += other.squares[1];
    }

    fn is_empty(&self) -> bool {
        self.least > self.greatest
    }
}

impl Numbers {
    /// The sums of a scale.
    #[inline(always)]
    pub(super) fn scale(&mut self, scale: u8) -> &mut Scale {
        let scale = usize::from(scale);
        if scale >= self.plain.len() {
            self.plain.resize(scale + 1, Scale::default());
        }
        &mut self.plain[scale]
    }

    /// Takes a number that is not plain `count` times.
    pub(super) fn add_other(&mut self, number: &Decimal, text: &[u8], count: u64) {
        let (mantissa, exponent) = split(text);
        let count = BigInt::from(count);
        let others = self.others.get_or_insert_with(|| {
            Box::new(Others {
                ends: (number.clone(), number.clone()),
                sums: BTreeMap::new(),
            })
        });
        others.widen(number);
        let sums = others.sums.entry(exponent).or_default();
        sums[1] += &mantissa * &mantissa * &count;
        sums[0] += mantissa * count;
    }

    /// Takes the numbers of another one.
    pub(super) fn merge(&mut self, other: Numbers) {
        for (scale, more) in (0..).zip(&other.plain) {
            self.scale(scale).merge(more);
        }
        match (&mut self.others, other.others) {
            (mine @ None, more) => *mine = more,
            (Some(_), None) => {}
            (Some(mine), Some(more)) => {
                mine.widen(&more.ends.0);
                mine.widen(&more.ends.1);
                for (exponent, [sum, squares]) in more.sums {
                    let sums = mine.sums.entry(exponent).or_default();
                    sums[0] += sum;
                    sums[1] += squares;
                }
            }
        }
    }

    /// What `count` numbers come to; `None` if there are none.
    pub(super) fn totals(&self, count: u64) -> Option<Totals> {
        let mut sums: BTreeMap<i32, [BigInt; 2]> = BTreeMap::new();
        let mut ends: Option<(Decimal, Decimal)> = None;
        for (scale, plain) in (0..).zip(&self.plain) {
            if plain.is_empty() {
                continue;
            }
            let [low, high] = plain.squares.map(BigInt::from);
            sums.insert(-scale, [plain.sum.into(), (high << 64_u32) + low]);
            for mantissa in [plain.least, plain.greatest] {
                widen(&mut ends, &decimal(mantissa, scale));
            }
        }
        if let Some(others) = &self.others {
            widen(&mut ends, &others.ends.0);
            widen(&mut ends, &others.ends.1);
            for (&exponent, [sum, squares]) in &others.sums {
                let sums = sums.entry(exponent).or_default();
                sums[0] += sum;
                sums[1] += squares;
            }
        }
        let (least, greatest) = ends?;
        let (&lowest, _) = sums.first_key_value()?;
        let (mut sum, mut squares) = (BigInt::ZERO, BigInt::ZERO);
        for (exponent, [more, more_squares]) in sums {
            let power = BigInt::from(10).pow(exponent.abs_diff(lowest));
            squares += more_squares * &power * &power;
            sum += more * power;
        }
        let count = BigInt::from(count);
        let deviation = (count > BigInt::from(1)).then(|| {
            let above = &count * squares - &sum * &sum;
            quotient(&above, &(&count * (&count - 1)), 2 * lowest).sqrt()
        });
        Some(Totals {
            least,
            greatest,
            mean: quotient(&sum, &count, lowest),
            sum: in_full(&sum, lowest),
            deviation,
        })
    }
}

impl Others {
    fn widen(&mut self, number: &Decimal) {
        if *number < self.ends.0 {
            self.ends.0 = number.clone();
        }
        if *number > self.ends.1 {
            self.ends.1 = number.clone();
        }
    }
}

fn widen(ends: &mut Option<(Decimal, Decimal)>, number: &Decimal) {
    match ends {
        None => *ends = Some((number.clone(), number.clone())),
        Some((least, _)) if number < least => *least = number.clone(),
        Some((_, greatest)) if number > greatest => *greatest = number.clone(),
        Some(_) => {}
    }
}

fn decimal(mantissa: i64, scale: i32) -> Decimal {
    Decimal::parse(format!("{mantissa}e-{scale}").as_bytes()).expect("it is written as a number")
}

/// A text that is a number, as an integer and a power of ten.
pub(crate) fn split(text: &[u8]) -> (BigInt, i32) {
    let end = text.iter().position(|byte| matches!(byte, b'e' | b'E'));
    let (number, exponent) = text.split_at(end.unwrap_or(text.len()));
    let exponent = std::str::from_utf8(exponent.get(1..).unwrap_or_default());
    let exponent = exponent.ok().and_then(|exponent| exponent.parse().ok());
    let mut exponent: i32 = exponent.unwrap_or(0);
    let is_digit = |byte: &u8| byte.is_ascii_digit();
    let digits: Vec<u8> = number.iter().copied().filter(is_digit).collect();
    let sign_len = usize::from(number.first() == Some(&b'-'));
    let whole = number[sign_len..]
        .iter()
        .take_while(|byte| is_digit(byte))
        .count();
    exponent -= (digits.len() - whole) as i32;
    let values: Vec<u8> = digits.iter().map(|digit| digit - b'0').collect();
    let sign = if sign_len > 0 {
        Sign::Minus
    } else {
        Sign::Plus
    };
    let mantissa = BigInt::from_radix_be(sign, &values, 10).unwrap_or_default();
    // Zero to any power: without this, `0e999999999` would be a power of ten to scale everything by.
    match mantissa == BigInt::ZERO {
        true => (mantissa, 0),
        false => (mantissa, exponent),
    }
}

/// `above / below * 10^exponent`, rounded once.
pub(crate) fn quotient(above: &BigInt, below: &BigInt, exponent: i32) -> f64 {
    /// More than any double needs for its rounding to be decided, but for ties, which the sticky digit decides.
    const DIGITS: u32 = 40;
    let shift = DIGITS + (below.bits() / 3) as u32;
    let scaled = above * BigInt::from(10).pow(shift);
    let (whole, rest) = (&scaled / below, &scaled % below);
    let sticky = u8::from(rest != BigInt::ZERO);
    let text = format!(
        "{whole}{sticky}e{}",
        i64::from(exponent) - i64::from(shift) - 1
    );
    text.parse().expect("it is written as a number")
}

/// `mantissa * 10^exponent` without exponent, and without zeros that say nothing.
pub(crate) fn in_full(mantissa: &BigInt, exponent: i32) -> String {
    let digits = mantissa.magnitude().to_string();
    digits_in_full(mantissa.sign() == Sign::Minus, &digits, exponent)
}

/// [`in_full`] for a mantissa of these digits.
pub(crate) fn digits_in_full(is_negative: bool, digits: &str, exponent: i32) -> String {
    let sign = if is_negative { "-" } else { "" };
    let Ok(scale) = usize::try_from(-i64::from(exponent)) else {
        return format!("{sign}{digits}{}", "0".repeat(exponent as usize));
    };
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = padded.split_at(padded.len() - scale);
    match fraction.trim_end_matches('0') {
        "" => format!("{sign}{whole}"),
        fraction => format!("{sign}{whole}.{fraction}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::super::plain::Plain;
    use super::*;

    fn numbers(texts: &[String]) -> Numbers {
        let mut numbers = Numbers::default();
        for text in texts.iter().map(String::as_bytes) {
            match Plain::parse(text, b'.') {
                Some(plain) => numbers.scale(plain.scale).add(plain.mantissa, 1),
                None => numbers.add_other(&Decimal::parse(text).unwrap(), text, 1),
            }
        }
        numbers
    }

    fn totals(texts: &[&str]) -> Totals {
        let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
        numbers(&texts).totals(texts.len() as u64).unwrap()
    }

    #[test]
    fn nothing_is_lost() {
        let mixed = totals(&[
            "0.1",
            "0.2",
            "1e-20",
            "-5",
            "123456789012345678901234567890",
            ".50",
        ]);
        assert_eq!(
            mixed.sum,
            "123456789012345678901234567885.80000000000000000001"
        );
        assert_eq!(mixed.least.to_string(), "-5");
        assert_eq!(totals(&["1e3", "-1000.000"]).sum, "0");
        assert_eq!(totals(&["1e3", "2"]).sum, "1002");
        assert_eq!(totals(&["-12e2"]).sum, "-1200");
        assert_eq!(totals(&["0e999999999", "1"]).sum, "1");
        assert_eq!(totals(&["7"]).deviation, None);
        let spread = totals(&["2", "4", "4", "4", "5", "5", "7", "9"]);
        assert_eq!(
            (spread.mean, spread.deviation),
            (5.0, Some((32.0_f64 / 7.0).sqrt()))
        );
        // A sum of squares beyond 128 bits, and a deviation that doubles would lose.
        let far = totals(&[
            "999999999999999999",
            "999999999999999998",
            "999999999999999997",
        ]);
        assert_eq!(
            (far.mean, far.deviation),
            (999_999_999_999_999_998.0, Some(1.0))
        );
    }

    proptest! {
        /// Goal: any cut gives the same bits.
        #[test]
        fn merging_is_adding(texts in vec("-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,3})?(e-?[1-9])?", 1..20), cut in 0..20_usize) {
            let (first, second) = texts.split_at(cut.min(texts.len()));
            let mut merged = numbers(second);
            merged.merge(numbers(first));
            let count = texts.len() as u64;
            prop_assert_eq!(merged.totals(count), numbers(&texts).totals(count));
        }
    }
}
