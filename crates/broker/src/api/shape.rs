//! What requests look like: looked at before they are read, because what reads them believes every length.
//!
//! `kafka-protocol` sets memory aside for as many elements as an array claims to have, and 40 bytes can claim four billion: the
//! process would end. So [`check`] goes through a request first, sets nothing aside, and refuses lengths that are not there.
//!
//! A shape is a text, a word for each field: `1`, `2`, `4`, `8` and `16` are so many bytes; `s` a text and `b` bytes, with their
//! length; `[...]` an array of structs and `[=4]` one of values; `?(...)` a struct that may be missing. `@4-` behind a word says in which
//! versions it is there. From the version beside it on a message is *flexible*: lengths are variable, and tags end each struct.
//! (Kafka, `clients/src/main/resources/common/message`)

use std::sync::LazyLock;

use kafka_protocol::messages::ApiKey;

/// Elements that all arrays of a request may have together.
const ELEMENTS_MAX: usize = 250_000;

/// Tags below this of a `Fetch` are sent by other brokers alone, and are read without regard to their length.
const FETCH_TAGS: u32 = 2;

/// Whether all lengths in the body of a request are true.
///
/// # Errors
/// Why it cannot be read.
pub(super) fn check(key: ApiKey, version: i16, body: &[u8]) -> Result<(), String> {
    let shape = SHAPES.iter().find(|it| it.key == key);
    let shape = shape.ok_or("its shape is not known")?;
    let mut walk = Walk {
        rest: body,
        version,
        is_flexible: version >= shape.flexible,
        tags_refused: match key {
            ApiKey::Fetch => FETCH_TAGS,
            _ => 0,
        },
        elements_left: ELEMENTS_MAX,
    };
    walk.pass_struct(&shape.fields)
}

/// A request, as far as it was looked at.
struct Walk<'b> {
    rest: &'b [u8],
    version: i16,
    is_flexible: bool,
    /// Tags below this are refused.
    tags_refused: u32,
    elements_left: usize,
}

impl Walk<'_> {
    fn pass_struct(&mut self, fields: &[Field]) -> Result<(), String> {
        for field in fields {
            if (field.first..=field.last).contains(&self.version) {
                self.pass(&field.kind)?;
            }
        }
        match self.is_flexible {
            true => self.pass_tags(),
            false => Ok(()),
        }
    }

    fn pass(&mut self, kind: &Kind) -> Result<(), String> {
        match kind {
            Kind::Fixed(count) => self.take(*count).map(|_| ()),
            Kind::Text => self.pass_bytes(2),
            Kind::Bytes => self.pass_bytes(4),
            Kind::Structs(fields) => {
                for _ in 0..self.elements()? {
                    self.pass_struct(fields)?;
                }
                Ok(())
            }
            Kind::Values(kind) => {
                for _ in 0..self.elements()? {
                    self.pass(kind)?;
                }
                Ok(())
            }
            Kind::Optional(fields) => match self.number(1)? {
                0.. => self.pass_struct(fields),
                _ => Ok(()),
            },
        }
    }

    fn pass_bytes(&mut self, length_bytes: usize) -> Result<(), String> {
        let length = self.length(length_bytes)?;
        self.take(length.unwrap_or(0)).map(|_| ())
    }

    fn pass_tags(&mut self) -> Result<(), String> {
        for _ in 0..self.variable()? {
            let tag = self.variable()?;
            if tag < self.tags_refused {
                return Err(format!("tag {tag} is for brokers alone"));
            }
            let length = self.variable()?;
            self.take(length as usize)?;
        }
        Ok(())
    }

    /// How many elements an array has, all of which may be there.
    fn elements(&mut self) -> Result<usize, String> {
        let count = self.length(4)?.unwrap_or(0);
        // Each has a byte at least.
        if count > self.rest.len() || count > self.elements_left {
            return Err(format!(
                "an array of {count} elements in {} bytes",
                self.rest.len()
            ));
        }
        self.elements_left -= count;
        Ok(count)
    }

    /// A length, which is variable or has so many bytes; `None`: what it is of is null.
    fn length(&mut self, length_bytes: usize) -> Result<Option<usize>, String> {
        if self.is_flexible {
            let length = self.variable()?;
            return Ok(length.checked_sub(1).map(|it| it as usize));
        }
        match self.number(length_bytes)? {
            -1 => Ok(None),
            length => match usize::try_from(length) {
                Ok(length) => Ok(Some(length)),
                Err(_) => Err(format!("a length of {length}")),
            },
        }
    }

    /// A number of one to four bytes.
    fn number(&mut self, len_bytes: usize) -> Result<i32, String> {
        let bytes = self.take(len_bytes)?;
        let unsigned = bytes
            .iter()
            .fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte));
        // Shifted up and down again it keeps its sign.
        let spare_bits = 32 - 8 * len_bytes as u32;
        Ok((unsigned << spare_bits).cast_signed() >> spare_bits)
    }

    /// A number of seven bits to a byte, the lowest first; what has more than five bytes ends there, as it does where it is read.
    fn variable(&mut self) -> Result<u32, String> {
        let mut value = 0;
        for index in 0..5 {
            let byte = u32::from(self.take(1)?[0]);
            value |= (byte & 0x7f) << (index * 7);
            if byte < 0x80 {
                break;
            }
        }
        Ok(value)
    }

    fn take(&mut self, count: usize) -> Result<&[u8], String> {
        let taken = self.rest.split_at_checked(count);
        let (taken, rest) = taken
            .ok_or_else(|| format!("{count} bytes are expected, {} are there", self.rest.len()))?;
        self.rest = rest;
        Ok(taken)
    }
}

