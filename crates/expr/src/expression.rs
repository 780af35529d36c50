//! Expressions that are ready to be evaluated.

use std::collections::BTreeSet;

use tamis_formats::vector::Type;

use crate::ExprError;
use crate::check::{self, Checked, Checker};
use crate::program::{Operand, Program};
use crate::syntax::{self, Tree};
use crate::ty::Ty;

/// The columns that an expression may name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    /// Name and type of each, members of JSON objects as `a.b`. Of two columns of one name the first is meant.
    pub columns: Vec<(String, Type)>,
}

impl Schema {
    /// Columns by name and type.
    pub fn new<N: Into<String>>(columns: impl IntoIterator<Item = (N, Type)>) -> Schema {
        let columns = columns.into_iter().map(|(name, ty)| (name.into(), ty));
        Schema {
            columns: columns.collect(),
        }
    }
}

/// A compiled expression. Threads share it; each has an [`Evaluator`](crate::Evaluator) of its own.
#[derive(Clone, Debug)]
pub struct Expression {
    pub(crate) program: Program,
    pub(crate) result: Operand,
    pub(crate) ty: Ty,
    columns: Vec<usize>,
}

impl Expression {
    /// Compiles an expression whose value may be of any type that a column can have.
    ///
    /// # Errors
    /// What is wrong with the text, or does not fit the columns.
    pub fn compile(text: &str, schema: &Schema) -> Result<Expression, ExprError> {
        syntax::on_deep_stack(|| {
            let tree = syntax::parse(text)?;
            let expression = Expression::of(&tree, schema)?;
            match expression.ty {
                Ty::Duration => {
                    let error = ExprError::new(tree.span, "a duration cannot be a result");
                    Err(error.with_help("`int(x)` is its seconds, `x.getHours()` its hours"))
                }
                _ => Ok(expression),
            }
        })
    }

    /// Compiles an expression that is true, false or null.
    ///
    /// # Errors
    /// As [`compile`](Self::compile), and values of another type.
    pub fn filter(text: &str, schema: &Schema) -> Result<Expression, ExprError> {
        syntax::on_deep_stack(|| {
            let tree = syntax::parse(text)?;
            let expression = Expression::of(&tree, schema)?;
            match expression.ty {
                Ty::Boolean => Ok(expression),
                ty => {
                    let message = format!("a condition is true or false, this is {ty}");
                    Err(ExprError::new(tree.span, message).with_help(check::truth_of(ty)))
                }
            }
        })
    }

    /// The names of the columns in an expression, before it is known which columns there are: `row.a.b` is `a.b`.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn names(text: &str) -> Result<BTreeSet<String>, ExprError> {
        syntax::on_deep_stack(|| Ok(check::names(&syntax::parse(text)?)))
    }

    /// The column, as a place in the schema, that a text names and does nothing with: `amount`, `row['Order Date']`.
    pub fn column(text: &str, schema: &Schema) -> Option<usize> {
        let found = syntax::on_deep_stack(|| Ok(check::column(&syntax::parse(text)?, schema)));
        found.ok().flatten()
    }

    /// The name of the column that a text names and does nothing with, before it is known which columns there are.
    pub fn column_name(text: &str) -> Option<String> {
        let found = syntax::on_deep_stack(|| Ok(check::column_name(&syntax::parse(text)?)));
        found.ok().flatten()
    }

    fn of(tree: &Tree, schema: &Schema) -> Result<Expression, ExprError> {
        let Checked {
            program,
            columns,
            result,
            ty,
        } = Checker::new(schema).check(tree)?;
        Ok(Expression {
            program,
            result,
            ty,
            columns,
        })
    }

    /// The columns it reads, as places in the schema: the order of the evaluator's inputs.
    pub fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// The type of its values.
    pub fn ty(&self) -> Type {
        self.ty.column_type()
    }
}
