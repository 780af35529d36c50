//! `SQLite`: pages of one size; the first begins with a header of 100 bytes, behind which the root of the schema is
//! (<https://www.sqlite.org/fileformat2.html>).
//!
//! The schema is a table like all others: a B-tree whose rows name the tables, indexes, views and triggers and the
//! pages they begin on. Only its pages are read. What a write-ahead log beside the file holds is not in here.

mod record;
mod schema;

use super::finding::Inspection;
use super::reader::{Order, Parsed, Reader, damage};

const HEADER_BYTES: u64 = 100;

pub(super) fn read(reader: &Reader<'_>, found: &mut Inspection) -> Parsed<()> {
    let header = Header::read(reader, found)?;
    found.part("header", 0, HEADER_BYTES);
    let pages_bytes = header.pages.saturating_mul(header.page_bytes);
    if pages_bytes > reader.len() {
        let expected = format!("{} pages of {} bytes", header.pages, header.page_bytes);
        let found = format!("the end of the file at byte {}", reader.len());
        return damage(reader.len(), expected, found);
    }
    if reader.len() > pages_bytes {
        found.fact("bytes after the end", reader.len() - pages_bytes);
    }
    if header.first_free_page > 0 {
        let start = header.place_of(header.first_free_page, 32)?;
        found.part("first free page", start, header.page_bytes);
    }
    if header.pages == 0 {
        return Ok(());
    }
    schema::read(reader, &header, found)
}

/// How a database stores texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Utf8,
    Utf16(Order),
}

impl Encoding {
    fn decode(self, bytes: &[u8]) -> String {
        let Encoding::Utf16(order) = self else {
            return String::from_utf8_lossy(bytes).into_owned();
        };
        let (pairs, _) = bytes.as_chunks();
        let units = pairs.iter().map(|&pair| match order {
            Order::Little => u16::from_le_bytes(pair),
            Order::Big => u16::from_be_bytes(pair),
        });
        char::decode_utf16(units)
            .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect()
    }
}

/// What the rest of the file is read by.
struct Header {
    page_bytes: u64,
    /// Bytes of a page that hold content: others may be reserved at its end.
    usable_bytes: u64,
    pages: u64,
    first_free_page: u32,
    encoding: Encoding,
}

impl Header {
    fn read(reader: &Reader<'_>, found: &mut Inspection) -> Parsed<Header> {
        let mut fields = reader.range(0, HEADER_BYTES, Order::Big, "the header of SQLite")?;
        fields.skip(16, "the name of the format")?;
        let page_bytes = match fields.u16("the size of a page")? {
            1 => 65_536,
            size @ 512.. if size.is_power_of_two() => u64::from(size),
            size => {
                let expected = "a power of two from 512 on as the size of a page, or 1 for 65,536";
                return damage(16, expected, size.to_string());
            }
        };
        let [write_version, read_version, reserved] = fields.array("versions")?;
        let shares = fields.array::<3>("shares of a page")?;
        if shares != [64, 32, 32] {
            return damage(21, "shares 64, 32 and 32", format!("{shares:?}"));
        }
        let usable_bytes = page_bytes - u64::from(reserved);
        if usable_bytes < 480 {
            return damage(20, "480 usable bytes in a page", usable_bytes.to_string());
        }
        let changes = fields.u32("the number of changes")?;
        let stated = fields.u32("the number of pages")?;
        let first_free_page = fields.u32("the first free page")?;
        let free_pages = fields.u32("the number of free pages")?;
        fields.skip(4, "the version of the schema")?;
        let format = fields.u32("the format of the schema")?;
        fields.skip(4, "the size of the cache")?;
        let largest_root = fields.u32("the largest root page")?;
        let encoding = match fields.u32("the encoding of texts")? {
            // Nothing is in it yet.
            0 | 1 => Encoding::Utf8,
            2 => Encoding::Utf16(Order::Little),
            3 => Encoding::Utf16(Order::Big),
            other => return damage(56, "encoding 1, 2 or 3", other.to_string()),
        };
        let user_version = fields.u32("the user's version")?;
        fields.skip(4, "the mode of vacuuming")?;
        let application = fields.u32("the application")?;
        fields.skip(20, "reserved bytes")?;
        let (valid_for, version) = (fields.u32("a change")?, fields.u32("a version")?);
        // Old libraries change a file and leave the number of pages as it was.
        let pages = match stated {
            stated @ 1.. if valid_for == changes => stated.into(),
            _ => reader.len() / page_bytes,
        };
        found.fact("bytes per page", page_bytes);
        found.fact("pages", pages);
        found.fact("free pages", free_pages);
        found.fact(
            "encoding",
            match encoding {
                Encoding::Utf8 => "UTF-8",
                Encoding::Utf16(Order::Little) => "UTF-16, little-endian",
                Encoding::Utf16(Order::Big) => "UTF-16, big-endian",
            },
        );
        found.fact(
            "journal",
            match (write_version, read_version) {
                (2, 2) => "write-ahead log",
                (1, 1) => "rollback",
                _ => "unknown",
            },
        );
        found.fact("vacuums itself", largest_root > 0);
        found.fact("schema format", format);
        found.fact("user version", user_version);
        if application > 0 {
            found.fact("application", format!("{application:#010x}"));
        }
        let (major, minor) = (version / 1_000_000, version / 1000 % 1000);
        found.fact("written by", format!("{major}.{minor}.{}", version % 1000));
        Ok(Header {
            page_bytes,
            usable_bytes,
            pages,
            first_free_page,
            encoding,
        })
    }

    /// Where a page begins, of which the field at `said_at` says the number.
    fn place_of(&self, page: u32, said_at: u64) -> Parsed<u64> {
        match u64::from(page) {
            page @ 1.. if page <= self.pages => Ok((page - 1) * self.page_bytes),
            page => damage(
                said_at,
                format!("a page from 1 to {}", self.pages),
                page.to_string(),
            ),
        }
    }
}
