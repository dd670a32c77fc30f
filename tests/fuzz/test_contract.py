"""The server does what its OpenAPI document says: schemathesis finds nothing, with a real index and a real Kafka.

`SVQ_CONTRACT_EXAMPLES=1000` looks for longer, at random, and goes through every kind of boundary and sequence, too.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
LONGER = "SVQ_CONTRACT_EXAMPLES"
BOUNDED = ["--max-examples", "4", "--phases", "examples,fuzzing", "--generation-deterministic"]

pytestmark = pytest.mark.timeout(7200 if LONGER in os.environ else 240)


def test_schemathesis_finds_nothing(address: str, tmp_path: Path) -> None:
    how = ["--max-examples", os.environ[LONGER]] if LONGER in os.environ else BOUNDED
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml")),
        *("run", f"{address}/openapi.json", *how, "--continue-on-failure"),
        *("--no-color", "--suppress-health-check", "all", "--warnings", "off"),
    ]
    environment = os.environ | {"SCHEMATHESIS_HOOKS": str(HERE / "contract_hooks.py")}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
