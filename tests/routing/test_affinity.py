"""Sessions and prompt beginnings, from callers' sockets to three servers: who keeps whose context, and until when."""

import asyncio
import contextlib
import os
import random
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import pytest

from penstock.assemble_keys import key_store
from penstock.process.loop import run
from penstock.routing.targets import Target
from tests.support.caching_upstream import CachingUpstream
from tests.support.gateway import Running, running_gateway
from tests.support.load import chat
from tests.support.sockets import parse_answers, raw, request

NAMES = ("a", "b", "c")
TURNS = 3
LONG = 16_000
"""Characters of a prompt that a server needs 0.8 s for."""
BEHIND = 0.3
"""Seconds by which a server looks slower while it holds a call: less than a long prompt takes, more than a short."""


@pytest.fixture
def servers() -> Iterator[dict[str, CachingUpstream]]:
    with contextlib.ExitStack() as stack:
        yield {name: stack.enter_context(CachingUpstream(name)) for name in NAMES}


class Fleet:
    """A gateway before three servers, as its callers know it."""

    def __init__(self, running: Running, servers: Mapping[str, CachingUpstream]) -> None:
        self.running = running
        self.servers = servers
        self._held: list[asyncio.Task[bytes]] = []

    def target(self, name: str) -> Target:
        return next(target for target in self.running.gateway.upstreams.targets if target.name == name)

    async def ask(self, *messages: str, session: str = "", key: str = "", **fields: Any) -> str:
        """One streamed call; the name of the server that answered."""
        roles = ("user", "assistant")
        said = [{"role": roles[turn % 2], "content": text} for turn, text in enumerate(messages)]
        data = chat("m", key or self.running.key, stream=True, max_tokens=1, **{"messages": said, **fields})
        if session:
            data = data.replace(b"\r\n", f"\r\nx-penstock-session: {session}\r\n".encode(), 1)
        (answer,) = parse_answers(await raw(self.running.port, data))
        assert (answer.status, answer.whole) == (200, True), answer
        return answer.headers["x-penstock-upstream"]

    async def ask_at(self, name: str, *messages: str, **fields: Any) -> None:
        """A call while only this server takes new ones."""
        others = [self.target(other) for other in NAMES if other != name]
        for target in others:
            target.drain()
        assert await self.ask(*messages, **fields) == name
        for target in others:
            target.drain(False)

    async def hold(self, name: str, seconds: float = BEHIND) -> None:
        """Let a call hang at this server until it looks slower than the others by so much."""
        others = [self.target(other) for other in NAMES if other != name]
        for target in others:
            target.drain()
        data = chat("m", self.running.key, stream=True, messages=[{"role": "user", "content": "hold"}])
        self._held.append(asyncio.ensure_future(raw(self.running.port, data, within=30)))
        there, taken, now = self.target(name), self.target(name).in_flight, self.running.gateway.clock.now
        async with asyncio.timeout(10):
            while there.in_flight == taken or there.load.overdue(now()) < seconds:  # noqa: ASYNC110 - it is time itself
                await asyncio.sleep(0.01)
        for target in others:
            target.drain(False)

    async def let_go(self) -> None:
        for task in self._held:
            task.cancel()
        await asyncio.gather(*self._held, return_exceptions=True)


@contextlib.asynccontextmanager
async def fleet(servers: Mapping[str, CachingUpstream], affinity: str = "", capacity: int = 64) -> AsyncIterator[Fleet]:
    urls = {name: server.url for name, server in servers.items()}
    upstreams = "".join(
        f'  {name}: {{kind: vllm, base_url: "{url}", capacity: {capacity}}}\n' for name, url in urls.items()
    )
    text = f"upstreams:\n{upstreams}models: {{m: {{upstreams: [{', '.join(servers)}]}}}}\naffinity: {{{affinity}}}\n"
    text += "scrape: {enabled: false}\n"
    async with running_gateway(text) as running:
        made = Fleet(running, servers)
        for name in NAMES:  # so that what is learned of one is learned of all
            for length in (40, 4000):
                await made.ask_at(name, words(length))
        try:
            yield made
        finally:
            await made.let_go()


