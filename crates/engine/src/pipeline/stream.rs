//! Chunks of a stream.
//!
//! Whoever holds the reader fills a buffer, cuts it after the last complete record, and keeps the rest for
//! the next buffer; then it lets go of the reader and maps what it has. So one thread reads
//! or decompresses while the others map, and no thread does nothing else. (What consists of many archives is decompressed
//! by threads of its own, as many as map: [`ByteStream::use_threads`].) A buffer always starts at the start
//! of a record, so there is no state to look back for.
//!
//! A [live](Options::live) run does not wait for a buffer to fill up. When the stream is idle, or has kept us for
//! [`PATIENCE`], what is complete goes out; when nothing is, an empty chunk does, a few times a second. When the stream
//! fails, what it gave before goes out before the error does: it may have been waiting for long.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::drive::{Claim, Feed, Piece, in_flight_max};
use super::{Chunk, Options};
use crate::framing::{Framing, Machine, Quoting, State, Terminator};
use crate::kernel::Kernel;
use crate::pool::{BufferPool, PooledBuffer};
use crate::source::{Arrival, ByteStream};
use crate::{Error, Result};

/// How long complete records of a live run wait for more from a stream that gives little at a time.
const PATIENCE: Duration = Duration::from_millis(50);

pub(super) struct StreamFeed {
    name: String,
    backend: &'static str,
    cutter: Mutex<Cutter>,
}

/// A buffer of whole records.
pub(super) struct Filled {
    buffer: PooledBuffer,
    byte_offset: u64,
    at_end: bool,
    raw_bytes: u64,
}

struct Cutter {
    stream: Box<dyn ByteStream>,
    machine: Machine,
    kernel: Kernel,
    pool: BufferPool,
    chunk_bytes: usize,
    record_bytes_max: usize,
    /// The start of the record that the last buffer did not finish.
    carry: PooledBuffer,
    /// Where `carry` starts in the stream.
    byte_offset: u64,
    raw_bytes_seen: u64,
    at_end: bool,
    is_live: bool,
    /// What a live stream failed with after it had given the buffer before.
    failed: Option<Error>,
}

/// Why [`Cutter::read_up_to`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// The buffer is full, or the stream has ended.
    Full,
    /// There is nothing more for now.
    Idle,
    /// The stream was stopped, perhaps inside a record.
    Stopped,
}

impl StreamFeed {
    pub(super) fn new(
        mut stream: Box<dyn ByteStream>,
        framing: Framing,
        options: &Options,
    ) -> Result<StreamFeed> {
        let chunk_bytes = options.chunk_bytes.min(options.record_bytes_max).max(1);
        let pool = BufferPool::new(
            in_flight_max(options.threads.max(1)) * chunk_bytes.next_power_of_two(),
        );
        stream.use_threads(options.threads);
        skip(stream.as_mut(), options.start)?;
        Ok(StreamFeed {
            name: stream.name().to_owned(),
            backend: stream.backend(),
            cutter: Mutex::new(Cutter {
                machine: Machine::new(framing),
                kernel: options.kernel,
                carry: pool.take(0),
                pool,
                chunk_bytes,
                record_bytes_max: options.record_bytes_max,
                byte_offset: options.start,
                raw_bytes_seen: 0,
                at_end: false,
                is_live: options.live,
                failed: None,
                stream,
            }),
        })
    }
}

/// Reads past the header that the caller has already seen.
fn skip(stream: &mut dyn ByteStream, mut bytes: u64) -> Result<()> {
    let mut scratch = [0; 4096];
    while bytes > 0 {
        let wanted = bytes.min(scratch.len() as u64) as usize;
        match stream.read(&mut scratch[..wanted])? {
            0 => break,
            read => bytes -= read as u64,
        }
    }
    Ok(())
}

impl Feed for StreamFeed {
    type Claimed = Filled;
    type Unit<'u> = Chunk<'u>;

    fn name(&self) -> &str {
        &self.name
    }

