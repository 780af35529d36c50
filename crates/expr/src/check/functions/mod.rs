//! Types of functions.
//!
//! A function may be called either way, `size(x)` or `x.size()`: what stands before the point is its first argument. CEL
//! has each in one of the two. [`names`] has all of them, [`moments`] those of dates and times.

mod moments;
mod names;

use std::ops::Range;

use super::{Checker, Part};
use crate::ExprError;
use crate::pattern;
use crate::program::{Conversion, Op, Rounding};
use crate::syntax::{Call, Comparison, Node};
use crate::temporal;
use crate::ty::{Lane, Ty};
use names::{signature, unknown};

pub(super) use names::is_function;

/// CEL's name space of numeric functions, which is no column.
const MATH: &str = "math";

/// Whether what stands before the point is a name space: `math.abs(x)`.
pub(super) fn is_namespace(call: &Call) -> bool {
    let is_math = |node: &Node| matches!(node, Node::Path(parts) if *parts == [MATH]);
    call.target
        .as_ref()
        .is_some_and(|target| is_math(&target.node))
        && !call.arguments.is_empty()
}

impl Checker<'_> {
    pub(super) fn call(&mut self, call: &Call, span: Range<usize>) -> Result<Part, ExprError> {
        let name = call.name.as_str();
        if signature(name).is_none() {
            return Err(unknown(call));
        }
        let target = call.target.as_deref().filter(|_| !is_namespace(call));
        let mut arguments = Vec::with_capacity(call.arguments.len() + 1);
        for argument in target.into_iter().chain(&call.arguments) {
            arguments.push(self.part(argument)?);
        }
        let mut call = Arguments {
            call,
            span,
            parts: arguments,
        };
        match name {
            "has" => {
                let [value] = call.take()?;
                self.emit(Op::IsPresent, &[&value], Ty::Boolean, call.span)
            }
            "coalesce" => self.fold(call, |ty| Op::Coalesce(ty.lane())),
            "min" | "least" => self.fold(call, |ty| Op::Least(ty.lane())),
            "max" | "greatest" => self.fold(call, |ty| Op::Greatest(ty.lane())),
            "abs" | "round" | "floor" | "ceil" | "trunc" => self.numeric(call),
            "int" | "double" | "string" | "bool" | "date" | "time" | "timestamp" | "duration" => {
                self.convert(call)
            }
            "matches" => self.matches(call),
            "substring" => self.substring(call),
            "replace" => self.of_texts::<3>(call, Op::Replace, Ty::Text),
            "contains" => self.of_texts::<2>(call, Op::Contains, Ty::Boolean),
            "startsWith" => self.of_texts::<2>(call, Op::StartsWith, Ty::Boolean),
            "endsWith" => self.of_texts::<2>(call, Op::EndsWith, Ty::Boolean),
            "indexOf" => self.of_texts::<2>(call, Op::IndexOf, Ty::Integer),
            "size" => self.of_texts::<1>(call, Op::Size, Ty::Integer),
            "trim" => self.of_texts::<1>(call, Op::Trim, Ty::Text),
            "lowerAscii" => self.of_texts::<1>(call, Op::LowerAscii, Ty::Text),
            "upperAscii" => self.of_texts::<1>(call, Op::UpperAscii, Ty::Text),
            _ => self.part_of_moment(call),
        }
    }

    /// A function of so many texts.
    fn of_texts<const COUNT: usize>(
        &mut self,
        mut call: Arguments<'_>,
        op: Op,
        ty: Ty,
    ) -> Result<Part, ExprError> {
        let texts: [Part; COUNT] = call.take()?;
        for text in &texts {
            call.expect(text, &[Ty::Text])?;
        }
        self.emit(op, &texts.each_ref(), ty, call.span)
    }

    /// A function of two values, over any number of them.
    fn fold(&mut self, call: Arguments<'_>, op: fn(Ty) -> Op) -> Result<Part, ExprError> {
        if call.parts.len() < 2 {
            return Err(call.wrong_count());
        }
        let Arguments {
            call: Call { name, .. },
            span,
            parts,
        } = call;
        let is_coalesce = name == "coalesce";
        let mut parts = parts.into_iter();
        let mut folded = parts.next().expect("two at least");
        if !is_coalesce {
            folded = self.known(folded, name)?;
        }
        for part in parts {
            let part = if is_coalesce {
                part
            } else {
                self.known(part, name)?
            };
            let [one, other] = self.read_literals(folded, part)?;
            let [one, other] = self.unified(name, [one, other], &span)?;
            let ty = one.ty;
            folded = match (op(ty), ty.lane()) {
                (Op::Least(lane), Lane::Bits | Lane::Texts) => {
                    self.chosen(Op::Compare(Comparison::LessEqual, lane), one, other)?
                }
                (Op::Greatest(lane), Lane::Bits | Lane::Texts) => {
                    self.chosen(Op::Compare(Comparison::GreaterEqual, lane), one, other)?
                }
                (op, _) => self.emit(op, &[&one, &other], ty, span.clone())?,
            };
        }
        Ok(folded)
    }

    /// One part where it compares so with the other, and the other elsewhere.
    fn chosen(&mut self, compare: Op, one: Part, other: Part) -> Result<Part, ExprError> {
        let span = one.span.clone();
        let is_one = self.emit(compare, &[&one, &other], Ty::Boolean, span.clone())?;
        self.emit(
            Op::Choose(one.ty.lane()),
            &[&is_one, &one, &other],
            one.ty,
            span,
        )
    }

    fn numeric(&mut self, mut call: Arguments<'_>) -> Result<Part, ExprError> {
        let [value] = call.take()?;
        call.expect(&value, &[Ty::Integer, Ty::Number])?;
        let rounding = match call.call.name.as_str() {
            "abs" => {
                let op = Op::Absolute(value.ty.lane());
                return self.emit(op, &[&value], value.ty, call.span);
            }
            "round" => Rounding::Nearest,
            "floor" => Rounding::Down,
            "ceil" => Rounding::Up,
            _ => Rounding::TowardZero,
        };
        match value.ty {
            // An integer is whole.
            Ty::Integer => Ok(Part {
                span: call.span,
                ..value
            }),
            _ => self.emit(Op::Round(rounding), &[&value], Ty::Number, call.span),
        }
    }

    fn convert(&mut self, mut call: Arguments<'_>) -> Result<Part, ExprError> {
        use Conversion as C;
        use Ty::{Boolean, Date, Duration, Integer, Number, Text, Time, Timestamp};
        let [value] = call.take()?;
        let (to, conversion) = match (call.call.name.as_str(), value.ty) {
            (_, Ty::Null) => (Ty::Null, None),
            ("int", Integer) => (Integer, None),
            ("int", Number) => (Integer, Some(C::NumberToInteger)),
            ("int", Text) => (Integer, Some(C::TextToInteger)),
            ("int", Boolean) => (Integer, Some(C::BooleanToInteger)),
            ("int", Timestamp) => (Integer, Some(C::DivideDown(temporal::SECOND))),
            ("int", Duration) => (Integer, Some(C::Divide(temporal::SECOND))),
            ("double", Integer | Number) => {
                return self.widened(Part {
                    span: call.span,
                    ..value
                });
            }
            ("double", Text) => (Number, Some(C::TextToNumber)),
            ("double", Boolean) => {
                let op = Op::Convert(C::BooleanToInteger);
                let integer = self.emit(op, &[&value], Integer, call.span)?;
                return self.widened(integer);
            }
            ("string", Text) => (Text, None),
            ("string", ty) => (Text, Some(C::ToText(ty))),
            ("bool", Boolean) => (Boolean, None),
            ("bool", Text) => (Boolean, Some(C::TextToBoolean)),
            ("date", Date) => (Date, None),
            ("date", Timestamp) => (Date, Some(C::TimestampToDate)),
            ("date", Text) => (Date, Some(C::TextToDate)),
            ("time", Time) => (Time, None),
            ("time", Timestamp) => (Time, Some(C::TimestampToTime)),
            ("time", Text) => (Time, Some(C::TextToTime)),
            ("timestamp", Timestamp) => (Timestamp, None),
            ("timestamp", Date) => (Timestamp, Some(C::DateToTimestamp)),
            ("timestamp", Integer) => (Timestamp, Some(C::SecondsToTimestamp)),
            ("timestamp", Text) => (Timestamp, Some(C::TextToTimestamp)),
            ("duration", Duration) => (Duration, None),
            ("duration", Text) => (Duration, Some(C::TextToDuration)),
            _ => return Err(call.wrong_type(&value)),
        };
        match conversion {
            Some(conversion) => self.emit(Op::Convert(conversion), &[&value], to, call.span),
            None => Ok(Part {
                span: call.span,
                ..value
            }),
        }
    }

    fn matches(&mut self, mut call: Arguments<'_>) -> Result<Part, ExprError> {
        let [text, pattern] = call.take()?;
        call.expect(&text, &[Ty::Text])?;
        let Some(source) = self.text_of(&pattern) else {
            return Err(
                ExprError::new(pattern.span, "`matches` takes a pattern in quotes")
                    .with_help("patterns cannot come from a column"),
            );
        };
        if self.program.patterns.len() == pattern::COUNT_MAX {
            let message = format!("more than {} patterns", pattern::COUNT_MAX);
            return Err(ExprError::new(pattern.span, message));
        }
        let compiled = pattern::compile(source)
            .map_err(|reason| ExprError::new(pattern.span.clone(), reason))?;
        self.program.patterns.push(compiled);
        let op = Op::Matches(self.program.patterns.len() - 1);
        self.emit(op, &[&text], Ty::Boolean, call.span)
    }

    fn substring(&mut self, mut call: Arguments<'_>) -> Result<Part, ExprError> {
        let end = (call.parts.len() == 3).then(|| call.parts.remove(2));
        let [text, start] = call.take()?;
        call.expect(&text, &[Ty::Text])?;
        let mut operands = vec![&text, &start];
        operands.extend(&end);
        for bound in &operands[1..] {
            call.expect(bound, &[Ty::Integer])?;
        }
        self.emit(Op::Substring, &operands, Ty::Text, call.span.clone())
    }
}

