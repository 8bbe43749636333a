"""Finished exchanges for tests of what is observed."""

from typing import Any

from penstock.core.call import Call, Operation
from penstock.core.errors import Fail
from penstock.core.exchange import Exchange

CHAT = Operation("chat", "openai", "/chat/completions", streams=True)


def finished(outcome: str = "ok", *, error: Fail | None = None, asked: str = "m", **facts: Any) -> Exchange:
    """An exchange that began at 100 s and took 2.5 s, of which 2 s were the upstream's. ``facts`` are its fields."""
    body: Any = None
    call = Call(CHAT, "POST", "/v1/chat/completions", b"", [(b"authorization", b"Bearer sk-pen-secret")], "10.0.0.9")
    call.body = b'{"messages":[{"role":"user","content":"secret prompt"}]}'
    call.model = asked
    one = Exchange("req_0xaa-1", call, 100.0, 700.0, body)
    one.model, one.upstream, one.status, one.attempts, one.error = "m", "up", 200, 1, error
    one.waited, one.overhead, one.first_byte = 2.0, 0.0003, 101.0
    one.tokens_in, one.tokens_out, one.tokens_cached, one.bytes_in, one.bytes_out = 11, 22, 5, 56, 78
    one.key = "key-1"
    for name, value in facts.items():
        setattr(one, name, value)
    one.finish(outcome, 102.5)
    return one
