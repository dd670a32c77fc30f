"""Public sets: downloaded whole and verified or not at all, unpacked safely, the same tables from any copy."""

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from benchmarks.data import registry
from benchmarks.data.download import MIRROR, fetch
from benchmarks.data.errors import DownloadError, InputError
from benchmarks.data.public_sets import folder_of, get, is_here, read_public
from benchmarks.data.registry import SETS, RemoteFile, named
from benchmarks.data.unpack import unpack
from schemas.errors import ResourceError
from tests.benchmarks.sets_server import KUAIRAND, ML_1M, ML_100K, TWEETS, Host, host, md5, tarred, zipped

REAL = os.environ.get("SVQ_DATA_FOLDER")  # a folder with prepared sets: ml-1m, ...


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    with host() as state:
        monkeypatch.setenv(MIRROR, state.address + "/files/")
        yield state


def publish(monkeypatch: pytest.MonkeyPatch, server: Host, name: str, content: bytes, rows: int) -> None:
    """Let a small archive be the published one of a set."""
    one = SETS[name]
    file = replace(one.files[0], checksum=md5(content))
    server.files[file.name] = content
    monkeypatch.setitem(registry.SETS, name, replace(one, files=(file,), rows=rows))


def test_a_set_is_downloaded_once_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Host) -> None:
    publish(monkeypatch, server, "ml-100k", zipped(ML_100K), 4)
    said: list[str] = []
    read = read_public("ml-100k", cache=tmp_path, say=said.append)
    assert (read.name, read.users, read.items) == ("ml-100k", ["1", "2"], ["7", "8"])
    assert read.ignored_columns[0] == "rating"
    assert read.item_features[1]["title"] == ["monkeys"]
    assert [task.name for task in read.tasks] == ["interaction"]
    assert "no redistribution" in said[0]
    assert is_here("ml-100k", tmp_path)
    items = pq.read_table(folder_of("ml-100k", tmp_path) / "items.parquet").to_pylist()
    assert items[1] == {
        "item_id": "8", "title": "Café Monkeys (1996)", "release_date": "12-Feb-1996", "genres": "unknown|Action",
    }  # fmt: skip
    assert read_public("ml-100k", cache=tmp_path, say=said.append).items == read.items
    assert server.asked == ["ml-100k.zip"]


def test_the_other_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Host) -> None:
    publish(monkeypatch, server, "ml-1m", zipped(ML_1M), 3)
    films = read_public("ml-1m", cache=tmp_path)
    assert (len(films), films.items, films.users) == (3, ["7", "8"], ["1", "2"])
    assert pq.read_table(folder_of("ml-1m", tmp_path) / "items.parquet")["year"].to_pylist() == [1995, 1996]

    publish(monkeypatch, server, "kuairand-pure", tarred(KUAIRAND), 3)
    videos = read_public("kuairand-pure", cache=tmp_path)
    assert [task.name for task in videos.tasks] == ["is_click", "long_view"]
    assert (len(videos), videos.items) == (3, ["5", "6"])
    assert videos.published_m.tolist() == [1_649_289_600_000] * 2
    assert {"play_time_ms", "is_rand"} <= set(videos.ignored_columns)

    server.files |= TWEETS
    monkeypatch.setitem(registry.SETS, "movietweetings", replace(SETS["movietweetings"], rows=2))
    said: list[str] = []
    tweets = read_public("movietweetings", cache=tmp_path, say=said.append)
    assert (len(tweets), tweets.items) == (2, ["0499549", "0114508"])  # the one of 2017 is beyond the set's end
    assert any("no checksum" in line for line in said)


SALES = """InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\r
536365,85123A,WHITE HEART HOLDER,6,12/1/2010 8:26,2.55,17850,United Kingdom\r
536366,85123a,WHITE HEART £,1,12/13/2010 8:26,2.75,17850,United Kingdom\r
C536379,85123A,WHITE HEART HOLDER,-1,12/1/2010 8:30,2.55,17850,United Kingdom\r
536380,85123A,WHITE HEART HOLDER,1,12/1/2010 8:31,2.55,,United Kingdom\r
536381,POST,POSTAGE,1,12/1/2010 8:32,18,12583,France\r
536383,21108,FAIRY CAKE HOLDER,2,12/1/2010 8:59,1.25,12583,France\r
"""


