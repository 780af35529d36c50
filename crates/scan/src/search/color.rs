//! The colours of ripgrep: names, numbers and matches, as sequences of ECMA-48.
//!
//! ripgrep resets before it sets, so that a colour does not depend on what came before it; byte for byte the same here.

/// What is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Color {
    /// Names of inputs.
    Path,
    /// Line numbers.
    Line,
    /// Columns and byte offsets, which have no colour of their own.
    Column,
    /// Matches.
    Match,
}

/// Back to what the terminal has.
pub(super) const RESET: &[u8] = b"\x1b[0m";

impl Color {
    /// What switches it on.
    pub(super) const fn start(self) -> &'static [u8] {
        match self {
            Color::Path => b"\x1b[0m\x1b[35m",
            Color::Line => b"\x1b[0m\x1b[32m",
            Color::Column => b"\x1b[0m",
            Color::Match => b"\x1b[0m\x1b[1m\x1b[31m",
        }
    }

    /// Writes `text` in it, or plain.
    pub(super) fn paint(self, is_on: bool, out: &mut Vec<u8>, text: &[u8]) {
        if is_on {
            out.extend_from_slice(self.start());
            out.extend_from_slice(text);
            out.extend_from_slice(RESET);
        } else {
            out.extend_from_slice(text);
        }
    }
}
