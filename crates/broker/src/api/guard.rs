//! What a user needs for each request, and whether the one who asks has it. A request that has no line here is answered to nobody.

use std::sync::Arc;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::ApiKey;

use super::{Context, Refused, Said};
use crate::access::Action;
use crate::topics::Topic;

/// What a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guard {
    /// Nothing: it is how one gets in.
    Open,
    /// A user, whoever it is: it tells and changes nothing that could be granted.
    User,
    /// A user, and [`Context::may`] for each topic and group that it names or tells of, and for the cluster.
    Granted,
}

use Guard::{Granted, Open, User};

const GUARDS: &[(ApiKey, Guard)] = &[
    (ApiKey::ApiVersions, Open),
    (ApiKey::SaslHandshake, Open),
    (ApiKey::SaslAuthenticate, Open),
    (ApiKey::ConsumerGroupHeartbeat, User),
    (ApiKey::Produce, Granted),
    (ApiKey::Fetch, Granted),
    (ApiKey::ListOffsets, Granted),
    (ApiKey::Metadata, Granted),
    (ApiKey::CreateTopics, Granted),
    (ApiKey::DeleteTopics, Granted),
    (ApiKey::InitProducerId, Granted),
    (ApiKey::CreatePartitions, Granted),
    (ApiKey::DeleteRecords, Granted),
    (ApiKey::DescribeConfigs, Granted),
    (ApiKey::AlterConfigs, Granted),
    (ApiKey::IncrementalAlterConfigs, Granted),
    (ApiKey::DescribeCluster, Granted),
    (ApiKey::DescribeLogDirs, Granted),
    (ApiKey::OffsetForLeaderEpoch, Granted),
    (ApiKey::FindCoordinator, Granted),
    (ApiKey::JoinGroup, Granted),
    (ApiKey::SyncGroup, Granted),
    (ApiKey::Heartbeat, Granted),
    (ApiKey::LeaveGroup, Granted),
    (ApiKey::OffsetCommit, Granted),
    (ApiKey::OffsetFetch, Granted),
    (ApiKey::OffsetDelete, Granted),
    (ApiKey::DescribeGroups, Granted),
    (ApiKey::ListGroups, Granted),
    (ApiKey::DeleteGroups, Granted),
    (ApiKey::DescribeAcls, Granted),
    (ApiKey::CreateAcls, Granted),
    (ApiKey::DeleteAcls, Granted),
    (ApiKey::DescribeClientQuotas, Granted),
];

/// What a request needs; `None`: nobody said so.
pub(super) fn of(key: ApiKey) -> Option<Guard> {
    let found = GUARDS.iter().find(|it| it.0 as i16 == key as i16);
    found.map(|it| it.1)
}

impl Context {
    /// Whether the client may do this; if not, that is counted.
    pub(crate) fn may(&self, action: Action<'_>) -> bool {
        self.broker.access.may(&self.client, action)
    }

    /// Whether the client may see this; for what is left out of lists.
    pub(crate) fn sees(&self, action: Action<'_>) -> bool {
        self.broker.access.allows(self.client.user(), action)
    }

    /// The topic that this is about, if the client may do it.
    ///
    /// # Errors
    /// `TOPIC_AUTHORIZATION_FAILED`, whether there is such a topic or not; `UNKNOWN_TOPIC_OR_PARTITION`.
    pub(crate) fn topic(&self, action: Action<'_>) -> Result<Arc<Topic>, ResponseError> {
        if !self.may(action) {
            return Err(ResponseError::TopicAuthorizationFailed);
        }
        let topic = self.broker.topics.topic(action.resource());
        topic.ok_or(ResponseError::UnknownTopicOrPartition)
    }

    /// Whether the client may look after topics and the broker; otherwise it is told that it may not, with this error.
    ///
    /// # Errors
    /// That one.
    pub(crate) fn administer(&self, error: ResponseError) -> Result<(), Said> {
        match self.may(Action::Administer) {
            true => Ok(()),
            false => Err((
                error,
                Some("it is for users with `admin = true`".to_owned()),
            )),
        }
    }

    /// Whether a request may be looked at at all.
    pub(super) fn check_guard(&self, key: ApiKey) -> Result<(), Refused> {
        let guard = of(key).ok_or(Refused::Key(key as i16))?;
        if guard == Open {
            return Ok(());
        }
        if self.client.is_unknown() {
            return Err(Refused::Unknown("it did not log in first"));
        }
        match self.broker.access.still_knows(&self.client) {
            true => Ok(()),
            false => Err(Refused::Forgotten),
        }
    }
}
