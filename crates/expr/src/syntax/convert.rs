//! The parser's tree as ours.
//!
//! The parser remembers one token of each node: the operator, the opening bracket, the dot. A [`Tree`] spans all it is
//! made of, so that an error can underline a whole operand.

use std::ops::Range;

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, LiteralValue, SourceInfo, operators};

use super::scan::Tokens;
use super::tree::{Arithmetic, Call, Comparison, Node, Tree};
use crate::ExprError;

pub(super) struct Converter<'t> {
    pub(super) text: &'t str,
    pub(super) tokens: &'t Tokens,
    pub(super) places: &'t SourceInfo,
}

impl Converter<'_> {
    pub(super) fn tree(&self, expr: &IdedExpr) -> Result<Tree, ExprError> {
        let place = self.place(expr.id);
        let literal = |node| {
            Ok(Tree {
                node,
                span: place.clone(),
            })
        };
        match &expr.expr {
            Expr::Literal(LiteralValue::Null) => literal(Node::Null),
            Expr::Literal(LiteralValue::Boolean(value)) => literal(Node::Boolean(*value.inner())),
            Expr::Literal(LiteralValue::Int(value)) => literal(Node::Integer(*value.inner())),
            Expr::Literal(LiteralValue::Double(value)) => literal(Node::Number(*value.inner())),
            Expr::Literal(LiteralValue::String(value)) => {
                literal(Node::Text(value.inner().to_owned()))
            }
            Expr::Literal(LiteralValue::UInt(value)) => match i64::try_from(*value.inner()) {
                Ok(value) => literal(Node::Integer(value)),
                Err(_) => Err(ExprError::new(place, "there are no unsigned integers here")),
            },
            Expr::Literal(LiteralValue::Bytes(_)) => {
                Err(ExprError::new(place, "there are no bytes here").with_help("text is `'text'`"))
            }
            Expr::Ident(_) | Expr::Select(_) => self.path(expr),
            Expr::List(list) => {
                let items: Result<Vec<Tree>, _> =
                    list.elements.iter().map(|item| self.tree(item)).collect();
                let end = self.tokens.end_of_bracket(place.start);
                let span = place.start..end.unwrap_or(place.end);
                Ok(Tree {
                    node: Node::List(items?),
                    span,
                })
            }
            Expr::Call(call) => self.call(expr, call),
            Expr::Map(_) => {
                let end = self.tokens.end_of_bracket(place.start);
                let span = place.start..end.unwrap_or(place.end);
                Err(ExprError::new(span, "there are no maps here"))
            }
            Expr::Struct(_) => Err(ExprError::new(place, "there are no messages here")),
            Expr::Comprehension(_) | Expr::Unspecified => {
                Err(ExprError::new(place, "this cannot be computed"))
            }
        }
    }

    /// The token that the parser remembers for a node. It notes the last byte, not the one behind it.
    fn place(&self, id: u64) -> Range<usize> {
        let (start, last) = self.places.offset_for(id).unwrap_or_default();
        let clamp = |at: usize| self.text.floor_char_boundary(at.min(self.text.len()));
        let start = clamp(start as usize);
        let end = self
            .text
            .ceil_char_boundary((last as usize + 1).min(self.text.len()));
        start..end.max(start)
    }

    /// `a`, `a.b`, `row['a']`.
    fn path(&self, expr: &IdedExpr) -> Result<Tree, ExprError> {
        let mut parts = Vec::new();
        let span = self.collect(expr, &mut parts)?;
        Ok(Tree {
            node: Node::Path(parts),
            span,
        })
    }

    /// Adds the parts of a name, the outermost last.
    fn collect(&self, expr: &IdedExpr, parts: &mut Vec<String>) -> Result<Range<usize>, ExprError> {
        let place = self.place(expr.id);
        match &expr.expr {
            Expr::Ident(name) => {
                parts.push(name.trim_start_matches('.').to_owned());
                Ok(place)
            }
            Expr::Select(select) => {
                let span = self.collect(&select.operand, parts)?;
                parts.push(select.field.clone());
                let field = self.tokens.at(place.end);
                Ok(span.start..field.map_or(place.end, |(_, token)| token.range.end))
            }
            Expr::Call(call) if call.func_name == operators::INDEX => {
                let [operand, key] = &call.args[..] else {
                    return Err(ExprError::new(place, "this cannot be computed"));
                };
                let Expr::Literal(LiteralValue::String(name)) = &key.expr else {
                    let error =
                        ExprError::new(self.tree(key)?.span, "a name in quotes is expected");
                    return Err(error.with_help("`row['Order Date']` is a column"));
                };
                let span = self.collect(operand, parts)?;
                parts.push(name.inner().to_owned());
                let end = self.tokens.end_of_bracket(place.start);
                Ok(span.start..end.unwrap_or(place.end))
            }
            _ => {
                let span = self.tree(expr)?.span;
                let error = ExprError::new(span, "only columns have parts");
                Err(error.with_help("`a.b` is the member `b` of the JSON object `a`"))
            }
        }
    }

    fn call(&self, expr: &IdedExpr, call: &CallExpr) -> Result<Tree, ExprError> {
        let place = self.place(expr.id);
        let is_operator = call
            .func_name
            .contains(|c: char| !c.is_alphanumeric() && c != '_')
            || call.func_name.starts_with('_');
        if call.func_name == operators::INDEX {
            return self.path(expr);
        }
        let arguments: Result<Vec<Tree>, _> = call
            .args
            .iter()
            .map(|argument| self.tree(argument))
            .collect();
        let arguments = arguments?;
        if is_operator && call.target.is_none() {
            let ends = arguments.iter().map(|argument| argument.span.end);
            let starts = arguments.iter().map(|argument| argument.span.start);
            let span = starts.fold(place.start, usize::min)..ends.fold(place.end, usize::max);
            return match operator(&call.func_name, arguments) {
                Some(node) => Ok(Tree { node, span }),
                None => Err(ExprError::new(place, "this cannot be computed")),
            };
        }
        // The place is that of the bracket.
        let name_span = self
            .tokens
            .word_before(place.start)
            .unwrap_or(place.clone());
        let target = call
            .target
            .as_ref()
            .map(|target| self.tree(target))
            .transpose()?;
        let start = target
            .as_ref()
            .map_or(name_span.start, |target| target.span.start);
        let end = self.tokens.end_of_bracket(place.start).unwrap_or(place.end);
        let node = Node::Call(Call {
            name: call.func_name.trim_start_matches('.').to_owned(),
            name_span,
            target: target.map(Box::new),
            arguments,
        });
        Ok(Tree {
            node,
            span: start..end,
        })
    }
}

