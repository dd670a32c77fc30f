import os
from dataclasses import fields
from pathlib import Path

import pytest

from pipeline.config import Feature, ModelConfig, Task
from schemas.errors import SettingsError
from schemas.kafka import KafkaSettings, connection
from schemas.retriever import FeatureSettings, ModelSettings, TaskSettings
from schemas.settings import Settings, load_settings
from schemas.topics import Topics

SECRET = "hunter2"  # noqa: S105


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variables of ours, no file in the working directory."""
    for name in [name for name in os.environ if name.startswith("SVQ_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def complaint(text: str | None = None, **variables: str) -> str:
    """What is said about a file and variables."""
    path = None
    if text is not None:
        path = Path("mine.toml")
        path.write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        with pytest.raises(SettingsError) as caught:
            load_settings(path)
    return str(caught.value)


def test_nothing_said_is_enough() -> None:
    settings = load_settings()
    assert settings.kafka.bootstrap_servers == "127.0.0.1:9092"
    assert settings.model_config_core() == ModelConfig(tasks=(Task("click"),))


def test_the_environment_overrides_the_file_key_by_key(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("svq.toml").write_text(
        "[kafka]\nprefix = 'filed'\npartitions = 8\n"
        "[features.item.price]\nkind = 'numeric'\n[features.user.country]\nkind = 'categorical'\ndim = 4\n"
        "[tasks.like]\nweight = 2\n"
    )
    monkeypatch.setenv("SVQ_KAFKA__PREFIX", "set")
    monkeypatch.setenv("SVQ_MODEL__HALF_LIVES", "[100, 200]")
    monkeypatch.setenv("SVQ_KAFKA__SASL_USERNAME", "")  # as compose files write what is not given
    settings = load_settings()
    assert (settings.kafka.prefix, settings.kafka.partitions, settings.kafka.sasl_username) == ("set", 8, None)
    config = settings.model_config_core()
    assert config.half_lives == (100, 200)
    assert config.tasks == (Task("like", weight=2),)
    assert config.features == (Feature("country", "user", "categorical", 4), Feature("price", "item", "numeric"))


def test_the_file_is_the_given_one_else_that_of_the_variable_else_the_one_here(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("svq", "named", "given"):
        Path(f"{name}.toml").write_text(f"[kafka]\nprefix = '{name}'")
    assert load_settings().kafka.prefix == "svq"
    monkeypatch.setenv("SVQ_CONFIG", "named.toml")
    assert load_settings().kafka.prefix == "named"
    assert load_settings("given.toml").kafka.prefix == "given"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[kafka]\nprefx = 'a'", "mine.toml: kafka.prefx: no such setting; did you mean kafka.prefix?"),
        ("[kafka]\nport = 1", "mine.toml: kafka.port: no such setting; did you mean broker.port?"),
        ("[kafak]\nprefix = 'a'", "mine.toml: kafak: no such setting; did you mean kafka?"),
        ("[kafka]\npartitions = 'four'", "mine.toml: kafka.partitions: should be a valid integer (it is 'four')"),
        ("[kafka]\npartitions = 0", "mine.toml: kafka.partitions: should be greater than or equal to 1 (it is 0)"),
        ("[kafka]\nbootstrap_servers = 'here'", "mine.toml: kafka.bootstrap_servers: 'here' is not an address"),
        ("[kafka]\nprefix = 'a b'", "mine.toml: kafka.prefix: String should match pattern"),
        ("[features.item.price]\nkind = 'number'", "mine.toml: features.item.price.kind: should be 'categorical'"),
        ("[features.item.price]\ndim = 2", "mine.toml: features.item.price.kind: is missing"),
        (
            "[tasks.click]\nwheight = 2",
            "mine.toml: tasks.click.wheight: no such setting; did you mean tasks.click.weight?",
        ),
        ("[model]\ncodes = 'many'", "mine.toml: model.codes: should be"),
        ("[model]\nbatch = 0", "mine.toml: model: batch must be within"),
        ("tasks = {}", "mine.toml: model: at least one task is needed"),
        ("[kafka]\nsecurity_protocol = 'SASL_SSL'", "mine.toml: kafka: security_protocol SASL_SSL needs sasl_username"),
        ("kafka = ", "mine.toml: is not valid TOML"),
    ],
)
def test_what_is_wrong_in_the_file_is_said_in_one_line(text: str, expected: str) -> None:
    message = complaint(text)
    assert message.startswith(expected)
    assert "\n" not in message


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"SVQ_KAFKA__PREFX": "a"}, "environment: SVQ_KAFKA__PREFX: no such setting; did you mean SVQ_KAFKA__PREFIX?"),
        ({"SVQ_KAFKA_PREFIX": "a"}, "environment: SVQ_KAFKA_PREFIX: no such setting; did you mean SVQ_KAFKA__PREFIX?"),
        (
            {"SVQ_KAFAK__PREFIX": "a"},
            "environment: SVQ_KAFAK__PREFIX: no such setting; did you mean SVQ_KAFKA__PREFIX?",
        ),
        ({"SVQ_SERVER__PORT": "x"}, "environment: SVQ_SERVER__PORT: should be a valid integer (it is 'x')"),
        ({"SVQ_TASKS": "click"}, 'environment: error parsing value for field "tasks"'),
        ({"SVQ_CONFIG": "gone.toml"}, "gone.toml: no such file"),
    ],
)
def test_what_is_wrong_in_the_environment_is_said_in_one_line(variables: dict[str, str], expected: str) -> None:
    assert complaint(**variables).startswith(expected)


def test_several_mistakes_are_said_at_once_each_with_its_source() -> None:
    message = complaint("[kafka]\nprefx = 'a'\n[server]\nport = 'x'", SVQ_MODEL__DIM="wide")
    assert [line.split(":")[0] for line in message.splitlines()] == ["mine.toml", "mine.toml", "environment"]


def test_variables_that_kubernetes_sets_beside_a_service_are_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SVQ_SERVER_PORT", "tcp://10.0.0.1:80")
    monkeypatch.setenv("SVQ_SERVER_SERVICE_HOST", "10.0.0.1")
    assert load_settings().server.port == 8080


def test_secrets_are_shown_nowhere_and_reach_kafka_and_our_own_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SVQ_KAFKA__SASL_PASSWORD", SECRET)
    monkeypatch.setenv("SVQ_KAFKA__SASL_USERNAME", "ada")
    monkeypatch.setenv("SVQ_KAFKA__SECURITY_PROTOCOL", "SASL_PLAINTEXT")
    monkeypatch.setenv("SVQ_KAFKA__SASL_MECHANISM", "SCRAM-SHA-512")
    settings = load_settings()
    for shown in (repr(settings), str(settings), settings.model_dump_json()):
        assert SECRET not in shown
    arguments = connection(settings.kafka)
    assert arguments["sasl_plain_password"] == SECRET
    assert arguments["sasl_mechanism"] == "SCRAM-SHA-512"


def test_a_secret_of_the_wrong_type_is_not_quoted() -> None:
    message = complaint("[kafka]\nsasl_password = 123456")
    assert "kafka.sasl_password" in message
    assert "123456" not in message


def test_our_own_processes_get_the_same_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Path("svq.toml").write_text(
        "data = '/srv/svq'\n[kafka]\nprefix = 'a'\nsecurity_protocol = 'SASL_SSL'\nsasl_username = 'ada'\n"
        "sasl_password = 'hunter2'\n[features.user.age]\nkind = 'numeric'\n[model]\nhalf_lives = [5]\n[tasks.watch]\n"
        "kind = 'value'"
    )
    settings = load_settings()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "svq.toml").write_text("[kafka]\nprefix = 'not-ours'\nreplication_factor = 3")
    monkeypatch.chdir(elsewhere)
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    assert load_settings() == settings
    assert "partitions" not in load_settings().kafka.model_fields_set
    monkeypatch.setenv("SVQ_KAFKA__PREFIX", "b")
    assert load_settings().kafka.prefix == "b"
    assert load_settings().kafka.sasl_username == "ada"


@pytest.mark.parametrize(
    ("ours", "core", "without"),
    [
        (ModelSettings, ModelConfig, {"tasks", "features", "version"}),
        (TaskSettings, Task, {"name"}),
        (FeatureSettings, Feature, {"name", "side"}),
    ],
)
def test_settings_and_core_have_the_same_names_and_defaults(ours: type, core: type, without: set[str]) -> None:
    defaults = {field.name: field.default for field in fields(core) if field.name not in without}
    assert set(ours.model_fields) == set(defaults)
    kind = {"kind": "numeric"} if core is Feature else {}
    filled = ours(**kind).model_dump()
    assert {name: filled[name] for name in defaults if name not in kind} == {
        name: value for name, value in defaults.items() if name not in kind
    }


def test_every_setting_says_what_it_is() -> None:
    for name, field in Settings.model_fields.items():
        section = field.annotation
        for key, inner in getattr(section, "model_fields", {name: field}).items():
            assert inner.description, f"{name}.{key}"


def test_a_certificate_that_is_not_there_is_named() -> None:
    kafka = KafkaSettings(security_protocol="SSL", ssl_cafile=Path("gone.pem"))
    with pytest.raises(SettingsError, match=r"kafka\.ssl_cafile: cannot use gone\.pem"):
        connection(kafka)


def test_index_tables_and_what_feeds_them_have_the_same_partitions() -> None:
    topics = Topics("p")
    specs = {spec.name: spec for spec in topics.specs(KafkaSettings(partitions=7))}
    together = (topics.candidates, topics.assignments, topics.items_changelog, topics.item_index_changelog)
    assert {specs[name].partitions for name in together} == {7}
    assert specs[topics.parameters].partitions == 1
    for versioned in (topics.parameters, topics.trainer_state):  # `svq export model` reads both while a trainer writes
        assert specs[versioned].config["min.compaction.lag.ms"] == "3600000"
    changelogs = [spec for name, spec in specs.items() if name.endswith("-changelog")]
    assert {spec.config["cleanup.policy"] for spec in changelogs} == {"compact"}
