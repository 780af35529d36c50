//! `tamis store diff`: what differs between two commits.

use clap::Args;
use tamis_store::refs::HEAD;

use super::place::Place;
use super::{changes, json, setup};
use crate::args::{OutputFormat, OutputOptions};
use crate::page::Page;
use crate::{Context, Exit, Result};

/// List what differs between two commits
///
/// A line for each path: `A` added, `D` removed, `M` modified, `T` something else now, `m` other mode, time, attributes or names alone. The exit
/// code is 1 if there is any difference.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis store diff HEAD~1 HEAD
  tamis store diff v1")]
pub(super) struct Options {
    /// The older one
    #[arg(value_name = "REF")]
    old: String,

    /// The newer one
    #[arg(value_name = "REF", default_value = HEAD)]
    new: String,

    #[command(flatten)]
    output: OutputOptions,
}

pub(super) fn run(options: &Options, place: &Place, context: &Context<'_>) -> Result<Exit> {
    let store = setup::open(place, context)?;
    let (old_id, old) = store.resolve(&options.old)?;
    let (new_id, new) = store.resolve(&options.new)?;
    let trees = (Some(old.root), Some(new.root));
    let totals = if options.output.format() == OutputFormat::Json {
        let head = json::fields([
            ("old", old_id.to_string().into()),
            ("new", new_id.to_string().into()),
        ]);
        let mut list = json::List::begin(&context.printer, head, "changes")?;
        let totals = changes::print_json(&store, trees, &mut list, context)?;
        list.end(json::fields([("totals", totals.fields().into())]))?;
        totals
    } else {
        let mut page = Page::new(&context.printer);
        let totals = changes::print_text(&store, trees, &mut page, context)?;
        page.flush()?;
        context.printer.say(&totals.text());
        totals
    };
    Ok(match totals.is_empty() {
        true => Exit::Good,
        false => Exit::Bad,
    })
}
