//! Expressions over the columns of a record, in [CEL](https://cel.dev): filters, derived columns, rules across fields.
//!
//! An [`Expression`] is compiled once, against the names and types of the columns there are ([`Schema`]); what does not fit
//! them is an [`ExprError`] that knows its place in the text. An [`Evaluator`], one for each thread, then computes it for a block
//! of records at a time, a column after the other.
//!
//! ```
//! use tamis_engine::kernel::Kernel;
//! use tamis_expr::{Evaluator, Expression, Input, Schema};
//! use tamis_formats::vector::{Type, Values, Vector};
//!
//! let schema = Schema::new([("country", Type::Text), ("amount", Type::Integer)]);
//! let expression = Expression::filter("amount * 1.2 > 10 && amount != null", &schema)?;
//! assert_eq!(expression.columns(), [1]);
//!
//! let amount = Vector { rows: 3, present: vec![0b011], values: Values::Integer(vec![8, 9, 0]) };
//! let inputs = [Input { vector: &amount, bytes: &[] }];
//! let mut evaluator = Evaluator::new(Kernel::detect());
//! assert_eq!(evaluator.select(&expression, &inputs, 3).rows, [0b010]);
//!
//! let error = Expression::filter("amout > 10", &schema).unwrap_err();
//! assert_eq!((error.span, error.help.as_deref()), (0..5, Some("did you mean `amount`?")));
//! # Ok::<(), tamis_expr::ExprError>(())
//! ```
//!
//! # The way of an expression
//! `syntax` makes a tree of the text, `check` gives each part a type and emits a `program`, `eval` runs it.
//! What expressions mean is written down for users in `docs/expressions.md`.

mod check;
mod error;
mod eval;
mod expression;
mod pattern;
mod program;
mod set;
mod syntax;
mod temporal;
#[cfg(test)]
mod tests;
mod ty;

pub use error::ExprError;
pub use eval::{Evaluated, Evaluator, Input, RESULT_BYTES_MAX, Selected};
pub use expression::{Expression, Schema};
