//! The merge: makes entries of what was read, in order, and stages them when their packs are durable.

use std::time::{Duration, Instant};

use super::file::Unread;
use super::large::LargeFile;
use super::reader::{Outcome, Part, file_entry};
use super::waiting::{Record, Waiting};
use super::{AddOptions, Added};
use crate::Result;
use crate::entry::{Body, Content, Entry, Run as ChunkRun};
use crate::ingest::packer::Serial;
use crate::ingest::{Ingest, file_bytes_of};
use crate::session::Session;
use crate::staging::StampInfo;
use crate::tree::ListWriter;
use crate::walk::{Item, Root};

/// What is staged becomes durable this often, so that an `add` that is killed loses no more.
const SYNC_INTERVAL: Duration = Duration::from_secs(2);
/// So many objects may wait for the index; a hundred bytes of memory each.
const UNPUBLISHED_OBJECTS_MAX: usize = 500_000;

/// A large file whose chunks are being listed.
pub(super) struct Listing {
    list: ListWriter,
    serials: Vec<Serial>,
}

/// The merge: makes records of what was read, in order.
pub(super) struct Merge<'m, 's, 'r> {
    pub(super) found: &'m [Item],
    pub(super) root: &'m Root,
    pub(super) ingest: &'m Ingest,
    pub(super) waiting: &'m mut Waiting,
    pub(super) session: &'r mut Session<'s>,
    pub(super) added: &'m mut Added,
    pub(super) options: &'m AddOptions,
    /// When the staging was made durable last.
    pub(super) synced: &'m mut Instant,
    pub(super) listing: Option<Listing>,
    pub(super) again: Vec<usize>,
}

impl Merge<'_, '_, '_> {
    pub(super) fn take(&mut self, part: Part<'_>) -> Result<()> {
        if self.ingest.has_failed() {
            return self.ingest.check();
        }
        match part {
            Part::Batch {
                things,
                mut serials,
            } => {
                let mut records = Vec::with_capacity(things.len());
                for (number, outcome) in things {
                    match outcome {
                        Outcome::Read { entry, stamp, runs } => {
                            records.push(self.record(number, entry, stamp, runs, &mut serials)?);
                        }
                        Outcome::Unread(unread) => self.fail(number, unread),
                    }
                }
                self.added.staged += records.len() as u64;
                self.waiting.push(serials, records);
            }
            Part::Window {
                file,
                number,
                runs,
                serials,
            } => self.take_window(&file, number, runs, serials)?,
        }
        let new_bytes = self.ingest.new_objects().plain_bytes;
        self.options.progress.set_new_bytes(new_bytes);
        self.waiting
            .stage_ready(self.ingest.sealed(), self.session.staging_mut())?;
        self.keep_up()
    }

    /// Makes durable and findable what has come together since the last time.
    fn keep_up(&mut self) -> Result<()> {
        for serial in self.waiting.overdue(self.ingest.sealed()) {
            self.ingest.seal_early(serial);
        }
        if self.synced.elapsed() >= SYNC_INTERVAL {
            self.session.staging_mut().sync()?;
            *self.synced = Instant::now();
        }
        if self.ingest.sealed().object_count() >= UNPUBLISHED_OBJECTS_MAX {
            let packs = self.ingest.take_sealed();
            self.session.note_packs(&packs)?;
            self.session.staging_mut().sync()?;
            self.added.stored_bytes += file_bytes_of(&packs);
            self.ingest.publish_sealed(self.session.store(), &packs)?;
        }
        Ok(())
    }

    /// An entry with its body: short lists in the record, long ones in nodes.
    fn record(
        &mut self,
        number: usize,
        mut entry: Entry,
        stamp: StampInfo,
        runs: Vec<ChunkRun>,
        serials: &mut Vec<Serial>,
    ) -> Result<Record> {
        if let Content::File {
            body, len_bytes, ..
        } = &mut entry.content
        {
            self.options.progress.done(1, *len_bytes);
            *body = self.body(runs, serials)?;
        }
        Ok(Record {
            path: self.found[number].path.clone(),
            entry,
            stamp,
        })
    }

    fn body(&self, runs: Vec<ChunkRun>, serials: &mut Vec<Serial>) -> Result<Body> {
        // Most files are one chunk, or none.
        match runs.len() {
            0 => return Ok(Body::Empty),
            1 => return Ok(Body::Runs(runs)),
            _ => {}
        }
        let mut sink = self.ingest.nodes()?;
        let mut list = ListWriter::new();
        for run in runs {
            list.push(run, &mut sink)?;
        }
        let body = list.finish(&mut sink)?;
        serials.append(&mut sink.finish());
        Ok(body)
    }

    fn take_window(
        &mut self,
        file: &LargeFile<'_>,
        number: u64,
        runs: Vec<ChunkRun>,
        mut serials: Vec<Serial>,
    ) -> Result<()> {
        if number == 0 {
            self.listing = Some(Listing {
                list: ListWriter::new(),
                serials: Vec::new(),
            });
        }
        let Some(mut listing) = self.listing.take() else {
            return Ok(());
        };
        let bytes: u64 = runs
            .iter()
            .map(|it| u64::from(it.len_bytes) * u64::from(it.count))
            .sum();
        self.options.progress.done(0, bytes);
        let mut sink = self.ingest.nodes()?;
        for run in runs {
            listing.list.push(run, &mut sink)?;
        }
        listing.serials.append(&mut serials);
        if number + 1 < file.window_count() {
            listing.serials.append(&mut sink.finish());
            listing.serials.sort_unstable();
            listing.serials.dedup();
            self.listing = Some(listing);
            return Ok(());
        }
        let body = listing.list.finish(&mut sink)?;
        listing.serials.append(&mut sink.finish());
        self.finish_large(file, body, listing.serials)
    }

    fn finish_large(
        &mut self,
        file: &LargeFile<'_>,
        body: Body,
        serials: Vec<Serial>,
    ) -> Result<()> {
        self.options.progress.done(1, 0);
        let read = match file.take_unread() {
            Some(unread) => Err(unread),
            None => file.opened.check().and_then(|()| file_entry(&file.opened)),
        };
        let mut entry = match read {
            Ok(entry) => entry,
            Err(unread) => {
                self.fail(file.number, unread);
                return Ok(());
            }
        };
        if let Content::File { body: empty, .. } = &mut entry.content {
            *empty = body;
        }
        let stamp = &file.opened.stamp;
        let record = Record {
            path: self.found[file.number].path.clone(),
            entry,
            stamp: StampInfo::of(stamp, stamp.is_settled(file.began), file.opened.links > 1),
        };
        self.added.staged += 1;
        self.waiting.push(serials, vec![record]);
        Ok(())
    }

    fn fail(&mut self, number: usize, unread: Unread) {
        match unread {
            Unread::Changed => self.again.push(number),
            unread => {
                let path = self.root.path_of(&self.found[number].path);
                self.added.failures.push((path, unread));
            }
        }
    }
}
