//! Names and paths: bytes, from the root, names divided by `/`; what they may be, and in which order they stand.
//!
//! One set of rules for what is found, what is staged, what trees hold, and what a [URI](crate::read::StoreUri) names: what can be added can be committed,
//! and nothing that comes out of a store leads out of the folder that it is restored into.

use std::cmp::Ordering;

use crate::store::FOLDER;

/// A name is at most so long: more than any file system takes, and little enough for branches of a tree to hold many.
pub const NAME_BYTES_MAX: usize = 4096;

/// A path is at most so long: one record of the staging and one node of a tree have room for it.
pub const PATH_BYTES_MAX: usize = 256 << 10;

/// A path has at most so many names.
pub const DEPTH_MAX: usize = 16_384;

/// The longest name that Linux has (`NAME_MAX`).
const FOUND_NAME_BYTES_MAX: usize = 255;

/// Why a name cannot be one.
pub fn flaw_of_name(name: &[u8]) -> Option<&'static str> {
    match name {
        b"" => Some("a name is empty"),
        b"." | b".." => Some("a name is `.` or `..`"),
        _ if name.contains(&b'/') => Some("a name has a slash"),
        _ if name.contains(&0) => Some("a name has a NUL byte"),
        _ if name.len() > NAME_BYTES_MAX => Some("a name is too long"),
        _ => None,
    }
}

/// Why a path from the root cannot be one.
pub fn flaw_of_path(path: &[u8]) -> Option<&'static str> {
    if path.len() > PATH_BYTES_MAX {
        return Some("a path is too long");
    }
    let mut depth = 0;
    let flaw = path.split(|&byte| byte == b'/').find_map(|name| {
        depth += 1;
        flaw_of_name(name)
    });
    flaw.or((depth > DEPTH_MAX).then_some("folders are nested too deeply"))
}

/// Whether a path leads to something called `.tamis`, or through it. As with git and `.git`, nothing of that name is kept, and none
/// is put anywhere: a tree that has one could otherwise make a store of its own, or change another one, wherever it is restored.
pub fn leads_to_store(path: &[u8]) -> bool {
    path.split(|&byte| byte == b'/')
        .any(|name| name == FOLDER.as_bytes())
}

/// Whether all that may be in a folder has a path that can be one.
pub fn has_room_below(folder: &[u8]) -> bool {
    let slashes = folder.iter().filter(|&&byte| byte == b'/').count();
    folder.len() + 1 + FOUND_NAME_BYTES_MAX <= PATH_BYTES_MAX && slashes + 2 <= DEPTH_MAX
}

/// The order of a walk through the tree: part by part, so that all that is in a folder follows it directly. It is the
/// order of the bytes if `/` were smaller than all others.
pub fn tree_order(left: &[u8], right: &[u8]) -> Ordering {
    let rank = |path: &[u8], at: usize| path.get(at).map(|&byte| (byte != b'/', byte));
    let at = common_len(left, right);
    // `None`, the end, is smaller than any byte.
    rank(left, at).cmp(&rank(right, at))
}

/// How many bytes both start with.
fn common_len(left: &[u8], right: &[u8]) -> usize {
    // Eight at a time: paths next to each other share most of their folders.
    let (left_words, right_words) = (left.as_chunks::<8>().0, right.as_chunks::<8>().0);
    let words = left_words.iter().zip(right_words);
    let start = 8 * words.take_while(|(left, right)| left == right).count();
    let rest = left[start..].iter().zip(&right[start..]);
    start + rest.take_while(|(left, right)| left == right).count()
}

/// Whether `path` is `folder` or in it; everything is in the root, which is called nothing.
pub fn is_below(path: &[u8], folder: &[u8]) -> bool {
    match path.strip_prefix(folder) {
        Some(rest) => rest.is_empty() || folder.is_empty() || rest[0] == b'/',
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::cases;

    #[test]
    fn paths_that_lead_elsewhere_are_refused() {
        for path in [
            "", "/", "/a", "a/", "a//b", ".", "..", "a/..", "./a", "a/../b", "a\0",
        ] {
            assert!(flaw_of_path(path.as_bytes()).is_some(), "{path:?}");
        }
        for path in ["a", "a/b", "...", ".a/b.", "a b/\n", "-"] {
            assert_eq!(flaw_of_path(path.as_bytes()), None, "{path:?}");
        }
        assert_eq!(flaw_of_path(b"\xff/\xfe"), None);
    }

    #[test]
    fn stores_are_told_by_their_name() {
        for path in [".tamis", "a/.tamis", ".tamis/format", "a/.tamis/b"] {
            assert!(leads_to_store(path.as_bytes()), "{path:?}");
        }
        for path in ["", "a", "tamis", ".tamisignore", "a.tamis", "a/.tamis-1"] {
            assert!(!leads_to_store(path.as_bytes()), "{path:?}");
        }
    }

    #[test]
    fn paths_have_an_end() {
        let deep = |depth: usize| vec![&b"d"[..]; depth].join(&b'/');
        assert_eq!(flaw_of_path(&deep(DEPTH_MAX)), None);
        assert!(flaw_of_path(&deep(DEPTH_MAX + 1)).is_some());
        assert!(has_room_below(&deep(DEPTH_MAX - 1)) && !has_room_below(&deep(DEPTH_MAX)));
        let long = |len: usize| {
            let mut path = vec![vec![b'n'; 255]; len / 256 + 1].join(&b'/');
            path.truncate(len);
            path
        };
        assert_eq!(flaw_of_path(&long(PATH_BYTES_MAX - 1)), None);
        assert!(flaw_of_path(&long(PATH_BYTES_MAX + 1)).is_some());
        let last = PATH_BYTES_MAX - 256;
        assert!(has_room_below(&long(last)) && !has_room_below(&long(last + 1)));
    }

    #[test]
    fn a_folder_holds_what_is_in_it_and_itself() {
        assert!(is_below(b"a/b", b"a") && is_below(b"a", b"a") && is_below(b"a", b""));
        assert!(!is_below(b"ab", b"a") && !is_below(b"a", b"a/b") && !is_below(b"b/a", b"a"));
    }

    proptest! {
        #![proptest_config(cases(256))]

        #[test]
        fn the_order_is_that_of_lists_of_parts(prefix in "[ab/]{0,18}", left in "[ab./\u{1}-]{0,6}", right in "[ab./\u{1}-]{0,6}") {
            let (left, right) = (prefix.clone() + &left, prefix + &right);
            let parts = |path: &str| path.split('/').map(|part| part.as_bytes().to_vec()).collect::<Vec<_>>();
            let expected = parts(&left).cmp(&parts(&right));
            prop_assert_eq!(tree_order(left.as_bytes(), right.as_bytes()), expected);
        }
    }
}
