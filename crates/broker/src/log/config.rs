//! What of a log may be set for each topic; `topics/config.rs` has Kafka's names of it.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use crate::batch::UNPACKED_BYTES_MAX;

/// Records may be unpacked to so many times what a batch may have.
const UNPACKED_RATIO_MAX: u64 = 100;

/// What records may be unpacked to in any topic: those who pack well may look back that far.
const UNPACKED_BYTES_MIN: u64 = 8 << 20;

/// What of a log may be set for each topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// A segment is sealed before it would become longer (`segment.bytes`).
    pub segment_bytes: u64,
    /// A segment is sealed when its first record is so old (`segment.ms`).
    pub segment_ms: i64,
    /// The largest batch taken (`max.message.bytes`).
    pub max_message_bytes: usize,
    /// Sealed segments are removed while what is left has so many bytes; `None`: never for that (`retention.bytes`).
    pub retention_bytes: Option<u64>,
    /// Sealed segments all of whose records are older are removed; `None`: never for that (`retention.ms`).
    pub retention_ms: Option<i64>,
    /// What becomes of old records (`cleanup.policy`).
    pub cleanup: Cleanup,
    /// It is compacted when more than this part of it was not yet (`min.cleanable.dirty.ratio`).
    pub min_cleanable_dirty_ratio: Ratio,
    /// Nothing that is younger is compacted (`min.compaction.lag.ms`).
    pub min_compaction_lag_ms: i64,
    /// What is older is compacted whatever the ratio is (`max.compaction.lag.ms`).
    pub max_compaction_lag_ms: i64,
    /// Records without a value are kept for so long once they were compacted (`delete.retention.ms`).
    pub delete_retention_ms: i64,
    /// When consumers may read what was appended (`write.caching`).
    pub visibility: Visibility,
    /// Whether records get the time at which they were appended (`message.timestamp.type`).
    pub is_log_append_time: bool,
    /// Once so many records are not on stable storage they are put there before anybody is answered (`flush.messages`).
    pub flush_messages: i64,
    /// After so long at most what nobody waits for is on stable storage, in milliseconds (`flush.ms`).
    pub flush_ms: i64,
    /// Kept for those who set it (`file.delete.delay.ms`): files are removed at once, and whoever reads one reads on.
    pub file_delete_delay_ms: i64,
}

impl Default for LogConfig {
    fn default() -> LogConfig {
        LogConfig {
            segment_bytes: 256 << 20,
            segment_ms: 7 * 24 * 60 * 60 * 1000,
            // 1 MiB and the header, as Kafka has it.
            max_message_bytes: 1_048_588,
            retention_bytes: None,
            retention_ms: Some(7 * 24 * 60 * 60 * 1000),
            cleanup: Cleanup::Delete,
            min_cleanable_dirty_ratio: Ratio(0.5),
            min_compaction_lag_ms: 0,
            max_compaction_lag_ms: i64::MAX,
            delete_retention_ms: 24 * 60 * 60 * 1000,
            visibility: Visibility::Durable,
            is_log_append_time: false,
            flush_messages: i64::MAX,
            flush_ms: 100,
            file_delete_delay_ms: 60_000,
        }
    }
}

impl LogConfig {
    /// What the records of a batch may be, unpacked: a hundred times what a batch may, which is more than packing makes of records that say
    /// something.
    pub(crate) fn unpacked_bytes_max(&self) -> u64 {
        let bytes = (self.max_message_bytes as u64).saturating_mul(UNPACKED_RATIO_MAX);
        bytes.clamp(UNPACKED_BYTES_MIN, UNPACKED_BYTES_MAX)
    }

    /// A segment is sealed when its first record is so old: what is to be compacted must be sealed first.
    pub(super) fn segment_age_max_ms(&self) -> i64 {
        match self.cleanup.compacts() {
            true => self.segment_ms.min(self.max_compaction_lag_ms),
            false => self.segment_ms,
        }
    }
}

/// What becomes of old records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cleanup {
    /// Those that are too old, or too many, are deleted.
    Delete,
    /// Of each key the last one is kept.
    Compact,
    /// Both.
    CompactAndDelete,
}

impl Cleanup {
    /// Whether of each key only the last record is kept.
    pub fn compacts(self) -> bool {
        self != Cleanup::Delete
    }

    /// Whether records go because they are too old or too many.
    pub fn deletes(self) -> bool {
        self != Cleanup::Compact
    }
}

/// A part of a whole, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Ratio(f64);

// It is always a number.
impl Eq for Ratio {}

impl Ratio {
    /// `part` of `whole`; nothing of nothing.
    pub(crate) fn of(part: u64, whole: u64) -> Ratio {
        match whole {
            0 => Ratio(0.0),
            _ => Ratio((part as f64 / whole as f64).min(1.0)),
        }
    }
}

impl FromStr for Ratio {
    type Err = ();

    fn from_str(text: &str) -> Result<Ratio, ()> {
        let number: f64 = text.parse().map_err(drop)?;
        (0.0..=1.0)
            .contains(&number)
            .then_some(Ratio(number))
            .ok_or(())
    }
}

impl Display for Ratio {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        // As Kafka has it: one half is `0.5`, and all is `1.0`.
        write!(formatter, "{:?}", self.0)
    }
}

/// When consumers may read what was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Once it is on stable storage: what somebody has read is never taken back.
    Durable,
    /// At once: a power cut may take it back.
    Written,
}
