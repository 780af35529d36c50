//! What requests look like, field by field.
//!
//! ```text
//! field(NAME, KIND)               in all versions
//!     .since(V) .until(V)         Kafka's "versions": "V+", "0-V"
//!     .tag(N)                     Kafka's "tag": N, behind the other fields
//! ```
//!
//! An entry tells the versions it is true for, and since which the message is flexible (`NEVER`, if none is).

use kafka_protocol::messages::ApiKey;

use super::Kind::{Array, Fixed, Struct, Structs};
use super::{Field, Kind, Shape, field};

const BOOL: Kind = Fixed(1);
const INT8: Kind = Fixed(1);
const INT16: Kind = Fixed(2);
const INT32: Kind = Fixed(4);
const INT64: Kind = Fixed(8);
const UUID: Kind = Fixed(16);
const STRING: Kind = Kind::String;
const BYTES: Kind = Kind::Bytes;

const NEVER: i16 = i16::MAX;

const fn shape(
    key: ApiKey,
    versions: (i16, i16),
    flexible: i16,
    fields: &'static [Field],
) -> Shape {
    Shape {
        key,
        versions,
        flexible,
        fields,
    }
}

/// All requests that can be checked, and so decoded.
pub(super) const SHAPES: &[Shape] = &[
    shape(ApiKey::Produce, (0, 13), 9, PRODUCE),
    shape(ApiKey::Fetch, (4, 18), 12, FETCH),
    shape(ApiKey::ListOffsets, (1, 10), 6, LIST_OFFSETS),
    shape(ApiKey::Metadata, (0, 13), 9, METADATA),
    shape(ApiKey::ApiVersions, (0, 4), 3, API_VERSIONS),
    shape(ApiKey::CreateTopics, (2, 7), 5, CREATE_TOPICS),
    shape(ApiKey::DeleteTopics, (1, 6), 4, DELETE_TOPICS),
    shape(ApiKey::InitProducerId, (0, 5), 2, INIT_PRODUCER_ID),
    shape(ApiKey::CreatePartitions, (0, 3), 2, CREATE_PARTITIONS),
    shape(ApiKey::DeleteRecords, (0, 2), 2, DELETE_RECORDS),
    shape(ApiKey::DescribeConfigs, (1, 4), 4, DESCRIBE_CONFIGS),
    shape(ApiKey::AlterConfigs, (0, 2), 2, ALTER_CONFIGS),
    shape(
        ApiKey::IncrementalAlterConfigs,
        (0, 1),
        1,
        INCREMENTAL_ALTER_CONFIGS,
    ),
    shape(ApiKey::DescribeCluster, (0, 2), 0, DESCRIBE_CLUSTER),
    shape(ApiKey::DescribeLogDirs, (1, 4), 2, DESCRIBE_LOG_DIRS),
    shape(
        ApiKey::OffsetForLeaderEpoch,
        (2, 4),
        4,
        OFFSET_FOR_LEADER_EPOCH,
    ),
    shape(ApiKey::FindCoordinator, (0, 6), 3, FIND_COORDINATOR),
    shape(ApiKey::JoinGroup, (0, 9), 6, JOIN_GROUP),
    shape(ApiKey::SyncGroup, (0, 5), 4, SYNC_GROUP),
    shape(ApiKey::Heartbeat, (0, 4), 4, HEARTBEAT),
    shape(ApiKey::LeaveGroup, (0, 5), 4, LEAVE_GROUP),
    shape(ApiKey::OffsetCommit, (2, 9), 8, OFFSET_COMMIT),
    shape(ApiKey::OffsetFetch, (1, 9), 6, OFFSET_FETCH),
    shape(ApiKey::OffsetDelete, (0, 0), NEVER, OFFSET_DELETE),
    shape(ApiKey::DescribeGroups, (0, 6), 5, DESCRIBE_GROUPS),
    shape(ApiKey::ListGroups, (0, 5), 3, LIST_GROUPS),
    shape(ApiKey::DeleteGroups, (0, 2), 2, DELETE_GROUPS),
    shape(
        ApiKey::ConsumerGroupHeartbeat,
        (0, 1),
        0,
        CONSUMER_GROUP_HEARTBEAT,
    ),
    shape(ApiKey::SaslHandshake, (0, 1), NEVER, SASL_HANDSHAKE),
    shape(ApiKey::SaslAuthenticate, (0, 2), 2, SASL_AUTHENTICATE),
    shape(ApiKey::DescribeAcls, (1, 3), 2, DESCRIBE_ACLS),
    shape(ApiKey::CreateAcls, (1, 3), 2, CREATE_ACLS),
    shape(ApiKey::DeleteAcls, (1, 3), 2, DELETE_ACLS),
    shape(
        ApiKey::DescribeClientQuotas,
        (0, 1),
        1,
        DESCRIBE_CLIENT_QUOTAS,
    ),
];

