//! Delimiter-separated values.
//!
//! [`Parser`] splits a chunk of whole records into [blocks](crate::Block) of field ends; fields stay
//! raw, with their quotes. Whoever needs a value asks [`decode()`]; whoever runs a kernel over a
//! column asks [`unquote_column`] for the text between simple quotes.
//!
//! Records and values are those of the `csv` crate with `flexible(true)`, with two exceptions: a
//! record with too many or too few fields is [malformed](crate::Malformed), and so is one whose quote is
//! never closed, which the crate ends silently at the end of the input.

mod decode;
mod dialect;
mod header;
mod parser;
mod run;
mod splitter;
#[cfg(test)]
mod tests;
mod unquote;

pub use decode::{decode, write_field};
pub use dialect::Dialect;
pub use header::{Header, fields, read_header};
pub use parser::Parser;
pub(crate) use splitter::{Piece, Splitter};
pub use unquote::unquote_column;
