import asyncio
import json

from penstock.core.reply import Reply, Whole
from penstock.providers.local.too_long import as_refusal

SAID = b"""{"error":{"code":500,"message":"input (521 tokens) is too large to process. increase the physical batch size
 (current batch size: 512)","type":"server_error"}}""".replace(b"\n", b"")


def test_what_is_too_large_is_refused_as_the_callers_doing() -> None:
    reply = asyncio.run(as_refusal(Reply(500, [], Whole(SAID[:20], SAID[20:]))))
    assert reply.status == 400
    assert isinstance(reply.body, bytes)
    error = json.loads(reply.body)["error"]
    assert error["code"] == "context_length_exceeded"
    assert "521 tokens" in error["message"]
    assert "at most ( 512)" in error["message"]


def test_other_failures_and_answers_stay_as_they_are() -> None:
    broken = asyncio.run(as_refusal(Reply(500, [], Whole(b"out of memory"))))
    assert (broken.status, broken.body) == (500, b"out of memory")
    well = Reply(200, [], b"too large to process")
    assert asyncio.run(as_refusal(well)) is well
    unreadable = asyncio.run(as_refusal(Reply(500, [], b"it is too large to process")))
    assert unreadable.status == 400
