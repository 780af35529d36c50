//! Parquet: column chunks, and behind them a footer that says where each of them is (parquet-format 2.x).
//!
//! Only the footer is read, from front to back and without building a tree of it: row groups and column chunks are
//! told as they go by. Every chunk must end before the footer, and the rows of all groups must be those of the file.

mod thrift;

use super::finding::{Inspection, Part};
use super::reader::{Order, Parsed, Reader, TEXT_BYTES_MAX, damage};
use thrift::{Thrift, Type};

const MAGIC_BYTES: u64 = 4;
/// Length of the footer, and the magic number again.
const TRAILER_BYTES: u64 = 8;

/// Codecs by number, each a bit of a set.
const CODECS: [&str; 8] = [
    "none",
    "snappy",
    "gzip",
    "lzo",
    "brotli",
    "lz4 (Hadoop)",
    "zstd",
    "lz4",
];
const TYPES: [&str; 8] = [
    "boolean",
    "int32",
    "int64",
    "int96",
    "float",
    "double",
    "bytes",
    "bytes of fixed length",
];

pub(super) fn read(reader: &Reader<'_>, found: &mut Inspection) -> Parsed<()> {
    let Some(trailer) = reader
        .len()
        .checked_sub(TRAILER_BYTES)
        .filter(|at| *at >= MAGIC_BYTES)
    else {
        return damage(0, "at least 12 bytes", reader.len().to_string());
    };
    let mut fields = reader.cursor(trailer, Order::Little);
    let footer_bytes = u64::from(fields.u32("the length of the footer")?);
    let magic = fields.array::<4>("the magic number at the end")?;
    if &magic != b"PAR1" && &magic != b"PARE" {
        let found = format!("`{}`", magic.escape_ascii());
        return damage(trailer + 4, "`PAR1` at the end", found);
    }
    let Some(start) = trailer
        .checked_sub(footer_bytes)
        .filter(|at| *at >= MAGIC_BYTES)
    else {
        let expected = format!("a footer of at most {} bytes", trailer - MAGIC_BYTES);
        return damage(trailer, expected, footer_bytes.to_string());
    };
    found.part("magic number", 0, MAGIC_BYTES);
    if &magic == b"PARE" {
        found.fact("footer", "encrypted");
    } else {
        let bytes = reader.range(start, footer_bytes, Order::Little, "the footer")?;
        let mut footer = Footer::new(start);
        // What was found before some damage is told, too.
        let result = footer.read(&mut Thrift::new(bytes), found);
        footer.tell(found);
        result?;
        footer.check()?;
    }
    found.part("footer", start, footer_bytes);
    found.part("trailer", trailer, TRAILER_BYTES);
    Ok(())
}

/// What has been seen of the footer.
struct Footer {
    start: u64,
    version: Option<u64>,
    created_by: Option<String>,
    rows: Option<u64>,
    columns: u64,
    groups: u64,
    rows_of_groups: u64,
    metadata: u64,
    /// A bit for each of [`CODECS`].
    codecs: u8,
}

/// A count, which is written as a number with a sign.
fn count(thrift: &mut Thrift<'_>, expected: &str) -> Parsed<u64> {
    let at = thrift.at();
    let value = thrift.integer()?;
    match u64::try_from(value) {
        Ok(value) => Ok(value),
        Err(_) => damage(at, expected, value.to_string()),
    }
}

impl Footer {
    fn new(start: u64) -> Footer {
        Footer {
            start,
            version: None,
            created_by: None,
            rows: None,
            columns: 0,
            groups: 0,
            rows_of_groups: 0,
            metadata: 0,
            codecs: 0,
        }
    }

    fn read(&mut self, thrift: &mut Thrift<'_>, found: &mut Inspection) -> Parsed<()> {
        thrift.each_field(|thrift, number, kind| {
            match (number, kind) {
                (1, Type::Integer) => self.version = Some(count(thrift, "a version")?),
                (2, Type::List) => thrift.each_element(Type::Struct, |it| self.column(it))?,
                (3, Type::Integer) => self.rows = Some(count(thrift, "a number of rows")?),
                (4, Type::List) => {
                    thrift.each_element(Type::Struct, |it| self.group(it, found))?;
                }
                (5, Type::List) => thrift.each_element(Type::Struct, |it| {
                    self.metadata += 1;
                    it.each_field(|_, _, _| Ok(false))
                })?,
                (6, Type::Binary) => self.created_by = Some(thrift.text()?),
                _ => return Ok(false),
            }
            Ok(true)
        })
    }

    /// An element of the schema; those without children are columns.
    fn column(&mut self, thrift: &mut Thrift<'_>) -> Parsed<()> {
        let mut children = 0;
        thrift.each_field(|thrift, number, kind| {
            if (number, kind) != (5, Type::Integer) {
                return Ok(false);
            }
            children = thrift.integer()?;
            Ok(true)
        })?;
        self.columns += u64::from(children == 0);
        Ok(())
    }

