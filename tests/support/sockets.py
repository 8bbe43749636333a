"""HTTP by hand over a plain socket: what is sent is exactly what the test says, what came back is seen as it was."""

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

Fields = Iterable[tuple[str, str]]


@dataclass
class Answer:
    """One parsed response. ``headers`` by lower-case name, the last of each; ``whole`` is False when it was cut."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    whole: bool = True

    def json(self) -> Any:
        return json.loads(self.body)


async def raw(port: int, data: bytes, *, within: float = 20.0, host: str = "127.0.0.1") -> bytes:
    """Send ``data``, then read until the server closes. TimeoutError when it does not within ``within`` seconds: ask
    for ``Connection: close``, or send what must be refused."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(data)
        async with asyncio.timeout(within):
            got = b""
            while True:
                try:
                    more = await reader.read(65536)
                except ConnectionResetError:
                    return got
                if not more:
                    return got
                got += more
    finally:
        writer.close()


def request(method: str, target: str, headers: Fields = (), body: bytes = b"", *, keep: bool = False) -> bytes:
    """The bytes of one request. Host, Content-Length and ``Connection: close`` are added where not given."""
    fields = [*headers]
    names = {name.lower() for name, _ in fields}
    if "host" not in names:
        fields.insert(0, ("Host", "localhost"))
    if body and not names & {"content-length", "transfer-encoding"}:
        fields.append(("Content-Length", str(len(body))))
    if not keep and "connection" not in names:
        fields.append(("Connection", "close"))
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
    return f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + body


async def ask(
    port: int, method: str, target: str, headers: Fields = (), body: bytes | dict[str, Any] = b"", within: float = 20.0
) -> Answer:
    """One request on a connection of its own, and its answer. A dict goes as JSON."""
    fields = [*headers]
    if isinstance(body, dict):
        body = json.dumps(body).encode()
        fields.append(("Content-Type", "application/json"))
    got = await raw(port, request(method, target, fields, body), within=within)
    answers = parse_answers(got, head_only=method == "HEAD")
    assert len(answers) == 1, got
    return answers[0]


def parse_answers(data: bytes, *, head_only: bool = False) -> list[Answer]:
    """The responses in ``data``, one after the other; interim ones (1xx) are left out."""
    answers = []
    while data:
        head, blank, data = data.partition(b"\r\n\r\n")
        assert blank, f"a head without an end: {head!r}"
        first, *lines = head.decode("latin-1").split("\r\n")
        version, status, _ = first.split(" ", 2)
        assert version == "HTTP/1.1", first
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        answer = Answer(int(status), headers)
        if 100 <= answer.status < 200:
            continue
        if not (head_only or answer.status in (204, 304)):
            data = _take_body(answer, data)
        answers.append(answer)
    return answers


def _take_body(answer: Answer, data: bytes) -> bytes:
    if answer.headers.get("transfer-encoding") == "chunked":
        while True:
            size, end, data = data.partition(b"\r\n")
            if not end:
                answer.whole = False
                return b""
            length = int(size, 16)
            chunk, data = data[:length], data[length:]
            answer.body += chunk
            if data[:2] != b"\r\n":
                answer.whole = False
                return b""
            data = data[2:]
            if length == 0:
                return data
    if "content-length" in answer.headers:
        length = int(answer.headers["content-length"])
        answer.body, data = data[:length], data[length:]
        answer.whole = len(answer.body) == length
        return data
    answer.body = data
    return b""
