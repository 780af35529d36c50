//! `unstage` and `rm`: taking things out of what the next commit will hold.

use super::Session;
use crate::Result;
use crate::path::is_below;

impl Session<'_> {
    /// Makes the staging again what the last commit holds, at and below these paths (the empty one is all of it); how many paths
    /// that changed.
    ///
    /// # Errors
    /// [`Error::Damaged`](crate::Error::Damaged), [`Error::Io`](crate::Error::Io).
    pub fn unstage(&mut self, paths: &[Vec<u8>]) -> Result<u64> {
        let mut touched = Vec::new();
        for change in self.staging.changes() {
            let path = change?.path;
            if paths.iter().any(|folder| is_below(&path, folder)) {
                touched.push(path);
            }
        }
        let mut count = 0;
        for path in touched {
            count += u64::from(self.staging.restore_committed(&path)?);
        }
        self.staging.sync()?;
        Ok(count)
    }

    /// Takes these paths, and everything below them, out of what the next commit will hold; the work tree is not touched. How many
    /// paths that were.
    ///
    /// # Errors
    /// [`Error::Damaged`](crate::Error::Damaged), [`Error::Io`](crate::Error::Io).
    pub fn remove(&mut self, paths: &[Vec<u8>]) -> Result<u64> {
        let mut gone = Vec::new();
        for path in paths {
            for item in self.staging.below(path)? {
                gone.push(item?.0);
            }
        }
        let mut count = 0;
        for path in gone {
            count += u64::from(self.staging.remove(&path)?);
        }
        self.staging.sync()?;
        Ok(count)
    }
}
