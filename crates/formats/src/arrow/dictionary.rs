//! Arrays of keys, and of runs: the text of the values is made once for a batch, a row copies where its value lies.

use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowDictionaryKeyType, Int8Type, Int16Type, Int32Type, Int64Type, RunEndIndexType, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_buffer::{ArrowNativeType, NullBuffer};
use arrow_schema::DataType;

use super::text::{Loaded, Text};
use crate::Error;

/// The text of the values that keys stand for.
#[derive(Debug)]
pub(super) struct Dictionary {
    values: Text,
    is_ascii: bool,
}

impl Dictionary {
    /// The dictionary of the array of the column called `name`, if it has one.
    ///
    /// # Errors
    /// [`Error::ValueTooLong`] when its text is longer than an index can point into; [`Error::NotUtf8`].
    pub(super) fn of(name: &str, array: &dyn Array) -> Option<Result<Dictionary, Error>> {
        let values = match array.as_any_dictionary_opt() {
            Some(dictionary) => dictionary.values(),
            None => run_values(array)?,
        };
        let mut scratch = Text::default();
        let loaded = scratch
            .load(values.as_ref(), values.nulls(), 0..values.len())
            .and_then(|loaded| loaded.checked(name));
        Some(loaded.map(|loaded| Dictionary {
            is_ascii: loaded.ascii == Some(true),
            values: Text {
                bytes: loaded.bytes.to_vec(),
                index: loaded.index.to_vec(),
                suspects: Vec::new(),
            },
        }))
    }

    /// Finds the values of these rows of `array`, which has this dictionary.
    pub(super) fn load<'t>(
        &'t self,
        array: &dyn Array,
        nulls: Option<&NullBuffer>,
        rows: Range<usize>,
        text: &'t mut Text,
    ) -> Loaded<'t> {
        text.index.clear();
        let key_type = match array.data_type() {
            DataType::Dictionary(key_type, _) => key_type.as_ref(),
            DataType::RunEndEncoded(ends, _) => {
                match ends.data_type() {
                    DataType::Int16 => self.look_up_runs::<Int16Type>(array, nulls, rows, text),
                    DataType::Int32 => self.look_up_runs::<Int32Type>(array, nulls, rows, text),
                    _ => self.look_up_runs::<Int64Type>(array, nulls, rows, text),
                }
                return self.loaded(text);
            }
            _ => unreachable!("it has a dictionary"),
        };
        match key_type {
            DataType::Int8 => self.look_up::<Int8Type>(array, nulls, rows, text),
            DataType::Int16 => self.look_up::<Int16Type>(array, nulls, rows, text),
            DataType::Int32 => self.look_up::<Int32Type>(array, nulls, rows, text),
            DataType::Int64 => self.look_up::<Int64Type>(array, nulls, rows, text),
            DataType::UInt8 => self.look_up::<UInt8Type>(array, nulls, rows, text),
            DataType::UInt16 => self.look_up::<UInt16Type>(array, nulls, rows, text),
            DataType::UInt32 => self.look_up::<UInt32Type>(array, nulls, rows, text),
            DataType::UInt64 => self.look_up::<UInt64Type>(array, nulls, rows, text),
            _ => unreachable!("Arrow has no other keys"),
        }
        self.loaded(text)
    }

    fn loaded<'t>(&'t self, text: &'t Text) -> Loaded<'t> {
        Loaded {
            bytes: &self.values.bytes,
            index: &text.index,
            ascii: Some(self.is_ascii),
            suspects: None,
        }
    }

    fn look_up_runs<K: RunEndIndexType>(
        &self,
        array: &dyn Array,
        nulls: Option<&NullBuffer>,
        rows: Range<usize>,
        text: &mut Text,
    ) {
        let runs = array.as_run::<K>();
        for row in rows {
            let pair = match nulls.is_none_or(|nulls| nulls.is_valid(row)) {
                true => {
                    let at = 2 * runs.get_physical_index(row);
                    [self.values.index[at], self.values.index[at + 1]]
                }
                false => [u32::MAX, 0],
            };
            text.index.extend(pair);
        }
    }

    fn look_up<K: ArrowDictionaryKeyType>(
        &self,
        array: &dyn Array,
        nulls: Option<&NullBuffer>,
        rows: Range<usize>,
        text: &mut Text,
    ) {
        let keys = array.as_dictionary::<K>().keys().values();
        for row in rows {
            let is_valid = nulls.is_none_or(|nulls| nulls.is_valid(row));
            // The key of a null may be any.
            let pair = match is_valid {
                true => {
                    let at = 2 * keys[row].as_usize();
                    [self.values.index[at], self.values.index[at + 1]]
                }
                false => [u32::MAX, 0],
            };
            text.index.extend(pair);
        }
    }
}

/// The values of an array of runs.
fn run_values(array: &dyn Array) -> Option<&ArrayRef> {
    let DataType::RunEndEncoded(ends, _) = array.data_type() else {
        return None;
    };
    match ends.data_type() {
        DataType::Int16 => Some(array.as_run::<Int16Type>().values()),
        DataType::Int32 => Some(array.as_run::<Int32Type>().values()),
        _ => Some(array.as_run::<Int64Type>().values()),
    }
}
