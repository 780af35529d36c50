//! What is staged at a path, and whether a file looks as it did then.

use tamis_engine::stamp::Stamp;

use crate::codec::checksum;
use crate::entry::{Content, Entry};
use crate::id::CommitId;

/// What is staged at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staged {
    /// What is kept.
    pub entry: Entry,
    /// How the file looked.
    pub stamp: StampInfo,
}

/// How a file looked when it was read, besides what its [`Entry`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StampInfo {
    /// When its bytes or its times were last changed: nanoseconds since 1970.
    pub changed_ns: i64,
    /// Its number on its device.
    pub inode: u64,
    /// The device.
    pub device: u64,
    /// Whether it had been left alone for long enough: [`Stamp::is_settled`].
    pub is_trusted: bool,
    /// Whether the file had more names than this one.
    pub has_more_names: bool,
}

/// What is staged at a path, without its chunks: cheap to look up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// What it is.
    pub kind: Kind,
    /// How it looked. The length of a folder is 0 here.
    pub stamp: Stamp,
    /// Whether it had been left alone for long enough.
    pub is_trusted: bool,
    /// Whether the file had more names than this one.
    pub has_more_names: bool,
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
}

impl StampInfo {
    /// What a stamp says that an entry does not.
    pub fn of(stamp: &Stamp, is_trusted: bool, has_more_names: bool) -> StampInfo {
        StampInfo {
            changed_ns: stamp.changed_ns,
            inode: stamp.inode,
            device: stamp.device,
            is_trusted,
            has_more_names,
        }
    }

    /// The stamp of what was not read here, but taken over from a commit: nobody takes it for that of a file. Of a file with several
    /// names it says which one that is, by that commit and the first of the names.
    pub fn unknown(file: Option<(CommitId, &[u8])>) -> StampInfo {
        let number = file.map(|(commit, first)| checksum(&[&commit.0, first].concat()));
        StampInfo {
            changed_ns: 0,
            inode: number.unwrap_or(0),
            device: 0,
            is_trusted: false,
            has_more_names: file.is_some(),
        }
    }
}

impl Known {
    /// Whether a file or link that looks like `now` has the bytes that are staged. Of a folder: whether it has the mode, the
    /// time and the attributes; what is in it is said elsewhere.
    pub fn vouches_for(&self, now: &Stamp) -> bool {
        let len_bytes = match self.kind {
            // The length of a folder says nothing, and is not kept.
            Kind::Folder => self.stamp.len_bytes,
            Kind::File | Kind::Link => now.len_bytes,
        };
        self.is_trusted && self.stamp == Stamp { len_bytes, ..*now }
    }
}

impl Staged {
    /// Whether a commit would hold the same. How the file looked is in no commit; which names are one file is.
    pub fn commits_like(&self, other: &Staged) -> bool {
        let names = |staged: &Staged| {
            let stamp = &staged.stamp;
            let is_file = matches!(staged.entry.content, Content::File { .. });
            (is_file && stamp.has_more_names).then_some((stamp.device, stamp.inode))
        };
        self.entry == other.entry && names(self) == names(other)
    }
}
