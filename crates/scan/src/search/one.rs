//! One input on all cores: chunks of whole lines, searched by workers, merged in order.
//!
//! Before that a look at its first bytes: a byte order mark tells the encoding, and a NUL byte that this is no text.

use tamis_engine::Error as EngineError;
use tamis_engine::control::{Cancel, Progress};
use tamis_engine::framing::Framing;
use tamis_engine::kernel::Kernel;
use tamis_engine::pipeline::{self, Flow, Options};
use tamis_engine::source::{Opened, Peeked, RandomStream, Source, peek, peek_line};
use tamis_formats::encoding::{Encoding, Transcoder};

use super::input::{Found, InputMerge, Origin};
use super::name::Name;
use super::options::Search;
use super::output::InputOutput;
use super::range::{CutStream, Extent};
use super::worker::Worker;
use crate::{Error, Result, Work};

/// What ripgrep looks at before it searches a file.
pub(super) const HEAD_BYTES: usize = 64 << 10;

/// How inputs are read and shared out.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Threads.
    pub threads: usize,
    /// About how much of an input one thread takes at a time.
    pub chunk_bytes: usize,
    /// A longer line is an error: it would have to be kept in memory.
    pub line_bytes_max: usize,
    /// The instruction set.
    pub kernel: Kernel,
    /// Ends the search.
    pub cancel: Cancel,
    /// Told how far it is.
    pub progress: Progress,
    /// What of each input is searched.
    pub extent: Extent,
    /// Archives are unpacked, so that one that cannot be is an error and no text.
    pub unpacks: bool,
}

impl Reading {
    /// An error if `head` is that of an archive that is not unpacked, and archives are to be.
    pub(super) fn refuse_unknown_packing(&self, name: &[u8], head: &[u8]) -> Result<()> {
        let codec = match head {
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, ..] => "bzip2",
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => "xz",
            [0x02, 0x21, 0x4c, 0x18, ..] => "legacy lz4",
            _ => return Ok(()),
        };
        match self.unpacks {
            false => Ok(()),
            true => Err(Error::UnknownPacking {
                input: String::from_utf8_lossy(name).into_owned(),
                codec,
            }),
        }
    }

    fn options(&self) -> Options {
        Options {
            threads: self.threads,
            chunk_bytes: self.chunk_bytes,
            record_bytes_max: self.line_bytes_max,
            kernel: self.kernel,
            cancel: self.cancel.clone(),
            progress: self.progress.clone(),
            ..Options::default()
        }
    }
}

/// What the first bytes say of an input's encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    None,
    /// UTF-8, with a mark of three bytes that are no text.
    Utf8,
    Utf16,
}

impl Mark {
    pub(super) fn of(head: &[u8]) -> Self {
        match head {
            [0xef, 0xbb, 0xbf, ..] => Mark::Utf8,
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Mark::Utf16,
            _ => Mark::None,
        }
    }

    /// Bytes before the text.
    pub(super) fn len_bytes(self) -> usize {
        match self {
            Mark::Utf8 => 3,
            _ => 0,
        }
    }
}

/// Searches `source` and says what was found.
pub(super) fn search(
    search: &Search,
    source: &dyn Source,
    name: &Name,
    origin: Origin,
    reading: &Reading,
    output: InputOutput<'_>,
) -> Result<Found> {
    if let Some(multiline) = &search.multiline {
        return multiline.search_source(search, source, name, origin, reading, output);
    }
    let mut merge = InputMerge::new(search, name, origin, output);
    let outcome = search_into(search, source, name, reading, &mut merge);
    // What was found in the chunks before something went wrong is as true as ever.
    let found = merge.finish(*outcome.as_ref().unwrap_or(&0));
    outcome.map_err(about_lines)?;
    Ok(found?)
}

/// Records are lines here.
fn about_lines(error: Error) -> Error {
    match error {
        Error::Engine(EngineError::RecordTooLong {
            input,
            byte_offset,
            limit_bytes,
            ..
        }) => Error::TooLong {
            input,
            what: format!("the line at byte {byte_offset}"),
            limit_bytes,
        },
        other => other,
    }
}

