//! A query held against the columns of a table: what is read, what is computed, what is kept, what is written.

use std::ops::Range;

use tamis_expr::{ExprError, Expression, Schema};
use tamis_formats::vector::Type;

use super::GroupQuery;
use super::aggregate::{Accumulator, Function, Lane, State};
use super::spec::{self, AggregateSpec, SourceSpec};
use crate::items::wrong;
use crate::table::Table;
use crate::{Error, Result};

/// What a run does.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// The columns of the table that are read.
    pub(super) wanted: Vec<usize>,
    /// For each of them, the type to read it as, if an expression computes with it.
    pub(super) types: Vec<Option<Type>>,
    /// The rows for which this is true count.
    pub(super) filter: Option<Computed>,
    pub(super) computed: Vec<Computed>,
    pub(super) keys: Vec<Source>,
    /// What aggregates take values from, each once.
    pub(super) arguments: Vec<Source>,
    /// What is kept, each once, and of which argument.
    pub(super) states: Vec<(State, Option<usize>)>,
    pub(super) figures: Vec<Figure>,
    /// The columns of the result.
    pub(super) names: Vec<String>,
    /// What their values are.
    pub(super) column_types: Vec<Type>,
}

/// Where values are from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) origin: Origin,
    pub(super) ty: Type,
}

/// A column or an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Its place in [`Plan::wanted`].
    Column(usize),
    /// Its place in [`Plan::computed`].
    Computed(usize),
}

/// An expression, with where its columns are among the wanted ones.
#[derive(Debug)]
pub(super) struct Computed {
    text: String,
    pub(super) expression: Expression,
    pub(super) inputs: Vec<usize>,
}

/// An aggregate of the result.
#[derive(Debug)]
pub(super) struct Figure {
    pub(super) function: Function,
    /// Its place in [`Plan::states`].
    pub(super) accumulator: usize,
    /// Its values stand without quotes in JSON.
    pub(super) is_bare: bool,
}

impl Source {
    /// Whether its values stand without quotes in JSON.
    pub(super) fn is_bare(self) -> bool {
        matches!(self.ty, Type::Boolean | Type::Integer | Type::Number)
    }

    /// How its values come to accumulators.
    pub(super) fn lane(self) -> Lane {
        match (self.ty, self.origin) {
            (Type::Integer, _) | (Type::Number, Origin::Column(_)) => Lane::Numbers,
            (Type::Number, Origin::Computed(_)) => Lane::Doubles,
            _ => Lane::Others,
        }
    }
}

impl Plan {
    pub(super) fn new(query: &GroupQuery, table: &mut Table<'_>) -> Result<Plan> {
        let mut plan = Plan::default();
        if let Some(filter) = &query.filter {
            let all = 0..filter.len();
            plan.filter = Some(plan.compile(filter, all, table, Expression::filter)?);
        }
        if let Some(by) = &query.by {
            for key in spec::parse_keys(by)? {
                let source = plan.source(by, &key.source, table)?;
                plan.keys.push(source);
                plan.names.push(key.name);
                plan.column_types.push(source.ty);
            }
        }
        let text = &query.aggregates;
        for aggregate in spec::parse_aggregates(text)? {
            plan.add_aggregate(text, aggregate, table)?;
        }
        for (at, name) in plan.names.iter().enumerate() {
            if plan.names[..at].contains(name) {
                let message = format!("two columns of the result are called `{name}`");
                let help = "give one another name with `as`";
                let at = text.rfind(name.as_str()).unwrap_or(0);
                let span = at..(at + name.len()).min(text.len());
                return Err(wrong(text, span, message, Some(help.to_owned())));
            }
        }
        Ok(plan)
    }

    fn add_aggregate(
        &mut self,
        text: &str,
        aggregate: AggregateSpec,
        table: &mut Table<'_>,
    ) -> Result<()> {
        let function = aggregate.function;
        let argument = match &aggregate.argument {
            Some(argument) => Some(self.source(text, argument, table)?),
            None => None,
        };
        let ty = argument.map_or(Type::Null, |argument| argument.ty);
        let is_numeric = matches!(ty, Type::Null | Type::Integer | Type::Number);
        if function.wants_numbers() && !is_numeric {
            let name = &text[aggregate.function_span.clone()];
            let source = aggregate
                .argument
                .map_or(String::new(), |argument| argument.text);
            let message = format!(
                "`{name}` takes numbers, and `{source}` is {}",
                with_article(ty)
            );
            let help =
                format!("`{name}(double({source}))` takes those of its values that are numbers");
            let span = aggregate.function_span;
            return Err(wrong(text, span, message, Some(help)));
        }
        let is_bare = argument.is_none_or(Source::is_bare);
        let argument = argument.map(|argument| position(&mut self.arguments, argument));
        let accumulator = self.keep(function.state(argument.is_some()), argument);
        self.figures.push(Figure {
            function,
            accumulator,
            is_bare,
        });
        self.names.push(aggregate.name);
        self.column_types.push(function.ty(ty));
        Ok(())
    }

