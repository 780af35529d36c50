//! All that commits refer to, each node once.
//!
//! A node is fetched before anybody goes into it, so that one that cannot be had does not end the walk of its tree. One that can, and
//! contradicts what the node above says of it, does: then the tree is walked again around that node.
//!
//! What is in no pack of the index is not always lost. Packs in `packs/` that the index does not know, of a process that was killed before it
//! put them in, are where readers look next, and the next session puts them in; what is in them is read here, for nothing else vouches for
//! it. And some need not be there ([`Excuse`]): the commit was forgotten since the walk began, and `gc` was there.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::Report;
use crate::commit::Commit;
use crate::entry::Body;
use crate::id::{CommitId, ObjectId};
use crate::index::PackKind;
use crate::marks::{Mark, Marks};
use crate::objects::Objects;
use crate::pack;
use crate::store::Store;
use crate::tree::{NodeSource, Reference, references_and_links, references_of_body, totals};
use crate::{Error, Result};

/// So many nodes that contradict others are gone around in one tree.
const CONTRADICTIONS_MAX: usize = 64;

/// The walk through all trees.
pub(super) struct Trees<'s, 'r> {
    store: &'s Store,
    report: &'r mut Report,
    marks: Marks,
    /// Read chunks, too, for the index is damaged.
    doubts_index: bool,
    /// Objects that the index got after the marks were made, or that are in a pack that it does not know.
    unmarked: HashSet<ObjectId>,
    /// Whether any file has a further name.
    has_links: bool,
    /// The problem with all nodes, and all chunks, that are in no pack; and how many they are.
    absent: [Option<(usize, u64)>; 2],
    nodes: u64,
    chunks: u64,
}

/// Whether an object that is in no pack of the index need not be there.
type Excuse<'e> = &'e dyn Fn(&ObjectId) -> bool;

/// Gives out the node that was fetched last a second time without looking for it.
struct Handed<'s> {
    objects: &'s Objects,
    last: Mutex<Option<(ObjectId, Arc<[u8]>)>>,
}

impl Handed<'_> {
    fn fetch(&self, id: &ObjectId) -> Result<()> {
        let node = self.objects.node(id)?;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some((*id, node));
        Ok(())
    }
}

impl NodeSource for Handed<'_> {
    fn node(&self, id: &ObjectId) -> Result<Arc<[u8]>> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match last.take() {
            Some((found, node)) if found == *id => Ok(node),
            _ => self.objects.node(id),
        }
    }
}

impl<'s, 'r> Trees<'s, 'r> {
    pub(super) fn new(
        store: &'s Store,
        report: &'r mut Report,
        doubts_index: bool,
    ) -> Trees<'s, 'r> {
        Trees {
            store,
            report,
            marks: Marks::new(store.objects().index()),
            doubts_index,
            unmarked: HashSet::new(),
            has_links: false,
            absent: [None, None],
            nodes: 0,
            chunks: 0,
        }
    }

    pub(super) fn report(&mut self) -> &mut Report {
        self.report
    }

    /// Checks the tree of a commit.
    pub(super) fn check(&mut self, id: CommitId, commit: &Commit) -> Result<()> {
        let what = format!("the commit {id}");
        let refs = self.store.refs();
        let is_forgotten = |_: &ObjectId| refs.forgotten().is_ok_and(|it| it.contains(&id));
        let mut has_links = false;
        self.check_with(&what, &is_forgotten, |source, mark| {
            references_and_links(commit.root, source, mark, &mut has_links)
        })?;
        self.has_links |= has_links;
        self.check_totals(id, commit);
        Ok(())
    }

    /// Checks that a commit says of its tree what the tree says of itself.
    fn check_totals(&mut self, id: CommitId, commit: &Commit) {
        // A root that cannot be read was told of.
        let Ok(found) = totals(commit.root, self.store.objects()) else {
            return;
        };
        let said = commit.totals;
        if found != said {
            let path = self.store.folder().join("commits").join(id.to_string());
            let detail = format!(
                "it says that {} files of {} bytes are in it, and its tree has {} of {} bytes",
                said.files, said.bytes, found.files, found.bytes
            );
            self.report.problem(&path, detail);
        }
    }

    /// Whether any file of the commits that were checked has a further name.
    pub(super) fn has_links(&self) -> bool {
        self.has_links
    }

    /// Checks what a file is made of.
    pub(super) fn check_body(
        &mut self,
        what: &str,
        (body, len_bytes): (&Body, u64),
        excuse: Excuse<'_>,
    ) -> Result<()> {
        self.check_with(what, excuse, |source, mark| {
            references_of_body(body, len_bytes, source, mark)
        })
    }

