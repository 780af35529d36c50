//! What a piece of the text is, so that somebody else can colour it.

use std::fmt;

/// What a piece of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Text like any other.
    Plain,
    /// The verdict on good data.
    Good,
    /// The verdict on bad data, and what made it bad.
    Bad,
    /// What is only counted.
    Warning,
    /// The name of a section or a column of a table.
    Heading,
    /// A value from the data.
    Value,
    /// What matters less.
    Faint,
}

/// Writes text in the colour of its role.
pub trait Paint {
    /// Writes `text`, whose role is `role`.
    ///
    /// # Errors
    /// What `out` answers.
    fn paint(&self, role: Role, text: &str, out: &mut dyn fmt::Write) -> fmt::Result;
}

/// No colours.
#[derive(Clone, Copy, Debug, Default)]
pub struct Uncoloured;

impl Paint for Uncoloured {
    fn paint(&self, _: Role, text: &str, out: &mut dyn fmt::Write) -> fmt::Result {
        out.write_str(text)
    }
}