    /// Empty states for all that is kept.
    pub(super) fn accumulators(&self) -> Vec<Accumulator> {
        let states = self.states.iter().map(|&(state, argument)| {
            let lane = argument.map_or(Lane::Others, |argument| self.arguments[argument].lane());
            Accumulator::new(state, lane)
        });
        states.collect()
    }

    /// What `source`, a part of `text`, stands for: a column of that name, else an expression.
    fn source(&mut self, text: &str, source: &SourceSpec, table: &mut Table<'_>) -> Result<Source> {
        let name = source.column_name();
        let column = match table.find(name.as_deref().unwrap_or(&source.text)) {
            Ok(column) => Some(column),
            Err(Error::UnknownColumn { .. }) => None,
            Err(error) => return Err(error),
        };
        if let Some(column) = column {
            return Ok(Source {
                origin: Origin::Column(self.want(column)),
                ty: table.columns()[column].ty,
            });
        }
        let known = self
            .computed
            .iter()
            .position(|known| known.text == source.text);
        let at = match known {
            Some(at) => at,
            None => {
                let span = source.span.clone();
                let computed = self.compile(text, span, table, Expression::compile)?;
                self.computed.push(computed);
                self.computed.len() - 1
            }
        };
        Ok(Source {
            origin: Origin::Computed(at),
            ty: self.computed[at].expression.ty(),
        })
    }

    /// Compiles the expression that stands at `span` of `text`.
    fn compile(
        &mut self,
        text: &str,
        span: Range<usize>,
        table: &mut Table<'_>,
        compile: fn(&str, &Schema) -> std::result::Result<Expression, ExprError>,
    ) -> Result<Computed> {
        let part = &text[span.clone()];
        let mut compiled = compile(part, &schema(table));
        let known = table.columns().len();
        // A name that only later records have is no mistake.
        if compiled.is_err() && table.find_all().is_ok() && table.columns().len() > known {
            compiled = compile(part, &schema(table));
        }
        let expression = compiled.map_err(|mut source| {
            source.span = source.span.start + span.start..source.span.end + span.start;
            Error::Expression {
                text: text.to_owned(),
                source,
            }
        })?;
        let inputs = expression.columns().iter().map(|&column| {
            let place = self.want(column);
            self.types[place] = Some(table.columns()[column].ty);
            place
        });
        Ok(Computed {
            text: part.to_owned(),
            inputs: inputs.collect(),
            expression,
        })
    }

    /// The place of a column among those that are read.
    fn want(&mut self, column: usize) -> usize {
        let place = position(&mut self.wanted, column);
        self.types.resize(self.wanted.len(), None);
        place
    }

    /// Sees to it that this is kept.
    fn keep(&mut self, wanted: State, argument: Option<usize>) -> usize {
        // Sums with squares do for what asks for sums alone.
        let is_same = |&(state, of): &(State, Option<usize>)| {
            let are_sums = matches!((state, wanted), (State::Sums { .. }, State::Sums { .. }));
            of == argument && (state == wanted || are_sums)
        };
        match self.states.iter().position(is_same) {
            Some(at) => {
                if wanted == (State::Sums { has_squares: true }) {
                    self.states[at].0 = wanted;
                }
                at
            }
            None => {
                self.states.push((wanted, argument));
                self.states.len() - 1
            }
        }
    }
}

fn schema(table: &Table<'_>) -> Schema {
    let columns = table.columns().iter();
    Schema::new(columns.map(|column| (column.name.clone(), column.ty)))
}

/// The place of `item`, which is added if it is not there.
fn position<T: PartialEq>(items: &mut Vec<T>, item: T) -> usize {
    let known = items.iter().position(|known| *known == item);
    known.unwrap_or_else(|| {
        items.push(item);
        items.len() - 1
    })
}

fn with_article(ty: Type) -> String {
    match ty {
        Type::Text => "text".to_owned(),
        ty => format!("a {ty}"),
    }
}
