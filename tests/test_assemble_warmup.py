"""The start of a whole worker: what readiness waits for, what is connected, what is kept open."""

import asyncio
import socket
import time

from penstock.assemble_warmup import CALLED_SECONDS
from penstock.core.marks import Span
from penstock.process.loop import run
from tests.net.upstream import Line, echo_ok, scripted
from tests.support.gateway import Running, ask, running_gateway

FILE = """
upstreams: {{up: {{kind: vllm, base_url: "http://127.0.0.1:{port}/v1", metrics: off}}}}
models: {{m: {{upstreams: [up]}}}}
store: memory
health: {{probes: off}}
{more}
"""


def text(port: int, more: str = "") -> str:
    return FILE.format(port=port, more=more)


async def over(running: Running) -> dict[str, Span]:
    """By name, how the tasks of the start ended."""
    rows = await running.gateway.warm.profile(10.0)
    return {str(row[0]).removeprefix("task "): Span(*row) for row in rows}


def test_connections_are_there_before_the_first_call_and_nothing_was_sent() -> None:
    async def main() -> None:
        async with scripted(echo_ok) as upstream, running_gateway(text(upstream.port)) as running:
            assert running.gateway.waits_for() == []
            assert (await ask(running.port, "GET", "/health/ready")).status == 200
            spans = await over(running)
            (origin,) = running.gateway.upstreams.origins()
            assert (origin.open, origin.busy, upstream.requests) == (1, 0, [])
            assert {name: spans[name].how for name in ("store", "connections", "caches")} == {
                "store": "", "connections": "", "caches": "",
            }  # fmt: skip
            assert {"configuration read", "store opened", "rooms made", "accepts calls", "made warm"} <= set(spans)

    run(main())


def test_a_dead_upstream_is_named_and_holds_nobody() -> None:
    async def main() -> None:
        # A full backlog: the kernel lets further callers hang, as one does whose packets are dropped.
        with socket.create_server(("127.0.0.1", 0), backlog=0) as silent:
            port = silent.getsockname()[1]
            stuck = [socket.socket() for _ in range(3)]
            for one in stuck:
                one.setblocking(False)
                one.connect_ex(("127.0.0.1", port))
            more = "warmup: {connections: {within: 150ms}, tasks: {connections: {timeout: %s}}}"
            began = time.monotonic()
            async with running_gateway(text(port, more % "30s")) as running:
                took = time.monotonic() - began
                spans = running.gateway.warm._warmup
                assert spans is not None
                assert spans.plan.outcomes["connections"].state == "runs"
                assert 0.1 < took < 20.0
                assert running.gateway.waits_for() == []
            async with running_gateway(text(port, more % "300ms")) as running:
                assert (await over(running))["connections"].how == "not done within 0.3 s"
            for one in stuck:
                one.close()

    run(main())


def test_readiness_tells_what_is_awaited() -> None:
    async def main() -> None:
        gate = asyncio.Event()

        async def script(line: Line) -> None:
            await gate.wait()

        async with scripted(script) as upstream, running_gateway(text(upstream.port)) as running:
            warm = running.gateway.warm
            warm.starting = True
            answer = await ask(running.port, "GET", "/health/ready")
            assert (answer.status, answer.json()) == (503, {"status": "starting", "waits_for": ["start"]})
            warm.starting = False
            assert (await ask(running.port, "GET", "/health/ready")).status == 200
            gate.set()

    run(main())


def test_an_idle_connection_is_opened_anew_before_it_ends() -> None:
    async def main() -> None:
        async with scripted(echo_ok) as upstream, running_gateway(text(upstream.port)) as running:
            await over(running)
            (origin,) = running.gateway.upstreams.origins()
            (dial,) = running.gateway.warm._dials().values()
            assert await dial(10.0) == 0
            assert await dial(origin.reach.max_idle + 1.0) == 1
            assert (origin.open, upstream.requests) == (2, [])
            (target,) = running.gateway.upstreams.targets
            target.drain()
            assert not running.gateway.warm._dials()
            target.drain(False)
            # Whom nobody called for an hour is let go cold, until somebody does.
            clock, real = running.gateway.clock, running.gateway.clock.now
            clock.now = lambda: real() + CALLED_SECONDS + 1.0  # type: ignore[method-assign]
            assert not running.gateway.warm._dials()
            target.served += 1
            assert list(running.gateway.warm._dials()) == ["up"]

    run(main())


def test_switched_off_it_does_nothing() -> None:
    async def main() -> None:
        async with (
            scripted(echo_ok) as upstream,
            running_gateway(text(upstream.port, "warmup: {enabled: false}")) as on,
        ):
            assert on.gateway.waits_for() == []
            assert [origin.open for origin in on.gateway.upstreams.origins()] == [0]
            assert [row for row in await on.gateway.warm.profile(1.0) if row[0].startswith("task")] == []
            assert upstream.connections == 0

    run(main())


def test_what_the_file_names_is_waited_for() -> None:
    async def main() -> None:
        more = "warmup: {wait_for: [caches], tasks: {caches: {timeout: 7s}}}"
        async with scripted(echo_ok) as upstream, running_gateway(text(upstream.port, more)) as running:
            warmup, caching = running.gateway.warm._warmup, running.gateway.caching
            assert warmup is not None
            assert caching is not None
            assert caching.shelf.ready
            assert warmup.plan.outcomes["caches"].state == "done"
            assert {name: task.holds for name, task in warmup.plan.tasks.items()} == {
                "store": 3.0, "connections": 0.2, "caches": 7.0,
            }  # fmt: skip

    run(main())


def test_an_upstream_that_embeds_is_not_taken_for_a_broken_one_before_the_first_call() -> None:
    async def main() -> None:
        more = "cache: {semantic: {enabled: true, embedder: 'upstream:m', dimensions: 8}}"
        async with scripted(echo_ok) as upstream, running_gateway(text(upstream.port, more)) as running:
            spans = await over(running)
            assert spans["embedder"].how == ""
            assert running.gateway.caching is not None
            memory = running.gateway.caching.semantics.memory
            assert memory is not None
            assert memory.embedder.tally.failed == 0

    run(main())
