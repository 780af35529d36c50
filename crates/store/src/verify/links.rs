//! Further names of files (hard links): that each leads to an earlier plain file of the same tree that is the same in all.
//!
//! Such a name says from the root where its file is, so that a folder which two commits share can be right in one and wrong in the other. Most
//! stores have none, and then nobody looks; in the others each commit's tree is walked for them, without what is known by then:
//!
//! - nodes without further names: a bit for each object of the index;
//! - folders whose further names all lead to somewhere inside: right in every tree that has them at the same path. [`SETTLED_MAX`] of them are
//!   remembered, and others looked at again with each commit;
//! - nodes that this tree has at an earlier place as well: a bit for each object, for one tree at a time.

use std::collections::HashSet;

use tamis_engine::names::show_bytes;

use super::{Hurt, Report};
use crate::Result;
use crate::commit::Commit;
use crate::entry::Content;
use crate::id::{CommitId, ID_BYTES, ObjectId};
use crate::marks::{Mark, Marks};
use crate::path::tree_order;
use crate::store::Store;
use crate::tree::{Child, LinkVisitor, LinksBelow, NodeRef, Place, lookup, visit_links};

/// So many folders are remembered, which take some 15 MB.
const SETTLED_MAX: usize = 256 << 10;

/// Tells `report` of all further names in these commits that lead to something else.
pub(super) fn check(
    store: &Store,
    commits: &[(CommitId, Commit)],
    report: &mut Report,
) -> Result<()> {
    let mut links = Links {
        store,
        report,
        free: Seen::new(store),
        settled: HashSet::new(),
        wrong: None,
    };
    for (id, commit) in commits {
        let mut tree = LinksOfTree {
            commit: *id,
            root: commit.root,
            seen: Seen::new(store),
            links: &mut links,
        };
        visit_links(commit.root, store.objects(), &mut tree)?;
    }
    links.tell();
    Ok(())
}

struct Links<'s, 'r> {
    store: &'s Store,
    report: &'r mut Report,
    /// Nodes below which there are no further names.
    free: Seen,
    /// Folders at a path: their further names are right, and lead to somewhere inside.
    settled: HashSet<[u8; ID_BYTES]>,
    /// The problem with those that are wrong, and how many there are.
    wrong: Option<(usize, u64)>,
}

impl Links<'_, '_> {
    fn tell(self) {
        if let Some((problem, count @ 2..)) = self.wrong {
            let more = match count {
                2 => "; so is another".to_owned(),
                count => format!("; so are {} others", count - 1),
            };
            self.report.extend(problem, &more);
        }
    }

    fn wrong(&mut self, commit: CommitId, path: &[u8], first: &[u8]) {
        let report = &mut *self.report;
        let (problem, count) = self.wrong.get_or_insert_with(|| {
            let detail = format!(
                "`{}` of the commit {commit} is said to be a further name of `{}`, which is no earlier file of the same bytes, mode, time \
                 and attributes; it comes back as a file by itself",
                show_bytes(path),
                show_bytes(first)
            );
            let packs = self.store.folder().join("packs");
            (report.problem(&packs, detail), 0)
        });
        *count += 1;
        let hurt = Hurt {
            commit: Some(commit),
            path: path.to_vec(),
        };
        report.hurt(*problem, hurt);
    }
}

/// The walk through the tree of a commit.
struct LinksOfTree<'l, 's, 'r> {
    commit: CommitId,
    root: NodeRef,
    /// Nodes that the walk was in. If they come again their names come later, and what was earlier before is so still.
    seen: Seen,
    links: &'l mut Links<'s, 'r>,
}

impl LinkVisitor for LinksOfTree<'_, '_, '_> {
    fn enter(&mut self, place: Place<'_>) -> Result<Option<LinksBelow>> {
        self.links.store.cancel().check()?;
        // What cannot be had was told of.
        if self.links.report.loss(place.id).is_some() {
            return Ok(Some(LinksBelow::UNKNOWN));
        }
        if self.links.free.contains(place.id) {
            return Ok(Some(LinksBelow::NONE));
        }
        if place.is_whole && self.links.settled.contains(&key(place)) {
            return Ok(Some(LinksBelow::INSIDE));
        }
        Ok((!self.seen.insert(place.id)).then_some(LinksBelow::UNKNOWN))
    }

    fn visit(&mut self, path: &[u8], child: &Child, first: &[u8]) -> Result<bool> {
        self.links.store.cancel().check()?;
        // A node on the way that cannot be read was told of.
        let Ok(found) = lookup(self.root, first, self.links.store.objects()) else {
            return Ok(false);
        };
        let is_it = tree_order(first, path).is_lt()
            && found.is_some_and(|found| {
                let is_file = matches!(found.entry.content, Content::File { .. });
                is_file && found.link_to.is_none() && found.entry == child.entry
            });
        if !is_it {
            self.links.wrong(self.commit, path, first);
        }
        Ok(is_it)
    }

    fn leave(&mut self, place: Place<'_>, below: LinksBelow) {
        if !below.is_sound {
            return;
        }
        if !below.has_links {
            self.links.free.insert(place.id);
        } else if place.is_whole
            && below.home_bytes >= place.folder.len()
            && self.links.settled.len() < SETTLED_MAX
        {
            self.links.settled.insert(key(place));
        }
    }
}

/// A folder at its path.
fn key(place: Place<'_>) -> [u8; ID_BYTES] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&place.id.0).update(place.folder);
    *hasher.finalize().as_bytes()
}

/// A set of nodes: a bit for each, except for the few that the index does not know.
struct Seen {
    marks: Marks,
    others: HashSet<ObjectId>,
}

impl Seen {
    fn new(store: &Store) -> Seen {
        Seen {
            marks: Marks::new(store.objects().index()),
            others: HashSet::new(),
        }
    }

    /// Whether it was not in it before.
    fn insert(&mut self, id: &ObjectId) -> bool {
        // An index that cannot be asked was told of; what it knows of the id is the same as nothing.
        match self.marks.mark(id).unwrap_or(Mark::Absent) {
            Mark::New => true,
            Mark::Known => false,
            Mark::Absent => self.others.insert(*id),
        }
    }

    fn contains(&self, id: &ObjectId) -> bool {
        self.marks.is_marked(id).unwrap_or(false) || self.others.contains(id)
    }
}
