//! The directory of an archive: a header for each entry, with its name behind it.

use super::super::finding::{Inspection, Part};
use super::super::reader::{Cursor, Parsed, damage};
use super::name;

pub(super) const SIGNATURE: [u8; 4] = *b"PK\x01\x02";
/// In the directory's fields of 32 bits: the value is in the zip64 extension.
const ELSEWHERE: u32 = u32::MAX;
/// The header of an entry where it lies, without its name.
const LOCAL_BYTES: u64 = 30;
/// Methods that are told apart by a bit each, to be named at the end.
const METHODS: [(u16, &str); 12] = [
    (0, "stored"),
    (1, "shrunk"),
    (6, "imploded"),
    (8, "deflate"),
    (9, "deflate64"),
    (12, "bzip2"),
    (14, "lzma"),
    (93, "zstd"),
    (94, "mp3"),
    (95, "xz"),
    (98, "ppmd"),
    (99, "aes"),
];

/// What all entries come to.
pub(super) struct Totals {
    packed_bytes: u64,
    plain_bytes: u64,
    encrypted: u64,
    folders: u64,
    /// A bit for each of [`METHODS`].
    methods: u16,
    /// Why the directory could not be read to its end.
    pub(super) error: Parsed<()>,
}

/// Reads all entries, up to the first that is none.
pub(super) fn read(mut directory: Cursor<'_>, shift: u64, found: &mut Inspection) -> Totals {
    let mut totals = Totals {
        packed_bytes: 0,
        plain_bytes: 0,
        encrypted: 0,
        folders: 0,
        methods: 0,
        error: Ok(()),
    };
    let limit = directory.at();
    while directory.left() > 0 && totals.error.is_ok() {
        totals.error = Entry::read(&mut directory).and_then(|entry| {
            totals.add(&entry);
            entry.check(shift, limit)?;
            found.entry(match found.wants_entry() {
                true => entry.part(shift)?,
                false => Part::new("", 0, 0),
            });
            Ok(())
        });
    }
    totals
}

impl Totals {
    fn add(&mut self, entry: &Entry<'_>) {
        self.packed_bytes = self.packed_bytes.saturating_add(entry.packed_bytes);
        self.plain_bytes = self.plain_bytes.saturating_add(entry.plain_bytes);
        self.encrypted += u64::from(entry.is_encrypted());
        self.folders += u64::from(entry.is_folder);
        let known = METHODS.iter().position(|(code, _)| *code == entry.method);
        if let Some(bit) = known {
            self.methods |= 1 << bit;
        }
    }

    pub(super) fn tell(self, found: &mut Inspection) -> Totals {
        found.fact("entries", found.entries.as_ref().map_or(0, |it| it.count));
        if self.folders > 0 {
            found.fact("folders", self.folders);
        }
        found.fact("bytes unpacked", self.plain_bytes);
        found.fact("bytes packed", self.packed_bytes);
        if self.encrypted > 0 {
            found.fact("encrypted", self.encrypted);
        }
        let used = METHODS.iter().enumerate();
        let used = used.filter(|(bit, _)| self.methods >> bit & 1 == 1);
        let names: Vec<&str> = used.map(|(_, (_, name))| *name).collect();
        if !names.is_empty() {
            found.fact("methods", names.join(", "));
        }
        self
    }
}

/// An entry as the directory has it.
struct Entry<'a> {
    start: u64,
    flags: u16,
    method: u16,
    time: u16,
    date: u16,
    packed_bytes: u64,
    plain_bytes: u64,
    offset: u64,
    is_folder: bool,
    name: Cursor<'a>,
}

