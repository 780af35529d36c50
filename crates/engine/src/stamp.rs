//! What the file system says about the state of a file, for deciding without reading it whether it changed.
//!
//! A [`Stamp`] is compared with one taken earlier, as git does with its index: same device, inode, size,
//! modification time and *change time* mean the same bytes. The modification time alone would not do, because
//! anybody can set it; the change time cannot be set, and moves when the modification time is.
//!
//! One hole is left, and git has it as well. A clock ticks, and a file written twice within a tick keeps its times.
//! So a stamp vouches for what was read under it only if the file had been left alone for longer than a tick *before*
//! it was read: [`Stamp::is_settled`]. Whoever keeps a stamp that was not settled must not trust it later.
//!
//! Not covered: a program that writes through a memory map moves the times when it touches a page first, and not
//! again until the page was written back; and a file server whose clock is more than [`SETTLING_TIME`] behind ours.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long a file must have been left alone before its stamp vouches for it: the coarsest clock that a file system in
/// use has (FAT counts in steps of 2 s; ext3 and HFS+ in seconds; ext4 and XFS in ticks of 1 to 10 ms).
pub const SETTLING_TIME: Duration = Duration::from_secs(2);

/// The state of a file, as far as the file system tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// The device that the file is on.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
    /// Its size.
    pub len_bytes: u64,
    /// When its bytes were last written, as the writer or anybody else claims: nanoseconds since 1970.
    pub modified_ns: i64,
    /// When its bytes or its times were last changed: nanoseconds since 1970.
    pub changed_ns: i64,
}

impl Stamp {
    /// The stamp of the file that `metadata` is of.
    pub fn of(metadata: &Metadata) -> Stamp {
        Stamp {
            device: metadata.dev(),
            inode: metadata.ino(),
            len_bytes: metadata.len(),
            modified_ns: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            changed_ns: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// The same of what a system call says of a file that is not opened, or of one that is by its descriptor.
    pub fn of_stat(stat: &rustix::fs::Stat) -> Stamp {
        let time = |seconds, part: u64| nanoseconds(seconds, i64::try_from(part).unwrap_or(0));
        Stamp {
            device: stat.st_dev,
            inode: stat.st_ino,
            len_bytes: u64::try_from(stat.st_size).unwrap_or(0),
            modified_ns: time(stat.st_mtime, stat.st_mtime_nsec),
            changed_ns: time(stat.st_ctime, stat.st_ctime_nsec),
        }
    }

    /// Whether a change after `moment` must show in a later stamp: the file was left alone for [`SETTLING_TIME`]
    /// before it. `moment` is when one began to read the file; a file from the future never settles.
    pub fn is_settled(&self, moment: SystemTime) -> bool {
        let now = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
        let latest = self.modified_ns.max(self.changed_ns);
        i128::from(latest) + (SETTLING_TIME.as_nanos() as i128) < now.as_nanos() as i128
    }
}

/// The far past and the far future (beyond the year 2262) are cut off.
fn nanoseconds(seconds: i64, nanoseconds: i64) -> i64 {
    seconds
        .saturating_mul(1_000_000_000)
        .saturating_add(nanoseconds)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::*;

    #[test]
    fn restoring_the_modification_time_shows() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("data");
        let stamp = || Stamp::of(&fs::metadata(&path).expect("it is there"));
        fs::write(&path, b"12").expect("there is room");
        let written = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let restore = || {
            let file = File::options()
                .write(true)
                .open(&path)
                .expect("it is there");
            file.set_modified(written).expect("the file is ours");
        };
        restore();
        let before = stamp();
        assert_eq!(before, stamp());
        let stat = rustix::fs::stat(&path).expect("it is there");
        assert_eq!(before, Stamp::of_stat(&stat));
        std::thread::sleep(Duration::from_millis(30)); // A few ticks.
        fs::write(&path, b"13").expect("there is room");
        restore();
        let after = stamp();
        assert_eq!(before.modified_ns, after.modified_ns);
        assert_eq!(before.len_bytes, after.len_bytes);
        assert_ne!(before, after);
    }

    #[test]
    fn a_file_settles_after_a_while() {
        let stamp = Stamp {
            device: 1,
            inode: 2,
            len_bytes: 3,
            modified_ns: 500,
            changed_ns: 10_000_000_000,
        };
        let at = |seconds| UNIX_EPOCH + Duration::from_secs_f64(seconds);
        assert!(!stamp.is_settled(at(10.0)));
        assert!(!stamp.is_settled(at(12.0)));
        assert!(stamp.is_settled(at(12.001)));
        assert!(
            !Stamp {
                modified_ns: i64::MAX,
                ..stamp
            }
            .is_settled(at(12.001))
        );
    }
}
