//! Numbers as text: integers, decimals, and floats as the shortest text that reads back as the same.

use std::ops::Range;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type,
    DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType, DurationSecondType,
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, TimeUnit};

use super::text::Text;

/// The most digits of an integer that every 64-bit float of that size holds exactly.
const EXACT_MAX: f64 = 1e15;

/// Bytes of the longest float: `-2.2250738585072014e-308`.
const FLOAT_BYTES: usize = 32;

/// Bytes of the longest 256-bit integer and its sign.
const INTEGER_256_BYTES: usize = 80;

/// Whether values of this type are numbers.
pub(super) fn is_number(data_type: &DataType) -> bool {
    data_type.is_integer()
        || data_type.is_floating()
        || data_type.is_decimal()
        || matches!(data_type, DataType::Duration(_))
}

/// Writes these rows of an array of numbers; all of it is ASCII.
pub(super) fn write(
    array: &dyn Array,
    nulls: Option<&NullBuffer>,
    rows: Range<usize>,
    text: &mut Text,
) -> bool {
    match array.data_type() {
        DataType::Int8 => integers::<Int8Type>(array, nulls, rows, text),
        DataType::Int16 => integers::<Int16Type>(array, nulls, rows, text),
        DataType::Int32 => integers::<Int32Type>(array, nulls, rows, text),
        DataType::Int64 => integers::<Int64Type>(array, nulls, rows, text),
        DataType::UInt8 => integers::<UInt8Type>(array, nulls, rows, text),
        DataType::UInt16 => integers::<UInt16Type>(array, nulls, rows, text),
        DataType::UInt32 => integers::<UInt32Type>(array, nulls, rows, text),
        DataType::UInt64 => integers::<UInt64Type>(array, nulls, rows, text),
        // So many of its unit.
        DataType::Duration(TimeUnit::Second) => {
            integers::<DurationSecondType>(array, nulls, rows, text)
        }
        DataType::Duration(TimeUnit::Millisecond) => {
            integers::<DurationMillisecondType>(array, nulls, rows, text)
        }
        DataType::Duration(TimeUnit::Microsecond) => {
            integers::<DurationMicrosecondType>(array, nulls, rows, text)
        }
        DataType::Duration(TimeUnit::Nanosecond) => {
            integers::<DurationNanosecondType>(array, nulls, rows, text)
        }
        DataType::Float16 => {
            let value = |value: <Float16Type as ArrowPrimitiveType>::Native| value.to_f32();
            floats::<Float16Type, f32>(array, nulls, rows, text, value, write_float);
        }
        DataType::Float32 => {
            floats::<Float32Type, f32>(array, nulls, rows, text, |value| value, write_float);
        }
        DataType::Float64 => {
            floats::<Float64Type, f64>(array, nulls, rows, text, |value| value, write_double);
        }
        DataType::Decimal32(_, scale) => {
            decimals::<Decimal32Type>(array, *scale, nulls, rows, text);
        }
        DataType::Decimal64(_, scale) => {
            decimals::<Decimal64Type>(array, *scale, nulls, rows, text);
        }
        DataType::Decimal128(_, scale) => {
            decimals::<Decimal128Type>(array, *scale, nulls, rows, text);
        }
        DataType::Decimal256(_, scale) => {
            decimals::<Decimal256Type>(array, *scale, nulls, rows, text);
        }
        other => unreachable!("{other} is no number"),
    }
    true
}

fn integers<T: ArrowPrimitiveType<Native: itoa::Integer>>(
    array: &dyn Array,
    nulls: Option<&NullBuffer>,
    rows: Range<usize>,
    text: &mut Text,
) {
    let values = &array.as_primitive::<T>().values()[rows.clone()];
    let mut buffer = itoa::Buffer::new();
    text.write_each(values, nulls, rows.start, 20, |value, out| {
        put(buffer.format(value).as_bytes(), out)
    });
}

fn floats<T: ArrowPrimitiveType, F>(
    array: &dyn Array,
    nulls: Option<&NullBuffer>,
    rows: Range<usize>,
    text: &mut Text,
    value_of: impl Fn(T::Native) -> F,
    write: impl Fn(F, &mut [u8]) -> usize,
) {
    let values = &array.as_primitive::<T>().values()[rows.clone()];
    text.write_each(values, nulls, rows.start, FLOAT_BYTES, |value, out| {
        write(value_of(value), out)
    });
}

fn write_float(value: f32, out: &mut [u8]) -> usize {
    put(zmij::Buffer::new().format(value).as_bytes(), out)
}

