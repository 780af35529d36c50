//! Lines that match a pattern, as ripgrep prints them, one file on all cores.
//!
//! - [`inputs`] says which files are searched, [`tree`] searches them: small ones whole, each by one thread, large ones by all
//!   ([`one`]), parts of them if asked ([`range`]);
//! - [`pattern`] makes one expression of what was typed, [`matcher`] finds the next line that matches, the fastest way there is;
//!   [`condition`] narrows lines by further patterns;
//! - [`worker`] makes a [`part`] of a chunk: its lines that match, written as [`row`] or [`json`] have them, without what only the chunks
//!   before it tell;
//! - [`input`] merges the parts of an input, in order: line numbers, context, limits, notes; [`output`] keeps inputs apart;
//! - [`multiline`] leaves matches over several lines to ripgrep's libraries.
//!
//! ```
//! use tamis_scan::search::{LineMatcher, MatcherOptions};
//!
//! let matcher = LineMatcher::new(&["b+".to_owned()], &MatcherOptions::default())?;
//! let line = matcher.find_line(&mut matcher.cache(), b"a\nabb\nc\n", 0);
//! assert_eq!(line, Some(2..5));
//! # Ok::<(), tamis_scan::Error>(())
//! ```

mod color;
mod condition;
mod frequency;
mod grams;
mod input;
mod inputs;
mod json;
mod lines;
mod literals;
pub mod matcher;
mod multiline;
mod name;
mod one;
mod options;
mod output;
mod part;
pub mod pattern;
mod range;
mod required;
mod rewrite;
mod row;
mod small;
mod stats;
#[cfg(test)]
mod tests;
mod text;
mod tree;
mod trust;
mod window;
mod worker;

pub use condition::Condition;
pub use input::Found;
pub use inputs::{Filter, Inputs, Order, Selection};
pub use matcher::{Cache, Captures, LineMatcher};
pub use multiline::Multiline;
pub use one::Reading;
pub use options::{BinaryFiles, Report, Search, Style};
pub use output::{Output, Watcher};
pub use pattern::{Boundary, Case, LineEnd, MatcherOptions};
pub use range::Extent;
pub use stats::Stats;
pub use tree::{Given, Outcome, search};
