"""Pages of upstreams, on real sockets too."""

import asyncio
import contextlib
import select
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest

from penstock.core.errors import UpstreamError
from penstock.core.tasks import Crew
from penstock.routing.affinity_config import ScrapeConfig
from penstock.routing.prefix import PrefixIndex
from penstock.routing.scraped import Scraped
from penstock.routing.scraping.page import LARGEST_PAGE
from penstock.routing.scraping.service import MOST_SKIPPED, TOKENS_PER_BLOCK, Past, Scraper, Watched
from penstock.routing.targets import Target
from tests.support.gateway import Running, running_gateway
from tests.support.scripted_upstream import Answer, Request, ScriptedUpstream
from tests.support.targets import Upstream, targets

PAGE = (
    b'vllm:num_requests_running{model_name="m"} 5\nvllm:num_requests_waiting{model_name="m"} 2\n'
    b'vllm:kv_cache_usage_perc{model_name="m"} 0.4\n'
)
TEXT = (("content-type", "text/plain; version=0.0.4"),)


# ---- one page


def scraped(answer: Callable[[], Awaitable[tuple[int, bytes]]] | Exception, target: Target) -> str:
    """What comes of one page of ``target``."""

    async def fetch(method: str, path: str, body: bytes, within: float, limit: int) -> tuple[int, bytes]:
        assert (method, path, body, limit) == ("GET", "/metrics", b"", LARGEST_PAGE)
        if isinstance(answer, Exception):
            raise answer
        return await answer()

    async def main() -> str:
        scraper = Scraper(lambda: (), lambda: 7.0)
        scraper.terms = ScrapeConfig(timeout=0.05)
        await scraper._scrape(Watched(target, "/metrics", fetch), Past())
        ((key, number),) = scraper.results.items()
        assert (key[0], number) == (target.name, 1)
        return key[1]

    return asyncio.run(main())


def answering(status: int, text: bytes) -> Callable[[], Awaitable[tuple[int, bytes]]]:
    async def answer() -> tuple[int, bytes]:
        return status, text

    return answer


def test_a_page_is_what_the_load_knows_from_then_on() -> None:
    (one,) = targets(1)
    one.in_flight = 3
    assert scraped(answering(200, PAGE), one) == "ok"
    assert one.load.scraped == Scraped(7.0, 5.0, 2.0, 0.4, 3)
    assert one.load.others(7.0) == 4.0  # seven there, three of them ours
    assert one.load.kv(7.0) == 0.4


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (answering(404, PAGE), "refused"),
        (answering(501, b""), "refused"),
        (answering(200, b"<html>"), "garbage"),
        (answering(200, PAGE + b" " * LARGEST_PAGE), "huge"),
        (OverflowError(), "huge"),
        (UpstreamError("down"), "failed"),
        (lambda: asyncio.sleep(60, (200, PAGE)), "late"),
    ],
)
def test_what_is_no_good_page_is_counted_and_changes_nothing(answer: Any, result: str) -> None:
    (one,) = targets(1)
    before = one.load.scraped = Scraped(1.0, 1.0, 0.0, 0.1)
    assert scraped(answer, one) == result
    assert one.load.scraped is before


