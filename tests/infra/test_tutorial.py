"""docs/tutorial.md as a newcomer follows it: every command as it stands there; then what else a stack is asked."""

import json
import re
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from infra.exported.manifest import verify
from tests.infra.newcomer import Newcomer

pytestmark = pytest.mark.timeout(900)

PAGE = (Path(__file__).parents[2] / "docs" / "tutorial.md").read_text(encoding="utf-8")
COMMANDS = [
    line.removeprefix("$ ")
    for block in re.findall(r"^```console\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
    if line.startswith("$ ")
]
INSTALLING = ["make install", "source .venv/bin/activate"]  # what the tests run in
ITEMS, EVENTS = 200, 15_000
GARDEN = 1  # i1, i5, i9, … are the garden's, which u1 is fond of


@pytest.fixture(scope="module")
def newcomer(bootstrap: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newcomer]:
    """One who has done all that the page says."""
    followed = Newcomer(bootstrap, f"t{uuid.uuid4().hex[:10]}", tmp_path_factory.mktemp("newcomer"))
    (script,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    subprocess.run([sys.executable, "-c", script], cwd=followed.folder, timeout=60, check=True)
    try:
        for command in COMMANDS[len(INSTALLING) :]:
            followed.types(command)
        end = time.monotonic() + 60  # indexer and server follow the trainer within a second or two
        while followed.json("stats")["exposures"] < EVENTS:
            assert time.monotonic() < end, followed.json("stats")
            time.sleep(0.5)
        yield followed
    finally:
        followed.end()


def test_own_csv_leads_to_own_recommendations_in_at_most_ten_commands(newcomer: Newcomer) -> None:
    first = next(place for place, command in enumerate(COMMANDS) if command.startswith("svq retrieve"))
    assert first + 1 <= 10
    assert COMMANDS[: len(INSTALLING)] == INSTALLING
    assert shutil.which("svq", path=newcomer.environment["PATH"])
    printed = newcomer.printed["svq publish events.csv --items items.csv --attribute title --wait 300"]
    assert f"{EVENTS + ITEMS:,} events published" in printed
    end = time.monotonic() + 60  # the server takes a new version over within a second or two
    while True:
        answer = newcomer.json("retrieve", "u1", "--k", "10")
        garden = sum(int(item["id"][1:]) % 4 == GARDEN for item in answer["items"])
        if answer["rests_on"] == "user" and garden >= 8:
            assert all(item["attributes"]["title"].startswith(f"Thing {item['id']}") for item in answer["items"])
            break
        assert time.monotonic() < end, answer
        time.sleep(1)


def test_the_settings_on_the_page_are_those_that_are_written(newcomer: Newcomer) -> None:
    (shown,) = re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    written = (newcomer.folder / "svq.toml").read_text()
    for part in shown.split("\n\n"):
        assert part.strip() in written


def test_the_doctor_finds_a_running_stack_in_order(newcomer: Newcomer) -> None:
    assert "0 failed" in newcomer.printed["svq doctor"]
    findings = {one["check"]: one["status"] for one in newcomer.json("doctor")["findings"]}
    assert {findings[check] for check in ("kafka", "topics", "trainer", "indexer", "trainer lag", "server")} == {"ok"}


def test_clusters_items_and_numbers_agree(newcomer: Newcomer) -> None:
    stats = newcomer.json("stats")
    assert stats["items"] == ITEMS
    listed = newcomer.json("clusters", "--limit", "1000")
    assert sum(cluster["items"] for cluster in listed["clusters"]) == ITEMS
    item = newcomer.json("item", "i1")
    members = newcomer.json("clusters", str(item["clusters"][0]), "--limit", "1000")
    assert "i1" in members["items"]
    assert "exposures" in newcomer.does("clusters")
    assert f"{EVENTS:,}" in newcomer.does("stats")
    assert "clusters\t" in newcomer.does("item", "i1")
    explained = newcomer.printed["svq retrieve u1 --k 5 --explain"].splitlines()
    assert explained[0].split()[:3] == ["item", "score", "cluster"]
    assert len(explained) == 1 + 5


def test_conditions_and_quotas_are_kept(newcomer: Newcomer) -> None:
    def departments(*words: str) -> list[int]:
        return sorted(int(item["id"][1:]) % 4 for item in newcomer.json("retrieve", "u1", *words)["items"])

    assert departments("--where", "category=games", "--k", "7") == [2] * 7
    neither = departments("--where", "category!=garden", "--where", "title", "--k", "9")
    assert GARDEN not in neither
    assert departments("--most", "category=2", "--k", "8", "--exclude", "i5") == [0, 0, 1, 1, 2, 2, 3, 3]
    alike = newcomer.json("item", "i1", "--similar", "--k", "5")["items"]
    assert "i1" not in {item["id"] for item in alike}
    assert len(newcomer.json("clusters", "--near", "u1", "--limit", "3")["clusters"]) == 3
    assert "similarity" in newcomer.does("item", "i1", "--similar")
    assert "score" in newcomer.does("clusters", "--near", "u1")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["item", "nobody"], 2, "no item 'nobody'"),
        (["clusters", "99999"], 2, "no cluster 99999"),
        (["retrieve", "u1", "--task", "nothing=1"], 2, "no task 'nothing'"),
        (["retrieve", "u1", "--feature", "broken"], 2, "--feature name=value"),
        (["retrieve", "u1", "--k", "0"], 2, "--k"),
        (["retrieve", "u1", "--url", "http://127.0.0.1:1"], 3, "svq up"),
        (["stats", "--url", "nonsense"], 2, "http://"),
    ],
)
def test_what_cannot_be_asked_ends_with_the_documented_code(
    newcomer: Newcomer, words: list[str], code: int, said: str
) -> None:
    done = newcomer.tries(*words)
    assert (done.code, said in done.err) == (code, True), done


