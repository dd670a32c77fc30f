"""Who may do what: keys that are missing, unknown, expired, revoked or for reading only, rates, and TLS."""

import asyncio
import io
import json
import ssl
import subprocess
from collections.abc import Callable
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from infra.commands import keys as command
from infra.readiness import readiness
from schemas.errors import SettingsError
from schemas.keys import Scope, decode_keys, encode_keys, new_key
from schemas.service import SecuritySettings
from schemas.settings import Settings
from serving.access import Access, warn
from tests.serving.conftest import DEADLINE_S, Running, running, until
from tests.serving.test_failures import problem
from tests.serving.test_publish_http import exposure

ASKED = [
    ("GET", "/v1/stats", None),
    ("POST", "/v1/retrieve", {}),
    ("POST", "/v1/retrieve/batch", {"queries": [{}]}),
    ("GET", "/v1/config", None),
    ("GET", "/metrics", None),
]
CHANGING: list[tuple[str, str, Any]] = [
    ("POST", "/v1/exposures", [exposure()]),
    ("POST", "/v1/candidates", [{"item_id": "i1"}]),
    ("DELETE", "/v1/items/i1", None),
    ("PUT", "/v1/whatever", {}),
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "secrets" / "keys.json"


@pytest.fixture
def make(file: Path) -> Callable[..., str]:
    """`svq keys create`."""

    def made(name: str, **options: Any) -> str:
        with redirect_stdout(io.StringIO()) as said:  # not capsys: the server's watch wants a real standard error
            command.create(name, file=file, as_json=True, **options)
        key: str = json.loads(said.getvalue())["key"]
        return key

    return made


def with_keys(settings: Settings, file: Path, **more: Any) -> Settings:
    return settings.model_copy(update={"security": SecuritySettings(keys=file, **more)})


async def ask(server: Running, method: str, path: str, body: Any, key: str = "") -> httpx.Response:
    headers = {"authorization": f"Bearer {key}"} if key else {}
    return await server.client.request(method, path, json=body, headers=headers)


async def test_a_key_may_do_what_it_is_for(server_settings: Settings, file: Path, make: Callable[..., str]) -> None:
    reading, writing = make("reader"), make("writer", write=True)
    async with running(with_keys(server_settings, file)) as server:
        assert (await server.ready())["ready"], "probes need no key"
        assert (await server.client.get("/openapi.json")).status_code == 200
        for method, path, body in ASKED + CHANGING:
            missing = await ask(server, method, path, body)
            assert (missing.status_code, problem(missing).code) == (401, "no_key")
            assert missing.headers["www-authenticate"].startswith("Bearer")
            for wrong in ("svq_0_0", "x", reading[:-1], reading + "x", reading.replace("_", "-")):
                assert problem(await ask(server, method, path, body, wrong)).code == "unknown_key"
        for key in (reading, writing):
            for method, path, body in ASKED:
                assert (await ask(server, method, path, body, key)).status_code == 200
        for method, path, body in CHANGING:
            found = problem(await ask(server, method, path, body, reading))
            assert (found.status, found.code) == (403, "read_only_key")
            assert (await ask(server, method, path, body, writing)).status_code in {200, 404}
        other_way = await server.client.get("/v1/stats", headers={"x-api-key": reading})
        assert other_way.status_code == 200


async def test_a_refused_request_is_refused_before_its_body_is_read(
    server_settings: Settings, file: Path, make: Callable[..., str]
) -> None:
    make("reader")
    async with running(with_keys(server_settings, file)) as server:
        await server.ready()  # so that it ends in order
        url = server.client.base_url
        reader, writer = await asyncio.open_connection(url.host, url.port)
        head = b"POST /v1/exposures HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\nConnection: close\r\n\r\n"
        writer.write(head + b"x" * 1000)
        answer = await asyncio.wait_for(reader.read(), DEADLINE_S)
        assert answer.startswith(b"HTTP/1.1 401 ")
        assert b"no_key" in answer
        writer.close()


async def test_keys_come_and_go_while_the_server_runs(
    server_settings: Settings, file: Path, make: Callable[..., str]
) -> None:
    first = make("first")
    async with running(with_keys(server_settings, file)) as server:
        await server.ready()  # so that it ends in order

        async def status(key: str, wanted: int) -> bool:
            return (await ask(server, "GET", "/v1/stats", None, key)).status_code == wanted

        assert await status(first, 200)
        second = make("second")
        await until(lambda: status(second, 200), "the new key is known")
        command.revoke(first.split("_")[1], file=file)
        await until(lambda: status(first, 401), "the revoked key is refused")
        assert await status(second, 200)
        _put(file, b'{"v": 1, "keys": [{"id"')
        third = new_key("third", "read")
        with capture_logs() as said:
            await until(lambda: _logged(said, "keys_unreadable"), "the server tells of the damaged file")
        assert await status(second, 200), "what was read before stays in force"
        _put(file, encode_keys([third.kept]))
        await until(lambda: status(third.key, 200), "the mended file is in force")
        assert await status(second, 401)
        _put(file, None)
        await until(lambda: status(third.key, 401), "without the file no key is valid")


def _put(file: Path, content: bytes | None) -> None:
    """The file as somebody else leaves it; None: they remove it."""
    file.parent.mkdir(exist_ok=True)
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)


async def _logged(said: list[Any], event: str) -> bool:
    return any(line["event"] == event for line in said)


@pytest.mark.parametrize("scope", ["read", "write"])
async def test_an_expired_key_says_so(server_settings: Settings, file: Path, scope: Scope) -> None:
    ended = new_key("old", scope, datetime.now(UTC) - timedelta(seconds=1))
    _put(file, encode_keys([ended.kept]))
    async with running(with_keys(server_settings, file)) as server:
        await server.ready()  # so that it ends in order
        found = problem(await ask(server, "GET", "/v1/stats", None, ended.key))
        assert (found.status, found.code) == (401, "expired_key")
        assert ended.kept.id in found.detail


