//! The wire format: varints, tags, and fields that are passed over.
//!
//! A message is a sequence of fields, each a tag (a field number and a wire type, as a varint) and a value whose
//! wire type says how long it is (<https://protobuf.dev/programming-guides/encoding/>). Everything here reads from a slice
//! that ends where the message does, so that no length can reach beyond it.

/// How deep messages and groups may lie in each other: the limit of Google's parsers.
pub(super) const DEPTH_MAX: u32 = 100;

/// The wire type of integers, booleans and enums.
pub(super) const VARINT: u8 = 0;
/// The wire type of eight bytes.
pub(super) const FIXED64: u8 = 1;
/// The wire type of texts, bytes, messages and packed lists: a length and so many bytes.
pub(super) const BYTES: u8 = 2;
/// The wire type that opens a group.
pub(super) const GROUP: u8 = 3;
/// The wire type that closes a group.
pub(super) const GROUP_END: u8 = 4;
/// The wire type of four bytes.
pub(super) const FIXED32: u8 = 5;

/// Why a message cannot be read any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stop {
    /// Where, in the slice that was read.
    pub(super) at: usize,
    pub(super) problem: Problem,
}

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// The message ends inside of a field.
    Cut,
    /// A varint that is longer than ten bytes or does not fit into 64 bits.
    Varint,
    /// A tag that does not fit into 32 bits, or has field number 0.
    Tag,
    /// Wire type 6 or 7.
    WireType(u8),
    /// A length that reaches beyond the end of its message.
    Length,
    /// A known field with the wire type of another type.
    FieldType { node: u32, field: u32, wire: u8 },
    /// A text that is no UTF-8; `at` is its first bad byte.
    Utf8,
    /// More than [`DEPTH_MAX`] messages in each other.
    Depth,
    /// The end of a group that did not begin, or of another one.
    GroupEnd,
    /// Bytes of a list of fixed width that are no multiple of it.
    Packed,
}

impl Problem {
    pub(super) fn at<T>(self, at: usize) -> Result<T, Stop> {
        Err(Stop { at, problem: self })
    }
}

/// Reads a varint at `at` and moves behind it.
#[inline(always)]
pub(super) fn varint(bytes: &[u8], at: &mut usize) -> Result<u64, Stop> {
    match bytes.get(*at) {
        Some(&byte) if byte < 0x80 => {
            *at += 1;
            Ok(u64::from(byte))
        }
        _ => long_varint(bytes, at),
    }
}

#[inline]
fn long_varint(bytes: &[u8], at: &mut usize) -> Result<u64, Stop> {
    let rest = bytes.get(*at..).unwrap_or_default();
    let mut value = 0;
    for (index, &byte) in rest.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7F) << (7 * index);
        if byte < 0x80 {
            if index == 9 && byte > 1 {
                return Problem::Varint.at(*at);
            }
            *at += index + 1;
            return Ok(value);
        }
    }
    if rest.len() < 10 {
        Problem::Cut.at(bytes.len())
    } else {
        Problem::Varint.at(*at)
    }
}

/// Reads a tag: the field number, from 1, and the wire type, of which 6 and 7 mean nothing.
#[inline(always)]
pub(super) fn tag(bytes: &[u8], at: &mut usize) -> Result<(u32, u8), Stop> {
    let start = *at;
    let tag = varint(bytes, at)?;
    match u32::try_from(tag) {
        Ok(tag) if tag >= 8 => Ok((tag >> 3, (tag & 7) as u8)),
        _ => Problem::Tag.at(start),
    }
}

/// Reads a length and gives the range of so many bytes behind it.
#[inline(always)]
pub(super) fn payload(bytes: &[u8], at: &mut usize) -> Result<(usize, usize), Stop> {
    let start = *at;
    let len = varint(bytes, at)?;
    let left = bytes.len() - *at;
    if len > left as u64 {
        return Problem::Length.at(start);
    }
    let from = *at;
    *at += len as usize;
    Ok((from, *at))
}

/// Reads four bytes, little end first.
#[inline(always)]
pub(super) fn fixed32(bytes: &[u8], at: &mut usize) -> Result<u32, Stop> {
    match bytes.get(*at..).and_then(|rest| rest.first_chunk()) {
        Some(chunk) => {
            *at += 4;
            Ok(u32::from_le_bytes(*chunk))
        }
        None => Problem::Cut.at(bytes.len()),
    }
}