def test_the_index_goes_to_files_and_its_items_to_another_prefix(newcomer: Newcomer) -> None:
    told = newcomer.json("export", "index", "exported")
    manifest = verify(newcomer.folder / "exported")
    assert told["digest"] == manifest.digest
    rows = {name: entry.rows for name, entry in manifest.files.items()}
    tables = {name: pq.read_table(newcomer.folder / "exported" / name) for name in rows}
    clusters = tables["clusters.parquet"]
    assert rows == {"items.parquet": ITEMS, "index.parquet": ITEMS, "vectors.parquet": ITEMS} | {
        "clusters.parquet": len(clusters)
    }
    assert sum(clusters["items"].to_pylist()) == ITEMS
    assert sum(clusters["exposures"].to_pylist()) == EVENTS
    vectors = np.stack(tables["vectors.parquet"]["vector"].to_numpy())
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    refused = newcomer.tries("export", "index", "exported")
    assert (refused.code, "not overwritten" in refused.err) == (2, True)
    elsewhere = {"SVQ_KAFKA__PREFIX": f"t{uuid.uuid4().hex[:10]}"}
    assert newcomer.tries("topics", "create", **elsewhere).code == 0
    for published in (ITEMS, 0):
        done = newcomer.tries("import", "exported", "--json", **elsewhere)
        assert json.loads(done.out)["published"] == published, done


def test_another_engine_finds_what_the_server_ranks_first(newcomer: Newcomer) -> None:
    """An inner product over exported rows is the score of the server's own ranking, item by item."""
    newcomer.does("export", "qdrant", "points.ndjson")
    newcomer.does("export", "milvus", "rows.parquet")
    newcomer.does("export", "users", "users.parquet")
    points = [json.loads(line) for line in (newcomer.folder / "points.ndjson").read_text().splitlines()]
    assert all(set(point) == {"id", "vector", "payload"} and uuid.UUID(point["id"]) for point in points)
    rows = pq.read_table(newcomer.folder / "rows.parquet").to_pylist()
    assert [row["id"] for row in rows] == [point["payload"]["item_id"] for point in points]
    users = pq.read_table(newcomer.folder / "users.parquet").to_pylist()
    query = next(np.array(user["vector"]) for user in users if user["user_id"] == "u1")
    history = newcomer.json("table", "get", "histories", "u1")["row"]["items"]
    liked = [word for item in history for word in ("--history", item)]
    answer = newcomer.json("retrieve", "u1", "--exact", "--k", str(ITEMS), *liked)
    scores = {item["id"]: item["score"] for item in answer["items"] if item["id"] not in history}
    assert len(scores) > ITEMS // 4
    for point in points:
        if point["payload"]["item_id"] in scores:
            own = float(query @ np.array(point["vector"]))
            assert own == pytest.approx(scores[point["payload"]["item_id"]], abs=1e-3)
