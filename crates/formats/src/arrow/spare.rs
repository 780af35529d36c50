//! Values that need no text, because their own form tells that no rule finds anything wrong with them.
//!
//! Writing a float or a moment as text, only to have it read again, takes longer than everything else a check does with
//! it. So whoever knows the rules says which values they all admit; what is not among these is a suspect, and is
//! written and judged as any other value.

use std::ops::{Range, RangeInclusive};

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, TimeUnit};

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
}

/// These years but for their first and last day: so a zone's offset leads out of none.
const YEARS_SECONDS: RangeInclusive<i64> = -719_161 * DAY_SECONDS..=2_932_895 * DAY_SECONDS;

impl Spare {
    /// Sets `suspects` to a bit for each of these rows: whether its value must be judged. `false`, and no bits, if nothing
    /// is known of such values.
    pub(super) fn mark(
        &self,
        array: &dyn Array,
        nulls: Option<&NullBuffer>,
        rows: Range<usize>,
        suspects: &mut Vec<u64>,
    ) -> bool {
        let mut column = Column {
            array,
            rows: rows.clone(),
            suspects,
        };
        let is_marked = match &self.values {
            Right::Unknown => false,
            Right::Numbers {
                integers,
                floats,
                whole,
            } => column.mark_numbers(integers, floats, *whole),
            Right::Moments { seconds } => column.mark_moments(seconds),
        };
        let Some(nulls) = nulls.filter(|_| is_marked) else {
            return is_marked;
        };
        for (at, row) in rows.enumerate() {
            if nulls.is_null(row) {
                let bit = 1 << (at % 64);
                match self.nulls {
                    true => suspects[at / 64] &= !bit,
                    false => suspects[at / 64] |= bit,
                }
            }
        }
        true
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
        let is_right = |number: i64| low <= number && number <= high;
        let (lowest, highest) = (*floats.start(), *floats.end());
        match self.array.data_type() {
            DataType::Int8 => self.mark::<Int8Type>(|value| is_right(value.into())),
            DataType::Int16 => self.mark::<Int16Type>(|value| is_right(value.into())),
            DataType::Int32 => self.mark::<Int32Type>(|value| is_right(value.into())),
            DataType::Int64 => self.mark::<Int64Type>(is_right),
            DataType::UInt8 => self.mark::<UInt8Type>(|value| is_right(value.into())),
            DataType::UInt16 => self.mark::<UInt16Type>(|value| is_right(value.into())),
            DataType::UInt32 => self.mark::<UInt32Type>(|value| is_right(value.into())),
            DataType::UInt64 => {
                self.mark::<UInt64Type>(|value| i64::try_from(value).is_ok_and(is_right))
            }
            // Nothing compares with NaN; the infinities are in no range of numbers.
            DataType::Float64 => self.mark::<Float64Type>(|value| {
                lowest <= value && value <= highest && (!whole || value.trunc() == value)
            }),
            _ => return false,
        }
        true
    }

    fn mark_moments(&mut self, seconds: &RangeInclusive<i64>) -> bool {
        let first = *seconds.start().max(YEARS_SECONDS.start());
        let last = *seconds.end().min(YEARS_SECONDS.end());
        let within = |per_second: i64| {
            let first = first.saturating_mul(per_second);
            let last = last.saturating_mul(per_second);
            move |value: i64| first <= value && value <= last
        };
        let is_day_right = |days: i64| within(1)(days.saturating_mul(DAY_SECONDS));
        match self.array.data_type() {
            DataType::Date32 => self.mark::<Date32Type>(|days| is_day_right(days.into())),
            DataType::Date64 => {
                self.mark::<Date64Type>(|millis| {
                    is_day_right(millis.div_euclid(1_000 * DAY_SECONDS))
                });
            }
            DataType::Timestamp(TimeUnit::Second, _) => {
                self.mark::<TimestampSecondType>(within(1));
            }
            DataType::Timestamp(TimeUnit::Millisecond, _) => {
                self.mark::<TimestampMillisecondType>(within(1_000));
            }
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                self.mark::<TimestampMicrosecondType>(within(1_000_000));
            }
            DataType::Timestamp(TimeUnit::Nanosecond, _) => {
                self.mark::<TimestampNanosecondType>(within(1_000_000_000));
            }
            _ => return false,
        }
        true
    }

    fn mark<T: ArrowPrimitiveType>(&mut self, is_right: impl Fn(T::Native) -> bool) {
        let values = &self.array.as_primitive::<T>().values()[self.rows.clone()];
        self.suspects.extend(values.chunks(64).map(|values| {
            let bits = values.iter().enumerate();
            bits.fold(0, |word, (bit, &value)| {
                word | u64::from(!is_right(value)) << bit
            })
        }));
    }
}
