//! Which topics the members of a group read, as consumers say it of themselves (Kafka, `ConsumerProtocolSubscription.json`).

use std::collections::HashSet;

use kafka_protocol::error::ResponseError;

use super::Group;

/// The kind of members whose subscriptions are understood.
const CONSUMER: &str = "consumer";

/// The topics that members read.
///
/// # Errors
/// `NonEmptyGroup` if it has members that do not say it in a way we understand.
pub(super) fn topics(group: &Group) -> Result<HashSet<String>, ResponseError> {
    let mut topics = HashSet::new();
    for member in group.members.values() {
        let protocol = group.protocol.as_deref();
        let protocol = protocol.or(member.protocols.first().map(|it| it.0.as_str()));
        let metadata = member.metadata(protocol.unwrap_or(""));
        let read = match group.protocol_type() {
            CONSUMER => read(&metadata),
            _ => None,
        };
        topics.extend(read.ok_or(ResponseError::NonEmptyGroup)?);
    }
    Ok(topics)
}

/// The topics in a subscription; what comes behind them is of no interest.
fn read(mut metadata: &[u8]) -> Option<Vec<String>> {
    let _version = take::<2>(&mut metadata)?;
    let count = i32::from_be_bytes(take(&mut metadata)?);
    let mut topics = Vec::new();
    for _ in 0..count {
        let length = usize::try_from(i16::from_be_bytes(take(&mut metadata)?)).ok()?;
        let (topic, rest) = metadata.split_at_checked(length)?;
        topics.push(std::str::from_utf8(topic).ok()?.to_owned());
        metadata = rest;
    }
    Some(topics)
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn topics_are_read_and_what_is_cut_off_is_not() {
        let metadata = b"\0\x01\0\0\0\x02\0\x01a\0\x02bc\0\0\0\0rest";
        assert_eq!(read(metadata), Some(vec!["a".to_owned(), "bc".to_owned()]));
        for cut in 0..13 {
            assert_eq!(read(&metadata[..cut]), None, "cut at {cut}");
        }
        assert_eq!(read(b"\0\0\xff\xff\xff\xff"), Some(Vec::new()));
        assert_eq!(read(b"\0\0\x7f\xff\xff\xff"), None);
    }
}
