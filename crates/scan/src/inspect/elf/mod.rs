//! ELF: a header, and two tables that it points to: segments for whoever runs the file, sections for whoever links it
//! (System V ABI, chapters 4 and 5).
//!
//! 32 and 64 bits differ in the width and the order of some fields, so both are read into the same structs. What a
//! header cannot count in 16 bits stands in the first section.

mod names;
mod note;

use super::finding::{Inspection, Part};
use super::reader::{Cursor, Order, Parsed, Reader, TEXT_BYTES_MAX, damage};

const INTERPRETER: u32 = 3;
const NOTE: u32 = 4;
const DYNAMIC: u32 = 2;
/// A section without bytes in the file.
const NO_BITS: u32 = 8;
const SYMBOLS: u32 = 2;
/// More segments than that, and more sections, are counted in the first section.
const SEGMENTS_ELSEWHERE: u16 = 0xffff;
const NAMES_ELSEWHERE: u16 = 0xffff;

pub(super) fn read(reader: &Reader<'_>, found: &mut Inspection) -> Parsed<()> {
    let header = Header::read(reader, found)?;
    found.part("header", 0, header.bytes.into());
    let first = match header.section_table > 0 && header.section_table < reader.len() {
        true => Some(header.section(reader, 0)?),
        false => None,
    };
    let segments = match (header.segments, &first) {
        (SEGMENTS_ELSEWHERE, Some(first)) => first.info,
        (count, _) => count.into(),
    };
    let sections = match (header.sections, &first) {
        (0, Some(first)) => first.bytes,
        (count, _) => count.into(),
    };
    let name_section = match (header.name_section, &first) {
        (NAMES_ELSEWHERE, Some(first)) => first.link.into(),
        (index, _) => u64::from(index),
    };
    found.fact("segments", segments);
    found.fact("sections", sections);
    read_segments(&header, segments.into(), reader, found)?;
    read_sections(&header, sections, name_section, reader, found)
}

/// What the file's header says.
struct Header {
    is_wide: bool,
    order: Order,
    bytes: u16,
    segment_table: u64,
    segment_bytes: u16,
    segments: u16,
    section_table: u64,
    section_bytes: u16,
    sections: u16,
    name_section: u16,
}

/// An address, an offset or a size: as wide as the file's class.
fn word(fields: &mut Cursor<'_>, is_wide: bool, expected: &str) -> Parsed<u64> {
    match is_wide {
        true => fields.u64(expected),
        false => Ok(fields.u32(expected)?.into()),
    }
}

impl Header {
    fn read(reader: &Reader<'_>, found: &mut Inspection) -> Parsed<Header> {
        let mut ident = reader.range(0, 16, Order::Little, "the identification of ELF")?;
        ident.skip(4, "the signature of ELF")?;
        let [class, data, version, system] = ident.array("a class and an order of bytes")?;
        let (is_wide, bits) = match class {
            1 => (false, "32"),
            2 => (true, "64"),
            _ => return damage(4, "class 1 (32 bits) or 2 (64 bits)", class.to_string()),
        };
        let (order, order_name) = match data {
            1 => (Order::Little, "little-endian"),
            2 => (Order::Big, "big-endian"),
            _ => return damage(5, "byte order 1 (little) or 2 (big)", data.to_string()),
        };
        if version != 1 {
            return damage(6, "version 1", version.to_string());
        }
        let mut fields = reader.cursor(16, order);
        let kind = fields.u16("the type of the file")?;
        let machine = fields.u16("the machine")?;
        found.fact("class", format!("{bits} bits, {order_name}"));
        found.fact("type", names::of_type(kind));
        found.fact("machine", names::of_machine(machine));
        found.fact("system", names::of_system(system));
        fields.skip(4, "the version of the file")?;
        let entry = word(&mut fields, is_wide, "the entry point")?;
        if entry > 0 {
            found.fact("entry point", format!("{entry:#x}"));
        }
        let segment_table = word(&mut fields, is_wide, "the place of the segments")?;
        let section_table = word(&mut fields, is_wide, "the place of the sections")?;
        fields.skip(4, "the flags of the file")?;
        let place = fields.at();
        let bytes = fields.u16("the size of the header")?;
        if u64::from(bytes) > reader.len() {
            return damage(
                place,
                format!("a header inside of the file's {} bytes", reader.len()),
                format!("one of {bytes}"),
            );
        }
        Ok(Header {
            is_wide,
            order,
            segment_table,
            section_table,
            bytes,
            segment_bytes: fields.u16("the size of a segment's header")?,
            segments: fields.u16("the number of segments")?,
            section_bytes: fields.u16("the size of a section's header")?,
            sections: fields.u16("the number of sections")?,
            name_section: fields.u16("the section with the names")?,
        })
    }

