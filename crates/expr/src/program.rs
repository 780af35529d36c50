//! What an expression is compiled to: steps, each a loop over whole columns.
//!
//! ```text
//! amount * 1.2 > 100 && country in ['DE', 'AT']
//!
//!   0  multiply numbers   column 0, constant 0
//!   1  greater numbers    step 0, constant 1
//!   2  in the set 0       column 1
//!   3  and                step 1, step 2
//! ```
//!
//! Types are settled when the program is made: a step says which loop it is, and nothing is decided row by row.

use crate::set::Set;
use crate::syntax::{Arithmetic, Comparison};
use crate::ty::{Lane, Ty};

/// The steps of an expression.
#[derive(Clone, Debug, Default)]
pub(crate) struct Program {
    /// Operands come before what is computed from them.
    pub(crate) steps: Vec<Step>,
    pub(crate) constants: Vec<Scalar>,
    pub(crate) sets: Vec<Set>,
    pub(crate) patterns: Vec<regex_automata::meta::Regex>,
}

/// One loop over columns.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Step {
    pub(crate) op: Op,
    pub(crate) operands: Vec<Operand>,
    /// What the values are.
    pub(crate) ty: Ty,
}

/// Where the values of an operand are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Operand {
    /// A column that the expression reads, by its place among these.
    Column(usize),
    /// The values of an earlier step.
    Step(usize),
    /// The same value in every row.
    Constant(usize),
}

/// A value that does not depend on the row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Scalar {
    Null,
    Boolean(bool),
    /// Integers, moments and durations.
    Integer(i64),
    Number(f64),
    Text(Box<[u8]>),
}

/// What a step does. Unless its comment says otherwise a row is null where an operand is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Op {
    Not,
    /// Of all operands, in three-valued logic: false if one is false.
    And,
    /// True if one is true.
    Or,
    /// Never null.
    IsNull,
    /// Never null.
    IsPresent,
    Compare(Comparison, Lane),
    /// An integer with a number, by value.
    CompareMixed(Comparison),
    /// Of integers or numbers. No value where it cannot be computed.
    Arithmetic(Arithmetic, Lane),
    Negate(Lane),
    Absolute(Lane),
    Round(Rounding),
    /// The integer as the nearest number.
    Widen,
    Least(Lane),
    Greatest(Lane),
    /// The second operand where the first is true, the third where it is false.
    Choose(Lane),
    /// The first operand that is not null.
    Coalesce(Lane),
    /// Whether a set has the value.
    In(usize),
    /// All operands, one behind the other.
    Concat,
    Contains,
    StartsWith,
    EndsWith,
    /// Whether a pattern is found in the text.
    Matches(usize),
    /// Characters of a text.
    Size,
    LowerAscii,
    UpperAscii,
    Trim,
    /// From a character on, to the one before another if there is a third operand.
    Substring,
    /// The text with all occurrences of one text replaced by another.
    Replace,
    /// The first character of an occurrence, or -1.
    IndexOf,
    Convert(Conversion),
    /// A part of a timestamp so many microseconds east of UTC.
    Part(Part, i64),
}

/// How numbers become whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rounding {
    /// To the nearest, halves away from zero.
    Nearest,
    Down,
    Up,
    TowardZero,
}

/// From one type to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conversion {
    BooleanToInteger,
    NumberToInteger,
    TextToBoolean,
    TextToInteger,
    TextToNumber,
    TextToDate,
    TextToTime,
    TextToTimestamp,
    TextToDuration,
    /// Any type.
    ToText(Ty),
    DateToTimestamp,
    TimestampToDate,
    TimestampToTime,
    SecondsToTimestamp,
    /// Microseconds to so many times as many, whole ones, toward zero.
    Divide(i64),
    /// As above, downward.
    DivideDown(i64),
}

/// Parts of a timestamp, as CEL counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Year,
    /// From 0.
    Month,
    /// From 1.
    Date,
    /// From 0.
    DayOfMonth,
    /// From 0.
    DayOfYear,
    /// 0 is Sunday.
    DayOfWeek,
    Hour,
    Minute,
    Second,
    Millisecond,
}

impl Op {
    /// Whether a row is null wherever an operand is null.
    pub(crate) fn is_strict(self) -> bool {
        !matches!(
            self,
            Op::And | Op::Or | Op::IsNull | Op::IsPresent | Op::Choose(_) | Op::Coalesce(_)
        )
    }
}