/// What a request looks like.
#[derive(Debug)]
struct Shape {
    key: ApiKey,
    /// The first version that is flexible.
    flexible: i16,
    fields: Vec<Field>,
}

/// A field, and in which versions it is there.
#[derive(Debug)]
struct Field {
    kind: Kind,
    first: i16,
    last: i16,
}

#[derive(Debug)]
enum Kind {
    Fixed(usize),
    Text,
    Bytes,
    Structs(Vec<Field>),
    Values(Box<Kind>),
    Optional(Vec<Field>),
}

static SHAPES: LazyLock<Vec<Shape>> = LazyLock::new(|| {
    let shapes = TABLE.iter().map(|(key, flexible, text)| Shape {
        key: *key,
        flexible: *flexible,
        fields: fields(&mut &**text),
    });
    shapes.collect()
});

/// Reads fields up to the end, or to the bracket that closes them.
fn fields(text: &mut &str) -> Vec<Field> {
    let mut fields = Vec::new();
    loop {
        *text = text.trim_start();
        if text.is_empty() || text.starts_with([']', ')']) {
            return fields;
        }
        let kind = kind(text);
        let (first, last) = versions(text);
        fields.push(Field { kind, first, last });
    }
}

fn kind(text: &mut &str) -> Kind {
    if skip(text, "[=") {
        let kind = kind(text);
        skip(text, "]");
        return Kind::Values(Box::new(kind));
    }
    if skip(text, "[") {
        let fields = fields(text);
        skip(text, "]");
        return Kind::Structs(fields);
    }
    if skip(text, "?(") {
        let fields = fields(text);
        skip(text, ")");
        return Kind::Optional(fields);
    }
    if skip(text, "s") {
        return Kind::Text;
    }
    if skip(text, "b") {
        return Kind::Bytes;
    }
    Kind::Fixed(number(text).expect("the table is tested").into())
}

fn versions(text: &mut &str) -> (i16, i16) {
    if !skip(text, "@") {
        return (0, i16::MAX);
    }
    let first = number(text).unwrap_or(0);
    skip(text, "-");
    let last = number(text).map_or(i16::MAX, i16::from);
    (first.into(), last)
}

fn skip(text: &mut &str, word: &str) -> bool {
    let rest = text.strip_prefix(word);
    *text = rest.unwrap_or(text);
    rest.is_some()
}

fn number(text: &mut &str) -> Option<u8> {
    let end = text.find(|it: char| !it.is_ascii_digit());
    let (digits, rest) = text.split_at(end.unwrap_or(text.len()));
    let number = digits.parse().ok()?;
    *text = rest;
    Some(number)
}

/// No version is flexible.
const NEVER: i16 = i16::MAX;