    /// The table of `count` headers of `bytes` each, which need at least `bytes_min`.
    fn table<'a>(
        &self,
        reader: &'a Reader<'a>,
        place: (u64, u16, u64),
        bytes_min: u16,
        name: &str,
    ) -> Parsed<Cursor<'a>> {
        let (start, bytes, count) = place;
        if bytes < bytes_min {
            let expected = format!("headers of {bytes_min} bytes in the {name}");
            return damage(start, expected, bytes.to_string());
        }
        let Some(len) = count.checked_mul(bytes.into()) else {
            return damage(start, format!("the {name}"), format!("{count} of them"));
        };
        reader.range(start, len, self.order, &format!("the {name}"))
    }

    fn section(&self, reader: &Reader<'_>, index: u64) -> Parsed<Section> {
        let start = index
            .checked_mul(self.section_bytes.into())
            .and_then(|offset| offset.checked_add(self.section_table));
        let start = start.unwrap_or(u64::MAX);
        let bytes = if self.is_wide { 64 } else { 40 };
        let fields = reader.range(start, bytes, self.order, "the header of a section")?;
        Section::read(fields, self.is_wide)
    }
}

fn read_segments(
    header: &Header,
    count: u64,
    reader: &Reader<'_>,
    found: &mut Inspection,
) -> Parsed<()> {
    if count == 0 {
        return Ok(());
    }
    let place = (header.segment_table, header.segment_bytes, count);
    let bytes_min = if header.is_wide { 56 } else { 32 };
    let mut table = header.table(reader, place, bytes_min, "table of segments")?;
    found.part("table of segments", table.at(), table.left());
    let mut is_dynamic = false;
    while table.left() > 0 {
        let start = table.at();
        let mut fields = table.take(header.segment_bytes.into(), "the header of a segment")?;
        let kind = fields.u32("the type of a segment")?;
        if header.is_wide {
            fields.skip(4, "the flags of a segment")?;
        }
        let offset = word(&mut fields, header.is_wide, "the place of a segment")?;
        let address_bytes = if header.is_wide { 16 } else { 8 };
        fields.skip(address_bytes, "the addresses of a segment")?;
        let bytes = word(&mut fields, header.is_wide, "the size of a segment")?;
        found.part(
            format!("segment {}", names::of_segment(kind)),
            offset,
            bytes,
        );
        is_dynamic |= kind == DYNAMIC;
        if bytes == 0 {
            continue;
        }
        let end = offset.checked_add(bytes);
        if end.is_none_or(|end| end > reader.len()) {
            let place = format!("{bytes} bytes at byte {offset}");
            return damage(start, "a segment inside of the file", place);
        }
        let content = reader.range(offset, bytes, header.order, "a segment")?;
        match kind {
            INTERPRETER if found.facts.get("interpreter").is_none() => {
                found.fact("interpreter", text(content)?);
            }
            NOTE if found.facts.get("build").is_none() => {
                if let Some(build) = note::build_id(content)? {
                    found.fact("build", build);
                }
            }
            _ => {}
        }
    }
    found.fact(
        "linked",
        if is_dynamic {
            "dynamically"
        } else {
            "statically"
        },
    );
    Ok(())
}

