//! The table against the decoder it stands before, and against bytes that nobody should send.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::RequestKind;
use proptest::prelude::*;

use super::table::SHAPES;
use super::*;
use crate::api::SERVED;
use crate::testing::cases;

/// The least version of a request that `kafka-protocol` knows.
fn first_decodable(shape: &Shape) -> i16 {
    match shape.key {
        ApiKey::Produce => 3,
        _ => shape.versions.0,
    }
}

/// Messages with random values, written as the table says.
pub(crate) struct Generator {
    random: fastrand::Rng,
    version: i16,
    is_flexible: bool,
    /// Texts to choose from.
    words: &'static [&'static str],
    has_nulls: bool,
    bytes: Vec<u8>,
}

impl Generator {
    pub(crate) fn message(
        shape: &Shape,
        version: i16,
        seed: u64,
        words: &'static [&'static str],
        has_nulls: bool,
    ) -> Vec<u8> {
        let mut generator = Generator {
            random: fastrand::Rng::with_seed(seed),
            version,
            is_flexible: version >= shape.flexible,
            words,
            has_nulls,
            bytes: Vec::new(),
        };
        generator.structure(shape.fields, true);
        generator.bytes
    }

    fn structure(&mut self, fields: &'static [Field], is_outer: bool) {
        let of_version = fields.iter().filter(|it| it.is_in(self.version));
        let (tagged, plain): (Vec<&Field>, Vec<&Field>) =
            of_version.partition(|it| it.tag.is_some());
        for field in plain {
            self.value(field.kind);
        }
        if !self.is_flexible {
            return;
        }
        let known: Vec<_> = tagged.into_iter().filter(|_| self.random.bool()).collect();
        let unknown = if is_outer { self.random.u32(0..3) } else { 0 };
        self.varint(known.len() as u32 + unknown);
        for field in known {
            self.varint(field.tag.expect("it is tagged"));
            let before = std::mem::take(&mut self.bytes);
            self.value(field.kind);
            let value = std::mem::replace(&mut self.bytes, before);
            self.varint(value.len() as u32);
            self.bytes.extend(value);
        }
        for tag in 0..unknown {
            self.varint(1000 + tag);
            self.varint(3);
            self.bytes.extend(b"tag");
        }
    }

    fn value(&mut self, kind: Kind) {
        match kind {
            Kind::Fixed(len_bytes) => {
                let number = self.random.choice([-2_i128, -1, 0, 0, 1, 1, 2, 3, 9]);
                let number = number.unwrap_or(0).to_be_bytes();
                self.bytes.extend(&number[16 - len_bytes..]);
            }
            Kind::String => {
                let word = self.random.choice(self.words).unwrap_or(&"");
                self.counted(kind, word.len(), |it| it.bytes.extend(word.as_bytes()));
            }
            Kind::Bytes => {
                let count = self.random.usize(0..80);
                self.counted(kind, count, |it| {
                    let random: Vec<u8> = (0..count).map(|_| it.random.u8(..)).collect();
                    it.bytes.extend(random);
                });
            }
            Kind::Array(of) => {
                let count = self.random.usize(0..4);
                self.counted(kind, count, |it| (0..count).for_each(|_| it.value(*of)));
            }
            Kind::Structs(fields) => {
                let count = self.random.usize(0..4);
                self.counted(kind, count, |it| {
                    (0..count).for_each(|_| it.structure(fields, false));
                });
            }
            Kind::Struct(fields) => self.structure(fields, false),
        }
    }

    /// A length and what has it, or null.
    fn counted(&mut self, kind: Kind, length: usize, write: impl FnOnce(&mut Generator)) {
        let is_null = self.has_nulls && self.random.u8(..) < 30;
        match (self.is_flexible, kind) {
            (true, _) => self.varint(if is_null { 0 } else { length as u32 + 1 }),
            (false, Kind::String) => {
                let length = if is_null { -1 } else { length as i16 };
                self.bytes.extend(length.to_be_bytes());
            }
            (false, _) => {
                let length = if is_null { -1 } else { length as i32 };
                self.bytes.extend(length.to_be_bytes());
            }
        }
        if !is_null {
            write(self);
        }
    }

    fn varint(&mut self, value: u32) {
        let mut bytes = BytesMut::new();
        // It writes one more than what it is given.
        match value.checked_sub(1) {
            Some(less) => crate::api::put_compact_length(&mut bytes, less as usize),
            None => bytes.extend([0]),
        }
        self.bytes.extend(bytes);
    }
}

fn versions(shape: &Shape) -> std::ops::RangeInclusive<i16> {
    shape.versions.0..=shape.versions.1
}

#[test]
fn every_served_request_has_a_shape() {
    for served in SERVED {
        let shape = of(served.key).unwrap_or_else(|| panic!("{:?} has none", served.key));
        let (first, last) = shape.versions;
        assert!(
            first <= served.min && last >= served.max,
            "{:?}",
            served.key
        );
    }
}

