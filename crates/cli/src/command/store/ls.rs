//! `tamis store ls`: what is in a commit.

use std::ffi::OsString;

use clap::Args;
use tamis_store::entry::Content;
use tamis_store::store::Store;
use tamis_store::tree::{self, Child};

use super::place::Place;
use super::spec::{Found, Spec};
use super::{json, setup, shown};
use crate::args::{OutputFormat, OutputOptions};
use crate::page::Page;
use crate::{Context, Exit, Result};

/// List what is in a commit, or in a folder of it
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis store ls -R
  tamis store ls -l HEAD~1:drops")]
pub(super) struct Options {
    /// The commit, and a folder or file in it
    #[arg(value_name = "REF[:PATH]", default_value = "HEAD")]
    what: OsString,

    /// Modes, sizes and times, too
    #[arg(long, short)]
    long: bool,

    /// What is in folders, too
    #[arg(long, short = 'R')]
    recursive: bool,

    #[command(flatten)]
    output: OutputOptions,
}

pub(super) fn run(options: &Options, place: &Place, context: &Context<'_>) -> Result<Exit> {
    let folder = place.folder()?;
    let store = setup::open_at(&folder, None, context)?;
    let spec = match options.what.to_str() {
        Some(revision) if !revision.contains(':') => Spec {
            revision: revision.to_owned(),
            path: Vec::new(),
        },
        _ => Spec::typed(&options.what, place, &folder)?,
    };
    let found =
        spec.find(&store)
            .map_err(|error| match Spec::typed(&options.what, place, &folder) {
                Ok(path) => path.unless_meant(error, &store),
                Err(_) => error,
            })?;
    match options.output.format() {
        OutputFormat::Json => options.print_json(&store, &found, context)?,
        OutputFormat::Text => options.print_text(&store, &found, context)?,
    }
    Ok(Exit::Good)
}

impl Options {
    fn print_text(&self, store: &Store, found: &Found, context: &Context<'_>) -> Result<()> {
        let mut page = Page::new(&context.printer);
        self.each(store, found, |path, child| {
            context.cancel.check()?;
            page.add(|page| match self.long {
                true => page.push_str(&long(path, child)),
                false => page.push_str(&format!("{}\n", shown::path(path, &child.entry))),
            })
        })?;
        page.flush()
    }

    fn print_json(&self, store: &Store, found: &Found, context: &Context<'_>) -> Result<()> {
        let mut head = json::fields([("commit", found.id.to_string().into())]);
        json::put_path(&found.path, &mut head);
        let mut list = json::List::begin(&context.printer, head, "entries")?;
        self.each(store, found, |path, child| {
            context.cancel.check()?;
            let mut item = json::entry(&child.entry);
            json::put_path(path, &mut item);
            if let Some((_, totals)) = child.folder {
                item.insert("files".to_owned(), totals.files.into());
                item.insert("bytes".to_owned(), totals.bytes.into());
            }
            if let Some(first) = &child.link_to {
                let mut link = json::Fields::new();
                json::put_path(first, &mut link);
                item.insert("same_file_as".to_owned(), link.into());
            }
            list.add(item)
        })?;
        list.end(json::Fields::new())
    }

    /// Visits what was asked for: a file itself, of a folder what is in it. Paths are those in the commit.
    fn each(
        &self,
        store: &Store,
        found: &Found,
        mut visit: impl FnMut(&[u8], &Child) -> Result<()>,
    ) -> Result<()> {
        let Some((node, _)) = found.child.folder else {
            return visit(&found.path, &found.child);
        };
        let mut walk = tree::walk(&found.path, node, store.objects());
        while let Some(item) = walk.next() {
            let item = item?;
            if !self.recursive {
                walk.skip_folder();
            }
            visit(&item.path, &item.child)?;
        }
        Ok(())
    }
}

fn long(path: &[u8], child: &Child) -> String {
    let entry = &child.entry;
    let size = match (&entry.content, child.folder) {
        (Content::File { len_bytes, .. }, _) => tamis_engine::human::bytes(*len_bytes),
        (_, Some((_, totals))) => tamis_engine::human::bytes(totals.bytes),
        _ => "-".to_owned(),
    };
    let target = match &entry.content {
        Content::Link { target } => format!(" -> {}", shown::name(target)),
        _ => String::new(),
    };
    format!(
        "{}  {size:>8}  {}  {}{target}\n",
        shown::mode(entry),
        shown::local_time(entry.modified_ns),
        shown::path(path, entry),
    )
}
