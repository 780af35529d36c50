//! The file that a cleaning writes: runs of batches that stay as they are, and others between them.
//!
//! A run goes from file to file within the system (`copy_file_range`), which on some file systems copies nothing at all. Nothing is
//! written before there has to be: a segment of which all stays is one run from its first byte to its last, and is left where it is.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::copy_file_range;
use rustix::io::Errno;

use crate::batch::Header;
use crate::disk::{Disk, draft_path, install, remove};
use crate::log::Files;
use crate::log::index::{Growing, offset_path, time_path};
use crate::log::name::SegmentName;
use crate::log::scan::{Found, PIECE_BYTES};
use crate::log::segment::{SEGMENT_BYTES_MAX, Segment};
use crate::{Error, Result};

/// A segment that is being written. What was not installed is removed when this is dropped.
#[derive(Debug)]
pub(super) struct Output {
    name: SegmentName,
    path: PathBuf,
    draft: PathBuf,
    file: Option<File>,
    /// Bytes of the file.
    written_bytes: u64,
    /// What comes behind them, and is still in another file.
    run: Option<Run>,
    index: Growing,
    is_installed: bool,
}

/// Batches that lie one behind the other in a source.
#[derive(Debug)]
struct Run {
    source: Arc<File>,
    range: Range<u64>,
}

impl Run {
    fn len_bytes(&self) -> u64 {
        self.range.end - self.range.start
    }
}

impl Output {
    /// A segment of these offsets that takes the place of others in `folder`.
    pub(super) fn new(folder: &Path, base_offset: i64, end_offset: i64, generation: u32) -> Output {
        let name = SegmentName {
            base_offset,
            generation,
            end_offset,
        };
        let path = folder.join(name.file_name());
        Output {
            name,
            draft: draft_path(&path),
            path,
            file: None,
            written_bytes: 0,
            run: None,
            index: Growing::new(),
            is_installed: false,
        }
    }

    /// How long it is so far.
    pub(super) fn len_bytes(&self) -> u64 {
        self.written_bytes + self.run.as_ref().map_or(0, Run::len_bytes)
    }

    /// Whether it would be the same as a segment, and nothing was written yet.
    pub(super) fn is_copy_of(&self, source: &Segment) -> bool {
        let len_bytes = source.readable_bytes();
        self.file.is_none() && self.len_bytes() == len_bytes
    }

    /// Appends a batch of a source as it is.
    pub(super) fn keep(&mut self, source: &Arc<File>, batch: &Found<'_>) -> Result<()> {
        self.note(&batch.header)?;
        let end = batch.position + batch.bytes.len() as u64;
        match &mut self.run {
            Some(run) if Arc::ptr_eq(&run.source, source) && run.range.end == batch.position => {
                run.range.end = end;
            }
            _ => {
                self.end_run()?;
                self.run = Some(Run {
                    source: source.clone(),
                    range: batch.position..end,
                });
            }
        }
        Ok(())
    }

    /// Appends a batch that was made anew.
    pub(super) fn put(&mut self, batch: &[u8]) -> Result<()> {
        self.note(&Header::read(batch)?)?;
        self.end_run()?;
        let at = self.written_bytes;
        let written = self.file()?.write_all_at(batch, at);
        written.map_err(Error::io("write", &self.draft))?;
        self.written_bytes += batch.len() as u64;
        Ok(())
    }

    fn note(&mut self, header: &Header) -> Result<()> {
        let position = self.len_bytes();
        if position + header.len_bytes() as u64 > SEGMENT_BYTES_MAX {
            // Packed anew they may be longer than they were.
            return Err(Error::TooLarge {
                found: header.len_bytes(),
                limit: (SEGMENT_BYTES_MAX - position) as usize,
            });
        }
        let relative = header.base_offset - self.name.base_offset;
        self.index.push(header, relative as u32, position as u32);
        Ok(())
    }

    fn end_run(&mut self) -> Result<()> {
        let Some(run) = self.run.take() else {
            return Ok(());
        };
        let at = self.written_bytes;
        let copied = copy(&run, self.file()?, at);
        copied.map_err(Error::io("write", &self.draft))?;
        self.written_bytes += run.len_bytes();
        Ok(())
    }

    fn file(&mut self) -> Result<&File> {
        if self.file.is_none() {
            let mut options = OpenOptions::new();
            let options = options.read(true).write(true).create(true).truncate(true);
            let file = options.open(&self.draft);
            self.file = Some(file.map_err(Error::io("create", &self.draft))?);
        }
        Ok(self.file.as_ref().expect("it was opened just now"))
    }

    /// Makes it durable, with its indexes, under the name of a draft.
    pub(super) fn finish(&mut self, disk: &dyn Disk) -> Result<()> {
        self.end_run()?;
        self.file()?;
        if let Some(file) = &self.file {
            disk.sync(file, &self.draft)?;
        }
        self.index.write(&self.path)?;
        for path in [offset_path(&self.path), time_path(&self.path)] {
            let file = File::open(&path).map_err(Error::io("open", &path))?;
            disk.sync(&file, &path)?;
        }
        Ok(())
    }

    /// Gives it its name, from which moment on it holds in the place of others.
    pub(super) fn install(&mut self, disk: &dyn Disk, files: &Files) -> Result<Segment> {
        install(disk, &self.draft, &self.path)?;
        self.is_installed = true;
        Ok(Segment::of_sealed(
            self.path.clone(),
            files,
            self.name.base_offset,
            self.written_bytes,
            self.index.max_timestamp(),
        ))
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if self.is_installed || self.file.is_none() {
            return;
        }
        let index = [offset_path(&self.path), time_path(&self.path)];
        // What stays is removed at the next start. The segment itself may have its name already, if that could not be made durable:
        // then the log was poisoned, so no other takes its place, and it says the same as what it was made of, which is there still.
        for path in [&self.draft, &self.path].into_iter().chain(&index) {
            let _ = remove(path);
        }
    }
}

fn copy(run: &Run, to: &File, at: u64) -> io::Result<()> {
    let mut from = run.range.start;
    let mut to_position = at;
    while from < run.range.end {
        let left = usize::try_from(run.range.end - from).unwrap_or(usize::MAX);
        let (source, target) = (Some(&mut from), Some(&mut to_position));
        match copy_file_range(&run.source, source, to, target, left) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) | Err(Errno::INTR) => {}
            // Not between these files, or not on this system.
            Err(Errno::XDEV | Errno::NOSYS | Errno::OPNOTSUPP | Errno::INVAL | Errno::PERM) => {
                return copy_by_hand(&run.source, from..run.range.end, to, to_position);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn copy_by_hand(source: &File, range: Range<u64>, to: &File, mut at: u64) -> io::Result<()> {
    let mut piece = vec![0; PIECE_BYTES];
    let mut from = range.start;
    while from < range.end {
        let count = (range.end - from).min(PIECE_BYTES as u64) as usize;
        source.read_exact_at(&mut piece[..count], from)?;
        to.write_all_at(&piece[..count], at)?;
        from += count as u64;
        at += count as u64;
    }
    Ok(())
}
