//! A column of keys: its fields to numbers, one for each distinct value.
//!
//! What a field says is worked out once for each distinct field of up to eight bytes: without its quotes, null or not, `1.50` as
//! `1.5` where the column has numbers. From then on the field, as it was written, is one word that is looked up. Longer
//! fields are looked up as texts, and worked out where these do not know them.

use tamis_engine::number::Decimal;
use tamis_formats::block::{Column, Kinds};
use tamis_formats::csv::Dialect;
use tamis_formats::vector::{Misfit, Reader, Type, Values, Vector};
use tamis_formats::{Block, Kind, csv, jsonl};

use super::aggregate::Written;
use super::texts::Texts;
use super::words::{NONE, Words};

/// Bytes of a field that make a word.
const WORD_BYTES: usize = 8;

/// The word of an empty text that is not null: such a column may have plain words beside it, and this is none of them, since it
/// has more bytes than it says.
const EMPTY: u64 = 1;

/// By the length of a field: the bits of a word that belong to it.
const MASKS: [u64; WORD_BYTES + 1] = {
    let mut masks = [u64::MAX; WORD_BYTES + 1];
    let mut len = 0;
    while len < WORD_BYTES {
        masks[len] = (1 << (8 * len)) - 1;
        len += 1;
    }
    masks
};

/// A column of keys.
#[derive(Debug)]
pub(super) struct KeyColumn {
    ty: Type,
    /// The numbers of short fields as they are written in the input at hand.
    words: Words,
    values: Texts,
    scratch: Scratch,
}

#[derive(Debug, Default)]
struct Scratch {
    vector: Vector,
    decoded: Vec<u8>,
    canonical: String,
}

/// What fields of an input are read with.
#[derive(Debug)]
pub(super) struct Context<'c> {
    pub(super) reader: &'c mut Reader,
    /// `None`: fields are not written as CSV.
    pub(super) dialect: Option<&'c Dialect>,
    /// What stands between integer and fraction.
    pub(super) point: u8,
}

impl KeyColumn {
    pub(super) fn new(ty: Type) -> KeyColumn {
        KeyColumn {
            ty,
            words: Words::default(),
            values: Texts::default(),
            scratch: Scratch::default(),
        }
    }

    /// Forgets how values are written: another input may write them otherwise.
    pub(super) fn forget_fields(&mut self) {
        self.words.clear();
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.words.clear();
        self.values.clear();
    }

    pub(super) fn values(&self) -> &Texts {
        &self.values
    }

    pub(super) fn values_mut(&mut self) -> &mut Texts {
        &mut self.values
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.words.memory_bytes() + self.values.memory_bytes()
    }

    /// The number of each row's value, [`NONE`] for rows that are not `selected`.
    pub(super) fn numbers(
        &mut self,
        block: &Block<'_>,
        column: usize,
        selected: Option<&[u64]>,
        context: &mut Context<'_>,
        out: &mut Vec<u32>,
    ) -> Result<(), Misfit> {
        out.clear();
        out.reserve(block.rows);
        match (block.only_kind(column), selected) {
            (Some(Kind::Text), None) => self.plain_numbers(block, column, context, out),
            _ => {
                for row in 0..block.rows {
                    let is_wanted =
                        selected.is_none_or(|selected| selected[row / 64] >> (row % 64) & 1 == 1);
                    out.push(match is_wanted {
                        true => self.number(block, column, row, context)?,
                        false => NONE,
                    });
                }
                Ok(())
            }
        }
    }

    /// As [`numbers`](Self::numbers), of values that were computed.
    pub(super) fn numbers_of_values(
        &mut self,
        values: &mut Written<'_>,
        selected: Option<&[u64]>,
        out: &mut Vec<u32>,
    ) {
        /// The word of an integer is the integer with these bits turned over: that of 0 is not 0.
        const FLIPPED: i64 = i64::MIN;
        let vector = values.vector;
        out.clear();
        for row in 0..vector.rows {
            let is_wanted =
                selected.is_none_or(|selected| selected[row / 64] >> (row % 64) & 1 == 1);
            let number = match &vector.values {
                _ if !is_wanted => NONE,
                _ if vector.is_null(row) => self.values.intern_null(),
                Values::Integer(all)
                | Values::Date(all)
                | Values::Time(all)
                | Values::Timestamp(all) => {
                    let word = (all[row] ^ FLIPPED).cast_unsigned();
                    match self.words.find(word) {
                        NONE => {
                            let number = self.values.intern(values.text(row));
                            if word != 0 {
                                self.words.insert(word, number);
                            }
                            number
                        }
                        known => known,
                    }
                }
                _ => self.values.intern(values.text(row)),
            };
            out.push(number);
        }
    }

    /// The loop that matters: fields of CSV, all rows.
    fn plain_numbers(
        &mut self,
        block: &Block<'_>,
        column: usize,
        context: &mut Context<'_>,
        out: &mut Vec<u32>,
    ) -> Result<(), Misfit> {
        let spans = block.column(column);
        for row in 0..block.rows {
            let place = spans.range(row);
            let word = plain_word(spans.bytes, place.start, place.len());
            let known = self.words.find(word.unwrap_or(0));
            out.push(match (known, word) {
                (NONE, Some(0)) => self.values.intern_null(),
                (NONE, _) => self.work_out(word, &spans.bytes[place], Kind::Text, context, row)?,
                _ => known,
            });
        }
        Ok(())
    }

