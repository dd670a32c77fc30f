"""All settings: `svq.toml`, overridden by SVQ_ environment variables (`SVQ_KAFKA__PREFIX` is `prefix` of `[kafka]`)."""

import json
import os
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from pipeline.config import ModelConfig
from schemas import sources
from schemas.complaints import complain
from schemas.eligible import EligibleSettings
from schemas.kafka import KafkaSettings
from schemas.retriever import FeaturesSettings, ModelSettings, TaskSettings, build_config
from schemas.service import PublishingSettings, SecuritySettings
from schemas.topics import Topics
from schemas.tracing import TracingSettings
from schemas.workers import BrokerSettings, IndexerSettings, LogSettings, ServerSettings, TrainerSettings


def _data_home() -> Path:
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "streamvq"


class Settings(BaseSettings):
    """Everything a process of streamvq can be told: `load_settings` reads it, code that embeds streamvq builds it."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        env_prefix=sources.PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
    )

    data: Path = Field(
        default_factory=_data_home, description="What this machine keeps; default `~/.local/share/streamvq`."
    )
    kafka: KafkaSettings = KafkaSettings()
    broker: BrokerSettings = BrokerSettings()
    trainer: TrainerSettings = TrainerSettings()
    indexer: IndexerSettings = IndexerSettings()
    server: ServerSettings = ServerSettings()
    publishing: PublishingSettings = PublishingSettings()
    security: SecuritySettings = SecuritySettings()
    logs: LogSettings = LogSettings()
    tracing: TracingSettings = TracingSettings()
    eligible: EligibleSettings = EligibleSettings()
    model: ModelSettings = ModelSettings()
    features: FeaturesSettings = FeaturesSettings()
    tasks: dict[str, TaskSettings] = Field({"click": TaskSettings()}, description="What to predict, by label.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what the constructor is given: the environment is read by `load_settings`, and nowhere else."""
        return (init_settings,)

    @model_validator(mode="after")
    def _model_possible(self) -> Self:
        self.model_config_core()
        return self

    @property
    def topics(self) -> Topics:
        """Names of every topic, group and transactional id."""
        return Topics(self.kafka.prefix)

    @property
    def broker_folder(self) -> Path:
        """Where the embedded broker keeps its data and log."""
        return (self.broker.folder or self.data / "broker").expanduser().absolute()

    def folder(self, role: Literal["trainer", "indexer"]) -> Path:
        """Where the tables of a worker are kept: one process a folder."""
        own = self.trainer.folder if role == "trainer" else self.indexer.folder
        return (own or self.data / self.kafka.prefix / role).expanduser().absolute()

    def environment(self) -> dict[str, str]:
        """Variables from which `load_settings` makes the same settings in a process we start, passwords included.

        Only what was set; SVQ_CONFIG names an empty file, since what a file says is among it already.
        """
        held = sources.plain(self.model_dump(exclude_unset=True))
        variables = {
            f"{sources.PREFIX}{name.upper()}": value if isinstance(value, str) else json.dumps(value)
            for name, value in held.items()
        }
        return variables | {"SVQ_CONFIG": os.devnull}

    def model_config_core(self) -> ModelConfig:
        """The model as the core knows it."""
        return build_config(self.model, self.features, self.tasks)


def load_settings(path: Path | str | None = None) -> Settings:
    """Read the settings file and the environment; SettingsError says which key of which of them is wrong.

    Without a path: the file that SVQ_CONFIG names, else `svq.toml` in the working directory if there is one.
    """
    file = sources.find_file(Path(path) if path is not None else None)
    environment = sources.read_environment(Settings)
    values = sources.merge(sources.read_file(file) if file else {}, environment)
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise complain(Settings, error, file, environment) from None
