//! Where a message ends and the next one begins.
//!
//! A message does not say how long it is, so a stream of them puts its length in front. The usual form is a varint, as
//! `writeDelimitedTo` in Java and `serialize_length_prefixed` in Python have it; others are four bytes, or the five of a gRPC
//! body. What Kafka clients with a schema registry write has a header of its own between length and message.

use super::wire::{Problem, varint};
use crate::messages::Framing;

/// What the first bytes of a record say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// The message has that many bytes, behind that many of its length.
    Known { prefix: usize, message: u64 },
    /// There are too few bytes to tell.
    Cut,
}

impl Framing {
    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Framing::Varint => "length-delimited",
            Framing::FourBytes => "four-byte length",
            Framing::Grpc => "gRPC",
            Framing::Confluent => "length-delimited Confluent",
        }
    }

    /// Reads what stands in front of a message; or what should have.
    #[inline(always)]
    pub(super) fn head(self, bytes: &[u8]) -> Result<Head, &'static str> {
        let four = |from: usize| match bytes.get(from..).and_then(|rest| rest.first_chunk()) {
            Some(length) => Head::Known {
                prefix: from + 4,
                message: u64::from(u32::from_be_bytes(*length)),
            },
            None => Head::Cut,
        };
        match self {
            Framing::Varint | Framing::Confluent => {
                let mut prefix = 0;
                match varint(bytes, &mut prefix) {
                    Ok(message) => Ok(Head::Known { prefix, message }),
                    Err(stop) if stop.problem == Problem::Cut => Ok(Head::Cut),
                    Err(_) => Err("a length, as a varint of at most ten bytes"),
                }
            }
            Framing::FourBytes => Ok(four(0)),
            Framing::Grpc => match bytes.first() {
                Some(0) => Ok(four(1)),
                Some(1) => Err("a message that is not compressed by itself (flag 0)"),
                Some(_) => Err("a zero byte and the length"),
                None => Ok(Head::Cut),
            },
        }
    }

    /// Where the message begins in what its length covers; `None` if the header that should be there is not.
    #[inline(always)]
    pub(super) fn message_start(self, bytes: &[u8]) -> Option<usize> {
        match self {
            Framing::Confluent => confluent_header(bytes),
            _ => Some(0),
        }
    }
}

/// The length of a header of Confluent's wire format: 0, four bytes, and the path to the message's type as zigzag varints,
/// their number first; a lone 0 stands for the first type of a file
/// (<https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format>).
fn confluent_header(bytes: &[u8]) -> Option<usize> {
    if *bytes.first()? != 0 {
        return None;
    }
    let mut at = 5;
    let count = varint(bytes, &mut at).ok()?;
    let count = super::wire::unzigzag(count);
    // More would be more than any compiler nests.
    for _ in 0..usize::try_from(count).ok().filter(|count| *count <= 100)? {
        varint(bytes, &mut at).ok()?;
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_stand_in_front() {
        let known = |prefix, message| Ok(Head::Known { prefix, message });
        assert_eq!(Framing::Varint.head(&[0x96, 1, 0]), known(2, 150));
        assert_eq!(Framing::Varint.head(&[0x96]), Ok(Head::Cut));
        assert!(Framing::Varint.head(&[0xFF; 11]).is_err());
        assert_eq!(Framing::FourBytes.head(&[0, 0, 1, 2]), known(4, 258));
        assert_eq!(Framing::FourBytes.head(&[0, 0, 1]), Ok(Head::Cut));
        assert_eq!(Framing::Grpc.head(&[0, 0, 0, 1, 2]), known(5, 258));
        assert!(Framing::Grpc.head(&[1, 0, 0, 1, 2]).is_err());
        assert!(Framing::Grpc.head(&[7]).is_err());
    }

    #[test]
    fn the_header_of_a_registry_is_passed_over() {
        let start = |bytes: &[u8]| Framing::Confluent.message_start(bytes);
        assert_eq!(start(&[0, 0, 0, 0, 7, 0, 0x08]), Some(6), "the first type");
        assert_eq!(start(&[0, 0, 0, 0, 7, 4, 2, 0, 0x08]), Some(8), "[1, 0]");
        assert_eq!(start(&[0, 0, 0, 0, 7]), None);
        assert_eq!(start(&[1, 0, 0, 0, 7, 0]), None);
        assert_eq!(start(&[0, 0, 0, 0, 7, 1]), None, "a negative count");
        assert_eq!(start(&[]), None);
    }
}
