//! The ways of reading one file.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::ops::Range;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use tamis_engine::mmap::{Advice, Mapping};
use tamis_engine::source::{FileSource, Opened, RandomAccess, ReadOptions, Source};

use super::run::Worker;
use super::{Job, MapKind, Pattern, Random, Way, uring};

/// What a window shows of a file.
pub(super) const WINDOW_BYTES: u64 = 4 << 20;
/// What a thread takes of a mapping at a time.
const MAPPED_CHUNK_BYTES: u64 = 1 << 20;
/// What the engine takes at a time.
const ENGINE_CHUNK_BYTES: u64 = tamis_engine::pipeline::CHUNK_BYTES_DEFAULT as u64;
/// A read of io_uring.
const URING_BLOCK_BYTES: u64 = 256 << 10;
/// A block of random reads.
pub(super) const RANDOM_BLOCK_BYTES: u64 = 4 << 10;
/// What addresses, offsets and lengths are multiples of where the page cache is passed by.
const DIRECT_ALIGNMENT: usize = 4 << 10;

/// Memory that begins where a page begins.
pub(super) struct Buffer {
    bytes: Vec<u8>,
    range: Range<usize>,
}

impl Buffer {
    pub(super) fn new(len: usize) -> Buffer {
        let bytes = vec![0; len + DIRECT_ALIGNMENT];
        let start = bytes.as_ptr().align_offset(DIRECT_ALIGNMENT);
        Buffer {
            bytes,
            range: start..start + len,
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[self.range.clone()]
    }

    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.range.clone()]
    }
}

/// How much of a block has come, where reads may bring less than was asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Filling {
    /// What the file has there.
    expected: usize,
    filled: usize,
    /// What the place of the next read is a multiple of.
    step: usize,
}

impl Filling {
    pub(super) fn new(expected: usize, step: usize) -> Filling {
        Filling {
            expected,
            filled: 0,
            step,
        }
    }

    /// Where in the block the next read goes on.
    pub(super) fn filled(&self) -> usize {
        self.filled
    }

    pub(super) fn expected(&self) -> usize {
        self.expected
    }

    pub(super) fn is_done(&self) -> bool {
        self.filled >= self.expected
    }

    /// Takes what a read says that it did. What a signal or a full queue kept from being done is to be asked for once more,
    /// and so is what a read past the page cache brought of a page that is not whole: the next one has to begin where a page does.
    pub(super) fn add(&mut self, read: io::Result<usize>) -> io::Result<()> {
        let count = match read {
            Ok(count) => count,
            Err(error) if is_passing(&error) => return Ok(()),
            Err(error) => return Err(error),
        };
        let filled = self.filled + count;
        if filled >= self.expected {
            self.filled = filled;
            return Ok(());
        }
        let filled = filled - filled % self.step;
        // Less than a page is the end of the file, or would be asked for for ever.
        if filled == self.filled {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.filled = filled;
        Ok(())
    }
}

/// Whether the same request may well succeed the next time.
fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, WouldBlock};
    matches!(error.kind(), Interrupted | WouldBlock)
}

/// Some bytes from where a file is, at least one unless it ends there.
pub(super) fn read_some(mut file: &File, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match file.read(buffer) {
            Err(error) if is_passing(&error) => {}
            read => return read,
        }
    }
}

/// A file, opened to be read in one way.
pub(super) enum Ground {
    /// Read into buffers of this size.
    Read(File, u64),
    Pread(File, u64),
    Mapping(Mapping),
    Windows(File),
    Uring(File, u32),
    Engine(Box<dyn RandomAccess>),
}

impl Job {
    /// What the place of a read has to be a multiple of.
    fn step(&self) -> usize {
        match self.way {
            Way::Direct { .. }
            | Way::Uring {
                is_direct: true, ..
            } => DIRECT_ALIGNMENT,
            _ => 1,
        }
    }
}

