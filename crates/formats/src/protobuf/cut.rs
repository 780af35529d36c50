//! A stream of messages, cut into runs of whole ones.
//!
//! Where a message starts is known only from the lengths of all before it, so one thread at a time hops from length to
//! length. That costs little: a hop reads some bytes where the walker reads all, and the bytes are in the cache of the thread
//! that will walk over them next. Nothing is allocated because a length asks for it: a buffer grows as bytes arrive.

use tamis_engine::Error as EngineError;
use tamis_engine::source::{ByteStream, RandomAccess};

use super::error::Error;
use super::framing::Head;
use crate::messages::Framing;

/// Room that a buffer has at first for a message that does not fit into one.
const GROWTH: usize = 2;

/// Whole messages, with what stands in front of each.
#[derive(Debug)]
pub(super) struct Run {
    /// Where they begin in the input.
    pub(super) byte_offset: u64,
    pub(super) bytes: Vec<u8>,
    /// How much of the input as stored was read for them.
    pub(super) raw_bytes: u64,
}

/// The bytes of an input, in order.
#[derive(Debug)]
pub(super) enum Input<'i> {
    /// From an input with random access, so far.
    Random(&'i dyn RandomAccess, u64),
    /// From a stream.
    Stream(Box<dyn ByteStream>),
}

/// How a stream is cut.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cutting {
    pub(super) framing: Framing,
    /// About how long a run is.
    pub(super) unit_bytes: usize,
    /// The longest message.
    pub(super) record_bytes_max: usize,
}

/// Cuts a stream.
#[derive(Debug)]
pub(super) struct Cutter<'i> {
    input: Input<'i>,
    cutting: Cutting,
    name: String,
    /// The start of a message whose end is not in the last run.
    rest: Vec<u8>,
    /// Where `rest` begins.
    byte_offset: u64,
    /// Bytes of the input as stored that earlier runs account for.
    raw_bytes: u64,
    is_at_end: bool,
    is_over: bool,
}

impl<'i> Cutter<'i> {
    pub(super) fn new(name: &str, input: Input<'i>, cutting: Cutting) -> Cutter<'i> {
        Cutter {
            input,
            cutting,
            name: name.to_owned(),
            rest: Vec::new(),
            byte_offset: 0,
            raw_bytes: 0,
            is_at_end: false,
            is_over: false,
        }
    }

    /// The next run; `None` at the end.
    fn run(&mut self) -> Result<Option<Run>, EngineError> {
        let mut bytes = std::mem::take(&mut self.rest);
        let mut wanted = self.cutting.unit_bytes.max(bytes.len() + 1);
        loop {
            self.fill(&mut bytes, wanted)?;
            let (end, next) = self.hop(&bytes)?;
            if end > 0 {
                self.rest = bytes.split_off(end);
                let raw_bytes = match &self.input {
                    Input::Random(_, at) => *at,
                    Input::Stream(stream) => stream.raw_bytes(),
                };
                let run = Run {
                    byte_offset: self.byte_offset,
                    bytes,
                    raw_bytes: raw_bytes - self.raw_bytes,
                };
                self.byte_offset += end as u64;
                self.raw_bytes = raw_bytes;
                return Ok(Some(run));
            }
            if self.is_at_end {
                return match bytes.len() as u64 {
                    0 => Ok(None),
                    found_bytes => Err(self.broken(Error::Truncated {
                        byte_offset: self.byte_offset,
                        expected_bytes: next.max(found_bytes + 1),
                        found_bytes,
                    })),
                };
            }
            let next = usize::try_from(next).unwrap_or(usize::MAX);
            wanted = (bytes.len() * GROWTH).min(next).max(bytes.len() + 1);
        }
    }

    /// Reads until there are `wanted` bytes, or no more.
    fn fill(&mut self, bytes: &mut Vec<u8>, wanted: usize) -> Result<(), EngineError> {
        let mut filled = bytes.len();
        bytes.resize(wanted.max(filled), 0);
        while filled < wanted && !self.is_at_end {
            let count = match &mut self.input {
                Input::Stream(stream) => stream.read(&mut bytes[filled..])?,
                Input::Random(access, at) => {
                    let end = (*at + (wanted - filled) as u64).min(access.len_bytes());
                    let mut count = 0;
                    if end > *at {
                        access.with_range(*at..end, &mut |found| {
                            bytes[filled..filled + found.len()].copy_from_slice(found);
                            count = found.len();
                        })?;
                        access.release(*at..end);
                    }
                    *at += count as u64;
                    count
                }
            };
            filled += count;
            self.is_at_end = count == 0;
        }
        bytes.truncate(filled);
        Ok(())
    }

    /// Where the last whole message ends, and how long the one after it is at least.
    fn hop(&self, bytes: &[u8]) -> Result<(usize, u64), EngineError> {
        let Cutting {
            framing,
            record_bytes_max,
            ..
        } = self.cutting;
        let mut at = 0;
        loop {
            let rest = &bytes[at..];
            if rest.is_empty() {
                return Ok((at, 0));
            }
            let here = self.byte_offset + at as u64;
            match framing.head(rest) {
                Ok(Head::Known { prefix, message }) => {
                    let limit = record_bytes_max as u64;
                    if message > limit {
                        // Those before it are good: they come first, and it is met again.
                        if at > 0 {
                            return Ok((at, 0));
                        }
                        return Err(self.broken(Error::TooLong {
                            byte_offset: here,
                            len_bytes: message,
                            limit_bytes: limit,
                            framing: framing.name(),
                        }));
                    }
                    let end = prefix + message as usize;
                    if end > rest.len() {
                        return Ok((at, end as u64));
                    }
                    at += end;
                }
                Ok(Head::Cut) => return Ok((at, rest.len() as u64 + 1)),
                Err(_) if at > 0 => return Ok((at, 0)),
                Err(expected) => {
                    return Err(self.broken(Error::Length {
                        byte_offset: here,
                        expected,
                        framing: framing.name(),
                    }));
                }
            }
        }
    }

    fn broken(&self, error: Error) -> EngineError {
        EngineError::Producer {
            input: self.name.clone(),
            source: Box::new(error),
        }
    }
}

impl Iterator for Cutter<'_> {
    type Item = Result<Run, EngineError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let run = self.run().transpose();
        self.is_over = !matches!(run, Some(Ok(_)));
        run
    }
}
