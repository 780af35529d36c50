//! Arrays of keys, and of runs: the text of the values is made once for a dictionary, a row copies where its value lies.
//!
//! Where it can be told of texts that no rule finds anything wrong with them, that is told of the dictionary, and its keys
//! are looked at only if something is wrong with some of it.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int16Type, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef};
use arrow_buffer::{ArrowNativeType, NullBuffer};
use arrow_schema::DataType;

use super::EmptyText;
use super::spare::{Right, Spare};
use super::text::{Loaded, Text};
use crate::block::{Column, Kinds};
use crate::{Block, Error, Kind};

/// A dictionary is looked at as a whole if it has at most this many times as many values as an array has keys: the arrays
/// behind it have the same, as a rule.
const VALUES_FOR_KEY: usize = 4;

/// Expands `$each` for the type of keys.
macro_rules! with_key_type {
    ($key_type:expr, $each:ident) => {
        match $key_type {
            DataType::Int8 => $each!(arrow_array::types::Int8Type),
            DataType::Int16 => $each!(arrow_array::types::Int16Type),
            DataType::Int32 => $each!(arrow_array::types::Int32Type),
            DataType::Int64 => $each!(arrow_array::types::Int64Type),
            DataType::UInt8 => $each!(arrow_array::types::UInt8Type),
            DataType::UInt16 => $each!(arrow_array::types::UInt16Type),
            DataType::UInt32 => $each!(arrow_array::types::UInt32Type),
            DataType::UInt64 => $each!(arrow_array::types::UInt64Type),
            _ => unreachable!("Arrow has no other keys"),
        }
    };
}

#[cfg(feature = "parquet")]
pub(crate) use with_key_type;

/// The text of the values that keys stand for.
#[derive(Debug)]
pub(super) struct Dictionary {
    /// What this is made of.
    array: ArrayRef,
    values: Text,
    /// What each value is, where one is an empty text that is no null.
    kinds: Option<Vec<Kind>>,
    is_ascii: bool,
    /// Of each value whether it must be judged; `None`: nobody knows.
    suspects: Option<Suspects>,
}

/// The values of a dictionary that must be judged.
#[derive(Debug)]
enum Suspects {
    /// None must.
    None,
    Some(Vec<bool>),
}

impl Dictionary {
    /// The dictionary of the array of the column called `name`, if it has one.
    ///
    /// # Errors
    /// [`Error::ValueTooLong`] when its text is longer than an index can point into; [`Error::NotUtf8`], [`Error::NoText`].
    pub(super) fn of(
        name: &str,
        array: &dyn Array,
        spare: &Spare,
        empty_text: EmptyText,
    ) -> Option<Result<Dictionary, Error>> {
        let values = values_of(array)?;
        let mut scratch = Text::default();
        let loaded = scratch
            .load(values.as_ref(), values.nulls(), 0..values.len())
            .and_then(|loaded| loaded.checked(name, values.data_type()));
        let loaded = loaded.map(|loaded| Loaded {
            kinds: loaded.kinds.filter(|_| empty_text == EmptyText::Value),
            ..loaded
        });
        Some(loaded.map(|loaded| Dictionary {
            array: Arc::clone(values),
            kinds: loaded.kinds.map(<[Kind]>::to_vec),
            is_ascii: loaded.ascii == Some(true),
            suspects: Suspects::among(&loaded, values, array.len(), spare),
            values: Text {
                bytes: loaded.bytes.to_vec(),
                index: loaded.index.to_vec(),
                ..Text::default()
            },
        }))
    }

    /// Whether this is the dictionary of `array`, too.
    pub(super) fn is_of(&self, array: &dyn Array) -> bool {
        values_of(array).is_some_and(|values| Arc::ptr_eq(values, &self.array))
    }

    /// As [`Spare::mark_values`].
    pub(super) fn mark_values(
        &self,
        array: &dyn Array,
        rows: Range<usize>,
        suspects: &mut Vec<u64>,
    ) -> bool {
        let wrong = match &self.suspects {
            Some(Suspects::None) => {
                suspects.resize(rows.len().div_ceil(64), 0);
                return true;
            }
            Some(Suspects::Some(wrong)) => wrong,
            None => return false,
        };
        macro_rules! mark {
            ($key:ty) => {{
                let keys = &array.as_dictionary::<$key>().keys().values()[rows];
                suspects.extend(keys.chunks(64).map(|keys| {
                    let bits = keys.iter().enumerate();
                    bits.fold(0, |word, (bit, key)| {
                        // A key may be any where it is null, or wrong.
                        let is_wrong = wrong.get(key.as_usize()).is_none_or(|&is_wrong| is_wrong);
                        word | u64::from(is_wrong) << bit
                    })
                }));
                true
            }};
        }
        match array.data_type() {
            DataType::Dictionary(key_type, _) => with_key_type!(key_type.as_ref(), mark),
            _ => false,
        }
    }

