//! The run over a list of things: all threads read and pack, one merges and stages.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::{Instant, SystemTime};

use tamis_engine::pipeline::{self, Flow, Options};

use super::file::{ATTEMPTS, OpenedFile, Unread, attributes};
use super::large::LargeFile;
use super::plan::Tuner;
use super::publish::{Record, Sealed, Waiting};
use super::tasks::{Task, Tasks};
use super::worker::{Bench, Nodes, Packer, Serial, Work};
use super::{AddOptions, Added};
use crate::Result;
use crate::chunker::Chunker;
use crate::entry::{Body, Content, Entry, Run as ChunkRun};
use crate::pack::write::SealedPack;
use crate::perf::Stage;
use crate::session::{Packers, Session};
use crate::settings::Settings;
use crate::staging::StampInfo;
use crate::tree::ListWriter;
use crate::walk::{Found, Kind, Root};

/// Adding a list of things.
pub(super) struct Run<'r, 's> {
    session: &'r mut Session<'s>,
    packers: &'r Packers,
    added: &'r mut Added,
    options: &'r AddOptions,
    sealed: Sealed,
    waiting: Waiting,
    tuner: Tuner,
}

/// What a task gave.
enum Part<'c> {
    Batch {
        things: Vec<(usize, Outcome)>,
        serials: Vec<Serial>,
    },
    Window {
        file: Arc<LargeFile<'c>>,
        number: u64,
        runs: Vec<ChunkRun>,
        serials: Vec<Serial>,
    },
}

/// What became of one thing.
enum Outcome {
    /// It was read; of a long file its chunks come apart from the entry.
    Read {
        entry: Entry,
        stamp: StampInfo,
        runs: Vec<ChunkRun>,
    },
    Unread(Unread),
}

/// A large file whose chunks are being listed.
struct Listing {
    list: ListWriter,
    serials: Vec<Serial>,
}

impl<'r, 's> Run<'r, 's> {
    pub(super) fn new(
        session: &'r mut Session<'s>,
        packers: &'r Packers,
        added: &'r mut Added,
        options: &'r AddOptions,
    ) -> Run<'r, 's> {
        let tuner = Tuner::new(session.store().settings().batch_files);
        Run {
            session,
            packers,
            added,
            options,
            sealed: Sealed::default(),
            waiting: Waiting::default(),
            tuner,
        }
    }

    /// Reads, packs and stages; gives back what changed while it was read.
    pub(super) fn process(&mut self, found: Vec<Found>) -> Result<Vec<Found>> {
        let (sender, full) = sync_channel(2);
        let packers = self.packers;
        let sealed = std::mem::take(&mut self.sealed);
        let again = std::thread::scope(|scope| {
            scope.spawn(|| sealed.run(full, &packers.data));
            self.pipe(&found, &sealed, &sender).map(|again| {
                // What is left on the benches, when all are back.
                let left = packers
                    .data
                    .take_all()
                    .into_iter()
                    .chain(packers.nodes.take_all());
                left.for_each(|bench| drop(sender.send(bench)));
                drop(sender);
                again
            })
        });
        sealed.check()?;
        let again = again?;
        self.waiting
            .stage_ready(&sealed, self.session.staging_mut())?;
        self.sealed = sealed;
        debug_assert!(self.waiting.is_empty(), "all packs are durable");
        let mut again = again.into_iter().peekable();
        Ok(found
            .into_iter()
            .enumerate()
            .filter(|(number, _)| again.next_if_eq(number).is_some())
            .map(|(_, found)| found)
            .collect())
    }