/// The header of every request (versions 1 and 2, the second of which has tagged fields behind it).
#[rustfmt::skip]
pub(super) const HEADER: &[Field] = &[
    field("requestApiKey", INT16),
    field("requestApiVersion", INT16),
    field("correlationId", INT32),
    field("clientId", STRING),
];

#[rustfmt::skip]
const PRODUCE: &[Field] = &[
    field("transactionalId", STRING).since(3),
    field("acks", INT16),
    field("timeoutMs", INT32),
    field("topicData", Structs(&[
        field("name", STRING).until(12),
        field("topicId", UUID).since(13),
        field("partitionData", Structs(&[
            field("index", INT32),
            field("records", BYTES),
        ])),
    ])),
];

#[rustfmt::skip]
const FETCH: &[Field] = &[
    field("replicaId", INT32).until(14),
    field("maxWaitMs", INT32),
    field("minBytes", INT32),
    field("maxBytes", INT32),
    field("isolationLevel", INT8),
    field("sessionId", INT32).since(7),
    field("sessionEpoch", INT32).since(7),
    field("topics", Structs(&[
        field("topic", STRING).until(12),
        field("topicId", UUID).since(13),
        field("partitions", Structs(&[
            field("partition", INT32),
            field("currentLeaderEpoch", INT32).since(9),
            field("fetchOffset", INT64),
            field("lastFetchedEpoch", INT32).since(12),
            field("logStartOffset", INT64).since(5),
            field("partitionMaxBytes", INT32),
            field("replicaDirectoryId", UUID).since(17).tag(0),
            field("highWatermark", INT64).since(18).tag(1),
        ])),
    ])),
    field("forgottenTopicsData", Structs(&[
        field("topic", STRING).until(12),
        field("topicId", UUID).since(13),
        field("partitions", Array(&INT32)),
    ])).since(7),
    field("rackId", STRING).since(11),
    field("clusterId", STRING).tag(0),
    field("replicaState", Struct(&[
        field("replicaId", INT32),
        field("replicaEpoch", INT64),
    ])).since(15).tag(1),
];

#[rustfmt::skip]
const LIST_OFFSETS: &[Field] = &[
    field("replicaId", INT32),
    field("isolationLevel", INT8).since(2),
    field("topics", Structs(&[
        field("name", STRING),
        field("partitions", Structs(&[
            field("partitionIndex", INT32),
            field("currentLeaderEpoch", INT32).since(4),
            field("timestamp", INT64),
        ])),
    ])),
    field("timeoutMs", INT32).since(10),
];

#[rustfmt::skip]
const METADATA: &[Field] = &[
    field("topics", Structs(&[
        field("topicId", UUID).since(10),
        field("name", STRING),
    ])),
    field("allowAutoTopicCreation", BOOL).since(4),
    field("includeClusterAuthorizedOperations", BOOL).since(8).until(10),
    field("includeTopicAuthorizedOperations", BOOL).since(8),
];

#[rustfmt::skip]
const API_VERSIONS: &[Field] = &[
    field("clientSoftwareName", STRING).since(3),
    field("clientSoftwareVersion", STRING).since(3),
];

#[rustfmt::skip]
const CREATE_TOPICS: &[Field] = &[
    field("topics", Structs(&[
        field("name", STRING),
        field("numPartitions", INT32),
        field("replicationFactor", INT16),
        field("assignments", Structs(&[
            field("partitionIndex", INT32),
            field("brokerIds", Array(&INT32)),
        ])),
        field("configs", Structs(&[
            field("name", STRING),
            field("value", STRING),
        ])),
    ])),
    field("timeoutMs", INT32),
    field("validateOnly", BOOL),
];

#[rustfmt::skip]
const DELETE_TOPICS: &[Field] = &[
    field("topics", Structs(&[
        field("name", STRING),
        field("topicId", UUID),
    ])).since(6),
    field("topicNames", Array(&STRING)).until(5),
    field("timeoutMs", INT32),
];

