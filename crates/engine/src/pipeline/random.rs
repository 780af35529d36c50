//! Chunks of an input with random access.
//!
//! The input is divided into ranges of `chunk_bytes`. A worker that claimed range `i`
//!
//! 1. scans it (quote parity under both hypotheses, or the strict machine from every state) and publishes
//!    the transition,
//! 2. looks back for the state at its first byte; if that state makes the scan's answer unknown (a stray
//!    quote), runs the strict machine over the range; publishes the state at its end,
//! 3. skips to the first record that starts in the range, and reads on past the end of the range to
//!    the end of the last one.
//!
//! A record belongs to the range its first byte lies in, so every record is mapped exactly once, however
//! long it is. Comments and blank lines count like records here.

use std::ops::Range;

use super::drive::{Claim, Feed, Piece, in_flight_max};
use super::scan::scan;
use super::{CHUNK_BYTES_WORTH_A_THREAD, Chunk, Options};
use crate::framing::{Framing, Machine, State};
use crate::kernel::Kernel;
use crate::lookback::LookBack;
use crate::source::RandomAccess;
use crate::{Error, Result};

/// Read this far past the range at first, to find the end of its last record.
const OVERLAP_BYTES: u64 = 4 << 10;

pub(super) struct RandomFeed<'a> {
    access: &'a dyn RandomAccess,
    machine: Machine,
    kernel: Kernel,
    look_back: LookBack,
    start: u64,
    /// Records that start here or behind are somebody else's.
    end: u64,
    chunk_bytes: u64,
    record_bytes_max: usize,
}

/// The states at both ends of a range.
#[derive(Clone, Copy)]
struct Ends {
    start: State,
    end: State,
}

/// What one look at a range and the bytes after it gave.
enum Found {
    /// These bytes are the range's records; `at_end`: the last one ends with the input.
    Records { records: Range<usize>, at_end: bool },
    /// No record starts in the range.
    Nothing,
    /// The last record goes on beyond the bytes at hand.
    MoreNeeded,
}

impl<'a> RandomFeed<'a> {
    pub(super) fn new(
        access: &'a dyn RandomAccess,
        framing: Framing,
        options: &Options,
    ) -> RandomFeed<'a> {
        let end = options
            .end
            .map_or(access.len_bytes(), |end| end.min(access.len_bytes()));
        let bytes = end.saturating_sub(options.start);
        let threads = options.threads.max(1) as u64;
        // A small input is shared out, but not into crumbs.
        let share = bytes
            .div_ceil(threads * 2)
            .max(CHUNK_BYTES_WORTH_A_THREAD as u64);
        let chunk_bytes = (options.chunk_bytes as u64)
            .min(share)
            .min(options.record_bytes_max as u64)
            .max(1);
        RandomFeed {
            access,
            machine: Machine::new(framing),
            kernel: options.kernel,
            look_back: LookBack::new(in_flight_max(options.threads.max(1)), options.start_state),
            start: options.start,
            end,
            chunk_bytes,
            record_bytes_max: options.record_bytes_max,
        }
    }

    fn range(&self, index: u64) -> Range<u64> {
        let start = self.start + index * self.chunk_bytes;
        start..(start + self.chunk_bytes).min(self.end)
    }

    /// Steps 1 and 2 of the module's story.
    fn find_ends(&self, index: u64, body: &[u8]) -> Result<Ends> {
        let transition = scan(&self.machine, self.kernel, body);
        self.look_back.publish_transition(index, transition);
        // Given up only when an earlier chunk failed, whose error is the one that gets reported.
        let start = self
            .look_back
            .start_state(index)
            .map_err(|_aborted| Error::Interrupted)?;
        let end = transition
            .apply(start)
            .unwrap_or_else(|| self.machine.run(start, body));
        self.look_back.publish_end(index, end);
        Ok(Ends { start, end })
    }

    /// Step 3. `bytes` is the range of `body_len` bytes and what follows it; `reaches_end`: nothing
    /// comes after `bytes`.
    fn find_records(&self, bytes: &[u8], body_len: usize, ends: Ends, reaches_end: bool) -> Found {
        let first = match ends.start {
            State::RecordStart => Some(0),
            State::AfterCarriageReturn => Some(usize::from(bytes[0] == b'\n')),
            under_way => self.machine.record_end(under_way, &bytes[..body_len]),
        };
        let Some(first) = first.filter(|&first| first < body_len) else {
            return Found::Nothing;
        };
        let after = match ends.end {
            State::RecordStart => Some(0),
            State::AfterCarriageReturn => Some(usize::from(bytes.get(body_len) == Some(&b'\n'))),
            under_way => self.machine.record_end(under_way, &bytes[body_len..]),
        };
        match after.map(|after| body_len + after) {
            // A `\r` as the last byte at hand: whether a `\n` belongs to it is not known yet.
            Some(end) if end == bytes.len() && bytes[end - 1] == b'\r' && !reaches_end => {
                Found::MoreNeeded
            }
            Some(end) => Found::Records {
                records: first..end,
                at_end: reaches_end && end == bytes.len(),
            },
            None if reaches_end => Found::Records {
                records: first..bytes.len(),
                at_end: true,
            },
            None => Found::MoreNeeded,
        }
    }

    /// Checks the length of the range's last record, the only one that can be longer than the range.
    /// `bytes` are the range, of `body_len` bytes, and what follows of that record.
    fn check_length(
        &self,
        range_start: u64,
        bytes: &[u8],
        body_len: usize,
        ends: Ends,
    ) -> Result<()> {
        if bytes.len() <= self.record_bytes_max {
            return Ok(());
        }
        let (mut last_start, mut state) = (0, ends.start);
        for (offset, &byte) in bytes[..body_len - 1].iter().enumerate() {
            state = self.machine.step(state, byte);
            if state.is_between_records() {
                last_start = offset + 1;
            }
        }
        let record = &bytes[last_start..];
        if record.len() <= self.record_bytes_max {
            return Ok(());
        }
        let quote = self
            .machine
            .open_quote(State::RecordStart, &record[..self.record_bytes_max]);
        Err(Error::RecordTooLong {
            input: self.access.name().to_owned(),
            byte_offset: range_start + last_start as u64,
            quote_byte_offset: quote.map(|offset| range_start + (last_start + offset) as u64),
            limit_bytes: self.record_bytes_max,
        })
    }
}

