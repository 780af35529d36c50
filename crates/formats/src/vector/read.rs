//! A column of a block to a vector: what values are, row by row.
//!
//! Most rows never come here: [`fast`](super::fast) takes what is written plainly.

use tamis_engine::kernel::{DateTimeShape, Kernel, Spans, parse_date_time};
use tamis_engine::number::Decimal;

use super::{Nulls, Type, Vector};
use crate::csv::{self, Dialect};
use crate::value::{is_not_finite, read_moment};
use crate::{Block, Kind, jsonl};

/// A value that is not of the type it was read as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// The row of the block.
    pub row: usize,
    /// The value, decoded.
    pub text: Vec<u8>,
    /// What it would be by itself.
    pub ty: Type,
}

/// Reads columns. Keep one for each worker: it reuses its memory from block to block.
#[derive(Clone, Debug)]
pub struct Reader {
    /// `None`: values are not written as CSV.
    pub(super) dialect: Option<Dialect>,
    pub(super) point: u8,
    pub(super) nulls: Nulls,
    pub(super) kernel: Kernel,
    decoded: Vec<u8>,
    /// A bit for each row that is not written plainly.
    suspects: Vec<u64>,
}

/// One value of a column.
enum Field<'f> {
    Null,
    /// Text whose type the column decides.
    Text(&'f [u8]),
    /// A JSON string, as it was written between its quotes.
    String {
        raw: &'f [u8],
        is_escaped: bool,
    },
    /// Any other JSON value.
    Json(Kind, &'f [u8]),
}

impl Reader {
    /// A reader of fields in that dialect; `point` stands between integer and fraction, `nulls` stand for null.
    pub fn new(dialect: Option<Dialect>, point: u8, nulls: Nulls, kernel: Kernel) -> Reader {
        Reader {
            dialect,
            point,
            nulls,
            kernel,
            decoded: Vec::new(),
            suspects: Vec::new(),
        }
    }

    /// Reads a column as values of type `ty` into `out`, whose buffers are used again.
    ///
    /// # Errors
    /// The first [`Misfit`].
    pub fn read(
        &mut self,
        block: &Block<'_>,
        column: usize,
        ty: Type,
        out: &mut Vector,
    ) -> Result<(), Misfit> {
        out.start(ty, block.rows);
        let mut suspects = std::mem::take(&mut self.suspects);
        self.read_plain(block, column, ty, out, &mut suspects);
        let mut taken = Ok(());
        'all: for (index, word) in suspects.iter().enumerate() {
            let mut rest = *word;
            while rest != 0 {
                let row = index * 64 + rest.trailing_zeros() as usize;
                rest &= rest - 1;
                taken = self.take(block, column, row, ty, out);
                if taken.is_err() {
                    break 'all;
                }
            }
        }
        self.suspects = suspects;
        taken
    }

    /// The same for values of a declared type: those that do not fit are null. Numbers may have leading zeros, and an integer
    /// may be written as `7.0` or `7e2`.
    pub fn read_or_null(&mut self, block: &Block<'_>, column: usize, ty: Type, out: &mut Vector) {
        out.start(ty, block.rows);
        let mut suspects = std::mem::take(&mut self.suspects);
        self.read_plain(block, column, ty, out, &mut suspects);
        for (index, word) in suspects.iter().enumerate() {
            let mut rest = *word;
            while rest != 0 {
                let row = index * 64 + rest.trailing_zeros() as usize;
                rest &= rest - 1;
                if let Err(misfit) = self.take(block, column, row, ty, out) {
                    let kind = block.kind(row, column);
                    self.take_number_by_value(&misfit.text, kind, row, ty, out);
                }
            }
        }
        self.suspects = suspects;
    }

    /// The same for rows whose bits are set in `rows`; what stands in others has no meaning. These values are written and not
    /// computed with: NaN and the infinities are misfits, too, and not null.
    ///
    /// # Errors
    /// The first [`Misfit`] of these rows.
    pub fn read_declared(
        &mut self,
        block: &Block<'_>,
        column: usize,
        ty: Type,
        rows: &[u64],
        out: &mut Vector,
    ) -> Result<(), Misfit> {
        out.start(ty, block.rows);
        let mut suspects = std::mem::take(&mut self.suspects);
        self.read_plain(block, column, ty, out, &mut suspects);
        let mut taken = Ok(());
        'all: for (index, (word, wanted)) in suspects.iter().zip(rows).enumerate() {
            let mut rest = word & wanted;
            while rest != 0 {
                let row = index * 64 + rest.trailing_zeros() as usize;
                rest &= rest - 1;
                let kind = block.kind(row, column);
                let raw = block.column(column).field(row);
                taken = match (ty, kind) {
                    (Type::Number, Kind::Number) if is_not_finite(raw) => Err(Misfit {
                        row,
                        text: raw.to_vec(),
                        ty: Type::Text,
                    }),
                    _ => self.take(block, column, row, ty, out),
                };
                if let Err(misfit) = &taken {
                    if !self.take_number_by_value(&misfit.text, kind, row, ty, out) {
                        break 'all;
                    }
                    taken = Ok(());
                }
            }
        }
        self.suspects = suspects;
        taken
    }

    /// Whether a text that was refused is a number of the type after all.
    fn take_number_by_value(
        &self,
        text: &[u8],
        kind: Kind,
        row: usize,
        ty: Type,
        out: &mut Vector,
    ) -> bool {
        // A JSON string is no number, whatever stands in it.
        if !matches!(kind, Kind::Text | Kind::Number) {
            return false;
        }
        let Some(number) = Decimal::parse_with_point(text, kind.point(self.point)) else {
            return false;
        };
        let number = number.to_string();
        match ty {
            Type::Integer => {
                let value = number.parse().ok();
                value.is_some_and(|value| out.set_integer(row, value))
            }
            Type::Number => {
                let value = self.kernel.parse_f64(number.as_bytes());
                value.is_some_and(|value| out.set_number(row, value))
            }
            _ => false,
        }
    }

    /// Reads one row: the definition of all that is faster.
    pub(super) fn take(
        &mut self,
        block: &Block<'_>,
        column: usize,
        row: usize,
        ty: Type,
        out: &mut Vector,
    ) -> Result<(), Misfit> {
        let spans = block.column(column);
        let mut decoded = std::mem::take(&mut self.decoded);
        let taken = match field(block, &spans, row, column) {
            Field::Null => Ok(()),
            Field::Text(raw) => {
                let text = match &self.dialect {
                    Some(dialect) => csv::decode(raw, dialect, &mut decoded),
                    None => raw,
                };
                match self.nulls.is_null(text, ty) {
                    true => Ok(()),
                    false => self.take_text(text, spans.bytes, row, ty, out),
                }
            }
            Field::String { raw, is_escaped } => {
                let text = match is_escaped {
                    true => jsonl::decode_string(raw, &mut decoded),
                    false => raw,
                };
                self.take_string(text, spans.bytes, row, ty, out)
            }
            Field::Json(kind, raw) => self.take_json(kind, raw, spans.bytes, row, ty, out),
        };
        self.decoded = decoded;
        taken
    }

    fn take_text(
        &self,
        text: &[u8],
        bytes: &[u8],
        row: usize,
        ty: Type,
        out: &mut Vector,
    ) -> Result<(), Misfit> {
        let fits = match ty {
            Type::Boolean if text.eq_ignore_ascii_case(b"true") => out.set_boolean(row, true),
            Type::Boolean if text.eq_ignore_ascii_case(b"false") => out.set_boolean(row, false),
            Type::Integer | Type::Number => {
                // A number with a leading zero is an identifier, and was one when the type was found.
                !is_padded(text) && self.take_number(text, self.point, row, ty, out)
            }
            Type::Text => out.set_text(row, text, bytes),
            Type::Date | Type::Time | Type::Timestamp => take_moment(text, row, ty, out),
            Type::Boolean | Type::Null => false,
        };
        match fits {
            true => Ok(()),
            false => Err(Misfit {
                row,
                text: text.to_vec(),
                ty: Type::of_text(text, self.point),
            }),
        }
    }

    fn take_string(
        &self,
        text: &[u8],
        bytes: &[u8],
        row: usize,
        ty: Type,
        out: &mut Vector,
    ) -> Result<(), Misfit> {
        let fits = match ty {
            Type::Text => out.set_text(row, text, bytes),
            Type::Date | Type::Time | Type::Timestamp => take_moment(text, row, ty, out),
            _ => false,
        };
        match fits {
            true => Ok(()),
            false => Err(Misfit {
                row,
                text: text.to_vec(),
                ty: Type::of_string(text),
            }),
        }
    }

    fn take_json(
        &self,
        kind: Kind,
        raw: &[u8],
        bytes: &[u8],
        row: usize,
        ty: Type,
        out: &mut Vector,
    ) -> Result<(), Misfit> {
        let fits = match (ty, kind) {
            (Type::Text, _) => out.set_text(row, raw, bytes),
            (Type::Boolean, Kind::Boolean) => out.set_boolean(row, raw == b"true"),
            (Type::Integer | Type::Number, Kind::Number) => {
                // Nothing is computed with NaN and the infinities.
                is_not_finite(raw) || self.take_number(raw, kind.point(self.point), row, ty, out)
            }
            _ => false,
        };
        match fits {
            true => Ok(()),
            false => Err(Misfit {
                row,
                text: raw.to_vec(),
                ty: Type::of_json(kind, raw),
            }),
        }
    }

    fn take_number(&self, text: &[u8], point: u8, row: usize, ty: Type, out: &mut Vector) -> bool {
        if ty == Type::Integer {
            return self
                .kernel
                .parse_i64(text)
                .is_some_and(|value| out.set_integer(row, value));
        }
        let number = match text.iter().position(|&byte| byte == point) {
            _ if point == b'.' => self.kernel.parse_f64(text),
            _ if text.contains(&b'.') => None,
            None => self.kernel.parse_f64(text),
            Some(at) => {
                let mut text = text.to_vec();
                text[at] = b'.';
                self.kernel.parse_f64(&text)
            }
        };
        number.is_some_and(|value| out.set_number(row, value))
    }
}