    fn group(&mut self, thrift: &mut Thrift<'_>, found: &mut Inspection) -> Parsed<()> {
        let (index, mut rows) = (self.groups, 0);
        let (mut start, mut bytes) = (u64::MAX, 0_u64);
        thrift.each_field(|thrift, number, kind| {
            match (number, kind) {
                (1, Type::List) => thrift.each_element(Type::Struct, |thrift| {
                    let chunk = self.chunk(thrift)?;
                    start = start.min(chunk.start);
                    bytes = bytes.saturating_add(chunk.bytes);
                    found.entry(match found.wants_entry() {
                        true => chunk.into_part(index),
                        false => Part::new("", 0, 0),
                    });
                    Ok(())
                })?,
                (3, Type::Integer) => rows = count(thrift, "a number of rows")?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        self.groups += 1;
        self.rows_of_groups = self.rows_of_groups.saturating_add(rows);
        if bytes > 0 {
            let part = Part::new(format!("row group {index}"), start, bytes);
            found.parts.add(part.with("rows", rows));
        }
        Ok(())
    }

    fn chunk(&mut self, thrift: &mut Thrift<'_>) -> Parsed<Chunk> {
        let (at, mut chunk) = (thrift.at(), Chunk::default());
        thrift.each_field(|thrift, number, kind| {
            match (number, kind) {
                (1, Type::Binary) => chunk.file = Some(thrift.text()?),
                (3, Type::Struct) => chunk.read(thrift)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        // Writers say 0 of a dictionary or of data pages that are not there.
        let pages = [chunk.dictionary, Some(chunk.data)];
        let pages = pages.into_iter().flatten().filter(|page| *page > 0);
        chunk.start = pages.min().unwrap_or(0);
        if let Some(bit) = chunk.codec.filter(|codec| *codec < 8) {
            self.codecs |= 1 << bit;
        }
        let end = chunk.start.checked_add(chunk.bytes);
        if chunk.file.is_none() && end.is_none_or(|end| end > self.start) {
            let expected = format!("a column chunk before the footer at byte {}", self.start);
            let place = format!("{} bytes at byte {}", chunk.bytes, chunk.start);
            return damage(at, expected, place);
        }
        Ok(chunk)
    }

    fn tell(&mut self, found: &mut Inspection) {
        if let Some(version) = self.version {
            found.fact("version", version);
        }
        if let Some(created_by) = self.created_by.take() {
            found.fact("created by", created_by);
        }
        if let Some(rows) = self.rows {
            found.fact("rows", rows);
        }
        found.fact("columns", self.columns);
        found.fact("row groups", self.groups);
        let used = CODECS.iter().enumerate();
        let used = used.filter(|(bit, _)| self.codecs >> bit & 1 == 1);
        let names: Vec<&str> = used.map(|(_, name)| *name).collect();
        if !names.is_empty() {
            found.fact("codecs", names.join(", "));
        }
        if self.metadata > 0 {
            found.fact("metadata keys", self.metadata);
        }
    }

    fn check(&self) -> Parsed<()> {
        match self.rows {
            None => damage(self.start, "the number of rows in the footer", "none"),
            Some(rows) if rows != self.rows_of_groups => damage(
                self.start,
                format!("row groups with {rows} rows in all"),
                self.rows_of_groups.to_string(),
            ),
            Some(_) => Ok(()),
        }
    }
}

/// The values of one column in one row group.
#[derive(Default)]
struct Chunk {
    path: String,
    file: Option<String>,
    kind: Option<u64>,
    codec: Option<u64>,
    values: u64,
    plain_bytes: u64,
    bytes: u64,
    data: u64,
    dictionary: Option<u64>,
    start: u64,
}

impl Chunk {
    /// Reads `ColumnMetaData`.
    fn read(&mut self, thrift: &mut Thrift<'_>) -> Parsed<()> {
        thrift.each_field(|thrift, number, kind| {
            match (number, kind) {
                (1, Type::Integer) => self.kind = Some(count(thrift, "a type")?),
                (3, Type::List) => {
                    self.path.clear();
                    thrift.each_element(Type::Binary, |thrift| self.name(thrift))?;
                }
                (4, Type::Integer) => self.codec = Some(count(thrift, "a codec")?),
                (5, Type::Integer) => self.values = count(thrift, "a number of values")?,
                (6, Type::Integer) => self.plain_bytes = count(thrift, "a size")?,
                (7, Type::Integer) => self.bytes = count(thrift, "a packed size")?,
                (9, Type::Integer) => self.data = count(thrift, "a place of pages")?,
                (11, Type::Integer) => {
                    self.dictionary = Some(count(thrift, "a place of a dictionary")?);
                }
                _ => return Ok(false),
            }
            Ok(true)
        })
    }

    /// Adds a name to the path, which grows no longer than one.
    fn name(&mut self, thrift: &mut Thrift<'_>) -> Parsed<()> {
        let name = thrift.text()?;
        if (self.path.len() + name.len()) as u64 <= TEXT_BYTES_MAX {
            if !self.path.is_empty() {
                self.path.push('.');
            }
            self.path.push_str(&name);
        }
        Ok(())
    }

    fn into_part(self, group: u64) -> Part {
        let named = |names: &[&str], number: Option<u64>| match number {
            Some(number) => match names.get(number as usize) {
                Some(name) => (*name).to_owned(),
                None => format!("number {number}"),
            },
            None => "unknown".to_owned(),
        };
        let part = Part::new(self.path, self.start, self.bytes)
            .with("row group", group)
            .with("type", named(&TYPES, self.kind))
            .with("codec", named(&CODECS, self.codec))
            .with("values", self.values)
            .with("unpacked", self.plain_bytes);
        match self.file {
            Some(file) => part.with("in the file", file),
            None => part,
        }
    }
}