/// Most floats are amounts with two digits after the point. If `r / 100` is the same float for an integer `r` of at
/// most 15 digits, then its text is the shortest: no two numbers of so few digits are the same float.
fn write_double(value: f64, out: &mut [u8]) -> usize {
    let scaled = (value.abs() * 100.0).round_ties_even();
    if scaled < EXACT_MAX && scaled / 100.0 == value.abs() {
        return write_hundredths(value.is_sign_negative(), scaled as u64, out);
    }
    put(zmij::Buffer::new().format(value).as_bytes(), out)
}

/// `-12.34`, `12.3`, `12.0`.
fn write_hundredths(is_negative: bool, hundredths: u64, out: &mut [u8]) -> usize {
    let mut end = 0;
    if is_negative {
        out[0] = b'-';
        end = 1;
    }
    let fraction = (hundredths % 100) as u8;
    let (tens, ones) = (fraction / 10, fraction % 10);
    let mut whole = itoa::Buffer::new();
    end += put(whole.format(hundredths / 100).as_bytes(), &mut out[end..]);
    out[end..end + 3].copy_from_slice(&[b'.', b'0' + tens, b'0' + ones]);
    end + 2 + usize::from(ones != 0)
}

/// Integers with a point at `scale`.
fn decimals<T: ArrowPrimitiveType<Native: ToString>>(
    array: &dyn Array,
    scale: i8,
    nulls: Option<&NullBuffer>,
    rows: Range<usize>,
    text: &mut Text,
) {
    let values = &array.as_primitive::<T>().values()[rows.clone()];
    let zeros = usize::from(scale.unsigned_abs());
    let width = INTEGER_256_BYTES + zeros + 2;
    text.write_each(values, nulls, rows.start, width, |value, out| {
        write_decimal(&value.to_string(), scale, out)
    });
}

/// An integer as text, with a point at `scale`: `-1234` at 2 is `-12.34`, `5` at 3 is `0.005`, `5` at -2 is `500`.
fn write_decimal(integer: &str, scale: i8, out: &mut [u8]) -> usize {
    let (sign, digits) = match integer.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", integer),
    };
    let mut end = put(sign.as_bytes(), out);
    let mut add = |bytes: &[u8], times: usize| {
        for _ in 0..times {
            end += put(bytes, &mut out[end..]);
        }
    };
    let places = usize::from(scale.unsigned_abs());
    if scale <= 0 {
        add(digits.as_bytes(), 1);
        add(b"0", if digits == "0" { 0 } else { places });
    } else {
        let whole = digits.len().saturating_sub(places);
        add(
            if whole == 0 {
                b"0"
            } else {
                &digits.as_bytes()[..whole]
            },
            1,
        );
        add(b".", 1);
        add(b"0", places.saturating_sub(digits.len()));
        add(&digits.as_bytes()[whole..], 1);
    }
    end
}

fn put(bytes: &[u8], out: &mut [u8]) -> usize {
    out[..bytes.len()].copy_from_slice(bytes);
    bytes.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn double(value: f64) -> String {
        let mut out = [0; FLOAT_BYTES];
        let len = write_double(value, &mut out);
        String::from_utf8(out[..len].to_vec()).unwrap()
    }

    fn decimal(integer: &str, scale: i8) -> String {
        let mut out = [0; 400];
        let len = write_decimal(integer, scale, &mut out);
        String::from_utf8(out[..len].to_vec()).unwrap()
    }

    proptest! {
        #[test]
        fn hundredths_are_the_shortest_text(
            hundredths in -1_000_000_000_000_000_i64..1_000_000_000_000_000,
            any in any::<f64>(),
        ) {
            for value in [hundredths as f64 / 100.0, hundredths as f64, any] {
                let mut buffer = zmij::Buffer::new();
                prop_assert_eq!(double(value), buffer.format(value));
            }
        }

        #[test]
        fn decimals_keep_their_value(integer in any::<i128>(), scale in -30..100i8) {
            let text = decimal(&integer.to_string(), scale);
            let exact = format!("{integer}e{}", -i32::from(scale));
            let parse = |text: &str| tamis_engine::number::Decimal::parse(text.as_bytes()).unwrap();
            prop_assert_eq!(parse(&text), parse(&exact));
        }
    }

    #[test]
    fn small_numbers_look_as_they_should() {
        assert_eq!(double(-0.0), "-0.0");
        assert_eq!(double(0.01), "0.01");
        assert_eq!(double(12.5), "12.5");
        assert_eq!(double(1e16), "1e+16");
        assert_eq!(double(f64::NAN), "NaN");
        assert_eq!(decimal("-1234", 2), "-12.34");
        assert_eq!(decimal("5", 3), "0.005");
        assert_eq!(decimal("0", 2), "0.00");
        assert_eq!(decimal("-7", -2), "-700");
    }
}
