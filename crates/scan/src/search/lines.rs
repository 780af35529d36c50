//! From one line that is looked for to the next.

use std::ops::Range;

use super::condition::Caches;
use super::options::Search;

/// So much of a chunk is searched before its lines are counted, so that the bytes are still in the cache.
const BLOCK_BYTES: usize = 256 << 10;

/// Walks over the lines of a chunk that are looked for, terminators included.
pub(super) struct Lines<'a> {
    bytes: &'a [u8],
    /// What was walked over.
    at: usize,
    /// Whole lines up to here are searched at a time.
    block_end: usize,
    /// Inverted: the next line that matches; up to it all others do not. `None` if it is not known.
    next_other: Option<Range<usize>>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            block_end: 0,
            next_other: None,
        }
    }

    /// The next line; `counted` is told how far blocks were searched without one.
    pub(super) fn next(
        &mut self,
        search: &Search,
        caches: &mut Caches,
        mut searched: impl FnMut(usize),
    ) -> Option<Range<usize>> {
        if search.condition.inverted {
            return self.next_inverted(search, caches);
        }
        while self.at < self.bytes.len() {
            if self.at >= self.block_end {
                let about = (self.at + BLOCK_BYTES).min(self.bytes.len());
                self.block_end = line_end(search, self.bytes, about - 1);
            }
            let block = &self.bytes[..self.block_end];
            if let Some(line) = search.condition.find_line(caches, block, self.at) {
                self.at = (line.end + 1).min(self.block_end);
                return Some(line.start..self.at);
            }
            self.at = self.block_end;
            searched(self.at);
        }
        None
    }

    fn next_inverted(&mut self, search: &Search, caches: &mut Caches) -> Option<Range<usize>> {
        let end = self.bytes.len();
        loop {
            let other = match &self.next_other {
                Some(other) => other.clone(),
                None => {
                    let found = search.condition.find_line(caches, self.bytes, self.at);
                    let other = found.map_or(end..end, |line| line.start..(line.end + 1).min(end));
                    self.next_other = Some(other.clone());
                    other
                }
            };
            if self.at < other.start {
                let start = self.at;
                self.at = line_end(search, self.bytes, start);
                return Some(start..self.at);
            }
            if self.at >= end {
                return None;
            }
            self.at = other.end;
            self.next_other = None;
        }
    }
}

/// Where the line at `start` ends, its terminator included.
pub(super) fn line_end(search: &Search, bytes: &[u8], start: usize) -> usize {
    memchr::memchr(search.terminator(), &bytes[start..]).map_or(bytes.len(), |at| start + at + 1)
}
