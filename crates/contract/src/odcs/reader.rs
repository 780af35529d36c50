//! What the files of the reader share: findings, the place we are at, and typed values.

use std::ops::Range;

use tamis_engine::number::Decimal;
use tamis_engine::suggest;

use crate::diagnostic::{Diagnostic, Level};
use crate::model::{Contract, UncheckedKind, UncheckedRule, parse_decimal};

use super::yaml::{self, Data, Node, Scalar};

/// Findings kept; beyond them a file is not a contract with mistakes but something else.
const FINDINGS_MAX: usize = 200;

/// Reads the contract in `text`; without one a finding says why.
pub(super) fn read(text: &str) -> (Option<Contract>, Vec<Diagnostic>) {
    let (root, diagnostics) = yaml::load(text);
    let mut reader = Reader {
        text,
        location: Vec::new(),
        diagnostics,
        unchecked: Vec::new(),
        expressions: Vec::new(),
    };
    let contract = root.and_then(|root| reader.contract(&root));
    (contract, reader.diagnostics)
}

/// Collects what is found while the tree is walked.
pub(super) struct Reader<'t> {
    text: &'t str,
    /// Names of the object and properties around the current place.
    pub(super) location: Vec<String>,
    pub(super) diagnostics: Vec<Diagnostic>,
    pub(super) unchecked: Vec<UncheckedRule>,
    /// Expressions of the object at hand, with where they stand: they are looked at when all columns are known.
    pub(super) expressions: Vec<(String, Range<usize>)>,
}

