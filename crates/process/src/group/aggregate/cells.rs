//! The cells of a row of the result, on their way from states to the output.

use super::bytes::{Input, put_bytes};

/// The cells of a row of the result.
#[derive(Debug, Default)]
pub(in crate::group) struct Cells {
    bytes: Vec<u8>,
    /// A figure among all cells so far is an estimate.
    pub(in crate::group) is_estimated: bool,
    /// Figures among all cells so far that are beyond all doubles, and so null.
    pub(in crate::group) failed: u64,
}

/// What a cell is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::group) enum Cell {
    Null,
    /// A number or a truth value: without quotes in JSON.
    Bare,
    Text,
}

impl Cells {
    pub(in crate::group) fn clear(&mut self) {
        self.bytes.clear();
    }

    pub(in crate::group) fn null(&mut self) {
        self.push(Cell::Null, b"");
    }

    pub(in crate::group) fn bare(&mut self, text: &[u8]) {
        self.push(Cell::Bare, text);
    }

    pub(in crate::group) fn text(&mut self, text: &[u8]) {
        self.push(Cell::Text, text);
    }

    pub(in crate::group) fn double(&mut self, value: f64) {
        if !value.is_finite() {
            // A sum or a variance beyond all doubles.
            self.failed += 1;
            return self.null();
        }
        // Zero has one form here, as it has in sums.
        self.bare(format!("{}", value + 0.0).as_bytes());
    }

    fn push(&mut self, cell: Cell, text: &[u8]) {
        self.bytes.push(cell as u8);
        put_bytes(text, &mut self.bytes);
    }

    /// All cells, as they travel in a run.
    pub(in crate::group) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    #[cfg(test)]
    pub(in crate::group) fn iter(&self) -> impl Iterator<Item = (Cell, &[u8])> {
        cells_of(&self.bytes)
    }
}

/// The cells that [`Cells::as_bytes`] gave.
pub(in crate::group) fn cells_of(bytes: &[u8]) -> impl Iterator<Item = (Cell, &[u8])> {
    let mut input = Input(bytes);
    std::iter::from_fn(move || {
        if input.0.is_empty() {
            return None;
        }
        let cell = match input.u8() {
            0 => Cell::Null,
            1 => Cell::Bare,
            _ => Cell::Text,
        };
        Some((cell, input.bytes()))
    })
}
