//! The names of things: 32 bytes each, a BLAKE3 hash of what they name.
//!
//! | id | of | context |
//! |---|---|---|
//! | [`ObjectId`], a chunk | its plain bytes | none: a file of one chunk has the id that `b3sum` prints |
//! | [`ObjectId`], a node | its bytes | [`NODE_CONTEXT`] |
//! | [`CommitId`] | the commit's bytes | [`COMMIT_CONTEXT`] |
//! | [`FileId`] | what makes an immutable file of the store: a pack's footer, a segment of the index | none |
//!
//! Contexts keep the kinds apart (`blake3::derive_key`): no data that a user stores can pass for a folder.

use std::fmt;
use std::str::FromStr;

/// Length of every id.
pub const ID_BYTES: usize = 32;

/// The context that ids of nodes (folders, chunk lists) are derived in.
pub(crate) const NODE_CONTEXT: &str = "tamis store 1 node";

/// The context that ids of commits are derived in.
pub(crate) const COMMIT_CONTEXT: &str = "tamis store 1 commit";

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; ID_BYTES]);

        impl $name {
            /// The first eight bytes as a number, in the order of the ids.
            pub fn prefix(&self) -> u64 {
                let [a, b, c, d, e, f, g, h, ..] = self.0;
                u64::from_be_bytes([a, b, c, d, e, f, g, h])
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl FromStr for $name {
            type Err = NoId;

            fn from_str(text: &str) -> Result<$name, NoId> {
                parse(text).map($name)
            }
        }
    };
}

id! {
    /// Names what packs hold: a chunk of a file, or a node of a tree.
    ObjectId
}
id! {
    /// Names a commit.
    CommitId
}
id! {
    /// Names an immutable file of the store: a pack, or a segment of the index.
    FileId
}

impl ObjectId {
    /// The id of a chunk.
    pub(crate) fn of_chunk(plain: &[u8]) -> ObjectId {
        ObjectId(blake3::hash(plain).into())
    }

    /// The id of a node.
    pub(crate) fn of_node(bytes: &[u8]) -> ObjectId {
        ObjectId(blake3::derive_key(NODE_CONTEXT, bytes))
    }
}

impl CommitId {
    /// The id of a commit that is written as `bytes`.
    pub fn of(bytes: &[u8]) -> CommitId {
        CommitId(blake3::derive_key(COMMIT_CONTEXT, bytes))
    }
}

impl FileId {
    /// The id of a file that `bytes` determine.
    pub fn of(bytes: &[u8]) -> FileId {
        FileId(blake3::hash(bytes).into())
    }
}

/// A text that should have been 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id has 64 hexadecimal digits")]
pub struct NoId;

fn parse(text: &str) -> Result<[u8; ID_BYTES], NoId> {
    let digits = text.as_bytes();
    let mut id = [0; ID_BYTES];
    if digits.len() != 2 * ID_BYTES {
        return Err(NoId);
    }
    for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16).ok_or(NoId);
        *byte = (digit(pair[0])? << 4 | digit(pair[1])?) as u8;
    }
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_it_was_printed() {
        let id = ObjectId::of_chunk(b"tamis");
        assert_eq!(id.to_string().parse(), Ok(id));
        for wrong in ["", "12", &"g".repeat(64), &"é".repeat(32), &"0".repeat(65)] {
            assert_eq!(wrong.parse::<ObjectId>(), Err(NoId));
        }
    }

    #[test]
    fn kinds_are_kept_apart() {
        let bytes = b"the same bytes";
        assert_ne!(ObjectId::of_chunk(bytes), ObjectId::of_node(bytes));
        assert_ne!(ObjectId::of_node(bytes).0, CommitId::of(bytes).0);
    }

    #[test]
    fn prefixes_are_in_the_order_of_ids() {
        let (low, high) = (FileId([1; 32]), FileId([0xfe; 32]));
        assert!(low < high && low.prefix() < high.prefix());
    }
}
