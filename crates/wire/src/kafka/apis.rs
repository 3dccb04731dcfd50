//! What can be asked of a broker: names, versions, and where simple requests and responses say what matters.

use Answer::{Custom, First, FirstOf, Throttled, Unread};
use Asks::{Group, Name, Names, Nothing, Other};

/// What a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asks {
    /// Nothing that is worth a name.
    Nothing,
    /// It begins with a name.
    Name,
    /// It begins with names.
    Names,
    /// It begins with a group's name and a member's.
    Group,
    /// It is read by a function of its own.
    Other,
}

/// Where a response has its error code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// First of all.
    First,
    /// Behind the time for which the client is throttled, which came with this version.
    Throttled(i16),
    /// Behind that time, in the first element of an array, so many strings behind its beginning.
    FirstOf(i16, usize),
    /// It is read by a function of its own.
    Custom,
    Unread,
}

#[derive(Debug)]
pub(super) struct Api {
    pub(super) key: i16,
    pub(super) name: &'static str,
    /// The newest version that is known.
    newest: i16,
    /// The first flexible version.
    flexible: i16,
    pub(super) asks: Asks,
    pub(super) answer: Answer,
    /// Its time is spent waiting for something to happen.
    pub(super) waits: bool,
}

/// Brokers and clients of tomorrow may speak versions that are not known yet; those have a name and no more.
const NEWER: i16 = 4;
const NEVER: i16 = i16::MAX;

impl Api {
    /// Whether there may be this version.
    pub(super) fn has(&self, version: i16) -> bool {
        (0..=self.newest + NEWER).contains(&version)
    }

    /// Whether what is in this version is known.
    pub(super) fn knows(&self, version: i16) -> bool {
        (0..=self.newest).contains(&version)
    }

    pub(super) fn is_flexible(&self, version: i16) -> bool {
        version >= self.flexible
    }
}

const fn api(key: i16, name: &'static str, newest: i16, flexible: i16, asks: Asks, answer: Answer) -> Api {
    let waits = matches!(key, 1 | 11 | 14 | 78);
    Api { key, name, newest, flexible, asks, answer, waits }
}

pub(super) const PRODUCE: i16 = 0;
pub(super) const FETCH: i16 = 1;
pub(super) const LIST_OFFSETS: i16 = 2;
pub(super) const METADATA: i16 = 3;
pub(super) const OFFSET_COMMIT: i16 = 8;
pub(super) const OFFSET_FETCH: i16 = 9;
pub(super) const FIND_COORDINATOR: i16 = 10;
pub(super) const SASL_HANDSHAKE: i16 = 17;
pub(super) const API_VERSIONS: i16 = 18;
pub(super) const CREATE_TOPICS: i16 = 19;
pub(super) const DELETE_TOPICS: i16 = 20;
pub(super) const ADD_PARTITIONS_TO_TXN: i16 = 24;
pub(super) const TXN_OFFSET_COMMIT: i16 = 28;
pub(super) const SASL_AUTHENTICATE: i16 = 36;
pub(super) const DESCRIBE_TOPIC_PARTITIONS: i16 = 75;

