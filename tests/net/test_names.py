import asyncio
import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.clock import FakeClock
from penstock.net.names import LIFETIME_SECONDS, MAX_NAMES, STALE_SECONDS, Names, interleave


class Resolver:
    """Stands in for the loop's getaddrinfo."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers: list[str] | OSError = ["10.0.0.1"]
        self.asked = 0
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(loop, "getaddrinfo", self.getaddrinfo)

    async def getaddrinfo(self, host: str, port: object, **options: Any) -> list[Any]:
        self.asked += 1
        if isinstance(self.answers, OSError):
            raise self.answers
        return [(0, 0, 0, "", (address, 0)) for address in self.answers]


def test_literals_are_not_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        resolver = Resolver(monkeypatch)
        names = Names(FakeClock().now)
        assert await names.resolve("127.0.0.1") == ["127.0.0.1"]
        assert await names.resolve("::1") == ["::1"]
        assert await names.resolve("[::1]") == ["::1"]
        assert resolver.asked == 0

    asyncio.run(main())


def test_answers_live_for_a_while_and_serve_longer_when_the_resolver_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        clock = FakeClock()
        resolver = Resolver(monkeypatch)
        names = Names(clock.now)
        for _ in range(3):
            assert await names.resolve("a") == ["10.0.0.1"]
        assert resolver.asked == 1
        resolver.answers = ["10.0.0.2"]
        clock.advance(LIFETIME_SECONDS)
        assert await names.resolve("a") == ["10.0.0.2"]
        resolver.answers = socket.gaierror(socket.EAI_AGAIN, "try again")
        clock.advance(STALE_SECONDS - 1)
        assert await names.resolve("a") == ["10.0.0.2"]
        clock.advance(2)
        with pytest.raises(socket.gaierror):
            await names.resolve("a")

    asyncio.run(main())


def test_a_name_can_be_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        resolver = Resolver(monkeypatch)
        names = Names(FakeClock().now)
        await names.resolve("a")
        names.forget("a")
        names.forget("never known")
        await names.resolve("a")
        assert resolver.asked == 2

    asyncio.run(main())


def test_the_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        Resolver(monkeypatch)
        names = Names(FakeClock().now)
        for number in range(MAX_NAMES + 10):
            await names.resolve(f"host-{number}")
        assert len(names._known) <= MAX_NAMES

    asyncio.run(main())


@pytest.mark.parametrize("host", ["a..b", "a" * 64 + ".example"])
def test_what_is_no_host_name_is_told_as_a_failed_lookup(host: str) -> None:
    async def main() -> None:
        with pytest.raises(socket.gaierror):
            await Names(FakeClock().now).resolve(host)

    asyncio.run(main())


def test_families_alternate() -> None:
    assert interleave(["1", "2", "::1", "::2", "::3"]) == ["1", "::1", "2", "::2", "::3"]
    assert interleave(["::1", "1", "2"]) == ["::1", "1", "2"]
    assert interleave([]) == []


@given(st.lists(st.sampled_from(["1", "2", "3", "::1", "::2", "::3"])))
def test_interleaving_keeps_each_address_once(addresses: list[str]) -> None:
    mixed = interleave(addresses)
    assert sorted(mixed) == sorted(set(addresses))
    if addresses:
        assert mixed[0] == addresses[0]
