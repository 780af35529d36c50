//! One file cut by all cores, with the cuts that one core would make.
//!
//! The file is divided into segments. A chunk belongs to the segment it starts in and may reach into the next, so a worker has
//! the bytes of its segment and of the longest chunk after it ([`Segments::range`]). For its segment `k` it
//!
//! 1. makes a survey of the segment (`survey.rs`), unless its first cut is known already;
//! 2. waits for that first cut: the end of the last chunk that starts before the segment, which worker `k - 1` publishes;
//! 3. cuts from there to the segment's end, by the survey;
//! 4. publishes where it got to, which is the first cut of `k + 1`.
//!
//! Step 1 takes nearly all the time and waits for nobody; step 3 is the only one that has to be done in turn, and looks at a
//! few percent of the bytes, or an eighth of whatever file somebody may devise (and at most one chunk more in each segment: of
//! segments as short as the longest chunk that would be half). Hashing and compressing come after step 4.
//!
//! Segments must be begun in increasing order, then the worker that is waited for is always at work. One that
//! fails says so by [`Segments::abandon`], or would be waited for in vain; [`Segments::guard`] does it where a panic or `?` may
//! get in the way, and step 1 to 4 see to it themselves.
//!
//! There is one published cut at a time, since `k` has taken its own before it publishes the next: that is all the
//! memory the hand-over needs, however long the file is.
//!
//! Where a segment and the longest chunk after it are a hole, [`Segments::cut_hole`] needs no bytes: all chunks are alike, and
//! one [`Run`] counts them.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard};

use super::Chunker;
use super::survey::Survey;

/// Chunks of a file, one right after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Where in the file the first of them starts.
    pub byte_offset: u64,
    /// How long each of them is.
    pub chunk_bytes: u32,
    /// How many there are: 1, or more in a hole, where all of them hold the same.
    pub count: u64,
}

/// A segment of the file will not be cut, or was cut before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("another part of the file could not be cut")]
pub struct Abandoned;

/// The segments of one file.
#[derive(Debug)]
pub struct Segments<'c> {
    chunker: &'c Chunker,
    len_bytes: u64,
    segment_bytes: u64,
    turn: Mutex<Turn>,
    changed: Condvar,
    scanned_bytes: AtomicU64,
}

/// Whose turn it is to cut.
#[derive(Debug)]
struct Turn {
    segment: u64,
    /// Where its first chunk starts: in it, or behind it where a chunk is longer than a segment.
    start: u64,
    is_abandoned: bool,
}

impl<'c> Segments<'c> {
    /// The segments of a file of `len_bytes`; `segment_bytes` (at least 1) should be some times the longest chunk.
    pub fn new(chunker: &'c Chunker, len_bytes: u64, segment_bytes: u32) -> Segments<'c> {
        Segments {
            chunker,
            len_bytes,
            segment_bytes: u64::from(segment_bytes.max(1)),
            turn: Mutex::new(Turn {
                segment: 0,
                start: 0,
                is_abandoned: false,
            }),
            changed: Condvar::new(),
            scanned_bytes: AtomicU64::new(0),
        }
    }

    /// How many there are: none in an empty file.
    pub fn count(&self) -> u64 {
        self.len_bytes.div_ceil(self.segment_bytes)
    }

    /// The bytes of the file that [`cut`](Self::cut) needs for `segment`: its own, and those of the longest chunk after it.
    pub fn range(&self, segment: u64) -> Range<u64> {
        let start = segment.saturating_mul(self.segment_bytes);
        let overlap = u64::from(self.chunker.parameters.max_bytes);
        let end = start.saturating_add(self.segment_bytes + overlap);
        start.min(self.len_bytes)..end.min(self.len_bytes)
    }

    /// The chunks that start in `segment`, whose [`range`](Self::range) `bytes` are; one in each run. It waits for the segment
    /// before, and returns when the one after may go on.
    ///
    /// # Errors
    /// [`Abandoned`], also to whom is waiting when that happens, and to whom cuts a segment a second time.
    ///
    /// # Panics
    /// If `bytes` are not as long as the range.
    pub fn cut(&self, segment: u64, bytes: &[u8]) -> Result<Vec<Run>, Abandoned> {
        let guard = self.guard();
        let range = self.range(segment);
        assert_eq!(bytes.len() as u64, range.end - range.start, "all its bytes");
        let runs = match self.start(segment)? {
            Some(start) => self.chunks(segment, start, |at| self.chunker.cut(&bytes[at..])),
            None => {
                // The survey stops at the end of the segment, which fits memory.
                let survey = Survey::of(self.chunker, bytes, self.segment_bytes as usize);
                let start = self.wait(segment)?;
                let runs = self.chunks(segment, start, |at| survey.cut(at));
                self.scanned_bytes
                    .fetch_add(survey.scanned_bytes(), Ordering::Relaxed);
                runs
            }
        };
        guard.disarm();
        Ok(runs)
    }

    /// The same where all of [`range`](Self::range) is zeros: nothing needs to be read, and the chunks are one run, but for
    /// the last ones of the file.
    ///
    /// # Errors
    /// [`Abandoned`], as [`cut`](Self::cut).
    pub fn cut_hole(&self, segment: u64) -> Result<Vec<Run>, Abandoned> {
        let guard = self.guard();
        let max = u64::from(self.chunker.parameters.max_bytes);
        let chunk = self.chunker.cut_zeros() as u64;
        let start = self.wait(segment)?;
        let end = self.end(segment);
        // Chunks like all others start where the file goes on for the longest chunk.
        let alike_end = end.min((self.len_bytes + 1).saturating_sub(max));
        let count = alike_end.saturating_sub(start).div_ceil(chunk);
        let mut runs = Vec::new();
        if count > 0 {
            runs.push(Run {
                byte_offset: start,
                chunk_bytes: chunk as u32,
                count,
            });
        }
        let mut at = start + count * chunk;
        if at < end {
            let zeros = vec![0; (self.len_bytes - at) as usize];
            while at < end {
                let len = self.chunker.cut(&zeros[..(self.len_bytes - at) as usize]);
                runs.push(Run::single(at, len));
                at += len as u64;
            }
        }
        self.publish(segment, at);
        guard.disarm();
        Ok(runs)
    }

    /// Says that some segment will not be cut: all who wait, and all who come after, get [`Abandoned`].
    pub fn abandon(&self) {
        self.turn().is_abandoned = true;
        self.changed.notify_all();
    }

    /// [Abandons](Self::abandon) the file when it is dropped: for what a worker does before it cuts.
    pub fn guard(&self) -> Guard<'_> {
        Guard {
            segments: Some(self),
        }
    }