    fn check_with(
        &mut self,
        what: &str,
        excuse: Excuse<'_>,
        mut walk: impl FnMut(
            &dyn NodeSource,
            &mut dyn FnMut(&ObjectId, Reference) -> Result<bool>,
        ) -> Result<()>,
    ) -> Result<()> {
        let mut again: Option<HashSet<ObjectId>> = None;
        for _ in 0..CONTRADICTIONS_MAX {
            let handed = Handed {
                objects: self.store.objects(),
                last: Mutex::default(),
            };
            let walked = walk(&handed, &mut |id, reference| {
                let is_new = self.meet(id, reference, &handed, excuse)?;
                // The second time, nodes of the first are gone into again.
                Ok(match (&mut again, reference) {
                    (Some(seen), Reference::Folder | Reference::List) => {
                        seen.insert(*id)
                            && self.report.loss(id).is_none()
                            && (is_new || handed.fetch(id).is_ok())
                    }
                    _ => is_new,
                })
            });
            match walked {
                Ok(()) => return Ok(()),
                Err(error @ Error::Engine(_)) => return Err(error),
                Err(error) => {
                    let bad = match &error {
                        Error::BadObject { id, .. } => id.parse::<ObjectId>().ok(),
                        _ => None,
                    };
                    let path = self.store.folder().join("packs");
                    let problem = self.report.take(&path, error);
                    self.report.extend(problem, &format!(" (in {what})"));
                    let Some(bad) = bad else {
                        return Ok(());
                    };
                    self.report.lose(bad, problem);
                    again = Some(HashSet::new());
                }
            }
        }
        Ok(())
    }

    /// Whether to go into what is met.
    fn meet(
        &mut self,
        id: &ObjectId,
        reference: Reference,
        handed: &Handed<'_>,
        excuse: Excuse<'_>,
    ) -> Result<bool> {
        self.store.cancel().check()?;
        let is_node = !matches!(reference, Reference::Chunk { .. });
        if self.report.loss(id).is_some() {
            return Ok(false);
        }
        // An index that cannot be asked was told of; what it knows of the id is the same as nothing.
        let is_marked = match self.marks.mark(id).unwrap_or(Mark::Absent) {
            Mark::Known => return Ok(false),
            Mark::New => true,
            Mark::Absent => false,
        };
        if !is_marked {
            if self.unmarked.contains(id) {
                return Ok(false);
            }
            if !self.is_elsewhere(id, is_node) {
                if !excuse(id) {
                    self.miss(id, is_node);
                }
                return Ok(false);
            }
            self.unmarked.insert(*id);
        }
        match reference {
            Reference::Chunk { .. } => self.chunks += 1,
            Reference::Folder | Reference::List => self.nodes += 1,
        }
        let read = match is_node {
            true => handed.fetch(id),
            // A damaged index may lead anywhere.
            false if self.doubts_index || !is_marked => {
                let read = self.store.objects().read(id, PackKind::Data);
                read.map(drop)
            }
            false => Ok(()),
        };
        match read {
            Ok(()) => Ok(is_node),
            Err(Error::Missing { .. }) if excuse(id) => Ok(false),
            Err(error) => {
                let problem = self.report.take(&self.store.folder().join("packs"), error);
                self.report.lose(*id, problem);
                Ok(false)
            }
        }
    }

    /// Whether the index knows it by now, or a pack in `packs/` has it that the index does not know. What is in the trash alone will be gone soon.
    fn is_elsewhere(&self, id: &ObjectId, is_node: bool) -> bool {
        let objects = self.store.objects();
        let kind = match is_node {
            true => PackKind::Tree,
            false => PackKind::Data,
        };
        // It fails, too, when the index is damaged.
        let Ok(place) = objects.find_again(id, kind) else {
            return false;
        };
        let is_known = || matches!(objects.index().find(id), Ok(Some(_)));
        is_known() || pack::path(self.store.folder(), place.pack, place.kind).exists()
    }

    fn miss(&mut self, id: &ObjectId, is_node: bool) {
        let what = match is_node {
            true => "node",
            false => "chunk",
        };
        let report = &mut *self.report;
        let path = self.store.folder().join("packs");
        let (problem, count) = self.absent[usize::from(is_node)].get_or_insert_with(|| {
            let detail = format!("the {what} {id} is in none of them");
            (report.problem(&path, detail), 0)
        });
        *count += 1;
        report.lose(*id, *problem);
    }

    /// Ends the walk: how many nodes and chunks it met.
    pub(super) fn finish(self) -> (u64, u64) {
        for (problem, count) in self.absent.iter().flatten() {
            let more = match count.saturating_sub(1) {
                0 => continue,
                1 => ", nor is another that is referred to".to_owned(),
                others => format!(", nor are {others} others that are referred to"),
            };
            self.report.extend(*problem, &more);
        }
        (self.nodes, self.chunks)
    }
}
