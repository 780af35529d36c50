//! Membership in a small set of short strings: countries, currencies, states.
//!
//! A field of up to eight bytes is one integer. A multiplication and a shift lead to the only slot
//! where it can be: the multiplier is searched when the set is built, until no two members meet.

use crate::kernel::{Empty, Kernel, Spans, dispatch};

/// The most members of a [`ShortSet`].
const MEMBERS_MAX: usize = 64;
/// The longest member, in bytes.
const MEMBER_BYTES_MAX: usize = 8;
/// Multipliers tried before the table is doubled.
const ATTEMPTS: u64 = 256;

/// A set of 1 to 64 byte strings of 1 to 8 bytes each.
#[derive(Clone, Debug)]
pub struct ShortSet {
    multiplier: u64,
    shift: u32,
    /// A power of two of them, `1 << (64 - shift)`.
    slots: Box<[Slot]>,
}

/// A member: its bytes, padded with zeros, and how many they are (0: the slot is free).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Slot {
    key: u64,
    len: u64,
}

impl Slot {
    fn new(bytes: &[u8]) -> Slot {
        let mut key = [0; MEMBER_BYTES_MAX];
        key[..bytes.len()].copy_from_slice(bytes);
        Slot {
            key: u64::from_le_bytes(key),
            len: bytes.len() as u64,
        }
    }
}

impl ShortSet {
    /// The set of these strings, in any order; `None` unless these are 1 to 64 different strings of
    /// 1 to 8 bytes each (repeated ones count once).
    pub fn new(members: &[&[u8]]) -> Option<ShortSet> {
        let mut members = members.to_vec();
        members.sort_unstable();
        members.dedup();
        let fits = |member: &&[u8]| (1..=MEMBER_BYTES_MAX).contains(&member.len());
        if !(1..=MEMBERS_MAX).contains(&members.len()) || !members.iter().all(fits) {
            return None;
        }
        let members: Vec<Slot> = members.into_iter().map(Slot::new).collect();
        let smallest = (members.len() * 2).next_power_of_two().ilog2();
        // Strings that differ only in trailing NULs share a key: no multiplier tells them apart.
        (smallest..=smallest + 6).find_map(|bits| ShortSet::arrange(&members, 64 - bits))
    }

    /// Looks for a multiplier that gives every member a slot of its own.
    fn arrange(members: &[Slot], shift: u32) -> Option<ShortSet> {
        // Odd multiples of the golden ratio: well mixed, and the same on every run.
        let multipliers = (0..ATTEMPTS).map(|n| 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(2 * n + 1));
        multipliers.into_iter().find_map(|multiplier| {
            let slots = vec![Slot::default(); 1 << (64 - shift)].into_boxed_slice();
            let mut set = ShortSet {
                multiplier,
                shift,
                slots,
            };
            for &member in members {
                let index = set.slot_of(member.key);
                if set.slots[index] != Slot::default() {
                    return None;
                }
                set.slots[index] = member;
            }
            Some(set)
        })
    }

    #[inline(always)]
    fn slot_of(&self, key: u64) -> usize {
        (key.wrapping_mul(self.multiplier) >> self.shift) as usize
    }

    /// Whether a field of `len` bytes is a member, given its bytes padded with zeros.
    #[inline(always)]
    fn contains_key(&self, key: u64, len: usize) -> bool {
        let slot = self.slots[self.slot_of(key)];
        (slot.key == key) & (slot.len == len as u64)
    }

    /// Whether `field` is a member: the definition of the kernel.
    #[inline(never)]
    pub fn contains(&self, field: &[u8]) -> bool {
        (1..=MEMBER_BYTES_MAX).contains(&field.len())
            && self.contains_key(Slot::new(field).key, field.len())
    }
}

impl Kernel {
    /// Marks the rows whose field is no member of `set`.
    pub fn mark_set(self, spans: &Spans<'_>, set: &ShortSet, empty: Empty, suspects: &mut [u64]) {
        dispatch!(
            self,
            mark_set(spans: &Spans<'_>, set: &ShortSet, empty: Empty, suspects: &mut [u64])
        );
    }
}

mod scalar {
    use super::ShortSet;
    use crate::kernel::{Empty, Spans};

    pub(super) fn mark_set(spans: &Spans<'_>, set: &ShortSet, empty: Empty, suspects: &mut [u64]) {
        for (word, rows) in spans.words(suspects) {
            for (bit, range) in rows {
                let field = &spans.bytes[range];
                let is_suspect = if field.is_empty() {
                    empty.is_suspect()
                } else {
                    !set.contains(field)
                };
                *word |= u64::from(is_suspect) << bit;
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod wide {
    use super::{MEMBER_BYTES_MAX, ShortSet};
    use crate::kernel::simd::{Simd, low_bits};
    use crate::kernel::{Empty, Spans};

    #[inline(always)]
    pub(super) fn mark_set<S: Simd>(
        _simd: S,
        spans: &Spans<'_>,
        set: &ShortSet,
        empty: Empty,
        suspects: &mut [u64],
    ) {
        for (word, rows) in spans.words(suspects) {
            for (bit, range) in rows {
                let len = range.len();
                let bytes = spans
                    .bytes
                    .get(range.start..)
                    .and_then(|rest| rest.first_chunk());
                let is_suspect = match bytes {
                    Some(bytes) if (1..=MEMBER_BYTES_MAX).contains(&len) => {
                        let key = u64::from_le_bytes(*bytes) & low_bits(len * 8);
                        !set.contains_key(key, len)
                    }
                    _ if range.is_empty() => empty.is_suspect(),
                    // Too long, or one of the last fields of `bytes`.
                    _ => !set.contains(&spans.bytes[range]),
                };
                *word |= u64::from(is_suspect) << bit;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_its_members_and_nothing_else() {
        let names: Vec<String> = (0..64).map(|n| format!("m{}", n * 7919)).collect();
        let members: Vec<&[u8]> = names.iter().map(|name| name.as_bytes()).collect();
        let set = ShortSet::new(&members).unwrap();
        assert!(members.iter().all(|member| set.contains(member)));
        assert!(!set.contains(b"m1") && !set.contains(b"") && !set.contains(b"m00000000"));
    }

    #[test]
    fn refuses_what_does_not_fit() {
        assert!(ShortSet::new(&[]).is_none());
        assert!(ShortSet::new(&[b""]).is_none());
        assert!(ShortSet::new(&[b"123456789"]).is_none());
        assert!(ShortSet::new(&[b"a", b"a\0"]).is_none());
        assert!(ShortSet::new(&[b"a", b"a"]).is_some());
    }
}
