import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from penstock import assemble_engines as module
from penstock.assemble_engines import EMBEDDED_TEXTS, EMBEDDED_TOKENS, EMBEDDINGS, OwnEngines, banner, engine_key
from penstock.config import Config
from penstock.core.tasks import Crew
from penstock.routing.upstream_config import ReplicasConfig, UpstreamConfig

LOCAL = UpstreamConfig(kind="local", model="smollm2")


class FakeReplica:
    def __init__(self, number: int, ready: bool) -> None:
        self.base_url = f"http://127.0.0.1:{number}/v1"
        self.api_key = f"k{number}"
        self.ready = ready


class FakeEngine:
    def __init__(self, name: str) -> None:
        self.name = name
        self.closed = 0
        self.trouble = ""
        self.replicas = [FakeReplica(1, True), FakeReplica(2, False)]

    async def pick(self, until: float) -> FakeReplica:
        return self.replicas[0]

    async def aclose(self) -> None:
        self.closed += 1


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[FakeEngine]:
    made: list[FakeEngine] = []

    def start(name: str, config: UpstreamConfig, crew: Crew, *, embeddings: bool = False) -> FakeEngine:
        made.append(FakeEngine(f"{name}/embeddings" if embeddings else name))
        return made[-1]

    monkeypatch.setattr(module, "_start", start)
    return made


def config(**upstreams: UpstreamConfig) -> Config:
    from penstock.routing.config import RoutingConfig

    return Config.parse("", "c.yaml", {}).replace(RoutingConfig(upstreams=upstreams))


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def test_an_engine_is_known_by_what_matters_to_its_process() -> None:
    key = engine_key("l", LOCAL)
    assert engine_key("l", UpstreamConfig(kind="local", model="smollm2", weight=5, queue=9, max_connections=3)) == key
    assert engine_key("m", LOCAL) != key
    for other in (
        UpstreamConfig(kind="local", model="/m.gguf"),
        UpstreamConfig(kind="local", model="smollm2", threads=2),
        UpstreamConfig(kind="local", model="smollm2", replicas=ReplicasConfig(min=2, max=2)),
    ):
        assert engine_key("l", other) != key


def test_started_once_and_lent_to_be_used_not_ended(started: list[FakeEngine]) -> None:
    async def main() -> None:
        engines = OwnEngines(Crew("test"))
        first, second = engines.engine("l", LOCAL), engines.engine("l", LOCAL)
        assert len(started) == 1
        seat = await second.pick(0.0)
        assert seat.api_key == "k1"
        await first.aclose()  # one edition lets go of it; another may use it still
        assert started[0].closed == 0

    run(main())


def test_only_ready_replicas_are_told_of(started: list[FakeEngine]) -> None:
    async def main() -> None:
        engines = OwnEngines(Crew("test"))
        engines.engine("l", LOCAL)
        started[0].trouble = "slow"
        told = {"seats": [{"base_url": "http://127.0.0.1:1/v1", "api_key": "k1"}], "trouble": "slow"}
        assert engines.seats(engine_key("l", LOCAL)) == told
        assert engines.seats("other") == {"seats": [], "trouble": ""}

    run(main())


def test_what_a_config_wants_runs_and_the_rest_ends_when_told(started: list[FakeEngine]) -> None:
    async def main() -> None:
        engines = OwnEngines(Crew("test"))
        engines.start(config(a=LOCAL, b=LOCAL, e=UpstreamConfig(kind="echo")))
        assert [one.name for one in started] == ["a", "b"]
        assert engines.unwanted(config(a=LOCAL)) == {engine_key("b", LOCAL)}
        await engines.end(engines.unwanted(config(a=LOCAL)))
        assert [one.closed for one in started] == [0, 1]
        engines.start(config(a=LOCAL, b=LOCAL))
        assert [one.name for one in started] == ["a", "b", "b"]  # an ended one does not come back to life

    run(main())


def test_an_engine_for_embeddings_starts_when_it_is_first_asked_and_ends_with_the_other(
    started: list[FakeEngine],
) -> None:
    async def main() -> None:
        engines = OwnEngines(Crew("test"))
        key = engine_key("l", LOCAL) + EMBEDDINGS
        assert engines.seats(key) == {"seats": [], "trouble": ""}
        engines.start(config(l=LOCAL))
        lent = engines.embedder("l", LOCAL)
        assert [one.name for one in started] == ["l"]
        assert repr(lent) == f"<LentEngine {key}>"
        assert len((await lent.pick(0.0)).api_key) == 2
        assert engines.seats(key)["seats"]
        assert [one.name for one in started] == ["l", "l/embeddings"]
        assert engines.unwanted(config(l=LOCAL)) == set()
        assert engines.unwanted(config()) == {engine_key("l", LOCAL), key}
        await engines.end(engines.unwanted(config()))
        assert [one.closed for one in started] == [1, 1]

    run(main())


def test_a_worker_elsewhere_that_asks_for_seats_starts_it(started: list[FakeEngine]) -> None:
    async def main() -> None:
        engines = OwnEngines(Crew("test"))
        engines.start(config(l=LOCAL))
        assert engines.seats(engine_key("l", LOCAL) + EMBEDDINGS)["seats"]
        assert [one.name for one in started] == ["l", "l/embeddings"]

    run(main())


def test_one_engine_makes_the_embeddings_however_many_chat() -> None:
    async def main() -> None:
        crew = Crew("test")
        configured = UpstreamConfig(kind="local", model="smollm2", context=2048, replicas=ReplicasConfig(min=2, max=4))
        engine = module._start("l", configured, crew, embeddings=True)
        options = engine.options
        assert (engine.name, engine.minimum, engine.maximum) == ("l/embeddings", 1, 1)
        assert (options.embeddings, options.context, options.slots) == (True, EMBEDDED_TOKENS, EMBEDDED_TEXTS)
        await engine.aclose()
        await crew.aclose()

    run(main())


def test_what_the_config_says_reaches_the_engine() -> None:
    async def main() -> None:
        crew = Crew("test")
        configured = UpstreamConfig(
            kind="local", model="/models/my-model.gguf", threads=3, context=512, replicas=ReplicasConfig(min=1, max=4)
        )
        engine = module._start("l", configured, crew)
        assert (engine.options.threads, engine.options.context, engine.options.alias) == (3, 512, "my-model")
        assert (engine.minimum, engine.maximum) == (1, 4)
        await engine.aclose()
        await crew.aclose()

    run(main())


def test_the_banner_tells_that_it_is_for_trials() -> None:
    assert "demonstration" in banner()
