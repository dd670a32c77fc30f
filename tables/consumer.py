"""Faust's Kafka consumer, reading committed records only, which Faust offers only with its own exactly-once mode."""

from typing import Any

from faust.transport.drivers import aiokafka as driver


class ConsumerThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]  # Faust carries no types
    """Thread of the group's consumer."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"  # noqa: SLF001 - read when the consumer starts
        return consumer


class Consumer(driver.Consumer):  # type: ignore[misc]  # Faust carries no types
    """Consumer whose thread reads committed."""

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)


class Transport(driver.Transport):  # type: ignore[misc]  # Faust carries no types
    """Transport of apps whose sources are written in transactions."""

    Consumer = Consumer