    fn number(
        &mut self,
        block: &Block<'_>,
        column: usize,
        row: usize,
        context: &mut Context<'_>,
    ) -> Result<u32, Misfit> {
        let raw = block.column(column).field(row);
        let kind = block.kind(row, column);
        let word = match kind {
            Kind::Null | Kind::Missing => return Ok(self.values.intern_null()),
            Kind::Text if raw.is_empty() => return Ok(self.values.intern_null()),
            Kind::Text => plain_word(raw, 0, raw.len()),
            Kind::String if raw.is_empty() => Some(EMPTY),
            _ => tagged_word(raw, kind),
        };
        match word.map_or(NONE, |word| self.words.find(word)) {
            NONE => self.work_out(word, raw, kind, context, row),
            known => Ok(known),
        }
    }

    /// The number of a field whose word is not known, or that has none.
    #[cold]
    fn work_out(
        &mut self,
        word: Option<u64>,
        raw: &[u8],
        kind: Kind,
        context: &mut Context<'_>,
        row: usize,
    ) -> Result<u32, Misfit> {
        let is_itself = match kind {
            // What stands in quotes or between spaces is not what is written.
            Kind::Text => context
                .dialect
                .is_none_or(|dialect| !dialect.trim && raw.first() != dialect.quote.as_ref()),
            Kind::String => self.ty == Type::Text,
            _ => false,
        };
        if word.is_none() && is_itself {
            // A value that is known is right, and written like this it is that value.
            match self.values.find(raw) {
                NONE => {}
                known => return Ok(known),
            }
        }
        let number = match value(raw, kind, self.ty, context, &mut self.scratch) {
            Ok(Some(value)) => self.values.intern(value),
            Ok(None) => self.values.intern_null(),
            Err(misfit) => return Err(Misfit { row, ..misfit }),
        };
        if let Some(word) = word {
            self.words.insert(word, number);
        }
        Ok(number)
    }
}

/// A field of CSV as a word; `None` if it is too long. No two fields have the same one; that of the empty field is 0.
#[inline(always)]
fn plain_word(bytes: &[u8], start: usize, len: usize) -> Option<u64> {
    if len > WORD_BYTES {
        return None;
    }
    let loaded = match bytes.get(start..start + WORD_BYTES) {
        Some(window) => u64::from_le_bytes(window.try_into().expect("it has eight bytes")),
        None => load_short(&bytes[start..start + len]),
    };
    let word = loaded & MASKS[len];
    if len == WORD_BYTES {
        // The top byte of a shorter field's word is its length.
        return (word >> 56 >= WORD_BYTES as u64).then_some(word);
    }
    Some(word | (len as u64) << 56)
}

#[cold]
fn load_short(text: &[u8]) -> u64 {
    let mut padded = [0; WORD_BYTES];
    padded[..text.len()].copy_from_slice(text);
    u64::from_le_bytes(padded)
}

/// A JSON value as a word: at most seven bytes and, on top, their number and the kind.
fn tagged_word(raw: &[u8], kind: Kind) -> Option<u64> {
    let len = raw.len();
    let tag = (len as u64) | (kind as u64 + 1) << 4;
    (len < WORD_BYTES).then(|| load_short(raw) | tag << 56)
}

/// What a field says, in the form that equal values share; `None` for null.
fn value<'v>(
    raw: &'v [u8],
    kind: Kind,
    ty: Type,
    context: &mut Context<'_>,
    scratch: &'v mut Scratch,
) -> Result<Option<&'v [u8]>, Misfit> {
    let kinds = [kind];
    let columns = [Column {
        bytes: raw,
        index: &[u32::MAX, raw.len() as u32],
        kinds: Kinds::Each(&kinds),
        ascii: None,
        suspects: None,
    }];
    let block = Block::apart(&columns, 1);
    context.reader.read(&block, 0, ty, &mut scratch.vector)?;
    if scratch.vector.is_null(0) {
        return Ok(None);
    }
    let text = match (kind, context.dialect) {
        (Kind::Text, Some(dialect)) => csv::decode(raw, dialect, &mut scratch.decoded),
        (Kind::EscapedString, _) => jsonl::decode_string(raw, &mut scratch.decoded),
        _ => raw,
    };
    scratch.canonical = match &scratch.vector.values {
        Values::Boolean(bits) if bits[0] & 1 == 1 => "true".to_owned(),
        Values::Boolean(_) => "false".to_owned(),
        Values::Integer(values) => values[0].to_string(),
        // By its digits and not by the double, which would make different numbers equal.
        Values::Number(_) => match Decimal::parse_with_point(text, kind.point(context.point)) {
            Some(number) => number.to_string(),
            None => return Ok(Some(text)),
        },
        // Moments are told apart by how they are written.
        _ => return Ok(Some(text)),
    };
    Ok(Some(scratch.canonical.as_bytes()))
}
