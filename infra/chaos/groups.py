"""How many members a consumer group has."""

from collections.abc import Mapping
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import DescribeGroupsRequest_v2
from aiokafka.protocol.api import Request


class _Describe(Request[DescribeGroupsRequest_v2]):  # type: ignore[misc]  # aiokafka carries no types
    """Version 2 at most: aiokafka reads the answer to version 3 as one to version 2, and hangs up."""

    API_KEY = DescribeGroupsRequest_v2.API_KEY

    def __init__(self, group: str) -> None:
        self._group = group

    def build(self, version: type[Any]) -> Any:
        """The request itself."""
        return version([self._group])


async def members(connection: Mapping[str, Any], group: str) -> int:
    """Members that the group's coordinator knows now."""
    admin = AIOKafkaAdminClient(**connection)
    try:
        await admin.start()
        coordinator = await admin.find_coordinator(group)
        answer = await admin._send_request(_Describe(group), coordinator)  # noqa: SLF001 - it has no public way
        ((_, _, _, _, _, listed, *_),) = answer.groups
        return len(listed)
    finally:
        await admin.close()
