//! Parquet: row groups, read and decoded in parallel, and only the columns that somebody asks for.
//!
//! ```text
//! footer ─► row groups ─ cut into pieces ─► pages of the wanted columns ─► arrays of some ten thousand rows
//! ```
//!
//! The footer is read once, when the file is opened, and shared by all threads. A piece is a row group; where there are few
//! of them and many threads, or a piece may not have so many rows, it is some rows of one. A page in front of these rows is
//! skipped by its header alone.
//!
//! Decoding is Apache's `parquet` crate. What a file says of itself is doubted before that crate believes it:
//! [`chunk`] looks at the sizes that a page claims before it is unpacked, [`pages`] at its counts before they are
//! allocated for. Row groups must have the rows that the footer says.

mod chunk;
mod file;
mod interval;
mod leaves;
mod nearest;
mod options;
mod pages;
mod repetition;
#[cfg(test)]
mod tests;
mod writer;

pub use file::ParquetFile;
pub use options::{Compression, ROW_GROUP_ROWS, WriterOptions};
pub use writer::Writer;

use ::parquet::errors::ParquetError;

/// What a library's error says, without the names it has for itself, and in a line: flatbuffers tell where they were.
pub(crate) fn message(error: impl std::fmt::Display) -> String {
    const PREFIXES: [&str; 9] = [
        "Parquet argument error: ",
        "Parquet error: ",
        "External error: ",
        "External: ",
        "Arrow: ",
        "EOF: ",
        "NYI: ",
        "Invalid argument error: ",
        "Ipc error: ",
    ];
    let text = error.to_string();
    let mut rest = text.as_str();
    while let Some(shorter) = PREFIXES.iter().find_map(|prefix| rest.strip_prefix(prefix)) {
        rest = shorter;
    }
    let first = rest.lines().next().unwrap_or_default();
    first.trim_end_matches('.').to_owned()
}

/// An error in words of our own, for the library to carry.
fn refused(message: String) -> ParquetError {
    ParquetError::General(message)
}
