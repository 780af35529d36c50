//! `tamis store push`, `pull` and `clone`: from one store to another, on disks that this machine has.

use std::path::PathBuf;

use clap::Args;
use tamis_engine::human;
use tamis_scan::names;
use tamis_store::progress::StoreProgress;
use tamis_store::store::FOLDER;
use tamis_store::transfer::{self, Transferred};

use super::place::Place;
use super::progress::{Direction, Watched};
use super::{json, setup, shown};
use crate::args::{OutputFormat, OutputOptions};
use crate::progress::Display;
use crate::{Context, Error, Exit, Result, stores};

/// Bring another store up to date with this one
///
/// Commits that it has not are copied, with what it has not of them, and its branch is moved. If it has others, nothing is done.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis store push /mnt/backup/shop")]
pub(super) struct PushOptions {
    /// The other store: its folder, or one that has a `.tamis`
    #[arg(value_name = "DIR")]
    to: PathBuf,

    #[command(flatten)]
    output: OutputOptions,
}

/// Bring this store up to date with another one
///
/// The work tree stays as it is; `tamis store checkout` has the files of the new commits.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis store pull /mnt/backup/shop")]
pub(super) struct PullOptions {
    /// The other store: its folder, or one that has a `.tamis`
    #[arg(value_name = "DIR")]
    from: PathBuf,

    #[command(flatten)]
    output: OutputOptions,
}

/// Make a store that has all that another one has
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis store clone /backup/shop shop && tamis store --store shop checkout HEAD -o shop
  tamis store clone --bare . /mnt/usb/shop")]
pub(super) struct CloneOptions {
    /// The other store: its folder, or one that has a `.tamis`
    #[arg(value_name = "FROM")]
    from: PathBuf,

    /// The folder whose files the new one keeps; the store is `.tamis` in it
    #[arg(value_name = "TO")]
    to: PathBuf,

    /// Make the store in TO itself
    #[arg(long)]
    bare: bool,

    #[command(flatten)]
    output: OutputOptions,
}

pub(super) fn push(options: &PushOptions, place: &Place, context: &Context<'_>) -> Result<Exit> {
    let from = setup::open(place, context)?;
    let to = setup::open_at(&stores::find(Some(&options.to))?, None, context)?;
    let done = watched(context, |progress| transfer::push(&from, &to, progress))?;
    report(&done, options.output, context)
}

pub(super) fn pull(options: &PullOptions, place: &Place, context: &Context<'_>) -> Result<Exit> {
    let into = setup::open(place, context)?;
    let from = setup::open_at(&stores::find(Some(&options.from))?, None, context)?;
    let done = watched(context, |progress| transfer::pull(&into, &from, progress))?;
    report(&done, options.output, context)
}

pub(super) fn clone(options: &CloneOptions, place: &Place, context: &Context<'_>) -> Result<Exit> {
    if place.store.is_some() {
        return Err(Error::Usage {
            message: "`clone` takes both stores as arguments, and no `--store`".to_owned(),
            hint: None,
        });
    }
    let from = stores::find(Some(&options.from))?;
    let to = match options.bare {
        true => options.to.clone(),
        false => options.to.join(FOLDER),
    };
    let settings = stores::settings(context.globals)?;
    let done = watched(context, |progress| {
        transfer::clone_store(&from, &to, settings, context.cancel, progress)
    })?;
    if options.output.format() == OutputFormat::Text {
        let shown = names::show(&to);
        context.printer.say(&format!("made a store in `{shown}`"));
    }
    report(&done, options.output, context)
}

fn watched(
    context: &Context<'_>,
    transfer: impl FnOnce(&StoreProgress) -> tamis_store::Result<Transferred>,
) -> Result<Transferred> {
    let progress = StoreProgress::default();
    let watched = Watched::new(&progress, Direction::Across);
    let display = Display::start(context.globals, &watched);
    let done = transfer(&progress);
    drop(display);
    Ok(done?)
}

fn report(done: &Transferred, output: OutputOptions, context: &Context<'_>) -> Result<Exit> {
    for name in &done.kept_tags {
        let notice = format!("notice: the tag `{name}` is at another commit there, and stays");
        context.printer.say(&notice);
    }
    for name in &done.forgotten_tags {
        let notice = format!("notice: the tag `{name}` is not set there: its commit was forgotten");
        context.printer.say(&notice);
    }
    if !done.are_cut_alike {
        context.printer.say(
            "notice: the stores cut files into chunks of different lengths, so a file that is added to both is stored twice",
        );
    }
    if output.format() == OutputFormat::Json {
        json::print(&context.printer, document(done))?;
        return Ok(Exit::Good);
    }
    let head = done.head.map_or("without commits".to_owned(), |id| {
        format!("at {}", shown::short(id))
    });
    if done.commits == 0 && done.tags == 0 {
        context
            .printer
            .say(&format!("nothing to copy: it is up to date, {head}"));
        return Ok(Exit::Good);
    }
    let line = format!(
        "copied {}, {} of {}, {}; {head}; {} stored",
        shown::counted(done.commits, "commit"),
        shown::counted(done.chunks, "chunk"),
        human::bytes(done.plain_bytes),
        shown::counted(done.tags, "tag"),
        human::bytes(done.stored_bytes),
    );
    context.printer.say(&line);
    Ok(Exit::Good)
}

fn document(done: &Transferred) -> json::Fields {
    json::fields([
        ("commits", done.commits.into()),
        ("chunks", done.chunks.into()),
        ("nodes", done.nodes.into()),
        ("bytes", done.plain_bytes.into()),
        ("stored_bytes", done.stored_bytes.into()),
        ("tags", done.tags.into()),
        ("kept_tags", done.kept_tags.clone().into()),
        ("forgotten_tags", done.forgotten_tags.clone().into()),
        ("head", done.head.map(|id| id.to_string()).into()),
        ("are_cut_alike", done.are_cut_alike.into()),
        ("seconds", done.seconds.into()),
    ])
}