impl Feed for RandomFeed<'_> {
    type Claimed = ();
    type Unit<'u> = Chunk<'u>;

    fn name(&self) -> &str {
        self.access.name()
    }

    fn backend(&self) -> &'static str {
        self.access.backend()
    }

    fn raw_start(&self) -> u64 {
        self.start
    }

    fn total(&self) -> Option<u64> {
        let bytes = self.end.saturating_sub(self.start);
        Some(bytes.div_ceil(self.chunk_bytes))
    }

    fn useful_threads(&self, threads: usize) -> usize {
        threads
            .min(self.total().map_or(threads, |total| total as usize))
            .max(1)
    }

    fn claim(&self, claim: &mut dyn FnMut() -> Option<u64>) -> Claim<()> {
        Ok(claim().map(|index| (index, ())))
    }

    fn visit(&self, index: u64, (): (), mut visit: impl FnMut(Chunk<'_>)) -> Result<Piece> {
        let range = self.range(index);
        let body_len = (range.end - range.start) as usize;
        let mut ends = None;
        let mut overlap = OVERLAP_BYTES;
        loop {
            let end = (range.end + overlap).min(self.access.len_bytes());
            let mut found = Ok(Found::Nothing);
            self.access.with_range(range.start..end, &mut |bytes| {
                let body = &bytes[..body_len];
                let known = match ends {
                    Some(known) => Ok(known),
                    None => self.find_ends(index, body),
                };
                found = known.and_then(|known| {
                    ends = Some(known);
                    let found =
                        self.find_records(bytes, body_len, known, end == self.access.len_bytes());
                    if let Found::Records { records, at_end } = &found {
                        self.check_length(range.start, &bytes[..records.end], body_len, known)?;
                        visit(Chunk {
                            byte_offset: range.start + records.start as u64,
                            bytes: &bytes[records.clone()],
                            at_end: *at_end,
                        });
                    }
                    if matches!(found, Found::MoreNeeded) {
                        self.check_length(range.start, bytes, body_len, known)?;
                    }
                    Ok(found)
                });
            })?;
            if !matches!(found?, Found::MoreNeeded) {
                break;
            }
            // One byte more than a record may have: then it is too long, and the look above says so.
            overlap = (overlap * 4).min(self.record_bytes_max as u64 + 1);
        }
        self.access.release(range.clone());
        Ok(Piece {
            end: range.end,
            bytes: body_len as u64,
            raw_bytes: body_len as u64,
        })
    }

    fn abandon(&self, index: u64) {
        self.look_back.abort_from(index);
    }

    fn verify(&self) -> Result<()> {
        self.access.verify()
    }
}
