"""docs/input.md says what the code enforces."""

import re
from dataclasses import asdict
from pathlib import Path

from schemas.limits import FILES, LIMITS, RECORDS, REQUESTS
from schemas.rejection import Reason

PAGE = (Path(__file__).parents[2] / "docs" / "input.md").read_text(encoding="utf-8")


def test_every_limit_is_documented_with_its_value() -> None:
    groups = {"events": LIMITS, "records": RECORDS, "requests": REQUESTS, "files": FILES}
    limits = {f"{group}.{name}": value for group, one in groups.items() for name, value in asdict(one).items()}
    documented = dict(re.findall(r"^\| `(\w+\.\w+)` \| ([\d.e+]+) \|", PAGE, re.MULTILINE))
    assert {name: float(value) for name, value in documented.items()} == limits


def test_every_reason_is_documented() -> None:
    assert set(re.findall(r"^\| `(\w+)` \| ", PAGE, re.MULTILINE)) == set(Reason)
