"""What is in force: versions, and settings without their secrets."""

from importlib.metadata import version

from schemas.http_state import Configuration, Versions
from schemas.settings import Settings
from serving.replica import Replica
from serving.stream_time import now_ms


def versions(replica: Replica) -> Versions:
    """Of software and model."""
    commit, model = replica.commit, replica.model
    return Versions(
        streamvq=version("streamvq"),
        version=commit.version if commit else 0,
        clock=commit.clock if commit else 0,
        time=commit.time_ms if commit else None,
        age_s=(now_ms() - commit.time_ms) / 1000 if commit else None,
        offsets={str(partition): offset for partition, offset in commit.offsets.items()} if commit else {},
        configuration=commit.config_hash if commit else None,
        codes=model.codebook.n_codes if model else 0,
    )


def configuration(settings: Settings, replica: Replica) -> Configuration:
    """Settings of this process, and those that the model came with."""
    model = replica.model
    return Configuration(settings.model_dump(mode="json"), model.config.to_dict() if model else None)
