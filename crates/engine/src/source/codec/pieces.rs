//! Unpacking on all threads what can be unpacked in pieces.
//!
//! Some archives are many small ones in a row: the blocks of BGZF, the frames of `pzstd` and of seekable zstd, the
//! independent blocks of lz4. A [`Splitter`] finds where they end without unpacking them. [`Pieces`] then
//!
//! 1. reads ahead, on the thread that reads the stream, and gives each piece to the [`Crew`];
//! 2. whose threads unpack whole pieces into pooled buffers, in any order;
//! 3. hands the buffers out in the order of the input.
//!
//! **The streamed decoder stays the specification.** A piece counts only if all of it was unpacked and every checksum
//! in it was right. Where anything is odd (an end in the middle, a length that lies, a frame too large to be held),
//! the streamed decoder goes on from the start of that piece, and says what it has always said. So no
//! error is made here, but for the inside of lz4 frames, which no decoder can enter in the middle.
//!
//! Memory: [`AHEAD_BYTES_MAX`] and one piece more, whatever the number of threads. Raw bytes are read by the caller's
//! thread alone: nothing else ever waits for a pipe, so dropping the stream ends the crew at once.

use std::collections::VecDeque;
use std::io::{self, Read};

use super::crew::{Crew, Ticket};
use super::lz4::{Content, Lz4Task};
use super::{Codec, Decoder, RawInput, streamed};
use crate::pool::{BufferPool, PooledBuffer};

/// The largest frame that is a piece, packed or plain. `pzstd` makes frames of 8 MiB at its default level.
pub(super) const PIECE_BYTES_MAX: usize = 16 << 20;

/// Small neighbours are gathered up to this many plain bytes, as much as a chunk of the pipeline: handing over a piece
/// costs some microseconds, unpacking this much some hundred.
const PIECE_BYTES_TARGET: usize = 512 << 10;

/// Bytes, packed and plain, of the pieces that are in the crew's hands or wait to be read.
const AHEAD_BYTES_MAX: usize = 64 << 20;

/// A run of packed bytes that can be unpacked without those before it.
#[derive(Default)]
pub(super) struct Piece {
    pub(super) packed: Vec<u8>,
    /// At least as many plain bytes as it can give if it is sound.
    pub(super) plain_bytes_max: usize,
    pub(super) task: Task,
    /// An lz4 frame whose blocks are unpacked one by one begins with this piece.
    pub(super) begins: Option<Content>,
    /// That frame ends with this piece; the checksum of its contents, if it has one.
    pub(super) ends: Option<Option<u32>>,
    /// Raw bytes of the input before it, and up to its end.
    raw_start: u64,
    raw_end: u64,
}

/// How a piece is unpacked.
#[derive(Clone, Copy, Default)]
pub(super) enum Task {
    /// Blocks of BGZF.
    #[default]
    Bgzf,
    /// Frames of zstd.
    Zstd,
    /// Whole frames or some blocks of lz4.
    Lz4(Lz4Task),
}

/// What a [`Splitter`] did.
pub(super) enum Step {
    /// Added to the piece, which may be added to once more.
    Added,
    /// The piece ends here.
    Cut,
    /// What comes next, including what was added in this step, is for the streamed decoder; the clean end of the input too.
    Rest,
    /// What was added in this step is broken, and no decoder could start here to say so.
    Broken(io::Error),
}

/// Finds the borders of pieces.
pub(super) trait Splitter: Send {
    /// Moves the next block or frame from `raw` to the end of `piece`.
    ///
    /// # Errors
    /// Those of reading, and none else.
    fn step(&mut self, raw: &mut RawInput, piece: &mut Piece) -> io::Result<Step>;
}

/// Appends `count` bytes to `packed`; `false` if the input ends before.
pub(super) fn append(raw: &mut RawInput, count: u64, packed: &mut Vec<u8>) -> io::Result<bool> {
    Ok(raw.take(count).read_to_end(packed)? as u64 == count)
}

/// A piece that was tried.
pub(super) struct Unpacked {
    pub(super) piece: Piece,
    /// What came out, from the start of the piece.
    pub(super) plain: PooledBuffer,
    pub(super) outcome: Outcome,
}