    /// Bytes hashed a second time so far, while the next segment's worker may have been waiting.
    pub fn scanned_bytes(&self) -> u64 {
        self.scanned_bytes.load(Ordering::Relaxed)
    }

    /// Steps 3 and 4: the chunks from `start` to the end of the segment.
    fn chunks(&self, segment: u64, start: u64, cut: impl Fn(usize) -> usize) -> Vec<Run> {
        let first_byte = self.range(segment).start;
        let end = self.end(segment);
        let mut runs = Vec::new();
        let mut at = start;
        while at < end {
            let len = cut((at - first_byte) as usize);
            runs.push(Run::single(at, len));
            at += len as u64;
        }
        self.publish(segment, at);
        runs
    }

    fn end(&self, segment: u64) -> u64 {
        let end = (segment + 1).saturating_mul(self.segment_bytes);
        end.min(self.len_bytes)
    }

    /// Where the first chunk of `segment` starts, if that is known.
    fn start(&self, segment: u64) -> Result<Option<u64>, Abandoned> {
        self.turn().start_of(segment)
    }

    fn wait(&self, segment: u64) -> Result<u64, Abandoned> {
        let mut turn = self.turn();
        loop {
            if let Some(start) = turn.start_of(segment)? {
                return Ok(start);
            }
            turn = self.changed.wait(turn).expect(NO_PANIC);
        }
    }

    fn publish(&self, segment: u64, start: u64) {
        let mut turn = self.turn();
        turn.segment = segment + 1;
        turn.start = start;
        drop(turn);
        self.changed.notify_all();
    }

    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().expect(NO_PANIC)
    }
}

const NO_PANIC: &str = "nobody panics while holding this lock";

impl Turn {
    fn start_of(&self, segment: u64) -> Result<Option<u64>, Abandoned> {
        if self.is_abandoned || self.segment > segment {
            return Err(Abandoned);
        }
        Ok((self.segment == segment).then_some(self.start))
    }
}

impl Run {
    fn single(byte_offset: u64, len: usize) -> Run {
        Run {
            byte_offset,
            // Chunks are at most 16 MiB long.
            chunk_bytes: len as u32,
            count: 1,
        }
    }

    /// Where the last of the chunks ends.
    pub fn end(&self) -> u64 {
        self.byte_offset + u64::from(self.chunk_bytes) * self.count
    }
}

/// Abandons a file unless it is [disarmed](Guard::disarm).
#[derive(Debug)]
#[must_use = "it abandons the file when it is dropped"]
pub struct Guard<'s> {
    segments: Option<&'s Segments<'s>>,
}

impl Guard<'_> {
    /// All went well.
    pub fn disarm(mut self) {
        self.segments = None;
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if let Some(segments) = self.segments {
            segments.abandon();
        }
    }
}
