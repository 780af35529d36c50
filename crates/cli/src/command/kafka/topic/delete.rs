//! `tamis topic delete`: topics and their records, gone.

use clap::Args;

use super::super::outcomes::{Words, once};
use crate::args::OutputOptions;
use crate::kafka::ClusterOptions;
use crate::{Context, Exit, Result};

/// Delete topics, with all of their records and without asking
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis topic delete orders
  tamis topic delete orders payments --if-exists

Exit codes: 0 none is there any more; 2 usage, or there was none of that name; 3 the cluster cannot be reached; 130 interrupted.")]
pub(super) struct Options {
    /// What they are called
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,

    /// Pass over names of no topic
    #[arg(long)]
    if_exists: bool,

    #[command(flatten)]
    output: OutputOptions,

    #[command(flatten)]
    cluster: ClusterOptions,
}

pub(super) fn run(options: &Options, context: &Context<'_>) -> Result<Exit> {
    let cluster = options.cluster.cluster(context)?;
    let outcomes = cluster.admin()?.delete(&once(&options.names))?;
    WORDS.tell(
        outcomes,
        options.if_exists,
        options.output.format(),
        context,
    )
}

const WORDS: Words = Words {
    noun: "topic",
    done: "deleted",
    already: "unknown",
    refusal: |name| format!("there is no topic `{name}`"),
    hint: "`tamis topic list` lists the topics, `--if-exists` passes over names of none",
};