/// Reads eight bytes, little end first.
#[inline(always)]
pub(super) fn fixed64(bytes: &[u8], at: &mut usize) -> Result<u64, Stop> {
    match bytes.get(*at..).and_then(|rest| rest.first_chunk()) {
        Some(chunk) => {
            *at += 8;
            Ok(u64::from_le_bytes(*chunk))
        }
        None => Problem::Cut.at(bytes.len()),
    }
}

/// Passes over the value of a field that nobody knows. `depth` is how many messages it lies in.
pub(super) fn skip(
    bytes: &[u8],
    at: &mut usize,
    number: u32,
    wire: u8,
    depth: u32,
) -> Result<(), Stop> {
    match wire {
        VARINT => varint(bytes, at).map(drop),
        FIXED64 => fixed64(bytes, at).map(drop),
        BYTES => payload(bytes, at).map(drop),
        FIXED32 => fixed32(bytes, at).map(drop),
        GROUP => group(bytes, at, number, depth + 1).map(drop),
        GROUP_END => Problem::GroupEnd.at(*at),
        _ => Problem::WireType(wire).at(*at),
    }
}

/// Passes over a group, `depth` messages deep, up to behind the tag that ends it; where that tag begins.
pub(super) fn group(bytes: &[u8], at: &mut usize, number: u32, depth: u32) -> Result<usize, Stop> {
    if depth > DEPTH_MAX {
        return Problem::Depth.at(*at);
    }
    loop {
        let start = *at;
        let (inner, wire) = tag(bytes, at)?;
        if wire == GROUP_END {
            return match inner == number {
                true => Ok(start),
                false => Problem::GroupEnd.at(start),
            };
        }
        skip(bytes, at, inner, wire, depth)?;
    }
}

/// The signed integer that was zigzagged: 0, -1, 1, -2, ...
#[inline(always)]
pub(super) fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<(u64, usize), Problem> {
        let mut at = 0;
        let value = varint(bytes, &mut at).map_err(|stop| stop.problem)?;
        Ok((value, at))
    }

    #[test]
    fn varints_are_those_of_prost() {
        for value in [0, 1, 127, 128, 300, 1 << 31, u64::MAX >> 1, u64::MAX] {
            let mut bytes = Vec::new();
            prost::encoding::encode_varint(value, &mut bytes);
            assert_eq!(read(&bytes), Ok((value, bytes.len())));
            for cut in 0..bytes.len() {
                assert_eq!(read(&bytes[..cut]), Err(Problem::Cut));
            }
        }
        assert_eq!(read(&[0x80, 0]), Ok((0, 2)), "longer than it must be");
        let mut long = [0xFF; 11];
        assert_eq!(read(&long), Err(Problem::Varint));
        long[9] = 2;
        assert_eq!(read(&long), Err(Problem::Varint), "65 bits");
    }

    #[test]
    fn lengths_do_not_reach_beyond_the_message() {
        let stop = payload(&[3, 0, 0], &mut 0).unwrap_err();
        assert_eq!(stop.problem, Problem::Length);
        let huge = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1];
        assert_eq!(payload(&huge, &mut 0).unwrap_err().problem, Problem::Length);
        assert_eq!(payload(&[2, 7, 8], &mut 0), Ok((1, 3)));
    }

    #[test]
    fn unknown_groups_end_where_they_should() {
        let group = |inner: &[u8], end: u8| [inner, &[end]].concat();
        // Field 2 is a varint in a group that field 1 opened.
        let skip_it = |bytes: &[u8]| {
            let mut at = 0;
            skip(bytes, &mut at, 1, GROUP, 0).map(|()| at)
        };
        assert_eq!(skip_it(&group(&[0x10, 5], 0x0C)), Ok(3));
        let wrong = skip_it(&group(&[0x10, 5], 0x14)).unwrap_err();
        assert_eq!((wrong.at, wrong.problem), (2, Problem::GroupEnd));
        assert_eq!(skip_it(&[0x10]).unwrap_err().problem, Problem::Cut);
        let bomb = [0x0B; 500];
        assert_eq!(skip_it(&bomb).unwrap_err().problem, Problem::Depth);
    }
}