    fn backend(&self) -> &'static str {
        self.backend
    }

    fn raw_start(&self) -> u64 {
        // What was skipped is part of the first buffer's raw bytes.
        0
    }

    fn total(&self) -> Option<u64> {
        None
    }

    fn useful_threads(&self, threads: usize) -> usize {
        threads
    }

    fn claim(&self, claim: &mut dyn FnMut() -> Option<u64>) -> Claim<Filled> {
        let Ok(mut cutter) = self.cutter.lock() else {
            // A panic while reading: the worker it happened to reports it.
            return Ok(None);
        };
        let filled = cutter.fill();
        if let Ok(None) = filled {
            return Ok(None);
        }
        // Still under the lock, so that indices follow the order of the stream.
        let Some(index) = claim() else {
            return Ok(None);
        };
        match filled {
            Ok(filled) => Ok(filled.map(|filled| (index, filled))),
            Err(error) => {
                cutter.at_end = true;
                Err((index, error))
            }
        }
    }

    fn visit(
        &self,
        _index: u64,
        filled: Filled,
        mut visit: impl FnMut(Chunk<'_>),
    ) -> Result<Piece> {
        let Filled {
            buffer,
            byte_offset,
            at_end,
            raw_bytes,
        } = filled;
        visit(Chunk {
            byte_offset,
            bytes: &buffer,
            at_end,
        });
        let bytes = buffer.len() as u64;
        Ok(Piece {
            end: byte_offset + bytes,
            bytes,
            raw_bytes,
        })
    }

    fn abandon(&self, _index: u64) {}

    fn verify(&self) -> Result<()> {
        Ok(()) // A stream is read once, and checks itself at its end.
    }
}

impl Cutter {
    /// The next buffer of whole records, an empty one if a live stream has none now; `None` at the end.
    fn fill(&mut self) -> Result<Option<Filled>> {
        if let Some(error) = self.failed.take() {
            self.carry = self.pool.take(0);
            return Err(error);
        }
        if self.at_end && self.carry.is_empty() {
            return Ok(None);
        }
        let mut buffer = std::mem::replace(&mut self.carry, self.pool.take(0));
        let carried = buffer.len();
        let mut target = self.chunk_bytes.max(buffer.len());
        let mut is_first_look = true;
        let cut = loop {
            let ended = self.read_up_to(&mut buffer, target)?;
            if buffer.is_empty() && ended != Ended::Idle {
                return Ok(None);
            }
            let cut = match ended {
                Ended::Full if self.at_end => Some(buffer.len()),
                // What was carried over has been searched.
                Ended::Idle if buffer.len() == carried => Some(0),
                Ended::Idle => self.last_record_end(&buffer).or(Some(0)),
                Ended::Full => self.last_record_end(&buffer),
                Ended::Stopped => {
                    buffer.resize(self.last_record_end(&buffer).unwrap_or(0));
                    Some(buffer.len())
                }
            };
            if !is_first_look || self.at_end {
                self.check_first_record(&buffer)?;
            }
            match cut {
                Some(cut) => break cut,
                None => {
                    target = (target * 2)
                        .min(self.record_bytes_max.saturating_add(2))
                        .max(target + 1)
                }
            }
            is_first_look = false;
        };
        self.carry.extend_from_slice(&buffer[cut..]);
        buffer.resize(cut);
        let byte_offset = self.byte_offset;
        self.byte_offset += cut as u64;
        let raw_bytes = self.stream.raw_bytes() - self.raw_bytes_seen;
        self.raw_bytes_seen += raw_bytes;
        let at_end = self.at_end && self.carry.is_empty();
        Ok(Some(Filled {
            buffer,
            byte_offset,
            at_end,
            raw_bytes,
        }))
    }

