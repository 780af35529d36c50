//! Types of comparisons, `in` among them.

use std::ops::Range;

use super::literals::{number_of, whole_of};
use super::{Checker, Part};
use crate::ExprError;
use crate::program::{Op, Scalar};
use crate::syntax::{Comparison, Node, Tree};
use crate::ty::{Lane, Ty};

impl Checker<'_> {
    pub(super) fn compare(
        &mut self,
        comparison: Comparison,
        pair: &[Tree; 2],
        span: Range<usize>,
    ) -> Result<Part, ExprError> {
        let (left, right) = (self.part(&pair[0])?, self.part(&pair[1])?);
        if left.is_null_literal || right.is_null_literal {
            let other = if left.is_null_literal { right } else { left };
            let op = match comparison {
                Comparison::Equal => Op::IsNull,
                Comparison::NotEqual => Op::IsPresent,
                _ => {
                    let message = format!("`{}` with null is always null", comparison.symbol());
                    return Err(ExprError::new(span, message)
                        .with_help("to ask for null, write `x == null` or `x != null`"));
                }
            };
            return self.emit(op, &[&other], Ty::Boolean, span);
        }
        if left.ty == Ty::Null || right.ty == Ty::Null {
            return Ok(self.constant(Scalar::Null, Ty::Boolean, span));
        }
        let (left, right) = self.comparable(comparison.symbol(), left, right, &span)?;
        match (left.ty, right.ty) {
            (Ty::Integer, Ty::Number) => self.compare_mixed(comparison, left, right, span),
            (Ty::Number, Ty::Integer) => {
                self.compare_mixed(comparison.flipped(), right, left, span)
            }
            (ty, _) => self.emit(
                Op::Compare(comparison, ty.lane()),
                &[&left, &right],
                Ty::Boolean,
                span,
            ),
        }
    }

    /// An integer with a number, by value: neither is rounded.
    fn compare_mixed(
        &mut self,
        comparison: Comparison,
        integer: Part,
        number: Part,
        span: Range<usize>,
    ) -> Result<Part, ExprError> {
        // A constant that is both is compared in the lane of the column.
        if let Some(value) = self.scalar(number.operand).and_then(whole_of) {
            let number = self.constant(Scalar::Integer(value), Ty::Integer, number.span);
            let op = Op::Compare(comparison, Lane::Integers);
            return self.emit(op, &[&integer, &number], Ty::Boolean, span);
        }
        if let Some(value) = self.scalar(integer.operand).and_then(number_of) {
            let integer = self.constant(Scalar::Number(value), Ty::Number, integer.span);
            let op = Op::Compare(comparison, Lane::Numbers);
            return self.emit(op, &[&integer, &number], Ty::Boolean, span);
        }
        self.emit(
            Op::CompareMixed(comparison),
            &[&integer, &number],
            Ty::Boolean,
            span,
        )
    }

    /// Two parts of one type, or an integer and a number.
    pub(super) fn comparable(
        &mut self,
        symbol: &str,
        left: Part,
        right: Part,
        span: &Range<usize>,
    ) -> Result<(Part, Part), ExprError> {
        if left.ty == right.ty || left.ty.is_numeric() && right.ty.is_numeric() {
            return Ok((left, right));
        }
        if left.ty.is_moment() && right.ty.is_moment() {
            return Ok((self.timestamp(left)?, self.timestamp(right)?));
        }
        let types = (left.ty, right.ty);
        let [left, right] = self.read_literals(left, right)?;
        if types != (left.ty, right.ty) {
            return self.comparable(symbol, left, right, span);
        }
        let message = format!("`{symbol}` compares {} with {}", left.ty, right.ty);
        let error = ExprError::new(span.clone(), message);
        Err(match (left.ty, right.ty) {
            (Ty::Text, other) | (other, Ty::Text) => {
                let is_quoted = self.text_of(&left).or(self.text_of(&right)).is_some();
                let is_literal = [&left, &right].iter().any(|part| {
                    matches!(
                        self.scalar(part.operand),
                        Some(Scalar::Integer(_) | Scalar::Number(_))
                    )
                });
                match conversion_from_text(other) {
                    Some(_) if is_quoted && (other.is_numeric() || other == Ty::Boolean) => {
                        error.with_help("numbers and booleans stand without quotes")
                    }
                    Some(function) if is_literal && other.is_numeric() => error.with_help(format!(
                        "a text stands in quotes; `{function}(x)` reads {other} from text"
                    )),
                    Some(function) => {
                        error.with_help(format!("`{function}(x)` reads {other} from text"))
                    }
                    None => error,
                }
            }
            _ => error,
        })
    }

    pub(super) fn member(
        &mut self,
        pair: &[Tree; 2],
        span: Range<usize>,
    ) -> Result<Part, ExprError> {
        let value = self.part(&pair[0])?;
        let mut value = self.known(value, "in")?;
        let Node::List(list) = &pair[1].node else {
            return Err(ExprError::new(pair[1].span.clone(), "`in` takes a list")
                .with_help("`x in ['a', 'b']`; to look into a text, `x.contains('a')`"));
        };
        let mut items = Vec::with_capacity(list.len());
        let mut nulls = Vec::new();
        for item in list {
            let item = self.part(item)?;
            if item.is_null_literal {
                return Err(ExprError::new(item.span, "null is in no list")
                    .with_help("write `x == null || x in [...]`"));
            }
            if value.ty == Ty::Null {
                continue;
            }
            if self.scalar(item.operand) == Some(&Scalar::Null) {
                nulls.push(Part {
                    ty: Ty::Boolean,
                    ..item
                });
                continue;
            }
            let item_span = item.span.clone();
            let (common, item) = self.comparable("in", value.clone(), item, &item_span)?;
            if common.ty != value.ty {
                // One timestamp makes timestamps of all dates.
                value = common;
                for known in &mut items {
                    *known = self.timestamp(Part::clone(known))?;
                }
            }
            let item = if value.ty == Ty::Timestamp {
                self.timestamp(item)?
            } else {
                item
            };
            items.push(item);
        }
        if value.ty == Ty::Null {
            return Ok(self.constant(Scalar::Null, Ty::Boolean, span));
        }
        let is_other =
            |item: &&Part| item.ty != value.ty && !(item.ty.is_numeric() && value.ty.is_numeric());
        if let Some(other) = items.iter().find(is_other) {
            let message = format!("`in` compares {} with {}", value.ty, other.ty);
            return Err(ExprError::new(other.span.clone(), message));
        }
        let (constants, computed): (Vec<Part>, Vec<Part>) = items
            .into_iter()
            .partition(|item| self.scalar(item.operand).is_some());
        let set = self.set_of(&constants, value.ty);
        let mut found = vec![self.emit_in(set, &value, span.clone())?];
        for item in computed {
            let op = match (value.ty, item.ty) {
                (Ty::Integer, Ty::Number) | (Ty::Number, Ty::Integer) => {
                    let (integer, number) = match value.ty {
                        Ty::Integer => (value.clone(), item),
                        _ => (item, value.clone()),
                    };
                    found.push(self.compare_mixed(
                        Comparison::Equal,
                        integer,
                        number,
                        span.clone(),
                    )?);
                    continue;
                }
                (ty, _) => Op::Compare(Comparison::Equal, ty.lane()),
            };
            found.push(self.emit(op, &[&value, &item], Ty::Boolean, span.clone())?);
        }
        // What is compared with null is null.
        found.append(&mut nulls);
        match found.len() {
            1 => Ok(found.remove(0)),
            _ => self.emit(Op::Or, &found.iter().collect::<Vec<_>>(), Ty::Boolean, span),
        }
    }

    fn emit_in(&mut self, set: usize, value: &Part, span: Range<usize>) -> Result<Part, ExprError> {
        self.emit(Op::In(set), &[value], Ty::Boolean, span)
    }
}

/// The function that reads values of that type from text.
fn conversion_from_text(ty: Ty) -> Option<&'static str> {
    Some(match ty {
        Ty::Boolean => "bool",
        Ty::Integer => "int",
        Ty::Number => "double",
        Ty::Date => "date",
        Ty::Time => "time",
        Ty::Timestamp => "timestamp",
        Ty::Duration => "duration",
        Ty::Null | Ty::Text => return None,
    })
}
