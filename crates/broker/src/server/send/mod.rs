//! Answers onto a socket.
//!
//! An [`Outbox`] holds answers as pieces, some in memory and some in files; how they go out depends on what they go out over.
//!
//! | file | way |
//! |---|---|
//! | `plain.rs` | bytes of many answers by one vectored write, ranges of files by `sendfile`, which copies nothing through us |
//! | `sealed.rs` | all of it through memory, since TLS has to see what it seals |

mod plain;
mod sealed;

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::time::Duration;

use bytes::{Buf, Bytes};

use super::connection::Ended;
use crate::api::{Part, Parts};
use crate::log::FileRange;
pub(super) use sealed::Sealing;

/// Pieces that go to the system at once.
const SLICES_MAX: usize = 64;

/// The field of the length in front of each answer.
const LENGTH_BYTES: usize = 4;

/// What answers go out over.
pub(super) trait Way: Send + 'static {
    /// Sends all that is in an outbox; what takes nothing for so long is [`Ended::Stalled`].
    fn send(
        &mut self,
        outbox: &mut Outbox,
        stalled: Duration,
    ) -> impl Future<Output = Result<(), Ended>> + Send;

    /// Says that nothing more comes, where there is a word for it.
    fn close(&mut self, stalled: Duration) -> impl Future<Output = Result<(), Ended>> + Send;
}

/// Answers that are ready to go, in order.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    pieces: VecDeque<Piece>,
    len_bytes: u64,
    has_files: bool,
}

/// A part of an answer, as far as it is not sent.
#[derive(Debug)]
enum Piece {
    /// The field of the length, and how much of it is sent.
    Length([u8; LENGTH_BYTES], usize),
    Bytes(Bytes),
    File(FileRange),
}

impl Outbox {
    /// Puts an answer behind the others.
    ///
    /// # Errors
    /// [`Ended::Io`] if it is longer than its length can say.
    pub(super) fn push(&mut self, parts: Parts) -> Result<(), Ended> {
        let len_bytes: u64 = parts.iter().map(Part::len_bytes).sum();
        let length =
            i32::try_from(len_bytes).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
        self.pieces
            .push_back(Piece::Length(length.to_be_bytes(), 0));
        self.len_bytes += LENGTH_BYTES as u64 + len_bytes;
        for part in parts {
            self.pieces.push_back(match part {
                Part::Bytes(bytes) => Piece::Bytes(bytes),
                Part::File(range) => {
                    self.has_files = true;
                    Piece::File(range)
                }
            });
        }
        Ok(())
    }

    /// Bytes of all answers in it.
    pub(super) fn len_bytes(&self) -> u64 {
        self.len_bytes
    }

    /// What is in memory in front of the next file, as far as there is room in `slices`; returns how many.
    fn slices<'b>(&'b self, slices: &mut [IoSlice<'b>; SLICES_MAX]) -> usize {
        let pieces = self.pieces.iter().map_while(Piece::in_memory);
        let mut count = 0;
        for (slice, piece) in slices.iter_mut().zip(pieces) {
            *slice = IoSlice::new(piece);
            count += 1;
        }
        count
    }

    /// Drops so many bytes in front, which were sent; all of them are in memory.
    fn advance(&mut self, mut sent: usize) {
        while let Some(first) = self.pieces.front_mut() {
            let Some(len_bytes) = first.in_memory().map(<[u8]>::len) else {
                break;
            };
            if sent < len_bytes {
                first.advance(sent);
                break;
            }
            sent -= len_bytes;
            self.pieces.pop_front();
        }
    }
}

impl Piece {
    /// Its bytes, if it has them.
    fn in_memory(&self) -> Option<&[u8]> {
        match self {
            Piece::Length(bytes, sent) => Some(&bytes[*sent..]),
            Piece::Bytes(bytes) => Some(bytes),
            Piece::File(_) => None,
        }
    }

    fn advance(&mut self, count: usize) {
        match self {
            Piece::Length(_, sent) => *sent += count,
            Piece::Bytes(bytes) => bytes.advance(count),
            Piece::File(range) => {
                range.position += count as u64;
                range.len_bytes -= count as u64;
            }
        }
    }
}

impl Part {
    fn len_bytes(&self) -> u64 {
        match self {
            Part::Bytes(bytes) => bytes.len() as u64,
            Part::File(range) => range.len_bytes,
        }
    }
}
