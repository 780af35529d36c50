//! Appends to the log, makes it durable, and makes a smaller one.

use tamis_engine::names::show_bytes;

use super::entry_bytes::put_entry;
use super::list::{at_commit, is_same};
use super::log_file::{self, LogFile};
use super::record::{put_committed, put_path_record};
use super::table::LOG_BYTES_MAX;
use super::{Staging, StampInfo, new_generation, record, scan, table_file, table_path};
use crate::entry::Entry;
use crate::id::{CommitId, FileId};
use crate::path::flaw_of_path;
use crate::{Error, Result};

/// What is appended is written when it is so much.
const TAIL_BYTES_MAX: usize = if cfg!(test) { 1 << 10 } else { 4 << 20 };

/// A log that is shorter is not made smaller.
const COMPACTED_BYTES_MIN: u64 = 256 << 10;

/// So many packs are named by one record at most.
const PACKS_OF_A_RECORD: usize = 10_000;

/// The right to write, and what became of it.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) log: LogFile,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing was appended yet; what is there may not be on the disk, if its writer was killed.
    Opened,
    /// A batch was begun.
    Dirty,
    /// All is on the disk.
    Synced,
    /// And a checkpoint behind it says so.
    Sealed,
    /// A write failed: nobody knows what is on the disk.
    Poisoned,
}

impl Writer {
    pub(super) fn new(log: LogFile) -> Writer {
        let state = State::Opened;
        Writer { log, state }
    }

    /// Waits until everything is on the disk.
    fn settle(&mut self) -> Result<()> {
        match self.state {
            State::Opened => self.attempt(LogFile::sync_found),
            State::Dirty => self.attempt(LogFile::sync),
            State::Synced | State::Sealed | State::Poisoned => Ok(()),
        }
    }

    /// Does something to the disk; if that fails, this was the last time.
    fn attempt<T>(&mut self, action: impl FnOnce(&mut LogFile) -> Result<T>) -> Result<T> {
        let done = action(&mut self.log);
        if done.is_err() {
            self.state = State::Poisoned;
        }
        done
    }
}

impl Staging {
    /// Stages an entry at a path. At once seen by [`Staging::find`]; on the disk after [`Staging::sync`]. Nothing is
    /// written if exactly this is staged there.
    ///
    /// # Errors
    /// When the path is none (see [`flaw_of_path`]), the entry contradicts itself, or the disk refuses.
    pub(crate) fn put(&mut self, path: &[u8], entry: &Entry, stamp: &StampInfo) -> Result<()> {
        if let Some(flaw) = flaw_of_path(path) {
            return Err(unusable(path, flaw));
        }
        let mut bytes = Vec::new();
        put_entry(entry, stamp, &mut bytes).map_err(|flaw| unusable(path, flaw.detail))?;
        self.append(path, Some(&bytes)).map(|_| ())
    }

    /// Takes a path out of what is staged, and tells whether it was in. What is below it stays.
    ///
    /// # Errors
    /// When the disk refuses, or a record is damaged.
    pub(crate) fn remove(&mut self, path: &[u8]) -> Result<bool> {
        match self.known(path)? {
            None => self.writer().map(|_| false),
            Some(_) => self.append(path, None),
        }
    }

    /// Stages again what the last commit holds at a path, and tells whether that changed anything.
    ///
    /// # Errors
    /// When the disk refuses, or a record is damaged.
    pub(crate) fn restore_committed(&mut self, path: &[u8]) -> Result<bool> {
        self.writer()?;
        let restored = self.image.view(|view| {
            let Some(record) = self.latest.locate(view, path)?.record else {
                return Ok(None);
            };
            let before = at_commit(view, self.latest.mark, record)?;
            let staged = before.map_or(Ok(None), |record| record.staged())?;
            Ok((!is_same(&staged, &record.staged()?)).then(|| {
                let entry = before.and_then(|record| record.entry);
                entry.map(|entry| entry.bytes.to_vec())
            }))
        });
        match restored.map_err(|flaw| self.damaged(flaw))? {
            Some(entry) => self.append(path, entry.as_deref()),
            None => Ok(false),
        }
    }

