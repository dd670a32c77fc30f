"""How many there are in a group, asked of a real Kafka."""

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient

from infra.group_members import members
from infra.reach import administration
from schemas.kafka import connection
from schemas.settings import Settings
from tests.tables.chaos import until

DEADLINE_S = 30.0


async def joined(settings: Settings, admin: AIOKafkaAdminClient, wanted: int) -> None:
    async def there() -> bool:
        return await members(admin, settings.topics.indexer_app) == wanted

    await until(there, DEADLINE_S, lambda: f"never {wanted} members")


async def test_members_are_counted_as_they_come_and_go(settings_with_topics: Settings) -> None:
    settings, arguments = settings_with_topics, connection(settings_with_topics.kafka)
    async with administration(settings.kafka) as admin:
        await joined(settings, admin, 0)
        topic, group = settings.topics.candidates, settings.topics.indexer_app
        async with (
            AIOKafkaConsumer(topic, group_id=group, **arguments),
            AIOKafkaConsumer(topic, group_id=group, **arguments) as other,
        ):
            await joined(settings, admin, 2)
            await other.stop()
            await joined(settings, admin, 1)
        await joined(settings, admin, 0)
