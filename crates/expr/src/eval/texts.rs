//! Steps whose values are texts.

use tamis_formats::vector::Texts;

use super::integers::count_chars;
use super::parts::Room;
use super::view::TextLane;
use super::{Run, Scratch};
use crate::program::{Conversion, Op, Step};
use crate::temporal;
use crate::ty::Ty;

/// The longest text that is put together, in bytes: longer than any field should be.
const TEXT_BYTES_MAX: usize = 1 << 20;

impl Run<'_> {
    pub(super) fn texts(&self, step: &Step, out: &mut Texts, scratch: &mut Scratch) {
        let lane = |index: usize| self.data(step.operands[index]).texts();
        let Scratch {
            bits: bad,
            text,
            room,
            ..
        } = scratch;
        match step.op {
            Op::Convert(Conversion::ToText(ty)) => self.written(ty, step, out, text),
            Op::Concat => {
                let lanes: [TextLane<'_>; 2] = [lane(0), lane(1)];
                self.each_row(bad, |row| {
                    let parts = lanes.map(|lane| lane.get(row));
                    push(room, out, parts[0].len() + parts[1].len(), |out| {
                        parts.iter().for_each(|part| out.extend_from_slice(part));
                    })
                });
            }
            Op::Replace => {
                let lanes = [lane(0), lane(1), lane(2)];
                self.each_row(bad, |row| {
                    let [text, from, to] = lanes.map(|lane| lane.get(row));
                    replace(text, from, to, room, out)
                });
            }
            Op::Substring => {
                let text = lane(0);
                let bound = |index: usize| {
                    step.operands
                        .get(index)
                        .map(|&operand| self.data(operand).integers())
                };
                let (start, end) = (bound(1), bound(2));
                self.each_row(bad, |row| {
                    let text = text.get(row);
                    let start = start.map_or(0, |start| start.get(row));
                    let part = substring(text, start, end.map(|end| end.get(row)));
                    copy(part.unwrap_or_default(), room, out);
                    part.is_none()
                });
            }
            Op::Trim => {
                let text = lane(0);
                (0..self.rows).for_each(|row| copy(text.get(row).trim_ascii(), room, out));
            }
            Op::LowerAscii | Op::UpperAscii => {
                let text = lane(0);
                for row in 0..self.rows {
                    let text = text.get(row);
                    room.push(out, text.len(), |out| {
                        let start = out.len();
                        out.extend_from_slice(text);
                        match step.op {
                            Op::LowerAscii => out[start..].make_ascii_lowercase(),
                            _ => out[start..].make_ascii_uppercase(),
                        }
                    });
                }
            }
            _ => unreachable!("no other step has texts: {:?}", step.op),
        }
    }

    /// Values as texts.
    fn written(&self, ty: Ty, step: &Step, out: &mut Texts, text: &mut String) {
        let data = self.data(step.operands[0]);
        for row in 0..self.rows {
            text.clear();
            match ty {
                Ty::Null | Ty::Text => {}
                Ty::Boolean => {
                    let is_true = data.bits(row / 64) >> (row % 64) & 1 == 1;
                    text.push_str(if is_true { "true" } else { "false" });
                }
                Ty::Integer => {
                    text.push_str(itoa::Buffer::new().format(data.integers().get(row)));
                }
                Ty::Number => {
                    let mut buffer = zmij::Buffer::new();
                    let written = buffer.format(data.numbers().get(row));
                    // As CEL has it: the number 2.0 is written as the integer is.
                    text.push_str(written.strip_suffix(".0").unwrap_or(written));
                }
                Ty::Date | Ty::Time | Ty::Timestamp => {
                    temporal::write_moment(ty.column_type(), data.integers().get(row), text);
                }
                Ty::Duration => temporal::write_duration(data.integers().get(row), text),
            }
            out.push(text.as_bytes());
        }
    }
}

/// Adds a copy of a text.
#[inline]
fn copy(text: &[u8], room: &mut Room, out: &mut Texts) {
    room.push(out, text.len(), |out| out.extend_from_slice(text));
}

/// Adds a text of so many bytes; an empty one, and true, if that is too long.
fn push(room: &mut Room, out: &mut Texts, len: usize, write: impl FnOnce(&mut Vec<u8>)) -> bool {
    let is_too_long = len > TEXT_BYTES_MAX;
    match is_too_long {
        true => out.push(b""),
        false => room.push(out, len, write),
    }
    is_too_long
}

/// From one character to the one before another; `None` where there are fewer, or they stand the other way round.
fn substring(text: &[u8], start: i64, end: Option<i64>) -> Option<&[u8]> {
    let start = offset_of(text, start)?;
    let end = match end {
        Some(end) => offset_of(text, end)?,
        None => text.len(),
    };
    text.get(start..end)
}

/// The byte at which a character begins; the end of the text is one more.
fn offset_of(text: &[u8], character: i64) -> Option<usize> {
    let character = usize::try_from(character).ok()?;
    if text.is_ascii() {
        return (character <= text.len()).then_some(character);
    }
    let mut begins = text
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte & 0xC0 != 0x80);
    match begins.nth(character) {
        Some((at, _)) => Some(at),
        None => (count_chars(text) == character).then_some(text.len()),
    }
}

/// Adds a text with one replaced by another; true if that is too long. Nothing is found in place of an empty text.
fn replace(text: &[u8], from: &[u8], to: &[u8], room: &mut Room, out: &mut Texts) -> bool {
    if from.is_empty() {
        copy(text, room, out);
        return false;
    }
    let count = memchr::memmem::find_iter(text, from).count();
    let len = count
        .checked_mul(to.len())
        .map(|more| more + text.len() - count * from.len());
    push(room, out, len.unwrap_or(usize::MAX), |out| {
        let mut rest = 0;
        for at in memchr::memmem::find_iter(text, from) {
            out.extend_from_slice(&text[rest..at]);
            out.extend_from_slice(to);
            rest = at + from.len();
        }
        out.extend_from_slice(&text[rest..]);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_counted_not_bytes() {
        let text = "aé☃b".as_bytes();
        assert_eq!(substring(text, 1, Some(3)), Some("é☃".as_bytes()));
        assert_eq!(substring(text, 4, None), Some(&b""[..]));
        assert_eq!(substring(text, 5, None), None);
        assert_eq!(substring(text, 2, Some(1)), None);
        assert_eq!(substring(text, -1, None), None);
        assert_eq!(substring(b"abc", 1, Some(2)), Some(&b"b"[..]));
        assert_eq!(substring(b"abc", 4, None), None);
    }
}
