//! Types of operators, but for those that compare.

use std::ops::Range;

use super::{Checker, Part};
use crate::ExprError;
use crate::program::{Conversion, Op, Scalar};
use crate::syntax::{Arithmetic, Tree};
use crate::ty::{Lane, Ty};

impl Checker<'_> {
    pub(super) fn negate(&mut self, operand: &Tree, span: Range<usize>) -> Result<Part, ExprError> {
        let part = self.part(operand)?;
        match part.ty {
            Ty::Integer | Ty::Number | Ty::Duration | Ty::Null => {
                self.emit(Op::Negate(part.ty.lane()), &[&part], part.ty, span)
            }
            ty => Err(ExprError::new(
                part.span,
                format!("`-` takes a number, not {ty}"),
            )),
        }
    }

    pub(super) fn not(&mut self, operand: &Tree, span: Range<usize>) -> Result<Part, ExprError> {
        let part = self.boolean(operand, "!")?;
        self.emit(Op::Not, &[&part], Ty::Boolean, span)
    }

    pub(super) fn logic(
        &mut self,
        op: Op,
        symbol: &str,
        terms: &[Tree],
        span: Range<usize>,
    ) -> Result<Part, ExprError> {
        let parts: Result<Vec<Part>, _> = terms
            .iter()
            .map(|term| self.boolean(term, symbol))
            .collect();
        let parts = parts?;
        self.emit(op, &parts.iter().collect::<Vec<_>>(), Ty::Boolean, span)
    }

    /// A part that is true, false or null.
    fn boolean(&mut self, tree: &Tree, symbol: &str) -> Result<Part, ExprError> {
        let part = self.part(tree)?;
        match part.ty {
            Ty::Boolean => Ok(part),
            Ty::Null => Ok(Self::typed_null(part, Ty::Boolean)),
            ty => {
                let error =
                    ExprError::new(part.span, format!("`{symbol}` takes a boolean, not {ty}"));
                Err(error.with_help(truth_of(ty)))
            }
        }
    }

    pub(super) fn arithmetic(
        &mut self,
        operator: Arithmetic,
        pair: &[Tree; 2],
        span: Range<usize>,
    ) -> Result<Part, ExprError> {
        use Arithmetic::{Add, Subtract};
        let (left, right) = (self.part(&pair[0])?, self.part(&pair[1])?);
        let (left, right) = (
            self.known(left, operator.symbol())?,
            self.known(right, operator.symbol())?,
        );
        let integers = Op::Arithmetic(operator, Lane::Integers);
        match (operator, left.ty, right.ty) {
            (_, Ty::Null, _) | (_, _, Ty::Null) => Ok(self.constant(Scalar::Null, Ty::Null, span)),
            (_, Ty::Integer, Ty::Integer) => {
                self.emit(integers, &[&left, &right], Ty::Integer, span)
            }
            (_, one, other) if one.is_numeric() && other.is_numeric() => {
                let (left, right) = (self.widened(left)?, self.widened(right)?);
                let op = Op::Arithmetic(operator, Lane::Numbers);
                self.emit(op, &[&left, &right], Ty::Number, span)
            }
            (Add, Ty::Text, Ty::Text) => self.emit(Op::Concat, &[&left, &right], Ty::Text, span),
            (Add | Subtract, Ty::Duration, Ty::Duration) | (Subtract, Ty::Time, Ty::Time) => {
                self.emit(integers, &[&left, &right], Ty::Duration, span)
            }
            (Subtract, one, other) if one.is_moment() && other.is_moment() => {
                let (left, right) = (self.timestamp(left)?, self.timestamp(right)?);
                self.emit(integers, &[&left, &right], Ty::Duration, span)
            }
            (Add | Subtract, moment, Ty::Duration) if moment.is_moment() => {
                let left = self.timestamp(left)?;
                self.emit(integers, &[&left, &right], Ty::Timestamp, span)
            }
            (Add, Ty::Duration, moment) if moment.is_moment() => {
                let right = self.timestamp(right)?;
                self.emit(integers, &[&left, &right], Ty::Timestamp, span)
            }
            (_, one, other) => Err(mismatch(operator, one, other, span)),
        }
    }

    /// A date as the timestamp of its midnight.
    pub(super) fn timestamp(&mut self, part: Part) -> Result<Part, ExprError> {
        match part.ty {
            Ty::Date => {
                let op = Op::Convert(Conversion::DateToTimestamp);
                self.emit(op, &[&part], Ty::Timestamp, part.span.clone())
            }
            _ => Ok(part),
        }
    }

    /// A part that is not the word `null`.
    pub(super) fn known(&self, part: Part, symbol: &str) -> Result<Part, ExprError> {
        match part.is_null_literal {
            false => Ok(part),
            true => Err(
                ExprError::new(part.span, format!("`{symbol}` with null is always null"))
                    .with_help("to ask for null, write `x == null` or `x != null`"),
            ),
        }
    }

    pub(super) fn choose(
        &mut self,
        three: &[Tree; 3],
        span: Range<usize>,
    ) -> Result<Part, ExprError> {
        let condition = self.boolean(&three[0], "? :")?;
        let branches = [self.part(&three[1])?, self.part(&three[2])?];
        let [one, other] = self.unified("? :", branches, &span)?;
        self.emit(
            Op::Choose(one.ty.lane()),
            &[&condition, &one, &other],
            one.ty,
            span,
        )
    }

    /// Parts of one type, so that either can be the value.
    pub(super) fn unified(
        &mut self,
        symbol: &str,
        [one, other]: [Part; 2],
        span: &Range<usize>,
    ) -> Result<[Part; 2], ExprError> {
        match (one.ty, other.ty) {
            (Ty::Null, ty) => Ok([Self::typed_null(one, ty), other]),
            (ty, Ty::Null) => Ok([one, Self::typed_null(other, ty)]),
            (left, right) if left == right => Ok([one, other]),
            (left, right) if left.is_numeric() && right.is_numeric() => {
                Ok([self.widened(one)?, self.widened(other)?])
            }
            (left, right) if left.is_moment() && right.is_moment() => {
                Ok([self.timestamp(one)?, self.timestamp(other)?])
            }
            (left, right) => {
                let message = format!("`{symbol}` gives {left} or {right}: it must be one type");
                Err(ExprError::new(span.clone(), message)
                    .with_help("`string(x)`, `double(x)` and others convert"))
            }
        }
    }
}

/// How to make a boolean of a value.
pub(crate) fn truth_of(ty: Ty) -> &'static str {
    match ty {
        Ty::Integer | Ty::Number => "compare it: `x > 0`, `x != 0`",
        Ty::Text => "compare it: `x == 'yes'`, or read it: `bool(x)`",
        _ => "compare it with something",
    }
}

/// Operands that an operator does not take together.
fn mismatch(operator: Arithmetic, one: Ty, other: Ty, span: Range<usize>) -> ExprError {
    let message = format!(
        "`{}` takes no {} with {}",
        operator.symbol(),
        one.bare(),
        other.bare()
    );
    let error = ExprError::new(span, message);
    match (operator, one, other) {
        (Arithmetic::Add, Ty::Text, _) | (Arithmetic::Add, _, Ty::Text) => {
            error.with_help("`string(x)` makes text of it, `double(x)` reads a number from text")
        }
        (_, Ty::Text, _) | (_, _, Ty::Text) => {
            error.with_help("`int(x)` and `double(x)` read numbers from text")
        }
        (_, moment, _) | (_, _, moment) if moment.is_moment() => {
            error.with_help("days and hours are durations: `x + duration('24h')`")
        }
        _ => error,
    }
}