/// By key, without a gap. The versions are those of Kafka 4.1, and of older brokers for what has gone since.
static APIS: &[Api] = &[
    api(0, "Produce", 13, 9, Other, Custom),
    api(1, "Fetch", 18, 12, Other, Custom),
    api(2, "ListOffsets", 11, 6, Other, Custom),
    api(3, "Metadata", 13, 9, Other, Custom),
    api(4, "LeaderAndIsr", 7, 4, Nothing, First),
    api(5, "StopReplica", 4, 2, Nothing, First),
    api(6, "UpdateMetadata", 8, 6, Nothing, First),
    api(7, "ControlledShutdown", 3, 3, Nothing, First),
    api(8, "OffsetCommit", 10, 8, Other, Custom),
    api(9, "OffsetFetch", 10, 6, Other, Custom),
    api(10, "FindCoordinator", 6, 3, Other, Custom),
    api(11, "JoinGroup", 9, 6, Name, Throttled(2)),
    api(12, "Heartbeat", 4, 4, Name, Throttled(1)),
    api(13, "LeaveGroup", 5, 4, Name, Throttled(1)),
    api(14, "SyncGroup", 5, 4, Name, Throttled(1)),
    api(15, "DescribeGroups", 6, 5, Names, FirstOf(1, 0)),
    api(16, "ListGroups", 5, 3, Nothing, Throttled(1)),
    api(17, "SaslHandshake", 1, NEVER, Name, First),
    api(18, "ApiVersions", 4, 3, Other, First),
    api(19, "CreateTopics", 7, 5, Other, Custom),
    api(20, "DeleteTopics", 6, 4, Other, Custom),
    api(21, "DeleteRecords", 2, 2, Nothing, Unread),
    api(22, "InitProducerId", 6, 2, Name, Throttled(0)),
    api(23, "OffsetForLeaderEpoch", 4, 4, Nothing, Unread),
    api(24, "AddPartitionsToTxn", 5, 3, Other, Custom),
    api(25, "AddOffsetsToTxn", 4, 3, Name, Throttled(0)),
    api(26, "EndTxn", 5, 3, Name, Throttled(0)),
    api(27, "WriteTxnMarkers", 2, 1, Nothing, Unread),
    api(28, "TxnOffsetCommit", 5, 3, Name, Custom),
    api(29, "DescribeAcls", 3, 2, Nothing, Throttled(0)),
    api(30, "CreateAcls", 3, 2, Nothing, FirstOf(0, 0)),
    api(31, "DeleteAcls", 3, 2, Nothing, FirstOf(0, 0)),
    api(32, "DescribeConfigs", 4, 4, Nothing, FirstOf(0, 0)),
    api(33, "AlterConfigs", 2, 2, Nothing, FirstOf(0, 0)),
    api(34, "AlterReplicaLogDirs", 2, 2, Nothing, Unread),
    api(35, "DescribeLogDirs", 5, 2, Nothing, Unread),
    api(36, "SaslAuthenticate", 2, 2, Nothing, First),
    api(37, "CreatePartitions", 3, 2, Nothing, FirstOf(0, 1)),
    api(38, "CreateDelegationToken", 3, 2, Nothing, First),
    api(39, "RenewDelegationToken", 2, 2, Nothing, First),
    api(40, "ExpireDelegationToken", 2, 2, Nothing, First),
    api(41, "DescribeDelegationToken", 3, 2, Nothing, First),
    api(42, "DeleteGroups", 2, 2, Names, FirstOf(0, 1)),
    api(43, "ElectLeaders", 2, 2, Nothing, Unread),
    api(44, "IncrementalAlterConfigs", 1, 1, Nothing, FirstOf(0, 0)),
    api(45, "AlterPartitionReassignments", 1, 0, Nothing, Unread),
    api(46, "ListPartitionReassignments", 0, 0, Nothing, Throttled(0)),
    api(47, "OffsetDelete", 0, NEVER, Name, First),
    api(48, "DescribeClientQuotas", 1, 1, Nothing, Throttled(0)),
    api(49, "AlterClientQuotas", 1, 1, Nothing, FirstOf(0, 0)),
    api(50, "DescribeUserScramCredentials", 0, 0, Nothing, Throttled(0)),
    api(51, "AlterUserScramCredentials", 0, 0, Nothing, FirstOf(0, 1)),
    api(52, "Vote", 2, 0, Nothing, First),
    api(53, "BeginQuorumEpoch", 1, 1, Nothing, First),
    api(54, "EndQuorumEpoch", 1, 1, Nothing, First),
    api(55, "DescribeQuorum", 2, 0, Nothing, First),
    api(56, "AlterPartition", 3, 0, Nothing, Throttled(0)),
    api(57, "UpdateFeatures", 2, 0, Nothing, Throttled(0)),
    api(58, "Envelope", 0, 0, Nothing, Unread),
    api(59, "FetchSnapshot", 1, 0, Nothing, Throttled(0)),
    api(60, "DescribeCluster", 2, 0, Nothing, Throttled(0)),
    api(61, "DescribeProducers", 0, 0, Nothing, Unread),
    api(62, "BrokerRegistration", 4, 0, Nothing, Throttled(0)),
    api(63, "BrokerHeartbeat", 1, 0, Nothing, Throttled(0)),
    api(64, "UnregisterBroker", 0, 0, Nothing, Throttled(0)),
    api(65, "DescribeTransactions", 0, 0, Names, FirstOf(0, 0)),
    api(66, "ListTransactions", 2, 0, Nothing, Throttled(0)),
    api(67, "AllocateProducerIds", 0, 0, Nothing, Throttled(0)),
    api(68, "ConsumerGroupHeartbeat", 1, 0, Group, Throttled(0)),
    api(69, "ConsumerGroupDescribe", 1, 0, Names, FirstOf(0, 0)),
    api(70, "ControllerRegistration", 0, 0, Nothing, Throttled(0)),
    api(71, "GetTelemetrySubscriptions", 0, 0, Nothing, Throttled(0)),
    api(72, "PushTelemetry", 0, 0, Nothing, Throttled(0)),
    api(73, "AssignReplicasToDirs", 0, 0, Nothing, Throttled(0)),
    api(74, "ListConfigResources", 1, 0, Nothing, Throttled(0)),
    api(75, "DescribeTopicPartitions", 0, 0, Other, FirstOf(0, 0)),
    api(76, "ShareGroupHeartbeat", 1, 0, Group, Throttled(0)),
    api(77, "ShareGroupDescribe", 1, 0, Names, FirstOf(0, 0)),
    api(78, "ShareFetch", 2, 0, Group, Throttled(0)),
    api(79, "ShareAcknowledge", 2, 0, Group, Throttled(0)),
    api(80, "AddRaftVoter", 1, 0, Nothing, Throttled(0)),
    api(81, "RemoveRaftVoter", 0, 0, Nothing, Throttled(0)),
    api(82, "UpdateRaftVoter", 0, 0, Nothing, Throttled(0)),
    api(83, "InitializeShareGroupState", 0, 0, Name, Unread),
    api(84, "ReadShareGroupState", 0, 0, Name, Unread),
    api(85, "WriteShareGroupState", 1, 0, Name, Unread),
    api(86, "DeleteShareGroupState", 0, 0, Name, Unread),
    api(87, "ReadShareGroupStateSummary", 1, 0, Name, Unread),
    api(88, "StreamsGroupHeartbeat", 0, 0, Group, Throttled(0)),
    api(89, "StreamsGroupDescribe", 0, 0, Names, FirstOf(0, 0)),
    api(90, "DescribeShareGroupOffsets", 1, 0, Nothing, Unread),
    api(91, "AlterShareGroupOffsets", 0, 0, Name, Throttled(0)),
    api(92, "DeleteShareGroupOffsets", 0, 0, Name, Throttled(0)),
];

pub(super) fn api_of(key: i16) -> Option<&'static Api> {
    APIS.get(usize::try_from(key).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order() {
        for (place, api) in APIS.iter().enumerate() {
            assert_eq!(usize::try_from(api.key).ok(), Some(place), "{}", api.name);
            assert!(api.flexible == NEVER || api.flexible <= api.newest, "{}", api.name);
        }
        assert_eq!((api_of(18).unwrap().name, api_of(93).is_none()), ("ApiVersions", true));
    }
}
