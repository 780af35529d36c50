//! `tamis store commit`: what is staged becomes a version.

use clap::Args;
use tamis_engine::human;
use tamis_store::refs::BRANCH;
use tamis_store::session::{CommitRequest, Committed, Session};

use super::place::Place;
use super::{json, setup, shown};
use crate::args::{OutputFormat, OutputOptions};
use crate::{Context, Error, Exit, Result, stores};

/// Make a version of what is staged
///
/// Without changes since the last commit there is none to make, which is no error.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis store commit -m 'drops of monday'
  tamis store commit -m 'orders, again' -m 'The first delivery was cut short.' --author import")]
pub(super) struct Options {
    /// Why it is made; given several times, each is a paragraph
    #[arg(long, short, required = true, value_name = "TEXT")]
    message: Vec<String>,

    /// Who makes it [default: `TAMIS_AUTHOR`, else the user and the machine]
    #[arg(long, value_name = "NAME")]
    author: Option<String>,

    /// Make one even if nothing changed
    #[arg(long)]
    allow_empty: bool,

    #[command(flatten)]
    output: OutputOptions,
}

pub(super) fn run(options: &Options, place: &Place, context: &Context<'_>) -> Result<Exit> {
    let message = options.message.join("\n\n");
    if message.trim().is_empty() {
        return Err(Error::Usage {
            message: "the message is empty".to_owned(),
            hint: Some("it is what `tamis store log` tells the commit by".to_owned()),
        });
    }
    let folder = place.folder()?;
    let work_tree = place.work_tree(&folder)?;
    let store = setup::open_at(&folder, None, context)?;
    let mut session = Session::open(&store, &work_tree)?;
    let request = CommitRequest {
        message,
        author: options.author.clone().unwrap_or_else(stores::author),
        offset_minutes: stores::local_offset_minutes(),
        allows_empty: options.allow_empty,
    };
    let has_something =
        options.allow_empty || !session.staging().is_empty() || store.refs().head()?.is_some();
    let committed = match has_something {
        true => session.commit(&request)?,
        false => None,
    };
    if options.output.format() == OutputFormat::Json {
        json::print(&context.printer, document(committed.as_ref()))?;
    } else if let Some(committed) = &committed {
        context.printer.data(&text(committed))?;
    } else {
        context
            .printer
            .say("nothing to commit; `tamis store add -A` takes in what has changed");
    }
    if let (true, Some(committed)) = (context.globals.perf, &committed) {
        let seconds = committed.seconds;
        let stages = shown::stages(&committed.stages, committed.limited_by());
        context.printer.notice(&format!(
            "performance\n  committed in {seconds:.3} s{stages}"
        ));
    }
    Ok(Exit::Good)
}

fn text(committed: &Committed) -> String {
    let commit = &committed.commit;
    let subject = shown::lines(&commit.message).next().unwrap_or_default();
    format!(
        "[{BRANCH} {}] {subject}\n {}; {} of {} in all; {} new, {} stored\n",
        shown::short(committed.id),
        shown::counted(committed.changes, "change"),
        shown::counted(commit.totals.files, "file"),
        human::bytes(commit.totals.bytes),
        human::bytes(commit.new_plain_bytes),
        human::bytes(commit.stored_bytes),
    )
}

fn document(committed: Option<&Committed>) -> json::Fields {
    let Some(committed) = committed else {
        return json::fields([("commit", serde_json::Value::Null), ("changes", 0.into())]);
    };
    let mut fields = json::commit(committed.id, &committed.commit, &[BRANCH.to_owned()]);
    fields.extend(json::fields([
        ("changes", committed.changes.into()),
        ("stages", json::value(&committed.stages)),
        ("limited_by", committed.limited_by().name().into()),
        ("seconds", committed.seconds.into()),
    ]));
    fields
}
