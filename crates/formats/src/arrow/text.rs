//! The text of an array's values: where it lies, or written out.
//!
//! `Utf8` and `LargeUtf8` are used in place, and so are views that are all short: a short text is part of its view, so
//! the views themselves are the bytes. Other views are copied one behind the other.

use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::types::{ByteArrayType, ByteViewType};
use arrow_array::{Array, FixedSizeBinaryArray, GenericByteArray, GenericByteViewArray};
use arrow_buffer::{ArrowNativeType, NullBuffer};
use arrow_schema::DataType;

use super::nested::{self, Json};
use super::{moment, number};
use crate::columns::VALUE_BYTES_MAX;
use crate::{Error, Kind};

/// Scratch for the text of one column, kept from block to block.
#[derive(Clone, Debug, Default)]
pub(super) struct Text {
    pub(super) bytes: Vec<u8>,
    pub(super) index: Vec<u32>,
    /// The rows whose text is asked for, a bit for each; empty: all of them. See [`spare`](super::spare).
    pub(super) suspects: Vec<u64>,
    /// What each value is, where some text is empty and not null.
    pub(super) kinds: Vec<Kind>,
}

/// Where the values of some rows lie.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Loaded<'t> {
    pub(super) bytes: &'t [u8],
    /// Pairs; see [`Column`](crate::block::Column).
    pub(super) index: &'t [u32],
    pub(super) ascii: Option<bool>,
    pub(super) suspects: Option<&'t [u64]>,
    /// What each value is, where some text is empty and not null: `String` if it is, `Null`, or `Text`.
    pub(super) kinds: Option<&'t [Kind]>,
}

impl Loaded<'_> {
    /// Makes sure that the text is UTF-8: nobody down the line expects anything else, and a producer's word is all we
    /// have.
    ///
    /// # Errors
    /// [`Error::NotUtf8`], and [`Error::NoText`] for bytes that nobody said were texts.
    pub(super) fn checked(self, column: &str, data_type: &DataType) -> Result<Self, Error> {
        let ascii = match self.ascii {
            Some(_) => return Ok(self),
            None => self.bytes.is_ascii(),
        };
        let checked = Loaded {
            ascii: Some(ascii),
            ..self
        };
        if ascii || simdutf8::basic::from_utf8(self.bytes).is_ok() {
            return Ok(checked);
        }
        // What lies between values, and under nulls, may be anything.
        for pair in self.index.chunks_exact(2) {
            let value = &self.bytes[pair[0].wrapping_add(1) as usize..pair[1] as usize];
            if simdutf8::basic::from_utf8(value).is_err() {
                let column = column.to_owned();
                let shown = String::from_utf8_lossy(value).chars().take(80).collect();
                return Err(match data_type.is_binary() {
                    true => Error::NoText {
                        column,
                        data_type: data_type.to_string(),
                        shown: Some(shown),
                    },
                    false => Error::NotUtf8 { column, shown },
                });
            }
        }
        Ok(checked)
    }
}

/// Text that is part of a view has at most this many bytes.
const INLINE_BYTES: u32 = 12;
/// Where in its view it starts.
const INLINE_START: usize = 4;
/// Bytes of a view.
const VIEW_BYTES: usize = 16;