impl<'a> Entry<'a> {
    fn read(directory: &mut Cursor<'a>) -> Parsed<Entry<'a>> {
        let start = directory.at();
        let mut fields = directory.take(46, "an entry of the directory")?;
        let signature = fields.array("a signature")?;
        if signature != SIGNATURE {
            let found = format!("`{}`", signature.escape_ascii());
            return damage(start, "an entry of the directory (`PK` 1 2)", found);
        }
        fields.skip(4, "versions")?;
        let (flags, method) = (fields.u16("flags")?, fields.u16("a method")?);
        let (time, date) = (fields.u16("a time")?, fields.u16("a date")?);
        fields.skip(4, "a checksum")?;
        let (packed, plain) = (fields.u32("a packed size")?, fields.u32("a size")?);
        let name_bytes = u64::from(fields.u16("the length of a name")?);
        let extra_bytes = u64::from(fields.u16("the length of an extension")?);
        let comment_bytes = u64::from(fields.u16("the length of a comment")?);
        fields.skip(8, "attributes")?;
        let offset = fields.u32("the place of an entry")?;
        let name = directory.take(name_bytes, "the name of an entry")?;
        let extra = directory.take(extra_bytes, "the extensions of an entry")?;
        directory.skip(comment_bytes, "the comment of an entry")?;
        let [plain_bytes, packed_bytes, offset] = long([plain, packed, offset], extra)?;
        let mut last = name;
        last.skip(name_bytes.saturating_sub(1), "a name")?;
        Ok(Entry {
            start,
            flags,
            method,
            time,
            date,
            packed_bytes,
            plain_bytes,
            offset,
            is_folder: name_bytes > 0 && last.u8("a name")? == b'/',
            name,
        })
    }

    fn is_encrypted(&self) -> bool {
        self.flags & 1 != 0
    }

    /// The entry must lie before the directory.
    fn check(&self, shift: u64, limit: u64) -> Parsed<()> {
        let ends = [shift, LOCAL_BYTES, self.packed_bytes];
        let end = ends
            .iter()
            .try_fold(self.offset, |end, more| end.checked_add(*more));
        match end {
            Some(end) if end <= limit => Ok(()),
            _ => {
                let place = format!("{} bytes at byte {}", self.packed_bytes, self.offset);
                let expected = format!("an entry that ends before the directory at byte {limit}");
                damage(self.start, expected, place)
            }
        }
    }

    fn part(&self, shift: u64) -> Parsed<Part> {
        let mut name = self.name;
        let name = name.text(name.left(), "a name")?;
        let name = name::decode(&name, self.flags & 0x800 != 0);
        let method = METHODS.iter().find(|(code, _)| *code == self.method);
        let method = match method {
            Some((_, name)) => (*name).to_owned(),
            None => format!("method {}", self.method),
        };
        let part = Part::new(name, shift + self.offset, self.packed_bytes)
            .with("unpacked", self.plain_bytes)
            .with("method", method)
            .with("modified", modified(self.date, self.time));
        Ok(match self.is_encrypted() {
            true => part.with("encrypted", true),
            false => part,
        })
    }
}

/// Replaces those of the fields that say so by their zip64 values, which stand in this order (APPNOTE 4.5.3).
fn long(short: [u32; 3], mut extra: Cursor<'_>) -> Parsed<[u64; 3]> {
    let mut values = short.map(u64::from);
    if !short.contains(&ELSEWHERE) {
        return Ok(values);
    }
    while extra.left() >= 4 {
        let (id, len) = (extra.u16("an extension")?, extra.u16("an extension")?);
        let mut content = extra.take(len.into(), "an extension")?;
        if id != 1 {
            continue;
        }
        for (value, short) in values.iter_mut().zip(short) {
            if short == ELSEWHERE {
                *value = content.u64("a zip64 value")?;
            }
        }
        break;
    }
    Ok(values)
}

/// A date and a time of MS-DOS, in local time, as they are.
fn modified(date: u16, time: u16) -> String {
    let (year, month, day) = (1980 + (date >> 9), date >> 5 & 15, date & 31);
    let (hour, minute, second) = (time >> 11, time >> 5 & 63, 2 * (time & 31));
    format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
}