    /// Finds the values of these rows of `array`, which has this dictionary and is part of the column called `name`.
    ///
    /// # Errors
    /// [`Error::Damaged`] for a key of no value.
    pub(super) fn load<'t>(
        &'t self,
        name: &str,
        array: &dyn Array,
        nulls: Option<&NullBuffer>,
        rows: Range<usize>,
        text: &'t mut Text,
    ) -> Result<Loaded<'t>, Error> {
        let to = Rows {
            nulls,
            rows,
            text: &mut *text,
        };
        macro_rules! look_up {
            ($key:ty) => {{
                let keys = array.as_dictionary::<$key>().keys().values();
                self.look_up(to, |row| keys[row].as_usize())
            }};
        }
        macro_rules! look_up_runs {
            ($end:ty) => {{
                let runs = array.as_run::<$end>();
                self.look_up(to, |row| runs.get_physical_index(row))
            }};
        }
        let found = match array.data_type() {
            DataType::Dictionary(key_type, _) => with_key_type!(key_type.as_ref(), look_up),
            DataType::RunEndEncoded(ends, _) => match ends.data_type() {
                DataType::Int16 => look_up_runs!(Int16Type),
                DataType::Int32 => look_up_runs!(Int32Type),
                _ => look_up_runs!(Int64Type),
            },
            _ => unreachable!("it has a dictionary"),
        };
        found.ok_or_else(|| Error::Damaged {
            place: format!("column `{name}`"),
            message: format!(
                "a key is for no value of its dictionary, which has {}",
                self.array.len()
            ),
        })?;
        Ok(Loaded {
            bytes: &self.values.bytes,
            index: &text.index,
            ascii: Some(self.is_ascii),
            suspects: Some(text.suspects.as_slice()).filter(|suspects| !suspects.is_empty()),
            kinds: self.kinds.as_ref().map(|_| text.kinds.as_slice()),
        })
    }

    /// Where the value lies that is the `at`-th of the dictionary.
    fn place(&self, at: usize) -> Option<[u32; 2]> {
        self.values.index.get(2 * at..)?.first_chunk().copied()
    }

    /// Finds the value of each row, of which `value_of` says which it is; `None` if there is no such value.
    fn look_up(&self, to: Rows<'_>, value_of: impl Fn(usize) -> usize) -> Option<()> {
        let Rows { nulls, rows, text } = to;
        // What stands in the row of a null may be the key of any value, or of none.
        let is_valid = |row: usize| nulls.is_none_or(|nulls| nulls.is_valid(row));
        text.index.clear();
        for row in rows.clone() {
            let pair = match is_valid(row) {
                true => self.place(value_of(row))?,
                false => [u32::MAX, 0],
            };
            text.index.extend(pair);
        }
        if let Some(kinds) = &self.kinds {
            text.kinds.clear();
            text.kinds.extend(rows.map(|row| match is_valid(row) {
                true => kinds[value_of(row)],
                false => Kind::Null,
            }));
        }
        Some(())
    }
}

/// Rows to look up, and where what is found goes.
struct Rows<'r> {
    nulls: Option<&'r NullBuffer>,
    rows: Range<usize>,
    text: &'r mut Text,
}

impl Suspects {
    /// Those of the texts of `values`, of which an array has `keys` many keys.
    fn among(
        loaded: &Loaded<'_>,
        values: &ArrayRef,
        keys: usize,
        spare: &Spare,
    ) -> Option<Suspects> {
        let is_text = matches!(
            values.data_type(),
            DataType::Utf8
                | DataType::LargeUtf8
                | DataType::Utf8View
                | DataType::Binary
                | DataType::LargeBinary
        );
        let Right::Texts(texts) = &spare.values else {
            return None;
        };
        // What the keys of no values are for is nothing.
        if !is_text || values.is_empty() || values.len() > VALUES_FOR_KEY * keys {
            return None;
        }
        let columns = [Column {
            bytes: loaded.bytes,
            index: loaded.index,
            kinds: loaded.kinds.map_or(Kinds::All(Kind::Text), Kinds::Each),
            ascii: loaded.ascii,
            suspects: None,
        }];
        let mut words = vec![0; values.len().div_ceil(64)];
        texts.mark(&Block::apart(&columns, values.len()), &mut words);
        if words.iter().all(|&word| word == 0) {
            return Some(Suspects::None);
        }
        let is_wrong = |at: usize| words[at / 64] >> (at % 64) & 1 == 1;
        Some(Suspects::Some((0..values.len()).map(is_wrong).collect()))
    }
}

/// What the keys or the runs of an array are for.
fn values_of(array: &dyn Array) -> Option<&ArrayRef> {
    match array.as_any_dictionary_opt() {
        Some(dictionary) => Some(dictionary.values()),
        None => run_values(array),
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
