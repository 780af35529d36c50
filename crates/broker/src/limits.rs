//! What the system lets a process have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that are left for what is no connection of a client: files that are kept open, HTTP, and what the system needs.
const RESERVE: u64 = 768;

/// Lets this process have as many descriptors as it may have: each connection takes one, and systems give 1,024 to those who do
/// not ask. For programs that are nothing but a broker; returns how many it may have now, if there is a limit.
pub fn raise_descriptor_limit() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        // As it was.
        Err(_) => limit.current,
    }
}

/// How many connections a broker can have that may have so many descriptors: with more its own files would have to compete with whoever connects.
pub fn connections_within(descriptors: u64) -> usize {
    // A process that is given very few has some for either.
    let connections = descriptors.saturating_sub(RESERVE).max(descriptors / 4);
    usize::try_from(connections).unwrap_or(usize::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::Options;

    #[test]
    fn files_keep_descriptors() {
        for (descriptors, expected) in [(0, 1), (256, 64), (1024, 256), (20_000, 19_232)] {
            assert_eq!(connections_within(descriptors), expected, "{descriptors}");
        }
        assert!(Options::new("").files_max as u64 + 64 <= RESERVE);
    }
}