#[rustfmt::skip]
const INIT_PRODUCER_ID: &[Field] = &[
    field("transactionalId", STRING),
    field("transactionTimeoutMs", INT32),
    field("producerId", INT64).since(3),
    field("producerEpoch", INT16).since(3),
];

#[rustfmt::skip]
const CREATE_PARTITIONS: &[Field] = &[
    field("topics", Structs(&[
        field("name", STRING),
        field("count", INT32),
        field("assignments", Structs(&[
            field("brokerIds", Array(&INT32)),
        ])),
    ])),
    field("timeoutMs", INT32),
    field("validateOnly", BOOL),
];

#[rustfmt::skip]
const DELETE_RECORDS: &[Field] = &[
    field("topics", Structs(&[
        field("name", STRING),
        field("partitions", Structs(&[
            field("partitionIndex", INT32),
            field("offset", INT64),
        ])),
    ])),
    field("timeoutMs", INT32),
];

#[rustfmt::skip]
const DESCRIBE_CONFIGS: &[Field] = &[
    field("resources", Structs(&[
        field("resourceType", INT8),
        field("resourceName", STRING),
        field("configurationKeys", Array(&STRING)),
    ])),
    field("includeSynonyms", BOOL),
    field("includeDocumentation", BOOL).since(3),
];

#[rustfmt::skip]
const ALTER_CONFIGS: &[Field] = &[
    field("resources", Structs(&[
        field("resourceType", INT8),
        field("resourceName", STRING),
        field("configs", Structs(&[
            field("name", STRING),
            field("value", STRING),
        ])),
    ])),
    field("validateOnly", BOOL),
];

#[rustfmt::skip]
const INCREMENTAL_ALTER_CONFIGS: &[Field] = &[
    field("resources", Structs(&[
        field("resourceType", INT8),
        field("resourceName", STRING),
        field("configs", Structs(&[
            field("name", STRING),
            field("configOperation", INT8),
            field("value", STRING),
        ])),
    ])),
    field("validateOnly", BOOL),
];

#[rustfmt::skip]
const DESCRIBE_CLUSTER: &[Field] = &[
    field("includeClusterAuthorizedOperations", BOOL),
    field("endpointType", INT8).since(1),
    field("includeFencedBrokers", BOOL).since(2),
];

#[rustfmt::skip]
const DESCRIBE_LOG_DIRS: &[Field] = &[
    field("topics", Structs(&[
        field("topic", STRING),
        field("partitions", Array(&INT32)),
    ])),
];

#[rustfmt::skip]
const OFFSET_FOR_LEADER_EPOCH: &[Field] = &[
    field("replicaId", INT32).since(3),
    field("topics", Structs(&[
        field("topic", STRING),
        field("partitions", Structs(&[
            field("partition", INT32),
            field("currentLeaderEpoch", INT32),
            field("leaderEpoch", INT32),
        ])),
    ])),
];

#[rustfmt::skip]
const FIND_COORDINATOR: &[Field] = &[
    field("key", STRING).until(3),
    field("keyType", INT8).since(1),
    field("coordinatorKeys", Array(&STRING)).since(4),
];

#[rustfmt::skip]
const JOIN_GROUP: &[Field] = &[
    field("groupId", STRING),
    field("sessionTimeoutMs", INT32),
    field("rebalanceTimeoutMs", INT32).since(1),
    field("memberId", STRING),
    field("groupInstanceId", STRING).since(5),
    field("protocolType", STRING),
    field("protocols", Structs(&[
        field("name", STRING),
        field("metadata", BYTES),
    ])),
    field("reason", STRING).since(8),
];

#[rustfmt::skip]
const SYNC_GROUP: &[Field] = &[
    field("groupId", STRING),
    field("generationId", INT32),
    field("memberId", STRING),
    field("groupInstanceId", STRING).since(3),
    field("protocolType", STRING).since(5),
    field("protocolName", STRING).since(5),
    field("assignments", Structs(&[
        field("memberId", STRING),
        field("assignment", BYTES),
    ])),
];

#[rustfmt::skip]
const HEARTBEAT: &[Field] = &[
    field("groupId", STRING),
    field("generationId", INT32),
    field("memberId", STRING),
    field("groupInstanceId", STRING).since(3),
];