def test_what_the_cache_holds_bounds_what_is_believed_of_it() -> None:
    index = PrefixIndex(10_000)
    one = Target("a", Upstream("a"), prefixes=index)
    config = b'vllm:cache_config_info{block_size="16",num_gpu_blocks="%d"} 1\n'
    assert scraped(answering(200, PAGE + config % (100 * TOKENS_PER_BLOCK // 16)), one) == "ok"
    assert index.share(one.slot) == 100


def test_a_server_that_was_started_anew_has_nothing_cached() -> None:
    index = PrefixIndex(10_000)
    one = Target("a", Upstream("a"), prefixes=index)
    index.remember(one.slot, [1, 2], 0.0)
    starts = iter([b"", b"1e9", b"1e9", b"", b"1.1e9"])

    async def fetch(*_: object) -> tuple[int, bytes]:
        start = next(starts)
        return 200, PAGE + (b"process_start_time_seconds %b\n" % start if start else b"")

    async def main() -> list[int]:
        scraper, past, held = Scraper(lambda: (), lambda: 7.0), Past(), []
        for _ in range(5):
            await scraper._scrape(Watched(one, "/metrics", fetch), past)
            held.append(index.held(one.slot))
        return held

    assert asyncio.run(main()) == [2, 2, 2, 2, 0]


def test_one_that_fails_is_asked_ever_more_seldom_and_at_once_again_when_it_is_well() -> None:
    past, asked = Past(), []
    for number in range(200):
        if past.is_due():
            asked.append(number)
            past.note(False)
    gaps = [later - sooner for sooner, later in pairwise(asked)]
    assert gaps == [2, 4, 8, 16, *[MOST_SKIPPED + 1] * (len(gaps) - 4)]
    while not past.is_due():
        pass
    past.note(True)
    assert all(past.is_due() for _ in range(10))
    past.is_asked = True
    assert not past.is_due()


# ---- on real sockets


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as made:
        yield made


@contextlib.asynccontextmanager
async def scraping(upstream: ScriptedUpstream, kind: str = "vllm", more: str = "") -> AsyncIterator[Running]:
    text = (
        f'upstreams: {{up: {{kind: {kind}, base_url: "{upstream.url}", api_key: sk-up{more}}}}}\n'
        "models: {m: {upstreams: [up]}}\nscrape: {interval: 100ms, timeout: 200ms}\n"
    )
    async with running_gateway(text) as gateway:
        yield gateway


async def until(fact: Callable[[], object], within: float = 10.0) -> None:
    async with asyncio.timeout(within):
        while not fact():  # noqa: ASYNC110 - what is waited for happens in a thread or behind a socket
            await asyncio.sleep(0.01)


async def come_of_it(gateway: Running, result: str, times: int = 1) -> None:
    await until(lambda: gateway.gateway.upstreams.scraper.results["up", result] >= times)


def test_the_page_at_the_root_of_the_server_is_read_with_its_key(upstream: ScriptedUpstream) -> None:
    upstream.answers["/metrics"] = Answer(headers=TEXT, body=PAGE)

    async def main() -> tuple[Scraped | None, str]:
        async with scraping(upstream, more=", headers: {x-team: blue}") as gateway:
            await come_of_it(gateway, "ok", 3)
            (target,) = gateway.gateway.upstreams.targets
            return target.load.scraped, await gateway.team.metrics()

    told, text = asyncio.run(main())
    assert told is not None
    assert (told.running, told.waiting, told.kv, told.ours) == (5.0, 2.0, 0.4, 0)
    assert {request.target for request in upstream.requests} == {"/metrics"}
    request = upstream.requests[0]
    assert (request.method, request.header("authorization"), request.header("x-team"), request.body) == (
        "GET", "Bearer sk-up", "blue", b"",
    )  # fmt: skip
    assert 'penstock_upstream_kv_use_ratio{upstream="up"} 0.4' in text
    assert 'penstock_upstream_reported_calls{upstream="up"} 7' in text
    assert 'penstock_scrapes_total{upstream="up",result="ok"} ' in text


def test_another_place_and_none(upstream: ScriptedUpstream) -> None:
    upstream.answers["/prometheus/metrics"] = Answer(headers=TEXT, body=PAGE)

    async def main() -> None:
        async with scraping(upstream, "openai", ", metrics: /prometheus/metrics") as gateway:
            await come_of_it(gateway, "ok")
        assert {request.target for request in upstream.requests} == {"/prometheus/metrics"}
        for kind, more in (("openai", ""), ("vllm", ", metrics: off")):
            async with scraping(upstream, kind, more) as gateway:
                assert gateway.gateway.upstreams.watched() == []

    asyncio.run(main())


def test_a_server_that_hangs_is_let_go(upstream: ScriptedUpstream) -> None:
    gone = threading.Event()

    def hang(connection: socket.socket, request: Request) -> None:
        if select.select([connection], [], [], 10)[0]:
            gone.set()

    upstream.answers["/metrics"] = hang

    async def main() -> None:
        async with scraping(upstream) as gateway:
            await come_of_it(gateway, "late")
            await until(gone.is_set)
            (target,) = gateway.gateway.upstreams.targets
            assert target.load.scraped is None

    asyncio.run(main())


def test_a_page_without_an_end_is_cut(upstream: ScriptedUpstream) -> None:
    sent, gone = [0], threading.Event()

    def endless(connection: socket.socket, request: Request) -> None:
        connection.sendall(Answer(headers=TEXT, chunks=()).head())
        with contextlib.suppress(OSError):
            while True:
                connection.sendall(b"10000\r\n" + PAGE.ljust(65536) + b"\r\n")
                sent[0] += 65536
        gone.set()

    upstream.answers["/metrics"] = endless

    async def main() -> None:
        async with scraping(upstream) as gateway:
            await come_of_it(gateway, "huge")
            await until(gone.is_set)
            (target,) = gateway.gateway.upstreams.targets
            assert target.load.scraped is None

    asyncio.run(main())
    assert sent[0] < 32 * LARGEST_PAGE


def test_a_reload_turns_it_off_and_on_again(upstream: ScriptedUpstream) -> None:
    upstream.answers["/metrics"] = Answer(headers=TEXT, body=PAGE)

    async def main() -> None:
        async with scraping(upstream) as gateway:
            await come_of_it(gateway, "ok")
            on = gateway.path.read_text()
            gateway.path.write_text(on.replace("scrape: {", "scrape: {enabled: false, "))
            await gateway.team.reload()
            scraper = gateway.gateway.upstreams.scraper
            await until(lambda: not scraper._pasts and not scraper.results)
            gateway.path.write_text(on)
            await gateway.team.reload()
            await come_of_it(gateway, "ok")

    asyncio.run(main())


def test_ending_it_ends_what_it_began() -> None:
    began, ended = asyncio.Event(), []

    async def fetch(*_: object) -> tuple[int, bytes]:
        began.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(True)
        return 200, PAGE

    async def main() -> None:
        (one,) = targets(1)
        scraper = Scraper(lambda: [Watched(one, "/metrics", fetch)], uniform=lambda a, b: a)
        scraper.terms = ScrapeConfig(interval=0.1, timeout=10.0)
        crew = Crew("test")
        crew.supervise(scraper)
        await asyncio.wait_for(began.wait(), 5)
        assert repr(scraper) == "<Scraper of 1 upstreams>"
        await crew.aclose()
        assert ended == [True]

    asyncio.run(main())
