"""Calls over HTTP to a gateway that may be elsewhere, with a key: for commands that do what callers do.

Enters: an address and a key. Leaves: answers, whole and bounded. May fail: Unreachable, in words; an error status is an
answer.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import shutil
import ssl
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO, NamedTuple
from urllib.parse import urlsplit

from penstock.cli.failure import WRONG_CONFIG, Failure
from penstock.cli.options import load_config

KEY_VARIABLE = "PENSTOCK_API_KEY"
MOST_ANSWER_BYTES = 64 * 1024 * 1024
_SHOWN = 300


class Unreachable(Exception):
    """Nobody answered, or not to the end."""


class Answer(NamedTuple):
    """Names of ``headers`` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def value(self) -> Any:
        """The body as JSON; None for what is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    @property
    def code(self) -> str:
        """The code of an error."""
        return str(_field(self.value, "code") or "")

    @property
    def said(self) -> str:
        """The message of an error, in one line that a terminal can show; its status where it has none."""
        message = _field(self.value, "message")
        return f"{self.status}: {shown(str(message))}" if message else f"status {self.status}"

    @property
    def retry_after(self) -> float | None:
        """Seconds, where the answer says when to come back."""
        text = self.headers.get("retry-after", "").strip()
        return float(text) if text.isascii() and text.replace(".", "", 1).isdigit() and len(text) < 10 else None


def _field(value: Any, name: str) -> Any:
    error = value.get("error") if isinstance(value, dict) else None
    return error.get(name) if isinstance(error, dict) else None


def shown(text: str, most: int = _SHOWN) -> str:
    """Text of unknown origin, safe for a terminal: one line, no control characters, no marks that turn the writing."""
    line = "".join(sign if sign.isprintable() else " " for sign in text[: most + 1])
    return line if len(line) <= most else line[: most - 1] + "…"


class Caller:
    """One gateway, and who we are to it. ``timeout``: seconds without a byte."""

    def __init__(self, root: str, key: str, timeout: float = 600.0) -> None:
        parts = urlsplit(root)
        assert parts.hostname is not None
        self.root = root
        self._host = parts.hostname
        self._port = parts.port
        self._path = parts.path
        self.has_key = bool(key)
        self.key = key
        self._timeout = timeout
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """The answer, whatever its status. Raises Unreachable."""
        fields = {"Accept": "application/json", **(headers or {})}
        if body is not None:
            fields["Content-Type"] = "application/json"
        if self.key:
            fields["Authorization"] = f"Bearer {self.key}"
        connection = self._connection()
        try:
            connection.request(method, self._path + path, body, fields)
            answer = connection.getresponse()
            whole = answer.read(MOST_ANSWER_BYTES + 1)
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"{self.root} cannot be reached: {str(error) or type(error).__name__}") from None
        finally:
            connection.close()
        if len(whole) > MOST_ANSWER_BYTES:
            raise Unreachable(f"{self.root} answers {path} with more than {MOST_ANSWER_BYTES // 2**20} MiB")
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, whole)

    def send(self, path: str, parts: Iterable[bytes], length: int, kind: str) -> Answer:
        """``POST`` a body of ``length`` bytes that is made while it goes. Raises Unreachable."""
        connection = self._connection()
        fields = {"Accept": "application/json", "Content-Type": kind, "Content-Length": str(length)}
        if self.key:
            fields["Authorization"] = f"Bearer {self.key}"
        try:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it may be answered before its end
                connection.request("POST", self._path + path, parts, fields)
            answer = connection.getresponse()
            whole = answer.read(MOST_ANSWER_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"{self.root} cannot be reached: {str(error) or type(error).__name__}") from None
        finally:
            connection.close()
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, whole)

    def fetch(self, path: str, to: BinaryIO) -> Answer:
        """``GET`` what may be long: written as it comes, if the status is 200. Raises Unreachable, also for an answer
        that was cut short."""
        connection = self._connection()
        fields = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        try:
            connection.request("GET", self._path + path, None, fields)
            answer = connection.getresponse()
            if answer.status == 200:
                shutil.copyfileobj(answer, to)
                if answer.length:
                    raise http.client.IncompleteRead(b"", answer.length)
                whole = b""
            else:
                whole = answer.read(MOST_ANSWER_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"{self.root}{path} was not read to its end: {error!r}") from None
        finally:
            connection.close()
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, whole)

    def _connection(self) -> http.client.HTTPConnection:
        if self._tls is None:
            return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
        return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout, context=self._tls)


def add_caller(to: argparse.ArgumentParser) -> None:
    """The options that say which gateway is called, and with which keys."""
    to.add_argument("--url", help="the gateway's address, such as http://127.0.0.1:8400 (otherwise the config's)")
    to.add_argument("--key", help=f"the key to call with (otherwise ${KEY_VARIABLE})")
    to.add_argument("--admin-key", metavar="KEY", help="a key with the right admin (otherwise the same key)")


def callers(options: argparse.Namespace) -> tuple[Caller, Caller]:
    """Who calls, and who asks how the gateway is. Raises Failure."""
    root = root_of(options.url) if options.url else _address(options.config)
    key = options.key or os.environ.get(KEY_VARIABLE) or ""
    admin = options.admin_key or key
    for given in (key, admin):
        if not (given.isascii() and given.isprintable()) or " " in given:
            raise Failure("a key has printable ASCII characters only", WRONG_CONFIG)
    return Caller(root, key), Caller(root, admin, timeout=30.0)


def root_of(url: str) -> str:
    """The gateway's root, whether or not ``/v1`` was given with it. Raises Failure."""
    root = url.rstrip("/").removesuffix("/v1").rstrip("/")
    try:
        parts = urlsplit(root)
        wrong = parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0
    except ValueError:
        wrong = True
    if wrong or not root.isprintable() or not root.isascii() or " " in root or "@" in root:
        raise Failure(f'--url "{shown(url)}" is not an address such as http://127.0.0.1:8400', WRONG_CONFIG)
    return root


def _address(config: str | None) -> str:
    from penstock.edge.config import ListenConfig

    listen = load_config(config).of(ListenConfig)
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(listen.host, listen.host)
    host = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return f"{'https' if listen.tls else 'http'}://{host}:{listen.port}"
