//! Whether the bytes of a request can be those of its message, before anything is made of them.
//!
//! The decoder of `kafka-protocol` sets aside room for as many elements as an array claims to have, so that twenty bytes can make
//! it ask for gigabytes. [`check`] goes through a request before it is decoded, allocates nothing, and refuses whatever claims more than
//! is left, or more elements than any client has use for.
//!
//! What a message looks like stands in `table.rs`, in the words of Kafka's own message files (`clients/src/main/resources/common/message`).
//! A request that is to be served needs an entry there, or it is refused.
//!
//! Not here: what the values mean. A null where none may be, and text that is no UTF-8, are refused by the decoder.

mod table;
#[cfg(test)]
pub(super) mod tests;

use kafka_protocol::messages::ApiKey;

/// Elements of all arrays of a request, and tagged fields, at most. Each takes about a hundred bytes once it is decoded.
const ELEMENTS_MAX: usize = 1 << 18;

/// What a message looks like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) key: ApiKey,
    /// The versions that the fields tell of, both included.
    pub(crate) versions: (i16, i16),
    /// Since when it is flexible: lengths are variable, and fields may be tagged.
    pub(crate) flexible: i16,
    pub(crate) fields: &'static [Field],
}

/// A field of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    since: i16,
    until: i16,
    /// It is not among the others, but behind them, under this number.
    pub(crate) tag: Option<u32>,
}

