//! The rows of a column that are written plainly, all at once.
//!
//! Numbers without quotes, exponents and spaces, moments of the usual length, texts that need no decoding: kernels read
//! these, or one loop notes where they lie. All others are *suspects*, and [`read`](super::read) takes them one by one. What it
//! would make of a plain row is the same; the tests hold one to the other.

use tamis_engine::kernel::{DateTimeShape, Spans};

use super::{Place, Reader, Texts, Type, Values, Vector};
use crate::{Block, Kind};

impl Reader {
    /// Reads the plain rows of a column into `out`, which has been started, and sets the bits of the others.
    pub(super) fn read_plain(
        &self,
        block: &Block<'_>,
        column: usize,
        ty: Type,
        out: &mut Vector,
        suspects: &mut Vec<u64>,
    ) {
        suspects.clear();
        suspects.resize(block.rows.div_ceil(64), 0);
        let spans = block.column(column);
        if !self.knows_plain(ty) || !mark_kinds(block, column, ty, suspects) {
            return mark_all(block.rows, suspects);
        }
        match &mut out.values {
            Values::Number(values) => self.kernel.read_f64s(&spans, values, suspects),
            Values::Integer(values) => self.kernel.read_i64s(&spans, values, suspects),
            Values::Date(values) => {
                self.kernel
                    .read_moments(&spans, DateTimeShape::Date, values, suspects);
            }
            Values::Time(values) => {
                self.kernel
                    .read_moments(&spans, DateTimeShape::Time, values, suspects);
            }
            Values::Timestamp(values) => {
                self.kernel
                    .read_moments(&spans, DateTimeShape::DateTime, values, suspects);
            }
            Values::Boolean(bits) => read_booleans(&spans, bits, suspects),
            Values::Text(texts) => {
                // A block of CSV knows whether any of its fields is quoted; columns that lie apart know nothing of it.
                let quote = self.dialect.and_then(|dialect| match block.apart {
                    Some(_) => dialect.quote,
                    None => block.quote,
                });
                read_texts(&spans, quote, self.nulls.text_len_max(), texts, suspects);
            }
            Values::Null => return mark_all(block.rows, suspects),
        }
        mark_all(block.rows, &mut out.present);
        for (present, suspects) in out.present.iter_mut().zip(suspects) {
            *present &= !*suspects;
        }
    }

    /// Whether a field that is written plainly is what it says, without asking further.
    fn knows_plain(&self, ty: Type) -> bool {
        let is_trimmed = self.dialect.is_some_and(|dialect| dialect.trim);
        match ty {
            // White space around a text would have to go.
            Type::Text => !is_trimmed,
            // With another point `1.5` is no number.
            Type::Number => self.nulls.are_no_values && self.point == b'.',
            _ => self.nulls.are_no_values,
        }
    }
}

/// Sets the bits of all rows.
fn mark_all(rows: usize, bits: &mut [u64]) {
    bits.fill(u64::MAX);
    if let Some(last) = bits.last_mut().filter(|_| !rows.is_multiple_of(64)) {
        *last = (1 << (rows % 64)) - 1;
    }
}

/// Marks the rows whose kind says that they are no plain values of that type; false if that is so of all.
fn mark_kinds(block: &Block<'_>, column: usize, ty: Type, suspects: &mut [u64]) -> bool {
    let is_plain = |kind: Kind| match ty {
        Type::Integer | Type::Number => matches!(kind, Kind::Text | Kind::Number),
        Type::Boolean => matches!(kind, Kind::Text | Kind::Boolean),
        _ => matches!(kind, Kind::Text | Kind::String),
    };
    if let Some(kind) = block.only_kind(column) {
        return is_plain(kind);
    }
    // Each value is of its own kind. An empty text is null and an empty string is not; the other loops mark both.
    if let Some((kinds, step)) = block.each_kind(column) {
        let kinds = kinds.iter().step_by(step).take(block.rows);
        for (row, &kind) in kinds.enumerate() {
            suspects[row / 64] |= u64::from(!is_plain(kind)) << (row % 64);
        }
    }
    true
}

/// Takes `true` and `false`, in small letters, and marks all others.
fn read_booleans(spans: &Spans<'_>, bits: &mut [u64], suspects: &mut [u64]) {
    for row in 0..spans.rows {
        let field = spans.field(row);
        let (is_true, is_false) = (field == b"true", field == b"false");
        bits[row / 64] |= u64::from(is_true) << (row % 64);
        suspects[row / 64] |= u64::from(!is_true & !is_false) << (row % 64);
    }
}

/// Notes where texts lie, and marks those that are quoted, empty, or so short that they may be null.
fn read_texts(
    spans: &Spans<'_>,
    quote: Option<u8>,
    null_len_max: usize,
    texts: &mut Texts,
    suspects: &mut [u64],
) {
    for (row, place) in texts.places.iter_mut().enumerate() {
        let range = spans.range(row);
        let is_suspect = range.len() <= null_len_max
            || quote.is_some_and(|quote| spans.bytes[range.start] == quote);
        *place = Place::raw(range.start, range.end);
        suspects[row / 64] |= u64::from(is_suspect) << (row % 64);
    }
}
