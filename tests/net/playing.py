"""A gateway and one caller on a stage; when they are done, nothing of them may be left in the gateway."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from tests.net.caller import Caller, calling, settled
from tests.net.probes import post
from tests.support.gateway import ECHO, Running, ask, running_gateway
from tests.support.loops import run

QUICK = """listen: {first_byte_timeout: 300ms, head_timeout: 300ms, body_timeout: 300ms, idle_timeout: 300ms,
         write_timeout: 400ms, max_body: 16MiB}
"""
SLOW_ECHO = "upstreams: {echo: {kind: echo, tokens_per_second: 50}}\nmodels: {echo: {upstreams: [echo]}}\n"

Scene = Callable[[Running, Caller], Awaitable[None]]


def play(scene: Scene, config: str = ECHO + QUICK, *, receive_buffer: int = 0) -> None:
    """Run ``scene`` with a caller; afterwards nothing of it may be left in the gateway."""

    async def main() -> None:
        async with running_gateway(config) as gateway:
            try:
                async with calling(gateway.port, receive_buffer=receive_buffer) as caller:
                    await scene(gateway, caller)
            except BaseException:
                gateway.gateway.server.abort_all()
                raise
            assert (await ask(gateway.port, "GET", "/health")).status == 200
            await settled(lambda: not gateway.gateway.server.open)
            assert gateway.gateway.ledger.held == 0
            assert gateway.gateway.endpoint.generation.in_flight == 0

    run(main())


def keyed(gateway: Running, data: bytes) -> bytes:
    return data.replace(b"KEY", gateway.key.encode())


def chat(gateway: Running, content: str, **more: Any) -> bytes:
    body = json.dumps({"model": "echo", "messages": [{"role": "user", "content": content}], **more}).encode()
    return keyed(gateway, post(b"Content-Length: %d" % len(body), body=body))


def connection_of(gateway: Running) -> Any:
    (connection,) = gateway.gateway.server._connections
    return connection
