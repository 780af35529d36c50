//! `tamis store size`: how large a store is, and what it saves.

use clap::Args;
use tamis_engine::human;
use tamis_store::size::{Sizes, VersionSizes};

use super::place::Place;
use super::{json, setup, shown};
use crate::args::{OutputFormat, OutputOptions};
use crate::{Context, Exit, Result};

/// Show how large the store is, and what it saves
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis store size
  tamis store size --efficiency --history")]
pub(super) struct Options {
    /// What deduplication and compression save, too
    #[arg(long)]
    efficiency: bool,

    /// What each version added, too
    #[arg(long)]
    history: bool,

    #[command(flatten)]
    output: OutputOptions,
}

pub(super) fn run(options: &Options, place: &Place, context: &Context<'_>) -> Result<Exit> {
    let store = setup::open(place, context)?;
    let sizes = store.sizes()?;
    if options.output.format() == OutputFormat::Json {
        let mut document = json::of(&sizes);
        document.insert("stored_bytes".to_owned(), sizes.stored.total().into());
        json::print(&context.printer, document)?;
        return Ok(Exit::Good);
    }
    let mut text = summary(&sizes);
    if options.efficiency {
        text.push_str(&efficiency(&sizes));
    }
    if options.history {
        text.push_str(&history(&sizes.versions));
    }
    context.printer.data(&text)?;
    Ok(Exit::Good)
}

fn summary(sizes: &Sizes) -> String {
    let stored = &sizes.stored;
    let row = |name: &str, bytes: u64, what: &str| {
        let line = format!("{name:<16}{:>9}  {what}", human::bytes(bytes));
        format!("{}\n", line.trim_end())
    };
    let mut text = row(
        "newest version",
        sizes.head_bytes,
        &shown::counted(sizes.head_files, "file"),
    );
    let versions = shown::counted(sizes.commits, "version");
    text.push_str(&row("all versions", sizes.all_bytes, &versions));
    let chunks = shown::counted(sizes.chunks, "chunk");
    text.push_str(&row("each byte once", sizes.chunk_bytes, &chunks));
    text.push_str(&row("stored", stored.total(), ""));
    let parts = [
        ("files", stored.data_packs),
        ("folders", stored.tree_packs),
        ("index", stored.index),
        ("staging", stored.staging),
        ("commits", stored.commits),
        ("trash", stored.trash),
    ];
    for (name, bytes) in parts.into_iter().filter(|(_, bytes)| *bytes > 0) {
        text.push_str(&row(&format!("  {name}"), bytes, ""));
    }
    text
}

fn efficiency(sizes: &Sizes) -> String {
    let saved = match (sizes.all_bytes, sizes.stored.total()) {
        (0, _) => 0.0,
        (all, stored) => 100.0 - stored as f64 * 100.0 / all as f64,
    };
    format!(
        "\ndeduplication   {:>9.2}  bytes of all versions for each that is kept\n\
         compression     {:>9.2}  bytes for each that is stored\n\
         saved           {saved:>7.1} %  of all versions\n",
        sizes.dedup_ratio, sizes.compression_ratio
    )
}

fn history(versions: &[VersionSizes]) -> String {
    let mut text = "\nversion         files      bytes        new     stored\n".to_owned();
    for version in versions {
        let id = version.commit.get(..10).unwrap_or(&version.commit);
        text.push_str(&format!(
            "{id}  {:>9}  {:>9}  {:>9}  {:>9}\n",
            human::count(version.files),
            human::bytes(version.bytes),
            human::bytes(version.new_plain_bytes),
            human::bytes(version.stored_bytes),
        ));
    }
    text
}
