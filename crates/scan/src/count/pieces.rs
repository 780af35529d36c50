//! Inputs as pieces of about the same size, in order.
//!
//! A large file is divided into ranges, which any thread may read. A stream is read by whoever asks for the next piece,
//! one thread at a time, while the others count. A small file is a piece by itself, opened and counted by the thread
//! that gets it: so a folder of many is counted in parallel, too.

use std::ops::Range;
use std::sync::Arc;

use tamis_engine::Error;
use tamis_engine::pool::{BufferPool, PooledBuffer};
use tamis_engine::source::{ByteStream, Opened, RandomAccess};

use super::character::BYTES_MAX;
use super::part::{Part, Scanner, Tally};
use super::{CountOptions, Counts, Input};

/// Makes pieces.
pub(super) struct Pieces<'a> {
    inputs: std::iter::Enumerate<std::slice::Iter<'a, Input>>,
    /// Inputs that are known to be bad are left out.
    is_good: &'a [bool],
    options: &'a CountOptions,
    current: Option<(usize, Under)>,
}

/// An input that is being cut.
enum Under {
    Random {
        access: Arc<dyn RandomAccess>,
        next: u64,
    },
    Stream(Stream),
}

struct Stream {
    stream: Box<dyn ByteStream>,
    /// The end of what was read: what stood before the next piece, and the start of that.
    carried: Vec<u8>,
    /// How much of it was counted.
    counted: usize,
    raw_bytes: u64,
    buffers: BufferPool,
}

/// What the pieces of a stream take when nobody looks at them.
const RETAINED_BYTES_MAX: usize = 16 << 20;

/// Some bytes of an input, by its number.
pub(super) struct Piece<'a> {
    index: usize,
    content: Content<'a>,
}

enum Content<'a> {
    /// A small input.
    Whole(&'a Input),
    Range(Arc<dyn RandomAccess>, Range<u64>),
    Buffer {
        bytes: PooledBuffer,
        filled: usize,
        owned: Range<usize>,
        raw_bytes: u64,
    },
    /// Nothing more comes of the input.
    End(Result<Option<Arc<dyn RandomAccess>>, Error>),
}

/// What came of a piece.
pub(super) enum Found {
    Part {
        part: Part,
        raw_bytes: u64,
    },
    /// A piece of the input could not be read; others of it may follow.
    Failed(Error),
    /// The input ends. If it was no stream, it is still to be seen whether it is what was opened.
    End(Result<Option<Arc<dyn RandomAccess>>, Error>),
    /// All of a small input.
    Whole(Result<Counts, Error>, u64),
}

impl<'a> Pieces<'a> {
    pub(super) fn new(inputs: &'a [Input], is_good: &'a [bool], options: &'a CountOptions) -> Self {
        Pieces {
            inputs: inputs.iter().enumerate(),
            is_good,
            options,
            current: None,
        }
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        if let Some((index, under)) = &mut self.current {
            let index = *index;
            let content = under.next(self.options);
            if matches!(content, Content::End(_)) {
                self.current = None;
            }
            return Some(Piece { index, content });
        }
        let (index, input) = self.inputs.find(|(index, _)| self.is_good[*index])?;
        let is_small = |len| len <= self.options.chunk_bytes as u64;
        if input.len_bytes.is_some_and(is_small) {
            let content = Content::Whole(input);
            return Some(Piece { index, content });
        }
        match input.source.open() {
            Ok(opened) => {
                self.current = Some((index, Under::new(opened, self.options)));
                self.next()
            }
            Err(error) => {
                let content = Content::End(Err(error));
                Some(Piece { index, content })
            }
        }
    }
}

impl Under {
    fn new(opened: Opened, options: &CountOptions) -> Under {
        match opened {
            Opened::Random(access) => Under::Random {
                access: access.into(),
                next: 0,
            },
            Opened::Stream(mut stream) => {
                stream.use_threads(options.threads);
                Under::Stream(Stream {
                    stream,
                    carried: Vec::new(),
                    counted: 0,
                    raw_bytes: 0,
                    buffers: BufferPool::new(RETAINED_BYTES_MAX),
                })
            }
        }
    }

