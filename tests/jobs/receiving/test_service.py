"""Uploads over a socket: what is taken, what is refused, and that nothing half stays behind."""

import asyncio
import errno
import os
from typing import Any

import pytest

from penstock.jobs.place.store import write_all
from penstock.jobs.receiving.service import LOOKED_AT_BYTES
from penstock.process.loop import run
from tests.support.gateway import OPEN_ECHO, Running, ask, request, running_gateway
from tests.support.jobs import FORM, form, send, told


def at(act: Any, jobs: str = "{}") -> None:
    async def main() -> None:
        async with running_gateway(OPEN_ECHO + f"jobs: {jobs}\n") as gateway, asyncio.timeout(110):
            await act(gateway)
            jobbing = gateway.gateway.jobbing
            assert jobbing is not None
            assert jobbing.jobs.desk.shelf.place.names("tmp") == []
            assert gateway.gateway.ledger.accounts["jobs"].held == 0

    run(main())


@pytest.mark.parametrize("size", [0, 1, LOOKED_AT_BYTES, 3_000_000])
@pytest.mark.parametrize("first", ["purpose", "file"])
def test_a_file_is_taken_whole(size: int, first: str) -> None:
    data = os.urandom(size)
    parts = [("purpose", b"batch"), ("file", data)]

    async def act(gateway: Running) -> None:
        answer = await send(gateway, *(parts if first == "purpose" else parts[::-1]))
        assert answer.status == 200
        file = answer.json()
        assert (file["bytes"], file["filename"], file["purpose"]) == (size, "in.jsonl", "batch")
        got = await ask(gateway.port, "GET", f"/v1/files/{file['id']}/content", within=60)
        assert got.body == data

    at(act)


@pytest.mark.parametrize(
    ("parts", "status", "code"),
    [
        ([("file", b"x")], 400, "missing_required_parameter"),
        ([("file", b"x" * 300_000)], 400, "missing_required_parameter"),
        ([("purpose", b"batch")], 400, "missing_required_parameter"),
        ([("purpose", b"batch"), ("file", b"x" * 400_000)], 413, "file_too_large"),
        ([("file", b"x" * 400_000), ("purpose", b"batch")], 413, "file_too_large"),
        ([("purpose", b"batch"), ("expires_after[seconds]", b"1"), ("file", b"x")], 400, "invalid_expires_after"),
    ],
)
def test_what_is_refused(parts: Any, status: int, code: str) -> None:
    async def act(gateway: Running) -> None:
        answer = await send(gateway, *parts)
        assert (answer.status, answer.json()["error"]["code"]) == (status, code)
        assert (await told(gateway, "GET", "/v1/files"))["data"] == []

    at(act, "{max_file: 200KiB}")


def test_a_file_says_when_it_goes() -> None:
    async def act(gateway: Running) -> None:
        parts = [("purpose", b"batch"), ("expires_after[anchor]", b"created_at"), ("expires_after[seconds]", b"3600")]
        file = (await send(gateway, *parts, ("file", b"x"))).json()
        assert file["expires_at"] - file["created_at"] == 3600

    at(act)


def test_a_form_that_is_cut_or_is_none() -> None:
    async def act(gateway: Running) -> None:
        whole = form(("purpose", b"batch"), ("file", b"x" * 200_000))
        answer = await ask(gateway.port, "POST", "/v1/files", [FORM], whole[:-20])
        assert (answer.status, answer.json()["error"]["code"]) == (400, "invalid_form")
        assert (await ask(gateway.port, "POST", "/v1/files", [], {"a": 1})).status == 400
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(request("POST", "/v1/files", [FORM, ("Content-Length", str(len(whole)))]) + whole[:150_000])
        jobbing = gateway.gateway.jobbing
        assert jobbing is not None
        async with asyncio.timeout(30):
            while not jobbing.jobs.desk.shelf.place.names("tmp"):  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)
        writer.close()  # its caller goes in the middle
        async with asyncio.timeout(30):
            while gateway.gateway.ledger.accounts["jobs"].held or jobbing.jobs.desk.shelf.place.names("tmp"):  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)
        assert (await told(gateway, "GET", "/v1/files"))["data"] == []
        del reader

    at(act)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_disk_that_takes_nothing(number: int) -> None:
    async def act(gateway: Running) -> None:
        jobbing = gateway.gateway.jobbing
        assert jobbing is not None
        place, room = jobbing.jobs.desk.shelf.place, [200_000]

        def write(file: int, data: bytes) -> None:
            taken = data[: max(0, room[0])]
            room[0] -= len(taken)
            write_all(file, taken)
            if len(taken) < len(data):
                raise OSError(number, os.strerror(number))

        place.write = write
        answer = await send(gateway, ("purpose", b"batch"), ("file", b"x" * 900_000))
        full = number != errno.EIO
        assert (answer.status, answer.json()["error"]["code"]) == (
            (507, "disk_full") if full else (503, "storage_failed")
        )
        place.write = write_all
        assert (await told(gateway, "GET", "/v1/files"))["data"] == []
        assert (await send(gateway, ("purpose", b"batch"), ("file", b"x" * 900_000))).status == 200

    at(act)


def test_the_bounds_of_disk_and_memory() -> None:
    async def act(gateway: Running) -> None:
        assert (await send(gateway, ("purpose", b"batch"), ("file", b"x" * 700_000))).status == 200
        answer = await send(gateway, ("purpose", b"batch"), ("file", b"x" * 700_000))
        assert (answer.status, answer.json()["error"]["code"]) == (507, "disk_full")
        account = gateway.gateway.ledger.accounts["jobs"]
        assert account.reserve(account.bound)
        answer = await send(gateway, ("purpose", b"batch"), ("file", b"x"))
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        account.release(account.bound)

    at(act, "{disk: 1MiB, max_file: 1MiB}")
