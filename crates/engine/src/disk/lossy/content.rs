//! What a power cut leaves of a file.

use fastrand::Rng;

/// What is written whole or not at all.
const BLOCK_BYTES: usize = 512;

/// The bytes of a file, but for those that it has now.
#[derive(Debug, Default)]
pub(super) struct Content {
    durable: Vec<u8>,
    /// What it had when a sync was last tried: what differs now was written since. The same as what is durable, unless a sync failed.
    tried: Vec<u8>,
    /// It is written through the disk.
    pub(super) is_followed: bool,
}

impl Content {
    /// What a sync leaves if the file has `now`.
    fn synced(&self, now: &[u8]) -> Vec<u8> {
        let is_written = |at: usize| self.tried.get(at) != Some(&now[at]);
        let durable = |at: usize| self.durable.get(at).copied().unwrap_or(0);
        let bytes = (0..now.len()).map(|at| if is_written(at) { now[at] } else { durable(at) });
        bytes.collect()
    }

    /// Makes what it has now durable, but for what a sync before left in memory.
    pub(super) fn sync(&mut self, now: Vec<u8>) {
        self.durable = self.synced(&now);
        self.tried = now;
    }

    /// A sync failed: a later one does not write what that was to write.
    pub(super) fn fail_sync(&mut self, now: Vec<u8>) {
        if self.is_followed {
            self.tried = now;
        }
    }

    /// Whatever comes behind is written anew.
    pub(super) fn cut(&mut self, len_bytes: usize) {
        self.tried.truncate(len_bytes);
    }

    /// The next sync writes these, whatever became of the last one.
    pub(super) fn write_again(&mut self, now: &[u8], start: usize, bytes: &[u8]) {
        assert_eq!(now[start..start + bytes.len()], *bytes, "they are the same");
        let tried = self.tried.iter_mut().skip(start);
        tried.zip(bytes).for_each(|(tried, byte)| *tried = !byte);
    }

    /// Chooses what is left: how long it is, and of which blocks.
    pub(super) fn after_crash(&self, now: &[u8], rng: &mut Rng, keeps: f64) -> Vec<u8> {
        if keeps == 1.0 {
            return now.to_vec();
        }
        let (old, new) = (&self.durable, &self.synced(now));
        let len_bytes = match rng.u8(0..4) {
            0 => old.len(),
            1 => rng.usize(old.len().min(new.len())..=old.len().max(new.len())),
            _ => new.len(),
        };
        let keeps = keeps * [0.0, 1.0, 1.0, 2.0][rng.usize(0..4)];
        let mut left = vec![0; len_bytes];
        for (number, block) in left.chunks_mut(BLOCK_BYTES).enumerate() {
            let from = if rng.f64() < keeps { new } else { old };
            let bytes = from.iter().skip(number * BLOCK_BYTES);
            block
                .iter_mut()
                .zip(bytes)
                .for_each(|(to, from)| *to = *from);
        }
        left
    }
}
