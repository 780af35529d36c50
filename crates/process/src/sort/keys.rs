//! What rows are ordered by, as bytes whose order is the order of the rows.
//!
//! | part of a key | bytes |
//! |---|---|
//! | null | one byte, behind or before that of a value |
//! | a value | one byte, then |
//! | integers, dates, times | eight bytes, the highest first, the sign turned over |
//! | numbers | the eight bytes of the double; negative ones turned over as a whole, others in the sign |
//! | truth values | one byte |
//! | texts | themselves, `00 FF` for a zero byte, `00 00` at the end |
//!
//! Where the order is descending, the bytes of a value are turned over.

use tamis_formats::Block;
use tamis_formats::vector::{Values, Vector};

/// One of the columns that rows are ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// Its place among the columns that are read.
    pub(super) place: usize,
    pub(super) is_descending: bool,
    pub(super) are_nulls_first: bool,
}

const NULL_FIRST: u8 = 0;
const VALUE: u8 = 1;
const NULL_LAST: u8 = 2;

impl Key {
    /// Appends the bytes of a row's value; `column` is where the block has it.
    pub(super) fn write(
        &self,
        vector: &Vector,
        block: &Block<'_>,
        column: usize,
        row: usize,
        out: &mut Vec<u8>,
    ) {
        if vector.is_null(row) {
            let is_first = self.are_nulls_first;
            return out.push(if is_first { NULL_FIRST } else { NULL_LAST });
        }
        out.push(VALUE);
        let start = out.len();
        match &vector.values {
            Values::Null => {}
            Values::Boolean(bits) => out.push((bits[row / 64] >> (row % 64) & 1) as u8),
            Values::Integer(values)
            | Values::Date(values)
            | Values::Time(values)
            | Values::Timestamp(values) => {
                out.extend_from_slice(&(values[row] ^ i64::MIN).to_be_bytes());
            }
            Values::Number(values) => {
                // Zero is zero, whatever its sign.
                let bits = (values[row] + 0.0).to_bits();
                let is_negative = bits >> 63 == 1;
                let ordered = if is_negative { !bits } else { bits | 1 << 63 };
                out.extend_from_slice(&ordered.to_be_bytes());
            }
            Values::Text(texts) => {
                let mut text = texts.get(row, block.column(column).bytes);
                while let Some(zero) = memchr::memchr(0, text) {
                    out.extend_from_slice(&text[..=zero]);
                    out.push(0xFF);
                    text = &text[zero + 1..];
                }
                out.extend_from_slice(text);
                out.extend_from_slice(&[0, 0]);
            }
        }
        if self.is_descending {
            out[start..].iter_mut().for_each(|byte| *byte = !*byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;
    use tamis_engine::kernel::Kernel;
    use tamis_formats::columns::{Batch, Columns};
    use tamis_formats::vector::{Nulls, Reader, Type};

    use super::*;

    /// The keys of a column of texts, in both orders.
    fn keys(texts: &[Option<String>], ty: Type, key: Key) -> Vec<Vec<u8>> {
        let mut rows = Columns::new(1);
        for text in texts {
            match text {
                Some(text) => rows.column(0).string(text).unwrap(),
                None => rows.column(0).null(),
            }
            rows.end_row();
        }
        let mut reader = Reader::new(None, b'.', Nulls::common(), Kernel::detect());
        let (mut vector, mut keys) = (Vector::default(), Vec::new());
        rows.for_each_block(&mut |block| {
            reader.read(block, 0, ty, &mut vector).unwrap();
            for row in 0..block.rows {
                let mut bytes = Vec::new();
                key.write(&vector, block, 0, row, &mut bytes);
                keys.push(bytes);
            }
        })
        .unwrap();
        keys
    }

    proptest! {
        /// Goal: bytes are ordered as values are, and no key is the beginning of another.
        #[test]
        fn texts_keep_their_order(texts in vec(option::of("[a\0\u{1}]{0,4}|[a-zé]{0,9}"), 2..9), is_descending: bool, are_nulls_first: bool) {
            let key = Key { place: 0, is_descending, are_nulls_first };
            let keys = keys(&texts, Type::Text, key);
            for (one, one_key) in texts.iter().zip(&keys) {
                for (other, other_key) in texts.iter().zip(&keys) {
                    let by_value = match is_descending {
                        true => other.as_deref().map(str::as_bytes).cmp(&one.as_deref().map(str::as_bytes)),
                        false => one.as_deref().map(str::as_bytes).cmp(&other.as_deref().map(str::as_bytes)),
                    };
                    let expected = match (one, other) {
                        (Some(_), Some(_)) => by_value,
                        _ if are_nulls_first => one.is_some().cmp(&other.is_some()),
                        _ => one.is_none().cmp(&other.is_none()),
                    };
                    prop_assert_eq!(one_key.cmp(other_key), expected, "{:?} {:?}", one, other);
                    prop_assert!(one_key == other_key || !other_key.starts_with(one_key));
                }
            }
        }

        #[test]
        fn doubles_keep_their_order(one in any::<f64>(), other in any::<f64>()) {
            prop_assume!(one.is_finite() && other.is_finite());
            let vector = Vector { rows: 2, present: vec![3], values: Values::Number(vec![one, other]) };
            let key = Key { place: 0, is_descending: false, are_nulls_first: false };
            let block = Block::apart(&[], 2);
            let [one_key, other_key] = [0, 1].map(|row| {
                let mut bytes = Vec::new();
                key.write(&vector, &block, 0, row, &mut bytes);
                bytes
            });
            prop_assert_eq!(Some(one_key.cmp(&other_key)), one.partial_cmp(&other));
        }
    }
}
