"""The page at ``/ui`` and the files it is made of, as they lie in ``static``: no build step, nothing from elsewhere.

Enters: requests. Leaves: files with a strict content policy. All but the page itself lie under a path that holds the
digest of all files, so that browsers may keep them for good; the page is asked for anew, and is 304 when unchanged.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from penstock.core.call import Headers
from penstock.core.errors import CallerError
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.edge.generation import LocalRoute

UI = "/ui"
FOLDER = Path(__file__).parent / "static"
PAGE = "index.html"
_HERE = b"{{here}}"
"""Stands in the page for the path of the other files."""
_TYPES = {
    ".html": b"text/html; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".css": b"text/css; charset=utf-8",
    ".svg": b"image/svg+xml",
}
POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    b"frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
SAFE: Headers = [
    (b"content-security-policy", POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
]


class Pages:
    """See the module. Files are read when the first is asked for."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._files: dict[str, tuple[bytes, bytes]] = {}
        self._page = b""
        self._tag = b""

    def routes(self) -> dict[str, LocalRoute]:
        """By exact path."""
        page = LocalRoute(self.page, "public")
        return {UI: page, f"{UI}/": page, f"{UI}/login": page}

    def prefixes(self) -> dict[str, LocalRoute]:
        """By the beginning of the path."""
        return {f"{UI}/": LocalRoute(self.file, "public")}

    async def page(self, exchange: Exchange) -> Reply:
        """The page."""
        self._read()
        headers: Headers = [*SAFE, (b"cache-control", b"no-cache"), (b"etag", self._tag)]
        if self._tag in (exchange.call.header(b"if-none-match") or b""):
            return Reply(304, headers, b"")
        return Reply(200, [*headers, (b"content-type", _TYPES[".html"])], self._page)

    async def file(self, exchange: Exchange) -> Reply:
        """One of the other files."""
        self._read()
        found = self._files.get(exchange.call.path)
        if found is None:
            raise CallerError(f"there is no file at {exchange.call.path[:200]}", status=404, code="not_found")
        kind, data = found
        headers: Headers = [*SAFE, (b"cache-control", b"public, max-age=31536000, immutable"), (b"etag", self._tag)]
        if self._tag in (exchange.call.header(b"if-none-match") or b""):
            return Reply(304, headers, b"")
        return Reply(200, [*headers, (b"content-type", kind)], data)

    def _read(self) -> None:
        if self._page:
            return
        files = {path.name: path.read_bytes() for path in sorted(self._folder.iterdir()) if path.suffix in _TYPES}
        digest = hashlib.sha256()
        for name, data in files.items():
            digest.update(b"%b %d\n" % (name.encode(), len(data)) + data)
        here = f"{UI}/{digest.hexdigest()[:16]}/"
        self._tag = b'"%b"' % digest.hexdigest()[:16].encode()
        self._page = files.pop(PAGE).replace(_HERE, here.encode())
        self._files = {here + name: (_TYPES[Path(name).suffix], data) for name, data in files.items()}

    def __repr__(self) -> str:
        return f"<Pages {len(self._files)} files>"
