"""Two requests of Kafka that aiokafka has no words for: the controller's clock, and the space on the brokers' disks.

Schemas: Kafka's DescribeQuorumRequest.json (version 1, Kafka 3.3) and DescribeLogDirsRequest.json (version 4, 3.3).
"""

from typing import Any

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Int64,
    Schema,
    TaggedFields,
)

METADATA_TOPIC = "__cluster_metadata"
TAGS = ("tags", TaggedFields)
_REPLICA = (
    ("replica_id", Int32),
    ("log_end_offset", Int64),
    ("last_fetch_timestamp", Int64),
    ("last_caught_up_timestamp", Int64),
    TAGS,
)


class _QuorumResponse(Response):  # type: ignore[misc]  # aiokafka carries no types
    API_KEY = 55
    API_VERSION = 1
    _PARTITION = (
        ("partition_index", Int32),
        ("error_code", Int16),
        ("leader_id", Int32),
        ("leader_epoch", Int32),
        ("high_watermark", Int64),
        ("current_voters", CompactArray(*_REPLICA)),
        ("observers", CompactArray(*_REPLICA)),
        TAGS,
    )
    SCHEMA = Schema(
        ("error_code", Int16),
        ("topics", CompactArray(("name", CompactString()), ("partitions", CompactArray(*_PARTITION)), TAGS)),
        TAGS,
    )


class _QuorumStruct(RequestStruct):  # type: ignore[misc]  # aiokafka carries no types
    FLEXIBLE_VERSION = True
    API_KEY = 55
    API_VERSION = 1
    RESPONSE_TYPE = _QuorumResponse
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(("name", CompactString()), ("partitions", CompactArray(("partition", Int32), TAGS)), TAGS),
        ),
        TAGS,
    )


class DescribeQuorum(Request[_QuorumStruct]):  # type: ignore[misc]  # aiokafka carries no types
    """The state of the controllers' log, with the leader's time."""

    API_KEY = 55

    def build(self, version: type[Any]) -> Any:
        """The request itself."""
        return version([(METADATA_TOPIC, [(0, {})], {})], {})


class _LogDirsResponse(Response):  # type: ignore[misc]  # aiokafka carries no types
    API_KEY = 35
    API_VERSION = 4
    _PARTITION = (
        ("partition_index", Int32),
        ("size", Int64),
        ("offset_lag", Int64),
        ("is_future", Boolean),
        TAGS,
    )
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        (
            "results",
            CompactArray(
                ("error_code", Int16),
                ("log_dir", CompactString()),
                ("topics", CompactArray(("name", CompactString()), ("partitions", CompactArray(*_PARTITION)), TAGS)),
                ("total_bytes", Int64),
                ("usable_bytes", Int64),
                TAGS,
            ),
        ),
        TAGS,
    )


class _LogDirsStruct(RequestStruct):  # type: ignore[misc]  # aiokafka carries no types
    FLEXIBLE_VERSION = True
    API_KEY = 35
    API_VERSION = 4
    RESPONSE_TYPE = _LogDirsResponse
    SCHEMA = Schema(
        ("topics", CompactArray(("name", CompactString()), ("partitions", CompactArray(Int32)), TAGS)),
        TAGS,
    )


class DescribeLogDirs(Request[_LogDirsStruct]):  # type: ignore[misc]  # aiokafka carries no types
    """The folders of a broker, with the space of their disks; none of the partitions in them."""

    API_KEY = 35

    def build(self, version: type[Any]) -> Any:
        """The request itself."""
        return version([], {})
