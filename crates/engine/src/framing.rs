//! Where a record may end.
//!
//! [`Framing`] is all the engine knows of a format: either every newline ends a record, or
//! newlines inside quotes do not. For the second kind this file holds the *strict state machine*,
//! the specification that every faster way of finding borders must agree with. It is the machine
//! of the `csv-core` crate, so that Tamis and the `csv` crate see the same records.

/// How the records of an input are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Every `\n` ends a record (JSON lines, logs, CSV without quoting).
    Lines,
    /// Delimiter-separated records that may hold quoted terminators.
    Quoted(Quoting),
}

/// The bytes that matter to the record borders of a delimiter-separated input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quoting {
    /// Separates fields (`,`).
    pub delimiter: u8,
    /// Opens and closes a field that may hold delimiters and terminators; `None`: quoting is off.
    pub quote: Option<u8>,
    /// Inside quotes, makes the next byte literal (`\`); a doubled quote works as well.
    pub escape: Option<u8>,
    /// A record that starts with this byte is a comment up to the next `\n`.
    pub comment: Option<u8>,
    /// Spaces and tabs between a delimiter and a quote are not part of the field.
    pub trim: bool,
    /// The byte chunks are cut at.
    pub terminator: Terminator,
}

/// What ends a record. `\r\n`, `\n` and a bare `\r` end one under either; this says which byte is
/// common enough to cut chunks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terminator {
    /// `\n` or `\r\n`.
    Newline,
    /// Bare `\r` (old Macintosh files): found when the first 64 KiB hold `\r` and no `\n`.
    CarriageReturn,
}
