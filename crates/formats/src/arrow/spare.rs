//! Values that need no text, because their own form tells that no rule finds anything wrong with them.
//!
//! Writing a float or a moment as text, only to have it read again, takes longer than everything else a check does with
//! it. So whoever knows the rules says which values they all admit; what is not among these is a suspect, and is
//! written and judged as any other value.

use std::fmt::Debug;
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, TimeUnit};

use crate::Block;
use crate::calendar::DAY_SECONDS;

/// The values of a column with which no rule finds anything wrong.
#[derive(Clone, Debug, Default)]
pub struct Spare {
    /// Those that are not null.
    pub values: Right,
    /// Whether null is one of them.
    pub nulls: bool,
}

/// Values that are right, as far as it can be said without their text.
#[derive(Clone, Debug, Default)]
pub enum Right {
    /// Nothing is known.
    #[default]
    Unknown,
    /// All of them: nobody looks at the text.
    All,
    /// Numbers in these ranges, by their form in Arrow.
    Numbers {
        /// The integers.
        integers: RangeInclusive<i64>,
        /// The floats, by the shortest decimals that they stand for.
        floats: RangeInclusive<f64>,
        /// Only floats without a fraction.
        whole: bool,
    },
    /// Dates and timestamps, as far as they are in the years 1 to 9999.
    Moments {
        /// When, counted from 1970; a date is its midnight.
        seconds: RangeInclusive<i64>,
    },
    /// Texts, where they come as keys: those of the dictionary that this finds right.
    Texts(Arc<dyn Texts>),
}

/// Knows of texts whether a rule may find something wrong with them.
pub trait Texts: Debug + Send + Sync {
    /// Sets the bit of every row of `block`, whose only column they are, that must be judged.
    fn mark(&self, block: &Block<'_>, suspects: &mut [u64]);
}

/// These years but for their first and last day: so a zone's offset leads out of none.
const YEARS_SECONDS: RangeInclusive<i64> = -719_161 * DAY_SECONDS..=2_932_895 * DAY_SECONDS;

impl Spare {
    /// Appends to `suspects` a bit for each of these rows: whether its value must be judged, if it is not null. `false`, and
    /// no bits, if nothing is known of such values.
    pub(super) fn mark_values(
        &self,
        array: &dyn Array,
        rows: Range<usize>,
        suspects: &mut Vec<u64>,
    ) -> bool {
        let mut column = Column {
            array,
            rows,
            suspects,
        };
        match &self.values {
            Right::Unknown | Right::Texts(_) => false,
            Right::All => {
                let words = column.rows.len().div_ceil(64);
                column.suspects.resize(column.suspects.len() + words, 0);
                true
            }
            Right::Numbers {
                integers,
                floats,
                whole,
            } => column.mark_numbers(integers, floats, *whole),
            Right::Moments { seconds } => column.mark_moments(seconds),
        }
    }

    /// Corrects the bits of these rows where they are null: whatever lies there has been looked at.
    pub(super) fn mark_nulls(&self, nulls: &NullBuffer, rows: Range<usize>, suspects: &mut [u64]) {
        let valid = nulls.inner().slice(rows.start, rows.len());
        let chunks = valid.bit_chunks();
        let left = rows.len() % 64;
        // There are no rows behind the last one, so none of them is null.
        let last = chunks.remainder_bits() | u64::MAX.checked_shl(left as u32).unwrap_or(0);
        for (word, valid) in suspects.iter_mut().zip(chunks.iter().chain([last])) {
            match self.nulls {
                true => *word &= valid,
                false => *word |= !valid,
            }
        }
    }
}

/// Some rows of an array, and where their bits go.
struct Column<'a> {
    array: &'a dyn Array,
    rows: Range<usize>,
    suspects: &'a mut Vec<u64>,
}

