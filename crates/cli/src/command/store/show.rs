//! `tamis store show`: a commit, and what it changed.

use clap::Args;
use serde_json::Value;
use tamis_store::commit::Commit;
use tamis_store::id::CommitId;
use tamis_store::refs::HEAD;
use tamis_store::store::Store;
use tamis_store::tree::NodeRef;

use super::log::{self, Names};
use super::place::Place;
use super::{changes, json, setup, shown};
use crate::args::{OutputFormat, OutputOptions};
use crate::page::Page;
use crate::{Context, Error, Exit, Result};

/// Show a commit, and what it changed
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis store show
  tamis store show HEAD~1")]
pub(super) struct Options {
    /// Which commit
    #[arg(value_name = "REF", default_value = HEAD)]
    revision: String,

    #[command(flatten)]
    output: OutputOptions,
}

pub(super) fn run(options: &Options, place: &Place, context: &Context<'_>) -> Result<Exit> {
    let store = setup::open(place, context)?;
    let (id, commit) = store.resolve(&options.revision)?;
    let names = Names::of(&store)?;
    let before = match before(&store, &commit) {
        Ok(before) => before,
        Err(error) => {
            print_alone((id, &commit), &names, &error, options.output, context)?;
            return Err(error);
        }
    };
    let trees = (before.tree(), Some(commit.root));
    if options.output.format() == OutputFormat::Json {
        let head = json::commit(id, &commit, names.of_commit(id));
        let mut list = json::List::begin(&context.printer, head, "changes")?;
        let totals = changes::print_json(&store, trees, &mut list, context)?;
        list.end(json::fields([("totals", totals.fields().into())]))?;
        return Ok(Exit::Good);
    }
    let mut page = Page::new(&context.printer);
    page.add(|page| {
        page.push_str(&log::header(id, &commit, &names));
        page.push('\n');
    })?;
    let totals = changes::print_text(&store, trees, &mut page, context)?;
    page.flush()?;
    let since = match before {
        Before::Nothing => "it is the first commit".to_owned(),
        Before::Commit(id, _) => format!("since {}", shown::short(id)),
        Before::Forgotten(id) => format!("the commit before, {}, is forgotten", shown::short(id)),
    };
    context.printer.say(&format!("{} ({since})", totals.text()));
    Ok(Exit::Good)
}

/// Prints a commit of which nobody can tell what it changed: what it was made from cannot be read.
fn print_alone(
    (id, commit): (CommitId, &Commit),
    names: &Names,
    error: &Error,
    output: OutputOptions,
    context: &Context<'_>,
) -> Result<()> {
    let what = "what it changed cannot be told, since the commit before it cannot be read";
    context.printer.say(&format!("notice: {what}"));
    if output.format() == OutputFormat::Text {
        return context.printer.data(&log::header(id, commit, names));
    }
    let mut document = json::commit(id, commit, names.of_commit(id));
    for key in ["changes", "totals"] {
        document.insert(key.to_owned(), Value::Null);
    }
    document.insert("changes_error".to_owned(), error.to_string().into());
    json::print(&context.printer, document)
}

/// What a commit is held against.
enum Before {
    Nothing,
    Commit(CommitId, NodeRef),
    /// Its files may be gone.
    Forgotten(CommitId),
}

impl Before {
    fn tree(&self) -> Option<NodeRef> {
        match self {
            Before::Commit(_, root) => Some(*root),
            Before::Nothing | Before::Forgotten(_) => None,
        }
    }
}

fn before(store: &Store, commit: &Commit) -> Result<Before> {
    let Some(&parent) = commit.parents.first() else {
        return Ok(Before::Nothing);
    };
    if store.refs().forgotten()?.contains(&parent) {
        return Ok(Before::Forgotten(parent));
    }
    Ok(Before::Commit(parent, store.refs().commit(parent)?.root))
}
