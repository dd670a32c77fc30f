import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from infra import broker_files
from infra.broker import EmbeddedBroker
from infra.ports import free_port
from infra.reach import reach
from infra.topics import check_topics, create_topics
from schemas.errors import SettingsError, UnreachableError
from schemas.kafka import KafkaSettings
from schemas.settings import Settings

LOGIN = """
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,LOGIN:SASL_PLAINTEXT,ELSEWHERE:PLAINTEXT
listeners={listeners},LOGIN://127.0.0.1:LOGIN_PORT,ELSEWHERE://127.0.0.1:OTHER_PORT
advertised.listeners={advertised},LOGIN://127.0.0.1:LOGIN_PORT,ELSEWHERE://127.0.0.1:1
sasl.enabled.mechanisms=PLAIN
listener.name.login.plain.sasl.jaas.config=\\
  org.apache.kafka.common.security.plain.PlainLoginModule required user_ada="secret";
"""


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """Ports of a broker that wants a login at one, and gives a wrong address of itself at the other."""
    login, other = free_port(), free_port()
    lines = LOGIN.replace("LOGIN_PORT", str(login)).replace("OTHER_PORT", str(other))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(broker_files, "_PROPERTIES", broker_files._PROPERTIES + lines)
        with EmbeddedBroker(tmp_path_factory.mktemp("login")):
            yield login, other


def kafka(port: int, **values: Any) -> KafkaSettings:
    return KafkaSettings(bootstrap_servers=f"127.0.0.1:{port}", prefix="login", partitions=1, **values)


def with_login(port: int, **values: Any) -> KafkaSettings:
    usual = {"security_protocol": "SASL_PLAINTEXT", "sasl_username": "ada", "sasl_password": "secret"}
    return kafka(port, **(usual | values))


async def test_the_right_login_can_do_everything(ports: tuple[int, int]) -> None:
    settings = Settings(kafka=with_login(ports[0]))
    assert len(await create_topics(settings)) == 11
    assert await check_topics(settings) == []


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"sasl_password": "guessed"}, r"refuses the login of ada by PLAIN: .*Invalid username or password"),
        ({"sasl_mechanism": "SCRAM-SHA-256"}, r"refuses the login of ada by SCRAM-SHA-256: .*UnsupportedSaslMechanism"),
    ],
)
async def test_a_refused_login_is_a_setting_to_change_and_is_not_tried_again(
    ports: tuple[int, int], values: dict[str, str], reason: str
) -> None:
    async with asyncio.timeout(5):
        with pytest.raises(SettingsError, match=reason) as caught:
            await reach(with_login(ports[0], **values), deadline_s=60)
    assert "guessed" not in str(caught.value)


async def test_no_login_where_one_is_wanted_and_tls_where_none_is_spoken(ports: tuple[int, int]) -> None:
    with pytest.raises(UnreachableError, match=r"\(PLAINTEXT\) within 0\.5 s"):
        await reach(kafka(ports[0]), deadline_s=0.5)
    with pytest.raises(UnreachableError, match=r"\(SSL\) within 0\.5 s"):
        await reach(kafka(ports[1], security_protocol="SSL"), deadline_s=0.5)


async def test_a_broker_that_gives_an_address_where_it_is_not_is_told_from_one_that_is_silent(
    ports: tuple[int, int],
) -> None:
    with pytest.raises(UnreachableError, match=r"it answers, but names 127\.0\.0\.1:1 .*advertised\.listeners.*failed"):
        await reach(kafka(ports[1]), deadline_s=0.5)


async def test_a_second_address_is_asked_when_the_first_is_silent(ports: tuple[int, int]) -> None:
    both = with_login(ports[0]).model_copy(update={"bootstrap_servers": f"127.0.0.1:1,127.0.0.1:{ports[0]}"})
    await reach(both, deadline_s=5)
