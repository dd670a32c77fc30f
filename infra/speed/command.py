"""Runs parts of the bench, with a Kafka where one is needed."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.speed.conditions import Conditions
from benchmarks.speed.result import measure
from infra.broker import EmbeddedBroker
from infra.run_folder import Say, run_folder
from infra.speed.parts import chosen

HEAP_MB = 1024
BOOTSTRAP = "SVQ_KAFKA__BOOTSTRAP_SERVERS"


def run(names: Sequence[str], *, quick: bool, say: Say) -> dict[str, Any]:
    """Measure the parts named, or all; see `benchmarks.speed.result` for what comes back."""
    parts = chosen(names)
    with run_folder(None, "", "bench", say) as folder, _kafka(folder) as bootstrap:
        return measure(parts, Conditions(quick, folder, bootstrap, say))


@contextmanager
def _kafka(folder: Path) -> Iterator[Callable[[], str]]:
    """Address of the Kafka that the settings name, or of one that starts when it is first asked for."""
    with ExitStack() as stack:

        @cache
        def bootstrap() -> str:
            named = os.environ.get(BOOTSTRAP)
            return named or stack.enter_context(EmbeddedBroker(folder / "broker", heap=HEAP_MB)).bootstrap

        yield bootstrap
