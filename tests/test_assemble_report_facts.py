import asyncio

from penstock.assemble_report_facts import facts, section, settings
from penstock.config import Config
from penstock.insight.bottlenecks.seen import Upstream
from tests.support.gateway import running_gateway

CONFIG = """
listen: {workers: 3}
store: redis://127.0.0.1:6379/0
upstreams:
  a: {kind: echo, price: {input: 3, output: 15}}
  b: {kind: openai, base_url: "http://127.0.0.1:9/v1", api_key: x}
models:
  m: {upstreams: [a, b], strategy: least_connections, fallbacks: [n]}
  n: {upstreams: [b]}
cache: {exact: {ttl: 2h}, semantic: {enabled: false, embedder: static}}
batching: {enabled: true}
affinity: {enabled: false}
hedge: {enabled: true}
timeouts: {first_token: 9s}
grouping: {group_by: prefix}
"""


def test_what_recommendations_look_at() -> None:
    found = settings(Config.parse(CONFIG, "c.yaml", {}))
    assert (found.workers, found.exact, found.semantic, found.ttl, found.batching) == (3, True, False, 7200.0, True)
    assert (found.affinity, found.hedge, found.first_token, found.group_by) == (False, True, 9.0, "prefix")
    assert found.models["m"].prices == {"a": (3.0, 15.0)}
    assert (found.models["m"].strategy, found.models["m"].fallbacks) == ("least_connections", ("n",))
    assert found.models["n"].prices == {}


def test_a_section_that_is_not_there() -> None:
    config = Config.parse("", "c.yaml", {})
    assert section(config, "nothing") is None
    assert section(config, "cache").exact.enabled


def test_how_a_worker_stands() -> None:
    async def main() -> None:
        config = (
            "auth: {mode: open}\nupstreams: {a: {kind: echo, capacity: 5, max_in_flight: 3}, b: {kind: echo}}\n"
            "models: {m: {upstreams: [a, b]}}\ncache: {semantic: {embedder: static}}\n"
        )
        async with running_gateway(config) as gateway:
            told = facts(gateway.gateway)
            assert told.workers == 1
            assert told.upstreams["a"] == Upstream(in_flight=0, capacity=5, waiting=0.0, taken=0, seats=3)
            assert told.upstreams["b"].seats == 0
            assert told.door == (0, 12_000)
            assert not told.redis
            assert told.embedder == "static"
            (target,) = [one for one in gateway.gateway.upstreams.targets if one.name == "a"]
            target.in_flight = 2
            target.load.waiting = 1000.0
            target.load.first.slope = 0.002
            waiting = facts(gateway.gateway).upstreams["a"]
            assert (waiting.in_flight, waiting.waiting) == (2, 2.0)
            target.in_flight = 0

    asyncio.run(main())
