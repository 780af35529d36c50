//! Patterns: the regular expressions of a contract, compiled.
//!
//! The dialect is that of ECMA-262 with fixed meanings where engines differ: `\d` and `\w` are
//! ASCII, `$` is the end of the text and nothing else, and a pattern matches anywhere in a value
//! unless it is anchored. Lookaround and back-references are refused: they cannot be matched in
//! one pass over the bytes.
//!
//! ```
//! use tamis_contract::pattern::Pattern;
//!
//! let id = Pattern::compile(r"^TX\d{10}$")?;
//! assert!(id.is_match(b"TX0123456789"));
//! assert!(!id.is_match(b"TX0123456789\n"));
//! # Ok::<(), tamis_contract::pattern::PatternError>(())
//! ```

mod class;
mod matcher;
mod parse;
mod shape;
#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use matcher::Matcher;
pub use shape::{Position, Shape};

/// A compiled pattern. Cheap to clone, usable from several threads at once.
#[derive(Clone)]
pub struct Pattern {
    source: Arc<str>,
    matcher: Matcher,
    shape: Shape,
}

/// Why a pattern does not compile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PatternError {
    /// Bytes of the pattern at fault.
    pub span: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// The way out, if one is known.
    pub help: Option<String>,
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// [`PatternError`] if it is malformed, uses what the dialect leaves out, or grows too large.
    pub fn compile(pattern: &str) -> Result<Self, PatternError> {
        let hir = parse::parse(pattern)?;
        let matcher = Matcher::new(&hir).ok_or_else(|| PatternError {
            span: 0..pattern.len(),
            message: "the pattern is too large".to_owned(),
            help: Some("smaller counts in `{n,m}`, or narrower classes than `.` and `\\p{...}` inside them".to_owned()),
        })?;
        Ok(Self {
            source: pattern.into(),
            matcher,
            shape: Shape::of(&hir),
        })
    }

    /// Whether the pattern matches anywhere in `text`. Allocates nothing.
    pub fn is_match(&self, text: impl AsRef<[u8]>) -> bool {
        self.matcher.is_match(text.as_ref())
    }

    /// What the pattern looks like, for choosing a faster matcher.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.source
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Pattern({:?})", self.source)
    }
}

/// Patterns are equal when they are written the same.
impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Pattern {}
