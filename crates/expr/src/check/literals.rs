//! Literals beside columns: `day >= '2024-01-31'`, `x in [1, 2.0]`.

use std::ops::Range;

use super::{Checker, Part};
use crate::ExprError;
use crate::program::{Conversion, Op, Scalar};
use crate::set::Set;
use crate::syntax::Arithmetic;
use crate::temporal;
use crate::ty::{Lane, Ty};

/// Why constants have no value.
pub(super) fn impossible(op: Op, span: Range<usize>) -> ExprError {
    let (message, help) = match op {
        Op::Arithmetic(Arithmetic::Divide | Arithmetic::Remainder, _) => {
            ("this divides by zero or is too large", None)
        }
        Op::Arithmetic(_, Lane::Integers) | Op::Negate(_) | Op::Absolute(_) => (
            "this is too large for an integer",
            Some("with a point in it, it is a number: `1e20`, `12.0`"),
        ),
        Op::Arithmetic(..) => ("this is too large for a number", None),
        Op::Convert(Conversion::TextToDate) => (
            "this text is no date",
            Some("dates are written `2024-01-31`"),
        ),
        Op::Convert(Conversion::TextToTime) => {
            ("this text is no time", Some("times are written `23:59:59`"))
        }
        Op::Convert(Conversion::TextToTimestamp) => (
            "this text is no timestamp",
            Some("timestamps are written `2024-01-31T23:59:59Z`"),
        ),
        Op::Convert(Conversion::TextToDuration) => (
            "this text is no duration",
            Some("durations are written `1h30m`, `90s`, `1.5h`, `7d`, `250ms`"),
        ),
        Op::Convert(Conversion::TextToBoolean) => (
            "this text is no boolean",
            Some("booleans are written `true` and `false`"),
        ),
        Op::Convert(Conversion::TextToInteger) => ("this text is no integer", None),
        Op::Convert(Conversion::TextToNumber) => ("this text is no number", None),
        Op::Substring => ("the text is shorter than that", None),
        _ => ("this cannot be computed", None),
    };
    let error = ExprError::new(span, message);
    match help {
        Some(help) => error.with_help(help),
        None => error,
    }
}

impl Checker<'_> {
    /// Two parts, a constant text beside a moment or a duration read as what it says.
    ///
    /// # Errors
    /// A text that says no such thing.
    pub(super) fn read_literals(
        &mut self,
        left: Part,
        right: Part,
    ) -> Result<[Part; 2], ExprError> {
        if let Some(read) = self.read_literal(&right, left.ty)? {
            return Ok([left, read]);
        }
        if let Some(read) = self.read_literal(&left, right.ty)? {
            return Ok([read, right]);
        }
        Ok([left, right])
    }

    /// What a constant text says beside a part of that type; `None` if the part is no moment or duration.
    fn read_literal(&mut self, part: &Part, beside: Ty) -> Result<Option<Part>, ExprError> {
        let Some(text) = self.text_of(part).map(str::to_owned) else {
            return Ok(None);
        };
        let bytes = text.as_bytes();
        let (found, help) = match beside {
            Ty::Date | Ty::Timestamp => {
                let day = temporal::parse_date(bytes).map(|days| (days, Ty::Date));
                let moment = || temporal::parse_timestamp(bytes).map(|at| (at, Ty::Timestamp));
                let help = "dates are written `2024-01-31`, timestamps `2024-01-31T23:59:59Z`";
                (day.or_else(moment), help)
            }
            Ty::Time => {
                let time = temporal::parse_time(bytes).map(|at| (at, Ty::Time));
                (time, "times are written `23:59:59`")
            }
            Ty::Duration => {
                let duration = temporal::parse_duration(bytes).map(|at| (at, Ty::Duration));
                (
                    duration,
                    "durations are written `1h30m`, `90s`, `1.5h`, `7d`, `250ms`",
                )
            }
            _ => return Ok(None),
        };
        match found {
            Some((value, ty)) => Ok(Some(self.constant(
                Scalar::Integer(value),
                ty,
                part.span.clone(),
            ))),
            None => {
                let message = format!("`{text}` is not {beside}");
                Err(ExprError::new(part.span.clone(), message).with_help(help))
            }
        }
    }

    /// The set of constants behind `in`, all of them comparable with values of type `ty`.
    pub(super) fn set_of(&mut self, items: &[Part], ty: Ty) -> usize {
        let scalars = items.iter().filter_map(|item| self.scalar(item.operand));
        let set = match ty.lane() {
            Lane::Bits => {
                let mut has = [false; 2];
                for scalar in scalars {
                    if let Scalar::Boolean(value) = scalar {
                        has[usize::from(*value)] = true;
                    }
                }
                Set::Booleans(has)
            }
            Lane::Integers => Set::integers(scalars.filter_map(whole_of)),
            Lane::Numbers => Set::numbers(scalars.filter_map(number_of)),
            Lane::Texts => Set::texts(
                scalars
                    .filter_map(|scalar| match scalar {
                        Scalar::Text(text) => Some(text.clone()),
                        _ => None,
                    })
                    .collect(),
            ),
        };
        self.program.sets.push(set);
        self.program.sets.len() - 1
    }
}

/// The integer that is equal to a constant. No other integer is equal to a number with a fraction.
pub(super) fn whole_of(scalar: &Scalar) -> Option<i64> {
    match *scalar {
        Scalar::Integer(value) => Some(value),
        // 2^63 is the first number above all integers.
        Scalar::Number(value) if value.fract() == 0.0 && value.abs() < -(i64::MIN as f64) => {
            Some(value as i64)
        }
        Scalar::Number(value) if value == i64::MIN as f64 => Some(i64::MIN),
        _ => None,
    }
}

/// The number that is equal to a constant. No number is equal to an integer that would have to be rounded.
pub(super) fn number_of(scalar: &Scalar) -> Option<f64> {
    match *scalar {
        Scalar::Number(value) => Some(value),
        Scalar::Integer(value) => {
            let number = value as f64;
            (whole_of(&Scalar::Number(number)) == Some(value)).then_some(number)
        }
        _ => None,
    }
}