async def test_each_key_has_its_own_rate(server_settings: Settings, file: Path, make: Callable[..., str]) -> None:
    one, other = make("one"), make("other")
    async with running(with_keys(server_settings, file, requests_per_minute=5)) as server:
        await server.ready()  # so that it ends in order
        answers = [await ask(server, "GET", "/v1/stats", None, one) for _ in range(20)]
        refused = [answer for answer in answers if answer.status_code != 200]
        assert 9 <= len(refused) <= 15, "a minute may end meanwhile"
        assert (refused[0].status_code, problem(refused[0]).code) == (429, "too_many_requests")
        assert 1 <= int(refused[0].headers["retry-after"]) <= 120
        assert (await ask(server, "GET", "/v1/stats", None, other)).status_code == 200
        assert (await server.client.get("/healthz")).status_code == 200


def certificate(folder: Path, password: str = "") -> tuple[Path, Path]:
    """A certificate for this machine, and its key."""
    chain, key = folder / "chain.pem", folder / "key.pem"
    hidden = ["-passout", f"pass:{password}"] if password else ["-noenc"]
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    names = ["-subj", "/CN=streamvq test", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-days", "2", *kind, *hidden, *names, "-keyout", str(key), "-out", str(chain)]
    subprocess.run(command, check=True, capture_output=True)
    return chain, key


async def test_with_a_certificate_the_server_speaks_tls_and_takes_over_a_new_one(
    server_settings: Settings, tmp_path: Path
) -> None:
    chain, key = certificate(tmp_path, "hidden")
    security = SecuritySettings(tls_certificate=chain, tls_key=key, tls_key_password=SecretStr("hidden"))
    trust = ssl.create_default_context(cafile=str(chain))
    async with running(server_settings.model_copy(update={"security": security}), trust) as server:
        await server.ready()
        url = server.client.base_url
        assert (await asyncio.to_thread(readiness, str(url)))[0]
        with pytest.raises(httpx.TransportError):
            await httpx.AsyncClient().get(f"http://{url.host}:{url.port}/healthz")
        certificate(tmp_path, "hidden")

        async def renewed() -> bool:
            anew = ssl.create_default_context(cafile=str(chain))
            try:
                async with httpx.AsyncClient(base_url=url, verify=anew) as client:
                    return (await client.get("/healthz")).status_code == 200
            except httpx.TransportError:
                return False

        await until(renewed, "the new certificate is shown")


def test_files_that_cannot_be_used_end_the_server_with_their_name(tmp_path: Path) -> None:
    absent, damaged = tmp_path / "absent", tmp_path / "damaged"
    damaged.write_text("{}")
    chain, _ = certificate(tmp_path)
    for security, said in (
        (SecuritySettings(keys=absent), "security.keys: cannot read .*absent.*svq keys create"),
        (SecuritySettings(keys=damaged), "security.keys: .*damaged is no file of keys"),
        (SecuritySettings(tls_certificate=absent), "security.tls_certificate: cannot use .*absent"),
        (SecuritySettings(tls_certificate=chain), "security.tls_certificate: cannot use .*chain.pem"),
    ):
        with pytest.raises(SettingsError, match=said):
            Access(security)


def test_who_listens_to_everybody_is_told(tmp_path: Path) -> None:
    def said(security: SecuritySettings, host: str) -> list[str]:
        with capture_logs() as lines:
            warn(security, host)
        assert all(line["log_level"] == "warning" for line in lines)
        return [line["event"] for line in lines]

    assert said(SecuritySettings(), "0.0.0.0") == ["open_to_everybody", "not_encrypted"]  # noqa: S104
    assert said(SecuritySettings(), "::") == ["open_to_everybody", "not_encrypted"]
    assert said(SecuritySettings(keys=tmp_path), "192.0.2.7") == ["not_encrypted"]
    assert said(SecuritySettings(keys=tmp_path, tls_certificate=tmp_path), "192.0.2.7") == []
    assert said(SecuritySettings(), "127.0.0.1") == said(SecuritySettings(), "::1") == []


def test_the_file_holds_no_key(file: Path, make: Callable[..., str]) -> None:
    made = [make("one"), make("two", write=True, days=30)]
    content = file.read_text()
    assert not [key for key in made if key in content or key.split("_", 2)[2] in content]
    assert file.stat().st_mode & 0o777 == 0o600
    kept = decode_keys(file.read_bytes())
    assert [key.fits(secret) for key, secret in zip(kept, made, strict=True)] == [True, True]
    assert kept[1].expires is not None
    with redirect_stdout(io.StringIO()) as said:
        command.list_keys(file=file, as_json=True)
    listed = json.loads(said.getvalue())
    assert [(key["name"], key["scope"]) for key in listed] == [("one", "read"), ("two", "write")]
    command.revoke(kept[0].id, file=file)
    assert [key.name for key in decode_keys(file.read_bytes())] == ["two"]
    with pytest.raises(SettingsError, match="no key nobody"):
        command.revoke("nobody", file=file)
    file.write_text("not JSON")
    with pytest.raises(SettingsError, match=r"keys.json is no file of keys"):
        make("three")


@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"v": 2, "keys": []}', b'{"v": 1, "keys": [{}]}', b'{"v": 1}', b"[" * 9000]
)
def test_what_is_no_file_of_keys_is_refused(content: bytes) -> None:
    with pytest.raises(SettingsError):
        decode_keys(content)
    key = new_key("a", "read").kept
    with pytest.raises(SettingsError, match="two keys of one id"):
        decode_keys(encode_keys([key, key]))
