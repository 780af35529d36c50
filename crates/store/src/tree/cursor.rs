//! A place in a folder: what is ahead, as far as it was read.

use crate::Result;
use crate::id::ObjectId;

use super::claim::{FolderClaim, FolderItems, open_folder};
use super::{Child, NodeSource};

/// What comes next in a folder.
pub(super) enum Step {
    Child(Child),
    /// Names in a node that is not read yet.
    Node(FolderClaim),
}

/// Goes through the children of a folder, and reads a node when it comes to it.
pub(super) struct Cursor<'s> {
    source: &'s dyn NodeSource,
    /// What is ahead, in reverse: children of the leaf that was read last, above the nodes behind it.
    steps: Vec<Step>,
    /// No name ahead in a node that was not read comes before this one.
    passed: Option<Vec<u8>>,
}

impl<'s> Cursor<'s> {
    pub(super) fn new(folder: FolderClaim, source: &'s dyn NodeSource) -> Cursor<'s> {
        Cursor {
            source,
            steps: vec![Step::Node(folder)],
            passed: None,
        }
    }

    /// A place in no folder.
    pub(super) fn at_end(source: &'s dyn NodeSource) -> Cursor<'s> {
        Cursor {
            source,
            steps: Vec::new(),
            passed: None,
        }
    }

    pub(super) fn peek(&self) -> Option<&Step> {
        self.steps.last()
    }

    /// The next child. A node that cannot be read is an error once, and then passed over.
    pub(super) fn next_child(&mut self) -> Option<Result<Child>> {
        loop {
            match self.steps.pop()? {
                Step::Child(child) => return Some(Ok(child)),
                Step::Node(claim) => {
                    if let Err(error) = self.open(claim, None) {
                        return Some(Err(error));
                    }
                }
            }
        }
    }

    /// Reads the next node, if a node is next.
    pub(super) fn expand(&mut self) -> Result<()> {
        match self.steps.pop() {
            Some(Step::Node(claim)) => self.open(claim, None),
            Some(child) => {
                self.steps.push(child);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Passes over the next node without reading it, or over the next child.
    pub(super) fn skip(&mut self) {
        if let Some(Step::Node(claim)) = self.steps.pop()
            && let Some(below) = claim.below
        {
            self.passed = Some(below.last);
        }
    }

    /// The id of the next node and its height, if a node is next.
    pub(super) fn node_ahead(&self) -> Option<(ObjectId, u8)> {
        match self.peek()? {
            Step::Node(claim) => Some((claim.node.id, claim.node.height)),
            Step::Child(_) => None,
        }
    }

    /// From the start of the folder to `name`, or to the first name behind it; reads one node of each level.
    pub(super) fn seek(&mut self, name: &[u8]) -> Result<()> {
        while let Some(Step::Node(_)) = self.peek() {
            if let Some(Step::Node(claim)) = self.steps.pop() {
                self.open(claim, Some(name))?;
            }
        }
        Ok(())
    }

    /// Puts what is in a node ahead, without what is before `from`.
    fn open(&mut self, claim: FolderClaim, from: Option<&[u8]>) -> Result<()> {
        let from = from.unwrap_or_default();
        match open_folder(self.source, &claim, self.passed.as_deref())? {
            FolderItems::Leaf(mut children) => {
                let first = children.partition_point(|child| child.name[..] < *from);
                self.passed = children.last().map(|child| child.name.clone());
                let ahead = children.drain(first..).rev();
                self.steps.extend(ahead.map(Step::Child));
            }
            FolderItems::Branch(mut parts) => {
                let first = parts.partition_point(|part| part.below.last[..] < *from);
                if let Some(before) = first.checked_sub(1) {
                    self.passed = Some(parts[before].below.last.clone());
                }
                let height = claim.node.height - 1;
                let ahead = parts.drain(first..).rev();
                self.steps
                    .extend(ahead.map(|part| Step::Node(FolderClaim::of_part(part, height))));
            }
        }
        Ok(())
    }
}