proptest! {
    #![proptest_config(cases(64))]
    /// What the table describes the decoder reads to the last byte, and what the encoder makes of it the table describes.
    #[test]
    fn the_table_and_the_decoder_agree(seed in any::<u64>()) {
        for shape in SHAPES {
            for version in versions(shape) {
                let bytes = Generator::message(shape, version, seed, &["topic", "", "é"], false);
                prop_assert_eq!(check(shape, version, &bytes), Ok(bytes.len()), "{:?} {}", shape.key, version);
                if version < first_decodable(shape) {
                    continue;
                }
                let mut rest = Bytes::from(bytes.clone());
                let decoded = RequestKind::decode(shape.key, &mut rest, version);
                let decoded = decoded.unwrap_or_else(|error| panic!("{:?} {version}: {error}", shape.key));
                prop_assert!(rest.is_empty(), "{:?} {}: {} bytes left", shape.key, version, rest.len());
                let mut encoded = BytesMut::new();
                decoded.encode(&mut encoded, version).expect("it was decoded in this version");
                prop_assert_eq!(check(shape, version, &encoded), Ok(encoded.len()), "{:?} {}", shape.key, version);
                let again = RequestKind::decode(shape.key, &mut encoded.freeze(), version);
                prop_assert_eq!(again.expect("it was encoded"), decoded);
            }
        }
    }

    /// Whatever passes can be decoded, or is refused by the decoder, and never reads beyond what was checked.
    #[test]
    fn what_was_changed_is_refused_or_harmless(
        seed in any::<u64>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
    ) {
        for shape in SHAPES {
            for version in versions(shape) {
                let mut bytes = Generator::message(shape, version, seed, &["topic", "", "é"], true);
                if bytes.is_empty() {
                    continue;
                }
                for (at, byte) in &changes {
                    let at = at.index(bytes.len());
                    bytes[at] = *byte;
                }
                bytes.truncate(bytes.len().min(cut.index(2 * bytes.len()) + 1));
                let Ok(checked) = check(shape, version, &bytes) else { continue };
                prop_assert!(checked <= bytes.len());
                if version < first_decodable(shape) {
                    continue;
                }
                let mut rest = Bytes::from(bytes.clone());
                if RequestKind::decode(shape.key, &mut rest, version).is_ok() {
                    prop_assert_eq!(bytes.len() - rest.len(), checked, "{:?} {}", shape.key, version);
                }
            }
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for shape in SHAPES {
            for version in versions(shape) {
                if let Ok(checked) = check(shape, version, &bytes) {
                    prop_assert!(checked <= bytes.len());
                }
            }
        }
        for version in [1, 2] {
            let _ = check_header(version, &bytes);
        }
    }
}

/// A length put in the place of the one at `at` of a message whose other bytes are zeros.
fn claiming(at: usize, length: [u8; 4]) -> Vec<u8> {
    let mut bytes = vec![0; at + 24];
    bytes[at..at + 4].copy_from_slice(&length);
    bytes
}

#[test]
fn hostile_lengths_are_refused() {
    let create = of(ApiKey::CreateTopics).expect("it is there");
    let claimed = check(create, 2, &claiming(0, i32::MAX.to_be_bytes()));
    assert!(matches!(
        claimed,
        Err(BadShape::Claim {
            field: "topics",
            claimed: 0x7FFF_FFFF,
            ..
        })
    ));
    let negative = check(create, 2, &claiming(0, (-2_i32).to_be_bytes()));
    assert!(matches!(
        negative,
        Err(BadShape::Negative { length: -2, .. })
    ));
    let compact = check(create, 5, &claiming(0, [0xFF, 0xFF, 0xFF, 0x7F]));
    assert!(matches!(
        compact,
        Err(BadShape::Claim {
            field: "topics",
            ..
        })
    ));
    let endless = check(create, 5, &claiming(0, [0xFF; 4]));
    assert!(matches!(endless, Err(BadShape::Claim { .. })));
    let mut too_wide = claiming(0, [0xFF; 4]);
    too_wide[4] = 0x7F;
    assert_eq!(check(create, 5, &too_wide), Err(BadShape::Length("topics")));
    // A text, and bytes, of more than there is.
    let heartbeat = of(ApiKey::Heartbeat).expect("it is there");
    let text = check(heartbeat, 0, &claiming(0, [0x7F, 0xFF, 0, 0]));
    assert!(matches!(
        text,
        Err(BadShape::Claim {
            field: "groupId",
            claimed: 0x7FFF,
            ..
        })
    ));
    // One byte for each element is there, and still they are too many.
    let delete = of(ApiKey::DeleteGroups).expect("it is there");
    let count = ELEMENTS_MAX as u32 + 1;
    let mut many = count.to_be_bytes().to_vec();
    many.resize(4 + 2 * count as usize, 0);
    assert_eq!(check(delete, 0, &many), Err(BadShape::Elements));
}

#[test]
fn tagged_fields_are_in_order_and_as_long_as_they_say() {
    let list = of(ApiKey::ListGroups).expect("it is there");
    assert_eq!(check(list, 3, &[2, 5, 1, 0, 6, 0]), Ok(6));
    assert_eq!(
        check(list, 3, &[2, 5, 1, 0, 5, 0]),
        Err(BadShape::TagOrder(5))
    );
    assert!(matches!(
        check(list, 3, &[1, 5, 9, 0]),
        Err(BadShape::Claim { .. })
    ));
    assert!(matches!(
        check(list, 3, &[200, 200, 3]),
        Err(BadShape::Claim { .. })
    ));
    // `replicaState` of a Fetch: 12 bytes and no tagged fields, in a field that claims 14.
    let fetch = of(ApiKey::Fetch).expect("it is there");
    let mut message = vec![0; 4 + 4 + 4 + 1 + 4 + 4];
    message.extend([1, 1, 1]); // No topics, none forgotten, no rack.
    message.extend([1, 1, 14]);
    message.extend([0; 14]);
    let found = check(fetch, 15, &message);
    assert_eq!(
        found,
        Err(BadShape::TagLength {
            tag: 1,
            claimed: 14
        })
    );
}
