"""Types of the fixtures beside this file."""

from collections.abc import Awaitable, Callable

from aiokafka import AIOKafkaProducer

CreateTopic = Callable[..., Awaitable[str]]
CreateProducer = Callable[..., Awaitable[AIOKafkaProducer]]