#[rustfmt::skip]
const LEAVE_GROUP: &[Field] = &[
    field("groupId", STRING),
    field("memberId", STRING).until(2),
    field("members", Structs(&[
        field("memberId", STRING),
        field("groupInstanceId", STRING),
        field("reason", STRING).since(5),
    ])).since(3),
];

#[rustfmt::skip]
const OFFSET_COMMIT: &[Field] = &[
    field("groupId", STRING),
    field("generationIdOrMemberEpoch", INT32),
    field("memberId", STRING),
    field("groupInstanceId", STRING).since(7),
    field("retentionTimeMs", INT64).until(4),
    field("topics", Structs(&[
        field("name", STRING),
        field("partitions", Structs(&[
            field("partitionIndex", INT32),
            field("committedOffset", INT64),
            field("committedLeaderEpoch", INT32).since(6),
            field("committedMetadata", STRING),
        ])),
    ])),
];

#[rustfmt::skip]
const OFFSET_FETCH: &[Field] = &[
    field("groupId", STRING).until(7),
    field("topics", Structs(&[
        field("name", STRING),
        field("partitionIndexes", Array(&INT32)),
    ])).until(7),
    field("groups", Structs(&[
        field("groupId", STRING),
        field("memberId", STRING).since(9),
        field("memberEpoch", INT32).since(9),
        field("topics", Structs(&[
            field("name", STRING),
            field("partitionIndexes", Array(&INT32)),
        ])),
    ])).since(8),
    field("requireStable", BOOL).since(7),
];

#[rustfmt::skip]
const OFFSET_DELETE: &[Field] = &[
    field("groupId", STRING),
    field("topics", Structs(&[
        field("name", STRING),
        field("partitions", Structs(&[
            field("partitionIndex", INT32),
        ])),
    ])),
];

#[rustfmt::skip]
const DESCRIBE_GROUPS: &[Field] = &[
    field("groups", Array(&STRING)),
    field("includeAuthorizedOperations", BOOL).since(3),
];

#[rustfmt::skip]
const LIST_GROUPS: &[Field] = &[
    field("statesFilter", Array(&STRING)).since(4),
    field("typesFilter", Array(&STRING)).since(5),
];

#[rustfmt::skip]
const DELETE_GROUPS: &[Field] = &[
    field("groupsNames", Array(&STRING)),
];

#[rustfmt::skip]
const CONSUMER_GROUP_HEARTBEAT: &[Field] = &[
    field("groupId", STRING),
    field("memberId", STRING),
    field("memberEpoch", INT32),
    field("instanceId", STRING),
    field("rackId", STRING),
    field("rebalanceTimeoutMs", INT32),
    field("subscribedTopicNames", Array(&STRING)),
    field("subscribedTopicRegex", STRING).since(1),
    field("serverAssignor", STRING),
    field("topicPartitions", Structs(&[
        field("topicId", UUID),
        field("partitions", Array(&INT32)),
    ])),
];

#[rustfmt::skip]
const SASL_HANDSHAKE: &[Field] = &[
    field("mechanism", STRING),
];

#[rustfmt::skip]
const SASL_AUTHENTICATE: &[Field] = &[
    field("authBytes", BYTES),
];

#[rustfmt::skip]
const DESCRIBE_ACLS: &[Field] = &[
    field("resourceTypeFilter", INT8),
    field("resourceNameFilter", STRING),
    field("patternTypeFilter", INT8),
    field("principalFilter", STRING),
    field("hostFilter", STRING),
    field("operation", INT8),
    field("permissionType", INT8),
];

#[rustfmt::skip]
const CREATE_ACLS: &[Field] = &[
    field("creations", Structs(&[
        field("resourceType", INT8),
        field("resourceName", STRING),
        field("resourcePatternType", INT8),
        field("principal", STRING),
        field("host", STRING),
        field("operation", INT8),
        field("permissionType", INT8),
    ])),
];

#[rustfmt::skip]
const DELETE_ACLS: &[Field] = &[
    field("filters", Structs(&[
        field("resourceTypeFilter", INT8),
        field("resourceNameFilter", STRING),
        field("patternTypeFilter", INT8),
        field("principalFilter", STRING),
        field("hostFilter", STRING),
        field("operation", INT8),
        field("permissionType", INT8),
    ])),
];

#[rustfmt::skip]
const DESCRIBE_CLIENT_QUOTAS: &[Field] = &[
    field("components", Structs(&[
        field("entityType", STRING),
        field("matchType", INT8),
        field("match", STRING),
    ])),
    field("strict", BOOL),
];