/// A call whose arguments have been checked.
struct Arguments<'c> {
    call: &'c Call,
    /// Where the whole call stands.
    span: Range<usize>,
    parts: Vec<Part>,
}

impl Arguments<'_> {
    /// Exactly so many arguments.
    fn take<const N: usize>(&mut self) -> Result<[Part; N], ExprError> {
        match <[Part; N]>::try_from(std::mem::take(&mut self.parts)) {
            Ok(parts) => Ok(parts),
            Err(parts) => {
                self.parts = parts;
                Err(self.wrong_count())
            }
        }
    }

    fn wrong_count(&self) -> ExprError {
        let count = match self.parts.len() {
            0 => "no argument".to_owned(),
            1 => "one argument".to_owned(),
            count => format!("{count} arguments"),
        };
        let message = format!("`{}` is called with {count}", self.call.name);
        ExprError::new(self.span.clone(), message).with_help(self.usage())
    }

    /// That an argument has one of these types, or is null.
    fn expect(&self, part: &Part, allowed: &[Ty]) -> Result<(), ExprError> {
        match part.ty == Ty::Null && !part.is_null_literal || allowed.contains(&part.ty) {
            true => Ok(()),
            false => Err(self.wrong_type(part)),
        }
    }

    fn wrong_type(&self, part: &Part) -> ExprError {
        let message = format!("`{}` takes no {}", self.call.name, part.ty.bare());
        ExprError::new(part.span.clone(), message).with_help(self.usage())
    }

    fn usage(&self) -> String {
        let signature = signature(&self.call.name).unwrap_or_default();
        format!("it is `{signature}`")
    }
}
