"""How many members a consumer group has."""

import asyncio
import time
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.admin import DescribeGroupsRequest_v2
from aiokafka.protocol.api import Request

DEADLINE_S = 15.0
PAUSE_S = 0.2


class _Describe(Request[DescribeGroupsRequest_v2]):  # type: ignore[misc]  # aiokafka carries no types
    """Version 2 at most: aiokafka reads the answer to version 3 as one to version 2."""

    API_KEY = DescribeGroupsRequest_v2.API_KEY

    def __init__(self, group: str) -> None:
        self._group = group

    def build(self, version: type[Any]) -> Any:
        """The request itself."""
        return version([self._group])


async def members(admin: AIOKafkaAdminClient, group: str, deadline_s: float = DEADLINE_S) -> int:
    """Members that the group's coordinator knows now; KafkaError where there is none, for that is not no member."""
    end = time.monotonic() + deadline_s
    while True:
        try:
            return await _ask(admin, group)
        except KafkaError as error:  # a broker that is new makes the topic of offsets when it is first asked
            if not error.retriable or time.monotonic() > end:
                raise
        await asyncio.sleep(PAUSE_S)


async def _ask(admin: AIOKafkaAdminClient, group: str) -> int:
    coordinator = await admin.find_coordinator(group)
    answer = await admin._send_request(_Describe(group), coordinator)  # noqa: SLF001 - it has no public way
    ((error, _, _, _, _, listed, *_),) = answer.groups
    if error:
        raise for_code(error)(f"members of {group!r}")
    return len(listed)
