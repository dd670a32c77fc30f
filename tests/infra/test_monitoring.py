"""What dashboards and alerts ask for is measured, every alert has its entry in the runbook, Prometheus takes them."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.reference.metrics import Described, metrics
from infra.reference.registries import registries

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "infra" / "deploy"
RULES = DEPLOY / "prometheus" / "alerts.yaml"
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
BOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
ADDED = {"job", "instance", "le"}
"""Labels that Prometheus adds."""


def measured() -> dict[str, Described]:
    """By every name that can be queried."""
    found = {}
    for role in registries():
        for metric in metrics(role):
            parts = ("_bucket", "_sum", "_count") if metric.kind == "histogram" else ("",)
            found |= {metric.name + part: metric for part in parts}
    return found


def alerts() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def panels(board: Path) -> Iterator[dict[str, Any]]:
    yield from (panel for panel in json.loads(board.read_text())["panels"] if panel["type"] != "row")


def expressions() -> Iterator[tuple[str, str]]:
    """Where it stands, and what is asked."""
    for rule in alerts():
        yield rule["alert"], rule["expr"]
    for board in BOARDS:
        for panel in panels(board):
            for target in panel["targets"]:
                yield f"{board.name}: {panel['title']}", target["expr"]


@pytest.mark.parametrize(("where", "expression"), list(expressions()), ids=lambda text: text[:60])
def test_what_is_asked_for_is_measured(where: str, expression: str) -> None:
    known = measured()
    asked = re.findall(r"\b((?:svq|process)_[a-z_]+)(\{[^}]*\})?", expression)
    assert asked or "up{" in expression, where
    for name, selector in asked:
        assert name in known, f"{where}: nobody measures {name}"
        for label in re.findall(r"[{,]\s*(\w+)\s*=", selector):
            assert label in {*known[name].labels, *ADDED}, f"{where}: {name} has no label {label}"
    labels = {label for name, _ in asked for label in known[name].labels} | ADDED
    for grouped in re.findall(r"\b(?:by|without) \(([^)]*)\)", expression):
        assert {label.strip() for label in grouped.split(",")} <= labels, where


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_every_alert_says_what_to_do(rule: dict[str, Any]) -> None:
    name = rule["alert"]
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["runbook"] == f"docs/runbook.md#{name.lower()}"
    entry = RUNBOOK.split(f"\n## {name}\n", 1)[1].split("\n## ", 1)[0]
    assert entry.strip().startswith(f"*{rule['labels']['severity']}* · "), name
    assert "\n1. " in entry, "what to do, in order"


def test_the_runbook_has_no_other_entries() -> None:
    assert re.findall(r"^## (\S+)$", RUNBOOK, re.MULTILINE) == [rule["alert"] for rule in alerts()]


def test_dashboards_fit_what_is_provisioned() -> None:
    source = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yaml").read_text())["datasources"][0]
    provider = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/streamvq.yaml").read_text())["providers"][0]
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in compose["grafana"]["volumes"]
    assert source["url"] == "http://prometheus:9090"
    boards = [json.loads(board.read_text()) for board in BOARDS]
    assert len({board["uid"] for board in boards}) == len(boards) >= 2
    for board in BOARDS:
        found = list(panels(board))
        assert len({panel["id"] for panel in found}) == len(found)
        for panel in found:
            assert panel["description"], panel["title"]
            assert {target["datasource"]["uid"] for target in panel["targets"]} == {source["uid"]}
            assert panel["fieldConfig"]["defaults"]["unit"]


def test_prometheus_of_the_compose_file_reads_every_role() -> None:
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yaml").read_text())
    jobs = {job["job_name"]: job["dns_sd_configs"][0] for job in config["scrape_configs"]}
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    assert jobs.keys() == {f"svq-{role}" for role in registries()}
    for job, found in jobs.items():
        assert found["names"] == [job.removeprefix("svq-")]
        assert found["names"][0] in compose
        assert found["port"] == 8080
    assert config["rule_files"] == [RULES.name]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool")
@pytest.mark.parametrize(
    "command",
    [["check", "rules", "alerts.yaml"], ["check", "config", "prometheus.yaml"], ["test", "rules", "alerts.test.yaml"]],
)
def test_promtool_finds_nothing(command: list[str]) -> None:
    done = subprocess.run(
        ["promtool", *command], cwd=RULES.parent, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool")
def test_promtool_understands_the_dashboards(tmp_path: Path) -> None:
    asked = [expression.replace("$__rate_interval", "5m") for where, expression in expressions() if ".json" in where]
    rules = [{"record": f"panel:{number}", "expr": expression} for number, expression in enumerate(asked)]
    file = tmp_path / "panels.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    done = subprocess.run(["promtool", "check", "rules", file], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules)} rules found" in done.stdout
