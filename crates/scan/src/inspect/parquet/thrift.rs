//! Thrift's compact protocol, as far as a Parquet footer needs it: fields by number, everything else stepped over.
//!
//! Structs carry their own field numbers and types, so what is not known can be skipped. A hostile footer could nest
//! without end or announce lists of any length: structs may nest [`DEPTH_MAX`] deep, and a list of more
//! elements than bytes are left is damage before the first element is read. Every element takes at least a byte, so
//! reading ends with the footer at the latest.

use super::super::reader::{Cursor, Parsed, damage};

/// Structs and lists in one another. A footer needs seven.
const DEPTH_MAX: u32 = 24;

/// What a value is (compact protocol, "Struct encoding").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    True,
    False,
    Byte,
    /// Of 16, 32 or 64 bits: all are written alike.
    Integer,
    Double,
    Binary,
    List,
    Map,
    Struct,
    Uuid,
}

impl Type {
    fn of(code: u8, at: u64) -> Parsed<Type> {
        Ok(match code {
            1 => Type::True,
            2 => Type::False,
            3 => Type::Byte,
            4..=6 => Type::Integer,
            7 => Type::Double,
            8 => Type::Binary,
            9 | 10 => Type::List,
            11 => Type::Map,
            12 => Type::Struct,
            13 => Type::Uuid,
            _ => return damage(at, "a type of Thrift", code.to_string()),
        })
    }
}

/// Reads values from front to back.
pub(super) struct Thrift<'a> {
    bytes: Cursor<'a>,
    depth: u32,
}

