"""`svq init`: what it writes is accepted, fits what `svq publish` sends, and overwrites nothing."""

import csv
import json
import random
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from infra import cli
from infra.event_files import open_events
from infra.first_settings.from_lines import guess_lines
from infra.first_settings.written import settings_text
from schemas.settings import Settings, load_settings


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In an empty folder."""
    monkeypatch.setenv("SVQ_CONFIG", "")
    monkeypatch.chdir(tmp_path)


def write_tables() -> None:
    rng = random.Random(1)  # noqa: S311
    with Path("events.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["user_id", "item_id", "timestamp", "clicked", "device"])
        for number in range(600):
            clicked = int(rng.random() < 0.3)
            writer.writerow([f"u{rng.randrange(40)}", f"i{number % 60}", 1_700_000_000 + number, clicked, "phone"])
    with Path("items.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["item_id", "category", "price"])
        for number in range(60):
            writer.writerow([f"i{number}", "toys|games" if number % 3 else "games", number + 0.5])


def test_tables_give_the_settings_that_publish_needs(capsys: pytest.CaptureFixture[str]) -> None:
    write_tables()
    files = ["events.csv", "--items", "items.csv"]
    assert cli.run(["init", *files]) == 0
    assert "item feature  category, multi" in capsys.readouterr().out
    assert cli.run(["config", "check", "--json"]) == 0
    checked = json.loads(capsys.readouterr().out)
    assert checked["tasks"] == ["clicked"]
    written = load_settings()
    wanted = open_events(Path("events.csv"), Path("items.csv"), None, []).settings()
    assert {name: {"kind": task.kind} for name, task in written.tasks.items()} == wanted["tasks"]
    assert {name: {"kind": one.kind} for name, one in written.features.item.items()} == wanted["features"]["item"]
    text = Path("svq.toml").read_text()
    for why in ("# clicked: zeros and ones, above 0 in", "# price: numbers from 0.5 to 59.5", "not read: device"):
        assert why in text


def test_no_file_is_overwritten_unless_that_is_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    write_tables()
    Path("svq.toml").write_text("# mine\n")
    assert cli.run(["init", "events.csv"]) == 2
    assert "svq.toml exists" in capsys.readouterr().err
    assert Path("svq.toml").read_text() == "# mine\n"
    assert cli.run(["config", "init", "events.csv", "--out", "other.toml", "--prefix", "shop", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["file"] == "other.toml"
    assert load_settings("other.toml").kafka.prefix == "shop"
    assert cli.run(["init", "events.csv", "--force"]) == 0
    assert "mine" not in Path("svq.toml").read_text()


def test_events_as_on_the_wire_say_whose_features_they_are() -> None:
    lines = [{"item_id": f"i{n}", "timestamp": 1, "features": {"tags": ["a", "b"], "weight": n / 2}} for n in range(9)]
    lines += [
        {
            "user_id": n % 7, "item_id": f"i{n % 9}", "timestamp": n,
            "labels": {"click": n % 2, "seconds": n % 2 * 1.5},
            "user": {"country": "DE" if n % 3 else "FR", "session": f"s{n}"}, "context": {"hour": n % 24, "at": n / 7},
        }
        for n in range(99)
    ]  # fmt: skip
    Path("events.ndjson").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert cli.run(["init", "events.ndjson"]) == 0
    written = load_settings()
    kinds = {
        f"{side}.{name}": feature["kind"]
        for side, features in written.features.model_dump().items()
        for name, feature in features.items()
    }
    assert kinds == {
        "item.tags": "multi", "item.weight": "numeric", "user.country": "categorical",
        "context.hour": "categorical", "context.at": "numeric",
    }  # fmt: skip
    assert {name: task.kind for name, task in written.tasks.items()} == {"click": "binary", "seconds": "value"}
    assert "user feature session is left out: hardly two share a value" in " ".join(
        Path("svq.toml").read_text().replace("#", "").split()
    )


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("gone.csv", None, "no such file"),
        ("gone.ndjson", None, "cannot be read"),
        ("none.csv", "a,b\n1,2\n", "no column user_id"),
        ("none.ndjson", '{"item_id": "i"}\n', "hold no exposure"),
        ("broken.ndjson", '{"item_id"\n', "line 1 is no event"),
        ("list.ndjson", "[1]\n", "line 1 is no event"),
    ],
)
def test_a_file_that_is_no_sample_is_code_2_with_what_is_wrong(
    name: str, content: str | None, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        Path(name).write_text(content)
    assert cli.run(["init", name]) == 2
    assert said in capsys.readouterr().err
    assert not Path("svq.toml").exists()


def test_a_prefix_that_kafka_would_not_take_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    write_tables()
    assert cli.run(["init", "events.csv", "--prefix", 'a"b']) == 2
    assert "svq.toml: kafka.prefix:" in capsys.readouterr().err


scalars = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False, allow_infinity=False) | st.text()
fields = st.dictionaries(st.text(min_size=1, max_size=5), scalars | st.lists(scalars, max_size=3), max_size=4)


@hypothesis_settings(max_examples=60)
@given(st.lists(st.tuples(fields, fields, fields, st.dictionaries(st.text(max_size=3), scalars, max_size=3))))
def test_whatever_the_events_hold_the_settings_are_accepted(rows: list[tuple[object, object, object, object]]) -> None:
    file = Path("any.ndjson")
    events: list[dict[str, object]] = [{"user_id": "u", "item_id": "i", "timestamp": 1}]
    for item, user, context, labels in rows:
        events.append({"item_id": "i", "timestamp": 1, "features": item})
        events.append({"user_id": "u", "item_id": "i", "user": user, "context": context, "labels": labels})
    file.write_text("".join(json.dumps(event) + "\n" for event in events))
    text = settings_text(guess_lines(file), "svq init any.ndjson", "svq")
    assert Settings.model_validate(tomllib.loads(text)).tasks
