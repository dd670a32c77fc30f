"""One process of the stack: started, watched, and started again when it dies."""

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import Event, Thread
from typing import Literal

import structlog

from infra.child import SPAWN_DEADLINE_S, Child
from schemas.errors import InvariantError, ResourceError, SettingsError, StreamVQError

HEALTHY_S = 30.0
FIRST_DELAY_S = 0.5  # of the second start in a row: the first one is at once, for most ends are mended by it
LONGEST_DELAY_S = 30.0
LAST_LINES = 30
POLL_S = 0.2
GRACE_S = 10.0

# Ends that another start does not mend: the settings, broken data, or this machine must change first. Others are
# started again, also what no code of ours says: a signal, or an interpreter that did not come up.
FINAL = {kind.exit_code: kind for kind in (SettingsError, InvariantError, ResourceError)}

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class StackEvent:
    """Something that happened to a process: `delay` seconds until the next start, after `ended`."""

    kind: Literal["started", "ended", "failed"]
    role: str
    pid: int
    code: int | None = None
    delay: float = 0.0


class Supervised:
    """Keeps one role running until it is told to stop or ends in a way that another start does not mend.

    Args:
        role: its name in logs and events.
        launch: starts one run; it gets a function to hand the output to, line by line.
        on_event: told of every start and end, in this role's thread.
        on_line: told of every line of output.

    Attributes:
        restarts: how many times it was started again.
        failure: why it is not started any more.
    """

    def __init__(
        self,
        role: str,
        launch: Callable[[Callable[[str], None]], Child],
        on_event: Callable[[StackEvent], None],
        on_line: Callable[[str, str], None],
    ) -> None:
        self.role, self.restarts = role, 0
        self.failure: StreamVQError | None = None
        self._launch, self._on_event, self._on_line = launch, on_event, on_line
        self._lines: deque[str] = deque(maxlen=LAST_LINES)
        self._child: Child | None = None
        self._begun, self._stopping = Event(), Event()
        self._thread = Thread(target=self._run, name=f"supervise {role}", daemon=True)

    @property
    def pid(self) -> int | None:
        """Process id of the present run; None between two runs, and not 0, which to `kill` means ourselves."""
        child = self._child
        return child.pid if child and child.running else None

    def start(self) -> None:
        """Begin; returns when the first run has begun, or could not."""
        self._thread.start()
        self._begun.wait(SPAWN_DEADLINE_S)

    def stop(self, grace: float) -> None:
        """End the present run, killed after `grace` seconds, and start no other."""
        self._stopping.set()
        if self._child:
            self._child.stop(grace)
        if self._thread.ident is not None:
            self._thread.join(grace)

    def _run(self) -> None:
        delay = 0.0
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                code = self._one_run()
            except (StreamVQError, OSError) as error:  # it could not even be started
                if not self._stopping.is_set():
                    self._fail(error if isinstance(error, StreamVQError) else ResourceError(str(error)))
                return
            if code in FINAL and not self._stopping.is_set():
                self._fail(FINAL[code](last_message(self._lines)))
            if self._stopping.is_set() or self.failure:
                return
            delay = 0.0 if time.monotonic() - began >= HEALTHY_S else delay
            self._on_event(StackEvent("ended", self.role, self._child_pid(), code, delay))
            log.warning("stack.ended", ended=self.role, code=code, again_in_s=delay)
            if self._stopping.wait(delay):
                return
            delay = min(2 * delay or FIRST_DELAY_S, LONGEST_DELAY_S)
            self.restarts += 1

    def _one_run(self) -> int | None:
        self._lines.clear()
        self._child = child = self._launch(self._take)
        log.info("stack.started", started=self.role, pid=child.pid)
        self._on_event(StackEvent("started", self.role, child.pid))
        self._begun.set()
        while (code := child.wait(POLL_S)) is None:
            if self._stopping.is_set():  # asked to stop while it was being started: `stop` may not have seen it
                return child.stop(GRACE_S)
        return code

    def _take(self, line: str) -> None:
        self._lines.append(line)
        self._on_line(self.role, line)

    def _fail(self, error: StreamVQError) -> None:
        self.failure = type(error)(f"{self.role}: {error}")
        self._begun.set()
        self._on_event(StackEvent("failed", self.role, self._child_pid(), error.exit_code))

    def _child_pid(self) -> int:
        return self._child.pid if self._child else 0


def last_message(lines: Iterable[str]) -> str:
    """What a process said when it ended: the message of `svq`, else its last critical line, else its last lines.

    >>> last_message(["starting", "svq: no Kafka at 127.0.0.1:9092", "Start one"])
    'no Kafka at 127.0.0.1:9092\\nStart one'
    """
    kept = list(lines)
    for number in reversed(range(len(kept))):
        if kept[number].startswith("svq: "):
            return "\n".join(kept[number:]).removeprefix("svq: ")
    critical = [line for line in kept if "critical" in line]
    return critical[-1] if critical else "\n".join(kept[-3:]) or "it ended without a word"