impl<'a> Thrift<'a> {
    pub(super) fn new(bytes: Cursor<'a>) -> Thrift<'a> {
        Thrift { bytes, depth: 0 }
    }

    /// Where the next value begins, in the file.
    pub(super) fn at(&self) -> u64 {
        self.bytes.at()
    }

    /// Calls `field` with the number and the type of each field of a struct; it returns whether it took the value.
    pub(super) fn each_field(
        &mut self,
        mut field: impl FnMut(&mut Self, i16, Type) -> Parsed<bool>,
    ) -> Parsed<()> {
        self.enter()?;
        let mut number = 0_i16;
        loop {
            let at = self.at();
            let head = self.bytes.u8("a field or the end of a struct")?;
            if head == 0 {
                break;
            }
            let kind = Type::of(head & 15, at)?;
            number = match head >> 4 {
                0 => self.integer()? as i16,
                step => number.wrapping_add(step.into()),
            };
            if !field(self, number, kind)? {
                self.skip(kind)?;
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// Calls `element` for each element of a list of `expected` type.
    pub(super) fn each_element(
        &mut self,
        expected: Type,
        mut element: impl FnMut(&mut Self) -> Parsed<()>,
    ) -> Parsed<()> {
        let at = self.at();
        let (count, kind) = self.list_header()?;
        if kind != Some(expected) && count > 0 {
            let found = kind.map_or("none".to_owned(), |kind| format!("one of {kind:?}"));
            return damage(at, format!("a list of {expected:?}"), found);
        }
        for _ in 0..count {
            element(self)?;
        }
        Ok(())
    }

    /// A number, in zigzag.
    pub(super) fn integer(&mut self) -> Parsed<i64> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// A text, of which the first bytes are kept.
    pub(super) fn text(&mut self) -> Parsed<String> {
        let len = self.varint()?;
        let bytes = self.bytes.text(len, "a text")?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// How many elements a list has, and of which type; the type of an empty one may be any.
    fn list_header(&mut self) -> Parsed<(u64, Option<Type>)> {
        let at = self.at();
        let head = self.bytes.u8("the head of a list")?;
        let count = match head >> 4 {
            15 => self.varint()?,
            count => count.into(),
        };
        if count > self.bytes.left() {
            let expected = format!("a list of at most {} elements", self.bytes.left());
            return damage(at, expected, count.to_string());
        }
        let kind = match count {
            0 => None,
            _ => Some(Type::of(head & 15, at)?),
        };
        Ok((count, kind))
    }

    fn varint(&mut self) -> Parsed<u64> {
        let at = self.at();
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.bytes.u8("a number")?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        damage(at, "a number of at most ten bytes", "a longer one")
    }

    fn enter(&mut self) -> Parsed<()> {
        self.depth += 1;
        match self.depth {
            0..=DEPTH_MAX => Ok(()),
            depth => damage(
                self.at(),
                format!("at most {DEPTH_MAX} structs in one another"),
                depth.to_string(),
            ),
        }
    }

    /// Steps over a value. Recursion is bounded by [`Thrift::enter`].
    fn skip(&mut self, kind: Type) -> Parsed<()> {
        match kind {
            Type::True | Type::False => Ok(()),
            Type::Byte => self.bytes.skip(1, "a byte"),
            Type::Integer => self.varint().map(drop),
            Type::Double => self.bytes.skip(8, "a number"),
            Type::Uuid => self.bytes.skip(16, "a UUID"),
            Type::Binary => {
                let len = self.varint()?;
                self.bytes.skip(len, "a text")
            }
            Type::Struct => self.each_field(|_, _, _| Ok(false)),
            Type::List => {
                let (count, kind) = self.list_header()?;
                self.skip_elements(count, &[kind.unwrap_or(Type::Byte)])
            }
            Type::Map => {
                let at = self.at();
                let count = self.varint()?;
                if count == 0 {
                    return Ok(());
                }
                if count > self.bytes.left() {
                    let expected = format!("a map of at most {} entries", self.bytes.left());
                    return damage(at, expected, count.to_string());
                }
                let types = self.bytes.u8("the types of a map")?;
                let (key, value) = (Type::of(types >> 4, at)?, Type::of(types & 15, at)?);
                self.skip_elements(count, &[key, value])
            }
        }
    }

    fn skip_elements(&mut self, count: u64, kinds: &[Type]) -> Parsed<()> {
        self.enter()?;
        for _ in 0..count {
            for &kind in kinds {
                match kind {
                    // In a field the type says it all; an element has a byte for it.
                    Type::True | Type::False => self.bytes.skip(1, "true or false")?,
                    kind => self.skip(kind)?,
                }
            }
        }
        self.depth -= 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::reader::{Order, Reader, Stop};
    use super::*;
    use tamis_engine::control::Cancel;
    use tamis_engine::source::{MemorySource, Opened, Source};

    fn read<T>(bytes: &[u8], read: impl FnOnce(&mut Thrift<'_>) -> Parsed<T>) -> Parsed<T> {
        let Opened::Random(access) = MemorySource::new("m", bytes.to_vec()).open().unwrap() else {
            unreachable!("memory has random access");
        };
        let cancel = Cancel::new();
        let reader = Reader::new(access.as_ref(), None, &cancel);
        read(&mut Thrift::new(reader.cursor(0, Order::Little)))
    }

    #[test]
    fn fields_are_found_behind_others() {
        // 1: true, 2: [1, 2], 4: {}, 5: {"a": 1.0}, 300: -3, end
        let bytes = [
            0x11, 0x19, 0x25, 2, 4, 0x2c, 0, 0x1b, 1, 0x87, 1, b'a', 0, 0, 0, 0, 0, 0, 0xf0, 0x3f,
            0x05, 0xd8, 0x04, 5, 0,
        ];
        let mut seen = Vec::new();
        let end = read(&bytes, |thrift| {
            thrift.each_field(|thrift, number, kind| {
                if number == 300 {
                    seen.push((number, thrift.integer()?));
                    return Ok(true);
                }
                assert_ne!(kind, Type::Uuid);
                Ok(false)
            })?;
            Ok(thrift.at())
        });
        assert!(matches!(end, Ok(25)), "{end:?}");
        assert_eq!(seen, [(300, -3)]);
    }

    #[test]
    fn depth_and_length_are_bounded() {
        let deep = vec![0x1c; 1 << 20];
        let lists = vec![0x19; 1 << 20];
        let long = [0x19, 0xf5, 0xff, 0xff, 0xff, 0xff, 0x0f];
        let endless = [0xff; 20];
        for bytes in [&deep[..], &lists, &long, &endless] {
            let skipped = read(bytes, |thrift| thrift.skip(Type::Struct));
            assert!(matches!(skipped, Err(Stop::Damage(_))), "{bytes:.10?}");
        }
    }
}
