//! `tamis consumer-group`: who reads what, and how far.

mod delete;
mod describe;
mod list;
mod reset;
mod target;

use clap::{Args, Subcommand};

use crate::kafka::groups::Group;
use crate::{Context, Error, Exit, Result};

/// Look after groups of consumers: who is in them, how far they have read, where they go on
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis consumer-group list
  tamis consumer-group describe billing
  tamis consumer-group reset billing --topic orders --to earliest --dry-run
  tamis consumer-group delete billing")]
pub(crate) struct Options {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Delete(delete::Options),
    Describe(describe::Options),
    List(list::Options),
    Reset(reset::Options),
}

pub(crate) fn run(options: &Options, context: &Context<'_>) -> Result<Exit> {
    match &options.verb {
        Verb::Delete(options) => delete::run(options, context),
        Verb::Describe(options) => describe::run(options, context),
        Verb::List(options) => list::run(options, context),
        Verb::Reset(options) => reset::run(options, context),
    }
}

/// For clap: the name of a group, which is never empty.
fn parse_name(text: &str) -> std::result::Result<String, String> {
    match text.is_empty() {
        true => Err("a group has a name".to_owned()),
        false => Ok(text.to_owned()),
    }
}

const UNKNOWN_HINT: &str = "`tamis consumer-group list` lists the groups";

fn is_unknown(name: &str) -> String {
    format!("there is no group `{name}`")
}

fn unknown(name: &str) -> Error {
    Error::Cluster {
        message: is_unknown(&super::shown::shown(name)),
        hint: Some(UNKNOWN_HINT.to_owned()),
        exit: Exit::Usage,
    }
}

/// Members of a group, in words: `2 members`.
fn members(group: &Group) -> String {
    super::shown::counted(group.members.len() as u64, "member")
}
