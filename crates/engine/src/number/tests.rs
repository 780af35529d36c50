//! Decimals against arithmetic done by hand, by `i128` and by the digit strings.

use proptest::prelude::*;

use super::*;
use crate::kernel::Kernel;

fn decimal(text: &str) -> Decimal {
    Decimal::parse(text.as_bytes()).unwrap_or_else(|| panic!("{text}"))
}

#[test]
fn reads_what_the_grammar_allows() {
    for (text, printed) in [
        ("0", "0"),
        ("-0", "0"),
        ("-0.000", "0"),
        ("007", "7"),
        ("1.50", "1.5"),
        ("5.", "5"),
        (".5", "0.5"),
        ("-.25", "-0.25"),
        ("1e3", "1000"),
        ("1E+3", "1000"),
        ("1e-3", "0.001"),
        ("12.5e-1", "1.25"),
        ("1000000", "1000000"),
        ("0e999999999999999999999", "0"),
        (
            "123456789012345678901234567890123456789.5",
            "123456789012345678901234567890123456789.5",
        ),
        (
            "100000000000000000000000000000000000000000000",
            "100000000000000000000000000000000000000000000",
        ),
        (
            "0.00000000000000000000000000000000000000000000001",
            "0.00000000000000000000000000000000000000000000001",
        ),
    ] {
        assert_eq!(decimal(text).to_string(), printed, "{text}");
    }
}

#[test]
fn refuses_everything_else() {
    for text in [
        "",
        "-",
        ".",
        "-.",
        "+1",
        "--1",
        " 1",
        "1 ",
        "1_000",
        "1,5",
        "nan",
        "inf",
        "-inf",
        "e5",
        ".e5",
        "1e",
        "1e+",
        "1e1.5",
        "0x10",
        "1.2.3",
        "1e6145",
        "1e-6145",
        "1e999999999999999999999",
    ] {
        assert_eq!(Decimal::parse(text.as_bytes()), None, "{text}");
    }
    assert_eq!(Decimal::parse_with_point(b"1.5", b','), None);
}

#[test]
fn the_decimal_point_may_be_a_comma() {
    assert_eq!(
        Decimal::parse_with_point(b"-1,50", b','),
        Some(decimal("-1.5"))
    );
}

#[test]
fn doubles_mean_their_shortest_text() {
    assert_eq!(Decimal::from_f64(0.1), Some(decimal("0.1")));
    assert_eq!(
        Decimal::from_f64(-1e22),
        Some(decimal("-10000000000000000000000"))
    );
    assert_eq!(Decimal::from_f64(5e-324), Some(decimal("5e-324")));
    assert_eq!(Decimal::from_f64(f64::NAN), None);
    assert_eq!(Decimal::from_f64(f64::INFINITY), None);
}

#[test]
fn all_integers_of_128_bits_fit() {
    for value in [
        i128::MIN,
        i128::MAX,
        10_i128.pow(38),
        10_i128.pow(38) - 1,
        0,
    ] {
        assert_eq!(Decimal::from(value).to_string(), value.to_string());
        assert_eq!(Decimal::from(value), decimal(&value.to_string()));
    }
}

#[test]
fn ordered_by_value() {
    let ascending = [
        "-1e50",
        "-123456789012345678901234567890123456789012.5",
        "-2",
        "-1.5",
        "-0.001",
        "0",
        "1e-6000",
        "0.1",
        "0.10000000000000000000000000000000000000000000001",
        "0.11",
        "1",
        "9.99",
        "10",
        "99999999999999999999999999999999999999",
        "100000000000000000000000000000000000000.1",
        "1e6000",
    ];
    for (left_index, left) in ascending.iter().enumerate() {
        for (right_index, right) in ascending.iter().enumerate() {
            assert_eq!(
                decimal(left).cmp(&decimal(right)),
                left_index.cmp(&right_index),
                "{left} and {right}"
            );
        }
    }
}

#[test]
fn multiples() {
    for (value, divisor, expected) in [
        ("19.99", "0.01", true),
        ("19.995", "0.01", false),
        ("0.3", "0.1", true),
        ("-0.3", "0.1", true),
        ("0", "7", true),
        ("0", "0", true),
        ("7", "0", false),
        ("1e30", "7", false),
        ("1e30", "8", true),
        ("7e30", "7", true),
        ("10", "2.5", true),
        ("10", "4", false),
        ("100", "4", true),
        ("1", "3e-1", false),
        ("123456789012345678901234567890123456789012345", "5", true),
        ("123456789012345678901234567890123456789012345", "10", false),
        (
            "123456789012345678901234567890123456789012345",
            "123456789012345678901234567890123456789012345",
            true,
        ),
        (
            "246913578024691357802469135780246913578024690",
            "123456789012345678901234567890123456789012345",
            true,
        ),
    ] {
        assert_eq!(
            decimal(value).is_multiple_of(&decimal(divisor)),
            expected,
            "{value} / {divisor}"
        );
    }
}

