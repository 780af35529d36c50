//! What differs between two trees, as `diff` and `show` print it.
//!
//! The time of a folder changes with everything in it. Where nothing else of a folder changed, text has it in the summary alone; JSON
//! has it as any other difference.

use tamis_engine::human;
use tamis_store::entry::{Content, Entry};
use tamis_store::store::Store;
use tamis_store::tree::{self, Child, Difference, NodeRef};

use super::{json, shown};
use crate::page::Page;
use crate::{Context, Result};

/// What happened to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Added,
    Removed,
    /// Other bytes, or a link that leads elsewhere.
    Modified,
    /// It is something else: a file is a folder now.
    Retyped,
    /// Its mode, times, attributes or further names alone.
    Metadata,
    /// The time of a folder alone.
    FolderTime,
}

impl Change {
    /// What happened from one entry to another.
    pub(super) fn between(old: Option<&Entry>, new: Option<&Entry>) -> Change {
        let (old, new) = match (old, new) {
            (None, _) => return Change::Added,
            (_, None) => return Change::Removed,
            (Some(old), Some(new)) => (old, new),
        };
        match (&old.content, &new.content) {
            (Content::Folder, Content::Folder) => {
                let is_same = old.mode == new.mode && old.attributes == new.attributes;
                if is_same {
                    Change::FolderTime
                } else {
                    Change::Metadata
                }
            }
            (
                Content::File {
                    len_bytes: old_bytes,
                    body: old,
                    ..
                },
                Content::File {
                    len_bytes: new_bytes,
                    body: new,
                    ..
                },
            ) => {
                if (old_bytes, old) == (new_bytes, new) {
                    Change::Metadata
                } else {
                    Change::Modified
                }
            }
            (Content::Link { target: old }, Content::Link { target: new }) => {
                if old == new {
                    Change::Metadata
                } else {
                    Change::Modified
                }
            }
            _ => Change::Retyped,
        }
    }

    fn of(change: &tree::Change) -> Change {
        let (old, new) = sides(change);
        Change::between(old.map(|it| &it.entry), new.map(|it| &it.entry))
    }

    /// As `git diff --name-status` has it; `m` is what git does not know.
    pub(super) fn letter(self) -> char {
        match self {
            Change::Added => 'A',
            Change::Removed => 'D',
            Change::Modified => 'M',
            Change::Retyped => 'T',
            Change::Metadata | Change::FolderTime => 'm',
        }
    }

    /// For programs.
    pub(super) fn word(self) -> &'static str {
        match self {
            Change::Added => "added",
            Change::Removed => "removed",
            Change::Modified => "modified",
            Change::Retyped => "retyped",
            Change::Metadata => "metadata",
            Change::FolderTime => "folder_time",
        }
    }
}

fn sides(change: &tree::Change) -> (Option<&Child>, Option<&Child>) {
    match change {
        tree::Change::Added(new) => (None, Some(new)),
        tree::Change::Removed(old) => (Some(old), None),
        tree::Change::Changed { old, new } => (Some(old), Some(new)),
    }
}

/// How many of each there are.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    pub(super) added: u64,
    pub(super) removed: u64,
    pub(super) modified: u64,
    pub(super) metadata: u64,
    pub(super) folder_times: u64,
}

impl Totals {
    fn count(&mut self, change: Change) {
        *match change {
            Change::Added => &mut self.added,
            Change::Removed => &mut self.removed,
            Change::Modified | Change::Retyped => &mut self.modified,
            Change::Metadata => &mut self.metadata,
            Change::FolderTime => &mut self.folder_times,
        } += 1;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.added + self.removed + self.modified + self.metadata + self.folder_times == 0
    }

    /// `2 added, 1 modified`.
    pub(super) fn text(&self) -> String {
        let counts = [
            (self.added, "added"),
            (self.removed, "removed"),
            (self.modified, "modified"),
            (self.metadata, "of another mode or time"),
            (self.folder_times, "of folders whose time alone is another"),
        ];
        let counts = counts.iter().filter(|(count, _)| *count > 0);
        let counts: Vec<_> = counts
            .map(|(count, what)| format!("{} {what}", human::count(*count)))
            .collect();
        match counts.is_empty() {
            true => "no differences".to_owned(),
            false => counts.join(", "),
        }
    }

    pub(super) fn fields(&self) -> json::Fields {
        json::fields([
            ("added", self.added.into()),
            ("removed", self.removed.into()),
            ("modified", self.modified.into()),
            ("metadata", self.metadata.into()),
            ("folder_times", self.folder_times.into()),
        ])
    }
}

/// Prints a line for each difference.
pub(super) fn print_text(
    store: &Store,
    (old, new): (Option<NodeRef>, Option<NodeRef>),
    page: &mut Page<'_>,
    context: &Context<'_>,
) -> Result<Totals> {
    let mut totals = Totals::default();
    for difference in tree::diff(old, new, store.objects()) {
        context.cancel.check()?;
        let Difference { path, change } = difference?;
        let (old, new) = sides(&change);
        let what = Change::of(&change);
        totals.count(what);
        let Some(child) = new.or(old).filter(|_| what != Change::FolderTime) else {
            continue;
        };
        let path = shown::path(&path, &child.entry);
        page.add(|page| page.push_str(&format!("{}\t{path}\n", what.letter())))?;
    }
    Ok(totals)
}

/// Adds an item for each difference.
pub(super) fn print_json(
    store: &Store,
    (old, new): (Option<NodeRef>, Option<NodeRef>),
    list: &mut json::List<'_>,
    context: &Context<'_>,
) -> Result<Totals> {
    let mut totals = Totals::default();
    for difference in tree::diff(old, new, store.objects()) {
        context.cancel.check()?;
        let Difference { path, change } = difference?;
        let what = Change::of(&change);
        totals.count(what);
        let mut item = json::fields([("change", what.word().into())]);
        json::put_path(&path, &mut item);
        let (old, new) = sides(&change);
        for (key, side) in [("old", old), ("new", new)] {
            if let Some(child) = side {
                item.insert(key.to_owned(), json::entry(&child.entry).into());
            }
        }
        list.add(item)?;
    }
    Ok(totals)
}