impl Reader<'_> {
    /// Records an error.
    pub(super) fn error(
        &mut self,
        code: &'static str,
        span: &Range<usize>,
        message: impl Into<String>,
    ) {
        self.find(Level::Error, code, span, message.into(), None);
    }

    /// Records an error with the way out.
    pub(super) fn error_with_help(
        &mut self,
        code: &'static str,
        span: &Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.find(Level::Error, code, span, message.into(), Some(help.into()));
    }

    /// Records a warning with the way out.
    pub(super) fn warning(
        &mut self,
        code: &'static str,
        span: &Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.find(
            Level::Warning,
            code,
            span,
            message.into(),
            Some(help.into()),
        );
    }

    /// Records a word that is none of `known`.
    pub(super) fn unknown(
        &mut self,
        code: &'static str,
        span: &Range<usize>,
        what: &str,
        word: &str,
        known: &[&str],
    ) {
        // Looking for similar words is the costly part; a file of unknown keys must not be slow.
        if self.diagnostics.len() >= FINDINGS_MAX {
            return;
        }
        let help = match suggest::nearest(word, known.iter().copied()) {
            Some(nearest) => Some(format!("did you mean `{nearest}`?")),
            None if known.len() <= 16 => Some(format!("one of {}", listed(known))),
            None => None,
        };
        self.find(
            Level::Error,
            code,
            span,
            format!("unknown {what} `{}`", shortened(word)),
            help,
        );
    }

    fn find(
        &mut self,
        level: Level,
        code: &'static str,
        span: &Range<usize>,
        message: String,
        help: Option<String>,
    ) {
        if self.diagnostics.len() < FINDINGS_MAX {
            self.diagnostics.push(Diagnostic {
                level,
                code,
                message,
                span: span.clone(),
                help,
            });
        }
    }

    /// Lists a rule of the current place as not checked.
    pub(super) fn not_checked(
        &mut self,
        kind: UncheckedKind,
        span: &Range<usize>,
        rule: impl Into<String>,
        reason: impl Into<String>,
    ) {
        let (rule, reason) = (rule.into(), reason.into());
        self.unchecked.push(UncheckedRule {
            location: self.location.join("."),
            rule,
            reason,
            kind,
            span: span.clone(),
        });
    }

    /// The text of a scalar; a number or boolean is taken as its text, with a warning.
    pub(super) fn text_of(&mut self, key: &str, node: &Node) -> Option<String> {
        match &node.data {
            Data::Scalar {
                text,
                kind: Scalar::Text,
            } => Some(text.clone()),
            Data::Scalar {
                text,
                kind: Scalar::Number | Scalar::Boolean(_),
            } => {
                let message = format!("`{key}` should be text, this is {}", node.kind_name());
                self.warning(
                    "not-text",
                    &node.span,
                    message,
                    format!("put it in quotes: `\"{text}\"`"),
                );
                Some(text.clone())
            }
            _ => {
                self.wrong_type(key, node, "text");
                None
            }
        }
    }

    /// `true` or `false`.
    pub(super) fn boolean_of(&mut self, key: &str, node: &Node) -> Option<bool> {
        match &node.data {
            Data::Scalar {
                kind: Scalar::Boolean(value),
                ..
            } => Some(*value),
            _ => {
                self.wrong_type(key, node, "`true` or `false`");
                None
            }
        }
    }

    /// An exact number.
    pub(super) fn decimal_of(&mut self, key: &str, node: &Node) -> Option<Decimal> {
        let Data::Scalar {
            text,
            kind: Scalar::Number,
        } = &node.data
        else {
            self.wrong_type(key, node, "a number");
            return None;
        };
        let number = parse_decimal(text);
        if number.is_none() {
            let message = format!("`{key}` cannot be held exactly: `{}`", shortened(text));
            let help = "write it in decimal, with an exponent of at most 6144";
            self.error_with_help("wrong-type", &node.span, message, help);
        }
        number
    }

    /// A whole number from 0.
    pub(super) fn count_of(&mut self, key: &str, node: &Node) -> Option<u64> {
        let number = self.decimal_of(key, node)?;
        // A whole number prints without a point.
        let count = number.to_string().parse().ok();
        if count.is_none() {
            self.error(
                "wrong-type",
                &node.span,
                format!("`{key}` must be a whole number from 0"),
            );
        }
        count
    }

    /// The elements of a list.
    pub(super) fn list_of<'n>(&mut self, key: &str, node: &'n Node) -> &'n [Node] {
        match &node.data {
            Data::List(items) => items,
            _ => {
                self.wrong_type(key, node, "a list");
                &[]
            }
        }
    }

    /// The texts of a list of scalars, as written: `[1, "a"]` is `1` and `a`. Nulls are left out.
    pub(super) fn texts_of(&mut self, key: &str, node: &Node) -> Vec<String> {
        let mut texts = Vec::new();
        for item in self.list_of(key, node) {
            match &item.data {
                Data::Scalar {
                    kind: Scalar::Null, ..
                } => {}
                Data::Scalar { text, .. } => texts.push(text.clone()),
                _ => self.wrong_type(key, item, "a single value"),
            }
        }
        texts
    }

    /// Records that a value is not of the type its key needs.
    pub(super) fn wrong_type(&mut self, key: &str, node: &Node, expected: &str) {
        let message = format!("`{key}` must be {expected}, this is {}", node.kind_name());
        let help = match &node.data {
            Data::Scalar {
                text,
                kind: Scalar::Text,
            } if matches!(
                text.to_ascii_lowercase().as_str(),
                "yes" | "no" | "on" | "off"
            ) =>
            {
                Some("YAML 1.2 knows `true` and `false` only".to_owned())
            }
            Data::Scalar {
                text,
                kind: Scalar::Text,
            } if expected == "a number" && parse_decimal(text).is_some() => {
                Some("leave the quotes out".to_owned())
            }
            _ => None,
        };
        self.find(Level::Error, "wrong-type", &node.span, message, help);
    }

    /// The bytes of `inner`, which are a range of the text of scalar `node`; all of the node where
    /// escapes or folding make the text differ from what is written.
    pub(super) fn inside(&self, node: &Node, inner: &Range<usize>) -> Range<usize> {
        let Data::Scalar { text, .. } = &node.data else {
            return node.span.clone();
        };
        match self.text[node.span.clone()].find(text.as_str()) {
            Some(start) if !text.is_empty() => {
                let start = node.span.start + start;
                start + inner.start..start + inner.end
            }
            _ => node.span.clone(),
        }
    }
}

/// `` `a`, `b` `` for messages.
pub(super) fn listed(words: &[&str]) -> String {
    words
        .iter()
        .map(|word| format!("`{word}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// The start of a text, for messages.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