/// The requests of clients, those that are not served too, with the first version that is flexible.
const TABLE: &[(ApiKey, i16, &str)] = &[
    (ApiKey::Produce, 9, "s 2 4 [s@-12 16@13- [4 b]]"),
    (
        ApiKey::Fetch,
        12,
        "4@-14 4 4 4 1 4@7- 4@7- [s@-12 16@13- [4 4@9- 8 4@12- 8@5- 4]] [s@7-12 16@13- [=4]@7-]@7- s@11-",
    ),
    (ApiKey::ListOffsets, 6, "4 1@2- [s [4 4@4- 8]] 4@10-"),
    (ApiKey::Metadata, 9, "[16@10- s] 1@4- 1@8-10 1@8-"),
    (ApiKey::OffsetCommit, 8, "s 4 s s@7- 8@-4 [s [4 8 4@6- s]]"),
    (
        ApiKey::OffsetFetch,
        6,
        "s@-7 [s@-7 [=4]@-7]@-7 [s@8- s@9- 4@9- [s@8- [=4]@8-]@8-]@8- 1@7-",
    ),
    (ApiKey::FindCoordinator, 3, "s@-3 1@1- [=s]@4-"),
    (ApiKey::JoinGroup, 6, "s 4 4@1- s s@5- s [s b] s@8-"),
    (ApiKey::Heartbeat, 4, "s 4 s s@3-"),
    (ApiKey::LeaveGroup, 4, "s s@-2 [s@3- s@3- s@5-]@3-"),
    (ApiKey::SyncGroup, 4, "s 4 s s@3- s@5- s@5- [s b]"),
    (ApiKey::DescribeGroups, 5, "[=s] 1@3-"),
    (ApiKey::ListGroups, 3, "[=s]@4- [=s]@5-"),
    (ApiKey::SaslHandshake, NEVER, "s"),
    (ApiKey::ApiVersions, 3, "s@3- s@3-"),
    (ApiKey::CreateTopics, 5, "[s 4 2 [4 [=4]] [s s]] 4 1"),
    (ApiKey::DeleteTopics, 4, "[s@6- 16@6-]@6- [=s]@-5 4"),
    (ApiKey::DeleteRecords, 2, "[s [4 8]] 4"),
    (ApiKey::InitProducerId, 2, "s 4 8@3- 2@3-"),
    (ApiKey::OffsetForLeaderEpoch, 4, "4@3- [s [4 4 4]]"),
    (
        ApiKey::AddPartitionsToTxn,
        3,
        "[s@4- 8@4- 2@4- 1@4- [s [=4]]@4-]@4- s@-3 8@-3 2@-3 [s [=4]]@-3",
    ),
    (ApiKey::AddOffsetsToTxn, 3, "s 8 2 s"),
    (ApiKey::EndTxn, 3, "s 8 2 1"),
    (
        ApiKey::TxnOffsetCommit,
        3,
        "s s 8 2 4@3- s@3- s@3- [s [4 8 4@2- s]]",
    ),
    (ApiKey::DescribeAcls, 2, "1 s 1 s s 1 1"),
    (ApiKey::CreateAcls, 2, "[1 s 1 s s 1 1]"),
    (ApiKey::DeleteAcls, 2, "[1 s 1 s s 1 1]"),
    (ApiKey::DescribeConfigs, 4, "[1 s [=s]] 1 1@3-"),
    (ApiKey::AlterConfigs, 2, "[1 s [s s]] 1"),
    (ApiKey::DescribeLogDirs, 2, "[s [=4]]"),
    (ApiKey::SaslAuthenticate, 2, "b"),
    (ApiKey::CreatePartitions, 2, "[s 4 [[=4]]] 4 1"),
    (ApiKey::DeleteGroups, 2, "[=s]"),
    (ApiKey::IncrementalAlterConfigs, 1, "[1 s [s 1 s]] 1"),
    (ApiKey::OffsetDelete, NEVER, "s [s [4]]"),
    (ApiKey::DescribeCluster, 0, "1 1@1- 1@2-"),
    (ApiKey::DescribeProducers, 0, "[s [=4]]"),
    (ApiKey::DescribeTransactions, 0, "[=s]"),
    (ApiKey::ListTransactions, 0, "[=s] [=8] 8@1- s@2-"),
    (
        ApiKey::ConsumerGroupHeartbeat,
        0,
        "s s 4 s s 4 [=s] s@1- s [16 [=4]]",
    ),
    (ApiKey::ConsumerGroupDescribe, 0, "[=s] 1"),
    (ApiKey::DescribeTopicPartitions, 0, "[s] 4 ?(s 4)"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::SERVED;
    use bytes::{Bytes, BytesMut};
    use kafka_protocol::messages::create_topics_request::{
        CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
    };
    use kafka_protocol::messages::{CreateTopicsRequest, RequestKind};
    use kafka_protocol::protocol::Encodable;

    #[test]
    fn what_is_served_has_a_shape() {
        for served in SERVED {
            assert!(
                SHAPES.iter().any(|it| it.key == served.key),
                "{:?}",
                served.key
            );
        }
    }

    /// Requests with next to nothing in them, in every version that the crate can write, have the shape that the table says.
    #[test]
    fn the_table_fits_requests_without_elements() {
        for shape in SHAPES.iter() {
            let versions = shape.key.valid_versions();
            for version in versions.min..=versions.max {
                // Empty arrays and texts, no tags. In flexible versions that is 1, and the one tag that this makes is dropped.
                let filling = u8::from(version >= shape.flexible);
                if filling == 1 && shape.key == ApiKey::Fetch {
                    // That tag is one of brokers there.
                    continue;
                }
                let mut filled = Bytes::from(vec![filling; 1000]);
                let request = RequestKind::decode(shape.key, &mut filled, version);
                let mut bytes = BytesMut::new();
                if format!("{request:?}").contains("specified version not supported") {
                    // It knows of the number, and no more.
                    continue;
                }
                let written = request.and_then(|it| it.encode(&mut bytes, version));
                assert!(written.is_ok(), "{:?} {version}: {written:?}", shape.key);
                let checked = check(shape.key, version, &bytes);
                assert_eq!(checked, Ok(()), "{:?} {version}", shape.key);
                for end in 0..bytes.len() {
                    let cut = check(shape.key, version, &bytes[..end]);
                    assert!(cut.is_err(), "{:?} {version} of {end} bytes", shape.key);
                }
            }
        }
    }

    #[test]
    fn arrays_in_arrays_are_gone_through() {
        let assignment = CreatableReplicaAssignment::default()
            .with_partition_index(3)
            .with_broker_ids(vec![1.into(), 2.into()]);
        let config = CreatableTopicConfig::default().with_name("retention.ms".to_owned().into());
        let topic = CreatableTopic::default()
            .with_assignments(vec![assignment.clone(), assignment])
            .with_configs(vec![config]);
        let request = CreateTopicsRequest::default().with_topics(vec![topic.clone(), topic]);
        for version in 2..=7 {
            let mut bytes = BytesMut::new();
            request.encode(&mut bytes, version).expect("it is written");
            assert_eq!(check(ApiKey::CreateTopics, version, &bytes), Ok(()));
            for end in 0..bytes.len() {
                let cut = check(ApiKey::CreateTopics, version, &bytes[..end]);
                assert!(cut.is_err(), "{version} of {end} bytes");
            }
        }
    }

    #[test]
    fn lengths_that_cannot_be_are_refused() {
        // Of version 1 and of version 9, which is flexible: all topics, none, and more than there are.
        let checked = |version, body: &[u8]| check(ApiKey::Metadata, version, body).is_ok();
        assert!(checked(1, &[0xff; 4]));
        assert!(checked(1, &[0; 4]));
        for claim in [
            [0x7f, 0xff, 0xff, 0xff],
            [0, 0, 0, 1],
            [0x80, 0, 0, 0],
            [0xff, 0xff, 0xff, 0xfe],
        ] {
            assert!(!checked(1, &claim), "{claim:?}");
        }
        assert!(checked(9, &[0, 0, 0, 0, 0]));
        assert!(!checked(9, &[0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0, 0]));
        assert!(!checked(9, &[6, 0, 0, 0, 0]));
        let many = vec![0; 4 * ELEMENTS_MAX];
        let claim = ELEMENTS_MAX as u32 + 1;
        assert!(!checked(1, &[&claim.to_be_bytes()[..], &many].concat()));
    }

    #[test]
    fn tags_of_brokers_are_refused() {
        // Three numbers and a byte, the session, no topics, none forgotten, no rack; then a tag.
        let head = [&[0; 4 * 4 + 1 + 8][..], &[1, 1, 1]].concat();
        let body = |tags: &[u8]| [&head, tags].concat();
        assert_eq!(check(ApiKey::Fetch, 12, &body(&[0])), Ok(()));
        assert_eq!(check(ApiKey::Fetch, 12, &body(&[1, 9, 2, 0, 0])), Ok(()));
        assert!(check(ApiKey::Fetch, 12, &body(&[1, 0, 2, 0, 0])).is_err());
        assert!(check(ApiKey::Fetch, 12, &body(&[1, 9, 3, 0, 0])).is_err());
    }
}
