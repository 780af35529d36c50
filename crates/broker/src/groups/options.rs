//! What groups may do, by Kafka's names.

use std::time::Duration;

/// What consumer groups are held to; each has a default that is right for most.
#[derive(Clone, Debug)]
pub struct GroupOptions {
    /// For how long the first members of a group wait for others (`group.initial.rebalance.delay.ms`). With zero, too, members
    /// that come at the same moment are one generation.
    pub first_rebalance_delay: Duration,
    /// The shortest time without a sign of life that a member may ask for (`group.min.session.timeout.ms`).
    pub session_timeout_min: Duration,
    /// The longest (`group.max.session.timeout.ms`).
    pub session_timeout_max: Duration,
    /// Members of a group at most (`group.max.size`).
    pub members_max: usize,
    /// Bytes at most that a member tells the others of itself, and that a leader gives a member to do.
    pub member_bytes_max: usize,
    /// Bytes at most of the text beside a committed offset (`offset.metadata.max.bytes`).
    pub offset_metadata_bytes_max: usize,
    /// For how long offsets are kept once their group is empty (`offsets.retention.minutes`).
    pub offsets_retention: Duration,
    /// How often it is looked for offsets that are too old (`offsets.retention.check.interval.ms`).
    pub expiry_interval: Duration,
}

impl Default for GroupOptions {
    fn default() -> GroupOptions {
        GroupOptions {
            first_rebalance_delay: Duration::ZERO,
            session_timeout_min: Duration::from_secs(6),
            session_timeout_max: Duration::from_secs(30 * 60),
            members_max: 10_000,
            member_bytes_max: 1 << 20,
            offset_metadata_bytes_max: 4096,
            offsets_retention: Duration::from_secs(7 * 24 * 60 * 60),
            expiry_interval: Duration::from_secs(10 * 60),
        }
    }
}
