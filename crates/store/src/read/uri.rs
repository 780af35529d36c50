//! Names of files in a store, where a path or another URI could stand: `store:[DIR@]REF:PATH`.
//!
//! | part | is | may have |
//! |---|---|---|
//! | `DIR` | a folder in which the store is, or above which it is; if it is left out, the one that commands use without it | `@`, no `:` |
//! | `REF` | a revision; if it is empty, `HEAD` | neither `@` nor `:` |
//! | `PATH` | where the file is, from the root of the commit; the empty one is all of it | anything |
//!
//! So `REF` ends at the first `:`, and begins behind the last `@` that is in front of that. A tag that has an `@` cannot be named
//! here, but its commit can.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use tamis_engine::names::show_bytes;

use crate::path::flaw_of_path;
use crate::refs::HEAD;
use crate::{Error, Result};

/// How such a name begins.
pub(super) const SCHEME: &str = "store:";

/// A file in a store.
///
/// ```
/// use tamis_store::read::StoreUri;
///
/// let uri = StoreUri::parse("store:/data/shop@v2~1:orders/2026.csv")?;
/// assert_eq!(uri.store.as_deref(), Some("/data/shop".as_ref()));
/// assert_eq!((uri.revision.as_str(), &uri.path[..]), ("v2~1", &b"orders/2026.csv"[..]));
/// assert_eq!(StoreUri::parse("store::notes.txt")?.revision, "HEAD");
/// # Ok::<(), tamis_store::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreUri {
    /// Where the store is; `None`: where it is without saying so.
    pub store: Option<PathBuf>,
    /// What names the commit.
    pub revision: String,
    /// The path from the root of the commit; empty for all of it.
    pub path: Vec<u8>,
}

impl StoreUri {
    /// Whether `text` is meant to be one.
    pub fn is_meant(text: impl AsRef<OsStr>) -> bool {
        text.as_ref().as_bytes().starts_with(SCHEME.as_bytes())
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`Error::Usage`] says what is missing, or too much.
    pub fn parse(text: impl AsRef<OsStr>) -> Result<StoreUri> {
        let text = text.as_ref().as_bytes();
        let bad = |what: &str| Error::Usage {
            reason: format!(
                "`{}` {what}; a file in a store is named `store:[DIR@]REF:PATH`",
                show_bytes(text)
            ),
        };
        let rest = text
            .strip_prefix(SCHEME.as_bytes())
            .ok_or_else(|| bad("does not begin with `store:`"))?;
        let end = rest
            .iter()
            .position(|&byte| byte == b':')
            .ok_or_else(|| bad("has no `:` between the revision and the path"))?;
        let (front, path) = (&rest[..end], &rest[end + 1..]);
        let at = front.iter().rposition(|&byte| byte == b'@');
        let (store, revision) = match at {
            Some(0) => return Err(bad("has nothing before the `@`")),
            Some(at) => (Some(&front[..at]), &front[at + 1..]),
            None => (None, front),
        };
        let revision = std::str::from_utf8(revision)
            .map_err(|_| bad("has a revision that is not UTF-8"))?
            .to_owned();
        if let Some(flaw) = flaw_of_name(path) {
            return Err(bad(&flaw));
        }
        Ok(StoreUri {
            store: store.map(|it| OsString::from_vec(it.to_vec()).into()),
            revision: match revision.is_empty() {
                true => HEAD.to_owned(),
                false => revision,
            },
            path: path.to_vec(),
        })
    }
}

/// What keeps a path from naming anything.
fn flaw_of_name(path: &[u8]) -> Option<String> {
    let flaw = match path {
        [] => return None,
        [b'/', ..] => "has a path that begins with `/`, but paths begin at the commit's root",
        [.., b'/'] => "has a path that ends with `/`; a folder is named without it",
        _ => return flaw_of_path(path).map(|flaw| format!("has a path that is none: {flaw}")),
    };
    Some(flaw.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    use crate::testing::cases;

    fn parts(text: &str) -> (Option<String>, String, String) {
        let uri = StoreUri::parse(text).expect("it is one");
        let store = uri.store.map(|it| it.to_string_lossy().into_owned());
        let path = String::from_utf8(uri.path).expect("it was");
        (store, uri.revision, path)
    }

    #[test]
    fn each_mark_belongs_to_the_part_that_may_have_it() {
        let some = |store: &str| Some(store.to_owned());
        let expected = [
            ("store:main:a/b.csv", (None, "main", "a/b.csv")),
            ("store::a", (None, "HEAD", "a")),
            ("store:main:a@b:c", (None, "main", "a@b:c")),
            ("store:../x@v1^:a", (some("../x"), "v1^", "a")),
            ("store:me@host@HEAD~2:a", (some("me@host"), "HEAD~2", "a")),
            ("store:/x@:a", (some("/x"), "HEAD", "a")),
            ("store:v1:", (None, "v1", "")),
        ];
        for (text, (store, revision, path)) in expected {
            let expected = (store, revision.to_owned(), path.to_owned());
            assert_eq!(parts(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_none_says_why() {
        let expected = [
            ("main:a", "does not begin"),
            ("store:main", "has no `:`"),
            ("store:@main:a", "nothing before the `@`"),
            ("store:main:/a", "begins with `/`"),
            ("store:main:a/", "ends with `/`"),
            ("store:main:a//b", "empty"),
            ("store:main:a/../b", "`..`"),
            ("store:main:a\0b", "NUL"),
        ];
        for (text, reason) in expected {
            let error = StoreUri::parse(text).expect_err(text).to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    proptest! {
        #![proptest_config(cases(256))]

        #[test]
        fn what_is_put_together_comes_apart(
            store in proptest::option::of("[a-z@/.]{1,9}"),
            revision in "[a-z0-9~^]{1,9}",
            path in "[a-z@:]{1,5}(/[a-z@:]{1,5}){0,3}",
        ) {
            let front = store.as_ref().map(|it| format!("{it}@")).unwrap_or_default();
            prop_assert_eq!(parts(&format!("store:{front}{revision}:{path}")), (store, revision, path));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let text = [SCHEME.as_bytes(), &bytes].concat();
            let _ = StoreUri::parse(OsStr::from_bytes(&text));
        }
    }
}