impl Type {
    /// The type of a JSON string, decoded.
    pub fn of_string(text: &[u8]) -> Type {
        match Type::of_reading(read_moment(text)) {
            moment @ (Type::Date | Type::Time | Type::Timestamp) => moment,
            _ => Type::Text,
        }
    }

    /// The type of a JSON value that is no string and not null.
    pub fn of_json(kind: Kind, raw: &[u8]) -> Type {
        match kind {
            Kind::Boolean => Type::Boolean,
            Kind::Number => Type::of_text(raw, b'.'),
            _ => Type::Text,
        }
    }
}

fn field<'f>(block: &Block<'f>, spans: &Spans<'f>, row: usize, column: usize) -> Field<'f> {
    let raw = spans.field(row);
    match block.kind(row, column) {
        Kind::Null | Kind::Missing => Field::Null,
        Kind::Text => Field::Text(raw),
        Kind::String => Field::String {
            raw,
            is_escaped: false,
        },
        Kind::EscapedString => Field::String {
            raw,
            is_escaped: true,
        },
        kind @ (Kind::Number | Kind::Boolean | Kind::Object | Kind::Array) => {
            Field::Json(kind, raw)
        }
    }
}

/// Whether a text would be a number but for its leading zero.
fn is_padded(text: &[u8]) -> bool {
    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    matches!(unsigned, [b'0', b'0'..=b'9', ..])
}

fn take_moment(text: &[u8], row: usize, ty: Type, out: &mut Vector) -> bool {
    let shape = match ty {
        Type::Date => DateTimeShape::Date,
        Type::Time => DateTimeShape::Time,
        _ => DateTimeShape::DateTime,
    };
    let moment = parse_date_time(text, shape);
    moment.is_some_and(|moment| out.set_moment(row, ty, moment))
}
