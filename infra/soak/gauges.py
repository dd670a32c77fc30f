"""What a worker says of itself at its metrics port."""

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

TIMEOUT_S = 5.0
LAG = "svq_consumer_lag_records"


async def lag(port: int, topic: str) -> float | None:
    """Records that the worker is behind in this topic, all its partitions together; None while it does not answer."""
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)) as session,
            session.get(f"http://127.0.0.1:{port}/metrics") as response,
        ):
            text = await response.text()
    except (aiohttp.ClientError, OSError, TimeoutError):
        return None
    families = text_string_to_metric_families(text)
    return sum(
        sample.value
        for family in families
        for sample in family.samples
        if sample.name == LAG and sample.labels["topic"] == topic
    )
