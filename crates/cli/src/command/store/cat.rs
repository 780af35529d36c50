//! `tamis store cat`: the bytes of files, to standard output.

use std::ffi::OsString;

use clap::Args;
use tamis_engine::sink::{Sink, StdoutSink};
use tamis_store::store::Store;

use super::bytes::{self, ByteRange};
use super::place::Place;
use super::spec::{Found, Spec};
use super::{content, json, setup};
use crate::args::{OutputFormat, OutputOptions};
use crate::{Context, Exit, Result, stores};

/// Write files of a commit to standard output
///
/// JSON has an item for each of them, with `content` if that is UTF-8, and `content_base64` if not.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis store cat v1:drops/orders.csv | head
  tamis store cat HEAD~1:big.bin --range 1GiB+64KiB > piece")]
pub(super) struct Options {
    /// Which files, and of which commit [default: HEAD]
    #[arg(value_name = "[REF:]PATH", required = true)]
    what: Vec<OsString>,

    /// These bytes of each alone: FROM..TO, FROM.., ..TO or FROM+LENGTH
    #[arg(long, value_name = "RANGE")]
    range: Option<ByteRange>,

    #[command(flatten)]
    output: OutputOptions,
}

pub(super) fn run(options: &Options, place: &Place, context: &Context<'_>) -> Result<Exit> {
    let folder = place.folder()?;
    let store = setup::open_at(&folder, None, context)?;
    let range = options.range.unwrap_or_default();
    let mut found = Vec::new();
    for typed in &options.what {
        let item = Spec::typed(typed, place, &folder)?.find(&store)?;
        // Before anything is written.
        range.check(&item.child, &item.path, context)?;
        found.push(item);
    }
    match options.output.format() {
        OutputFormat::Text => options.write(&store, &found)?,
        OutputFormat::Json => options.print_json(&store, &found, context)?,
    }
    if context.globals.perf {
        let caches = stores::caches(&store.objects().counters());
        context.printer.notice(&format!("performance{caches}"));
    }
    Ok(Exit::Good)
}

impl Options {
    fn write(&self, store: &Store, found: &[Found]) -> Result<()> {
        let mut stdout: Box<dyn Sink> = Box::new(StdoutSink::new()?);
        let range = self.range.unwrap_or_default();
        for item in found {
            bytes::copy(store, &item.child, &item.path, range, stdout.as_mut())?;
        }
        Ok(stdout.finish()?)
    }

    fn print_json(&self, store: &Store, found: &[Found], context: &Context<'_>) -> Result<()> {
        let mut list = json::List::begin(&context.printer, json::Fields::new(), "files")?;
        for Found { id, path, child } in found {
            let range = self.range.unwrap_or_default();
            let range = range.within(bytes::file_bytes(child, path)?);
            let mut head = json::entry(&child.entry);
            head.insert("commit".to_owned(), id.to_string().into());
            json::put_path(path, &mut head);
            content::add(&mut list, head, store, child, range)?;
        }
        let caches = json::value(&store.objects().counters());
        list.end(json::fields([("caches", caches)]))
    }
}
