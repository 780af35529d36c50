//! `tamis consumer-group delete`: groups and their offsets, gone.

use clap::Args;

use super::super::outcomes::{Words, once};
use crate::args::OutputOptions;
use crate::kafka::ClusterOptions;
use crate::{Context, Exit, Result};

/// Delete groups in which nobody is, with all of their offsets and without asking
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis consumer-group delete billing
  tamis consumer-group delete billing audit --json

Exit codes: 0 none is there any more; 2 usage, or there was none of that name; 3 the cluster cannot be reached; 11 a group has members; \
130 interrupted.")]
pub(super) struct Options {
    /// What they are called
    #[arg(required = true, value_name = "GROUP", value_parser = super::parse_name)]
    names: Vec<String>,

    #[command(flatten)]
    output: OutputOptions,

    #[command(flatten)]
    cluster: ClusterOptions,
}

pub(super) fn run(options: &Options, context: &Context<'_>) -> Result<Exit> {
    let cluster = options.cluster.cluster(context)?;
    let outcomes = cluster.admin()?.delete_groups(&once(&options.names))?;
    WORDS.tell(outcomes, false, options.output.format(), context)
}

const WORDS: Words = Words {
    noun: "group",
    done: "deleted",
    already: "unknown",
    refusal: super::is_unknown,
    hint: super::UNKNOWN_HINT,
};
