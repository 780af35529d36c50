//! Why an input's format cannot be settled.
//!
//! A record that does not fit is a [`Fault`](crate::Fault), a result; these errors mean that there
//! is nothing to parse by: an impossible dialect, no header, an encoding nobody declared.

use crate::sniff::Format;

/// An input's format is unusable or unknown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A special byte of a dialect is outside ASCII, so that it could be half of a character.
    #[error("the {role} must be one ASCII character, found byte 0x{byte:02x}")]
    NotAscii {
        /// `delimiter`, `quote`, `escape` or `comment`.
        role: &'static str,
        /// The byte that was asked for.
        byte: u8,
    },
    /// A special byte of a dialect is `\n` or `\r`, which end records.
    #[error("the {role} cannot be a line end")]
    LineEnd {
        /// `delimiter`, `quote`, `escape` or `comment`.
        role: &'static str,
    },
    /// Two special bytes of a dialect are the same.
    #[error("the {role} and the {other} cannot both be `{}`", .byte.escape_ascii())]
    SameByte {
        /// `delimiter`, `quote`, `escape` or `comment`.
        role: &'static str,
        /// The other one.
        other: &'static str,
        /// The byte both have.
        byte: u8,
    },
    /// An escape works inside quotes, and quoting is off.
    #[error("an escape character works inside quotes only, and quoting is off")]
    EscapeWithoutQuote,
    /// The input holds no record, so there is no header either.
    #[error("no header: the input has no records")]
    HeaderMissing,
    /// The header does not end within the bytes at hand.
    #[error("the header does not end within the first {len_bytes} bytes")]
    HeaderTooLong {
        /// How many bytes were looked at.
        len_bytes: usize,
    },
    /// A quote opened in the header is never closed.
    #[error("byte {byte_offset}: the header opens a quote that is never closed")]
    HeaderUnclosedQuote {
        /// Where the quote stands.
        byte_offset: usize,
    },
    /// The header is not UTF-8.
    #[error(
        "byte {byte_offset}: the header is not UTF-8 (declare its encoding, for example `--encoding windows-1252`)"
    )]
    HeaderInvalidUtf8 {
        /// First bad byte.
        byte_offset: usize,
    },
    /// The first bytes show an encoding that must be declared.
    #[error("the input looks like {encoding}: {remedy}")]
    Undeclared {
        /// What the bytes look like.
        encoding: &'static str,
        /// What to do about it.
        remedy: &'static str,
    },
    /// A format that this build cannot read.
    #[error(
        "the input is {format}, which this build cannot read: build it with the cargo feature `{feature}`"
    )]
    NotBuiltIn {
        /// What it is.
        format: Format,
        /// The feature that reads it.
        feature: &'static str,
    },
    /// The schema of the messages cannot be used.
    #[error("{message}")]
    Schema {
        /// The file and what is wrong with it.
        message: String,
    },
    /// Nobody said what the messages are.
    #[error(
        "the input is Protobuf, which does not say what its messages are: give their schema, with `--proto FILE` or `--descriptor-set FILE`"
    )]
    SchemaMissing,
    /// A format that is not made of lines, where lines are needed.
    #[error("the input is {format}, and this takes lines of text: CSV or JSON lines")]
    NotText {
        /// What it is.
        format: Format,
    },
    /// No encoding has this name.
    #[error(
        "unknown encoding `{label}` (try `utf-8`, `latin1`, `windows-1252`, `utf-16`, or a label of the WHATWG encoding standard)"
    )]
    UnknownEncoding {
        /// The name as given.
        label: String,
    },
    /// A value is longer than a batch can hold.
    #[error("a value of {len_bytes} bytes is longer than the {limit_bytes} that can be checked")]
    ValueTooLong {
        /// Its length, or that of the batch with it.
        len_bytes: usize,
        /// The limit.
        limit_bytes: usize,
    },
    /// A text that is said to be UTF-8 is not.
    #[error("column `{column}` holds a string that is no UTF-8: `{shown}`")]
    NotUtf8 {
        /// Its name.
        column: String,
        /// The text, as far as it can be shown.
        shown: String,
    },
    /// A column has rules, and values that no rule can be held against.
    #[error("column `{column}` holds {data_type} values, which cannot be checked: {remedy}")]
    UnsupportedType {
        /// Its name.
        column: String,
        /// The type's name in its own system.
        data_type: String,
        /// What to do about it.
        remedy: &'static str,
    },
    /// A column has to be shown as text, and its values have none.
    #[error(
        "column `{column}` holds {data_type} values, which have no text{}: leave it out, as `tamis select --columns '!{column}'` does, or write Parquet or Arrow, which keep it as it is",
        because(.shown)
    )]
    NoText {
        /// Its name.
        column: String,
        /// The type's name in its own system.
        data_type: String,
        /// Bytes that are no UTF-8, as far as they can be shown, where the type could have texts.
        shown: Option<String>,
    },
    /// A column that only a part can be read of.
    #[error(
        "column `{column}` holds {data_type} values, {reason}: leave it out, as `tamis select --columns '!{column}'` does"
    )]
    NotWhole {
        /// Its name.
        column: String,
        /// The type's name in its own system.
        data_type: String,
        /// What cannot be read of them.
        reason: &'static str,
    },
    /// A column is of another type than in the input before it, and one cannot become the other without loss.
    #[error(
        "column `{column}` holds {data_type} values here and {expected} in the first input: say what it is, for example `--types '{column}:text'`"
    )]
    OtherType {
        /// Its name.
        column: String,
        /// The type's name in its own system.
        data_type: String,
        /// That of the first input.
        expected: String,
    },
    /// A column whose values cannot be moved about row by row.
    #[error(
        "column `{column}` holds {data_type} values, which cannot be sorted or sampled: leave the column out, or write another format"
    )]
    NotRows {
        /// Its name.
        column: String,
        /// The type's name in its own system.
        data_type: String,
    },
    /// A column that a format has no place for, or one of its values.
    #[error(
        "column `{column}` holds {data_type} values, which cannot be written ({message}): leave it out, as `--columns '!{column}'` does, or write another format"
    )]
    Unwritable {
        /// Its name.
        column: String,
        /// The type's name in its own system.
        data_type: String,
        /// Why not.
        message: String,
    },
    /// A format that has no such codec.
    #[error("{format} cannot be packed with {codec}: {known} can be asked for")]
    OtherCodec {
        /// What is to be written.
        format: Format,
        /// The codec.
        codec: String,
        /// Those that the format has.
        known: &'static str,
    },
    /// A file of records is damaged, or says of itself what is not so.
    #[error("{place}: {message}")]
    Damaged {
        /// Where: `footer`, `row group 3`, `record batch 7`.
        place: String,
        /// What was found, and what was expected.
        message: String,
    },
}

/// Why a value has no text.
fn because(shown: &Option<String>) -> String {
    let of = |shown| format!(" (`{shown}` is no UTF-8)");
    shown.as_ref().map(of).unwrap_or_default()
}

impl Error {
    /// The same of a part of `column`, where it says which of its parts it is about.
    #[cfg(feature = "arrow")]
    #[must_use]
    pub(crate) fn within(mut self, outer: &str) -> Error {
        if let Error::NoText { column, .. } | Error::NotUtf8 { column, .. } = &mut self {
            *column = match column.as_str() {
                "" => outer.to_owned(),
                inner => format!("{outer}.{inner}"),
            };
        }
        self
    }
}
