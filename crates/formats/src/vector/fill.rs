//! Values into a vector, row by row; those that are not set are null.

use tamis_engine::kernel::Moment;

use super::{Place, Texts, Type, Values, Vector};

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

impl Vector {
    /// `rows` rows of that type, all null.
    pub fn start(&mut self, ty: Type, rows: usize) {
        fn zeros<T: Clone + Default>(mut values: Vec<T>, count: usize) -> Vec<T> {
            values.clear();
            values.resize(count, T::default());
            values
        }
        self.rows = rows;
        self.present = zeros(std::mem::take(&mut self.present), rows.div_ceil(64));
        let whole = match std::mem::take(&mut self.values) {
            Values::Integer(values)
            | Values::Date(values)
            | Values::Time(values)
            | Values::Timestamp(values) => values,
            other => {
                self.values = other;
                Vec::new()
            }
        };
        let old = std::mem::take(&mut self.values);
        self.values = match (ty, old) {
            (Type::Null, _) => Values::Null,
            (Type::Boolean, Values::Boolean(bits)) => {
                Values::Boolean(zeros(bits, rows.div_ceil(64)))
            }
            (Type::Boolean, _) => Values::Boolean(vec![0; rows.div_ceil(64)]),
            (Type::Number, Values::Number(values)) => Values::Number(zeros(values, rows)),
            (Type::Number, _) => Values::Number(vec![0.0; rows]),
            (Type::Text, Values::Text(mut texts)) => {
                texts.start(rows);
                Values::Text(texts)
            }
            (Type::Text, _) => {
                let mut texts = Texts::default();
                texts.start(rows);
                Values::Text(texts)
            }
            (Type::Integer, _) => Values::Integer(zeros(whole, rows)),
            (Type::Date, _) => Values::Date(zeros(whole, rows)),
            (Type::Time, _) => Values::Time(zeros(whole, rows)),
            (Type::Timestamp, _) => Values::Timestamp(zeros(whole, rows)),
        };
    }

    fn set_present(&mut self, row: usize) -> bool {
        self.present[row / 64] |= 1 << (row % 64);
        true
    }

    pub(super) fn set_boolean(&mut self, row: usize, value: bool) -> bool {
        let Values::Boolean(bits) = &mut self.values else {
            return false;
        };
        bits[row / 64] |= u64::from(value) << (row % 64);
        self.set_present(row)
    }

    pub(super) fn set_integer(&mut self, row: usize, value: i64) -> bool {
        let Values::Integer(values) = &mut self.values else {
            return false;
        };
        values[row] = value;
        self.set_present(row)
    }

    pub(super) fn set_number(&mut self, row: usize, value: f64) -> bool {
        let Values::Number(values) = &mut self.values else {
            return false;
        };
        values[row] = value;
        self.set_present(row)
    }

    pub(super) fn set_moment(&mut self, row: usize, ty: Type, moment: Moment) -> bool {
        let (Values::Date(values) | Values::Time(values) | Values::Timestamp(values)) =
            &mut self.values
        else {
            return false;
        };
        values[row] = match ty {
            Type::Date => moment.seconds.div_euclid(SECONDS_PER_DAY),
            _ => moment.seconds * MICROS_PER_SECOND + i64::from(moment.nanos / 1000),
        };
        self.set_present(row)
    }

    /// A text that lies in `bytes` is kept as its place, another one is copied.
    pub(super) fn set_text(&mut self, row: usize, text: &[u8], bytes: &[u8]) -> bool {
        let Values::Text(texts) = &mut self.values else {
            return false;
        };
        let within = bytes.as_ptr_range();
        texts.places[row] = match within.contains(&text.as_ptr()) {
            true => {
                let start = text.as_ptr() as usize - bytes.as_ptr() as usize;
                Place::raw(start, start + text.len())
            }
            false => {
                let start = texts.decoded.len();
                texts.decoded.extend_from_slice(text);
                Place::decoded(start, texts.decoded.len())
            }
        };
        self.set_present(row)
    }
}

impl Texts {
    fn start(&mut self, rows: usize) {
        self.clear();
        self.places.resize(rows, Place::raw(0, 0));
    }
}
