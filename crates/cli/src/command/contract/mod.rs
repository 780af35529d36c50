//! `tamis contract`: looking at contracts without any data.

mod lint;
mod show;

use clap::{Args, Subcommand};

use crate::{Context, Exit, Result};

/// Check or show a contract
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Lint(lint::Options),
    Show(show::Options),
}

pub(crate) fn run(options: &Options, context: &Context<'_>) -> Result<Exit> {
    match &options.action {
        Action::Lint(options) => lint::run(options, context),
        Action::Show(options) => show::run(options, context),
    }
}
