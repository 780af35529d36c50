//! What a tree has that another one has not, as batches for threads.
//!
//! The difference of both trees is read through a [`Recorder`]: [`diff`](crate::tree::diff()) passes over what both share, so every node
//! that it reads is one of the new tree, or of the old one beside it. So the nodes that were read are those that may be missing, and chunks
//! are those of files that differ. Nothing is kept of what was passed on, whatever the size of the tree.

use std::sync::{Arc, Mutex, PoisonError};

use crate::Result;
use crate::entry::{Body, Content};
use crate::id::ObjectId;
use crate::objects::Objects;
use crate::tree::{Change, Child, Differences, NodeRef, NodeSource, Runs, diff, runs};

/// A batch has about so many bytes of chunks.
const BATCH_BYTES: u64 = 2 << 20;
/// It has about so many objects at most.
const BATCH_OBJECTS: usize = 512;

/// Reads nodes, and remembers which.
pub(super) struct Recorder<'o> {
    objects: &'o Objects,
    read: Mutex<Vec<ObjectId>>,
}

impl<'o> Recorder<'o> {
    pub(super) fn new(objects: &'o Objects) -> Recorder<'o> {
        Recorder {
            objects,
            read: Mutex::default(),
        }
    }

    /// What was read since this was asked last.
    fn take(&self) -> Vec<ObjectId> {
        std::mem::take(&mut *self.read.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn count(&self) -> usize {
        self.read
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }
}

impl NodeSource for Recorder<'_> {
    fn node(&self, id: &ObjectId) -> Result<Arc<[u8]>> {
        let node = self.objects.node(id)?;
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.push(*id);
        Ok(node)
    }
}

/// Objects that the target may not have.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) chunks: Vec<ObjectId>,
    /// Length of these chunks.
    pub(super) chunk_bytes: u64,
    pub(super) nodes: Vec<ObjectId>,
}

/// Goes through what a tree has that another has not.
pub(super) struct Needed<'r> {
    recorder: &'r Recorder<'r>,
    differences: Option<Differences<'r>>,
    /// The chunks of the file that came last.
    runs: Option<Runs<'r>>,
}

impl<'r> Needed<'r> {
    /// What `root` has and `known` has not.
    pub(super) fn new(
        known: Option<NodeRef>,
        root: NodeRef,
        recorder: &'r Recorder<'r>,
    ) -> Needed<'r> {
        Needed {
            recorder,
            differences: Some(diff(known, Some(root), recorder)),
            runs: None,
        }
    }

    /// Whether nothing is left.
    pub(super) fn is_done(&self) -> bool {
        self.differences.is_none() && self.runs.is_none()
    }

    /// Puts something more into a batch.
    fn advance(&mut self, batch: &mut Batch) -> Result<()> {
        if let Some(runs) = &mut self.runs {
            match runs.next() {
                Some(run) => {
                    let (_, run) = run?;
                    batch.chunks.push(run.id);
                    batch.chunk_bytes += u64::from(run.len_bytes);
                }
                None => self.runs = None,
            }
            return Ok(());
        }
        let Some(differences) = &mut self.differences else {
            return Ok(());
        };
        match differences.next().transpose()?.map(|it| it.change) {
            None => self.differences = None,
            Some(Change::Removed(_)) => differences.skip_folder(),
            Some(Change::Added(new)) => self.open(None, &new),
            Some(Change::Changed { old, new }) => self.open(Some(&old), &new),
        }
        Ok(())
    }

    /// Goes on to the chunks of a file.
    fn open(&mut self, old: Option<&Child>, new: &Child) {
        let was = old.and_then(body_of);
        if let Some((len_bytes, body)) = body_of(new)
            && was != Some((len_bytes, body))
        {
            self.runs = Some(runs(body, len_bytes, 0, self.recorder));
        }
    }
}

fn body_of(child: &Child) -> Option<(u64, &Body)> {
    match &child.entry.content {
        Content::File {
            len_bytes, body, ..
        } => Some((*len_bytes, body)),
        _ => None,
    }
}

impl Iterator for Needed<'_> {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Result<Batch>> {
        let mut batch = Batch::default();
        while !self.is_done()
            && batch.chunk_bytes < BATCH_BYTES
            && batch.chunks.len() + self.recorder.count() < BATCH_OBJECTS
        {
            if let Err(error) = self.advance(&mut batch) {
                (self.differences, self.runs) = (None, None);
                return Some(Err(error));
            }
        }
        batch.nodes = self.recorder.take();
        let is_empty = batch.chunks.is_empty() && batch.nodes.is_empty();
        (!is_empty || !self.is_done()).then_some(Ok(batch))
    }
}
