//! Aligned columns.

use std::fmt;

use unicode_width::UnicodeWidthStr;

use super::{Paint, Role};

/// Space before a table and between its columns.
const GAP: &str = "  ";

/// One cell: its text on one line, what it is, and where it stands in its column.
#[derive(Clone, Debug)]
pub struct Cell {
    text: String,
    role: Role,
    align: Align,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Align {
    Left,
    Right,
}

impl Cell {
    /// Text that begins where its column begins.
    pub fn left(role: Role, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            role,
            align: Align::Left,
        }
    }

    /// Text that ends where its column ends: for numbers.
    pub fn right(role: Role, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            role,
            align: Align::Right,
        }
    }

    fn width(&self) -> usize {
        self.text.width()
    }
}

/// Rows of cells, each column as wide as its widest cell.
#[derive(Clone, Debug, Default)]
pub struct Table {
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// Adds a row; it may be shorter than others.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Writes the rows, indented; no line has spaces at its end.
    ///
    /// # Errors
    /// What `out` answers.
    pub fn write(&self, paint: &dyn Paint, out: &mut dyn fmt::Write) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns)
            .map(|column| {
                let cells = self.rows.iter().filter_map(|row| row.get(column));
                cells.map(Cell::width).max().unwrap_or(0)
            })
            .collect();
        for row in &self.rows {
            // Spaces wait until something follows them.
            let mut spaces = 0;
            for (cell, width) in row.iter().zip(&widths) {
                let padding = width - cell.width();
                let (before, after) = match cell.align {
                    Align::Left => (0, padding),
                    Align::Right => (padding, 0),
                };
                spaces += GAP.len() + before;
                if !cell.text.is_empty() {
                    write!(out, "{:spaces$}", "")?;
                    paint.paint(cell.role, &cell.text, out)?;
                    spaces = 0;
                }
                spaces += after;
            }
            out.write_str("\n")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::text::Uncoloured;

    #[test]
    fn columns_are_aligned_by_display_width() {
        let mut table = Table::default();
        let left = |text| Cell::left(Role::Plain, text);
        let right = |text| Cell::right(Role::Plain, text);
        table.row([left("a"), right("1"), left("x")]);
        table.row([left("数据"), right("1,000"), left("")]);
        table.row([left(""), right(""), left("y")]);
        let mut text = String::new();
        table
            .write(&Uncoloured, &mut text)
            .expect("a string takes everything");
        assert_eq!(text, "  a         1  x\n  数据  1,000\n               y\n");
    }
}
