//! `tamis store checkout`: all of a commit, in a folder of its own.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use tamis_store::restore::RestoreOptions;

use super::place::Place;
use super::progress::{Direction, Watched};
use super::{placed, setup};
use crate::args::OutputOptions;
use crate::progress::Display;
use crate::{Context, Exit, Result, output};

/// Put all of a commit into a folder
///
/// Files have the bytes, modes, times, attributes, names and holes that they had; they belong to whoever does this. Nothing is replaced without
/// `--force`, and nothing that the commit does not have is removed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis store checkout v1 -o release/")]
pub(super) struct Options {
    /// Which commit
    #[arg(value_name = "REF")]
    revision: String,

    /// Where to; made if it is not there
    #[arg(long, short, required = true, value_name = "DIR", value_parser = output::file())]
    output_dir: PathBuf,

    /// Replace what is in the way
    #[arg(long, short)]
    force: bool,

    #[command(flatten)]
    output: OutputOptions,
}

pub(super) fn run(options: &Options, place: &Place, context: &Context<'_>) -> Result<Exit> {
    let start = Instant::now();
    let store = setup::open(place, context)?;
    let (_, commit) = store.resolve(&options.revision)?;
    let restore = RestoreOptions {
        force: options.force,
        ..RestoreOptions::default()
    };
    let watched = Watched::new(&restore.progress, Direction::Out);
    let display = Display::start(context.globals, &watched);
    let restored = store.restore_tree(commit.root, &options.output_dir, &restore);
    drop(display);
    placed::report(
        restored?,
        &store,
        &options.output_dir,
        start,
        options.output.format(),
        context,
    )
}