def test_a_shops_sales_in_either_encoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Host) -> None:
    monkeypatch.setitem(registry.SETS, "online-retail", replace(SETS["online-retail"], rows=3))
    (tmp_path / "package.csv").write_bytes(SALES.encode("cp1252"))
    (tmp_path / "official.csv").write_bytes(SALES.replace("\r\n", "\n").encode("utf-8"))
    for number, name in enumerate(("package.csv", "official.csv")):
        read = read_public("online-retail", tmp_path / name, cache=tmp_path / str(number))
        assert (read.items, read.users) == (["85123A", "21108"], ["17850", "12583"])
        assert read.item_features == [
            {"price": 2.55, "title": ["holder"]}, {"price": 1.25, "title": ["holder"]},
        ]  # fmt: skip
        assert read.time_n[0] == 1_291_191_960_000
    canonical = md5(SALES.encode("cp1252"))
    file = replace(SETS["online-retail"].files[0], checksum=canonical)
    server.files[file.name] = (tmp_path / "official.csv").read_bytes()
    assert fetch(file, tmp_path / "cache", "").read_bytes() == (tmp_path / "package.csv").read_bytes()


def test_local_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Host) -> None:
    publish(monkeypatch, server, "ml-100k", zipped(ML_100K), 4)
    archive = tmp_path / "any name"
    archive.write_bytes(zipped(ML_100K))
    folder = unpacked(tmp_path / "folder", ML_100K)
    expected = read_public("ml-100k", archive, cache=tmp_path / "cache")
    member = folder / "ml-100k" / "u.data"
    for source in (folder, folder / "ml-100k", member, folder_of("ml-100k", tmp_path / "cache")):
        read = read_public("ml-100k", source, cache=tmp_path / f"cache of {source.name}")
        assert read.item_features == expected.item_features
        assert read.item_n.tolist() == expected.item_n.tolist()
    assert server.asked == []


def unpacked(folder: Path, members: dict[str, bytes]) -> Path:
    for name, content in members.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def test_another_size_is_said_and_much_less_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "a.zip"
    archive.write_bytes(zipped(ML_1M))
    monkeypatch.setitem(registry.SETS, "ml-1m", replace(SETS["ml-1m"], rows=4))
    said: list[str] = []
    get("ml-1m", archive, cache=tmp_path, say=said.append)
    assert "3 rows instead of about 4" in said[-1]
    monkeypatch.setitem(registry.SETS, "ml-1m", replace(SETS["ml-1m"], rows=7))
    with pytest.raises(InputError, match="has 3 rows"):
        get("ml-1m", archive, cache=tmp_path)