    /// Reads until `buffer` holds `target` bytes, the stream ends, or a live run should not wait longer.
    fn read_up_to(&mut self, buffer: &mut PooledBuffer, target: usize) -> Result<Ended> {
        let mut len = buffer.len();
        buffer.resize(target.max(len));
        let started = Instant::now();
        let mut ended = Ended::Full;
        while len < buffer.len() && !self.at_end && ended == Ended::Full {
            let free = &mut buffer[len..];
            if !self.is_live {
                match self.stream.read(free)? {
                    0 => self.at_end = true,
                    read => len += read,
                }
                continue;
            }
            match self.stream.read_now(free) {
                Err(error) => {
                    self.failed = Some(error);
                    ended = Ended::Idle;
                }
                Ok(Arrival::Bytes(read)) => {
                    len += read;
                    if started.elapsed() >= PATIENCE {
                        ended = Ended::Idle;
                    }
                }
                Ok(Arrival::Idle) => ended = Ended::Idle,
                Ok(Arrival::End) => self.at_end = true,
                Ok(Arrival::Stopped) => {
                    self.at_end = true;
                    ended = Ended::Stopped;
                }
            }
        }
        buffer.resize(len);
        Ok(ended)
    }

    /// Where the last complete record of `buffer` ends, if one does.
    fn last_record_end(&self, buffer: &[u8]) -> Option<usize> {
        let framing = self.machine.framing();
        if let Some(terminator) = framing.terminator() {
            return memchr::memrchr(terminator, buffer).map(|at| at + 1);
        }
        let by_parity = match framing {
            Framing::Quoted(quoting) => self.last_newline_by_parity(quoting, buffer),
            _ => None,
        };
        by_parity.unwrap_or_else(|| self.last_record_end_strictly(buffer))
    }

    /// The fast way: the last newline with an even number of quotes before it. The outer `None`
    /// says that parity cannot be trusted here.
    fn last_newline_by_parity(&self, quoting: &Quoting, buffer: &[u8]) -> Option<Option<usize>> {
        if !quoting.is_parity_valid() || quoting.terminator != Terminator::Newline {
            return None;
        }
        let mut is_quoted = match quoting.quote {
            None => false,
            Some(quote) => {
                let scan = self.kernel.scan_quotes(buffer, quoting.delimiter, quote);
                if !scan.outside_ok {
                    return None;
                }
                scan.odd
            }
        };
        let mut end = buffer.len();
        loop {
            // No newline at all: perhaps bare carriage returns, which only the strict machine looks for.
            let newline = memchr::memrchr(b'\n', &buffer[..end])?;
            if let Some(quote) = quoting.quote {
                is_quoted ^= self.kernel.count_byte(&buffer[newline..end], quote) % 2 == 1;
            }
            if !is_quoted {
                return Some(Some(newline + 1));
            }
            end = newline;
        }
    }

    fn last_record_end_strictly(&self, buffer: &[u8]) -> Option<usize> {
        let (mut state, mut last) = (State::RecordStart, None);
        for (offset, &byte) in buffer.iter().enumerate() {
            state = self.machine.step(state, byte);
            // After a `\r` at the very end a `\n` may follow that belongs to it: cut there next time.
            let is_cut = state == State::RecordStart
                || (state == State::AfterCarriageReturn
                    && buffer.get(offset + 1).is_some_and(|&next| next != b'\n'));
            if is_cut {
                last = Some(offset + 1);
            }
        }
        last
    }

    /// Only the first record of a buffer can be too long: later ones would not have made it grow.
    fn check_first_record(&self, buffer: &[u8]) -> Result<()> {
        if buffer.len() <= self.record_bytes_max {
            return Ok(());
        }
        let end = self
            .machine
            .record_end(State::RecordStart, buffer)
            .unwrap_or(buffer.len());
        if end <= self.record_bytes_max {
            return Ok(());
        }
        Err(Error::RecordTooLong {
            input: self.stream.name().to_owned(),
            byte_offset: self.byte_offset,
            quote_byte_offset: self
                .machine
                .open_quote(State::RecordStart, &buffer[..self.record_bytes_max])
                .map(|at| self.byte_offset + at as u64),
            limit_bytes: self.record_bytes_max,
        })
    }
}
