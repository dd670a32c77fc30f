"""A web server on the loopback with whatever a public set's host may do."""

import hashlib
import io
import tarfile
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ML_100K = {
    "ml-100k/u.data": b"1\t7\t3\t874724710\n2\t7\t4\t874724711\n1\t8\t5\t874724712\n2\t8\t1\t874724715\n",
    "ml-100k/u.item": (
        "7|Twelve Monkeys (1995)|01-Jan-1995||http://x|0|1|1\n8|Caf\xe9 Monkeys (1996)|12-Feb-1996||http://x|1|1|0\n"
    ).encode("latin-1"),
    "ml-100k/u.user": b"1|24|M|technician|85711\n2|53|F|other|94043\n",
    "ml-100k/u.genre": b"unknown|0\nAction|1\nDrama|2\n\n",
    "ml-100k/README": b"terms",
}
ML_1M = {
    "ml-1m/ratings.dat": b"1::7::3::956703932\n2::7::4::956703954\n1::8::5::956703960\n",
    "ml-1m/movies.dat": "7::Toy Story (1995)::Animation|Comedy\n8::Caf\xe9 (1996)::Comedy\n".encode("latin-1"),
    "ml-1m/users.dat": b"1::F::1::10::48067\n2::M::56::16::70072\n",
}
LOG = b"user_id,video_id,date,hourmin,time_ms,is_click,long_view,play_time_ms,is_rand\n"
KUAIRAND = {
    "KuaiRand-Pure/data/log_standard_4_08_to_4_21_pure.csv": LOG + b"0,5,20220408,1,1649347200000,1,0,9,0\n",
    "KuaiRand-Pure/data/log_standard_4_22_to_5_08_pure.csv": LOG + b"1,6,20220422,1,1650585600000,1,1,9,0\n"
    b"0,6,20220422,1,1650585600500,0,0,2,0\n",
    "KuaiRand-Pure/data/log_random_4_22_to_5_08_pure.csv": LOG + b"1,5,20220422,1,1650585600000,1,1,9,1\n",
    "KuaiRand-Pure/data/video_features_basic_pure.csv": b"video_id,author_id,upload_dt\n5,3,2022-04-07\n"
    b"6,3,2022-04-07\n",
    "KuaiRand-Pure/data/user_features_pure.csv": b"user_id,is_video_author\n0,1\n1,0\n",
}
TWEETS = {
    "ratings.dat": b"1::0114508::8::1381006850\n2::0499549::9::1376753198\n2::0114508::9::1483228800\n",
    "movies.dat": b"0114508::Species (1995)::Action|Horror\n0499549::Avatar (2009)::Action\n",
}


def zipped(members: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return target.getvalue()


def tarred(members: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        for name, points_at in (links or {}).items():
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, points_at
            archive.addfile(link)
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return target.getvalue()


def md5(content: bytes) -> str:
    return "md5:" + hashlib.md5(content, usedforsecurity=False).hexdigest()


class Host:
    """What it serves, how, and what it was asked for."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.cut_after: int | None = None
        self.pause_s = 0.0
        self.address = ""


@contextmanager
def host() -> Iterator[Host]:
    """A host for the length of a test."""
    state = Host()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.rpartition("/")[2]
            state.asked.append(name)
            content = state.files.get(name)
            if content is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            try:
                for start in range(0, len(content[: state.cut_after]), 100):
                    self.wfile.write(content[: state.cut_after][start : start + 100])
                    time.sleep(state.pause_s)
            except OSError:
                pass  # the client has had enough

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    state.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
