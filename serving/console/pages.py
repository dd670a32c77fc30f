"""The console's files: read once, sent with a policy that lets nothing else into the page."""

import hashlib
from importlib.resources import files
from typing import Final, NamedTuple

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

AT: Final = "/console/"
INDEX: Final = "index.html"
TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
SOURCES: Final = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
}
HEADERS: Final = {
    "Content-Security-Policy": "; ".join(f"{kind} {source}" for kind, source in SOURCES.items()),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


class Page(NamedTuple):
    """One file."""

    content: bytes
    media_type: str
    etag: str


def pages() -> dict[str, Page]:
    """Name -> file."""
    found = (path for path in files("serving.console").joinpath("static").iterdir() if path.is_file())
    return {path.name: _page(path.name, path.read_bytes()) for path in found}


def page_routes() -> APIRouter:
    """`/console/` and what it consists of, and the way there from `/`. No key is needed for them: they hold no data."""
    routes = APIRouter(include_in_schema=False)
    known = pages()

    @routes.get("/")
    @routes.get("/console")
    async def to_console() -> Response:
        return Response(status_code=307, headers={"Location": AT.lstrip("/")})

    @routes.get(AT + "{name:path}")
    async def page(request: Request, name: str = "") -> Response:
        found = known.get(name or INDEX)
        if found is None:
            raise HTTPException(404, f"The console has no {name!r}")
        headers = HEADERS | {"ETag": found.etag}
        if request.headers.get("if-none-match") == found.etag:
            return Response(status_code=304, headers=headers)
        return Response(found.content, headers=headers, media_type=found.media_type)

    return routes


def _page(name: str, content: bytes) -> Page:
    return Page(content, TYPES[name.rsplit(".", 1)[-1]], f'"{hashlib.sha256(content).hexdigest()[:16]}"')
