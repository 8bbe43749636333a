"""Records of calls for tests of what is made of them."""

from typing import Any

from penstock.core.finished import Finished
from penstock.core.trace import Traced

TRACE, SPAN, PARENT = "0af7651916cd43dd8448eb211c80319c", "00000000000000f0", "b7ad6b7169203331"
ENDED = 1_800_000_000.0


def traced(**facts: Any) -> Traced:
    """A kept trace of a call with one attempt, at ``up`` under the name ``m-1``."""
    plain: dict[str, Any] = {
        "trace": TRACE, "span": SPAN, "parent": PARENT, "flags": 1, "state": b"", "why": "sampled",
        "attempts": [("00000000000000f1", "up", "m-1", 0.25, 0.75, 200, "")], "max_tokens": 64, "temperature": 0.5,
        "method": "POST",
    }  # fmt: skip
    return Traced(**(plain | facts))


def call(**facts: Any) -> Finished:
    """A stream of 2 s that went well: 0.2 s in a queue, 0.05 s our own, its first byte after 0.75 s, 21 tokens out."""
    plain: dict[str, Any] = {
        "at": ENDED, "id": "req_1", "operation": "chat", "model": "m", "upstream": "up", "key": "key-1", "tags": "",
        "status": 200, "outcome": "ok", "fault": "", "error": "", "stream": True, "cache": "", "degraded": "",
        "batch": "", "attempts": 1, "rescues": 0, "hedge": "", "total": 2.0, "first_byte": 0.75, "answering": 0.0,
        "connecting": 0.0, "waited": 1.75, "queued": 0.2, "overhead": 0.05, "tokens_in": 100, "tokens_out": 21,
        "tokens_cached": 40, "tokens_reasoning": 7, "bytes_in": 10, "bytes_out": 20, "cost": 0, "saved": 0,
        "waits": {"admission": 0.2}, "trace": traced(),
    }  # fmt: skip
    return Finished(**(plain | facts))
