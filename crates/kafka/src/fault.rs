//! Errors of librdkafka and of brokers, as ours: what was being done, what was said, and the way out.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::{Error, Kind};

/// `error` happened while doing `what`, such as ``cannot list the groups``.
pub(crate) fn of(what: &str, error: &KafkaError) -> Error {
    match (error, error.rdkafka_error_code()) {
        // The value may be a password.
        (KafkaError::ClientConfig(_, detail, key, _), _) => Error::Cluster {
            message: format!("the property `{key}` of the client: {}", lowered(detail)),
            hint: Some(hint_of_build(detail).unwrap_or(OF_PROPERTIES).to_owned()),
            kind: Kind::Usage,
        },
        (KafkaError::ClientCreation(detail), _) => Error::Cluster {
            message: format!("the properties do not fit together: {}", lowered(detail)),
            hint: hint_of_build(detail).map(str::to_owned),
            kind: Kind::Usage,
        },
        (KafkaError::Canceled, _) => tamis_engine::Error::Interrupted.into(),
        (_, Some(code)) => of_code(what, code),
        (error, None) => Error::Cluster {
            message: format!("{what}: {error}"),
            hint: None,
            kind: Kind::Failure,
        },
    }
}

const OF_PROPERTIES: &str = "properties are those of librdkafka: its CONFIGURATION.md lists them";

/// What librdkafka was compiled without.
fn hint_of_build(detail: &str) -> Option<&'static str> {
    let is_of_build = cfg!(not(feature = "tls"))
        && ["openssl", "libsasl2"]
            .iter()
            .any(|it| detail.to_lowercase().contains(it));
    is_of_build.then_some(
        "TLS, and SASL other than PLAIN, need a build with the Cargo feature `kafka-tls`",
    )
}

/// The same of a broker's error code.
pub(crate) fn of_code(what: &str, code: RDKafkaErrorCode) -> Error {
    Error::Cluster {
        message: format!("{what}: {}", said(code)),
        hint: hint(code).map(str::to_owned),
        kind: kind(code),
    }
}

/// What a code means, without who says so: `Broker: Unknown member` as `unknown member`.
pub(crate) fn said(code: RDKafkaErrorCode) -> String {
    let shown = code.to_string();
    let meaning = shown
        .split_once(" (")
        .and_then(|(_, rest)| rest.strip_suffix(')'))
        .unwrap_or(&shown);
    let meaning = ["Broker: ", "Local: "]
        .iter()
        .find_map(|who| meaning.strip_prefix(who))
        .unwrap_or(meaning);
    lowered(meaning)
}

fn lowered(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        // Not where a name begins.
        Some(first) if !letters.as_str().starts_with(|it: char| it.is_uppercase()) => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => text.to_owned(),
    }
}

fn hint(code: RDKafkaErrorCode) -> Option<&'static str> {
    use RDKafkaErrorCode as Code;
    Some(match code {
        Code::TopicAlreadyExists => {
            "`--if-not-exists` passes over what is there, `tamis topic alter` changes it"
        }
        Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition => {
            "`tamis topic list` lists the topics, `tamis topic create` makes one"
        }
        Code::InvalidTopic => "a name has up to 249 letters, digits, `.`, `_` and `-`",
        Code::InvalidConfig => {
            "a setting has Kafka's name and a value that the cluster can keep, such as `retention.ms=3600000`"
        }
        Code::InvalidReplicationFactor => {
            "there are not so many brokers: `--replication-factor 1` needs one"
        }
        Code::InvalidPartitions => "the number of partitions can only grow, and is at least 1",
        Code::NonEmptyGroup => "stop the group's members first",
        Code::GroupIdNotFound => "`tamis consumer-group list` lists the groups",
        Code::MessageSizeTooLarge => {
            "`-X message.max.bytes=N`, or `?message.max.bytes=N` in an address, lets a producer send more, `max.message.bytes` of a topic lets the broker take it"
        }
        Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::Authentication
        | Code::SaslAuthenticationFailed => {
            "`--user NAME` or `TAMIS_USER`, with `--password-file FILE` or `TAMIS_PASSWORD`, says who you are; whether it may be done is for whoever looks after the cluster"
        }
        Code::OperationTimedOut | Code::RequestTimedOut | Code::TimedOutQueue => {
            "`--timeout SECONDS`, or `?timeout=SECONDS` in an address, waits longer"
        }
        _ => return None,
    })
}

fn kind(code: RDKafkaErrorCode) -> Kind {
    use RDKafkaErrorCode as Code;
    match code {
        Code::TopicAlreadyExists
        | Code::UnknownTopicOrPartition
        | Code::UnknownTopic
        | Code::UnknownPartition
        | Code::InvalidTopic
        | Code::InvalidConfig
        | Code::InvalidReplicationFactor
        | Code::InvalidReplicaAssignment
        | Code::InvalidPartitions
        | Code::PolicyViolation
        | Code::GroupIdNotFound => Kind::Usage,
        // What stands in the way goes away.
        Code::NonEmptyGroup => Kind::Locked,
        code if is_of_record(code) => Kind::Data,
        _ => Kind::Failure,
    }
}

/// Whether it is this record that cannot be taken, and others can.
pub(crate) fn is_of_record(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        // The last is what the others of a batch get in which one cannot be taken.
        RDKafkaErrorCode::MessageSizeTooLarge
            | RDKafkaErrorCode::InvalidRecord
            | RDKafkaErrorCode::InvalidDifferentRecord
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_told_without_who_says_it() {
        let code = RDKafkaErrorCode::MessageSizeTooLarge;
        assert_eq!(said(code), "message size too large");
        let code = RDKafkaErrorCode::AllBrokersDown;
        assert_eq!(said(code), "all broker connections are down");
        assert_eq!(lowered("SSL is not there"), "SSL is not there");
    }
}
