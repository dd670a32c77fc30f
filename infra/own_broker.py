"""The embedded broker of this machine, where the settings name no other Kafka."""

from infra.broker_state import read_status
from schemas.settings import Settings


def with_own_broker(settings: Settings) -> Settings:
    """The settings with the address of `svq up` or `svq broker start`, if that runs and they name none.

    It listens at another port than usual where that was taken.
    """
    if "bootstrap_servers" in settings.kafka.model_fields_set:
        return settings
    status = read_status(settings.broker_folder)
    if not status.running or not status.port:
        return settings
    kafka = settings.kafka.model_copy(update={"bootstrap_servers": status.bootstrap})
    return settings.model_copy(update={"kafka": kafka})
