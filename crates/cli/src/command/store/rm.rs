//! `tamis store rm`: what the next commit will not hold.

use std::path::PathBuf;

use clap::Args;
use tamis_scan::names;
use tamis_store::session::Session;

use super::place::Place;
use super::{json, setup, shown};
use crate::args::{OutputFormat, OutputOptions};
use crate::{Context, Error, Exit, Result};

/// Take files and folders out of the next commit; the work tree keeps them
///
/// What stays in the work tree is added again by `add -A`, unless a rule in `.tamisignore` matches it. Commits that hold it are not changed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis store rm drops/old/ notes.txt")]
pub(super) struct Options {
    /// What is at and below these
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,

    #[command(flatten)]
    output: OutputOptions,
}

pub(super) fn run(options: &Options, place: &Place, context: &Context<'_>) -> Result<Exit> {
    let folder = place.folder()?;
    let work_tree = place.work_tree(&folder)?;
    let paths = place.paths(&folder, &options.paths)?;
    let store = setup::open_at(&folder, None, context)?;
    let mut session = Session::open(&store, &work_tree)?;
    for (typed, path) in options.paths.iter().zip(&paths) {
        if !path.is_empty() && session.staging().known(path)?.is_none() {
            return Err(Error::Usage {
                message: format!("`{}` is not in the next commit", names::show(typed)),
                hint: Some("nothing was taken out; `tamis store status` shows more".to_owned()),
            });
        }
    }
    let count = session.remove(&paths)?;
    match options.output.format() {
        OutputFormat::Json => {
            json::print(&context.printer, json::fields([("removed", count.into())]))?;
        }
        OutputFormat::Text => {
            let paths = shown::counted(count, "path");
            context
                .printer
                .say(&format!("took {paths} out of the next commit"));
        }
    }
    Ok(Exit::Good)
}
