//! ZIP (APPNOTE 6.3): entries, then a directory of them, then its end, which says where the directory is.
//!
//! So an archive is read from its end: the last 64 KiB are searched for the end of the directory, the directory is read
//! from front to back, and the entries themselves are not touched. Archives of more than 4 GiB or 65,535 entries have a
//! second, longer end before the first one (zip64). What stands before the first entry (the program of
//! a self-extracting archive) shifts all offsets; by how much is known from where the directory should begin.

mod directory;
mod name;

use super::finding::Inspection;
use super::reader::{Order, Parsed, Reader, Stop, damage};
use directory::Totals;

const END: [u8; 4] = *b"PK\x05\x06";
const END_BYTES: u64 = 22;
const COMMENT_BYTES_MAX: u64 = 65_535;
const LONG_END: [u8; 4] = *b"PK\x06\x06";
/// As long as it is without extensions, which nobody writes.
const LONG_END_BYTES: u64 = 56;
const LOCATOR: [u8; 4] = *b"PK\x06\x07";
const LOCATOR_BYTES: u64 = 20;

/// Whether a file that begins as something else has an archive behind that.
pub(super) fn is_behind_something(reader: &Reader<'_>) -> Parsed<bool> {
    if reader.len() < END_BYTES {
        return Ok(false);
    }
    match Place::find(reader) {
        Ok(place) => is_entry(reader, place.start),
        Err(Stop::Damage(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Where everything is.
struct Place {
    end_start: u64,
    end: End,
    /// Of the directory.
    start: u64,
    /// How much stands before the archive.
    shift: u64,
}

impl Place {
    fn find(reader: &Reader<'_>) -> Parsed<Place> {
        let end_start = find_end(reader)?;
        let end = End::read(reader, end_start)?;
        let Some(start) = end.start.checked_sub(end.directory_bytes) else {
            let expected = format!(
                "a directory of {} bytes before its end",
                end.directory_bytes
            );
            return damage(end_start, expected, format!("{} bytes", end.start));
        };
        let Some(shift) = start.checked_sub(end.directory_offset) else {
            let expected = format!("the directory at byte {}", end.directory_offset);
            return damage(end_start, expected, format!("it at byte {start}"));
        };
        // Something may stand between the directory and its end instead: then it is where it is said to be.
        let is_as_said = !is_entry(reader, start)? && is_entry(reader, end.directory_offset)?;
        let (start, shift) = match is_as_said {
            true => (end.directory_offset, 0),
            false => (start, shift),
        };
        Ok(Place {
            end_start,
            end,
            start,
            shift,
        })
    }
}

pub(super) fn read(reader: &Reader<'_>, found: &mut Inspection) -> Parsed<()> {
    let Place {
        end_start,
        end,
        start,
        shift,
    } = Place::find(reader)?;
    if shift > 0 {
        found.part("what is before the archive", 0, shift);
    }
    if start > shift {
        found.part("entries", shift, start - shift);
    }
    found.part("directory", start, end.directory_bytes);
    if end.is_long {
        found.part(
            "zip64 end of the directory",
            end.start,
            end_start - end.start,
        );
    }
    found.part(
        "end of the directory",
        end_start,
        END_BYTES + u64::from(end.comment_bytes),
    );
    found.fact("zip64", end.is_long);
    if end.comment_bytes > 0 {
        found.fact("bytes of the comment", end.comment_bytes);
    }
    let behind = reader.len() - (end_start + END_BYTES + u64::from(end.comment_bytes));
    if behind > 0 {
        found.fact("bytes after the end", behind);
    }
    let directory = reader.range(start, end.directory_bytes, Order::Little, "the directory")?;
    let totals = directory::read(directory, shift, found);
    // What was counted is told, also where the directory is damaged.
    let Totals { error, .. } = totals.tell(found);
    error?;
    let counted = found.entries.as_ref().map_or(0, |entries| entries.count);
    // Without zip64 the count has 16 bits, and some writers let it overflow.
    let is_right = match end.is_long {
        true => counted == end.entries,
        false => counted & 0xffff == end.entries & 0xffff,
    };
    match is_right {
        true => Ok(()),
        false => damage(
            end_start,
            format!("{} entries in the directory", end.entries),
            counted.to_string(),
        ),
    }
}

/// Where the end of the directory is: the last place that looks like one whose comment reaches to the end of the file, or
/// else the last one whose comment fits.
fn find_end(reader: &Reader<'_>) -> Parsed<u64> {
    let tail_bytes = (END_BYTES + COMMENT_BYTES_MAX).min(reader.len());
    let tail_start = reader.len() - tail_bytes;
    let tail = reader.bytes(tail_start, tail_bytes as usize)?;
    let mut fits = None;
    for at in memchr::memmem::rfind_iter(&tail, &END) {
        let Some(&[c0, c1]) = tail.get(at + 20..at + 22) else {
            continue;
        };
        let comment_end = at + 22 + usize::from(u16::from_le_bytes([c0, c1]));
        if comment_end == tail.len() {
            return Ok(tail_start + at as u64);
        }
        if comment_end < tail.len() {
            fits.get_or_insert(at);
        }
    }
    match fits {
        Some(at) => Ok(tail_start + at as u64),
        None => damage(
            reader.len(),
            "the end of a directory (`PK` 5 6) in the last 64 KiB",
            "none",
        ),
    }
}

/// Whether an entry of a directory begins at `start`.
fn is_entry(reader: &Reader<'_>, start: u64) -> Parsed<bool> {
    Ok(reader.bytes(start, 4)?.as_ref() == directory::SIGNATURE)
}

/// What the end of the directory says.
struct End {
    /// Where it begins; the long one where there is one.
    start: u64,
    is_long: bool,
    entries: u64,
    directory_bytes: u64,
    directory_offset: u64,
    comment_bytes: u16,
}

impl End {
    fn read(reader: &Reader<'_>, start: u64) -> Parsed<End> {
        let mut fields =
            reader.range(start, END_BYTES, Order::Little, "the end of the directory")?;
        fields.skip(4, "its signature")?;
        let disks = (fields.u16("a disk")?, fields.u16("a disk")?);
        fields.skip(2, "the entries of this disk")?;
        let end = End {
            start,
            is_long: false,
            entries: fields.u16("the number of entries")?.into(),
            directory_bytes: fields.u32("the size of the directory")?.into(),
            directory_offset: fields.u32("the place of the directory")?.into(),
            comment_bytes: fields.u16("the size of the comment")?,
        };
        if let Some(long) = end.long(reader)? {
            return Ok(long);
        }
        match disks {
            (0, 0) => Ok(end),
            (disk, _) => damage(start + 4, "an archive on one disk", format!("disk {disk}")),
        }
    }

    /// The longer end, if there is one.
    fn long(&self, reader: &Reader<'_>) -> Parsed<Option<End>> {
        let Some(locator) = self.start.checked_sub(LOCATOR_BYTES) else {
            return Ok(None);
        };
        let mut fields = reader.range(locator, LOCATOR_BYTES, Order::Little, "a locator")?;
        if fields.array("a signature")? != LOCATOR {
            return Ok(None);
        }
        fields.skip(4, "a disk")?;
        let told = fields.u64("the place of the zip64 end")?;
        // Where something stands before the archive, the place told is wrong and that before the locator is right.
        let near = locator.checked_sub(LONG_END_BYTES);
        let places = [Some(told), near].into_iter().flatten();
        for start in places.filter(|start| *start < locator) {
            let mut fields = reader.cursor(start, Order::Little);
            if fields.array("a signature")? != LONG_END {
                continue;
            }
            fields.skip(20, "versions and disks")?;
            fields.skip(8, "the entries of this disk")?;
            return Ok(Some(End {
                start,
                is_long: true,
                entries: fields.u64("the number of entries")?,
                directory_bytes: fields.u64("the size of the directory")?,
                directory_offset: fields.u64("the place of the directory")?,
                comment_bytes: self.comment_bytes,
            }));
        }
        damage(told, "the zip64 end of the directory", "something else")
    }
}
