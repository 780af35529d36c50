//! `tamis store cat`: the bytes of files, to standard output.

use std::ffi::OsString;

use clap::Args;
use tamis_engine::sink::{Sink, StdoutSink};

use super::bytes::{self, ByteRange};
use super::place::Place;
use super::setup;
use super::spec::Spec;
use crate::{Context, Exit, Result, stores};

/// Write files of a commit to standard output
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Which files, and of which commit [default: HEAD]
    #[arg(value_name = "[REF:]PATH", required = true)]
    what: Vec<OsString>,

    /// These bytes of each alone: FROM..TO, FROM.., ..TO or FROM+LENGTH
    #[arg(long, value_name = "RANGE")]
    range: Option<ByteRange>,
}

pub(super) fn run(options: &Options, place: &Place, context: &Context<'_>) -> Result<Exit> {
    let folder = place.folder()?;
    let store = setup::open_at(&folder, None, context)?;
    let mut found = Vec::new();
    for typed in &options.what {
        let item = Spec::typed(typed, place, &folder)?.find(&store)?;
        // Before anything is written.
        bytes::file_bytes(&item.child, &item.path)?;
        found.push(item);
    }
    let mut stdout: Box<dyn Sink> = Box::new(StdoutSink::new()?);
    let range = options.range.unwrap_or_default();
    for item in &found {
        let sink = stdout.as_mut();
        bytes::copy(&store, &item.child, &item.path, range, sink)?;
    }
    stdout.finish()?;
    if context.globals.perf {
        let caches = stores::caches(&store.objects().counters());
        context.printer.notice(&format!("performance{caches}"));
    }
    Ok(Exit::Good)
}
