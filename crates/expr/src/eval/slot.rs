//! Where a step puts its values.

use tamis_formats::vector::{Texts, Type, Values, Vector};

use super::{Evaluated, view};
use crate::program::Scalar;
use crate::ty::Ty;

/// What a step computed.
#[derive(Debug, Default)]
pub(super) struct Slot {
    pub(super) vector: Vector,
    /// Empty, or a bit for each row.
    pub(super) failed: Vec<u64>,
}

impl Slot {
    pub(super) fn evaluated(&self) -> Evaluated<'_> {
        Evaluated {
            vector: &self.vector,
            bytes: &[],
            failed: &self.failed,
            is_too_large: false,
        }
    }

    /// The value of the only row; `None` if it failed.
    pub(super) fn scalar(&self) -> Option<Scalar> {
        if self.failed.first().is_some_and(|&word| word != 0) {
            return None;
        }
        if self.vector.is_null(0) {
            return Some(Scalar::Null);
        }
        Some(match &self.vector.values {
            Values::Null => Scalar::Null,
            Values::Boolean(bits) => Scalar::Boolean(bits[0] & 1 == 1),
            Values::Integer(values)
            | Values::Date(values)
            | Values::Time(values)
            | Values::Timestamp(values) => Scalar::Integer(values[0]),
            Values::Number(values) => Scalar::Number(values[0]),
            Values::Text(texts) => Scalar::Text(texts.get(0, &[]).into()),
        })
    }

    /// The same value in all rows.
    pub(super) fn fill(&mut self, scalar: &Scalar, ty: Ty, rows: usize) {
        let mut out = self.open(ty, rows);
        view::ones(rows, out.present);
        match (&mut out.values, scalar) {
            (LaneMut::Bits(out), Scalar::Boolean(value)) => {
                view::ones(rows, out);
                if !value {
                    out.fill(0);
                }
            }
            (LaneMut::Integers(out), Scalar::Integer(value)) => out.resize(rows, *value),
            (LaneMut::Numbers(out), Scalar::Number(value)) => out.resize(rows, *value),
            (LaneMut::Texts(out), Scalar::Text(value)) => out.push_repeated(value, rows),
            (values, _) => {
                match values {
                    LaneMut::Null => {}
                    LaneMut::Bits(out) => out.resize(rows.div_ceil(64), 0),
                    LaneMut::Integers(out) => out.resize(rows, 0),
                    LaneMut::Numbers(out) => out.resize(rows, 0.0),
                    LaneMut::Texts(out) => out.push_repeated(b"", rows),
                }
                out.present.fill(0);
            }
        }
    }

    /// The buffers for so many values of a type, empty.
    pub(super) fn open(&mut self, ty: Ty, rows: usize) -> Out<'_> {
        let is_right = self.vector.ty() == ty.column_type();
        let Vector {
            rows: slot_rows,
            present,
            values,
        } = &mut self.vector;
        *slot_rows = rows;
        present.clear();
        self.failed.clear();
        if !is_right {
            *values = empty(ty.column_type());
        }
        let values = match values {
            Values::Null => LaneMut::Null,
            Values::Boolean(bits) => {
                bits.clear();
                LaneMut::Bits(bits)
            }
            Values::Integer(values)
            | Values::Date(values)
            | Values::Time(values)
            | Values::Timestamp(values) => {
                values.clear();
                LaneMut::Integers(values)
            }
            Values::Number(values) => {
                values.clear();
                LaneMut::Numbers(values)
            }
            Values::Text(texts) => {
                texts.clear();
                LaneMut::Texts(texts)
            }
        };
        Out {
            values,
            present,
            failed: &mut self.failed,
        }
    }
}

/// No values of a type.
pub(super) fn empty(ty: Type) -> Values {
    match ty {
        Type::Null => Values::Null,
        Type::Boolean => Values::Boolean(Vec::new()),
        Type::Integer => Values::Integer(Vec::new()),
        Type::Number => Values::Number(Vec::new()),
        Type::Text => Values::Text(Texts::default()),
        Type::Date => Values::Date(Vec::new()),
        Type::Time => Values::Time(Vec::new()),
        Type::Timestamp => Values::Timestamp(Vec::new()),
    }
}

/// Where a step puts what it computes: empty buffers.
pub(super) struct Out<'s> {
    pub(super) values: LaneMut<'s>,
    /// A bit for each row that has a value.
    pub(super) present: &'s mut Vec<u64>,
    /// A bit for each row that could not be computed, or nothing.
    pub(super) failed: &'s mut Vec<u64>,
}

/// The values themselves.
pub(super) enum LaneMut<'s> {
    Null,
    Bits(&'s mut Vec<u64>),
    Integers(&'s mut Vec<i64>),
    Numbers(&'s mut Vec<f64>),
    Texts(&'s mut Texts),
}
