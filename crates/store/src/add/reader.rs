//! What a thread does with a task: read, cut, and hand chunks to the packer.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use nix::time::{ClockId, clock_gettime};

use super::file::{ATTEMPTS, OpenedFile, Reads, Unread, attributes};
use super::large::LargeFile;
use super::plan::Tuner;
use super::tasks::Task;
use crate::Result;
use crate::chunker::Chunker;
use crate::entry::{Body, Content, Entry, Run as ChunkRun};
use crate::ingest::Ingest;
use crate::ingest::packer::{Serial, Work};
use crate::perf::Stage;
use crate::settings::Settings;
use crate::staging::{Kind, StampInfo};
use crate::walk::{Item, Root};

/// What a task gave.
pub(super) enum Part<'c> {
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
pub(super) enum Outcome {
    /// It was read; of a long file its chunks come apart from the entry.
    Read {
        entry: Entry,
        stamp: StampInfo,
        runs: Vec<ChunkRun>,
    },
    Unread(Unread),
}

/// What all threads share.
pub(super) struct Reader<'w> {
    pub(super) root: &'w Root,
    pub(super) chunker: &'w Chunker,
    pub(super) settings: &'w Settings,
    pub(super) ingest: &'w Ingest,
    pub(super) tuner: &'w Tuner,
    pub(super) reads: &'w Reads,
    pub(super) found: &'w [Item],
}

impl Reader<'_> {
    pub(super) fn map<'c>(&self, task: Task<'c>, buffer: &mut Vec<u8>) -> Result<Part<'c>> {
        let mut at = match (self.ingest.chunks(), &task) {
            (Ok(at), _) => at,
            (Err(error), task) => {
                // Others wait for the cut that this one would have made.
                if let Task::Window { file, .. } = task {
                    file.give_up(None);
                }
                return Err(error);
            }
        };
        Ok(match task {
            Task::Batch(numbers) => self.read_batch(numbers, at, buffer)?,
            Task::Window { file, number } => Part::Window {
                runs: file.store(number, self.ingest.data(), self.reads, &mut at, buffer)?,
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

    fn read_batch<'c>(
        &self,
        numbers: std::ops::Range<usize>,
        mut at: Work<'_>,
        buffer: &mut Vec<u8>,
    ) -> Result<Part<'c>> {
        let (start, worked) = (Instant::now(), thread_time());
        let batch = &self.found[numbers.clone()];
        let estimate = batch
            .iter()
            .map(|it| Tuner::estimate(it.stamp.len_bytes))
            .sum();
        let mut things = Vec::with_capacity(batch.len());
        let mut announced = 0;
        for (index, number) in numbers.enumerate() {
            let ahead = (index + 1 + self.tuner.read_ahead()).min(batch.len());
            for item in batch
                .get(announced.max(index + 1)..ahead)
                .unwrap_or_default()
            {
                self.announce(item);
            }
            announced = announced.max(ahead);
            things.push((number, self.read(&self.found[number], &mut at, buffer)?));
        }
        let worked = thread_time().saturating_sub(worked);
        self.tuner.learn(estimate, start.elapsed(), worked);
        Ok(Part::Batch {
            things,
            serials: at.finish(),
        })
    }

    /// Tells the system that a file will be read, so that the disk works on it while we work on others.
    fn announce(&self, item: &Item) {
        if item.kind == Kind::File
            && let Ok(file) = self.root.open_at(&item.path)
        {
            // It is a hint.
            let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::WillNeed);
        }
    }

    fn read(&self, item: &Item, at: &mut Work<'_>, buffer: &mut Vec<u8>) -> Result<Outcome> {
        let read = match item.kind {
            Kind::File => {
                let mut read = self.read_file(item, at, buffer)?;
                for _ in 1..ATTEMPTS {
                    if !matches!(read, Err(Unread::Changed)) {
                        break;
                    }
                    read = self.read_file(item, at, buffer)?;
                }
                read
            }
            Kind::Folder => self.read_folder(item),
            Kind::Link => self.read_link(item),
        };
        Ok(read.unwrap_or_else(Outcome::Unread))
    }

    fn read_file(
        &self,
        item: &Item,
        at: &mut Work<'_>,
        buffer: &mut Vec<u8>,
    ) -> Result<std::result::Result<Outcome, Unread>> {
        let began = SystemTime::now();
        let opened = self.ingest.data().clock.time(Stage::Read, || {
            let opened = OpenedFile::open(self.root, &item.path)?;
            let is_whole = opened.stamp.len_bytes < self.settings.whole_bytes_max();
            if is_whole {
                opened.read_all(buffer, self.reads)?;
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
                let file = LargeFile::new(0, opened, self.chunker, self.settings.window_bytes());
                let mut runs = Vec::new();
                for window in 0..file.window_count() {
                    runs.append(&mut file.store(
                        window,
                        self.ingest.data(),
                        self.reads,
                        at,
                        buffer,
                    )?);
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
                    .ingest
                    .data()
                    .clock
                    .time(Stage::Chunk, || self.chunker.cut(rest)),
            };
            let (chunk, after) = rest.split_at(len);
            runs.push(ChunkRun {
                id: self.ingest.data().put(chunk, at)?,
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

    fn read_folder(&self, item: &Item) -> std::result::Result<Outcome, Unread> {
        let descriptor = self.root.open_folder_at(&item.path)?;
        Ok(Outcome::Read {
            entry: Entry {
                mode: item.mode,
                modified_ns: item.stamp.modified_ns,
                attributes: attributes(&descriptor)?,
                content: Content::Folder,
            },
            stamp: StampInfo::of(&item.stamp, true, false),
            runs: Vec::new(),
        })
    }

    fn read_link(&self, item: &Item) -> std::result::Result<Outcome, Unread> {
        let target = self.root.read_link_at(&item.path)?;
        // Linux makes none; a file system in user space may show one, and nothing could restore it.
        if target.is_empty() {
            let reason = "it is a link, and its target is empty";
            return Err(std::io::Error::other(reason).into());
        }
        Ok(Outcome::Read {
            entry: Entry {
                mode: item.mode,
                modified_ns: item.stamp.modified_ns,
                attributes: Vec::new(),
                content: Content::Link { target },
            },
            stamp: StampInfo::of(&item.stamp, true, item.links > 1),
            runs: Vec::new(),
        })
    }
}

pub(super) fn file_entry(opened: &OpenedFile) -> std::result::Result<Entry, Unread> {
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

/// For how long the processor has worked for this thread.
fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID);
    Duration::from(time.expect("every Linux since 2.6.12 has this clock"))
}
