//! Columns by their names.

use std::collections::BTreeSet;
use std::ops::Range;

use tamis_engine::suggest;

use super::{Checker, Part};
use crate::program::{Operand, Scalar};
use crate::syntax::{Node, Tree};
use crate::ty::Ty;
use crate::{ExprError, Schema};

/// What the record is called, to name columns that are no identifiers: `row['Order Date']`.
const ROW: &str = "row";

/// As many columns are listed when nothing is similar.
const LISTED_MAX: usize = 8;

/// As much of a listed name is shown: a header may be anything, also some megabytes without a comma.
const NAME_CHARS_MAX: usize = 60;

/// The names of all columns that a tree reads, whatever columns there are.
pub(crate) fn names(tree: &Tree) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![tree];
    while let Some(tree) = waiting.pop() {
        match &tree.node {
            Node::Path(parts) => {
                found.insert(name_of(parts));
            }
            Node::Null | Node::Boolean(_) | Node::Integer(_) | Node::Number(_) | Node::Text(_) => {}
            Node::List(items) | Node::And(items) | Node::Or(items) => waiting.extend(items),
            Node::Negate(operand) | Node::Not(operand) => waiting.push(operand),
            Node::Arithmetic(_, pair) | Node::Compare(_, pair) | Node::In(pair) => {
                waiting.extend(pair.iter());
            }
            Node::If(three) => waiting.extend(three.iter()),
            Node::Call(call) => {
                let is_namespace = super::functions::is_namespace(call);
                waiting.extend(call.target.as_deref().filter(|_| !is_namespace));
                waiting.extend(&call.arguments);
            }
        }
    }
    found
}

/// The column that a tree names, if it is no more than a name.
pub(crate) fn column(tree: &Tree, schema: &Schema) -> Option<usize> {
    match &tree.node {
        Node::Path(parts) => schema.find(parts),
        _ => None,
    }
}

/// The name of that column, whatever columns there are.
pub(crate) fn column_name(tree: &Tree) -> Option<String> {
    match &tree.node {
        Node::Path(parts) => Some(name_of(parts)),
        _ => None,
    }
}

/// `row.a.b` and `a.b` are both the column `a.b`.
fn name_of(parts: &[String]) -> String {
    match parts {
        [first, rest @ ..] if first == ROW && !rest.is_empty() => rest.join("."),
        _ => parts.join("."),
    }
}

impl Schema {
    /// The first column of that name.
    fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|(column, _)| column == name)
    }

    /// `row` is the record, unless there is a JSON object of that name.
    fn find(&self, parts: &[String]) -> Option<usize> {
        let position = self.position(&name_of(parts));
        position.or_else(|| self.position(&parts.join(".")))
    }
}

impl Checker<'_> {
    pub(super) fn column(
        &mut self,
        parts: &[String],
        span: Range<usize>,
    ) -> Result<Part, ExprError> {
        let Some(position) = self.schema.find(parts) else {
            return Err(self.unknown(parts, span));
        };
        let column = match self.columns.iter().position(|&known| known == position) {
            Some(column) => column,
            None => {
                self.columns.push(position);
                self.columns.len() - 1
            }
        };
        let ty = Ty::from(self.schema.columns[position].1);
        if ty == Ty::Null {
            // It is read, so that a value that turns up is noticed; but there is nothing to compute with.
            return Ok(self.constant(Scalar::Null, Ty::Null, span));
        }
        Ok(Part {
            operand: Operand::Column(column),
            ty,
            span,
            is_null_literal: false,
        })
    }

    fn unknown(&self, parts: &[String], span: Range<usize>) -> ExprError {
        let name = name_of(parts);
        let error = ExprError::new(span, format!("no column is named `{name}`"));
        let known = || self.schema.columns.iter().map(|(name, _)| name.as_str());
        if parts.len() == 1 && parts[0] == ROW {
            return error.with_help("`row` is the whole record: `row['Order Date']` is a column");
        }
        if let [column @ .., function] = parts
            && super::functions::is_function(function)
            && self.schema.position(&name_of(column)).is_some()
        {
            return error.with_help(format!("a function is called with brackets: `{name}()`"));
        }
        if let Some(nearest) = suggest::nearest(&name, known()) {
            return error.with_help(format!("did you mean `{}`?", written(nearest)));
        }
        if let Some(member) = known().find(|known| {
            let rest = known.strip_prefix(name.as_str());
            rest.is_some_and(|rest| rest.starts_with('.'))
        }) {
            return error.with_help(format!(
                "it is an object; `{}` is a part of it",
                written(member)
            ));
        }
        let listed: Vec<String> = known()
            .take(LISTED_MAX)
            .map(|name| format!("`{}`", shortened(&written(name))))
            .collect();
        match self.schema.columns.len().saturating_sub(LISTED_MAX) {
            _ if listed.is_empty() => error,
            0 => error.with_help(format!("there are {}", listed.join(", "))),
            more => error.with_help(format!("there are {} and {more} more", listed.join(", "))),
        }
    }
}

/// The start of a long name.
fn shortened(name: &str) -> String {
    match name.char_indices().nth(NAME_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

/// How the name of a column is written in an expression.
fn written(name: &str) -> String {
    let is_identifier = |part: &str| {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        part.bytes().all(is_part)
            && part
                .bytes()
                .next()
                .is_some_and(|first| !first.is_ascii_digit())
    };
    match name.split('.').all(is_identifier) && !name.is_empty() {
        true => name.to_owned(),
        false => {
            let escaped = name.replace('\\', "\\\\").replace('\'', "\\'");
            format!("{ROW}['{escaped}']")
        }
    }
}
