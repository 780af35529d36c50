//! Date formats that are ISO 8601 in disguise: the engine has a kernel for those.
//!
//! The kernel takes every fraction and offset, a format only one layout. So a value has the format
//! exactly if the kernel accepts it *and* each byte fits the layout.

use tamis_engine::kernel::DateTimeShape;

use crate::pattern::Position;

use super::{DateFormat, Field, Item};

/// What the engine's kernels check instead of a date format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IsoShape {
    /// The kernel that judges the calendar.
    pub shape: DateTimeShape,
    /// The bytes allowed at each place, when the shape alone accepts more than the format.
    pub layout: Option<Vec<Position>>,
}

/// One byte of a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cell {
    Digit(Field),
    FractionDigit,
    Byte(u8),
}

impl DateFormat {
    /// The kernels that accept exactly the values of this format and read the same moment; `None`
    /// if there are none.
    pub fn iso_shape(&self) -> Option<IsoShape> {
        let all = cells(&self.items)?;
        let date = cells(&super::iso_date())?;
        let after_date = all.strip_prefix(date.as_slice());
        let (shape, rest) = match after_date {
            Some([]) => {
                return Some(IsoShape {
                    shape: DateTimeShape::Date,
                    layout: None,
                });
            }
            Some([Cell::Byte(b'T' | b' '), time @ ..]) => (DateTimeShape::DateTime, time),
            Some(_) => return None,
            None => (DateTimeShape::Time, all.as_slice()),
        };
        let mut rest = rest.strip_prefix(time_cells().as_slice())?;
        if let [Cell::Byte(b'.'), fraction @ ..] = rest {
            let digits = fraction
                .iter()
                .take_while(|cell| **cell == Cell::FractionDigit)
                .count();
            rest = (1..=9).contains(&digits).then(|| &fraction[digits..])?;
        }
        let is_utc = shape == DateTimeShape::DateTime && rest == [Cell::Byte(b'Z')];
        let is_whole = rest.is_empty() || is_utc;
        is_whole.then(|| IsoShape {
            shape,
            layout: Some(all.iter().map(position).collect()),
        })
    }
}

/// `HH:mm:ss`.
fn time_cells() -> Vec<Cell> {
    let two = |field| [Cell::Digit(field); 2];
    let colon = [Cell::Byte(b':')];
    [
        &two(Field::Hour)[..],
        &colon,
        &two(Field::Minute),
        &colon,
        &two(Field::Second),
    ]
    .concat()
}

/// The bytes of a value, if every value of the format has the same length.
fn cells(items: &[Item]) -> Option<Vec<Cell>> {
    let mut cells = Vec::new();
    for item in items {
        match item {
            Item::Literal(literal) => cells.extend(literal.iter().copied().map(Cell::Byte)),
            Item::Number { field, min, max } if min == max => {
                cells.extend(std::iter::repeat_n(Cell::Digit(*field), usize::from(*min)));
            }
            Item::Fraction { min, max } if min == max => {
                cells.extend(std::iter::repeat_n(Cell::FractionDigit, usize::from(*min)));
            }
            _ => return None,
        }
    }
    Some(cells)
}

fn position(cell: &Cell) -> Position {
    let range = match *cell {
        Cell::Digit(_) | Cell::FractionDigit => (b'0', b'9'),
        Cell::Byte(byte) => (byte, byte),
    };
    Position {
        ranges: vec![range],
    }
}
