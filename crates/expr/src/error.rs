//! What is wrong with an expression, and where.

use std::ops::Range;

/// An expression that cannot be used.
///
/// The command line draws it with the text it points into:
///
/// ```text
/// error: no column is named `amout`
///   |
/// 1 | amout > 100
///   | ^^^^^
///   = help: did you mean `amount`?
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}", .help.as_ref().map(|help| format!(" (hint: {help})")).unwrap_or_default())]
pub struct ExprError {
    /// What is wrong: lower case, no full stop, literals in backticks.
    pub message: String,
    /// Bytes of the text at fault; empty at the end of the text.
    pub span: Range<usize>,
    /// The way out, if one is known.
    pub help: Option<String>,
}

impl ExprError {
    pub(crate) fn new(span: Range<usize>, message: impl Into<String>) -> ExprError {
        ExprError {
            message: message.into(),
            span,
            help: None,
        }
    }

    pub(crate) fn with_help(self, help: impl Into<String>) -> ExprError {
        ExprError {
            help: Some(help.into()),
            ..self
        }
    }
}