impl Text {
    /// Finds or writes the text of these rows of any array but a dictionary's. `nulls` are those that count.
    ///
    /// # Errors
    /// [`Error::ValueTooLong`] when there is more of it than an index can point into.
    pub(super) fn load<'t>(
        &'t mut self,
        array: &'t dyn Array,
        nulls: Option<&NullBuffer>,
        rows: Range<usize>,
    ) -> Result<Loaded<'t>, Error> {
        self.index.clear();
        let known_ascii = match array.data_type() {
            DataType::Utf8 => return self.lying(array.as_string::<i32>(), nulls, rows),
            DataType::LargeUtf8 => return self.lying(array.as_string::<i64>(), nulls, rows),
            DataType::Utf8View => return self.views(array.as_string_view(), nulls, rows),
            DataType::Binary => return self.lying(array.as_binary::<i32>(), nulls, rows),
            DataType::LargeBinary => return self.lying(array.as_binary::<i64>(), nulls, rows),
            DataType::BinaryView => return self.views(array.as_binary_view(), nulls, rows),
            DataType::FixedSizeBinary(_) => {
                return self.equally_long(array.as_fixed_size_binary(), nulls, rows);
            }
            DataType::Boolean => {
                let values = array.as_boolean().values();
                return Ok(self.words(b"truefalse", nulls, rows, |row| {
                    if values.value(row) { 0..4 } else { 4..9 }
                }));
            }
            DataType::Null => return Ok(self.words(b"", None, rows, |_| 0..0)),
            data_type if number::is_number(data_type) => number::write(array, nulls, rows, self),
            data_type if moment::is_moment(data_type) => moment::write(array, nulls, rows, self),
            // What `Leaf::kind` let pass: lists, maps, structs.
            _ => return self.written(nested::json(array, nulls, rows.clone())?, nulls, rows),
        };
        Ok(Loaded {
            bytes: &self.bytes,
            index: &self.index,
            ascii: Some(known_ascii),
            suspects: Some(self.suspects.as_slice()).filter(|suspects| !suspects.is_empty()),
            kinds: None,
        })
    }

    /// JSON that has been put together.
    fn written(
        &mut self,
        json: Json,
        nulls: Option<&NullBuffer>,
        rows: Range<usize>,
    ) -> Result<Loaded<'_>, Error> {
        check_length(json.bytes.len())?;
        self.bytes = json.bytes;
        let mut start = 0;
        for end in json.ends {
            self.index
                .extend([(start as u32).wrapping_sub(1), end as u32]);
            start = end;
        }
        self.empty_nulls(nulls, rows);
        Ok(Loaded {
            bytes: &self.bytes,
            index: &self.index,
            ascii: None,
            suspects: None,
            kinds: None,
        })
    }

    /// Texts of one length.
    fn equally_long<'t>(
        &'t mut self,
        array: &'t FixedSizeBinaryArray,
        nulls: Option<&NullBuffer>,
        rows: Range<usize>,
    ) -> Result<Loaded<'t>, Error> {
        let len = usize::try_from(array.value_length()).unwrap_or(0);
        let bytes = &array.value_data()[len * rows.start..len * rows.end];
        check_length(bytes.len())?;
        for at in 0..rows.len() {
            self.index
                .extend([((at * len) as u32).wrapping_sub(1), ((at + 1) * len) as u32]);
        }
        self.empty_nulls(nulls, rows.clone());
        self.find_empty(nulls, rows);
        Ok(self.found(bytes))
    }

    /// The texts that have been found in these bytes.
    fn found<'t>(&'t self, bytes: &'t [u8]) -> Loaded<'t> {
        Loaded {
            bytes,
            index: &self.index,
            ascii: None,
            suspects: None,
            kinds: Some(self.kinds.as_slice()).filter(|kinds| !kinds.is_empty()),
        }
    }

    /// Text that lies one behind the other.
    fn lying<'t, T: ByteArrayType>(
        &'t mut self,
        array: &'t GenericByteArray<T>,
        nulls: Option<&NullBuffer>,
        rows: Range<usize>,
    ) -> Result<Loaded<'t>, Error> {
        let offsets = &array.value_offsets()[rows.start..=rows.end];
        let first = offsets[0].as_usize();
        let bytes = &array.value_data()[first..offsets[rows.len()].as_usize()];
        check_length(bytes.len())?;
        // No offset is further from the first than a `u32` holds, so the lower halves say it all.
        let first = first as u32;
        self.index.resize(2 * rows.len(), 0);
        for (pair, ends) in self.index.chunks_exact_mut(2).zip(offsets.windows(2)) {
            pair[0] = (ends[0].as_usize() as u32)
                .wrapping_sub(first)
                .wrapping_sub(1);
            pair[1] = (ends[1].as_usize() as u32).wrapping_sub(first);
        }
        self.empty_nulls(nulls, rows.clone());
        self.find_empty(nulls, rows);
        Ok(self.found(bytes))
    }

    fn views<'t, T: ByteViewType + ?Sized>(
        &'t mut self,
        array: &'t GenericByteViewArray<T>,
        nulls: Option<&NullBuffer>,
        rows: Range<usize>,
    ) -> Result<Loaded<'t>, Error> {
        let views = &array.views()[rows.clone()];
        let longest = views
            .iter()
            .fold(0, |longest, &view| longest.max(view as u32));
        if longest <= INLINE_BYTES {
            self.index.resize(2 * rows.len(), 0);
            let starts = (INLINE_START..).step_by(VIEW_BYTES);
            for ((pair, &view), start) in self.index.chunks_exact_mut(2).zip(views).zip(starts) {
                pair[0] = start as u32 - 1;
                pair[1] = start as u32 + view as u32;
            }
            self.empty_nulls(nulls, rows.clone());
            self.find_empty(nulls, rows.clone());
            let bytes = array.views().inner().as_slice();
            // The lengths in between are ASCII as long as no text has 128 bytes.
            return Ok(self.found(&bytes[VIEW_BYTES * rows.start..VIEW_BYTES * rows.end]));
        }
        self.gather_views(array, nulls, rows.clone())?;
        self.find_empty(nulls, rows);
        Ok(self.found(&self.bytes))
    }

    /// Copies the text of views.
    fn gather_views<T: ByteViewType + ?Sized>(
        &mut self,
        array: &GenericByteViewArray<T>,
        nulls: Option<&NullBuffer>,
        rows: Range<usize>,
    ) -> Result<(), Error> {
        let views = array.views();
        let is_valid = |row: &usize| nulls.is_none_or(|nulls| nulls.is_valid(*row));
        let lengths = rows
            .clone()
            .filter(is_valid)
            .map(|row| views[row] as u32 as usize);
        let len_bytes = lengths.sum::<usize>();
        check_length(len_bytes)?;
        // Room for a copy of fixed length behind the last value.
        self.bytes.resize(len_bytes + COPY_BYTES, 0);
        let mut end = 0;
        for row in rows {
            let start = end;
            if is_valid(&row) {
                let view = views[row].to_le_bytes();
                let word = |at: usize| {
                    let bytes = view[at..].first_chunk().expect("a view has four words");
                    u32::from_le_bytes(*bytes) as usize
                };
                let len = word(0);
                if len <= INLINE_BYTES as usize {
                    self.bytes[start..start + INLINE_BYTES as usize]
                        .copy_from_slice(&view[INLINE_START..]);
                } else {
                    let buffer = array.data_buffers()[word(8)].as_slice();
                    copy(&buffer[word(12)..], len, &mut self.bytes[start..]);
                }
                end += len;
            }
            self.index
                .extend([(start as u32).wrapping_sub(1), end as u32]);
        }
        self.bytes.truncate(end);
        Ok(())
    }

    /// Values that are pieces of one text.
    fn words<'t>(
        &'t mut self,
        text: &'static [u8],
        nulls: Option<&NullBuffer>,
        rows: Range<usize>,
        piece: impl Fn(usize) -> Range<u32>,
    ) -> Loaded<'t> {
        for row in rows.clone() {
            let piece = piece(row);
            self.index.extend([piece.start.wrapping_sub(1), piece.end]);
        }
        self.empty_nulls(nulls, rows);
        Loaded {
            bytes: text,
            index: &self.index,
            ascii: Some(true),
            suspects: None,
            kinds: None,
        }
    }

    /// Makes the values of null rows empty, whatever lies there.
    pub(super) fn empty_nulls(&mut self, nulls: Option<&NullBuffer>, rows: Range<usize>) {
        let Some(nulls) = nulls else { return };
        for (pair, row) in self.index.chunks_exact_mut(2).zip(rows) {
            if nulls.is_null(row) {
                pair[0] = u32::MAX;
                pair[1] = 0;
            }
        }
    }

    /// Notes what each of these rows is, if a text is empty and not null. All nulls are empty, so it is enough to count: most
    /// columns have as many empty texts as nulls.
    fn find_empty(&mut self, nulls: Option<&NullBuffer>, rows: Range<usize>) {
        self.kinds.clear();
        let is_empty = |&[before, end]: &[u32; 2]| before.wrapping_add(1) == end;
        let (pairs, _) = self.index.as_chunks();
        let empty: u32 = pairs.iter().map(|pair| u32::from(is_empty(pair))).sum();
        let nulls = nulls.map(|nulls| nulls.slice(rows.start, rows.len()));
        if empty as usize == nulls.as_ref().map_or(0, NullBuffer::null_count) {
            return;
        }
        let kinds = pairs.iter().enumerate().map(|(at, pair)| match &nulls {
            Some(nulls) if nulls.is_null(at) => Kind::Null,
            _ if is_empty(pair) => Kind::String,
            _ => Kind::Text,
        });
        self.kinds.extend(kinds);
    }

    /// Writes a value for each row that is asked for, of at most `width` bytes: `write` says how many of those it was given it took.
    pub(super) fn write_each<T: Copy>(
        &mut self,
        values: &[T],
        nulls: Option<&NullBuffer>,
        first_row: usize,
        width: usize,
        mut write: impl FnMut(T, &mut [u8]) -> usize,
    ) {
        self.bytes.resize(values.len() * width, 0);
        self.index.clear();
        let mut end = 0;
        for (at, &value) in values.iter().enumerate() {
            let start = end;
            let is_asked = |word: &u64| word >> (at % 64) & 1 == 1;
            if self.suspects.get(at / 64).is_none_or(is_asked)
                && nulls.is_none_or(|nulls| nulls.is_valid(first_row + at))
            {
                end += write(value, &mut self.bytes[start..start + width]);
            }
            self.index
                .extend([(start as u32).wrapping_sub(1), end as u32]);
        }
    }
}

/// Bytes copied at once.
const COPY_BYTES: usize = 32;

/// Copies the first `len` bytes of `from`. For short ones, of which most are, a copy of fixed length takes half the
/// time of one whose length the compiler does not know.
#[inline]
fn copy(from: &[u8], len: usize, to: &mut [u8]) {
    match (
        from.first_chunk::<COPY_BYTES>(),
        to.first_chunk_mut::<COPY_BYTES>(),
    ) {
        (Some(from), Some(to)) if len <= COPY_BYTES => *to = *from,
        _ => to[..len].copy_from_slice(&from[..len]),
    }
}

fn check_length(len_bytes: usize) -> Result<(), Error> {
    if len_bytes > VALUE_BYTES_MAX {
        return Err(Error::ValueTooLong {
            len_bytes,
            limit_bytes: VALUE_BYTES_MAX,
        });
    }
    Ok(())
}
