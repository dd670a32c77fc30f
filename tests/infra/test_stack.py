import http.server
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from processes import gone, until

from infra.broker_state import read_status
from infra.ports import free_port
from infra.roles import Role, process_environment, usual_roles
from infra.stack import Stack
from infra.supervised import StackEvent, last_message
from schemas.errors import InvariantError, ResourceError, SettingsError, StreamVQError, UnreachableError
from schemas.settings import Settings
from schemas.workers import ServerSettings

REPOSITORY = Path(__file__).parents[2]
SLEEPER = "import time; print('up', flush=True); time.sleep(600)"
MISCONFIGURED = "import sys; print('svq: bad setting\\nset it', file=sys.stderr); sys.exit(2)"


def python(name: str, script: str) -> Role:
    return Role(name, [sys.executable, "-c", script])


def stack(settings: Settings, *roles: Role, **options: object) -> Stack:
    """A stack of other processes than the usual ones, its server at a free port."""
    server = ServerSettings(port=0) if "server" not in settings.model_fields_set else settings.server
    return Stack(settings.model_copy(update={"server": server}), roles=lambda _: roles, **options)  # type: ignore[arg-type]


def test_what_dies_is_started_again_and_what_is_asked_to_end_ends(settings: Settings, tmp_path: Path) -> None:
    events: list[StackEvent] = []
    lines: list[tuple[str, str]] = []
    began = stack(
        settings,
        python("one", SLEEPER),
        python("two", SLEEPER),
        on_event=events.append,
        on_line=lambda *said: lines.append(said),
        log_folder=tmp_path / "logs",
    )
    with began as running:
        assert running.roles == ["one", "two"], "the broker is not ours"
        until(lambda: sorted(lines) == [("one", "up"), ("two", "up")])
        first = running.pid("one")
        assert first
        os.kill(first, signal.SIGKILL)
        until(lambda: running.restarts("one") == 1 and running.pid("one"))
        until(lambda: len(lines) == 3)
        pids = [running.pid(role) for role in running.roles]
    assert all(pid and gone(pid) for pid in pids)
    ended = [event for event in events if event.kind == "ended"]
    assert [(event.role, event.pid, event.code, event.delay) for event in ended] == [("one", first, -9, 0.0)]
    assert (tmp_path / "logs" / "one.log").read_text() == "up\nup\n"


def test_the_wait_before_another_start_grows(settings: Settings) -> None:
    events: list[StackEvent] = []
    with stack(settings, python("one", "raise SystemExit(1)"), on_event=events.append):
        until(lambda: sum(event.kind == "ended" for event in events) == 3)
    assert [event.delay for event in events if event.kind == "ended"][:3] == [0.0, 0.5, 1.0]


def test_a_wrong_setting_is_not_tried_for_ever_but_ends_all_with_its_message(settings: Settings) -> None:
    with stack(settings, python("one", SLEEPER), python("two", MISCONFIGURED)) as running:
        assert running.wait(10)
        assert isinstance(running.failure, SettingsError)
        assert str(running.failure) == "two: bad setting\nset it"
        with pytest.raises(SettingsError):
            running.wait_ready(5)


@pytest.mark.parametrize("code", [1, 3, 4, 77])
def test_an_end_that_another_start_may_mend_is_followed_by_one(settings: Settings, code: int) -> None:
    with stack(settings, python("one", f"raise SystemExit({code})")) as running:
        until(lambda: running.restarts("one") == 1)
        assert running.failure is None


@pytest.mark.parametrize("kind", [SettingsError, InvariantError, ResourceError])
def test_an_end_that_no_start_mends_is_the_last(settings: Settings, kind: type[StreamVQError]) -> None:
    with stack(settings, python("one", f"raise SystemExit({kind.exit_code})")) as running:
        assert running.wait(10)
        assert type(running.failure) is kind
        assert running.restarts("one") == 0


def test_a_taken_port_is_said_before_anything_starts(settings: Settings) -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler) as other:
        taken = settings.model_copy(update={"server": ServerSettings(port=other.server_port)})
        pending = stack(taken, python("one", SLEEPER))
        with pytest.raises(ResourceError, match=rf"port {other.server_port} of 127\.0\.0\.1 is taken by .*--port"):
            pending.start()
        assert pending.roles == []


def test_no_broker_at_the_given_address_leaves_nothing_running(settings: Settings) -> None:
    nowhere = settings.kafka.model_copy(update={"bootstrap_servers": "127.0.0.1:1"})
    pending = stack(settings.model_copy(update={"kafka": nowhere}), python("one", SLEEPER))
    with pytest.raises(UnreachableError):
        pending.start()
    assert pending.roles == []


class Slow(http.server.BaseHTTPRequestHandler):
    """Ready when asked the third time."""

    asked = 0

    def do_GET(self) -> None:
        Slow.asked += 1
        self.send_response(200 if Slow.asked >= 3 else 503)
        self.end_headers()
        self.wfile.write(b"reading")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture
def slow_server() -> Iterator[int]:
    Slow.asked = 0
    with http.server.HTTPServer(("127.0.0.1", 0), Slow) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_readiness_is_waited_for_until_the_deadline(settings: Settings, slow_server: int) -> None:
    with stack(settings, python("one", SLEEPER)) as running:
        with pytest.raises(UnreachableError, match=r"not ready after 0\.3 s: .*refused"):
            running.wait_ready(0.3)
        running.settings = running.settings.model_copy(update={"server": ServerSettings(port=slow_server)})
        running.wait_ready(10)
        assert Slow.asked == 3


def test_processes_get_the_settings_and_nothing_of_ours_in_between(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SVQ_KAFKA__PREFIX", "not-this")
    [trainer, *indexers, server] = usual_roles(settings, 2)
    assert [role.name for role in (trainer, *indexers, server)] == ["trainer", "indexer-0", "indexer-1", "server"]
    script = (
        "from schemas.settings import load_settings; s = load_settings();"
        "print(s.kafka.prefix, s.kafka.partitions, s.folder('indexer'))"
    )
    for role in indexers:
        environment = process_environment(settings, role.environment)
        command = [sys.executable, "-P", "-c", script]
        said = subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=True
        )
        assert said.stdout.split() == [settings.kafka.prefix, "2", str(tmp_path / settings.kafka.prefix / role.name)]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["a", "svq: b", "c"], "b\nc"),
        (["a", '{"event": "stopped", "level": "critical"}', "z"], '{"event": "stopped", "level": "critical"}'),
        (["a", "b", "c", "d"], "b\nc\nd"),
        ([], "it ended without a word"),
    ],
)
def test_the_last_message_is_found(lines: Sequence[str], message: str) -> None:
    assert last_message(lines) == message


DEAF = "import signal; signal.signal(15, signal.SIG_IGN);" + SLEEPER

UNTIL_ASKED = """
import math, sys, threading
from infra.roles import Role
from infra.signals import stop_signals_interrupt
from infra.stack import Stack
from schemas.settings import load_settings
up = threading.Semaphore(0)
roles = [Role(name, [sys.executable, "-c", script]) for name, script in zip(("one", "two"), sys.argv[1:])]
try:
    pending = Stack(load_settings(), roles=lambda _: roles, on_line=lambda *_: up.release())
    with stop_signals_interrupt(), pending as stack:
        for _ in roles:
            up.acquire(timeout=30)
        print(stack.pid("one"), stack.pid("two"), file=sys.stderr, flush=True)
        stack.wait(math.inf)
except KeyboardInterrupt:
    print("ended", file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("number", "other"),
    [(signal.SIGTERM, DEAF), (signal.SIGINT, SLEEPER), (signal.SIGHUP, SLEEPER)],
    ids=["SIGTERM, one is deaf", "SIGINT", "SIGHUP"],
)
def test_every_way_to_ask_ends_all_even_what_does_not_listen(
    settings: Settings, number: signal.Signals, other: str
) -> None:
    environment = process_environment(settings, {"SVQ_SERVER__PORT": "0"})
    command = [sys.executable, "-c", UNTIL_ASKED, SLEEPER, other]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=environment)
    try:
        assert process.stderr
        pids = [int(pid) for pid in process.stderr.readline().split()]
        began = time.monotonic()
        process.send_signal(number)
        _, said = process.communicate(timeout=20)
        assert said == "ended\n"
        assert process.returncode == 0
        assert time.monotonic() - began < 15
        assert all(gone(pid) for pid in pids)
    finally:
        process.kill()
        process.communicate()


OWN_BROKER = f"""
import sys, time
from infra.logs import configure_logs
from infra.roles import Role
from infra.stack import Stack
from schemas.settings import Settings
from schemas.workers import LogSettings
configure_logs(LogSettings())
settings = Settings(data=sys.argv[1], broker={{"port": int(sys.argv[2])}}, server={{"port": 0}})
with Stack(settings, roles=lambda _: [Role("one", [sys.executable, "-c", {SLEEPER!r}])]) as stack:
    print(stack.pid("broker"), stack.pid("one"), flush=True)
    while stack.restarts("broker") == 0:
        time.sleep(0.05)
    while not stack.pid("broker"):
        time.sleep(0.05)
    print(stack.pid("broker"), stack.pid("one"), stack.restarts("one"), flush=True)
    time.sleep(600)
"""


def test_its_own_broker_is_started_again_too_and_nothing_outlives_a_stack_that_is_killed(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-c", OWN_BROKER, str(tmp_path), str(port)]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout
        broker, one = map(int, process.stdout.readline().split())
        status = read_status(tmp_path / "broker")
        assert (status.running, status.pid, status.port) == (True, broker, port)
        os.kill(broker, signal.SIGKILL)
        again, still, restarts = map(int, process.stdout.readline().split())
        assert (still, restarts) == (one, 0)
        assert again != broker
        assert read_status(tmp_path / "broker").port == port, "where the others look for it"
        process.kill()
    until(lambda: gone(again) and gone(one), 5)
