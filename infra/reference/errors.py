"""Every error: exit codes, problems over HTTP, what the client raises, reasons of dead letters."""

import importlib
from collections.abc import Iterator
from typing import TypeVar

from streamvq_client.errors import ClientError

from infra.reference.page import begin, code, sentence, table
from infra.reference.problems import problems
from schemas.errors import StreamVQError
from schemas.rejection import Reason

ABOUT = """What can go wrong, by where it is met.
[Running it](../running.md) says what starts again, [Input](../input.md) what is refused."""
Kind = TypeVar("Kind")
MODULES = ("schemas.errors", "tables.errors", "serving.errors")


def page() -> Iterator[str]:
    """The page."""
    yield from begin("Errors", ABOUT)
    yield from (
        "## Exit codes",
        "",
        "Of `svq` and of every process. The last line of the log names the class and says what helps.",
        "",
    )
    rows = [
        (
            str(kind.exit_code),
            code(kind.__name__),
            "mends it, usually" if kind.retriable else "mends nothing",
            _doc(kind),
        )
        for kind in sorted(process_errors(), key=lambda kind: (kind.exit_code, kind.__name__))
    ]
    yield from table(("code", "class", "another start", "what"), rows)
    yield from (
        "## Problems",
        "",
        "Over HTTP, as `application/problem+json` (RFC 9457): `code` names the fault, `detail` says what was wrong,",
        "`remedy` what to do.",
        "",
    )
    yield from table(("code", "status", "remedy"), [(code(one.code), one.status, one.remedy) for one in problems()])
    yield from (
        "## Errors of the client",
        "",
        "Of `streamvq_client`; the retriable ones may go away by themselves.",
        "",
    )
    yield from table(
        ("class", "retriable", "what"),
        [(code(kind.__name__), "yes" if kind.retriable else "no", _doc(kind)) for kind in client_errors()],
    )
    reasons = ", ".join(code(reason) for reason in Reason)
    yield from ("## Dead letters", "", f"[Input](../input.md#dead-letters) explains the reasons: {reasons}.", "")


def process_errors() -> list[type[StreamVQError]]:
    """Every class that ends a process."""
    return [kind for name in MODULES for kind in _classes(name, StreamVQError)]


def client_errors() -> list[type[ClientError]]:
    """Every class of the client."""
    return list(_classes(ClientError.__module__, ClientError))


def _classes(name: str, root: type[Kind]) -> Iterator[type[Kind]]:
    for found in vars(importlib.import_module(name)).values():
        if isinstance(found, type) and issubclass(found, root) and found.__module__ == name:
            yield found


def _doc(kind: type) -> str:
    return sentence((kind.__doc__ or "").split("\n\n    Attributes:")[0])