#[test]
fn floors_are_exact_or_below() {
    for (value, scale, floor, exact) in [
        ("1.5", 0, 1, false),
        ("-1.5", 0, -2, false),
        ("-1.5", 1, -15, true),
        ("0.01", 1, 0, false),
        ("-0.01", 1, -1, false),
        ("1e-6000", 17, 0, false),
        ("1e6000", 0, i64::MAX, false),
        ("-1e6000", 0, -i64::MAX, false),
        (
            "123456789.00000000000000000000000000000000000000000001",
            2,
            12345678900,
            false,
        ),
    ] {
        assert_eq!(
            decimal(value).floor_scaled(scale),
            (floor, exact),
            "{value} at {scale}"
        );
    }
}

/// Numbers with few digits, so that equal values and equal magnitudes are common.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "-?[0-9]{1,4}(\\.[0-9]{1,4})?",
        "-?[0-9]{1,25}(\\.[0-9]{1,25})?",
        "-?[0-9]{1,3}(\\.[0-9]{1,3})?[eE][+-]?[0-9]{1,2}",
    ]
}

/// Goal: what is a number here is one to the kernels, and what is written reads back, up to the last place.
#[test]
fn places_are_bounded() {
    let sevens = |count| "7".repeat(count);
    for (text, is_number) in [
        (sevens(PLACES_MAX), true),
        (sevens(PLACES_MAX + 1), false),
        (format!("-000.{}", sevens(PLACES_MAX)), true),
        (format!("0.{}", sevens(PLACES_MAX + 1)), false),
        (format!(".{}e-6144", sevens(PLACES_MAX - 6144)), true),
        (format!(".{}e-6144", sevens(PLACES_MAX - 6143)), false),
        (format!("0.{}e99999", "0".repeat(PLACES_MAX)), true),
    ] {
        let number = Decimal::parse(text.as_bytes());
        assert_eq!(number.is_some(), is_number, "{}", text.len());
        if let Some(number) = number {
            assert_eq!(decimal(&number.to_string()), number);
        }
        let is_small = text.contains('.');
        for kernel in Kernel::available() {
            let value = kernel.parse_f64(text.as_bytes());
            assert_eq!(value.is_some(), is_number && is_small, "{}", text.len());
        }
    }
}

proptest! {
    #[test]
    fn small_and_large_forms_agree(left in text(), right in text()) {
        let (left, right) = (decimal(&left), decimal(&right));
        prop_assert_eq!(left.cmp(&right), left.to_digits().cmp(&right.to_digits()));
        if right != Decimal::ZERO && left != Decimal::ZERO {
            prop_assert_eq!(
                left.is_multiple_of(&right),
                left.to_digits().is_multiple_of(&right.to_digits())
            );
        }
        prop_assert_eq!(left == right, left.cmp(&right).is_eq());
    }

    #[test]
    fn printed_numbers_read_back(text in text()) {
        let number = decimal(&text);
        prop_assert_eq!(&decimal(&number.to_string()), &number);
    }

    #[test]
    fn integers_compare_and_divide_as_integers(left in -100_000..100_000_i64, right in -300..300_i64) {
        let (a, b) = (Decimal::from(left), Decimal::from(right));
        prop_assert_eq!(a.cmp(&b), left.cmp(&right));
        prop_assert_eq!(a.is_multiple_of(&b), if right == 0 { left == 0 } else { left % right == 0 });
    }

    #[test]
    fn doubles_survive(value in proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL) {
        let decimal = Decimal::from_f64(value).unwrap();
        prop_assert_eq!(decimal.to_string().parse::<f64>().unwrap(), value);
        prop_assert_eq!(decimal.to_f64(), value);
    }

    #[test]
    fn the_nearest_double_is_that_of_the_text(mantissa in -(1_i64 << 54)..1 << 54, exponent in -30..30) {
        let text = format!("{mantissa}e{exponent}");
        prop_assert_eq!(decimal(&text).to_f64(), text.parse::<f64>().unwrap());
    }
}
