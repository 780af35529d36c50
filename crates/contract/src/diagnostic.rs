//! What is wrong with a contract, and where.
//!
//! A [`Diagnostic`] points at bytes of the contract's text. The command line draws it with the
//! lines around it; [`ContractError`] alone prints `name:line:column: message`.

use std::fmt;
use std::ops::Range;

/// One finding about a contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub level: Level,
    /// Short fixed name of the kind of finding (`unknown-key`), for filters and tests.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// Bytes of the text at fault.
    pub span: Range<usize>,
    /// The way out, if one is known.
    pub help: Option<String>,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Good to know.
    Note,
    /// Probably not what was meant; the contract can be used.
    Warning,
    /// The contract cannot be used.
    Error,
}

/// The text of a contract and what to call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContractText {
    /// Name of the input: a path, or `-`.
    pub name: String,
    /// The text; bytes that are not UTF-8 are replaced.
    pub text: String,
}

/// A contract that cannot be used: at least one diagnostic is an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContractError {
    /// What was read.
    pub source_text: ContractText,
    /// Findings in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

impl ContractText {
    /// Line and column of a byte, both from 1; columns count characters.
    pub fn line_column(&self, byte_offset: usize) -> (usize, usize) {
        let before = &self.text.as_bytes()[..byte_offset.min(self.text.len())];
        let line_start = before
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |newline| newline + 1);
        let is_first_byte = |byte: &&u8| (**byte & 0xc0) != 0x80;
        let column = before[line_start..].iter().filter(is_first_byte).count() + 1;
        (
            before.iter().filter(|&&byte| byte == b'\n').count() + 1,
            column,
        )
    }
}

impl Level {
    /// The word printed before a message.
    pub fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for ContractError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.diagnostics.iter().enumerate() {
            let (line, column) = self.source_text.line_column(diagnostic.span.start);
            let Diagnostic {
                level,
                message,
                help,
                ..
            } = diagnostic;
            let newline = if index == 0 { "" } else { "\n" };
            let name = &self.source_text.name;
            write!(
                formatter,
                "{newline}{name}:{line}:{column}: {}: {message}",
                level.name()
            )?;
            if let Some(help) = help {
                write!(formatter, " (hint: {help})")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for ContractError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_as_editors_do() {
        let text = ContractText {
            name: "-".to_owned(),
            text: "a: é\nb: x".to_owned(),
        };
        assert_eq!(text.line_column(0), (1, 1));
        assert_eq!(
            text.line_column(5),
            (1, 5),
            "after a character of two bytes"
        );
        assert_eq!(text.line_column(6), (2, 1));
        assert_eq!(text.line_column(99), (2, 5), "past the end is the end");
    }
}
