//! From what the user typed to one expression: the rules of ripgrep, as `grep-regex` has them.
//!
//! 1. All patterns become one alternation; patterns without meta characters, and all under
//!    [`fixed_strings`](MatcherOptions::fixed_strings), become literals.
//! 2. Smart case looks at all patterns together, and at literals only: `\S` is no capital.
//! 3. The line terminator is taken out of classes (`\s`, `[^a]`); as a literal it is an error.
//! 4. `-x` and `-w` go around the whole alternation.
//!
//! The expression is built here and not by `grep-regex`, because that crate keeps its expression to
//! itself and [`required`](super::required) needs one. What it refuses is left for `grep-regex` to
//! explain, so that messages read as ripgrep's do.

use grep_regex::RegexMatcherBuilder;
use regex_syntax::ast::{self, Ast};
use regex_syntax::hir::{Hir, Look, translate::TranslatorBuilder};
use tamis_engine::kernel::Kernel;

use super::rewrite::{must_match, without};
use crate::{Error, Result};

/// Whether `a` matches `A`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Case {
    /// As typed.
    #[default]
    Sensitive,
    /// Capitals and small letters are the same.
    Insensitive,
    /// Insensitive unless a pattern has a capital.
    Smart,
}

/// What must surround a match.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Boundary {
    /// Anything.
    #[default]
    None,
    /// No word character on either side.
    Word,
    /// The ends of the line.
    Line,
}

/// What ends a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LineEnd {
    /// `\n`; a `\r` before it is part of the line.
    #[default]
    Lf,
    /// `\n`, and `$` stands before a `\r` that precedes it.
    CrLf,
    /// `\0`.
    Nul,
}

impl LineEnd {
    /// The byte that ends a line.
    pub const fn byte(self) -> u8 {
        match self {
            LineEnd::Lf | LineEnd::CrLf => b'\n',
            LineEnd::Nul => b'\0',
        }
    }

    /// Bytes that no match contains.
    fn stripped(self) -> &'static [u8] {
        match self {
            LineEnd::Lf => b"\n",
            LineEnd::CrLf => b"\r\n",
            LineEnd::Nul => b"\0",
        }
    }
}

/// How patterns are read; the default is ripgrep's.
#[derive(Clone, Debug)]
pub struct MatcherOptions {
    /// Whether `a` matches `A`.
    pub case: Case,
    /// What must surround a match.
    pub boundary: Boundary,
    /// What ends a line.
    pub line_end: LineEnd,
    /// Patterns are text, not expressions.
    pub fixed_strings: bool,
    /// `\w`, `.` and case know Unicode; otherwise ASCII and bytes.
    pub unicode: bool,
    /// A byte that patterns must not ask for: NUL, where binary files are not searched to the end.
    pub banned: Option<u8>,
    /// The instructions that candidates are looked for with.
    pub kernel: Kernel,
    /// Largest compiled expression.
    pub size_limit_bytes: usize,
    /// Largest memory for the states of the automaton, per thread. Past it they are made anew, which is
    /// slower and no error.
    pub states_limit_bytes: usize,
}

impl Default for MatcherOptions {
    fn default() -> Self {
        Self {
            case: Case::default(),
            boundary: Boundary::default(),
            line_end: LineEnd::default(),
            fixed_strings: false,
            unicode: true,
            banned: None,
            kernel: Kernel::detect(),
            size_limit_bytes: 100 << 20,
            states_limit_bytes: 16 << 20,
        }
    }
}

/// How deep groups may nest, as in ripgrep.
const NEST_LIMIT: u32 = 250;

impl MatcherOptions {
    /// The expression that matches where any of `patterns` does.
    ///
    /// # Errors
    /// [`Error::Pattern`] with the message of `grep-regex`.
    pub(super) fn expression(&self, patterns: &[String]) -> Result<Hir> {
        match self.build(patterns) {
            Some(hir) => Ok(self.bounded(hir)),
            None => Err(self.refusal(patterns)),
        }
    }

    /// `None` if it is not an expression that can be searched for.
    fn build(&self, patterns: &[String]) -> Option<Hir> {
        if self.are_literals(patterns) {
            let literals = patterns.iter().map(|text| Hir::literal(text.as_bytes()));
            return Some(Hir::alternation(literals.collect()));
        }
        let branches: Vec<_> = patterns
            .iter()
            .map(|pattern| {
                if self.fixed_strings {
                    format!("(?:{})", regex_syntax::escape(pattern))
                } else {
                    format!("(?:{pattern})")
                }
            })
            .collect();
        let joined = branches.join("|");
        let tree = ast::parse::ParserBuilder::new()
            .nest_limit(NEST_LIMIT)
            .build()
            .parse(&joined)
            .ok()?;
        let hir = TranslatorBuilder::new()
            .utf8(false)
            .case_insensitive(self.ignores_case(&tree))
            .multi_line(true)
            .crlf(self.line_end == LineEnd::CrLf)
            .unicode(self.unicode)
            .build()
            .translate(&joined, &tree)
            .ok()?;
        if self.banned.is_some_and(|byte| must_match(&hir, byte)) {
            return None;
        }
        self.line_end
            .stripped()
            .iter()
            .try_fold(hir, |hir, &byte| without(hir, byte))
    }

