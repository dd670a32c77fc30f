"""Apache Kafka itself: its jars, downloaded once, then taken from a folder without asking any network."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from schemas.errors import ResourceError

VERSION = "4.3.1"
LOG4J = "2.25.4"  # the version that this Kafka uses; without it the broker logs nothing

log = structlog.get_logger(__name__)


def kafka_jars(cache: Path | None = None) -> Path:
    """The folder that holds Kafka's jars and nothing else, filled by the first call.

    Raises:
        ResourceError: there is no network for the first call, or no space.
    """
    folder = jars_folder(cache)
    above = folder.parent
    if folder.is_dir():
        return folder
    try:
        above.mkdir(parents=True, exist_ok=True)
        with _alone(above / f"kafka-{VERSION}.lock"):
            if not folder.is_dir():
                _fill(folder)
    except OSError as error:
        raise ResourceError(
            f"cannot keep Kafka {VERSION} in {folder}: {error}. Set XDG_CACHE_HOME to a place that can"
        ) from error
    return folder


def jars_folder(cache: Path | None = None) -> Path:
    """Where that folder is, or will be."""
    above = cache or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "streamvq"
    return above / f"kafka-{VERSION}"


def _fill(folder: Path) -> None:
    log.info("kafka.download", version=VERSION, megabytes=43, to=str(folder))
    jars = _resolve()
    # A folder appears whole or not at all: whoever finds it need not check its contents.
    unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for jar in jars:
            shutil.copyfile(jar, unfinished / jar.name)
        unfinished.chmod(0o755)
        unfinished.rename(folder)
    except OSError:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def _resolve() -> list[Path]:
    import jgo

    endpoints = (f"org.apache.kafka:kafka_2.13:{VERSION}", f"org.apache.logging.log4j:log4j-slf4j-impl:{LOG4J}")
    try:
        # Two builds: as one endpoint, log4j's older dependencies win and kafka-clients becomes 3.9.1 without a word.
        # all_jars, since `classpath` leaves out jars that are modules, the Scala library among them.
        kafka, log4j = ([Path(jar).resolve() for jar in jgo.build(endpoint).all_jars] for endpoint in endpoints)
    except Exception as error:  # jgo and requests have no root in common
        raise ResourceError(
            f"cannot download Kafka {VERSION} from Maven Central: {_last_line(error)}. "
            "Give this machine network access once (HTTPS_PROXY is respected), or use a broker of your own: "
            "set SVQ_KAFKA__BOOTSTRAP_SERVERS"
        ) from error
    jars = {jar.name: jar for jar in [*(jar for jar in log4j if jar.name.startswith("log4j-")), *kafka]}
    _expect(jars, (f"kafka_2.13-{VERSION}.jar", f"kafka-clients-{VERSION}.jar", f"log4j-slf4j-impl-{LOG4J}.jar"))
    return list(jars.values())


def _expect(jars: Iterable[str], needed: Iterable[str]) -> None:
    if missing := set(needed) - set(jars):
        raise ResourceError(f"Maven Central resolved Kafka {VERSION} without {', '.join(sorted(missing))}")


def _last_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Let one process at a time in; the lock ends with the process that holds it."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
