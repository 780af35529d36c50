//! Which segments may be cleaned, and which of them become one.

use std::ops::Range;
use std::sync::Arc;

use crate::log::config::LogConfig;
use crate::log::segment::{SEGMENT_BYTES_MAX, Segment};

/// The segments that may be cleaned.
pub(super) struct Cleanable {
    pub(super) segments: Vec<Arc<Segment>>,
    pub(super) first_dirty: i64,
    /// The offset behind them.
    pub(super) end_offset: i64,
}

impl Cleanable {
    pub(super) fn has_dirt(&self) -> bool {
        self.first_dirty < self.end_offset
    }

    /// Where a segment of them ends.
    pub(super) fn end_of(&self, index: usize) -> i64 {
        let next = self.segments.get(index + 1);
        next.map_or(self.end_offset, |it| it.base_offset)
    }

    /// Those that become one, by index: neighbours that are not too long together.
    pub(super) fn groups(&self, config: &LogConfig, map_end: i64) -> Vec<Range<usize>> {
        let limit = config.segment_bytes.min(SEGMENT_BYTES_MAX);
        let mut groups: Vec<Range<usize>> = Vec::new();
        let mut len_bytes = 0;
        for (index, segment) in self.segments.iter().enumerate() {
            if segment.base_offset >= map_end {
                break;
            }
            len_bytes += segment.readable_bytes();
            match groups.last_mut() {
                Some(group)
                    if len_bytes <= limit
                        && self.end_of(index) - self.segments[group.start].base_offset
                            <= i64::from(i32::MAX) =>
                {
                    group.end = index + 1;
                }
                _ => {
                    len_bytes = segment.readable_bytes();
                    groups.push(index..index + 1);
                }
            }
        }
        groups
    }
}