/// A section's header.
struct Section {
    name: u32,
    kind: u32,
    address: u64,
    offset: u64,
    bytes: u64,
    link: u32,
    info: u32,
}

impl Section {
    fn read(mut fields: Cursor<'_>, is_wide: bool) -> Parsed<Section> {
        let name = fields.u32("the name of a section")?;
        let kind = fields.u32("the type of a section")?;
        word(&mut fields, is_wide, "the flags of a section")?;
        Ok(Section {
            name,
            kind,
            address: word(&mut fields, is_wide, "the address of a section")?,
            offset: word(&mut fields, is_wide, "the place of a section")?,
            bytes: word(&mut fields, is_wide, "the size of a section")?,
            link: fields.u32("the link of a section")?,
            info: fields.u32("the information of a section")?,
        })
    }

    fn has_bytes(&self) -> bool {
        // The first section is none: its fields count what the header cannot.
        !matches!(self.kind, 0 | NO_BITS)
    }
}

fn read_sections(
    header: &Header,
    count: u64,
    name_section: u64,
    reader: &Reader<'_>,
    found: &mut Inspection,
) -> Parsed<()> {
    if count == 0 || header.section_table == 0 {
        return Ok(());
    }
    let place = (header.section_table, header.section_bytes, count);
    let bytes_min = if header.is_wide { 64 } else { 40 };
    let mut table = header.table(reader, place, bytes_min, "table of sections")?;
    found.part("table of sections", table.at(), table.left());
    let names = match name_section {
        0 => None,
        index if index < count => Some(header.section(reader, index)?),
        index => {
            let expected = format!("the names in one of {count} sections");
            return damage(table.at(), expected, format!("in section {index}"));
        }
    };
    let mut has_symbols = false;
    while table.left() > 0 {
        let start = table.at();
        let fields = table.take(header.section_bytes.into(), "the header of a section")?;
        let section = Section::read(fields, header.is_wide)?;
        let end = section.offset.checked_add(section.bytes);
        if section.has_bytes() && end.is_none_or(|end| end > reader.len()) {
            let place = format!("{} bytes at byte {}", section.bytes, section.offset);
            return damage(start, "a section inside of the file", place);
        }
        has_symbols |= section.kind == SYMBOLS;
        if !found.wants_entry() {
            found.entry(Part::new("", 0, 0));
            continue;
        }
        let name = match &names {
            Some(names) => section_name(reader, header.order, names, section.name)?,
            None => String::new(),
        };
        let bytes = if section.has_bytes() {
            section.bytes
        } else {
            0
        };
        let mut part =
            Part::new(name, section.offset, bytes).with("type", names::of_section(section.kind));
        if section.kind == NO_BITS {
            part = part.with("bytes in memory", section.bytes);
        }
        if section.address > 0 {
            part = part.with("address", format!("{:#x}", section.address));
        }
        found.entry(part);
    }
    found.fact("symbols", if has_symbols { "yes" } else { "stripped" });
    Ok(())
}

/// The name that begins at `at` in the section of names.
fn section_name(reader: &Reader<'_>, order: Order, names: &Section, at: u32) -> Parsed<String> {
    let Some(left) = names.bytes.checked_sub(at.into()) else {
        let expected = format!("a name in {} bytes of names", names.bytes);
        return damage(names.offset, expected, format!("one at byte {at}"));
    };
    let start = names.offset.saturating_add(at.into());
    text(reader.range(start, left, order, "the name of a section")?)
}

/// The text up to a zero, or to the end.
fn text(mut content: Cursor<'_>) -> Parsed<String> {
    let bytes = content.text(content.left().min(TEXT_BYTES_MAX), "a text")?;
    let text = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
    Ok(String::from_utf8_lossy(text).into_owned())
}
