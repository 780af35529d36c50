//! Columns that are written as they are, of which it is enough to know which rows have a value.

use super::{Type, Vector};
use crate::{Block, Kind};

impl Vector {
    /// Becomes a column of type `ty` of which nothing is known but which rows have a value; what stands in them has no meaning.
    /// `false` if some value must be read to know that it is one of the type: the text of a number says itself that it is one,
    /// however large it is, and that of a CSV field does not.
    pub fn note_present(&mut self, block: &Block<'_>, column: usize, ty: Type) -> bool {
        let says_itself = |kind: Kind| match kind {
            Kind::Null | Kind::Missing => true,
            Kind::Number => matches!(ty, Type::Integer | Type::Number),
            Kind::Boolean => ty == Type::Boolean,
            // A moment, as columnar files have it.
            Kind::String => matches!(ty, Type::Date | Type::Time | Type::Timestamp | Type::Text),
            Kind::EscapedString | Kind::Object | Kind::Array => ty == Type::Text,
            Kind::Text => false,
        };
        let spans = block.column(column);
        let is_present =
            |row: usize| !matches!(block.kind(row, column), Kind::Null | Kind::Missing);
        let all_say = match (block.only_kind(column), block.each_kind(column)) {
            (Some(kind), _) => says_itself(kind),
            (None, Some((kinds, step))) => {
                let mut kinds = kinds.iter().step_by(step).take(spans.rows);
                kinds.all(|&kind| says_itself(kind))
            }
            (None, None) => false,
        };
        if all_say {
            self.start(ty, block.rows);
            for row in (0..block.rows).filter(|&row| is_present(row)) {
                self.present[row / 64] |= 1 << (row % 64);
            }
        }
        all_say
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::{Batch, Columns};

    #[test]
    fn values_of_any_size_are_there() {
        let mut rows = Columns::new(3);
        for (number, text) in [(Some("18446744073709551615"), "1"), (None, "2")] {
            match number {
                Some(number) => rows.column(0).number(number).unwrap(),
                None => rows.column(0).null(),
            }
            rows.column(1).string("+10000-01-01").unwrap();
            rows.column(2).text(text).unwrap();
            rows.end_row();
        }
        rows.for_each_block(&mut |block| {
            let mut vector = Vector::default();
            assert!(vector.note_present(block, 0, Type::Integer));
            assert_eq!((vector.ty(), vector.rows), (Type::Integer, 2));
            assert_eq!(vector.present, [0b01]);
            assert!(vector.note_present(block, 1, Type::Date));
            assert_eq!(vector.present, [0b11]);
            assert!(!vector.note_present(block, 0, Type::Boolean));
            assert!(!vector.note_present(block, 1, Type::Number));
            assert!(!vector.note_present(block, 2, Type::Integer));
        })
        .unwrap();
    }
}