/// What the value of a field is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// So many bytes.
    Fixed(usize),
    /// Text behind its length, of two bytes where it is not flexible.
    String,
    /// Bytes behind their length, of four bytes where it is not flexible; records as well.
    Bytes,
    /// Values behind their number.
    Array(&'static Kind),
    /// Structures behind their number.
    Structs(&'static [Field]),
    /// One structure.
    Struct(&'static [Field]),
}

/// A field of all versions of its structure.
const fn field(name: &'static str, kind: Kind) -> Field {
    Field {
        name,
        kind,
        since: 0,
        until: i16::MAX,
        tag: None,
    }
}

impl Field {
    /// The first version that has it.
    const fn since(mut self, version: i16) -> Field {
        self.since = version;
        self
    }

    /// The last version that has it.
    const fn until(mut self, version: i16) -> Field {
        self.until = version;
        self
    }

    /// It is tagged.
    const fn tag(mut self, tag: u32) -> Field {
        self.tag = Some(tag);
        self
    }

    /// Whether a version has it.
    pub(crate) fn is_in(&self, version: i16) -> bool {
        (self.since..=self.until).contains(&version)
    }
}

/// Why bytes are not those of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadShape {
    #[error("there is no description of version {0}")]
    Version(i16),
    #[error("`{field}` claims {claimed} bytes or elements, and {left} bytes are left")]
    Claim {
        field: &'static str,
        claimed: u64,
        left: usize,
    },
    #[error("`{field}` has a length of {length}")]
    Negative { field: &'static str, length: i32 },
    #[error("`{0}` has a length of more than 32 bits")]
    Length(&'static str),
    #[error("tagged field {0} is not behind the one before it")]
    TagOrder(u32),
    #[error("tagged field {tag} is not of the {claimed} bytes that it claims")]
    TagLength { tag: u32, claimed: u32 },
    #[error("more than {ELEMENTS_MAX} elements")]
    Elements,
}

/// The shape of a request, if there is one.
pub(crate) fn of(key: ApiKey) -> Option<&'static Shape> {
    table::SHAPES.iter().find(|it| it.key as i16 == key as i16)
}

/// Goes through the message at the start of `bytes`; returns how long it is.
///
/// # Errors
/// Why it is none.
pub(crate) fn check(shape: &Shape, version: i16, bytes: &[u8]) -> Result<usize, BadShape> {
    let (first, last) = shape.versions;
    if !(first..=last).contains(&version) {
        return Err(BadShape::Version(version));
    }
    let mut walk = Walk {
        version,
        is_flexible: version >= shape.flexible,
        rest: bytes,
        elements: 0,
    };
    walk.structure(shape.fields)?;
    Ok(bytes.len() - walk.rest.len())
}

/// Goes through the header at the start of a request; returns how long it is.
///
/// # Errors
/// Why it is none.
pub(crate) fn check_header(header_version: i16, bytes: &[u8]) -> Result<usize, BadShape> {
    let mut walk = Walk {
        version: header_version,
        // The name of the client stays as it was, so that all brokers can read it.
        is_flexible: false,
        rest: bytes,
        elements: 0,
    };
    walk.structure(table::HEADER)?;
    if header_version >= 2 {
        walk.is_flexible = true;
        walk.structure(&[])?;
    }
    Ok(bytes.len() - walk.rest.len())
}

/// Where we are.
struct Walk<'b> {
    version: i16,
    is_flexible: bool,
    rest: &'b [u8],
    elements: usize,
}

impl Walk<'_> {
    fn structure(&mut self, fields: &'static [Field]) -> Result<(), BadShape> {
        let version = self.version;
        for field in fields {
            if field.tag.is_none() && field.is_in(version) {
                self.value(field.name, field.kind)?;
            }
        }
        match self.is_flexible {
            true => self.tagged(fields),
            false => Ok(()),
        }
    }

    fn value(&mut self, name: &'static str, kind: Kind) -> Result<(), BadShape> {
        match kind {
            Kind::Fixed(len_bytes) => self.skip(name, len_bytes as u64),
            Kind::String | Kind::Bytes => {
                let length = self.length(name, kind)?;
                self.skip(name, u64::from(length))
            }
            Kind::Array(of) => {
                for _ in 0..self.count(name)? {
                    self.value(name, *of)?;
                }
                Ok(())
            }
            Kind::Structs(fields) => {
                for _ in 0..self.count(name)? {
                    self.structure(fields)?;
                }
                Ok(())
            }
            Kind::Struct(fields) => self.structure(fields),
        }
    }

    /// Fields behind the others, each with its number and length. The decoder believes no length of a tag it knows, so these
    /// are gone through as well.
    fn tagged(&mut self, fields: &'static [Field]) -> Result<(), BadShape> {
        let mut next_tag = 0;
        let count = self.varint("tagged fields")?;
        self.note_elements("tagged fields", count)?;
        for _ in 0..count {
            let tag = self.varint("tag")?;
            let claimed = self.varint("tagged field")?;
            if u64::from(tag) < next_tag {
                return Err(BadShape::TagOrder(tag));
            }
            next_tag = u64::from(tag) + 1;
            let left = self.rest.len();
            let version = self.version;
            let known = fields
                .iter()
                .find(|it| it.tag == Some(tag) && it.is_in(version));
            match known {
                Some(field) => self.value(field.name, field.kind)?,
                None => self.skip("tagged field", u64::from(claimed))?,
            }
            if (left - self.rest.len()) as u64 != u64::from(claimed) {
                return Err(BadShape::TagLength { tag, claimed });
            }
        }
        Ok(())
    }

    /// How many elements follow; null has none.
    fn count(&mut self, name: &'static str) -> Result<u32, BadShape> {
        let count = self.length(name, Kind::Bytes)?;
        self.note_elements(name, count)?;
        Ok(count)
    }

    /// Every element has a byte at least.
    fn note_elements(&mut self, name: &'static str, count: u32) -> Result<(), BadShape> {
        if count as usize > self.rest.len() {
            return Err(self.claim(name, u64::from(count)));
        }
        self.elements += count as usize;
        match self.elements > ELEMENTS_MAX {
            true => Err(BadShape::Elements),
            false => Ok(()),
        }
    }

    /// A length or number in the form of this kind; of null it is 0.
    fn length(&mut self, name: &'static str, kind: Kind) -> Result<u32, BadShape> {
        if self.is_flexible {
            return Ok(self.varint(name)?.saturating_sub(1));
        }
        let length = match kind {
            Kind::String => i32::from(i16::from_be_bytes(self.take(name)?)),
            _ => i32::from_be_bytes(self.take(name)?),
        };
        match length {
            -1 => Ok(0),
            length => u32::try_from(length).map_err(|_| BadShape::Negative {
                field: name,
                length,
            }),
        }
    }

    fn varint(&mut self, name: &'static str) -> Result<u32, BadShape> {
        let mut value = 0_u64;
        for shift in (0..35).step_by(7) {
            let [byte] = self.take(name)?;
            value |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return u32::try_from(value).map_err(|_| BadShape::Length(name));
            }
        }
        Err(BadShape::Length(name))
    }

    fn take<const N: usize>(&mut self, name: &'static str) -> Result<[u8; N], BadShape> {
        let Some((taken, rest)) = self.rest.split_first_chunk() else {
            return Err(self.claim(name, N as u64));
        };
        self.rest = rest;
        Ok(*taken)
    }

    fn skip(&mut self, name: &'static str, count: u64) -> Result<(), BadShape> {
        let rest = usize::try_from(count).ok();
        match rest.and_then(|count| self.rest.get(count..)) {
            Some(rest) => {
                self.rest = rest;
                Ok(())
            }
            None => Err(self.claim(name, count)),
        }
    }

    fn claim(&self, field: &'static str, claimed: u64) -> BadShape {
        BadShape::Claim {
            field,
            claimed,
            left: self.rest.len(),
        }
    }
}
