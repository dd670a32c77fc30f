"""Whatever the bytes are: a value, or an error of ours; never another exception, and no more than so much memory."""

import ast
import contextlib
import re
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from decoders import DECODERS, Decoder
from hostile import hostile, large
from hypothesis import HealthCheck, given, settings

from schemas.limits import LIMITS

ROOT = Path(__file__).parents[2]
ROOMS = ("pipeline", "schemas", "client/streamvq_client", "tables", "agents", "serving", "infra")
PARSING = {"loads", "frombuffer", "unpack", "unpack_from", "Decoder", "model_validate"}
# What parses, but nothing that a stranger can send: by module, with the reason.
TRUSTED = {
    "pipeline.config": "reads back what it wrote itself a line before",
    "schemas.rejection": "called by the decoders of events, at what they refuse",
    "streamvq_client.versioned": "makes the decoders of rows, commits and blocks",
    "infra.load.api": "answers of the server that the demonstration started itself",
    "infra.event_files": "files of the operator, whose events workers decode like any others",
    "serving.near": "makes a question of another one, both decoded before",
    "infra.commands.retrieve": "what the operator typed",
    "infra.conditions": "what the operator typed",
    "infra.doctor.machine": "the settings file, of which it looks at names only",
    "infra.first_settings.written": "reads back what it wrote itself a line before",
    "infra.speed.memory": "output of a process of ours that it started",
    "infra.broker_state": "a note of ours in the broker's folder, not believed when it is broken",
}
DECODES = r"decode|decode_\w+|parse_\w+|load_settings"
EXAMPLES = 60
# A quarter of the largest event. Time and memory that grow faster than the record show at this size, too.
LARGE_BYTES = LIMITS.value_bytes // 4
CPU_S, BYTES_A_BYTE, MIB = 5.0, 100, 1 << 20


@pytest.mark.parametrize("name", DECODERS)
def test_samples_are_taken(name: str) -> None:
    for sample in DECODERS[name].samples:
        DECODERS[name].decode(sample)


@pytest.mark.parametrize("name", DECODERS)
def test_any_bytes_are_a_value_or_our_error(name: str) -> None:
    decoder = DECODERS[name]

    @settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
    @given(hostile(decoder.samples))
    def decoded(data: bytes) -> None:
        _value_or_error(decoder, data)

    decoded()


@pytest.mark.parametrize("name", DECODERS)
def test_large_records_take_bounded_time_and_memory(name: str) -> None:
    for kind, data in large(LARGE_BYTES).items():
        begun = time.process_time()  # of this process: how busy the machine is does not count
        tracemalloc.start()
        try:
            _value_or_error(DECODERS[name], data)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert time.process_time() - begun < CPU_S, f"{kind}: too slow"
        assert peak < BYTES_A_BYTE * len(data), f"{kind}: {peak / MIB:.0f} MiB for {len(data) / MIB:.0f}"


def test_every_decoder_is_tested() -> None:
    missing = [name for name in _named() if name not in DECODERS]
    assert not missing, f"add them to tests/fuzz/decoders.py: {missing}"
    covered = {name.rpartition(".")[0] for name in DECODERS} | TRUSTED.keys()
    strange = [module for module in _parsing() if module not in covered]
    assert not strange, f"these modules parse bytes, and no decoder of theirs is in tests/fuzz/decoders.py: {strange}"


def _value_or_error(decoder: Decoder, data: bytes) -> None:
    with contextlib.suppress(*decoder.refuses):
        decoder.decode(data)


def _modules() -> Iterator[tuple[str, ast.Module]]:
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            module = ".".join(path.relative_to(ROOT / room).with_suffix("").parts)
            yield f"{Path(room).name}.{module}".removesuffix(".__init__"), ast.parse(path.read_text(encoding="utf-8"))


def _named() -> Iterator[str]:
    """Functions of modules that are called like a decoder, defined or assigned."""
    for module, tree in _modules():
        for node in tree.body:
            targets = node.targets if isinstance(node, ast.Assign) else []
            names = [target.id for target in targets if isinstance(target, ast.Name)]
            names += [node.name] if isinstance(node, ast.FunctionDef) else []
            yield from (f"{module}.{name}" for name in names if re.fullmatch(DECODES, name))


def _parsing() -> Iterator[str]:
    """Modules that call something which parses bytes or text."""
    for module, tree in _modules():
        calls = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
        if any(isinstance(call, ast.Attribute) and call.attr in PARSING for call in calls):
            yield module