def test_a_local_copy_that_is_not_the_set(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        get("ml-1m", tmp_path / "absent.zip", cache=tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"holds no ratings.dat, movies.dat, users.dat.*ml-1m.zip"):
        get("ml-1m", tmp_path / "empty", cache=tmp_path)
    broken = unpacked(tmp_path / "broken", ML_1M | {"ml-1m/ratings.dat": b"1::2\n1::2::3::4\n"})
    with pytest.raises(InputError, match="is not ml-1m as published"):
        get("ml-1m", broken, cache=tmp_path)
    whole = zipped({name: content * 1000 for name, content in ML_1M.items()})
    (tmp_path / "damaged.zip").write_bytes(whole[:200] + b"\xff" * 50 + whole[250:])
    with pytest.raises(InputError, match="Download it again"):
        get("ml-1m", tmp_path / "damaged.zip", cache=tmp_path)
    assert not is_here("ml-1m", tmp_path)
    assert not list((tmp_path / "sets").iterdir())


def test_a_name_that_is_none_is_met_with_the_nearest() -> None:
    with pytest.raises(InputError, match=r"no public set 'ml1m'; there are .*Is it ml-1m\?"):
        named("ml1m")


def remote(content: bytes, name: str = "set.bin") -> RemoteFile:
    return RemoteFile("https://example.invalid/set.bin", name, md5(content))


CONTENT = bytes(range(250)) * 8


def test_a_wrong_checksum_keeps_nothing(tmp_path: Path, server: Host) -> None:
    server.files["set.bin"] = CONTENT[:-1] + b"!"
    with pytest.raises(DownloadError, match=r"checksum is not md5:.*Nothing was kept.*By hand\.") as caught:
        fetch(remote(CONTENT), tmp_path, "By hand.")
    assert isinstance(caught.value, ResourceError)
    assert not list(tmp_path.iterdir())
    server.files["set.bin"] = CONTENT
    assert fetch(remote(CONTENT), tmp_path, "").read_bytes() == CONTENT


def test_a_cut_connection(tmp_path: Path, server: Host) -> None:
    server.files["set.bin"], server.cut_after = CONTENT, 700
    with pytest.raises(DownloadError, match=r"700 of 2,000 bytes.*Try again\. By hand\."):
        fetch(remote(CONTENT), tmp_path, "By hand.")
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_not_there(tmp_path: Path, server: Host) -> None:
    with pytest.raises(DownloadError, match=re.escape(f"{server.address}/files/set.bin: the server answers 404")):
        fetch(remote(CONTENT), tmp_path, "")


def test_a_host_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with host() as state:
        address = state.address
    monkeypatch.setenv(MIRROR, address)
    with pytest.raises(DownloadError, match=r"cannot be downloaded: .*refused"):
        fetch(remote(CONTENT), tmp_path, "")
    monkeypatch.setenv(MIRROR, "file:///etc")
    with pytest.raises(DownloadError, match="no address of the web"):
        fetch(remote(CONTENT, "passwd"), tmp_path, "")


def test_a_server_past_the_deadline(tmp_path: Path, server: Host) -> None:
    server.files["set.bin"], server.pause_s = CONTENT, 0.1
    with pytest.raises(DownloadError, match=r"only [\d,]+ bytes came within 0.3 s"):
        fetch(remote(CONTENT), tmp_path, "", deadline_s=0.3)
    server.pause_s = 1.0
    with pytest.raises(DownloadError, match="timed out"):
        fetch(remote(CONTENT), tmp_path, "", silence_s=0.2)
    assert not list(tmp_path.iterdir())


def test_a_cached_file_that_was_damaged_is_downloaded_again(tmp_path: Path, server: Host) -> None:
    server.files["set.bin"] = CONTENT
    path = fetch(remote(CONTENT), tmp_path, "")
    path.write_bytes(CONTENT[:-5])
    assert fetch(remote(CONTENT), tmp_path, "").read_bytes() == CONTENT
    fetch(remote(CONTENT), tmp_path, "")
    assert server.asked == ["set.bin"] * 2


@pytest.mark.parametrize("name", ["../../wanted.txt", "/tmp/wanted.txt", "a/b/../../../wanted.txt"])  # noqa: S108
def test_no_path_of_an_archive_is_followed(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "a" / "b" / "c"
    folder.mkdir(parents=True)
    for kind, content in (("zip", zipped({name: b"1"})), ("tgz", tarred({name: b"1"}))):
        archive = tmp_path / f"archive.{kind}"
        archive.write_bytes(content)
        assert unpack(archive, ["wanted.txt"], folder) == {"wanted.txt": folder / "wanted.txt"}
        files = {path for path in tmp_path.rglob("*") if path.is_file()}
        assert files - set(tmp_path.glob("archive.*")) == {folder / "wanted.txt"}


def test_links_of_an_archive_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    archive = tmp_path / "archive.tgz"
    archive.write_bytes(tarred({"real/wanted.txt": b"1"}, links={"wanted.txt": str(secret)}))
    (tmp_path / "out").mkdir()
    found = unpack(archive, ["wanted.txt"], tmp_path / "out")
    assert found["wanted.txt"].read_bytes() == b"1"


def test_every_set_says_whence_and_under_which_terms() -> None:
    for name, one in SETS.items():
        assert name == one.name
        assert all(file.address.startswith("https://") for file in one.files)
        assert one.terms
        assert one.citation
        assert one.checked or name == "movietweetings"


@pytest.mark.skipif(REAL is None, reason="SVQ_DATA_FOLDER names no folder with prepared sets")
def test_prepared_sets_are_what_they_should_be() -> None:
    from benchmarks.data.reading import read_folder

    folder = Path(REAL or "")
    videos = read_folder(folder / "kuairand-week1")
    assert [task.name for task in videos.tasks] == ["is_click", "long_view"]
    assert len(videos) + videos.dropped["duplicate row"] == 94_976
    assert videos.published_m[0] == 1_649_462_400_000
    films = read_folder(folder / "ml-1m")
    assert (len(films), len(films.users), len(films.items), films.dropped) == (
        1_000_209, 6_040, 3_706, {"item never in the interactions": 177},
    )  # fmt: skip
    assert [one.name for one in films.features if one.side == "item"] == ["title", "genres", "year"]
    tweets = read_folder(folder / "movietweetings")
    assert (len(tweets), len(tweets.items), tweets.dropped) == (141_695, 12_611, {})


def test_the_guide_says_of_each_set_what_the_registry_says() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "evaluate-data.md").read_text(encoding="utf-8")
    for one in SETS.values():
        line = f"| `{one.name}` | {one.rows:,} | {one.users:,} | {one.items:,} |"
        assert [row for row in guide.splitlines() if row.startswith(line)], line
