//! `tamis store unstage`: the next commit holds again what the last one does.

use std::path::PathBuf;

use clap::Args;
use tamis_store::session::Session;

use super::place::Place;
use super::{json, setup, shown};
use crate::args::{OutputFormat, OutputOptions};
use crate::{Context, Exit, Result};

/// Take back what was added or taken out since the last commit
///
/// The work tree is not touched.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis store unstage
  tamis store unstage drops/orders.csv")]
pub(super) struct Options {
    /// What is at and below these [default: everything]
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    #[command(flatten)]
    output: OutputOptions,
}

pub(super) fn run(options: &Options, place: &Place, context: &Context<'_>) -> Result<Exit> {
    let folder = place.folder()?;
    let work_tree = place.work_tree(&folder)?;
    let paths = match options.paths.is_empty() {
        true => vec![Vec::new()],
        false => place.paths(&folder, &options.paths)?,
    };
    let store = setup::open_at(&folder, None, context)?;
    let count = Session::open(&store, &work_tree)?.unstage(&paths)?;
    match (options.output.format(), count) {
        (OutputFormat::Json, _) => {
            json::print(&context.printer, json::fields([("unstaged", count.into())]))?;
        }
        (OutputFormat::Text, 0) => context.printer.say("nothing to unstage"),
        (OutputFormat::Text, count) => {
            let paths = shown::counted(count, "path");
            context.printer.say(&format!("unstaged {paths}"));
        }
    }
    Ok(Exit::Good)
}