impl Column<'_> {
    fn mark_numbers(
        &mut self,
        integers: &RangeInclusive<i64>,
        floats: &RangeInclusive<f64>,
        whole: bool,
    ) -> bool {
        let (low, high) = (*integers.start(), *integers.end());
        let is_right = |number: i64| (low <= number) & (number <= high);
        let (lowest, highest) = (*floats.start(), *floats.end());
        match self.array.data_type() {
            DataType::Int8 => self.mark::<Int8Type>(|value| is_right(value.into())),
            DataType::Int16 => self.mark::<Int16Type>(|value| is_right(value.into())),
            DataType::Int32 => self.mark_32::<Int32Type>(low, high),
            DataType::Int64 => self.mark_64::<Int64Type>(low, high),
            DataType::UInt8 => self.mark::<UInt8Type>(|value| is_right(value.into())),
            DataType::UInt16 => self.mark::<UInt16Type>(|value| is_right(value.into())),
            DataType::UInt32 => self.mark::<UInt32Type>(|value| is_right(value.into())),
            DataType::UInt64 => {
                self.mark::<UInt64Type>(|value| i64::try_from(value).is_ok_and(is_right))
            }
            // Nothing compares with NaN; the infinities are in no range of numbers.
            DataType::Float64 if whole => self.mark::<Float64Type>(|value| {
                lowest <= value && value <= highest && value.trunc() == value
            }),
            DataType::Float64 => {
                self.mark::<Float64Type>(|value| (lowest <= value) & (value <= highest));
            }
            _ => return false,
        }
        true
    }

    fn mark_moments(&mut self, seconds: &RangeInclusive<i64>) -> bool {
        let first = *seconds.start().max(YEARS_SECONDS.start());
        let last = *seconds.end().min(YEARS_SECONDS.end());
        let first_in = |per_second: i64| first.saturating_mul(per_second);
        let last_in = |per_second: i64| last.saturating_mul(per_second);
        // Midnights in the range.
        let first_day =
            first.div_euclid(DAY_SECONDS) + i64::from(first.rem_euclid(DAY_SECONDS) > 0);
        let last_day = last.div_euclid(DAY_SECONDS);
        match self.array.data_type() {
            DataType::Date32 => self.mark_32::<Date32Type>(first_day, last_day),
            DataType::Date64 => self.mark::<Date64Type>(|millis| {
                let day = millis.div_euclid(1_000 * DAY_SECONDS);
                (first_day <= day) & (day <= last_day)
            }),
            DataType::Timestamp(TimeUnit::Second, _) => {
                self.mark_64::<TimestampSecondType>(first, last);
            }
            DataType::Timestamp(TimeUnit::Millisecond, _) => {
                self.mark_64::<TimestampMillisecondType>(first_in(1_000), last_in(1_000));
            }
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                self.mark_64::<TimestampMicrosecondType>(first_in(1_000_000), last_in(1_000_000));
            }
            DataType::Timestamp(TimeUnit::Nanosecond, _) => {
                let per_second = 1_000_000_000;
                self.mark_64::<TimestampNanosecondType>(first_in(per_second), last_in(per_second));
            }
            _ => return false,
        }
        true
    }

    /// Those from `low` to `high` are right.
    ///
    /// Whether *all* are is read from the sign bits of differences, of which the oldest vector instructions make several at
    /// once, and comparisons of 64 bits they do not: a value below `low` has a negative difference to it, or one that
    /// overflows, and then that to `high` overflows to a negative one, since `low` is not above `high`. So it is above.
    fn mark_64<T: ArrowPrimitiveType<Native = i64>>(&mut self, low: i64, high: i64) {
        self.mark_together::<T>(
            |value| (low <= value) & (value <= high),
            |values| {
                let signs = values.iter().fold(0, |signs, &value| {
                    signs | value.wrapping_sub(low) | high.wrapping_sub(value)
                });
                low <= high && signs >= 0
            },
        );
    }

    /// As [`mark_64`](Self::mark_64).
    fn mark_32<T: ArrowPrimitiveType<Native = i32>>(&mut self, low: i64, high: i64) {
        let limit = |limit: i64| limit.clamp(i32::MIN.into(), i32::MAX.into()) as i32;
        let (least, most) = (limit(low), limit(high));
        let has_any = low <= high && low <= i32::MAX.into() && high >= i32::MIN.into();
        self.mark_together::<T>(
            |value| has_any & (least <= value) & (value <= most),
            |values| {
                let signs = values.iter().fold(0, |signs, &value| {
                    signs | value.wrapping_sub(least) | most.wrapping_sub(value)
                });
                has_any && signs >= 0
            },
        );
    }

    fn mark<T: ArrowPrimitiveType>(&mut self, is_right: impl Fn(T::Native) -> bool) {
        self.mark_together::<T>(&is_right, |values| {
            // No branches, so that several are compared at once.
            let wrong = values
                .iter()
                .fold(0, |wrong, &value| wrong | u64::from(!is_right(value)));
            wrong == 0
        });
    }

    /// Nearly always all are right, which `are_right` finds out without a place for each bit; it may say no when they are.
    fn mark_together<T: ArrowPrimitiveType>(
        &mut self,
        is_right: impl Fn(T::Native) -> bool,
        are_right: impl Fn(&[T::Native; 64]) -> bool,
    ) {
        let values = &self.array.as_primitive::<T>().values()[self.rows.clone()];
        let bits = |values: &[T::Native]| {
            let bits = values.iter().enumerate();
            bits.fold(0, |word, (bit, &value)| {
                word | u64::from(!is_right(value)) << bit
            })
        };
        let (words, rest) = values.as_chunks::<64>();
        self.suspects
            .extend(words.iter().map(|values| match are_right(values) {
                true => 0,
                false => bits(values),
            }));
        if !rest.is_empty() {
            self.suspects.push(bits(rest));
        }
    }
}