/// How it went.
pub(super) enum Outcome {
    /// All of the piece is unpacked and its checksums are right.
    Whole,
    /// It is not what it seemed: the streamed decoder decides.
    Odd,
    /// It is damaged behind the plain bytes there are.
    Damaged(io::Error),
}

/// Where the splitter has come to.
enum Ahead {
    Splitting(Box<dyn Splitter>),
    /// The streamed decoder takes over at these bytes, once all pieces are handed out.
    Rest(Vec<u8>),
    /// An error takes the place of these bytes.
    Broken(io::Error, Vec<u8>),
    /// The input cannot be read on.
    Failed(io::Error),
}

/// The decoder that unpacks pieces in parallel.
pub(super) struct Pieces {
    codec: Codec,
    /// `None` once the streamed decoder has it.
    raw: Option<RawInput>,
    ahead: Ahead,
    crew: Crew,
    pool: BufferPool,
    queue: VecDeque<Ticket>,
    queued_bytes: usize,
    /// The piece that is being handed out, from `position` on.
    current: Option<Unpacked>,
    position: usize,
    /// Of the lz4 frame that is being handed out in blocks.
    content: Option<Content>,
    raw_bytes: u64,
    raw_len_bytes: Option<u64>,
    /// A piece was handed out: the archive may end where the next one would begin.
    is_past_first: bool,
    is_at_end: bool,
    rest: Option<Box<dyn Decoder>>,
}

impl Pieces {
    pub(super) fn new(codec: Codec, raw: RawInput, splitter: Box<dyn Splitter>) -> Pieces {
        Pieces {
            codec,
            raw_bytes: raw.consumed_bytes(),
            raw_len_bytes: raw.len_bytes(),
            raw: Some(raw),
            ahead: Ahead::Splitting(splitter),
            crew: Crew::default(),
            pool: BufferPool::new(AHEAD_BYTES_MAX),
            queue: VecDeque::new(),
            queued_bytes: 0,
            current: None,
            position: 0,
            content: None,
            is_past_first: false,
            is_at_end: false,
            rest: None,
        }
    }

    /// Gives the crew as much as it may have.
    fn read_ahead(&mut self) {
        while self.queue.is_empty()
            || self.queue.len() < self.crew.queue_max() && self.queued_bytes < AHEAD_BYTES_MAX
        {
            let Some(piece) = self.next_piece() else {
                break;
            };
            self.queued_bytes += piece.held_bytes();
            self.queue.push_back(Ticket::Here(piece));
            // One piece alone is not worth a thread, and one thread alone need not be another one.
            if self.queue.len() > 1 {
                for ticket in &mut self.queue {
                    self.crew.hand_over(ticket, &self.pool);
                }
            }
        }
    }

    /// The next piece that the splitter finds; `None` when there are no more.
    fn next_piece(&mut self) -> Option<Piece> {
        let (Ahead::Splitting(splitter), Some(raw)) = (&mut self.ahead, &mut self.raw) else {
            return None;
        };
        let mut piece = Piece {
            packed: self.crew.spare_buffer(),
            raw_start: raw.consumed_bytes(),
            ..Piece::default()
        };
        while piece.plain_bytes_max < PIECE_BYTES_TARGET && piece.packed.len() < PIECE_BYTES_TARGET
        {
            let before = piece.packed.len();
            piece.raw_end = raw.consumed_bytes();
            let tail = |piece: &mut Piece| piece.packed.split_off(before);
            self.ahead = match splitter.step(raw, &mut piece) {
                Ok(Step::Added) => continue,
                Ok(Step::Cut) => break,
                Ok(Step::Rest) => Ahead::Rest(tail(&mut piece)),
                Ok(Step::Broken(error)) => Ahead::Broken(error, tail(&mut piece)),
                Err(error) => Ahead::Failed(error),
            };
            return (before > 0).then_some(piece);
        }
        piece.raw_end = raw.consumed_bytes();
        Some(piece)
    }

