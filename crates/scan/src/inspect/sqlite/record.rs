//! A row of the schema: a cell, its payload, which may go on in overflow pages, and the columns in it.
//!
//! The statement that made the object is the last column and may be long; all that is wanted stands before it. So no
//! more than [`PAYLOAD_BYTES_MAX`] of a payload are read, and of a row that is only counted [`COUNTED_BYTES_MAX`]: any
//! number of pointers may lead to one long row.

use super::super::reader::{Cursor, Order, Parsed, Reader, damage};
use super::Header;

/// Two names of the length that is kept, in UTF-16 too, and the columns around them.
const PAYLOAD_BYTES_MAX: u64 = 16 << 10;
/// The header of a record, and its first column.
const COUNTED_BYTES_MAX: u64 = 64;

/// What a row of the schema says.
pub(super) struct Row {
    /// Where its cell begins, and its size there.
    pub(super) at: u64,
    pub(super) bytes: u64,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) table: String,
    /// 0 for what has no pages.
    pub(super) root: u32,
}

impl Row {
    pub(super) fn read(
        reader: &Reader<'_>,
        header: &Header,
        mut cell: Cursor<'_>,
        is_counted: bool,
    ) -> Parsed<Row> {
        let at = cell.at();
        let payload_bytes = varint(&mut cell)?;
        varint(&mut cell)?;
        let local_bytes = local_bytes(payload_bytes, header.usable_bytes);
        let mut local = cell.take(local_bytes, "the content of a row")?;
        let wanted = payload_bytes.min(match is_counted {
            true => COUNTED_BYTES_MAX,
            false => PAYLOAD_BYTES_MAX,
        });
        let mut payload = Vec::new();
        append(&mut local, wanted, &mut payload)?;
        if local_bytes < payload_bytes {
            let said_at = cell.at();
            let next = cell.u32("an overflow page")?;
            overflow(reader, header, (next, said_at), wanted, &mut payload)?;
        }
        let bytes = cell.at() - at;
        match columns(&payload, wanted < payload_bytes) {
            Some([kind, name, table, root]) => Ok(Row {
                at,
                bytes,
                kind: kind.text(header),
                name: name.text(header),
                table: table.text(header),
                root: u32::try_from(root.integer()).unwrap_or(u32::MAX),
            }),
            None => damage(at, "a row of the schema", "something else"),
        }
    }
}

/// Bytes of a payload in the cell itself (section 1.6 of the file format).
fn local_bytes(payload_bytes: u64, usable_bytes: u64) -> u64 {
    if payload_bytes <= usable_bytes - 35 {
        return payload_bytes;
    }
    let least = (usable_bytes - 12) * 32 / 255 - 23;
    let even = least + (payload_bytes - least) % (usable_bytes - 4);
    if even <= usable_bytes - 35 {
        even
    } else {
        least
    }
}

/// Appends bytes of `from`, as long as fewer than `wanted` are there.
fn append(from: &mut Cursor<'_>, wanted: u64, payload: &mut Vec<u8>) -> Parsed<()> {
    loop {
        let missing = wanted.saturating_sub(payload.len() as u64);
        // As much as is read at once without asking anybody's length for memory.
        let len = missing.min(from.left()).min(1024);
        if len == 0 {
            return Ok(());
        }
        payload.extend_from_slice(&from.text(len, "the content of a row")?);
    }
}

/// Follows the chain of overflow pages; each gives some bytes, so it ends with those that are wanted.
fn overflow(
    reader: &Reader<'_>,
    header: &Header,
    (mut next, mut said_at): (u32, u64),
    wanted: u64,
    payload: &mut Vec<u8>,
) -> Parsed<()> {
    while (payload.len() as u64) < wanted {
        let start = header.place_of(next, said_at)?;
        let mut page = reader.range(start, header.usable_bytes, Order::Big, "an overflow page")?;
        (said_at, next) = (start, page.u32("the next overflow page")?);
        append(&mut page, wanted, payload)?;
    }
    Ok(())
}

/// A number of one to nine bytes, the last of which has eight bits.
fn varint(bytes: &mut Cursor<'_>) -> Parsed<u64> {
    let mut value = 0;
    for _ in 0..8 {
        let byte = bytes.u8("a number")?;
        value = value << 7 | u64::from(byte & 0x7f);
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Ok(value << 8 | u64::from(bytes.u8("a number")?))
}

/// A value of a row.
#[derive(Clone, Copy, Default)]
struct Column<'a> {
    is_text: bool,
    bytes: &'a [u8],
    constant: u8,
}

impl Column<'_> {
    fn text(self, header: &Header) -> String {
        if !self.is_text {
            return String::new();
        }
        header.encoding.decode(self.bytes)
    }

    fn integer(self) -> u64 {
        if self.is_text {
            return 0;
        }
        let bytes = self.bytes.iter();
        bytes.fold(self.constant.into(), |value, byte| {
            value << 8 | u64::from(*byte)
        })
    }
}

/// The first four columns of a record (section 2.1): its header lists their types, their values follow. `is_cut`: the
/// record goes on behind `payload`.
fn columns(payload: &[u8], is_cut: bool) -> Option<[Column<'_>; 4]> {
    let (header_bytes, mut at) = short_varint(payload, 0)?;
    let mut value_at = usize::try_from(header_bytes).ok()?;
    let mut columns = [Column::default(); 4];
    for column in &mut columns {
        if at as u64 >= header_bytes {
            return None;
        }
        let (kind, behind) = short_varint(payload, at)?;
        at = behind;
        let len = match kind {
            0 | 8 | 9 => 0,
            1..=4 => kind,
            5 => 6,
            6 | 7 => 8,
            10 | 11 => return None,
            kind => (kind - 12) / 2,
        };
        column.is_text = kind >= 13 && kind % 2 == 1;
        column.constant = u8::from(kind == 9);
        let left = payload.get(value_at..)?;
        let len = usize::try_from(len).ok()?;
        // A name that is longer than what was read of it is cut.
        let kept = len.min(left.len());
        if kept < len && !is_cut {
            return None;
        }
        column.bytes = &left[..kept];
        value_at += kept;
    }
    Some(columns)
}

/// A varint of memory; it and where it ends.
fn short_varint(bytes: &[u8], start: usize) -> Option<(u64, usize)> {
    let mut value = 0;
    for at in start..start + 8 {
        let byte = *bytes.get(at)?;
        value = value << 7 | u64::from(byte & 0x7f);
        if byte < 0x80 {
            return Some((value, at + 1));
        }
    }
    let byte = *bytes.get(start + 8)?;
    Some((value << 8 | u64::from(byte), start + 9))
}
