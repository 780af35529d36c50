//! JSON lines: one object per line, wanted values found where they stand.
//!
//! A [`Parser`] is made for a list of [`Path`]s, the values a contract asks about. It walks over
//! each line once, judges every byte of it, and notes kind and span of the wanted values; nothing is
//! decoded, copied or allocated. Two ideas carry the speed:
//! - a bitmap of the bytes that can end a string, made by a vector kernel for a window of lines at a
//!   time, so that no string is searched byte by byte (`lexer`);
//! - keys are expected in the order of the records before (`trail`), and compared together with the
//!   punctuation around them instead of being parsed (`joint`).
//!
//! # What is a record
//! - Lines end in `\n`; a `\r` before it is white space. A line with nothing but white space is
//!   blank: skipped, counted, not numbered.
//! - A line is well-formed exactly if `serde_json::from_slice::<serde_json::Value>` takes it: the
//!   grammar of RFC 8259, UTF-8, no lone surrogates, numbers within the range of a double (`1e400` is
//!   refused), at most 127 levels of nesting. Anything else is [`Fault::InvalidJson`], or
//!   [`Fault::InvalidUtf8`] if the line has such bytes anywhere.
//! - A well-formed line that is not an object is [`Fault::NotAnObject`].
//! - A wanted key that comes twice in its object, or twice on the way to a wanted value, makes the
//!   record [`Fault::DuplicateKey`]: parsers disagree on which one counts, and a gate must not guess.
//!   Keys that nobody asked for are not compared with each other.
//! - Keys match once decoded: `"\u0061mount"` is `amount`.
//! - A value is [`Kind::Missing`] if its key is absent, or if something on the way to it is absent,
//!   `null` or not an object. `null` itself is [`Kind::Null`].
//! - Numbers stay text: whether `1.0` is an integer is for the contract to say.
//! - A byte-order mark is not white space; who opens a file skips it.
//!
//! ```
//! use tamis_engine::kernel::Kernel;
//! use tamis_formats::jsonl::{Parser, Path};
//! use tamis_formats::{Block, Malformed, Visitor};
//!
//! struct Cities(Vec<String>);
//! impl Visitor for Cities {
//!     fn block(&mut self, block: &Block<'_>) {
//!         for row in 0..block.rows {
//!             let city = block.column(0).field(row);
//!             self.0.push(String::from_utf8_lossy(city).into_owned());
//!         }
//!     }
//!     fn malformed(&mut self, _: &Malformed<'_>) {}
//! }
//!
//! let mut cities = Cities(Vec::new());
//! let mut parser = Parser::new(&[Path::new(["address", "city"])], Kernel::detect());
//! let bytes = br#"{"id": 1, "address": {"city": "Bonn"}}"#;
//! let totals = parser.parse(bytes, true, &mut cities);
//! assert_eq!((totals.rows, cities.0), (1, vec!["Bonn".to_owned()]));
//! ```

mod discover;
mod joint;
mod lexer;
mod number;
mod parser;
mod path;
mod rows;
mod string;
mod trail;
mod walker;
mod window;

#[cfg(test)]
mod tests;

pub use discover::{Discovery, Kinds, discover};
pub use parser::Parser;
pub use path::Path;
pub use string::{decode_string, key_at};

#[cfg(doc)]
use crate::{Fault, Kind};
