//! Bytes of the store's files: what all writers and readers share.
//!
//! Integers are little-endian and of fixed width in tables that are searched, and LEB128 (`varint`, as in Protobuf and
//! DWARF) in what is read from front to back. A reader checks every length against what is left, so that no
//! damage leads further than to [`Flaw`].

/// What is wrong with bytes, and where: counted from the start of what the reader was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// Where it was noticed.
    pub byte_offset: usize,
    /// What is wrong.
    pub detail: &'static str,
}

/// Shorthand for results of readers.
pub(crate) type Read<T> = Result<T, Flaw>;

/// The checksum of what is too short for a BLAKE3 hash of its own: XXH3-64 with seed 0.
pub fn checksum(bytes: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(bytes)
}

/// Appends `value` as LEB128: seven bits a byte, the lowest first; one to ten bytes.
pub(crate) fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends the length of `bytes` as LEB128, and `bytes`.
pub(crate) fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    put_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// Reads from the front of a slice.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'b> {
    bytes: &'b [u8],
    position: usize,
}

impl<'b> Reader<'b> {
    /// A reader at the start of `bytes`.
    pub(crate) fn new(bytes: &'b [u8]) -> Reader<'b> {
        Reader { bytes, position: 0 }
    }

    /// How far it is.
    pub(crate) fn position(&self) -> usize {
        self.position
    }

    /// Whether everything was read.
    pub(crate) fn is_empty(&self) -> bool {
        self.position == self.bytes.len()
    }

    /// Bytes that are left.
    pub(crate) fn remaining(&self) -> usize {
        self.bytes.len() - self.position
    }

    /// For what is wrong right here.
    pub(crate) fn flaw(&self, detail: &'static str) -> Flaw {
        Flaw {
            byte_offset: self.position,
            detail,
        }
    }

    /// The next `count` bytes.
    pub(crate) fn take(&mut self, count: usize) -> Read<&'b [u8]> {
        if count > self.remaining() {
            return Err(self.flaw("it ends too early"));
        }
        let taken = &self.bytes[self.position..self.position + count];
        self.position += count;
        Ok(taken)
    }

    /// The next `N` bytes.
    pub(crate) fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        let taken = self.take(N)?;
        Ok(taken.try_into().expect("so many were taken"))
    }

    /// One byte.
    pub(crate) fn u8(&mut self) -> Read<u8> {
        Ok(self.array::<1>()?[0])
    }

    /// Two bytes, little-endian.
    pub(crate) fn u16(&mut self) -> Read<u16> {
        self.array().map(u16::from_le_bytes)
    }

    /// Four bytes, little-endian.
    pub(crate) fn u32(&mut self) -> Read<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// Eight bytes, little-endian.
    pub(crate) fn u64(&mut self) -> Read<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// Eight bytes, little-endian, two's complement.
    pub(crate) fn i64(&mut self) -> Read<i64> {
        self.array().map(i64::from_le_bytes)
    }

    /// A LEB128 number; one that is longer than it needs to be is refused, so that equal values have equal bytes.
    pub(crate) fn varint(&mut self) -> Read<u64> {
        let start = self.clone();
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(start.flaw("a number is larger than 64 bits"));
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return match byte == 0 && shift > 0 {
                    true => Err(start.flaw("a number is longer than it needs to be")),
                    false => Ok(value),
                };
            }
        }
        Err(start.flaw("a number is larger than 64 bits"))
    }

    /// A LEB128 number that fits 32 bits.
    pub(crate) fn varint32(&mut self) -> Read<u32> {
        let start = self.clone();
        u32::try_from(self.varint()?).map_err(|_| start.flaw("a number is larger than 32 bits"))
    }

    /// Bytes behind their length.
    pub(crate) fn bytes(&mut self) -> Read<&'b [u8]> {
        let start = self.clone();
        let len = self.varint()?;
        match usize::try_from(len) {
            Ok(len) if len <= self.remaining() => self.take(len),
            _ => Err(start.flaw("a length reaches beyond the end")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    use crate::testing::cases;

    proptest! {
        #![proptest_config(cases(256))]

        #[test]
        fn numbers_read_back(value: u64, shift in 0..64) {
            let value = value >> shift;
            let mut bytes = Vec::new();
            put_varint(value, &mut bytes);
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(reader.varint(), Ok(value));
            prop_assert!(reader.is_empty());
            for end in 0..bytes.len() {
                prop_assert!(Reader::new(&bytes[..end]).varint().is_err());
            }
        }
    }

    #[test]
    fn a_number_has_one_form() {
        assert!(Reader::new(&[0x80, 0]).varint().is_err());
        assert!(Reader::new(&[0xff; 11]).varint().is_err());
        let mut largest = vec![0xff; 9];
        largest.push(1);
        assert_eq!(Reader::new(&largest).varint(), Ok(u64::MAX));
        largest[9] = 2;
        assert!(Reader::new(&largest).varint().is_err());
    }

    #[test]
    fn a_length_is_held_against_what_is_there() {
        let mut bytes = Vec::new();
        put_bytes(b"abc", &mut bytes);
        assert_eq!(Reader::new(&bytes).bytes(), Ok(&b"abc"[..]));
        assert!(Reader::new(&bytes[..3]).bytes().is_err());
    }
}
