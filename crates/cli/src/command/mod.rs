//! The verbs. A new one is a file here, a line in [`Command`] and a line in [`Command::run`].

mod bench;
mod check;
mod contract;
mod convert;
mod filter;
mod generate;
mod group;
mod head;
mod infer;
mod sample;
mod select;
mod sort;
mod stats;

use clap::Subcommand;

use crate::{Context, Exit, Result};

/// What Tamis can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Bench(bench::Options),
    Check(check::Options),
    Contract(contract::Options),
    Convert(convert::Options),
    Filter(filter::Options),
    Gen(generate::Options),
    Group(group::Options),
    Head(head::Options),
    Infer(infer::Options),
    Measure(bench::MeasureOptions),
    Stats(stats::Options),
    Sample(sample::Options),
    Select(select::Options),
    Sort(sort::Options),
}

impl Command {
    pub(crate) fn run(&self, context: &Context<'_>) -> Result<Exit> {
        match self {
            Self::Bench(options) => bench::run(options, context),
            Self::Check(options) => check::run(options, context),
            Self::Contract(options) => contract::run(options, context),
            Self::Convert(options) => convert::run(options, context),
            Self::Filter(options) => filter::run(options, context),
            Self::Gen(options) => generate::run(options, context),
            Self::Group(options) => group::run(options, context),
            Self::Head(options) => head::run(options, context),
            Self::Infer(options) => infer::run(options, context),
            Self::Measure(options) => bench::run_measured(options, context),
            Self::Stats(options) => stats::run(options, context),
            Self::Sample(options) => sample::run(options, context),
            Self::Select(options) => select::run(options, context),
            Self::Sort(options) => sort::run(options, context),
        }
    }
}
