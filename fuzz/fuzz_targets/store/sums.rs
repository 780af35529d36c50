//! Puts the right checksums into files of the store (`docs/store-format.md`), as far as there is room for them.

use tamis_store::codec::checksum;

const HASH_BYTES: usize = 32;
const PACK_HEADER_BYTES: usize = 16;
const PACK_TRAILER_BYTES: usize = 56;
const FRAME_HEADER_BYTES: usize = 36;
const FRAME_ROW_BYTES: usize = 28;
const ENTRY_BYTES: usize = 36;
const LOG_HEADER_BYTES: usize = 32;
const TABLE_HEADER_BYTES: usize = 72;

/// The file for this reader, with the right checksums.
pub(crate) fn put_right(reader: u8, bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    // Whatever is too short for its checksums stays as it is.
    let _ = match reader % crate::READERS {
        0 => pack(&mut bytes),
        1 => frame(&mut bytes).map(drop),
        2 => segment(&mut bytes),
        5 | 7 | 8 => hash(&mut bytes),
        6 => log(&mut bytes),
        9 => {
            let at = 4 + log_and_table(&bytes).0.len();
            bytes.get_mut(4..at).and_then(log);
            bytes.get_mut(at..).and_then(table)
        }
        _ => None,
    };
    bytes
}

/// A log behind its length, and a table behind that.
pub(crate) fn log_and_table(bytes: &[u8]) -> (&[u8], &[u8]) {
    let Some((len_bytes, rest)) = bytes.split_first_chunk() else {
        return (&[], &[]);
    };
    let len_bytes = u32::from_le_bytes(*len_bytes) as usize;
    rest.split_at(len_bytes.min(rest.len()))
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes(*bytes) as usize)
}

fn put(bytes: &mut [u8], at: usize, what: &[u8]) -> Option<()> {
    bytes.get_mut(at..at + what.len())?.copy_from_slice(what);
    Some(())
}

/// The hash of all at the end.
fn hash(bytes: &mut [u8]) -> Option<()> {
    let (content, end) = bytes.split_last_chunk_mut::<HASH_BYTES>()?;
    *end = *blake3::hash(content).as_bytes();
    Some(())
}

/// Those of all frames that the footer names, and the hash of the footer.
fn pack(bytes: &mut [u8]) -> Option<()> {
    let trailer = bytes.len().checked_sub(PACK_TRAILER_BYTES)?;
    let (frames, entries) = (number(bytes, trailer)?, number(bytes, trailer + 4)?);
    let footer_bytes = frames.checked_mul(FRAME_ROW_BYTES)? + entries.checked_mul(ENTRY_BYTES)?;
    let footer = trailer.checked_sub(footer_bytes)?;
    for row in (0..frames).map(|frame| footer + frame * FRAME_ROW_BYTES) {
        let start = number(bytes, row)?;
        let Some(sum) = bytes.get_mut(start..footer).and_then(frame) else {
            continue;
        };
        put(bytes, row + 20, &sum.to_le_bytes());
    }
    let end = bytes.len() - HASH_BYTES;
    let mut hasher = blake3::Hasher::new();
    hasher.update(bytes.get(..PACK_HEADER_BYTES)?);
    hasher.update(&bytes[footer..end]);
    put(bytes, end, hasher.finalize().as_bytes())
}

/// Those of the frame that the bytes begin with; that of its payload.
fn frame(bytes: &mut [u8]) -> Option<u64> {
    let (entries, stored) = (number(bytes, 8)?, number(bytes, 16)?);
    let payload = FRAME_HEADER_BYTES + entries.checked_mul(ENTRY_BYTES)?;
    let sum = checksum(bytes.get(payload..payload.checked_add(stored)?)?);
    put(bytes, 20, &sum.to_le_bytes())?;
    let head =
        checksum(&bytes[..28]) ^ checksum(&bytes[FRAME_HEADER_BYTES..payload]).rotate_left(1);
    put(bytes, 28, &head.to_le_bytes())?;
    Some(sum)
}

/// That of the header and the pack table, and the hash of all.
fn segment(bytes: &mut [u8]) -> Option<()> {
    let packs = number(bytes, 16)?.checked_mul(64)?;
    let checked = [bytes.get(..56)?, bytes.get(64..64 + packs)?].concat();
    put(bytes, 56, &checksum(&checked).to_le_bytes())?;
    hash(bytes)
}

/// That of the header, and those of the records up to one whose length is wrong.
fn log(bytes: &mut [u8]) -> Option<()> {
    let sum = checksum(bytes.get(..24)?);
    put(bytes, 24, &sum.to_le_bytes())?;
    let mut at = LOG_HEADER_BYTES;
    while at < bytes.len() {
        let len_bytes = number(bytes, at).filter(|&it| it > 8)?;
        let sum = checksum(bytes.get(at + 8..at.checked_add(len_bytes)?)?);
        put(bytes, at + 4, &sum.to_le_bytes()[..4])?;
        at += len_bytes;
    }
    Some(())
}

/// That of the header and the slots.
fn table(bytes: &mut [u8]) -> Option<()> {
    let checked = [bytes.get(..64)?, bytes.get(TABLE_HEADER_BYTES..)?].concat();
    put(bytes, 64, &checksum(&checked).to_le_bytes())
}
