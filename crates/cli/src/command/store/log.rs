//! `tamis store log`: the commits, newest first.

use std::collections::{BTreeMap, BinaryHeap, HashSet};

use clap::Args;
use tamis_store::commit::Commit;
use tamis_store::id::CommitId;
use tamis_store::refs::{BRANCH, HEAD};
use tamis_store::store::Store;

use super::place::Place;
use super::{json, setup, shown};
use crate::args::{OutputFormat, OutputOptions};
use crate::page::Page;
use crate::{Context, Exit, Result};

/// List the commits, newest first
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis store log --oneline
  tamis store log v1 -n 5")]
pub(super) struct Options {
    /// Where to begin
    #[arg(value_name = "REF", default_value = HEAD)]
    revision: String,

    /// At most so many
    #[arg(short = 'n', long = "max-count", value_name = "N")]
    count: Option<usize>,

    /// A line for each
    #[arg(long)]
    oneline: bool,

    #[command(flatten)]
    output: OutputOptions,
}

pub(super) fn run(options: &Options, place: &Place, context: &Context<'_>) -> Result<Exit> {
    let store = setup::open(place, context)?;
    let names = Names::of(&store)?;
    let history = History::from(&store, &options.revision)?;
    let commits = history.take(options.count.unwrap_or(usize::MAX));
    match options.output.format() {
        OutputFormat::Json => print_json(commits, &names, context)?,
        OutputFormat::Text => print_text(commits, &names, options.oneline, context)?,
    }
    Ok(Exit::Good)
}

fn print_text(
    commits: impl Iterator<Item = Result<(CommitId, Commit)>>,
    names: &Names,
    is_oneline: bool,
    context: &Context<'_>,
) -> Result<()> {
    let mut page = Page::new(&context.printer);
    for (number, item) in commits.enumerate() {
        let (id, commit) = match item {
            Ok(item) => item,
            Err(error) => {
                page.flush()?;
                return Err(error);
            }
        };
        context.cancel.check()?;
        page.add(|page| match is_oneline {
            true => {
                let subject = shown::lines(&commit.message).next().unwrap_or_default();
                let decoration = names.decoration(id);
                page.push_str(&format!("{}{decoration} {subject}\n", shown::short(id)));
            }
            false => {
                if number > 0 {
                    page.push('\n');
                }
                page.push_str(&header(id, &commit, names));
            }
        })?;
    }
    page.flush()
}

fn print_json(
    commits: impl Iterator<Item = Result<(CommitId, Commit)>>,
    names: &Names,
    context: &Context<'_>,
) -> Result<()> {
    let mut list = json::List::begin(&context.printer, json::Fields::new(), "commits")?;
    for item in commits {
        let (id, commit) = match item {
            Ok(item) => item,
            Err(error) => {
                // What there is makes a whole document.
                list.end(json::fields([("error", error.to_string().into())]))?;
                return Err(error);
            }
        };
        context.cancel.check()?;
        list.add(json::commit(id, &commit, names.of_commit(id)))?;
    }
    list.end(json::Fields::new())
}

/// What is said of a commit before anything else, as git says it.
pub(super) fn header(id: CommitId, commit: &Commit, names: &Names) -> String {
    let author = shown::lines(&commit.author).next().unwrap_or_default();
    let mut text = format!(
        "commit {id}{}\nAuthor: {author}\nDate:   {}\n\n",
        names.decoration(id),
        shown::commit_time(commit.time_ns, commit.offset_minutes),
    );
    for line in shown::lines(&commit.message) {
        text.push_str(format!("    {line}").trim_end());
        text.push('\n');
    }
    text
}

/// The branch and the tags, by the commits that they lead to.
#[derive(Debug)]
pub(super) struct Names(BTreeMap<CommitId, Vec<String>>);

impl Names {
    pub(super) fn of(store: &Store) -> Result<Names> {
        let mut names: BTreeMap<CommitId, Vec<String>> = BTreeMap::new();
        if let Some(head) = store.refs().head()? {
            names.entry(head).or_default().push(BRANCH.to_owned());
        }
        for (name, id) in store.refs().tags()? {
            names.entry(id).or_default().push(name);
        }
        Ok(Names(names))
    }

    pub(super) fn of_commit(&self, id: CommitId) -> &[String] {
        self.0.get(&id).map_or(&[], Vec::as_slice)
    }

    /// ` (HEAD -> main, tag: v1)`, or nothing.
    fn decoration(&self, id: CommitId) -> String {
        let names = self.of_commit(id).iter();
        // No tag can have the name of the branch.
        let names = names.map(|name| match name.as_str() {
            BRANCH => format!("{HEAD} -> {BRANCH}"),
            name => format!("tag: {name}"),
        });
        match names.collect::<Vec<_>>().join(", ") {
            names if names.is_empty() => names,
            names => format!(" ({names})"),
        }
    }
}

/// A commit and those that it came from, newest first; forgotten ones are gone through and left out. What cannot be read is an error behind
/// all others.
struct History<'s> {
    store: &'s Store,
    forgotten: std::collections::BTreeSet<CommitId>,
    met: HashSet<CommitId>,
    /// By their times; commits that are read.
    waiting: BinaryHeap<Waiting>,
    /// The first commit that could not be read.
    failure: Option<tamis_store::Error>,
}

struct Waiting {
    id: CommitId,
    commit: Commit,
}

impl<'s> History<'s> {
    fn from(store: &'s Store, revision: &str) -> Result<History<'s>> {
        let mut history = History {
            store,
            forgotten: store.refs().forgotten()?,
            met: HashSet::new(),
            waiting: BinaryHeap::new(),
            failure: None,
        };
        let (id, commit) = store.resolve(revision)?;
        history.met.insert(id);
        history.waiting.push(Waiting { id, commit });
        Ok(history)
    }

    fn expand(&mut self, commit: &Commit) {
        for &id in &commit.parents {
            if !self.met.insert(id) {
                continue;
            }
            match self.store.refs().ancestor(id, &self.forgotten) {
                Ok(Some(commit)) => self.waiting.push(Waiting { id, commit }),
                Ok(None) => {} // History ends here.
                Err(error) => drop(self.failure.get_or_insert(error)),
            }
        }
    }
}

impl Iterator for History<'_> {
    type Item = Result<(CommitId, Commit)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some(Waiting { id, commit }) = self.waiting.pop() else {
                return self.failure.take().map(|error| Err(error.into()));
            };
            self.expand(&commit);
            if !self.forgotten.contains(&id) {
                return Some(Ok((id, commit)));
            }
        }
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Waiting) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Waiting) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Waiting) -> std::cmp::Ordering {
        (self.commit.time_ns, self.id).cmp(&(other.commit.time_ns, other.id))
    }
}
