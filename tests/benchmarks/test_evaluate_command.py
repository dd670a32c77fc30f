"""`svq evaluate` on small files: one JSON object or a table, and a message where it cannot be done."""

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from infra.cli import run

SMALL = (
    "--set",
    "batch=64",
    "--set",
    "dim=8",
    "--set",
    "id_dim=8",
    "--set",
    "hidden=8",
    "--set",
    "codes=8",
    "--set",
    "start_steps=2",
)
METRICS = [f"{metric}@{k}" for metric in ("hit", "recall", "ndcg", "mrr") for k in (10, 50, 100)]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of interactions and items: users like one of three genres."""
    folder, rng = tmp_path_factory.mktemp("files"), random.Random(0)  # noqa: S311
    genres = [f"g{item % 3}" for item in range(240)]
    with (folder / "items.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("item_id", "genre"), *((f"i{item}", genre) for item, genre in enumerate(genres))])
    rows = []
    for number in range(1500):
        user = rng.randrange(50)
        item = 3 * rng.randrange(80) + user % 3 if rng.random() < 0.8 else rng.randrange(240)
        time_s = 1_700_000_000 + 1200 * (number // 2) + 30 * (number % 2)  # in pairs
        rows.append((f"u{user}", f"i{item}", time_s, int(rng.random() < 0.7)))
    with (folder / "interactions.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("user_id", "item_id", "timestamp", "is_click"), *rows])
    return folder


def asked(files: Path, *more: str) -> list[str]:
    return ["evaluate", "--interactions", str(files / "interactions.csv"), "--items", str(files / "items.csv"), *more]


def answer(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> dict[str, Any]:
    code = run(arguments)
    printed = capsys.readouterr()
    assert code == 0, printed.err
    result: dict[str, Any] = json.loads(printed.out)
    assert printed.out.count("\n") == 1
    return result


def test_defaults_print_one_object(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = answer(capsys, asked(files, "--json"))
    assert result["version"] == 1
    data = result["data"]
    assert (data["events"], data["rows"], data["users"], data["items"]) == (1500, 1500, 50, 239)
    assert (data["tasks"], data["features"]) == (
        ["is_click"],
        [{"name": "genre", "side": "item", "kind": "categorical"}],
    )
    assert (data["first"], data["tied_share"]) == ("2023-11-14T22:13:20+00:00", 0.0)
    assert data["dropped"] == {"item never in the interactions": 1}
    assert (data["deadline_s"], data["micro_batches"]) == (60, 750)  # two exposures each
    assert 0 < data["predicted"] < 1500
    assert set(result) == {
        "version", "data", "arms", "best_rival", "codes", "fresh", "cold", "ratios", "ratio_intervals", "seeds",
        "throughput", "settings", "machine", "seconds",
    }  # fmt: skip
    budgets = [f"svq@{share}%" for share in ("0.5", "1", "2", "5", "10")]
    rivals = {"popularity", "item-knn", "gp-topfreq"}
    stale = ["hnsw", "hnsw+buffer", "ivf", "ivf+buffer", "hnsw@1h", "hnsw+buffer@1h"]
    assert set(result["arms"]) == {"exact", "svq", *budgets, "svq-merge@10%", *stale, *rivals}
    for arm in result["arms"].values():
        assert all(0 <= arm[metric] <= 1 for metric in METRICS)
        low, high = arm["interval"]["hit@100"]
        assert low <= arm["hit@100"] <= high
        assert arm["seconds"]["query"] > 0
        assert [len(arm[key]) for key in ("by_age", "by_popularity", "by_history", "over_time")] == [5, 10, 4, 20]
    assert result["best_rival"] in rivals
    rival = result["arms"][result["best_rival"]]["hit@100"]
    assert result["ratios"]["exact/rival"] == pytest.approx(result["arms"]["exact"]["hit@100"] / rival)
    assert set(result["fresh"]) == {"1h", "1d", "7d"}
    assert set(result["cold"]) == {"n", "hit@100", "id_only", "chance", "among_all", "interval"}
    assert result["seeds"] == [0]
    speeds = result["throughput"]
    assert 1500 / result["seconds"] < speeds["events_per_s"] < speeds["learn_events_per_s"]
    assert speeds["svq_events_per_s"] is None  # other arms ran beside it
    assert result["settings"]["batch"] == 1024
    assert set(result["machine"]) == {"cpu", "cores", "memory_gib", "python", "torch", "numpy", "faiss"}


def test_seeds_in_processes_are_the_mean_with_intervals(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arms = ("--arms", "exact,svq,popularity", "--json", *SMALL)
    alone = [answer(capsys, asked(files, *arms, "--set", f"seed={seed}")) for seed in (3, 4)]
    both = answer(capsys, asked(files, *arms, "--set", "seed=3", "--seeds", "2", "--jobs", "2"))
    assert both["seeds"] == [3, 4]
    hits = [one["arms"]["exact"]["hit@10"] for one in alone]
    assert hits[0] != hits[1]
    assert both["arms"]["exact"]["hit@10"] == pytest.approx(sum(hits) / 2)
    low, high = both["arms"]["exact"]["interval"]["hit@10"]
    assert low < min(hits) < max(hits) < high
    assert (
        both["arms"]["popularity"]["hit@10"]
        == alone[0]["arms"]["popularity"]["hit@10"]
        == pytest.approx(hits[0], abs=1)
    )
    ratios = [one["ratios"]["svq@10%/exact"] for one in alone]
    assert both["ratios"]["svq@10%/exact"] == pytest.approx(sum(ratios) / 2)
    assert set(both["ratio_intervals"]) == set(both["ratios"])
    assert both["codes"]["sizes"] == alone[0]["codes"]["sizes"]


def test_the_same_seed_says_the_same(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = asked(files, "--json", "--arms", "exact,svq,item-knn", *SMALL)
    one, two = answer(capsys, arguments), answer(capsys, arguments)
    for part in ("data", "codes", "fresh", "cold", "ratios"):
        assert one[part] == two[part]


def test_a_table_files_and_plots(files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, report, plots = tmp_path / "new" / "result.json", tmp_path / "report.md", tmp_path / "plots"
    written = ("--out", str(out), "--markdown", str(report), "--plots", str(plots))
    assert run(["evaluate", str(files), "--rows", "900", "--sample", "20", *SMALL, *written]) == 0
    printed = capsys.readouterr().out
    for word in ("exact", "svq@2%", "hnsw+buffer", "popularity", "item-knn", "perplexity"):
        assert word in printed
    result = json.loads(out.read_text())
    assert f"exact/{result['best_rival']}" in printed
    assert result["data"]["events"] == 900
    assert result["data"]["predicted"] <= 20 * 14
    assert "hnsw+buffer" in report.read_text()
    assert all(file.read_text().lstrip().startswith(("<?xml", "<svg")) for file in plots.glob("*.svg"))
    assert len(list(plots.glob("*.svg"))) >= 4


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "name one set"),
        (("nowhere",), "there is no public set 'nowhere'"),
        (("{files}", "--arms", "exact,annoy"), "there is no arm annoy"),
        (("{files}", "--set", "tau"), "--set tau: expected name=value"),
        (("{files}", "--set", "tua=1"), "unknown setting tua"),
        (("{files}", "--set", "tau=-1"), "tau must be above 0"),
        (("{files}", "--set", "dim=wide"), "--set dim=wide: dim is a whole number, such as 64"),
        (("{files}", "--set", "beta=true"), "beta is a number, such as 0.25"),
        (("{files}", "--rows", "700"), "too few for two micro-batches of 1024"),
        (("{files}", "--items", "{files}/items.csv"), "brings its own features"),
        (("--interactions", "{files}/missing.csv"), "missing.csv"),
    ],
)
def test_what_cannot_be_done_is_said(
    files: Path, arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["evaluate", *(argument.replace("{files}", str(files)) for argument in arguments)]) == 2
    printed = capsys.readouterr()
    assert said in printed.err
    assert "Traceback" not in printed.err
    assert printed.out == ""


def test_streaming_vq_alone_has_a_rate_of_its_own(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    speeds = answer(capsys, asked(files, "--arms", "svq", "--json", *SMALL))["throughput"]
    assert speeds["svq_events_per_s"] == speeds["events_per_s"] < speeds["learn_events_per_s"]


def test_a_table_of_one_arm_on_a_short_stream(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(asked(files, "--rows", "200", "--arms", "popularity", *SMALL, "--set", "start_steps=10")) == 0
    printed = capsys.readouterr().out
    assert "codes: none" in printed
    assert "ratios" not in printed


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c_ends_it_cleanly(files: Path, jobs: str) -> None:
    endless = ("--seeds", "500", "--jobs", jobs, "--arms", "exact", *SMALL)
    command = [sys.executable, "-m", "infra.cli", *asked(files, "--json", *endless)]
    ignored = signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background a shell has it ignored
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    signal.signal(signal.SIGINT, ignored)
    time.sleep(12)  # somewhere in the middle of it
    assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the children, too
    out, error = process.communicate(timeout=20)
    assert process.returncode == 130, error
    assert out == ""
    assert error.splitlines()[-1] == "svq: interrupted"
    assert "Traceback" not in error


def test_a_replay_that_is_killed_ends_all_of_them_with_a_message(files: Path) -> None:
    endless = ("--seeds", "500", "--jobs", "2", "--arms", "exact", *SMALL)
    command = [sys.executable, "-m", "infra.cli", *asked(files, "--json", *endless)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (replays := replays_of(process.pid)):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    replays[0].kill()
    out, error = process.communicate(timeout=30)
    assert (process.returncode, out) == (6, "")
    assert "mostly for want of memory" in error
    assert not any(command_of(replay) for replay in replays)


def replays_of(pid: int) -> list[psutil.Process]:
    """The processes of seeds."""
    return [child for child in psutil.Process(pid).children() if "spawn_main" in command_of(child)]


def command_of(process: psutil.Process) -> str:
    """Empty when it has ended; any child may between two looks, and is a zombie until its parent has waited for it."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:  # a zombie is one, too
        return ""
