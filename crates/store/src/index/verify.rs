//! Whether a segment is what was written, and answers what it holds.

use std::path::Path;

use crate::Result;
use crate::id::{FileId, ObjectId};
use crate::index::layout::FAN_OUT_BYTES;
use crate::index::region::Region;
use crate::index::segment::Segment;
use crate::index::walk::Walk;

/// What is read and hashed at once.
const BUFFER_BYTES: u64 = 1 << 20;

/// Ids that [`check_segment`] looks up.
const SAMPLE_COUNT: usize = 16;

impl Segment {
    /// Checks all of it: its hash against its name, the order of the entries, that each is inside of its pack, and that fan-out
    /// and filter lead to it.
    ///
    /// # Errors
    /// [`Error::Damaged`](crate::Error::Damaged) at the first thing that is wrong, or when it cannot be read.
    pub fn verify(&self) -> Result<()> {
        self.verify_hash()?;
        self.verify_entries()
    }

    /// Checks the bytes alone. Enough for a file that we wrote; one that was made by others can have a right hash and make no sense.
    pub(super) fn verify_hash(&self) -> Result<()> {
        let mut hasher = blake3::Hasher::new();
        let mut buffer = vec![0; BUFFER_BYTES.min(self.layout().trailer) as usize];
        let mut start = 0;
        while start < self.layout().trailer {
            let len = BUFFER_BYTES.min(self.layout().trailer - start);
            let part = &mut buffer[..len as usize];
            self.region().read(start, part)?;
            hasher.update(part);
            start += len;
        }
        match FileId(hasher.finalize().into()) == self.id() {
            true => Ok(()),
            false => {
                let detail = "its bytes do not have the hash that it ends with";
                Err(self.region().damaged(self.layout().trailer, detail))
            }
        }
    }

    fn verify_entries(&self) -> Result<()> {
        let layout = self.layout();
        let (mut next_bucket, mut ordinal) = (0, 0);
        let mut walk = Walk::new(self);
        while let Some(row) = walk.next_row()? {
            let bucket = layout.bucket(row.id.prefix());
            (next_bucket..=bucket).try_for_each(|bucket| self.verify_fan_out(bucket, ordinal))?;
            next_bucket = next_bucket.max(bucket + 1);
            if !self.filter_has(&row.id)? {
                let detail = format!("the filter does not have {}", row.id);
                return Err(self.region().damaged(layout.filter, detail));
            }
            ordinal += 1;
        }
        (next_bucket..=layout.bucket_count())
            .try_for_each(|bucket| self.verify_fan_out(bucket, ordinal))
    }

    fn verify_fan_out(&self, bucket: u64, expected: u64) -> Result<()> {
        match self.fan_out(bucket)? == expected {
            true => Ok(()),
            false => {
                let byte_offset = self.layout().fan_out + bucket * FAN_OUT_BYTES;
                let detail = format!("{expected} entries are before bucket {bucket}");
                Err(self.region().damaged(byte_offset, detail))
            }
        }
    }
}

/// Opens a segment whose file is `bytes`, verifies it, and looks some ids up: for fuzzing.
///
/// # Errors
/// When it is damaged.
pub fn check_segment(bytes: &[u8]) -> Result<()> {
    let segment = Segment::of_region(Region::of_memory(Path::new("a segment"), bytes))?;
    // Look-ups must come to an end in whatever it is, so they do not wait for its verification.
    let ids = bytes.rchunks_exact(32).take(SAMPLE_COUNT);
    let found = ids.map(|id| segment.find(&ObjectId(id.try_into().expect("so long is a chunk"))));
    let found = found.collect::<Vec<_>>();
    let mut first = segment.entries().take(SAMPLE_COUNT);
    first.try_for_each(|entry| segment.find(&entry?.id).map(drop))?;
    segment.verify()?;
    found.into_iter().try_for_each(|found| found.map(drop))
}
