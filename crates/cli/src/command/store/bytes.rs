//! Ranges of bytes: `1MB..2MB`, `..4096`, `1GiB..`, `1MB+100`; and the bytes of a file, on their way out.

use std::ops::Range;
use std::str::FromStr;

use tamis_engine::sink::Sink;
use tamis_store::entry::Content;
use tamis_store::store::Store;
use tamis_store::tree::Child;

use super::shown;
use crate::args::ByteSize;
use crate::{Context, Error, Result};

/// Bytes from one place to another, which does not belong to them; without the latter, to the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ByteRange {
    from: u64,
    to: Option<u64>,
}

impl ByteRange {
    /// What it is of a file of this length.
    pub(super) fn within(self, len_bytes: u64) -> Range<u64> {
        let end = self.to.unwrap_or(len_bytes).min(len_bytes);
        self.from.min(end)..end
    }
}

impl FromStr for ByteRange {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let size = |text: &str| text.parse::<ByteSize>().map(|size| size.0);
        let range = if let Some((from, to)) = text.split_once("..") {
            Self {
                from: if from.is_empty() { 0 } else { size(from)? },
                to: if to.is_empty() { None } else { Some(size(to)?) },
            }
        } else if let Some((from, len)) = text.split_once('+') {
            let from = size(from)?;
            let to = from.checked_add(size(len)?).ok_or("more than 2^64 bytes")?;
            Self { from, to: Some(to) }
        } else {
            return Err("expected FROM..TO, FROM.., ..TO or FROM+LENGTH".to_owned());
        };
        match range.to {
            Some(to) if to < range.from => Err("it ends before it begins".to_owned()),
            _ => Ok(range),
        }
    }
}

impl ByteRange {
    /// Refuses what is no file, and a file that ends before the range begins; says that one ends in the middle of it.
    pub(super) fn check(self, child: &Child, path: &[u8], context: &Context<'_>) -> Result<()> {
        let len_bytes = file_bytes(child, path)?;
        let shown = shown::name(path);
        if self.from > len_bytes {
            return Err(Error::Usage {
                message: format!(
                    "`{shown}` has {len_bytes} bytes, and the range begins at byte {}",
                    self.from
                ),
                hint: None,
            });
        }
        if self.to.is_some_and(|to| to > len_bytes) {
            context.printer.say(&format!(
                "notice: `{shown}` has {len_bytes} bytes, and ends before the range does"
            ));
        }
        Ok(())
    }
}

/// The length of what is a file; refuses what is none.
pub(super) fn file_bytes(child: &Child, path: &[u8]) -> Result<u64> {
    let (what, hint) = match &child.entry.content {
        Content::File { len_bytes, .. } => return Ok(*len_bytes),
        Content::Folder => ("folder", "`tamis store get` writes folders"),
        Content::Link { .. } => ("symbolic link", "`tamis store get` makes the link again"),
    };
    let shown = match path {
        b"" => "all of a commit".to_owned(),
        path => format!("`{}`", shown::name(path)),
    };
    Err(Error::Usage {
        message: format!("{shown} is a {what}, not a file"),
        hint: Some(hint.to_owned()),
    })
}

/// Writes a range of a file, as much of it as there is; how many bytes that were.
pub(super) fn copy(
    store: &Store,
    child: &Child,
    path: &[u8],
    range: ByteRange,
    sink: &mut dyn Sink,
) -> Result<u64> {
    let len_bytes = file_bytes(child, path)?;
    let range = range.within(len_bytes);
    let bytes = range.end - range.start;
    store.copy_range(child, range, &mut |bytes| Ok(sink.write_all(bytes)?))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_written_in_four_ways() {
        let parse = |text: &str| {
            let range = text.parse::<ByteRange>();
            range.map(|ByteRange { from, to }| (from, to)).ok()
        };
        assert_eq!(parse("10..20"), Some((10, Some(20))));
        assert_eq!(parse("1MB.."), Some((1_000_000, None)));
        assert_eq!(parse("..1KiB"), Some((0, Some(1024))));
        assert_eq!(parse("5+5"), Some((5, Some(10))));
        let within =
            |text: &str, len_bytes| text.parse::<ByteRange>().expect(text).within(len_bytes);
        assert_eq!(within("10..20", 15), 10..15);
        assert_eq!(within("10..20", 5), 5..5);
        assert_eq!(within("3..", 5), 3..5);
        for wrong in ["", "5", "20..10", "a..b", "-1..", "1+99999999999TB"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
