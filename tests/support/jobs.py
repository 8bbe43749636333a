"""Batch jobs as their callers see them: files uploaded, jobs made and waited for, their lines read.

Enters: a running gateway. Leaves: what it told, as plain values. Nothing is waited for without a limit.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from penstock.core.overload import Overload
from penstock.jobs.config import JobsConfig
from penstock.jobs.job import Job, StoredFile
from penstock.jobs.place.store import Place
from penstock.jobs.store import DATA, Shelf
from penstock.memory.ledger import BoundedAccount
from tests.support.gateway import Answer, Running, ask

CHAT = "/v1/chat/completions"
ENDED = ("completed", "failed", "expired", "cancelled")
BOUNDARY = "xyz"
WITHIN = 80.0

__all__ = ["BoundedAccount", "JobsConfig", "Overload"]


def line(number: int | str, url: str = CHAT, **body: Any) -> dict[str, Any]:
    """A line that the model ``echo`` answers with its own number."""
    asked = {"model": "echo", "messages": [{"role": "user", "content": f"n{number}"}]} | body
    return {"custom_id": f"id-{number}", "method": "POST", "url": url, "body": asked}


def jsonl(*lines: Any) -> bytes:
    """Lines as a file."""
    return b"".join((one if isinstance(one, bytes) else json.dumps(one).encode()) + b"\n" for one in lines)


def form(*parts: tuple[str, bytes]) -> bytes:
    """A form; the part ``file`` has a file's name."""
    made = b""
    for name, value in parts:
        mark = '; filename="in.jsonl"' if name == "file" else ""
        made += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{mark}\r\n\r\n'.encode()
        made += value + b"\r\n"
    return made + f"--{BOUNDARY}--\r\n".encode()


FORM = ("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")


def key(gateway: Running) -> list[tuple[str, str]]:
    """The fields that show a key, where one is asked for."""
    return [gateway.bearer] if gateway.key else []


async def send(gateway: Running, *parts: tuple[str, bytes]) -> Answer:
    """Upload a form."""
    return await ask(gateway.port, "POST", "/v1/files", [*key(gateway), FORM], form(*parts), within=WITHIN)


async def upload(gateway: Running, data: bytes) -> str:
    """The id of a new file."""
    answer = await send(gateway, ("purpose", b"batch"), ("file", data))
    assert answer.status == 200, answer
    return str(answer.json()["id"])


async def told(gateway: Running, method: str, path: str, body: Any = b"", status: int = 200) -> Any:
    """What it answered."""
    answer = await ask(gateway.port, method, path, key(gateway), body, within=WITHIN)
    assert answer.status == status, answer
    return answer.json()


async def make(gateway: Running, data: bytes, endpoint: str = CHAT, **more: Any) -> dict[str, Any]:
    """A new job of ``data``."""
    wanted = {"input_file_id": await upload(gateway, data), "endpoint": endpoint, "completion_window": "24h"} | more
    job: dict[str, Any] = await told(gateway, "POST", "/v1/batches", wanted)
    return job


async def until(gateway: Running, id: str, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The job once it fits."""
    by = time.monotonic() + WITHIN
    while True:
        job: dict[str, Any] = await told(gateway, "GET", f"/v1/batches/{id}")
        if fits(job):
            return job
        assert time.monotonic() < by, job
        await asyncio.sleep(0.02)


async def ended(gateway: Running, id: str) -> dict[str, Any]:
    """The job once it has ended."""
    return await until(gateway, id, lambda job: job["status"] in ENDED)


async def rows(gateway: Running, file: str | None) -> list[dict[str, Any]]:
    """The lines of a file that came of a job."""
    assert file is not None
    answer = await ask(gateway.port, "GET", f"/v1/files/{file}/content", key(gateway), within=WITHIN)
    assert answer.status == 200
    return [json.loads(one) for one in answer.body.splitlines()]


def shelf(folder: Path, most: int = 2**30, place: Place | None = None) -> Shelf:
    """A shelf of a test's own."""
    return Shelf(place or Place(str(folder / "jobs")), most)


def job(**facts: Any) -> Job:
    """A job of the key ``k``."""
    plain: dict[str, Any] = {
        "id": "batch_pen_00000001", "key": "k", "endpoint": CHAT, "input_file": "file-pen-00000001", "window": "24h",
        "created": 1000.0, "expires": 1000.0 + 86400,
    }  # fmt: skip
    return Job(**(plain | facts))


def keep_file(on: Shelf, data: bytes, **facts: Any) -> StoredFile:
    """A file of the key ``k`` that holds ``data``."""
    plain: dict[str, Any] = {
        "id": "file-pen-00000001", "key": "k", "filename": "in.jsonl", "purpose": "batch", "bytes": len(data),
        "created": 1000.0, "expires": None,
    }  # fmt: skip
    file = StoredFile(**(plain | facts))
    draft = on.draft()
    draft.write(DATA, data)
    on.keep_file(draft, file)
    return file


def keep_job(on: Shelf, data: bytes, **facts: Any) -> Job:
    """A job whose file holds ``data``."""
    made = job(**facts)
    keep_file(on, data, id=made.input_file, key=made.key)
    on.keep_job(on.draft(), made)
    return made
