//! Up to where every partition is on stable storage, in one file: `DATA/recovery-point.json`.
//!
//! At the next start what lies before is trusted and not read. The file is replaced whole, now and then and at the end, so it is
//! behind what is durable and never ahead of it. Topics are named by their ids: one that was deleted and made anew has nothing
//! in common with the one before. A file that cannot be read counts for nothing, and then all is read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Topics;
use crate::json_file;
use crate::{Error, Result};

const VERSION: u32 = 1;

/// Up to where partitions are on stable storage.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Checkpoint {
    version: u32,
    /// Offsets by partition, by the id of their topic.
    durable_offsets: BTreeMap<Uuid, Vec<i64>>,
}

impl Checkpoint {
    /// What was written last; nothing, if it was never or cannot be read.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn read(data: &Path) -> Result<Checkpoint> {
        let path = path(data);
        let detail = match json_file::read::<Checkpoint>(&path) {
            Ok(Some(read)) if read.version == VERSION => return Ok(read),
            Ok(Some(read)) => format!("version {}, and {VERSION} is known", read.version),
            Ok(None) => return Ok(Checkpoint::default()),
            Err(Error::Damaged { detail, .. }) => detail,
            Err(error) => return Err(error),
        };
        tracing::warn!(file = %path.display(), detail, "is damaged and not used: all is read");
        Ok(Checkpoint::default())
    }

    /// Everything before this offset was durable.
    pub(super) fn durable_offset(&self, topic: Uuid, partition: usize) -> i64 {
        let offsets = self.durable_offsets.get(&topic);
        let offset = offsets.and_then(|it| it.get(partition));
        offset.copied().unwrap_or(0)
    }
}

impl Topics {
    /// Notes up to where all partitions are on stable storage.
    ///
    /// # Errors
    /// [`Error::Io`]; what was noted before holds then.
    pub fn write_checkpoint(&self) -> Result<()> {
        let durable_offsets = self.all().into_iter().map(|topic| {
            let partitions = topic.partitions();
            let offsets = partitions.iter().map(|it| it.durable_offset());
            (topic.id(), offsets.collect())
        });
        let checkpoint = Checkpoint {
            version: VERSION,
            durable_offsets: durable_offsets.collect(),
        };
        // Two at a time would write to one draft.
        let _one_at_a_time = self.lock_checkpoint();
        json_file::write(self.shared.files.disk(), &path(&self.data), &checkpoint)
    }
}

fn path(data: &Path) -> PathBuf {
    data.join("recovery-point.json")
}