impl Ground {
    pub(super) fn open(job: &Job) -> io::Result<Ground> {
        let block_bytes = |bytes: u64| match job.pattern {
            Pattern::Random { .. } => RANDOM_BLOCK_BYTES,
            _ => bytes,
        };
        Ok(match job.way {
            Way::Read { buffer_bytes } => Ground::Read(File::open(&job.path)?, buffer_bytes),
            Way::Pread { buffer_bytes } => {
                Ground::Pread(File::open(&job.path)?, block_bytes(buffer_bytes))
            }
            Way::Direct { buffer_bytes } => {
                Ground::Pread(open_direct(&job.path)?, block_bytes(buffer_bytes))
            }
            Way::Mmap(MapKind::Windows) => Ground::Windows(File::open(&job.path)?),
            Way::Mmap(kind) => {
                let advice = match kind {
                    MapKind::Sequential => Advice::Sequential,
                    MapKind::Random => Advice::Random,
                    MapKind::Populate => Advice::Populate,
                    MapKind::Plain | MapKind::Windows => Advice::None,
                };
                Ground::Mapping(map(&File::open(&job.path)?, 0..job.len_bytes, advice)?)
            }
            Way::Uring {
                depth,
                is_direct: true,
            } => Ground::Uring(open_direct(&job.path)?, depth),
            Way::Uring {
                depth,
                is_direct: false,
            } => Ground::Uring(File::open(&job.path)?, depth),
            Way::Auto => Ground::Engine(open_auto(&job.path)?),
        })
    }

    /// The engine's back end, if it is the engine that reads.
    pub(super) fn backend(&self) -> Option<String> {
        match self {
            Ground::Engine(access) => Some(access.backend().to_owned()),
            _ => None,
        }
    }

    /// The share of one thread in a pass from front to back; threads take the next chunk from `next`.
    pub(super) fn read_all(
        &self,
        job: &Job,
        next: &AtomicU64,
        worker: &mut Worker,
    ) -> io::Result<()> {
        let claim = |bytes: u64| {
            let start = next.fetch_add(bytes, Ordering::Relaxed);
            (start < job.len_bytes).then(|| start..(start + bytes).min(job.len_bytes))
        };
        match self {
            Ground::Read(file, buffer_bytes) => {
                let mut buffer = vec![0; *buffer_bytes as usize];
                let mut start = file;
                start.rewind()?;
                let mut rest = job.len_bytes;
                while rest > 0 {
                    let wanted = rest.min(*buffer_bytes) as usize;
                    match read_some(file, &mut buffer[..wanted])? {
                        0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                        count => {
                            worker.take(&buffer[..count]);
                            rest -= count as u64;
                        }
                    }
                }
            }
            Ground::Pread(file, buffer_bytes) => {
                let mut buffer = Buffer::new(*buffer_bytes as usize);
                while let Some(range) = claim(*buffer_bytes) {
                    worker.take(fill(file, &mut buffer, &range, job.step())?);
                }
            }
            Ground::Mapping(mapping) => {
                while let Some(range) = claim(MAPPED_CHUNK_BYTES) {
                    mapping.with_bytes(in_memory(&range), &mut |bytes| worker.take(bytes));
                }
                check(mapping)?;
            }
            Ground::Windows(file) => {
                while let Some(range) = claim(WINDOW_BYTES) {
                    let len = (range.end - range.start) as usize;
                    let window = map(file, range, Advice::None)?;
                    window.with_bytes(0..len, &mut |bytes| worker.take(bytes));
                    check(&window)?;
                }
            }
            Ground::Uring(file, depth) => {
                let offsets = (0..job.len_bytes).step_by(URING_BLOCK_BYTES as usize);
                let block_bytes = URING_BLOCK_BYTES as usize;
                uring::read(
                    file,
                    (job.len_bytes, block_bytes, job.step()),
                    *depth,
                    offsets,
                    &mut |bytes| {
                        worker.take(bytes);
                    },
                )?;
            }
            Ground::Engine(access) => {
                while let Some(range) = claim(ENGINE_CHUNK_BYTES) {
                    let visited = access.with_range(range.clone(), &mut |bytes| worker.take(bytes));
                    visited.map_err(io::Error::other)?;
                    access.release(range);
                }
            }
        }
        Ok(())
    }

