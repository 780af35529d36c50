//! Notes: little records with an owner and a type, in which linkers leave the hash of a build.

use super::super::reader::{Cursor, Parsed};

/// GNU's type of a note with the hash of a build.
const BUILD_ID: u32 = 3;
/// No linker makes longer ones.
const BUILD_ID_BYTES_MAX: u32 = 64;

/// The hash of the build in hexadecimal digits, if a note has it.
pub(super) fn build_id(mut notes: Cursor<'_>) -> Parsed<Option<String>> {
    while notes.left() >= 12 {
        let name_bytes = notes.u32("the length of a name")?;
        let content_bytes = notes.u32("the length of a note")?;
        let kind = notes.u32("the type of a note")?;
        let name = notes.text(padded(name_bytes).min(notes.left()), "the owner of a note")?;
        if kind == BUILD_ID && name == b"GNU\0" && content_bytes <= BUILD_ID_BYTES_MAX {
            let hash = notes.text(content_bytes.into(), "the hash of the build")?;
            return Ok(Some(
                hash.iter().map(|byte| format!("{byte:02x}")).collect(),
            ));
        }
        notes.skip(padded(content_bytes).min(notes.left()), "a note")?;
    }
    Ok(None)
}

/// Names and contents are padded to four bytes.
fn padded(bytes: u32) -> u64 {
    u64::from(bytes).next_multiple_of(4)
}