    /// Makes the next piece the current one; after the last one, lets the streamed decoder take over.
    fn advance(&mut self) -> io::Result<()> {
        self.read_ahead();
        let Some(ticket) = self.queue.pop_front() else {
            return match std::mem::replace(&mut self.ahead, Ahead::Rest(Vec::new())) {
                Ahead::Broken(error, _) | Ahead::Failed(error) => Err(error),
                Ahead::Rest(rest) => self.take_over(rest),
                Ahead::Splitting(_) => unreachable!("a splitter gives a piece or ends"),
            };
        };
        let mut unpacked = self.crew.take_back(ticket, &self.pool)?;
        self.queued_bytes -= unpacked.piece.held_bytes();
        if let Outcome::Odd = unpacked.outcome {
            return self.go_back(unpacked.piece);
        }
        if let Some(content) = unpacked.piece.begins.take() {
            self.content = Some(content);
        }
        if let Some(content) = &mut self.content {
            content.add(&unpacked.plain);
        }
        (self.position, self.is_past_first) = (0, true);
        self.current = Some(unpacked);
        Ok(())
    }

    /// Lets the streamed decoder have this piece and all that follow.
    fn go_back(&mut self, piece: Piece) -> io::Result<()> {
        let raw_start = piece.raw_start;
        let mut rest = piece.packed;
        for ticket in std::mem::take(&mut self.queue) {
            rest.extend_from_slice(&self.crew.take_back(ticket, &self.pool)?.piece.packed);
        }
        match std::mem::replace(&mut self.ahead, Ahead::Rest(Vec::new())) {
            Ahead::Splitting(_) => {}
            Ahead::Rest(tail) | Ahead::Broken(_, tail) => rest.extend_from_slice(&tail),
            Ahead::Failed(error) => return Err(error),
        }
        self.raw_bytes = raw_start;
        self.take_over(rest)
    }

    /// The streamed decoder goes on with `rest` and what has not been read yet.
    fn take_over(&mut self, rest: Vec<u8>) -> io::Result<()> {
        self.crew.dismiss();
        let Some(mut raw) = self.raw.take() else {
            return Err(io::Error::other("it could not be read before"));
        };
        raw.put_back(rest);
        if self.is_past_first && raw.peek(1)?.is_empty() {
            (self.raw_bytes, self.is_at_end) = (raw.consumed_bytes(), true);
            return Ok(());
        }
        self.rest = Some(streamed(self.codec, raw, self.is_past_first)?);
        Ok(())
    }

    /// What the end of a piece says about all of it.
    fn finish_current(&mut self) -> io::Result<()> {
        let Some(unpacked) = self.current.take() else {
            return Ok(());
        };
        self.raw_bytes = unpacked.piece.raw_end;
        if let Outcome::Damaged(error) = unpacked.outcome {
            return Err(error);
        }
        if let Some(checksum) = unpacked.piece.ends
            && let Some(content) = self.content.take()
        {
            content.check(checksum)?;
        }
        self.crew.keep_buffer(unpacked.piece.packed);
        Ok(())
    }
}

impl Piece {
    fn held_bytes(&self) -> usize {
        self.packed.len() + self.plain_bytes_max
    }
}

impl Read for Pieces {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(rest) = &mut self.rest {
                return rest.read(out);
            }
            if let Some(unpacked) = &self.current {
                let left = &unpacked.plain[self.position..];
                let count = left.len().min(out.len());
                if count > 0 {
                    out[..count].copy_from_slice(&left[..count]);
                    self.position += count;
                    return Ok(count);
                }
                self.finish_current()?;
            }
            if self.is_at_end {
                return Ok(0);
            }
            self.advance()?;
        }
    }
}

impl Decoder for Pieces {
    /// As if the packed bytes of a piece were consumed evenly.
    fn raw_bytes(&self) -> u64 {
        match (&self.rest, &self.current) {
            (Some(rest), _) => rest.raw_bytes(),
            (None, Some(unpacked)) => {
                let piece = &unpacked.piece;
                let raw_bytes = u128::from(piece.raw_end - self.raw_bytes);
                let share = raw_bytes * self.position as u128 / unpacked.plain.len().max(1) as u128;
                self.raw_bytes + share as u64
            }
            (None, None) => self.raw_bytes,
        }
    }

    fn raw_len_bytes(&self) -> Option<u64> {
        self.raw_len_bytes
    }

    fn use_threads(&mut self, threads: usize) {
        self.crew.grow(threads);
    }
}
