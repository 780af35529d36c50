//! Types: what each part of an expression is, and the step that computes it.
//!
//! [`Checker::part`] visits the tree from the leaves up. It gives every part a type, refuses what has none, widens
//! where both sides mean the same (an integer beside a number, a date beside a timestamp, a text literal beside a
//! moment), and emits the step. A step whose operands are all constants is computed at once, by the loops that would compute it
//! later, so that a constant is never anything else than a column of equal values.

mod comparisons;
mod functions;
mod literals;
mod names;
mod operators;

use std::ops::Range;

use crate::eval;
use crate::program::{Op, Operand, Program, Scalar, Step};
use crate::syntax::{Node, Tree};
use crate::ty::Ty;
use crate::{ExprError, Schema};

pub(crate) use names::{column, column_name, names};
pub(crate) use operators::truth_of;

/// How many steps back an equal one is looked for. Equal parts usually stand close together (`x > 1 && x < 9`).
const LOOK_BACK: usize = 64;

/// Compiles a tree against columns.
pub(crate) struct Checker<'s> {
    schema: &'s Schema,
    program: Program,
    /// The columns that are read, as places in the schema.
    columns: Vec<usize>,
}

/// A checked expression.
pub(crate) struct Checked {
    pub(crate) program: Program,
    pub(crate) columns: Vec<usize>,
    pub(crate) result: Operand,
    pub(crate) ty: Ty,
}

/// A part that has been checked.
#[derive(Clone, Debug)]
struct Part {
    operand: Operand,
    ty: Ty,
    span: Range<usize>,
    /// Whether it is the word `null`, which is asked for, not computed with.
    is_null_literal: bool,
}

impl<'s> Checker<'s> {
    pub(crate) fn new(schema: &'s Schema) -> Checker<'s> {
        Checker {
            schema,
            program: Program::default(),
            columns: Vec::new(),
        }
    }

    /// Checks a whole expression.
    ///
    /// # Errors
    /// The first part that has no type.
    pub(crate) fn check(mut self, tree: &Tree) -> Result<Checked, ExprError> {
        let part = self.part(tree)?;
        Ok(Checked {
            program: self.program,
            columns: self.columns,
            result: part.operand,
            ty: part.ty,
        })
    }

    fn part(&mut self, tree: &Tree) -> Result<Part, ExprError> {
        let span = tree.span.clone();
        let constant =
            |checker: &mut Self, scalar, ty| Ok(checker.constant(scalar, ty, span.clone()));
        match &tree.node {
            Node::Null => Ok(Part {
                is_null_literal: true,
                ..self.constant(Scalar::Null, Ty::Null, span)
            }),
            Node::Boolean(value) => constant(self, Scalar::Boolean(*value), Ty::Boolean),
            Node::Integer(value) => constant(self, Scalar::Integer(*value), Ty::Integer),
            Node::Number(value) => constant(self, Scalar::Number(*value), Ty::Number),
            Node::Text(value) => constant(self, Scalar::Text(value.as_bytes().into()), Ty::Text),
            Node::Path(parts) => self.column(parts, span),
            Node::List(_) => Err(ExprError::new(span, "a list has no value by itself")
                .with_help("lists stand behind `in`: `x in [1, 2]`")),
            Node::Negate(operand) => self.negate(operand, span),
            Node::Not(operand) => self.not(operand, span),
            Node::And(terms) => self.logic(Op::And, "&&", terms, span),
            Node::Or(terms) => self.logic(Op::Or, "||", terms, span),
            Node::Arithmetic(operator, pair) => self.arithmetic(*operator, pair, span),
            Node::Compare(comparison, pair) => self.compare(*comparison, pair, span),
            Node::In(pair) => self.member(pair, span),
            Node::If(three) => self.choose(three, span),
            Node::Call(call) => self.call(call, span),
        }
    }

    fn constant(&mut self, scalar: Scalar, ty: Ty, span: Range<usize>) -> Part {
        self.program.constants.push(scalar);
        Part {
            operand: Operand::Constant(self.program.constants.len() - 1),
            ty,
            span,
            is_null_literal: false,
        }
    }

    fn scalar(&self, operand: Operand) -> Option<&Scalar> {
        match operand {
            Operand::Constant(index) => Some(&self.program.constants[index]),
            _ => None,
        }
    }

    /// The value of a part that is a constant text.
    fn text_of(&self, part: &Part) -> Option<&str> {
        match self.scalar(part.operand) {
            Some(Scalar::Text(text)) => std::str::from_utf8(text).ok(),
            _ => None,
        }
    }

    /// Adds a step, unless its value is known.
    ///
    /// # Errors
    /// What is computed of constants and cannot be.
    fn emit(
        &mut self,
        op: Op,
        operands: &[&Part],
        ty: Ty,
        span: Range<usize>,
    ) -> Result<Part, ExprError> {
        let step = Step {
            op,
            operands: operands.iter().map(|part| part.operand).collect(),
            ty,
        };
        let is_null = |&operand: &Operand| self.scalar(operand) == Some(&Scalar::Null);
        if op.is_strict() && step.operands.iter().any(is_null) {
            return Ok(self.constant(Scalar::Null, ty, span));
        }
        if step
            .operands
            .iter()
            .all(|&operand| self.scalar(operand).is_some())
        {
            return match eval::constant(&self.program, &step) {
                Some(scalar) => Ok(self.constant(scalar, ty, span)),
                None => Err(literals::impossible(op, span)),
            };
        }
        let steps = &self.program.steps;
        let start = steps.len().saturating_sub(LOOK_BACK);
        let known = steps[start..].iter().position(|known| *known == step);
        let index = match known {
            Some(known) => start + known,
            None => {
                self.program.steps.push(step);
                self.program.steps.len() - 1
            }
        };
        Ok(Part {
            operand: Operand::Step(index),
            ty,
            span,
            is_null_literal: false,
        })
    }

    /// An integer as a number; any other part as it is.
    fn widened(&mut self, part: Part) -> Result<Part, ExprError> {
        match part.ty {
            Ty::Integer => self.emit(Op::Widen, &[&part], Ty::Number, part.span.clone()),
            _ => Ok(part),
        }
    }

    /// A part without values, as one of another type.
    fn typed_null(part: Part, ty: Ty) -> Part {
        match part.ty {
            Ty::Null => Part { ty, ..part },
            _ => part,
        }
    }
}