    /// Notes that the commit `id` holds what is staged: there are no changes from here on.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn committed(&mut self, id: CommitId) -> Result<()> {
        self.begin_batch()?;
        self.check_room(0)?;
        let mark = self.image.len_bytes();
        put_committed(id, self.image.tail_mut());
        self.latest.mark = mark;
        Ok(())
    }

    /// Says that what is staged from here to the next [`sync`](Staging::sync) counts as a whole: whoever is killed before that has staged nothing of it.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn begin_whole(&mut self) -> Result<()> {
        self.sync()?;
        self.begin_batch()?;
        self.check_room(0)?;
        record::put_following(self.image.tail_mut());
        Ok(())
    }

    /// Notes packs that were made for what is staged, so that the next commit can tell what is new of it.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn note_packs(&mut self, packs: &[FileId]) -> Result<()> {
        for packs in packs.chunks(PACKS_OF_A_RECORD) {
            self.begin_batch()?;
            self.check_room(size_of_val(packs))?;
            record::put_packs(packs, self.image.tail_mut());
        }
        Ok(())
    }

    /// Returns when all that was said is on the disk. Writes the table as well, if much was said since it was written.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn sync(&mut self) -> Result<()> {
        self.flush()?;
        let writer = self.writer()?;
        let before = writer.state;
        writer.settle()?;
        if before != State::Sealed {
            writer.state = State::Synced;
        }
        let uncovered_bytes = self.image.len_bytes() - self.table_covers;
        // To read so much again takes about as long as to write the table. A seal is not on the disk yet, and a table never knows more of
        // the log than is: it is written before the seal, and not by who finds nothing else to sync.
        let is_due = before != State::Sealed
            && uncovered_bytes > table_file::len_bytes(&self.latest.table) / 4;
        let written = if is_due { self.write_table() } else { Ok(()) };
        if before == State::Dirty {
            self.seal()?;
        }
        written
    }

    /// Says behind a batch that it is on the disk, so that damage to it is never taken for a torn tail.
    fn seal(&mut self) -> Result<()> {
        let end = self.image.len_bytes();
        record::put_checkpoint(self.generation, end, self.image.tail_mut());
        self.flush()?;
        self.writer()?.state = State::Sealed;
        Ok(())
    }

    /// Makes the log smaller if more than half of it says nothing any more, and tells whether it did. To be called after
    /// [`Staging::committed`]: with changes that are not committed it does nothing, because what they replace
    /// must be kept. On return the new log is on the disk.
    ///
    /// # Errors
    /// When the disk refuses, or a record is damaged.
    pub(crate) fn compact(&mut self) -> Result<bool> {
        self.writer()?;
        let used_bytes = self.image.len_bytes() - scan::HEADER_BYTES;
        let is_worth_it =
            used_bytes >= COMPACTED_BYTES_MIN && used_bytes / 2 > self.latest.live_bytes;
        match is_worth_it {
            true => self.rewrite(),
            false => Ok(false),
        }
    }

    /// Makes a new log, of a new generation, that has one record for each path and names the last commit.
    pub(super) fn rewrite(&mut self) -> Result<bool> {
        self.writer()?;
        let id = self.committed_id()?;
        // Before the first commit, nothing is kept that was replaced.
        if id.is_some()
            && let Some(change) = self.changes().next()
        {
            return change.map(|_| false);
        }
        let offsets = self.offsets_below(b"")?;
        let path = self.log_path.clone();
        let disk = self.writer()?.log.disk.clone();
        let written = log_file::replace(&disk, &path, |out| {
            self.write_compacted(&offsets, id, &mut |bytes| out.put(bytes))
        });
        // After a failure, only who opens it anew can tell which of the two logs has the name.
        let access = self.image.access();
        let folder = self.folder.clone();
        *self = self.writer()?.attempt(|_| {
            written?;
            Staging::open_as(Some(&disk), &folder, access)
        })?;
        self.write_table()?;
        Ok(true)
    }

    /// Writes a log of the records at `offsets`.
    fn write_compacted(
        &self,
        offsets: &[u64],
        id: Option<CommitId>,
        write: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let generation = new_generation();
        write(&scan::header(generation))?;
        let mut end = scan::HEADER_BYTES;
        let mut bytes = Vec::new();
        for &offset in offsets {
            bytes.clear();
            let copied = self.image.view(|view| {
                let record = view.path_record(offset)?;
                let entry = record.entry.map(|entry| entry.bytes);
                put_path_record(end, None, record.path, entry, &mut bytes)
            });
            end += copied.map_err(|flaw| self.damaged(flaw))?;
            write(&bytes)?;
        }
        bytes.clear();
        if let Some(id) = id {
            put_committed(id, &mut bytes);
        }
        // Nobody sees this log before all of it is on the disk.
        end += bytes.len() as u64;
        record::put_checkpoint(generation, end, &mut bytes);
        write(&bytes)
    }

    /// Appends a record about a path, unless it would say what the last one says. Tells whether it did.
    fn append(&mut self, path: &[u8], entry: Option<&[u8]>) -> Result<bool> {
        self.writer()?;
        let latest = &mut self.latest;
        let located = self.image.view(|view| {
            latest.make_room(view)?;
            let located = latest.locate(view, path)?;
            let is_said = match located.record {
                Some(record) => record.entry.map(|entry| entry.bytes) == entry,
                None => entry.is_none(),
            };
            Ok((located.place(), is_said))
        });
        let (place, is_said) = located.map_err(|flaw| self.damaged(flaw))?;
        if is_said {
            return Ok(false);
        }
        self.begin_batch()?;
        self.check_room(path.len() + entry.map_or(0, <[u8]>::len))?;
        let offset = self.image.len_bytes();
        let tail = self.image.tail_mut();
        let len_bytes = put_path_record(offset, place.offset(), path, entry, tail)
            .map_err(|flaw| unusable(path, flaw.detail))?;
        self.latest.set(&place, offset, entry.map(|_| len_bytes));
        if self.image.tail().len() >= TAIL_BYTES_MAX {
            self.flush()?;
        }
        Ok(true)
    }

    /// Before the first record of a batch: says that the ones before are on the disk, when they are, unless that stands there.
    fn begin_batch(&mut self) -> Result<()> {
        let end = self.image.len_bytes();
        let generation = self.generation;
        let writer = self.writer()?;
        if writer.state == State::Dirty {
            return Ok(());
        }
        writer.settle()?;
        let is_sealed = writer.state == State::Sealed;
        writer.state = State::Dirty;
        if end > scan::HEADER_BYTES && !is_sealed {
            record::put_checkpoint(generation, end, self.image.tail_mut());
        }
        Ok(())
    }

    /// Whether so many bytes, and the numbers of a record, still fit.
    fn check_room(&self, bytes: usize) -> Result<()> {
        match self.image.len_bytes() + bytes as u64 + 256 <= LOG_BYTES_MAX {
            true => Ok(()),
            false => Err(Error::Usage {
                reason: "the log of what is staged would be longer than 1 TiB: commit first".into(),
            }),
        }
    }

    /// Writes what was appended to the file.
    fn flush(&mut self) -> Result<()> {
        let Staging {
            image,
            writer: Some(writer),
            log_path,
            ..
        } = self
        else {
            return self.writer().map(|_| ());
        };
        if image.tail().is_empty() || writer.state == State::Poisoned {
            return self.writer().map(|_| ());
        }
        writer.attempt(|log| {
            log.append(image.tail())?;
            let seen = image.tail_was_written(&log.file);
            seen.map_err(Error::io("read", log_path))
        })
    }

    /// Writes the table, durably. If that fails nothing is lost: the next one who opens the log reads more of it.
    pub(super) fn write_table(&mut self) -> Result<()> {
        let covered_bytes = self.image.len_bytes();
        let header = table_file::header(self.generation, covered_bytes, &self.latest);
        let path = table_path(&self.folder);
        let disk = self.writer()?.log.disk.clone();
        log_file::replace(&disk, &path, |out| {
            out.put(&header)?;
            out.put(self.latest.table.slots().as_flattened())
        })?;
        self.table_covers = covered_bytes;
        Ok(())
    }

    /// The right to write, if there is one.
    fn writer(&mut self) -> Result<&mut Writer> {
        match &mut self.writer {
            Some(writer) if writer.state == State::Poisoned => Err(Error::Poisoned {
                path: self.log_path.clone(),
            }),
            Some(writer) => Ok(writer),
            None => Err(Error::Usage {
                reason: "what is staged was opened for reading only".into(),
            }),
        }
    }
}

fn unusable(path: &[u8], fault: &str) -> Error {
    Error::Usage {
        reason: format!("`{}` cannot be staged: {fault}", show_bytes(path)),
    }
}
