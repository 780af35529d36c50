//! `tamis topic delete`: topics and their records, gone.

use clap::Args;

use super::super::outcomes::{Telling, once};
use super::super::shown::shown;
use crate::args::OutputOptions;
use crate::kafka::cluster::{Cluster, ClusterOptions};
use crate::{Context, Error, Exit, Result};

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
    let cluster = Cluster::named(&options.cluster, context)?;
    let outcomes = cluster.admin()?.delete(&once(&options.names))?;
    let refusal: &dyn Fn(&str) -> Error = &unknown;
    let telling = Telling {
        noun: "topic",
        done: "deleted",
        already: "unknown",
        refusal: (!options.if_exists).then_some(refusal),
        format: options.output.format(),
    };
    telling.tell(outcomes, context)
}

fn unknown(name: &str) -> Error {
    Error::Cluster {
        message: format!("there is no topic `{}`", shown(name)),
        hint: Some(
            "`tamis topic list` lists the topics, `--if-exists` passes over names of none"
                .to_owned(),
        ),
        exit: Exit::Usage,
    }
}
