//! A chunk in pieces of whole lines that stay in the cache while they are looked at twice.

use std::ops::Range;

/// Bytes per window. With its bitmap (an eighth) and a block's index it stays in a 1 MiB second-level
/// cache.
const WINDOW_BYTES: usize = 256 << 10;

/// The windows of a chunk, in order; a line longer than a window makes a longer one.
#[derive(Clone, Debug)]
pub(super) struct Windows<'a> {
    bytes: &'a [u8],
    start: usize,
}

impl<'a> Windows<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, start: 0 }
    }
}

impl Iterator for Windows<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let (start, rest) = (self.start, &self.bytes[self.start..]);
        if rest.is_empty() {
            return None;
        }
        let len = match rest.get(..WINDOW_BYTES) {
            None => rest.len(),
            Some(window) => match memchr::memrchr(b'\n', window) {
                Some(newline) => newline + 1,
                None => memchr::memchr(b'\n', rest).map_or(rest.len(), |newline| newline + 1),
            },
        };
        self.start += len;
        Some(start..self.start)
    }
}
