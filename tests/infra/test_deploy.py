"""What infra/deploy names exists: settings, commands, ports, probes, grace; the manifests are what their tools take."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from agents.metrics import MetricsServer
from infra.cli import COMMANDS, run
from infra.kafka_jars import VERSION
from schemas.kafka import KafkaSettings
from schemas.settings import Settings, load_settings
from schemas.topics import Topics
from serving.app import Server
from tables.stopping import STOP_DEADLINE_S

DEPLOY = Path(__file__).parents[2] / "infra" / "deploy"
MANIFESTS = DEPLOY / "kubernetes"
PORT = 8080
ROLES = ("trainer", "indexer", "server")
STARTUP_S = 60  # imports, then a first answer


def image() -> dict[str, str]:
    """Variables of the image."""
    return dict(re.findall(r"\b(SVQ_\w+)=(\S+)", (DEPLOY / "Dockerfile").read_text()))


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return found


def manifests(kind: str) -> dict[str, Any]:
    """Manifests of one kind by the name of what they are for."""
    files = [path for path in sorted(MANIFESTS.glob("*.yaml")) if path.name != "kustomization.yaml"]
    every = [manifest for path in files for manifest in yaml.safe_load_all(path.read_text())]
    return {found["metadata"]["name"].removeprefix("svq-"): found for found in every if found["kind"] == kind}


def containers() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Pod and container of each workload."""
    for workload in (manifests("Deployment") | manifests("Job")).values():
        pod = workload["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        yield pod, container


@pytest.fixture
def understood(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Settings as a process with these variables, beside those of the image, reads them."""

    def read(variables: dict[str, str]) -> Settings:
        monkeypatch.chdir(tmp_path)
        for name, value in (image() | variables).items():
            monkeypatch.setenv(name, re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value))
        return load_settings()

    return read


def test_every_variable_is_a_setting(understood: Any) -> None:
    assert understood({}).data == Path("/var/lib/streamvq")
    for service in compose()["services"].values():
        own = {name: value for name, value in service["environment"].items() if name.startswith("SVQ_")}
        if own:
            assert understood(own).kafka.replication_factor == 3
    lines = (MANIFESTS / "settings.env").read_text().splitlines()
    variables = dict(line.split("=", 1) for line in lines)
    assert variables["SVQ_CONFIG"] == "/etc/streamvq/svq.toml"
    assert understood(variables | {"SVQ_CONFIG": str(MANIFESTS / "svq.toml")}).kafka.replication_factor == 3


def test_every_command_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    services = [service for service in compose()["services"].values() if service["image"] == "streamvq"]
    commands = [service["command"] for service in services] + [container["args"] for _, container in containers()]
    assert {command[0] for command in commands} == {*ROLES, "topics"} <= set(COMMANDS)
    for command in commands:
        assert run([*command, "--help"]) == 0
    capsys.readouterr()


def test_ports_and_probes_are_those_of_the_processes(understood: Any) -> None:
    settings = understood({})
    assert {settings.server.port, settings.trainer.metrics_port, settings.indexer.metrics_port} == {PORT}
    assert {settings.server.host, settings.trainer.metrics_host, settings.indexer.metrics_host} == {"0.0.0.0"}  # noqa: S104 - of a container
    worker, server = MetricsServer(CollectorRegistry(), list), Server(Settings())
    routes = server.app.openapi()["paths"]
    for role, workload in manifests("Deployment").items():
        (container,) = workload["spec"]["template"]["spec"]["containers"]
        assert container["ports"] == [{"name": "http", "containerPort": PORT}]
        for probe in ("readinessProbe", "livenessProbe", "startupProbe"):
            path, port = container[probe]["httpGet"].values()
            assert port == "http"
            assert path in routes if role == "server" else worker._respond(path)[0] == "200 OK"
    assert f"127.0.0.1:{PORT}/healthz" in (DEPLOY / "Dockerfile").read_text()
    assert compose()["services"]["server"]["ports"] == [f"127.0.0.1:{PORT}-{PORT + 1}:{PORT}"]


def test_a_process_has_the_time_it_needs_to_start_and_to_end() -> None:
    for service in compose()["services"].values():
        assert int(service["stop_grace_period"].removesuffix("s")) > STOP_DEADLINE_S + 1
    for role, workload in manifests("Deployment").items():
        pod = workload["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        waits = container["lifecycle"]["preStop"]["exec"]["command"] if role == "server" else ["sleep", "0"]
        assert pod["terminationGracePeriodSeconds"] > STOP_DEADLINE_S + 1 + int(waits[1])
        assert container["startupProbe"]["periodSeconds"] * container["startupProbe"]["failureThreshold"] >= STARTUP_S


def test_one_of_each_role_is_there_whatever_is_rolled_or_drained() -> None:
    deployments, budgets = manifests("Deployment"), manifests("PodDisruptionBudget")
    assert set(deployments) == set(budgets) == set(ROLES)
    for role, workload in deployments.items():
        assert workload["spec"]["replicas"] == compose()["services"][role]["deploy"]["replicas"] == 2
        assert workload["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
        assert budgets[role]["spec"]["minAvailable"] == 1
        assert budgets[role]["spec"]["selector"] == workload["spec"]["selector"]


def test_nobody_is_root_and_nothing_is_written_but_state() -> None:
    assert "USER 10001:10001" in (DEPLOY / "Dockerfile").read_text()
    for pod, container in containers():
        assert pod["securityContext"]["runAsNonRoot"]
        assert not pod["automountServiceAccountToken"]
        own = container["securityContext"]
        assert own["readOnlyRootFilesystem"]
        assert not own["allowPrivilegeEscalation"]
        assert own["capabilities"] == {"drop": ["ALL"]}
        mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        assert mounted.keys() == {volume["name"] for volume in pod["volumes"]}
        assert mounted.get("state", image()["SVQ_DATA"]) == image()["SVQ_DATA"]


def test_compose_has_a_kafka_that_may_lose_one_of_three() -> None:
    brokers = {name: service for name, service in compose()["services"].items() if name.startswith("kafka")}
    assert {broker["image"] for broker in brokers.values()} == {f"apache/kafka:{VERSION}"}
    assert [broker["environment"]["KAFKA_NODE_ID"] for broker in brokers.values()] == ["1", "2", "3"]
    for name, broker in brokers.items():
        own = broker["environment"]
        assert own["KAFKA_ADVERTISED_LISTENERS"] == f"PLAINTEXT://{name}:9092"
        assert {own[key] for key in own if key.endswith("REPLICATION_FACTOR")} == {"3"}
        assert {own[key] for key in own if key.endswith(("MIN_ISR", "INSYNC_REPLICAS"))} == {"2"}
        assert broker["volumes"] == [f"{name}:/var/lib/kafka/data"]


def test_indexers_scale_on_the_lag_of_what_they_read_up_to_one_a_partition() -> None:
    (scaled,) = yaml.safe_load_all((MANIFESTS / "scaling" / "indexer.yaml").read_text())
    settings = dict(line.split("=", 1) for line in (MANIFESTS / "settings.env").read_text().splitlines())
    topics = Topics(settings["SVQ_KAFKA__PREFIX"])
    triggers = [trigger["metadata"] for trigger in scaled["spec"]["triggers"]]
    assert {trigger["topic"] for trigger in triggers} == {topics.candidates, topics.assignments}
    for trigger in triggers:
        assert trigger["bootstrapServers"] == settings["SVQ_KAFKA__BOOTSTRAP_SERVERS"]
        assert trigger["consumerGroup"] == topics.indexer_app
    assert scaled["spec"]["scaleTargetRef"]["name"] == "svq-indexer"
    assert scaled["spec"]["minReplicaCount"] == manifests("Deployment")["indexer"]["spec"]["replicas"]
    assert scaled["spec"]["maxReplicaCount"] == KafkaSettings().partitions


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="needs kubectl")
@pytest.mark.parametrize("component", ["scaling", "volumes", "monitoring"])
def test_components_fit_the_manifests(component: str, tmp_path: Path) -> None:
    folder = tmp_path / "kubernetes"
    shutil.copytree(MANIFESTS, folder)
    with (folder / "kustomization.yaml").open("a") as file:
        file.write(f"components: [{component}]\n")
    done = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True, timeout=60, check=True)
    built = list(yaml.safe_load_all(done.stdout))
    assert {"scaling": "ScaledObject", "monitoring": "PodMonitor", "volumes": "Deployment"}[component] in {
        manifest["kind"] for manifest in built
    }
    for manifest in built:
        if manifest["kind"] == "Deployment":
            volumes = {volume["name"]: volume for volume in manifest["spec"]["template"]["spec"]["volumes"]}
            own = component == "volumes" and manifest["metadata"]["name"] != "svq-server"
            assert ("ephemeral" in volumes["state"]) is own
            assert ("emptyDir" in volumes["state"]) is not own


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="needs kubectl")
def test_kustomize_puts_the_manifests_together() -> None:
    done = subprocess.run(["kubectl", "kustomize", MANIFESTS], capture_output=True, text=True, timeout=60, check=True)
    built = list(yaml.safe_load_all(done.stdout))
    kinds = [manifest["kind"] for manifest in built]
    assert sorted(kinds) == sorted(["ConfigMap"] * 2 + ["Deployment", "PodDisruptionBudget"] * 3 + ["Job", "Service"])
    for manifest in built:
        if manifest["kind"] == "Deployment":
            labels = manifest["spec"]["template"]["metadata"]["labels"]
            assert manifest["spec"]["selector"]["matchLabels"].items() <= labels.items()
            assert labels["app.kubernetes.io/name"] == "streamvq"
