//! Paths of what is staged: bytes, relative to the work tree, parts divided by `/`.

use std::cmp::Ordering;

/// What no path may be, if this one is that.
pub fn path_fault(path: &[u8]) -> Option<&'static str> {
    if path.contains(&0) {
        return Some("a path has a NUL byte");
    }
    path.split(|&byte| byte == b'/')
        .find_map(|part| match part {
            b"" => Some("a path has an empty part"),
            b"." | b".." => Some("a path has a part `.` or `..`"),
            _ => None,
        })
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

    #[test]
    fn paths_that_lead_elsewhere_are_refused() {
        for path in [
            "", "/", "/a", "a/", "a//b", ".", "..", "a/..", "./a", "a/../b", "a\0",
        ] {
            assert!(path_fault(path.as_bytes()).is_some(), "{path:?}");
        }
        for path in ["a", "a/b", "...", ".a/b.", "a b/\n", "-"] {
            assert_eq!(path_fault(path.as_bytes()), None, "{path:?}");
        }
        assert_eq!(path_fault(b"\xff/\xfe"), None);
    }

    #[test]
    fn a_folder_holds_what_is_in_it_and_itself() {
        assert!(is_below(b"a/b", b"a") && is_below(b"a", b"a") && is_below(b"a", b""));
        assert!(!is_below(b"ab", b"a") && !is_below(b"a", b"a/b") && !is_below(b"b/a", b"a"));
    }

    proptest! {
        #[test]
        fn the_order_is_that_of_lists_of_parts(prefix in "[ab/]{0,18}", left in "[ab./\u{1}-]{0,6}", right in "[ab./\u{1}-]{0,6}") {
            let (left, right) = (prefix.clone() + &left, prefix + &right);
            let parts = |path: &str| path.split('/').map(|part| part.as_bytes().to_vec()).collect::<Vec<_>>();
            let expected = parts(&left).cmp(&parts(&right));
            prop_assert_eq!(tree_order(left.as_bytes(), right.as_bytes()), expected);
        }
    }
}