    /// Whether the patterns can be taken as they are, without the parser.
    fn are_literals(&self, patterns: &[String]) -> bool {
        self.case == Case::Sensitive
            && patterns.iter().all(|pattern| {
                (self.fixed_strings || !pattern.chars().any(regex_syntax::is_meta_character))
                    && !pattern
                        .bytes()
                        .any(|byte| self.line_end.stripped().contains(&byte))
            })
    }

    fn ignores_case(&self, tree: &Ast) -> bool {
        match self.case {
            Case::Sensitive => false,
            Case::Insensitive => true,
            Case::Smart => {
                let Ok(letters) = ast::visit(tree, Letters::default());
                letters.any && !letters.capital
            }
        }
    }

    fn bounded(&self, hir: Hir) -> Hir {
        let (before, after) = match (self.boundary, self.line_end, self.unicode) {
            (Boundary::None, ..) => return hir,
            (Boundary::Word, _, true) => (Look::WordStartHalfUnicode, Look::WordEndHalfUnicode),
            (Boundary::Word, _, false) => (Look::WordStartHalfAscii, Look::WordEndHalfAscii),
            (Boundary::Line, LineEnd::CrLf, _) => (Look::StartCRLF, Look::EndCRLF),
            (Boundary::Line, ..) => (Look::StartLF, Look::EndLF),
        };
        Hir::concat(vec![Hir::look(before), hir, Hir::look(after)])
    }

    /// Why `patterns` cannot be searched for.
    pub(super) fn refusal(&self, patterns: &[String]) -> Error {
        let message = match self.grep_regex().build_many(patterns) {
            Err(error) => error.to_string(),
            Ok(_) => "the pattern cannot be compiled".to_owned(),
        };
        Error::Pattern { message }
    }

    /// The same options for `grep-regex`.
    pub(super) fn grep_regex(&self) -> RegexMatcherBuilder {
        let mut builder = RegexMatcherBuilder::new();
        builder
            .multi_line(true)
            .unicode(self.unicode)
            .fixed_strings(self.fixed_strings)
            .case_insensitive(self.case == Case::Insensitive)
            .case_smart(self.case == Case::Smart)
            .word(self.boundary == Boundary::Word)
            .whole_line(self.boundary == Boundary::Line)
            .ban_byte(self.banned)
            .size_limit(self.size_limit_bytes)
            .dfa_size_limit(self.states_limit_bytes);
        if self.line_end == LineEnd::CrLf {
            builder.crlf(true);
        } else {
            builder.line_terminator(Some(self.line_end.byte()));
        }
        builder
    }
}

/// What smart case asks of the literals of an expression.
#[derive(Default)]
struct Letters {
    any: bool,
    capital: bool,
}

impl Letters {
    fn see(&mut self, literal: &ast::Literal) {
        self.any = true;
        self.capital |= literal.c.is_uppercase();
    }
}

impl ast::Visitor for Letters {
    type Output = Self;
    type Err = std::convert::Infallible;

    fn finish(self) -> std::result::Result<Self, Self::Err> {
        Ok(self)
    }

    fn visit_pre(&mut self, tree: &Ast) -> std::result::Result<(), Self::Err> {
        if let Ast::Literal(literal) = tree {
            self.see(literal);
        }
        Ok(())
    }

    fn visit_class_set_item_pre(
        &mut self,
        item: &ast::ClassSetItem,
    ) -> std::result::Result<(), Self::Err> {
        match item {
            ast::ClassSetItem::Literal(literal) => self.see(literal),
            ast::ClassSetItem::Range(range) => {
                self.see(&range.start);
                self.see(&range.end);
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(options: &MatcherOptions, pattern: &str) -> String {
        match options.expression(&[pattern.to_owned()]) {
            Ok(hir) => format!("found {hir}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn refusals_read_as_those_of_ripgrep() {
        let options = MatcherOptions {
            banned: Some(0),
            ..MatcherOptions::default()
        };
        for pattern in ["(", "a\\nb", "a\nb", "[\\n]", "\\x00", "\\pX"] {
            let theirs = options.grep_regex().build(pattern).expect_err(pattern);
            assert_eq!(message(&options, pattern), theirs.to_string());
        }
    }

    #[test]
    fn smart_case_looks_at_literals_alone() {
        let smart = |pattern: &str| {
            let options = MatcherOptions {
                case: Case::Smart,
                ..MatcherOptions::default()
            };
            message(&options, pattern)
        };
        assert_eq!(smart("ab"), "found (?:[Aa][Bb])");
        assert_eq!(smart("aB"), "found (?:aB)");
        assert!(smart("a\\S").starts_with("found (?:[Aa]"));
    }

    #[test]
    fn the_line_terminator_leaves_classes() {
        let options = MatcherOptions {
            unicode: false,
            ..MatcherOptions::default()
        };
        assert_eq!(message(&options, "[\\n ]"), "found  ");
    }
}
