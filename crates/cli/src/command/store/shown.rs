//! Names, ids, times and modes as they are printed for people.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use tamis_scan::names;
use tamis_store::entry::{Content, Entry};
use tamis_store::id::CommitId;
use tamis_store::perf::{Stage, Stages};

/// Digits of an id that are shown where there is no room for all.
const SHORT_DIGITS: usize = 10;

/// A name on one line.
pub(super) fn name(path: &[u8]) -> Cow<'_, str> {
    names::show(as_path(path))
}

/// A path in a commit, of which a folder is told by a slash.
pub(super) fn path(path: &[u8], entry: &Entry) -> String {
    let mark = match entry.content {
        Content::Folder => "/",
        _ => "",
    };
    format!("{}{mark}", name(path))
}

/// A path in the work tree as it is called in the folder `current` of it.
pub(super) fn relative(path: &[u8], current: &[u8]) -> Vec<u8> {
    let parts = |path: &[u8]| -> Vec<Vec<u8>> {
        let parts = path.split(|&byte| byte == b'/');
        let parts = parts.filter(|part| !part.is_empty());
        parts.map(<[u8]>::to_vec).collect()
    };
    let (path, current) = (parts(path), parts(current));
    let pairs = path.iter().zip(&current);
    let shared = pairs.take_while(|(left, right)| left == right).count();
    let up = std::iter::repeat_n(b"..".to_vec(), current.len() - shared);
    let names: Vec<_> = up.chain(path[shared..].iter().cloned()).collect();
    match names.is_empty() {
        true => b".".to_vec(),
        false => names.join(&b'/'),
    }
}

/// Text of somebody else, line by line, without what would confuse a terminal.
pub(super) fn lines(text: &str) -> impl Iterator<Item = Cow<'_, str>> {
    text.lines().map(|line| names::show(Path::new(line)))
}

/// Bytes as a path of the system.
pub(super) fn as_path(path: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(path))
}

/// The first digits of an id.
pub(super) fn short(id: CommitId) -> String {
    let mut digits = id.to_string();
    digits.truncate(SHORT_DIGITS);
    digits
}

/// `3 files`, `1 file`.
pub(super) fn counted(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {what}{plural}", tamis_engine::human::count(count))
}

/// Where the time of a run went, and what it was limited by: two lines, each behind a line feed.
pub(super) fn stages(stages: &Stages, limiting: Stage) -> String {
    let mut page = "\n  seconds of all threads:".to_owned();
    for (stage, seconds) in stages.iter() {
        page.push_str(&format!(" {} {seconds:.3}", stage.name()));
    }
    page.push_str(&format!("\n  limited by {}", limiting.name()));
    page
}

/// As git prints when a commit was made, on the clock of whoever made it.
pub(super) fn commit_time(time_ns: i64, offset_minutes: i16) -> String {
    let zone = zone_of(offset_minutes);
    let time = timestamp(time_ns).to_zoned(zone);
    time.strftime("%a %b %-d %H:%M:%S %Y %z").to_string()
}

/// The same as RFC 3339 has it, for programs.
pub(super) fn commit_time_rfc3339(time_ns: i64, offset_minutes: i16) -> String {
    let time = timestamp(time_ns).to_zoned(zone_of(offset_minutes));
    time.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// When a file was modified, on the clock of whoever looks.
pub(super) fn local_time(time_ns: i64) -> String {
    let time = timestamp(time_ns).to_zoned(TimeZone::system());
    time.strftime("%Y-%m-%d %H:%M").to_string()
}

/// Any number of nanoseconds in 64 bits is a time that jiff knows.
fn timestamp(time_ns: i64) -> Timestamp {
    Timestamp::from_nanosecond(time_ns.into()).unwrap_or_default()
}

fn zone_of(offset_minutes: i16) -> TimeZone {
    let offset = Offset::from_seconds(i32::from(offset_minutes) * 60);
    TimeZone::fixed(offset.unwrap_or(Offset::UTC))
}

/// `-rw-r--r--`, as `ls -l` has it.
pub(super) fn mode(entry: &Entry) -> String {
    let kind = match entry.content {
        Content::File { .. } => '-',
        Content::Folder => 'd',
        Content::Link { .. } => 'l',
    };
    let mut text = String::from(kind);
    // Each third: its bits, the special bit that belongs to it, and the letter that this makes of `x`.
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = entry.mode >> shift;
        let is_special = entry.mode & special != 0;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(match (bits & 1 != 0, is_special) {
            (true, true) => letter,
            (false, true) => letter.to_ascii_uppercase(),
            (true, false) => 'x',
            (false, false) => '-',
        });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_offset_of_where_they_are_from() {
        let time_ns = 1_700_000_000_000_000_000;
        assert_eq!(commit_time(time_ns, 120), "Wed Nov 15 00:13:20 2023 +0200");
        assert_eq!(
            commit_time_rfc3339(time_ns, -330),
            "2023-11-14T16:43:20-05:30"
        );
        assert_eq!(commit_time_rfc3339(0, 0), "1970-01-01T00:00:00+00:00");
        for time_ns in [i64::MIN, i64::MAX] {
            assert!(!commit_time(time_ns, i16::MAX).is_empty());
        }
    }

    #[test]
    fn modes_read_as_those_of_ls() {
        let of = |mode, content| {
            mode_of(Entry {
                mode,
                modified_ns: 0,
                attributes: Vec::new(),
                content,
            })
        };
        fn mode_of(entry: Entry) -> String {
            mode(&entry)
        }
        assert_eq!(of(0o755, Content::Folder), "drwxr-xr-x");
        assert_eq!(of(0o1777, Content::Folder), "drwxrwxrwt");
        let link = Content::Link { target: vec![b'x'] };
        assert_eq!(of(0o6640, link), "lrwSr-S---");
    }

    #[test]
    fn paths_are_called_as_one_would_from_here() {
        let relative = |path: &str, current: &str| {
            let shown = relative(path.as_bytes(), current.as_bytes());
            String::from_utf8(shown).expect("it was text")
        };
        assert_eq!(relative("drops/a", ""), "drops/a");
        assert_eq!(relative("drops/a", "drops"), "a");
        assert_eq!(relative("notes", "drops/new"), "../../notes");
        assert_eq!(relative("drops", "drops"), ".");
    }

    #[test]
    fn counts_agree_with_their_nouns() {
        assert_eq!(counted(1, "file"), "1 file");
        assert_eq!(counted(1_000, "file"), "1,000 files");
    }
}
