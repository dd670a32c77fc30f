"""Log lines: an event name plus fields, coloured on a terminal, JSON elsewhere, always on standard error."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import orjson
import structlog
from structlog.typing import Processor

from infra.colours import coloured
from schemas.workers import LogSettings

# Libraries that tell at INFO what ours already tell, one line a batch.
CHATTY = ("aiokafka", "faust", "mode", "asyncio", "urllib3", "numba", "uvicorn")


def configure_logs(logs: LogSettings, **fields: str) -> None:
    """Send the lines of structlog and of the libraries' own logging one way; `fields` stand on every line."""

    def add_fields(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {**fields, **event}

    shared: list[Processor] = [
        add_fields,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering(logs)],
        )
    )
    if logs.level != "debug":
        handler.addFilter(_no_service_talk)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logs.level.upper())
    for name in CHATTY:
        logging.getLogger(name).setLevel(logs.level.upper() if logs.level in {"debug", "error"} else "WARNING")


def _no_service_talk(record: logging.LogRecord) -> bool:
    """Whether to keep a line: not the starts and stops of Faust's services, logged in the name of our subclasses."""
    return not (isinstance(record.msg, str) and record.msg.startswith("[^") and record.levelno < logging.WARNING)


def _rendering(logs: LogSettings) -> list[Processor]:
    on_terminal = sys.stderr.isatty()
    if logs.format == "console" or (logs.format == "auto" and on_terminal):
        return [structlog.dev.ConsoleRenderer(colors=coloured(sys.stderr), pad_event_to=28)]
    return [
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(serializer=lambda event, **_: orjson.dumps(event, default=str).decode()),
    ]
