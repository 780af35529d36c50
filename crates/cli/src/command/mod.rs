//! The verbs. A new one is a file here, a line in [`Command`] and a line in [`Command::run`].

mod bench;
mod check;
mod compress;
mod contract;
mod convert;
mod count;
mod decompress;
mod dupes;
mod filter;
mod generate;
mod group;
mod head;
mod infer;
mod inspect;
mod io_bench;
#[cfg_attr(feature = "kafka-client", path = "kafka/mod.rs")]
#[cfg_attr(not(feature = "kafka-client"), path = "no_kafka.rs")]
mod kafka;
mod logs;
mod sample;
mod search;
mod select;
#[cfg_attr(feature = "broker", path = "serve/mod.rs")]
#[cfg_attr(not(feature = "broker"), path = "no_serve.rs")]
mod serve;
mod sort;
mod stats;
mod store;
#[cfg_attr(feature = "broker", path = "user/mod.rs")]
#[cfg_attr(not(feature = "broker"), path = "no_user.rs")]
mod user;

use clap::Subcommand;

use crate::{Context, Exit, Result};

/// What Tamis can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Bench(bench::Options),
    Check(check::Options),
    Compress(compress::Options),
    Consume(kafka::consume::Options),
    ConsumerGroup(kafka::consumer_group::Options),
    Contract(contract::Options),
    Convert(convert::Options),
    Count(count::Options),
    Decompress(decompress::Options),
    Dupes(dupes::Options),
    Filter(filter::Options),
    Gen(generate::Options),
    Group(group::Options),
    Head(head::Options),
    Infer(infer::Options),
    Inspect(inspect::Options),
    Logs(logs::Options),
    IoBench(io_bench::Options),
    IoMeasure(io_bench::MeasureOptions),
    Measure(bench::MeasureOptions),
    Produce(kafka::produce::Options),
    Stats(stats::Options),
    Sample(sample::Options),
    Search(search::Options),
    Select(select::Options),
    Serve(serve::Options),
    Sort(sort::Options),
    Store(store::Options),
    Topic(kafka::topic::Options),
    User(user::Options),
}

impl Command {
    /// Whether the verb has a `--level` of its own, so that the shared one is not meant.
    pub(crate) fn has_own_level(&self) -> bool {
        matches!(self, Self::Compress(_))
    }

    pub(crate) fn run(&self, context: &Context<'_>) -> Result<Exit> {
        match self {
            Self::Bench(options) => bench::run(options, context),
            Self::Check(options) => check::run(options, context),
            Self::Compress(options) => compress::run(options, context),
            Self::Consume(options) => kafka::consume::run(options, context),
            Self::ConsumerGroup(options) => kafka::consumer_group::run(options, context),
            Self::Contract(options) => contract::run(options, context),
            Self::Convert(options) => convert::run(options, context),
            Self::Count(options) => count::run(options, context),
            Self::Decompress(options) => decompress::run(options, context),
            Self::Dupes(options) => dupes::run(options, context),
            Self::Filter(options) => filter::run(options, context),
            Self::Gen(options) => generate::run(options, context),
            Self::Group(options) => group::run(options, context),
            Self::Head(options) => head::run(options, context),
            Self::Infer(options) => infer::run(options, context),
            Self::Inspect(options) => inspect::run(options, context),
            Self::Logs(options) => logs::run(options, context),
            Self::IoBench(options) => io_bench::run(options, context),
            Self::IoMeasure(options) => io_bench::run_measured(options, context),
            Self::Measure(options) => bench::run_measured(options, context),
            Self::Produce(options) => kafka::produce::run(options, context),
            Self::Stats(options) => stats::run(options, context),
            Self::Sample(options) => sample::run(options, context),
            Self::Search(options) => search::run(options, context),
            Self::Select(options) => select::run(options, context),
            Self::Serve(options) => serve::run(options, context),
            Self::Sort(options) => sort::run(options, context),
            Self::Store(options) => store::run(options, context),
            Self::Topic(options) => kafka::topic::run(options, context),
            Self::User(options) => user::run(options, context),
        }
    }
}
