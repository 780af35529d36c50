//! `tamis store repair`: what can be mended is, and what cannot is named.

use clap::Args;
use serde_json::Value;
use tamis_scan::names;
use tamis_store::progress::StoreProgress;
use tamis_store::repair::{RepairOptions, Repaired};
use tamis_store::store::Store;

use super::place::Place;
use super::progress::{Direction, Watched};
use super::{json, shown, verify};
use crate::args::{OutputFormat, OutputOptions};
use crate::progress::Display;
use crate::{Context, Exit, Result, stores};

/// So many paths are printed as text of those that are not staged any more.
const UNSTAGED_SHOWN: usize = 20;

/// Mend what can be mended, and name the files that are hurt
///
/// Nothing is deleted: what is damaged is moved aside, and what is good of it kept. Files of the work tree that are staged and lost are added
/// again. The exit code is 1 if something is lost for good.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis store repair
  tamis store repair --read-data")]
pub(super) struct Options {
    /// Read all data once more at the end
    #[arg(long)]
    read_data: bool,

    #[command(flatten)]
    output: OutputOptions,
}

pub(super) fn run(options: &Options, place: &Place, context: &Context<'_>) -> Result<Exit> {
    let folder = place.remains()?;
    let repair = RepairOptions {
        read_data: options.read_data,
        work_tree: place.work_tree(&folder).ok(),
        progress: StoreProgress::default(),
    };
    let settings = stores::settings(context.globals)?;
    let watched = Watched::new(&repair.progress, Direction::Out);
    let display = Display::start(context.globals, &watched);
    let repaired = Store::repair(&folder, settings, &repair, context.cancel);
    drop(display);
    let repaired = repaired?;
    if options.output.format() == OutputFormat::Json {
        json::print(&context.printer, document(&repaired))?;
    } else {
        for line in lines(&repaired) {
            context.printer.say(&line);
        }
        verify::print_text(&repaired.verified, context)?;
    }
    Ok(match repaired.lost_commits.is_empty() {
        true => verify::exit(&repaired.verified),
        false => Exit::Bad,
    })
}

fn lines(repaired: &Repaired) -> Vec<String> {
    let mut lines = Vec::new();
    if repaired.rebuilt_index {
        lines.push("made the index again, from the packs".to_owned());
    }
    let counts = [
        (
            repaired.salvaged_objects,
            "object",
            "copied out of damaged packs",
        ),
        (
            repaired.rescued_packs,
            "pack",
            "taken out of the trash again",
        ),
        (repaired.lost_objects, "object", "lost"),
        (repaired.lost_commits.len() as u64, "commit", "lost"),
    ];
    for (count, what, done) in counts.into_iter().filter(|(count, ..)| *count > 0) {
        lines.push(format!("{} {done}", shown::counted(count, what)));
    }
    let shown = repaired.unstaged.iter().take(UNSTAGED_SHOWN);
    lines.extend(shown.map(|path| format!("not staged any more: `{}`", shown::name(path))));
    let more = repaired.unstaged.len().saturating_sub(UNSTAGED_SHOWN);
    if more > 0 {
        let more = shown::counted(more as u64, "path");
        lines.push(format!(
            "not staged any more: {more} besides (`--json` has all)"
        ));
    }
    let moved = repaired.moved.iter();
    lines.extend(moved.map(|path| format!("moved aside: `{}`", names::show(path))));
    lines.extend(repaired.notes.iter().map(|note| format!("notice: {note}")));
    lines
}

fn document(repaired: &Repaired) -> json::Fields {
    let moved = repaired.moved.iter().map(|path| {
        let mut fields = json::Fields::new();
        names::put(path, &mut fields);
        Value::from(fields)
    });
    let unstaged = repaired.unstaged.iter().map(|path| {
        let mut fields = json::Fields::new();
        json::put_path(path, &mut fields);
        Value::from(fields)
    });
    let lost_commits = repaired.lost_commits.iter().map(ToString::to_string);
    let lost_commits: Vec<_> = lost_commits.collect();
    json::fields([
        ("rebuilt_index", repaired.rebuilt_index.into()),
        ("salvaged_objects", repaired.salvaged_objects.into()),
        ("rescued_packs", repaired.rescued_packs.into()),
        ("lost_objects", repaired.lost_objects.into()),
        ("lost_commits", lost_commits.into()),
        ("moved", moved.collect()),
        ("unstaged", unstaged.collect()),
        ("notes", repaired.notes.clone().into()),
        ("verified", verify::fields(&repaired.verified).into()),
    ])
}
