//! `tamis store gc`: space that only forgotten versions take is given back.

use clap::Args;
use tamis_engine::human;
use tamis_store::collect::{CollectOptions, Collected};
use tamis_store::progress::StoreProgress;

use super::place::Place;
use super::progress::{Direction, Watched};
use super::share::{Share, Span};
use super::{json, setup, shown};
use crate::args::{OutputFormat, OutputOptions};
use crate::progress::Display;
use crate::{Context, Exit, Result};

/// Give back the space that only forgotten versions take
///
/// Others may go on adding and reading. Packs without anything that is needed go to the trash, and are deleted from there by a later run, when
/// their time of grace is over and nobody uses the store.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis store gc --dry-run
  tamis store gc
  tamis store gc --grace 0                        do not keep it for a day")]
pub(super) struct Options {
    /// Only say what would be done
    #[arg(long, short = 'n')]
    dry_run: bool,

    /// How long packs stay in the trash: 0, 90m, 24h, 7d
    #[arg(long, value_name = "TIME", default_value = "24h")]
    grace: Span,

    /// Rewrite packs of which less than this is needed
    #[arg(long, value_name = "SHARE", default_value = "70%")]
    repack_below: Share,

    #[command(flatten)]
    output: OutputOptions,
}

pub(super) fn run(options: &Options, place: &Place, context: &Context<'_>) -> Result<Exit> {
    let mut store = setup::open(place, context)?;
    let collect = CollectOptions {
        dry_run: options.dry_run,
        grace: options.grace.0,
        repack_below: options.repack_below.0,
        progress: StoreProgress::default(),
    };
    let watched = Watched::new(&collect.progress, Direction::Out);
    let display = Display::start(context.globals, &watched);
    let collected = store.collect(&collect);
    drop(display);
    let collected = collected?;
    for detail in &collected.damaged {
        context
            .printer
            .failure(&format!("a pack is damaged, and stays: {detail}"));
    }
    if collected.missing_chunks > 0 {
        let chunks = shown::counted(collected.missing_chunks, "chunk");
        context
            .printer
            .failure(&format!("{chunks} that a version needs: in no pack"));
    }
    if options.output.format() == OutputFormat::Json {
        json::print(&context.printer, json::of(&collected))?;
    } else {
        context.printer.data(&text(&collected))?;
    }
    let is_sound = collected.damaged.is_empty() && collected.missing_chunks == 0;
    Ok(match is_sound {
        true => Exit::Good,
        false => Exit::Bad,
    })
}

fn text(collected: &Collected) -> String {
    let rows = [
        (
            "needed",
            format!(
                "{} of {}",
                shown::counted(collected.live_objects, "object"),
                human::bytes(collected.live_bytes)
            ),
        ),
        (
            "not needed",
            format!(
                "{} of {}",
                shown::counted(collected.dead_objects, "object"),
                human::bytes(collected.dead_bytes)
            ),
        ),
        (
            "packs",
            format!(
                "{} kept, {} rewritten, {} dropped",
                human::count(collected.packs_kept),
                human::count(collected.packs_rewritten),
                human::count(collected.packs_dropped)
            ),
        ),
        ("written", human::bytes(collected.bytes_written)),
        ("dropped", human::bytes(collected.bytes_dropped)),
        ("given back", human::bytes(collected.bytes_freed_now)),
        ("in the trash", human::bytes(collected.bytes_in_trash)),
    ];
    let mut text = String::new();
    if collected.is_dry_run {
        text.push_str("nothing was changed; this is what would be done:\n");
    }
    for (name, value) in rows {
        text.push_str(&format!("{name:<12}  {value}\n"));
    }
    if let Some(why) = &collected.is_postponed {
        text.push_str(&format!("the trash stays for now: {why}\n"));
    }
    text
}