def words(length: int) -> str:
    """Text that was never said before."""
    return " ".join(f"{random.getrandbits(32):08x}" for _ in range(length // 9 + 1))[:length]


@pytest.mark.parametrize("how", ["session", "prompt_cache_key", "user"])
def test_a_session_stays_with_its_server_whatever_it_says(how: str, servers: dict[str, CachingUpstream]) -> None:
    async def main() -> None:
        async with fleet(servers) as made:
            for name in NAMES:
                await made.ask_at(name, words(40), **{how: f"s-{name}"})
            for _ in range(TURNS):
                assert [await made.ask(words(40), **{how: f"s-{name}"}) for name in NAMES] == list(NAMES)

    run(main())


def test_the_field_goes_before_the_body(servers: dict[str, CachingUpstream]) -> None:
    async def main() -> None:
        async with fleet(servers) as made:
            await made.ask_at("a", words(40), session="s", user="u")
            await made.ask_at("b", words(40), user="u")
            assert await made.ask(words(40), session="s", user="u") == "a"
            assert await made.ask(words(40), user="u") == "b"

    run(main())


def test_a_conversation_stays_with_the_server_that_has_its_beginning(servers: dict[str, CachingUpstream]) -> None:
    async def main() -> None:
        async with fleet(servers) as made:
            talks = {name: [words(4000)] for name in NAMES}
            for name, talk in talks.items():
                await made.ask_at(name, *talk)
            for _ in range(TURNS):
                for name, talk in talks.items():
                    talk += [words(40), words(400)]
                    assert await made.ask(*talk) == name

    run(main())


@pytest.mark.parametrize(("capacity", "stays"), [(64, True), (2, False)])
def test_a_server_over_its_load_limit_keeps_no_session(
    capacity: int, stays: bool, servers: dict[str, CachingUpstream]
) -> None:
    async def main() -> None:
        async with fleet(servers, capacity=capacity) as made:
            await made.ask_at("c", words(40), session="s")
            await made.hold("c")
            await made.hold("c")
            assert (await made.ask(words(40), session="s") == "c") is stays

    run(main())


@pytest.mark.parametrize(("slack", "stays"), [("10s", True), ("100ms", False)])
def test_a_session_leaves_a_server_that_is_slower_by_more_than_the_slack(
    slack: str, stays: bool, servers: dict[str, CachingUpstream]
) -> None:
    async def main() -> None:
        async with fleet(servers, f"slack: {slack}") as made:
            await made.ask_at("c", words(40), session="s")
            await made.hold("c")
            first = await made.ask(words(40), session="s")
            assert (first == "c") is stays
            await made.let_go()
            assert await made.ask(words(40), session="s") == first, "it stays where it went"

    run(main())


async def other_key(made: Fleet) -> str:
    """A second key, once the gateway knows it."""
    store = key_store(made.running.gateway.config, os.environ)
    store.open()
    _, key = store.add("other", ("call",))
    async with asyncio.timeout(10):
        while True:
            got = await raw(made.running.port, request("GET", "/v1/models", [("Authorization", f"Bearer {key}")]))
            if got.startswith(b"HTTP/1.1 200"):
                return key
            await asyncio.sleep(0.05)


def test_a_session_of_another_key_is_another_one(servers: dict[str, CachingUpstream]) -> None:
    async def main() -> None:
        async with fleet(servers) as made:
            key = await other_key(made)
            await made.ask_at("a", words(40), session="s")
            await made.ask_at("b", words(40), session="s", key=key)
            for _ in range(TURNS):
                assert await made.ask(words(40), session="s") == "a"
                assert await made.ask(words(40), session="s", key=key) == "b"

    run(main())


def test_nobody_learns_from_a_choice_what_another_key_has_asked(servers: dict[str, CachingUpstream]) -> None:
    """The server is worth waiting for to those only whose prompt it has."""

    async def main() -> None:
        async with fleet(servers) as made:
            key = await other_key(made)
            prompt = words(LONG)
            await made.ask_at("c", prompt)
            await made.hold("c")
            assert await made.ask(prompt, words(40), words(40)) == "c"
            assert await made.ask(prompt, words(40), words(40), key=key) != "c"

    run(main())


@pytest.mark.parametrize("lost", [False, True])
def test_a_server_that_says_it_has_forgotten_one_prompt_is_not_waited_for_with_an_older_one(
    lost: bool, servers: dict[str, CachingUpstream]
) -> None:
    async def main() -> None:
        async with fleet(servers) as made:
            older, newer = [words(LONG)], [words(LONG)]
            for talk in (older, newer):
                await made.ask_at("c", *talk)
                talk += [words(40), words(40)]
                assert await made.ask(*talk) == "c"
            if lost:
                servers["c"].forget()
            newer += [words(40), words(40)]
            assert await made.ask(*newer) == "c"
            await made.hold("c")
            assert (await made.ask(*older) == "c") is not lost

    run(main())
