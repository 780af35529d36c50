//! The run over a list of things: all threads read and pack, one merges and stages.

use std::time::Instant;

use tamis_engine::pipeline::Options;

use super::file::{Reads, Unread};
use super::merge::Merge;
use super::plan::Tuner;
use super::reader::Reader;
use super::tasks::Tasks;
use super::waiting::Waiting;
use super::{AddOptions, Added};
use crate::Result;
use crate::ingest::Ingest;
use crate::parallel::run_items;
use crate::session::Session;
use crate::walk::Item;

/// How many things the first round is about: some milliseconds' worth.
const FIRST_ROUND: usize = 256;
/// Each round is so many times as long as the one before.
const ROUND_GROWTH: usize = 8;

/// Adding a list of things.
pub(super) struct AddRun<'r, 's> {
    session: &'r mut Session<'s>,
    ingest: &'r mut Ingest,
    added: &'r mut Added,
    options: &'r AddOptions,
    waiting: Waiting,
    tuner: Tuner,
    reads: Reads,
    /// When the staging was made durable last.
    synced: Instant,
}

impl<'r, 's> AddRun<'r, 's> {
    pub(super) fn new(
        session: &'r mut Session<'s>,
        ingest: &'r mut Ingest,
        added: &'r mut Added,
        options: &'r AddOptions,
    ) -> AddRun<'r, 's> {
        let tuner = Tuner::new(session.store().settings().batch_files);
        let reads = Reads::new(session.store().settings().buffer_bytes);
        AddRun {
            session,
            ingest,
            added,
            options,
            waiting: Waiting::default(),
            tuner,
            reads,
            synced: Instant::now(),
        }
    }

    /// Reads, packs and stages; gives back what changed while it was read. After an error, what was read before is staged
    /// nevertheless: it is durable, and need not be read again.
    pub(super) fn process(&mut self, found: Vec<Item>) -> Result<Vec<Item>> {
        let again = self.rounds(found);
        let settled = self.ingest.settle();
        let staged = self
            .waiting
            .stage_ready(self.ingest.sealed(), self.session.staging_mut());
        self.added.reads = self.reads.count();
        settled.and(again).and_then(|again| staged.map(|()| again))
    }

    /// Goes through the list in rounds, short ones at first: what one teaches about the machine, the next one makes use of.
    fn rounds(&mut self, mut found: Vec<Item>) -> Result<Vec<Item>> {
        let mut again = Vec::new();
        let mut len = FIRST_ROUND;
        let mut start = 0;
        while start < found.len() {
            let end = found.len().min(start + len);
            let numbers = self.pipe(&found[start..end])?;
            again.extend(numbers.into_iter().map(|number| start + number));
            (start, len) = (end, len * ROUND_GROWTH);
        }
        let mut again = again.into_iter().peekable();
        let mut number = 0..;
        found.retain(|_| {
            again
                .next_if_eq(&number.next().expect("it has no end"))
                .is_some()
        });
        Ok(found)
    }

    /// The pipeline over a part of the list; numbers of what changed, in order.
    fn pipe(&mut self, found: &[Item]) -> Result<Vec<usize>> {
        let store = self.session.store();
        let settings = *store.settings();
        let root = self.session.root_handle();
        let chunker = self.session.chunker();
        let tasks = Tasks::new(
            &root,
            &chunker,
            &settings,
            self.added.strategy,
            &self.tuner,
            found,
        );
        let reader = Reader {
            root: &root,
            chunker: &chunker,
            settings: &settings,
            ingest: self.ingest,
            tuner: &self.tuner,
            reads: &self.reads,
            found,
        };
        let options = Options {
            threads: self.tuner.threads(&settings),
            cancel: store.cancel().clone(),
            ..Options::default()
        };
        self.added.threads = self.added.threads.max(options.threads);
        let mut merge = Merge {
            found,
            root: &root,
            ingest: self.ingest,
            waiting: &mut self.waiting,
            session: self.session,
            added: self.added,
            options: self.options,
            synced: &mut self.synced,
            listing: None,
            again: Vec::new(),
        };
        run_items(
            "the work tree",
            tasks,
            &options,
            Vec::new,
            |buffer, task| reader.map(task, buffer),
            |part| merge.take(part),
        )?;
        let mut again = merge.again;
        again.sort_unstable();
        Ok(again)
    }

    /// Reports what would not hold still.
    pub(super) fn give_up_on(&mut self, found: Vec<Item>) {
        for item in found {
            let path = self.session.root().path_of(&item.path);
            self.added.failures.push((path, Unread::Changed));
        }
    }
}