/// Searches `source` and returns where its text ended.
fn search_into(
    search: &Search,
    source: &dyn Source,
    name: &Name,
    reading: &Reading,
    merge: &mut InputMerge<'_, '_>,
) -> Result<u64> {
    let Peeked { head, input, .. } = look(source.open()?)?;
    reading.refuse_unknown_packing(&name.bytes, &head)?;
    let mark = Mark::of(&head);
    let Peeked { head, input, .. } = match mark {
        Mark::Utf16 => look(transcoded(input))?,
        _ => Peeked {
            head,
            input,
            is_all: false,
        },
    };
    let mark_bytes = mark.len_bytes() as u64;
    let text = &head[mark.len_bytes()..];
    if let Some(at) = memchr::memchr(0, text)
        && merge.is_binary_at(at as u64) == Flow::Stop
    {
        return Ok(0);
    }
    let mut options = reading.options();
    options.start = mark_bytes;
    let (input, skipped) = cut(search, input, reading, &mut options, merge)?;
    merge.starts_at_byte((options.start + skipped).saturating_sub(mark_bytes));
    let nul = merge.nul_check();
    let mut own_worker = Worker::new(search, reading.kernel);
    let outcome = pipeline::run(
        input,
        Framing::Terminated(search.terminator()),
        &options,
        || Worker::new(search, reading.kernel),
        |worker, chunk| {
            let byte_offset = chunk.byte_offset + skipped - mark_bytes;
            Ok(worker.search(name, chunk.bytes, byte_offset, nul))
        },
        |part| merge.take(part, &mut own_worker),
    )?;
    let mut work = Work::of(&outcome);
    work.bytes = work.bytes.saturating_sub(options.start);
    merge.took(work);
    Ok((outcome.bytes + skipped).saturating_sub(mark_bytes))
}

/// The first bytes. A stream that has given a line and no more for now is not waited for.
fn look(input: Opened) -> Result<Peeked> {
    Ok(match input {
        Opened::Random(_) => peek(input, HEAD_BYTES)?,
        Opened::Stream(_) => peek_line(input, 0, HEAD_BYTES)?,
    })
}

fn transcoded(input: Opened) -> Opened {
    let stream = match input {
        Opened::Random(region) => Box::new(RandomStream::new(region)),
        Opened::Stream(stream) => stream,
    };
    let encoding = Encoding::parse("utf-16").ok().flatten();
    let encoding = encoding.expect("it is an encoding other than UTF-8");
    Opened::Stream(Box::new(Transcoder::new(stream, encoding)))
}

/// The part of `input` that is searched, set in `options` or cut out of the stream; and how much was cut off its start.
fn cut(
    search: &Search,
    input: Opened,
    reading: &Reading,
    options: &mut Options,
    merge: &mut InputMerge<'_, '_>,
) -> Result<(Opened, u64)> {
    let terminator = search.terminator();
    match input {
        Opened::Random(file) if reading.extent != Extent::All => {
            let numbered = search.line_numbers;
            let place = reading
                .extent
                .find(file.as_ref(), terminator, numbered, options)?;
            options.start = place.start.max(options.start);
            options.end = Some(place.end.max(options.start));
            merge.starts_at_line(place.lines_before);
            Ok((Opened::Random(file), 0))
        }
        Opened::Stream(stream) => {
            options.live = true;
            if reading.extent == Extent::All {
                return Ok((Opened::Stream(stream), 0));
            }
            let extent = reading.extent.clone();
            let mut stream = CutStream::new(stream, terminator, extent, reading.kernel);
            let (start, lines) = stream.skip()?;
            merge.starts_at_line(lines);
            // A byte order mark is in the first line.
            if start > 0 {
                options.start = 0;
            }
            Ok((Opened::Stream(Box::new(stream)), start))
        }
        input => Ok((input, 0)),
    }
}
