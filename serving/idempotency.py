"""Requests that are sent again with the same Idempotency-Key: their events are published once.

This process remembers them, and no other: behind a load balancer, or after a restart, they are published again.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable

from schemas.service import PublishingSettings
from serving.problems import ProblemError
from serving.publication import Publication


class Remembered:
    """A request that was made under a key.

    Attributes:
        lock: held by whoever works on it, so that the same request does not run twice at a time.
        weight: entries that it counts as: itself, and every error it holds.
    """

    def __init__(self, fingerprint: bytes, publication: Publication) -> None:
        self.fingerprint = fingerprint
        self.publication = publication
        self.lock = asyncio.Lock()
        self.since = time.monotonic()
        self.weight = 1


class Ledger:
    """Requests by caller and key, the latest of them.

    Args:
        limits: how many, and for how long.
    """

    def __init__(self, limits: PublishingSettings) -> None:
        self._most, self._keep_s = limits.idempotency_keys, limits.idempotency_s
        self._requests: OrderedDict[tuple[str, str], Remembered] = OrderedDict()
        self._weight = 0

    def __len__(self) -> int:
        """Requests remembered."""
        return len(self._requests)

    def find(
        self, caller: str, key: str, fingerprint: bytes, make: Callable[[], Publication]
    ) -> tuple[Remembered, bool]:
        """The request that was made under this key, else a new one; and whether it was there before.

        Raises:
            ProblemError: it was another request.
        """
        while self._requests and self._oldest.since < time.monotonic() - self._keep_s:
            self._forget()
        found = self._requests.get((caller, key))
        if found is not None and found.fingerprint != fingerprint:
            detail = "This Idempotency-Key was used for another request."
            raise ProblemError(422, "idempotency_key_reused", detail, "Use a new key for every new request.")
        if found is not None:
            return found, True
        while self._requests and self._weight >= self._most:
            self._forget()
        new = self._requests[caller, key] = Remembered(fingerprint, make())
        self._weight += new.weight
        return new, False

    def weigh(self, request: Remembered, errors: int) -> None:
        """Count the errors that a request holds by now."""
        if request.weight:
            self._weight += 1 + errors - request.weight
            request.weight = 1 + errors

    @property
    def _oldest(self) -> Remembered:
        return next(iter(self._requests.values()))

    def _forget(self) -> None:
        _, forgotten = self._requests.popitem(last=False)
        self._weight -= forgotten.weight
        forgotten.weight = 0