    fn next(&mut self, options: &CountOptions) -> Content<'static> {
        match self {
            Under::Random { access, next } => {
                let (start, len) = (*next, access.len_bytes());
                if start >= len {
                    return Content::End(Ok(Some(Arc::clone(access))));
                }
                // The number of bytes is known without reading them.
                *next = match options.wanted.is_of_text() {
                    true => len.min(start + options.chunk_bytes as u64),
                    false => len,
                };
                Content::Range(Arc::clone(access), start..*next)
            }
            Under::Stream(stream) => stream
                .next(options)
                .unwrap_or_else(|error| Content::End(Err(error))),
        }
    }
}

impl Stream {
    fn next(&mut self, options: &CountOptions) -> Result<Content<'static>, Error> {
        let mut filled = self.carried.len();
        let mut bytes = self.buffers.take(filled + options.chunk_bytes);
        bytes[..filled].copy_from_slice(&self.carried);
        let mut is_end = false;
        while filled < bytes.len() && !is_end {
            let count = self.stream.read(&mut bytes[filled..])?;
            is_end = count == 0;
            filled += count;
        }
        let raw_bytes = self.stream.raw_bytes() - self.raw_bytes;
        self.raw_bytes += raw_bytes;
        if is_end && self.counted == filled {
            return Ok(Content::End(Ok(None)));
        }
        // The last bytes may be half of a character: they are the next piece's, who knows what follows them.
        let end = match is_end {
            true => filled,
            false => filled.saturating_sub(BYTES_MAX).max(self.counted),
        };
        let owned = self.counted..end;
        let kept = end.saturating_sub(BYTES_MAX);
        self.carried.clear();
        self.carried.extend_from_slice(&bytes[kept..filled]);
        self.counted = end - kept;
        Ok(Content::Buffer {
            bytes,
            filled,
            owned,
            raw_bytes,
        })
    }
}

impl Piece<'_> {
    /// Counts what is in the piece.
    pub(super) fn scan(self, scanner: &mut Scanner, options: &CountOptions) -> (usize, Found) {
        let found = match self.content {
            Content::Whole(input) => Found::Whole(
                count_whole(input, scanner, options),
                input.len_bytes.unwrap_or(0),
            ),
            content => content.scan(scanner, options),
        };
        (self.index, found)
    }
}

impl Content<'_> {
    fn scan(self, scanner: &mut Scanner, options: &CountOptions) -> Found {
        match self {
            Content::Range(access, range) => {
                let raw_bytes = range.end - range.start;
                match scan_range(access.as_ref(), range, scanner, options) {
                    Ok(part) => Found::Part { part, raw_bytes },
                    Err(error) => Found::Failed(error),
                }
            }
            Content::Buffer {
                bytes,
                filled,
                owned,
                raw_bytes,
            } => Found::Part {
                part: scanner.scan(&bytes[..filled], owned),
                raw_bytes,
            },
            Content::End(result) => Found::End(result),
            Content::Whole(_) => unreachable!("it is divided before it is counted"),
        }
    }
}

fn scan_range(
    access: &dyn RandomAccess,
    range: Range<u64>,
    scanner: &mut Scanner,
    options: &CountOptions,
) -> Result<Part, Error> {
    if !options.wanted.is_of_text() {
        return Ok(Part::of_bytes(range.end - range.start));
    }
    // What stands around the range is needed for what is cut there, which is no newline.
    let around = match options.wanted.is_of_characters() {
        true => range.start.saturating_sub(BYTES_MAX as u64)..range.end + BYTES_MAX as u64,
        false => range.clone(),
    };
    let before = (range.start - around.start) as usize;
    let mut part = Part::default();
    access.with_range(around.clone(), &mut |bytes| {
        let len = (range.end - range.start) as usize;
        part = scanner.scan(bytes, before..before + len);
    })?;
    // With the bytes before it, which were released by whoever counted them, and are back.
    access.release(around.start..range.end);
    Ok(part)
}

/// Counts an input from its start to its end.
fn count_whole(
    input: &Input,
    scanner: &mut Scanner,
    options: &CountOptions,
) -> Result<Counts, Error> {
    let mut under = Under::new(input.source.open()?, options);
    let mut tally = Tally::default();
    loop {
        options.cancel.check()?;
        match under.next(options).scan(scanner, options) {
            Found::Part { part, .. } => tally.add(&part),
            Found::End(Ok(access)) => {
                access.map_or(Ok(()), |access| access.verify())?;
                return Ok(tally.finish());
            }
            Found::Failed(error) | Found::End(Err(error)) => return Err(error),
            Found::Whole(..) => unreachable!("an input that was opened is cut"),
        }
    }
}
