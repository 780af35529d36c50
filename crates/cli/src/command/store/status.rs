//! `tamis store status`: what the next commit would change, and what in the work tree is not staged.

use std::path::PathBuf;

use clap::Args;
use serde_json::Value;
use tamis_scan::names;
use tamis_store::refs::BRANCH;
use tamis_store::staging::Kind;
use tamis_store::status::{Status, Unstaged};

use super::changes::Change;
use super::place::Place;
use super::{json, setup, shown};
use crate::args::{OutputFormat, OutputOptions};
use crate::page::Page;
use crate::{Context, Exit, Result};

/// Show what the next commit would change, and what is not staged
///
/// No file is read: one that looks otherwise than when it was added counts as modified.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis store status
  tamis store status drops/")]
pub(super) struct Options {
    /// What is at and below these alone, of the work tree
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    #[command(flatten)]
    output: OutputOptions,
}

pub(super) fn run(options: &Options, place: &Place, context: &Context<'_>) -> Result<Exit> {
    let folder = place.folder()?;
    let work_tree = place.work_tree(&folder)?;
    let starts = match options.paths.is_empty() {
        true => vec![Vec::new()],
        false => place.paths(&folder, &options.paths)?,
    };
    let store = setup::open_at(&folder, None, context)?;
    let status = store.status(&work_tree, &starts)?;
    let head = store.refs().head()?;
    for (path, error) in &status.failures {
        let path = names::show(path);
        context
            .printer
            .failure(&format!("cannot read `{path}`: {error}"));
    }
    if options.output.format() == OutputFormat::Json {
        print_json(&status, head.map(|it| it.to_string()), context)?;
    } else {
        let head = match head {
            Some(id) => format!("On branch {BRANCH}, at {}", shown::short(id)),
            None => format!("On branch {BRANCH}, no commits yet"),
        };
        let current = place.current(&folder).unwrap_or_default();
        print_text(&status, &head, &current, context)?;
    }
    Ok(match status.failures.is_empty() {
        true => Exit::Good,
        false => Exit::Failure,
    })
}

fn print_text(status: &Status, head: &str, current: &[u8], context: &Context<'_>) -> Result<()> {
    let mut page = Page::new(&context.printer);
    page.add(|page| page.push_str(&format!("{head}\n")))?;
    let mut section = Section {
        page: &mut page,
        current,
        title: "Changes to be committed (`tamis store unstage PATH` takes them back)",
        is_empty: true,
    };
    let mut folder_times = 0;
    for change in &status.staged {
        let [before, now] = [&change.before, &change.now].map(|it| it.as_ref().map(|it| &it.entry));
        let what = Change::between(before, now);
        if what == Change::FolderTime {
            folder_times += 1;
            continue;
        }
        let is_folder = now.or(before).is_some_and(|it| json::kind(it) == "folder");
        section.add(word_of_change(what), &change.path, is_folder)?;
    }
    if folder_times > 0 {
        let times = shown::counted(folder_times, "folder");
        section.line(&format!("the times of {times}"))?;
    }
    section.next("Changes since they were added (`tamis store add PATH` takes them in)");
    for (path, (unstaged, kind)) in &status.unstaged {
        section.add(word_of_unstaged(*unstaged), path, *kind == Kind::Folder)?;
    }
    section.next("Never added (`tamis store add PATH` takes them in)");
    for (path, kind) in &status.untracked {
        section.add("", path, *kind == Kind::Folder)?;
    }
    let is_clean =
        status.staged.is_empty() && status.unstaged.is_empty() && status.untracked.is_empty();
    if is_clean {
        page.add(|page| page.push_str("nothing to commit, nothing to add\n"))?;
    }
    page.flush()
}

/// Lines below a title, which is printed with the first of them.
struct Section<'s, 'p> {
    page: &'s mut Page<'p>,
    current: &'s [u8],
    title: &'static str,
    is_empty: bool,
}

impl Section<'_, '_> {
    fn next(&mut self, title: &'static str) {
        self.title = title;
        self.is_empty = true;
    }

    fn add(&mut self, word: &str, path: &[u8], is_folder: bool) -> Result<()> {
        let path = shown::relative(path, self.current);
        let path = shown::name(&path);
        let mark = if is_folder { "/" } else { "" };
        match word {
            "" => self.line(&format!("{path}{mark}")),
            word => self.line(&format!("{word:<11} {path}{mark}")),
        }
    }

    fn line(&mut self, line: &str) -> Result<()> {
        let title = match std::mem::replace(&mut self.is_empty, false) {
            true => format!("\n{}:\n", self.title),
            false => String::new(),
        };
        self.page
            .add(|page| page.push_str(&format!("{title}  {line}\n")))
    }
}

fn word_of_change(change: Change) -> &'static str {
    match change {
        Change::Added => "new:",
        Change::Removed => "deleted:",
        Change::Modified => "modified:",
        Change::Retyped => "typechange:",
        Change::Metadata | Change::FolderTime => "mode, time:",
    }
}

fn word_of_unstaged(unstaged: Unstaged) -> &'static str {
    match unstaged {
        Unstaged::Modified => "modified:",
        Unstaged::Retyped => "typechange:",
        Unstaged::Deleted => "deleted:",
    }
}

fn print_json(status: &Status, head: Option<String>, context: &Context<'_>) -> Result<()> {
    let staged = status.staged.iter().map(|change| {
        let [before, now] = [&change.before, &change.now].map(|it| it.as_ref().map(|it| &it.entry));
        let mut fields = json::fields([("change", Change::between(before, now).word().into())]);
        json::put_path(&change.path, &mut fields);
        Value::from(fields)
    });
    let unstaged = status.unstaged.iter().map(|(path, (unstaged, _))| {
        let word = match unstaged {
            Unstaged::Modified => "modified",
            Unstaged::Retyped => "retyped",
            Unstaged::Deleted => "removed",
        };
        let mut fields = json::fields([("change", word.into())]);
        json::put_path(path, &mut fields);
        Value::from(fields)
    });
    let untracked = status.untracked.iter().map(|(path, kind)| {
        let kind = match kind {
            Kind::File => "file",
            Kind::Folder => "folder",
            Kind::Link => "link",
        };
        let mut fields = json::fields([("kind", kind.into())]);
        json::put_path(path, &mut fields);
        Value::from(fields)
    });
    let failures = status.failures.iter();
    let failures = failures.map(|(path, error)| json::failure(path, &error.to_string()));
    let document = json::fields([
        ("branch", BRANCH.into()),
        ("head", head.into()),
        ("staged", staged.collect()),
        ("unstaged", unstaged.collect()),
        ("untracked", untracked.collect()),
        ("failures", failures.collect()),
    ]);
    json::print(&context.printer, document)
}
