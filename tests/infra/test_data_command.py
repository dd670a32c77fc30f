"""`svq data` as a user runs it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra import cli
from tests.benchmarks.sets_server import ML_100K, TWEETS, Host, host, zipped

EVENTS = "userId,movieId,timestamp,clicked\n" + "".join(
    f"{n % 3},{n % 4},{1_700_000_000 + n},{n % 2}\n" for n in range(40)
)
ITEMS = "movieId,maker\n0,acme\n1,acme\n2,bolt\n3,bolt\n"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with host() as state:
        monkeypatch.setenv("SVQ_DATA_MIRROR", state.address)
        yield state


def test_list_names_sets_and_terms(server: Host, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["data", "list"]) == 0
    text = capsys.readouterr().out
    assert "ml-1m: MovieLens 1M" in text
    assert "no redistribution" in text
    assert "svq data get ml-1m" in text
    assert cli.run(["data", "list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {"ml-1m", "ml-100k", "movietweetings", "kuairand-pure", "online-retail"} == {row["name"] for row in rows}
    assert not any(row["here"] for row in rows)


def test_get_and_show_a_local_copy(server: Host, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "interactions.csv").write_text(EVENTS)
    assert cli.run(["data", "get", "ml-100k", "--from", str(folder), "--json"]) == 0
    out, err = capsys.readouterr()
    assert Path(json.loads(out)["folder"]).is_dir()
    assert "rows instead of about 100,000" in err
    assert cli.run(["data", "show", "ml-100k", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["events"] == 40
    assert server.asked == []


def test_show_a_file(server: Host, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "events.csv").write_text(EVENTS + "1,,1700000000,1\n")
    (tmp_path / "items.csv").write_text(ITEMS)
    command = ["data", "show", str(tmp_path / "events.csv"), "--items", str(tmp_path / "items.csv")]
    assert cli.run([*command, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["events"], shown["users"], shown["items"]) == (40, 3, 4)
    assert shown["tasks"] == [{"name": "clicked", "kind": "binary", "positives": 20, "unknown": 0}]
    assert shown["features"] == [{"name": "maker", "side": "item", "kind": "categorical"}]
    assert shown["dropped"] == {"no item": 1}
    assert (shown["first"], shown["last"]) == ("2023-11-14T22:13:20.000Z", "2023-11-14T22:13:59.000Z")
    assert cli.run(command) == 0
    text = capsys.readouterr().out
    assert "clicked: 20 positives" in text
    assert "column userId is taken as the user" in text


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["show", "absent.csv"], 2, "there is no such file"),
        (["show", "ml1m"], 2, "Is it ml-1m?"),
        (["show", "ml-1m", "--items", "x.csv"], 2, "brings its own features"),
        (["get", "ml-1m", "--from", "absent.zip"], 2, "there is no such file"),
        (["get", "ml-1m"], 6, "the server answers 404"),
    ],
)
def test_errors_are_one_message(
    server: Host, arguments: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["data", *arguments]) == code
    out, err = capsys.readouterr()
    assert message in err
    assert out == ""


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in [name for name in sys.modules if name.startswith("benchmarks.data")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert cli.run(["data", "show", "a.csv"]) == 2
    assert "pip install 'streamvq[evaluate]'" in capsys.readouterr().err


def test_interrupted_while_downloading_nothing_is_left(server: Host, tmp_path: Path) -> None:
    server.files |= TWEETS | {"ml-100k.zip": zipped(ML_100K)}
    server.pause_s = 2.0
    command = [sys.executable, "-m", "infra.cli", "data", "get", "ml-100k"]
    ignored = signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background a shell has it ignored
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=dict(os.environ))
    signal.signal(signal.SIGINT, ignored)
    deadline = time.monotonic() + 30
    while not server.asked and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []
    assert list((tmp_path / "cache" / "streamvq" / "sets").iterdir()) == []