    /// The pipeline; numbers of what changed, in order.
    fn pipe(
        &mut self,
        found: &[Found],
        sealed: &Sealed,
        full: &SyncSender<Bench>,
    ) -> Result<Vec<usize>> {
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
        let worker = Worker {
            root: &root,
            chunker: &chunker,
            settings: &settings,
            packer: &self.packers.data,
            tuner: &self.tuner,
            found,
            full,
        };
        let options = Options {
            threads: settings.thread_count(),
            cancel: store.cancel().clone(),
            ..Options::default()
        };
        let mut merge = Merge {
            found,
            root: &root,
            packers: self.packers,
            full,
            sealed,
            waiting: &mut self.waiting,
            session: self.session,
            added: self.added,
            options: self.options,
            listing: None,
            again: Vec::new(),
        };
        let mut failure = None;
        let run = pipeline::run_items(
            "the work tree",
            tasks,
            &options,
            Vec::new,
            |buffer, task| Ok(worker.map(task, buffer)),
            |part| match part.and_then(|part| merge.take(part)) {
                Ok(()) => Ok(Flow::Continue),
                Err(error) => {
                    failure = Some(error);
                    Ok(Flow::Stop)
                }
            },
        );
        match failure {
            Some(error) => return Err(error),
            None => drop(run?),
        }
        let mut again = merge.again;
        again.sort_unstable();
        Ok(again)
    }

    /// Reports what would not hold still.
    pub(super) fn give_up_on(&mut self, found: Vec<Found>) {
        for found in found {
            let path = self.session.root().path_of(&found.path);
            self.added.failures.push((path, Unread::Changed));
        }
    }

    /// All packs that came of it, durable.
    pub(super) fn finish(self) -> Result<Vec<SealedPack>> {
        Ok(self.sealed.take_packs())
    }
}

/// What all threads share.
struct Worker<'w> {
    root: &'w Root,
    chunker: &'w Chunker,
    settings: &'w Settings,
    packer: &'w Packer,
    tuner: &'w Tuner,
    found: &'w [Found],
    full: &'w SyncSender<Bench>,
}

