import asyncio
import ssl
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from penstock.assemble_engines import EMBEDDINGS, engine_key
from penstock.assemble_upstreams import ENGINE_IDLE_SECONDS, Upstreams
from penstock.core.deadlines import Wheel
from penstock.core.settings import ConfigError
from penstock.net.client import Origin
from penstock.net.names import Names
from penstock.providers.echo import Echo
from penstock.providers.http import HttpProvider
from penstock.providers.local.engine import MAX_CONNECTIONS
from penstock.providers.local.provider import Local
from penstock.routing.affinity_config import AffinityConfig, InstanceScoreConfig, ScrapeConfig
from penstock.routing.config import RoutingConfig, TimeoutsConfig
from penstock.routing.upstream_config import UpstreamConfig

TIMEOUTS = TimeoutsConfig()
VLLM = UpstreamConfig(kind="vllm", base_url="http://127.0.0.1:9/v1")


class FakeSeat:
    base_url = "http://127.0.0.1:9/v1"
    api_key = "k"


class FakeEngines:
    """Stands in for both kinds of Engines."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.closed = 0

    def engine(self, name: str, config: UpstreamConfig) -> Any:
        self.asked.append(name)
        return self

    embedder = engine

    async def aclose(self) -> None:
        self.closed += 1


def with_upstreams(work: Callable[[Upstreams], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        upstreams = Upstreams(Wheel(0.05, 0.0), Names(lambda: 0.0), lambda: 0.0, FakeEngines())
        await work(upstreams)
        await upstreams.aclose()
        assert upstreams.targets == []

    asyncio.run(main())


def test_a_target_is_known_by_its_name_and_settings() -> None:
    async def work(upstreams: Upstreams) -> None:
        first = upstreams.target("a", VLLM, TIMEOUTS)
        assert upstreams.target("a", VLLM, TIMEOUTS) is first
        others = [
            upstreams.target("b", VLLM, TIMEOUTS),
            upstreams.target("a", UpstreamConfig(kind="vllm", base_url="http://127.0.0.1:9/v2"), TIMEOUTS),
            upstreams.target("a", VLLM, TimeoutsConfig(idle=1.0)),
        ]
        assert len({id(one) for one in [first, *others]}) == 4

    with_upstreams(work)


def test_how_each_kind_is_spoken_to() -> None:
    async def work(upstreams: Upstreams) -> None:
        made = {
            kind: upstreams.target(kind, config, TIMEOUTS).provider
            for kind, config in {
                "echo": UpstreamConfig(kind="echo"),
                "openai": UpstreamConfig(kind="openai", api_key="k", proxy="http://me:pass@127.0.0.1:3128"),
                "local": UpstreamConfig(kind="local", model="smollm2"),
            }.items()
        }
        assert [type(one) for one in made.values()] == [Echo, HttpProvider, Local]
        origin: Origin = made["openai"]._origin  # type: ignore[attr-defined]
        assert (origin.reach.host, origin.reach.port) == ("api.openai.com", 443)
        assert isinstance(origin.tls, ssl.SSLContext)
        assert origin.reach.proxy == ("127.0.0.1", 3128)
        assert origin.reach.proxy_key.startswith(b"Basic ")

    with_upstreams(work)


def test_a_kind_that_is_not_offered_yet_is_a_problem_of_the_config() -> None:
    async def work(upstreams: Upstreams) -> None:
        with pytest.raises(ConfigError, match="upstream 'x': kind bedrock is not offered"):
            upstreams.target("x", UpstreamConfig(kind="bedrock", region="eu-central-1"), TIMEOUTS)

    with_upstreams(work)


def test_a_proxy_that_would_be_spoken_to_in_the_clear_against_its_url_is_one_too() -> None:
    async def work(upstreams: Upstreams) -> None:
        with pytest.raises(ConfigError, match="upstream 'x': a proxy that is itself reached over TLS"):
            upstreams.target("x", UpstreamConfig(kind="openai", api_key="k", proxy="https://p:3128"), TIMEOUTS)

    with_upstreams(work)


def test_certificate_files_that_do_not_fit_too(tmp_path: Path) -> None:
    (tmp_path / "ca").write_text("none")

    async def work(upstreams: Upstreams) -> None:
        config = UpstreamConfig(kind="vllm", base_url="https://127.0.0.1:9", ca_file=str(tmp_path / "ca"))
        with pytest.raises(ConfigError, match="upstream 'x': its certificate files cannot be used"):
            upstreams.target("x", config, TIMEOUTS)
        assert upstreams.targets == []

    with_upstreams(work)


def test_what_is_not_kept_is_dropped_at_once_and_given_back_to_be_closed() -> None:
    async def work(upstreams: Upstreams) -> None:
        kept, leaving = upstreams.target("a", VLLM, TIMEOUTS), upstreams.target("b", VLLM, TIMEOUTS)
        assert upstreams.drop_all_but([kept]) == [leaving]
        assert upstreams.targets == [kept]
        assert upstreams.target("b", VLLM, TIMEOUTS) is not leaving

    with_upstreams(work)


def test_numbers_are_by_name_and_add_up_while_one_replaces_the_other() -> None:
    async def work(upstreams: Upstreams) -> None:
        old = upstreams.target("a", VLLM, TIMEOUTS)
        new = upstreams.target("a", VLLM, TimeoutsConfig(idle=1.0))
        old.in_flight, old.served, new.in_flight, new.served = 1, 10, 2, 5
        upstreams.target("b", UpstreamConfig(kind="echo"), TIMEOUTS)
        assert upstreams.numbers() == {"a": [3, 15, 0], "b": [0, 0, 0]}

    with_upstreams(work)


def test_an_embedded_engine_is_one_target_with_an_origin_a_replica() -> None:
    async def work(upstreams: Upstreams) -> None:
        config = UpstreamConfig(kind="local", model="smollm2", max_connections=10_000)
        target = upstreams.target("l", config, TIMEOUTS)
        assert upstreams.engines() == [engine_key("l", config), engine_key("l", config) + EMBEDDINGS]
        local = target.provider
        assert isinstance(local, Local)
        first, second = local._make("http://127.0.0.1:9/v1", "k1"), local._make("http://127.0.0.1:9/v1", "k2")
        (known,) = upstreams._known.values()
        assert len(known.origins) == 2
        for origin in known.origins:
            assert origin.reach.max_connections == MAX_CONNECTIONS
            assert origin.reach.max_idle == ENGINE_IDLE_SECONDS
        await first.aclose()
        await second.aclose()
        assert known.origins == []
        local._make("http://127.0.0.1:9/v1", "k3")
        assert len(known.made) == 1  # replicas come and go for months

    with_upstreams(work)


def test_those_with_a_metrics_page_are_watched() -> None:
    async def work(upstreams: Upstreams) -> None:
        page = upstreams.target("a", VLLM, TIMEOUTS)
        engine = upstreams.target("l", UpstreamConfig(kind="local", model="smollm2"), TIMEOUTS)
        upstreams.target("o", UpstreamConfig(kind="openai"), TIMEOUTS)
        upstreams.target("e", UpstreamConfig(kind="echo"), TIMEOUTS)
        assert [(one.target, one.path) for one in upstreams.watched()] == [(page, "/metrics"), (engine, "/metrics")]
        upstreams.drop_all_but([engine])
        assert [one.target for one in upstreams.watched()] == [engine]
        upstreams.scraper.results["l", "ok"] = 3
        told = upstreams.learned()
        assert ([name for name, _ in told["rows"]], told["scrapes"]) == (["l"], [["l", "ok", 3]])

    with_upstreams(work)


def test_what_lives_longer_than_an_edition_follows_the_newest() -> None:
    async def work(upstreams: Upstreams) -> None:
        shared = upstreams.shared
        upstreams.follow(RoutingConfig())
        assert (shared.slack, shared.max_load, shared.prefixes.bound) == (0.5, 0.9, 200_000)
        affinity = AffinityConfig(enabled=False, slack=1.0, ttl=5.0, sessions=7, blocks=2048)
        points = InstanceScoreConfig(load=60.0)
        upstreams.follow(RoutingConfig(affinity=affinity, instance_score=points, scrape=ScrapeConfig(interval=1.0)))
        assert (shared.slack, shared.max_load, shared.scores) == (1.0, 0.0, points)
        assert (shared.sessions.ttl, shared.sessions.bound, shared.prefixes.bound) == (5.0, 7, 2048)
        assert upstreams.scraper.terms.interval == 1.0

    with_upstreams(work)
