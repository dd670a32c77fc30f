"""Who may make a request, and how many: API keys, what each may do, and its rate."""

import math
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from starlette.routing import BaseRoute, Match
from starlette.types import Scope

from schemas.keys import ApiKey
from schemas.service import SecuritySettings
from serving.bodies import header
from serving.caller import ANYBODY
from serving.keyring import Keyring
from serving.problems import ProblemError

CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="streamvq"'}
MADE: Final = "`svq keys create` makes one; send it as `Authorization: Bearer <key>`, or as `X-API-Key`."
SAFE: Final = ("GET", "HEAD", "OPTIONS")
GUARDED: Final = ("/v1/", "/metrics")
"""Where data is. What is open beside it is the same for everybody: probes, documentation, the console's own files."""


class Guard:
    """Decides about requests before anything of their bodies is read.

    Args:
        security: where the keys are, and the limit.
        keyring: the keys in force; None: whoever reaches the server may use it.
        asking: routes that change nothing although they take a body.
    """

    def __init__(self, security: SecuritySettings, keyring: Keyring | None, asking: Sequence[BaseRoute]) -> None:
        self._keyring = keyring
        self._asking = asking
        self._rate = RateLimitItemPerMinute(security.requests_per_minute) if security.requests_per_minute else None
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def admit(self, scope: Scope) -> None:
        """Let a request in, with its caller's id noted in the scope.

        Raises:
            ProblemError: 401, 403 or 429.
        """
        if not scope["path"].startswith(GUARDED):
            return
        who = ANYBODY if self._keyring is None else self._known(self._keyring, scope).id
        scope.setdefault("state", {})["caller"] = who
        if self._rate is not None and not await self._limiter.hit(self._rate, who):
            await self._refuse(self._rate, who)

    def _known(self, keyring: Keyring, scope: Scope) -> ApiKey:
        given = _given(scope)
        if not given:
            raise ProblemError(401, "no_key", "The request names no API key.", MADE, headers=CHALLENGE)
        key = keyring.find(given)
        if key is None:
            raise ProblemError(
                401, "unknown_key", "This API key is not known; it may be revoked.", MADE, headers=CHALLENGE
            )
        if key.expired(datetime.now(UTC)):
            detail = f"The API key {key.id} expired at {key.expires}."
            raise ProblemError(401, "expired_key", detail, MADE, headers=CHALLENGE)
        if key.scope != "write" and self._writes(scope):
            detail = f"The API key {key.id} may read, and this request changes something."
            raise ProblemError(403, "read_only_key", detail, "Use a key made with `svq keys create NAME --write`.")
        return key

    def _writes(self, scope: Scope) -> bool:
        """Whether it may change something: all that is not known to change nothing."""
        if scope["method"] in SAFE:
            return False
        return not any(route.matches(scope)[0] is Match.FULL for route in self._asking)

    async def _refuse(self, rate: RateLimitItemPerMinute, who: str) -> None:
        window = await self._limiter.get_window_stats(rate, who)
        seconds = max(1, math.ceil(window.reset_time - time.time()))
        whom = "All callers together" if who == ANYBODY else f"The API key {who}"
        detail = f"{whom} may make {rate.amount} requests a minute (security.requests_per_minute)."
        remedy = "Wait as long as Retry-After says, or ask for several answers in one request."
        raise ProblemError(429, "too_many_requests", detail, remedy, headers={"Retry-After": str(seconds)})


def _given(scope: Scope) -> str:
    kind, _, key = header(scope, b"authorization").partition(" ")
    return key.strip() if kind.lower() == "bearer" else header(scope, b"x-api-key").strip()
