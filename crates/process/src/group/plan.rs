//! A query held against the columns of a table: what is read, what is computed, what is kept, what is written.

use std::collections::HashSet;
use std::ops::Range;

use tamis_expr::{ExprError, Expression, Schema};
use tamis_formats::vector::Type;

use super::GroupQuery;
use super::aggregate::{Accumulator, Function, Lane, State};
use super::spec::{self, AggregateSpec, Argument};
use crate::Result;
use crate::lists::{self, written, wrong};
use crate::table::Table;

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
            plan.filter = Some(plan.compile(filter, &all, table, Expression::filter)?);
        }
        let by = query.by.as_deref().unwrap_or_default();
        // Where the names of the result are from.
        let mut places: Vec<(&str, Range<usize>)> = Vec::new();
        if query.by.is_some() {
            for key in spec::parse_keys(by)? {
                let source = plan.source(by, &key.source, table)?;
                let own_name = match source.origin {
                    Origin::Column(place) => &table.columns()[plan.wanted[place]].name,
                    Origin::Computed(_) => &by[key.source.clone()],
                };
                let name = key.name.unwrap_or_else(|| own_name.to_owned());
                plan.keys.push(source);
                plan.names.push(name);
                plan.column_types.push(source.ty);
                places.push((by, key.source));
            }
        }
        let text = query.aggregates.as_str();
        for aggregate in spec::parse_aggregates(text)? {
            plan.add_aggregate(text, &aggregate, table)?;
            places.resize(plan.names.len(), (text, aggregate.span));
        }
        let mut known = HashSet::new();
        for (name, (text, span)) in plan.names.iter().zip(places) {
            if !known.insert(name) {
                let message = format!("two columns of the result are called `{name}`");
                let help = "give one another name with `as`";
                return Err(wrong(text, span, message, Some(help.to_owned())));
            }
        }
        Ok(plan)
    }

    fn add_aggregate(
        &mut self,
        text: &str,
        aggregate: &AggregateSpec,
        table: &mut Table<'_>,
    ) -> Result<()> {
        let function = aggregate.function;
        let source = match &aggregate.argument {
            Argument::Rows => {
                self.add_figure(function, None, aggregate.name.clone());
                return Ok(());
            }
            Argument::Each => return self.add_each(text, aggregate, table),
            Argument::Source(source) => source,
        };
        let argument = self.source(text, source, table)?;
        if !function.takes(argument.ty) {
            let name = &text[aggregate.function_span.clone()];
            let source = &text[source.clone()];
            let message = format!(
                "`{name}` takes numbers, and `{source}` is {}",
                with_article(argument.ty)
            );
            let help =
                format!("`{name}(double({source}))` takes those of its values that are numbers");
            let span = aggregate.function_span.clone();
            return Err(wrong(text, span, message, Some(help)));
        }
        self.add_figure(function, Some(argument), aggregate.name.clone());
        Ok(())
    }

    /// Adds an aggregate of each column that is no key, of those that it takes.
    fn add_each(
        &mut self,
        text: &str,
        aggregate: &AggregateSpec,
        table: &mut Table<'_>,
    ) -> Result<()> {
        table.find_all()?;
        let AggregateSpec { name, function, .. } = aggregate;
        let keys = self.keys.iter().filter_map(|key| match key.origin {
            Origin::Column(place) => Some(self.wanted[place]),
            Origin::Computed(_) => None,
        });
        let keys: Vec<usize> = keys.collect();
        let mut seen = HashSet::new();
        let mut found = Vec::new();
        for (at, column) in table.columns().iter().enumerate() {
            // Of two columns of one name the first is meant, as everywhere.
            if seen.insert(&column.name) && !keys.contains(&at) && function.takes(column.ty) {
                found.push((at, column.ty, format!("{name}({})", written(&column.name))));
            }
        }
        if found.is_empty() {
            let message = format!("there is no column that `{name}` could be computed of");
            let help = "keys are left out, and most functions take numbers alone".to_owned();
            return Err(wrong(text, aggregate.span.clone(), message, Some(help)));
        }
        for (column, ty, name) in found {
            let origin = Origin::Column(self.want(column));
            self.add_figure(*function, Some(Source { origin, ty }), name);
        }
        Ok(())
    }

    /// Adds a function of an argument, or of rows, to the result.
    fn add_figure(&mut self, function: Function, argument: Option<Source>, name: String) {
        let ty = argument.map_or(Type::Null, |argument| argument.ty);
        let is_bare = argument.is_none_or(Source::is_bare);
        let argument = argument.map(|argument| position(&mut self.arguments, argument));
        let accumulator = self.keep(function.state(argument.is_some()), argument);
        self.figures.push(Figure {
            function,
            accumulator,
            is_bare,
        });
        self.names.push(name);
        self.column_types.push(function.ty(ty));
    }

    /// Empty states for all that is kept.
    pub(super) fn accumulators(&self) -> Vec<Accumulator> {
        let states = self.states.iter().map(|&(state, argument)| {
            let lane = argument.map_or(Lane::Others, |argument| self.arguments[argument].lane());
            Accumulator::new(state, lane)
        });
        states.collect()
    }

    /// What a part of `text` stands for: a column of that name, else an expression.
    fn source(&mut self, text: &str, span: &Range<usize>, table: &mut Table<'_>) -> Result<Source> {
        if let Some(column) = lists::find(text, span, table)? {
            return Ok(Source {
                origin: Origin::Column(self.want(column)),
                ty: table.columns()[column].ty,
            });
        }
        let part = &text[span.clone()];
        let known = self.computed.iter().position(|known| known.text == part);
        let at = match known {
            Some(at) => at,
            None => {
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
        span: &Range<usize>,
        table: &mut Table<'_>,
        compile: fn(&str, &Schema) -> std::result::Result<Expression, ExprError>,
    ) -> Result<Computed> {
        let expression = lists::compile(text, span, table, compile)?;
        let inputs = expression.columns().iter().map(|&column| {
            let place = self.want(column);
            self.types[place] = Some(table.columns()[column].ty);
            place
        });
        Ok(Computed {
            text: text[span.clone()].to_owned(),
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
