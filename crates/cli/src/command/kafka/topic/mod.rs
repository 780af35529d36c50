//! `tamis topic`: which topics there are, and what they are like.

mod alter;
mod contract;
mod create;
mod delete;
mod describe;
mod list;

use clap::{Args, Subcommand};

use crate::{Context, Exit, Result};

/// Look after topics of a cluster: Tamis' own, Apache Kafka, Redpanda
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis topic create orders --partitions 3
  tamis topic create orders --contract orders.odcs.yaml --on-invalid dead-letter
  tamis topic list
  tamis topic describe orders
  tamis topic alter orders --set retention.ms=3600000
  tamis topic delete orders")]
pub(crate) struct Options {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Alter(alter::Options),
    Create(create::Options),
    Delete(delete::Options),
    Describe(describe::Options),
    List(list::Options),
}

pub(crate) fn run(options: &Options, context: &Context<'_>) -> Result<Exit> {
    match &options.verb {
        Verb::Alter(options) => alter::run(options, context),
        Verb::Create(options) => create::run(options, context),
        Verb::Delete(options) => delete::run(options, context),
        Verb::Describe(options) => describe::run(options, context),
        Verb::List(options) => list::run(options, context),
    }
}
