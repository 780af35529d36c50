//! Typed values of one column of a block.
//!
//! A [`Block`] knows where texts lie; whoever computes needs numbers, moments and truth values. A [`Reader`] reads a
//! whole column at once into a [`Vector`], whose buffers are used again from block to block.
//!
//! # What is null
//! An empty CSV field, JSON's `null`, a key that is not there, and in a column of numbers the NaN and the infinities of
//! columnar files, with which nothing is computed. In a CSV column that is not text the common null tokens
//! ([`COMMON_NULLS`]) are null as well, or those that were declared instead of them; in a text column only declared ones,
//! since `NA` may be Namibia.
//!
//! # What does not fit
//! A text that is no value of the type is a [`Misfit`], never silently null: the caller widens the type
//! ([`Type::join`]) or fails.
//!
//! ```
//! use tamis_engine::kernel::Kernel;
//! use tamis_formats::columns::{Batch, Columns};
//! use tamis_formats::vector::{Nulls, Reader, Type, Values, Vector};
//!
//! let mut rows = Columns::new(1);
//! for text in ["7", "NA", "-3"] {
//!     rows.column(0).text(text)?;
//!     rows.end_row();
//! }
//! let mut reader = Reader::new(None, b'.', Nulls::common(), Kernel::detect());
//! let mut vector = Vector::default();
//! rows.for_each_block(&mut |block| {
//!     reader.read(block, 0, Type::Integer, &mut vector).expect("integers");
//!     assert_eq!(vector.values, Values::Integer(vec![7, 0, -3]));
//!     assert!(vector.is_null(1));
//! })?;
//! # Ok::<(), tamis_formats::Error>(())
//! ```

mod fast;
mod fill;
mod kind;
mod nulls;
mod present;
mod read;
#[cfg(test)]
mod tests;

pub use kind::Type;
pub use nulls::Nulls;
pub use read::{Misfit, Reader};

#[cfg(doc)]
use crate::Block;
#[cfg(doc)]
use crate::value::COMMON_NULLS;

/// The values of one column, a row after the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Vector {
    /// Number of rows.
    pub rows: usize,
    /// A bit for each row: whether it has a value. Bits behind the last row are 0.
    pub present: Vec<u64>,
    /// The values. What stands in a row without one has no meaning.
    pub values: Values,
}

/// What the values of a [`Vector`] are.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Values {
    /// There are none.
    #[default]
    Null,
    /// A bit for each row.
    Boolean(Vec<u64>),
    /// Integers.
    Integer(Vec<i64>),
    /// Doubles, none of them NaN or infinite when read from text.
    Number(Vec<f64>),
    /// Texts.
    Text(Texts),
    /// Days since 1970-01-01.
    Date(Vec<i64>),
    /// Microseconds since midnight.
    Time(Vec<i64>),
    /// Microseconds since 1970-01-01T00:00:00Z.
    Timestamp(Vec<i64>),
}

/// Texts that lie in a block, or were put together because they lie nowhere as they are read (`"a ""b"""`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts {
    places: Vec<Place>,
    decoded: Vec<u8>,
}

/// Where one text lies: in the bytes of the block's column from the first offset to the second; where the first is greater,
/// in `decoded`, from the second offset to the one before the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place(u32, u32);

impl Place {
    /// In the bytes of the column.
    #[inline(always)]
    fn raw(start: usize, end: usize) -> Place {
        Place(start as u32, end as u32)
    }

    /// In `decoded`.
    ///
    /// # Panics
    /// If that has 4 GiB or more.
    #[inline]
    fn decoded(start: usize, end: usize) -> Place {
        let end = u32::try_from(end).ok().and_then(|end| end.checked_add(1));
        Place(
            end.expect("the texts of a block have less than 4 GiB"),
            start as u32,
        )
    }
}

impl Texts {
    /// No rows.
    pub fn clear(&mut self) {
        self.places.clear();
        self.decoded.clear();
    }

    /// Bytes of the texts that are copies.
    pub fn decoded_bytes(&self) -> usize {
        self.decoded.len()
    }

    /// Adds `rows` rows with the same text, of which there is one copy.
    ///
    /// # Panics
    /// As [`push_with`](Self::push_with).
    pub fn push_repeated(&mut self, text: &[u8], rows: usize) {
        let start = self.decoded.len();
        self.decoded.extend_from_slice(text);
        let place = Place::decoded(start, self.decoded.len());
        self.places.resize(self.places.len() + rows, place);
    }

    /// Adds a row with a copy of a text.
    ///
    /// # Panics
    /// As [`push_with`](Self::push_with).
    pub fn push(&mut self, text: &[u8]) {
        self.push_with(|decoded| decoded.extend_from_slice(text));
    }

    /// Adds a row with the text that `write` appends to the buffer it is given.
    ///
    /// # Panics
    /// If all copied texts together pass 4 GiB.
    pub fn push_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.decoded.len();
        write(&mut self.decoded);
        self.places.push(Place::decoded(start, self.decoded.len()));
    }

    /// The text of a row; `bytes` are those of the column it was read from ([`Spans::bytes`](tamis_engine::kernel::Spans)).
    ///
    /// # Panics
    /// If there is no such row, or `bytes` are others.
    #[inline]
    pub fn get<'t>(&'t self, row: usize, bytes: &'t [u8]) -> &'t [u8] {
        let Place(first, second) = self.places[row];
        match first <= second {
            true => &bytes[first as usize..second as usize],
            false => &self.decoded[second as usize..first as usize - 1],
        }
    }
}

/// The numbers of the bits that are set.
pub fn ones(words: &[u64]) -> impl Iterator<Item = usize> {
    words.iter().enumerate().flat_map(|(at, &word)| {
        let mut rest = word;
        std::iter::from_fn(move || {
            (rest != 0).then(|| {
                let bit = rest.trailing_zeros() as usize;
                rest &= rest - 1;
                at * 64 + bit
            })
        })
    })
}

impl Vector {
    /// Whether a row has no value.
    ///
    /// # Panics
    /// If there is no such row.
    #[inline]
    pub fn is_null(&self, row: usize) -> bool {
        assert!(row < self.rows, "row {row} of {}", self.rows);
        self.present[row / 64] >> (row % 64) & 1 == 0
    }

    /// How many rows have no value.
    pub fn null_count(&self) -> usize {
        let present: u32 = self.present.iter().map(|word| word.count_ones()).sum();
        self.rows - present as usize
    }

    /// The type of the values.
    pub fn ty(&self) -> Type {
        match self.values {
            Values::Null => Type::Null,
            Values::Boolean(_) => Type::Boolean,
            Values::Integer(_) => Type::Integer,
            Values::Number(_) => Type::Number,
            Values::Text(_) => Type::Text,
            Values::Date(_) => Type::Date,
            Values::Time(_) => Type::Time,
            Values::Timestamp(_) => Type::Timestamp,
        }
    }
}