    /// The share of thread `number` in a pass over random blocks.
    pub(super) fn read_anywhere(
        &self,
        job: &Job,
        number: usize,
        worker: &mut Worker,
    ) -> io::Result<()> {
        let mut offsets = offsets(job, number);
        let block = |start: u64| start..(start + RANDOM_BLOCK_BYTES).min(job.len_bytes);
        match self {
            Ground::Pread(file, _) | Ground::Read(file, _) => {
                let mut buffer = Buffer::new(RANDOM_BLOCK_BYTES as usize);
                for start in offsets {
                    worker.take(fill(file, &mut buffer, &block(start), job.step())?);
                }
            }
            Ground::Mapping(mapping) => {
                for start in offsets {
                    mapping.with_bytes(in_memory(&block(start)), &mut |bytes| worker.take(bytes));
                }
                check(mapping)?;
            }
            Ground::Windows(file) => {
                for start in offsets {
                    let range = block(start);
                    let len = (range.end - range.start) as usize;
                    let window = map(file, range, Advice::None)?;
                    window.with_bytes(0..len, &mut |bytes| worker.take(bytes));
                }
            }
            Ground::Uring(file, depth) => {
                let block_bytes = RANDOM_BLOCK_BYTES as usize;
                uring::read(
                    file,
                    (job.len_bytes, block_bytes, job.step()),
                    *depth,
                    &mut offsets,
                    &mut |bytes| {
                        worker.take(bytes);
                    },
                )?;
            }
            Ground::Engine(access) => {
                for start in offsets {
                    let visited = access.with_range(block(start), &mut |bytes| worker.take(bytes));
                    visited.map_err(io::Error::other)?;
                }
            }
        }
        Ok(())
    }
}

/// The random blocks of one thread.
fn offsets(job: &Job, number: usize) -> impl Iterator<Item = u64> {
    let Pattern::Random { reads } = job.pattern else {
        unreachable!("only random reads ask for random places");
    };
    let threads = job.threads as u64;
    let share = reads / threads + u64::from((number as u64) < reads % threads);
    let mut random = Random::new(job.seed ^ number as u64);
    let blocks = job.len_bytes.div_ceil(RANDOM_BLOCK_BYTES);
    (0..share).map(move |_| random.below(blocks) * RANDOM_BLOCK_BYTES)
}

/// A file as Tamis opens it.
pub(super) fn open_auto(path: &Path) -> io::Result<Box<dyn RandomAccess>> {
    match FileSource::new(path, ReadOptions::default()).open() {
        Ok(Opened::Random(access)) => Ok(access),
        Ok(Opened::Stream(stream)) => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            format!("it is read as a stream ({})", stream.backend()),
        )),
        Err(error) => Err(io::Error::other(error)),
    }
}

fn open_direct(path: &Path) -> io::Result<File> {
    File::options()
        .read(true)
        .custom_flags(libc::O_DIRECT)
        .open(path)
}

/// Maps a range of a file.
pub(super) fn map(file: &File, range: Range<u64>, advice: Advice) -> io::Result<Mapping> {
    let refused = || io::Error::new(io::ErrorKind::Unsupported, "the file cannot be mapped");
    Mapping::advised(file, range, advice).ok_or_else(refused)
}

/// Fails if bytes were lost under a mapping.
pub(super) fn check(mapping: &Mapping) -> io::Result<()> {
    match mapping.first_lost_byte() {
        None => Ok(()),
        Some(_) => Err(io::Error::other("the file was cut short while it was read")),
    }
}

/// The bytes of a range that is no longer than the buffer. The whole buffer is asked for: what passes the page cache by is read in
/// whole blocks.
fn fill<'b>(
    file: &File,
    buffer: &'b mut Buffer,
    range: &Range<u64>,
    step: usize,
) -> io::Result<&'b [u8]> {
    let len = (range.end - range.start) as usize;
    let mut filling = Filling::new(len, step);
    while !filling.is_done() {
        let rest = &mut buffer.bytes_mut()[filling.filled()..];
        filling.add(file.read_at(rest, range.start + filling.filled() as u64))?;
    }
    Ok(&buffer.bytes()[..len])
}

/// A range of a file as one of its mapping, which exists, so that it fits.
fn in_memory(range: &Range<u64>) -> Range<usize> {
    range.start as usize..range.end as usize
}