impl<'w> Worker<'w> {
    fn map<'c>(&self, task: Task<'c>, buffer: &mut Vec<u8>) -> Result<Part<'c>> {
        let mut at = Work::new(self.packer, self.full)?;
        Ok(match task {
            Task::Batch(numbers) => {
                let start = Instant::now();
                let estimate = numbers
                    .clone()
                    .map(|it| Tuner::estimate(self.found[it].stamp.len_bytes));
                let estimate: u64 = estimate.sum();
                let mut things = Vec::with_capacity(numbers.len());
                for number in numbers {
                    things.push((number, self.read(&self.found[number], &mut at, buffer)?));
                }
                self.tuner.learn(estimate, start.elapsed());
                Part::Batch {
                    things,
                    serials: at.finish(),
                }
            }
            Task::Window { file, number } => Part::Window {
                runs: file.store(number, self.packer, &mut at, buffer)?,
                file,
                number,
                serials: at.finish(),
            },
            Task::Unread { number, unread } => Part::Batch {
                things: vec![(number, Outcome::Unread(unread))],
                serials: at.finish(),
            },
        })
    }

    fn read(&self, found: &Found, at: &mut Work<'_>, buffer: &mut Vec<u8>) -> Result<Outcome> {
        let read = match found.kind {
            Kind::File => {
                let mut read = self.read_file(found, at, buffer)?;
                for _ in 1..ATTEMPTS {
                    if !matches!(read, Err(Unread::Changed)) {
                        break;
                    }
                    read = self.read_file(found, at, buffer)?;
                }
                read
            }
            Kind::Folder => self.read_folder(found),
            Kind::Link => self.read_link(found),
        };
        Ok(read.unwrap_or_else(Outcome::Unread))
    }

    fn read_file(
        &self,
        found: &Found,
        at: &mut Work<'_>,
        buffer: &mut Vec<u8>,
    ) -> Result<std::result::Result<Outcome, Unread>> {
        let began = SystemTime::now();
        let opened = self.packer.clock.time(Stage::Read, || {
            let opened = OpenedFile::open(self.root, &found.path)?;
            let is_whole = opened.stamp.len_bytes < self.settings.window_threshold_bytes;
            if is_whole {
                opened.read_all(buffer)?;
            }
            Ok((opened, is_whole))
        });
        let (opened, is_whole) = match opened {
            Ok(opened) => opened,
            Err(unread) => return Ok(Err(unread)),
        };
        let runs = match is_whole {
            true => self.store_whole(buffer, at)?,
            false => {
                let file = LargeFile::new(0, opened, self.chunker);
                let mut runs = Vec::new();
                for window in 0..file.window_count() {
                    runs.append(&mut file.store(window, self.packer, at, buffer)?);
                }
                if let Some(unread) = file.take_unread() {
                    return Ok(Err(unread));
                }
                return Ok(self.outcome(&file.opened, began, runs));
            }
        };
        Ok(self.outcome(&opened, began, runs))
    }

    fn store_whole(&self, bytes: &[u8], at: &mut Work<'_>) -> Result<Vec<ChunkRun>> {
        let mut runs = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let len = match rest.len() <= self.chunker.parameters().min_bytes as usize {
                true => rest.len(),
                false => self
                    .packer
                    .clock
                    .time(Stage::Chunk, || self.chunker.cut(rest)),
            };
            let (chunk, after) = rest.split_at(len);
            runs.push(ChunkRun {
                id: self.packer.put(chunk, at)?,
                len_bytes: len as u32,
                count: 1,
            });
            rest = after;
        }
        Ok(runs)
    }

    fn outcome(
        &self,
        opened: &OpenedFile,
        began: SystemTime,
        runs: Vec<ChunkRun>,
    ) -> std::result::Result<Outcome, Unread> {
        opened.check()?;
        Ok(Outcome::Read {
            entry: file_entry(opened)?,
            stamp: StampInfo::of(
                &opened.stamp,
                opened.stamp.is_settled(began),
                opened.links > 1,
            ),
            runs,
        })
    }

    fn read_folder(&self, found: &Found) -> std::result::Result<Outcome, Unread> {
        let descriptor = self.root.open_at(if found.path.is_empty() {
            b"."
        } else {
            &found.path
        })?;
        Ok(Outcome::Read {
            entry: Entry {
                mode: found.mode,
                modified_ns: found.stamp.modified_ns,
                attributes: attributes(&descriptor)?,
                content: Content::Folder,
            },
            stamp: StampInfo::of(&found.stamp, true, false),
            runs: Vec::new(),
        })
    }

    fn read_link(&self, found: &Found) -> std::result::Result<Outcome, Unread> {
        Ok(Outcome::Read {
            entry: Entry {
                mode: found.mode,
                modified_ns: found.stamp.modified_ns,
                attributes: Vec::new(),
                content: Content::Link {
                    target: self.root.read_link_at(&found.path)?,
                },
            },
            stamp: StampInfo::of(&found.stamp, true, found.links > 1),
            runs: Vec::new(),
        })
    }
}

fn file_entry(opened: &OpenedFile) -> std::result::Result<Entry, Unread> {
    Ok(Entry {
        mode: opened.mode,
        modified_ns: opened.stamp.modified_ns,
        attributes: attributes(&opened.file)?,
        content: Content::File {
            len_bytes: opened.stamp.len_bytes,
            is_sparse: opened.is_sparse(),
            body: Body::Empty,
        },
    })
}

/// The merge: makes records of what was read, in order.
struct Merge<'m, 's, 'r> {
    found: &'m [Found],
    root: &'m Root,
    packers: &'m Packers,
    full: &'m SyncSender<Bench>,
    sealed: &'m Sealed,
    waiting: &'m mut Waiting,
    session: &'r mut Session<'s>,
    added: &'m mut Added,
    options: &'m AddOptions,
    listing: Option<Listing>,
    again: Vec<usize>,
}

impl Merge<'_, '_, '_> {
    fn take(&mut self, part: Part<'_>) -> Result<()> {
        if self.sealed.has_failed() {
            return self.sealed.check();
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
        let new_bytes = self
            .packers
            .data
            .counts
            .new_plain_bytes
            .load(Ordering::Relaxed);
        self.options.progress.set_new_bytes(new_bytes);
        self.waiting
            .stage_ready(self.sealed, self.session.staging_mut())
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
        let mut sink = Nodes::new(&self.packers.nodes, self.full)?;
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
        let mut sink = Nodes::new(&self.packers.nodes, self.full)?;
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