/// The node of an operator; `None` if there is no such operator.
fn operator(name: &str, operands: Vec<Tree>) -> Option<Node> {
    if let operators::LOGICAL_AND | operators::LOGICAL_OR = name {
        return Some(chain(name == operators::LOGICAL_AND, operands));
    }
    match <[Tree; 1]>::try_from(operands) {
        Ok([operand]) => match name {
            operators::LOGICAL_NOT => Some(Node::Not(Box::new(operand))),
            operators::NEGATE => Some(Node::Negate(Box::new(operand))),
            _ => None,
        },
        Err(operands) => match <[Tree; 2]>::try_from(operands) {
            Ok(pair) => binary(name, Box::new(pair)),
            Err(operands) => match <[Tree; 3]>::try_from(operands) {
                Ok(three) if name == operators::CONDITIONAL => Some(Node::If(Box::new(three))),
                _ => None,
            },
        },
    }
}

fn binary(name: &str, pair: Box<[Tree; 2]>) -> Option<Node> {
    Some(match name {
        operators::ADD => Node::Arithmetic(Arithmetic::Add, pair),
        operators::SUBSTRACT => Node::Arithmetic(Arithmetic::Subtract, pair),
        operators::MULTIPLY => Node::Arithmetic(Arithmetic::Multiply, pair),
        operators::DIVIDE => Node::Arithmetic(Arithmetic::Divide, pair),
        operators::MODULO => Node::Arithmetic(Arithmetic::Remainder, pair),
        operators::EQUALS => Node::Compare(Comparison::Equal, pair),
        operators::NOT_EQUALS => Node::Compare(Comparison::NotEqual, pair),
        operators::LESS => Node::Compare(Comparison::Less, pair),
        operators::LESS_EQUALS => Node::Compare(Comparison::LessEqual, pair),
        operators::GREATER => Node::Compare(Comparison::Greater, pair),
        operators::GREATER_EQUALS => Node::Compare(Comparison::GreaterEqual, pair),
        operators::IN => Node::In(pair),
        _ => return None,
    })
}

/// One node of a chain, which the parser gives as a balanced tree of pairs.
fn chain(is_and: bool, operands: Vec<Tree>) -> Node {
    let mut terms = Vec::with_capacity(operands.len());
    for operand in operands {
        match operand.node {
            Node::And(inner) if is_and => terms.extend(inner),
            Node::Or(inner) if !is_and => terms.extend(inner),
            _ => terms.push(operand),
        }
    }
    match is_and {
        true => Node::And(terms),
        false => Node::Or(terms),
    }
}
