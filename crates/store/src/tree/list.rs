//! The chunks of a file: few are written where the file is, many are a list of their own.

use crate::entry::{Body, INLINE_RUNS_MAX, Run, put_run};
use crate::id::ObjectId;
use crate::{Error, Result};

use super::claim::{ListItems, open_list};
use super::cut::{Levels, Shape};
use super::node::{LIST_BRANCH, LIST_LEAF, ListPart, put_list_part};
use super::{NodeRef, NodeSink, NodeSource};

/// Writes the body of a file from its runs in order; neighbours that are equal become one.
pub(crate) struct ListWriter {
    /// Runs that no node holds yet, while they may be written inline.
    inline: Vec<Run>,
    levels: Option<Levels<List>>,
    /// The newest run: the next one may be more of it.
    newest: Option<Run>,
    item: Vec<u8>,
}

struct List;

impl Shape for List {
    type Below = u64;
    const LEAF_KIND: u8 = LIST_LEAF;
    const BRANCH_KIND: u8 = LIST_BRANCH;

    fn put_part(id: &ObjectId, below: &u64, out: &mut Vec<u8>) {
        let (id, bytes) = (*id, *below);
        put_list_part(&ListPart { id, bytes }, out);
    }

    fn key<'a>(id: &'a ObjectId, _: &'a u64) -> &'a [u8] {
        &id.0
    }

    fn add(sum: &mut Option<u64>, more: u64) -> Option<()> {
        *sum = Some(sum.unwrap_or(0).checked_add(more)?);
        Some(())
    }
}

impl Default for ListWriter {
    fn default() -> ListWriter {
        ListWriter::new()
    }
}

impl ListWriter {
    /// The body of an empty file.
    pub(crate) fn new() -> ListWriter {
        ListWriter {
            inline: Vec::new(),
            levels: None,
            newest: None,
            item: Vec::new(),
        }
    }

    /// Appends a run.
    ///
    /// # Errors
    /// [`Error::Usage`] if it has no bytes, or all together have more than 64 bits can count. Whatever keeps the sink from
    /// writing.
    pub(crate) fn push(&mut self, run: Run, sink: &mut dyn NodeSink) -> Result<()> {
        if run.total_bytes() == 0 {
            let reason = format!("a run of no bytes of the chunk {}", run.id);
            return Err(Error::Usage { reason });
        }
        match self.newest.and_then(|newest| joined(newest, run)) {
            Some(both) => self.newest = Some(both),
            None => {
                self.settle(sink)?;
                self.newest = Some(run);
            }
        }
        Ok(())
    }

    /// Writes what is not written yet, and tells where the bytes of the file are.
    ///
    /// # Errors
    /// As [`ListWriter::push`].
    pub(crate) fn finish(mut self, sink: &mut dyn NodeSink) -> Result<Body> {
        self.settle(sink)?;
        match self.levels {
            Some(levels) => {
                let (NodeRef { id, height }, _) = levels.finish(sink)?;
                Ok(Body::List { root: id, height })
            }
            None if self.inline.is_empty() => Ok(Body::Empty),
            None => Ok(Body::Runs(self.inline)),
        }
    }

    /// Puts the newest run where it stays.
    fn settle(&mut self, sink: &mut dyn NodeSink) -> Result<()> {
        let Some(run) = self.newest.take() else {
            return Ok(());
        };
        if self.levels.is_none() && self.inline.len() < INLINE_RUNS_MAX {
            self.inline.push(run);
            return Ok(());
        }
        let levels = self.levels.get_or_insert_with(Levels::new);
        for run in self.inline.drain(..).chain([run]) {
            self.item.clear();
            put_run(&run, &mut self.item);
            levels.push(&self.item, &run.id.0, run.total_bytes(), sink)?;
        }
        Ok(())
    }
}

/// Two runs of the same chunk are one, unless nobody could count its chunks.
fn joined(first: Run, second: Run) -> Option<Run> {
    let is_same = first.id == second.id && first.len_bytes == second.len_bytes;
    let count = first.count.checked_add(second.count)?;
    is_same.then_some(Run { count, ..first })
}

/// The runs of a file in order, each with its offset in the file, from the one that holds `from_byte` on.
///
/// Of a list only those nodes are read that this takes; from the end of the file on there are none. After an error
/// nothing more comes.
pub fn runs<'s>(
    body: &Body,
    len_bytes: u64,
    from_byte: u64,
    source: &'s dyn NodeSource,
) -> Runs<'s> {
    let mut runs = Runs {
        source,
        steps: Vec::new(),
        from_byte,
    };
    match body {
        Body::Empty => {}
        Body::Runs(inline) => runs.put_leaf(0, inline),
        Body::List { root, height } => {
            let (id, height) = (*root, *height);
            let node = NodeRef { id, height };
            runs.put(vec![Step::Node {
                start: 0,
                node,
                len_bytes,
            }]);
        }
    }
    runs
}

/// See [`runs`].
pub struct Runs<'s> {
    source: &'s dyn NodeSource,
    /// What is ahead, in reverse.
    steps: Vec<Step>,
    from_byte: u64,
}

enum Step {
    Run {
        start: u64,
        run: Run,
    },
    Node {
        start: u64,
        node: NodeRef,
        len_bytes: u64,
    },
}

impl Runs<'_> {
    fn put_leaf(&mut self, start: u64, runs: &[Run]) {
        let steps =
            starts(start, runs, Run::total_bytes).map(|(start, &run)| Step::Run { start, run });
        self.put(steps.collect());
    }

    fn put_branch(&mut self, start: u64, parts: &[ListPart], height: u8) {
        let steps = starts(start, parts, |part| part.bytes).map(|(start, part)| Step::Node {
            start,
            node: NodeRef {
                id: part.id,
                height,
            },
            len_bytes: part.bytes,
        });
        self.put(steps.collect());
    }

    /// Puts steps ahead, without those that end before the first byte that is asked for.
    fn put(&mut self, steps: Vec<Step>) {
        let first = steps.partition_point(|step| step.end() <= self.from_byte);
        self.steps.extend(steps.into_iter().skip(first).rev());
    }
}

impl Step {
    fn end(&self) -> u64 {
        match self {
            Step::Run { start, run } => start.saturating_add(run.total_bytes()),
            Step::Node {
                start, len_bytes, ..
            } => start.saturating_add(*len_bytes),
        }
    }
}

/// Each item with its offset in the file.
fn starts<T>(
    start: u64,
    items: &[T],
    len_bytes: impl Fn(&T) -> u64,
) -> impl Iterator<Item = (u64, &T)> {
    items.iter().scan(start, move |position, item| {
        let start = *position;
        // Sums were checked when the node was read; a body that was put together elsewhere may overflow, and then ends here.
        *position = position.checked_add(len_bytes(item))?;
        Some((start, item))
    })
}

impl Iterator for Runs<'_> {
    type Item = Result<(u64, Run)>;

    fn next(&mut self) -> Option<Result<(u64, Run)>> {
        loop {
            let step = self.steps.pop()?;
            match step {
                Step::Run { start, run } => return Some(Ok((start, run))),
                Step::Node {
                    start,
                    node,
                    len_bytes,
                } => match open_list(self.source, &node, len_bytes) {
                    Ok(ListItems::Leaf(runs)) => self.put_leaf(start, &runs),
                    Ok(ListItems::Branch(parts)) => self.put_branch(start, &parts, node.height - 1),
                    Err(error) => {
                        self.steps.clear();
                        return Some(Err(error));
                    }
                },
            }
        }
    }
}
