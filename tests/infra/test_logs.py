import json
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def lines(script: str, **logs: str) -> list[str]:
    """What a process writes to standard error; to standard output it must write nothing."""
    begin = (
        "from infra.logs import configure_logs; from schemas.workers import LogSettings;"
        f"configure_logs(LogSettings(**{logs}), role='x');"
    )
    done = subprocess.run(
        [sys.executable, "-c", begin + script], capture_output=True, text=True, timeout=30, cwd=REPOSITORY, check=True
    )
    assert done.stdout == ""
    return done.stderr.splitlines()


def test_without_a_terminal_each_line_is_one_json_object() -> None:
    script = """
import logging, structlog
structlog.get_logger('a').info('placed', items=3, path=__import__('pathlib').Path('/x'))
logging.getLogger('library').warning('slow %s', 'disk')
try: 1 / 0
except ZeroDivisionError: structlog.get_logger().exception('failed')
structlog.get_logger().debug('not shown')
logging.getLogger('aiokafka.client').info('not shown')
logging.getLogger('tables.manager').info('[^---Table]: not shown')
"""
    placed, slow, failed = map(json.loads, lines(script))
    assert placed.pop("timestamp").endswith("Z")
    assert placed == {"event": "placed", "items": 3, "path": "/x", "role": "x", "level": "info"}
    assert (slow["event"], slow["level"], slow["role"]) == ("slow disk", "warning", "x")
    assert "ZeroDivisionError" in failed["exception"]


def test_for_people_a_line_has_no_colours_where_nobody_sees_them() -> None:
    [line] = lines("import structlog; structlog.get_logger().warning('slow', disk='a')", format="console")
    assert "slow" in line
    assert "disk=a" in line
    assert "\x1b" not in line


def test_the_level_is_that_of_the_settings() -> None:
    script = "import structlog; log = structlog.get_logger(); log.warning('no'); log.error('yes')"
    assert [json.loads(line)["event"] for line in lines(script, level="error")] == ["yes"]
