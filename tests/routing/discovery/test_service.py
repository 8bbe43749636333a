import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from penstock.core.tasks import Crew
from penstock.process.loop import run
from penstock.routing.discovery import service
from penstock.routing.discovery.config import DiscoverConfig
from penstock.routing.discovery.instances import Instance
from penstock.routing.discovery.service import Discovery, Watch

A, B = Instance("10.0.0.1", 1), Instance("10.0.0.2", 1)
FILE = DiscoverConfig(file="/f", interval=0.1)


class Scene:
    """A watch whose looks see ``sees``, one after the other, the last for good; ``taken`` is what it told of."""

    def __init__(self, *sees: Any, discover: DiscoverConfig = FILE) -> None:
        self.sees = list(sees)
        self.taken: list[tuple[Instance, ...]] = []
        self.agrees = True
        self.watch = Watch("x", discover, self.look, self.told)

    async def look(self) -> list[Instance]:
        seen = self.sees.pop(0) if len(self.sees) > 1 else self.sees[0]
        if isinstance(seen, Exception):
            raise seen
        found: list[Instance] = seen
        return found

    async def told(self, upstream: str, instances: tuple[Instance, ...]) -> bool:
        assert upstream == "x"
        self.taken.append(instances)
        return self.agrees

    def look_times(self, times: int) -> None:
        async def main() -> None:
            for _ in range(times):
                await self.watch.once()

        asyncio.run(main())


def test_only_what_changed_is_told() -> None:
    scene = Scene([A], [A], [B, A])
    scene.look_times(4)
    assert scene.taken == [(A,), (A, B)]
    assert scene.watch.counts == {"changed": 2, "same": 2}


@pytest.mark.parametrize("bad", [[], OSError("gone"), ValueError("line 3: no"), TimeoutError()])
def test_a_look_that_fails_or_finds_none_changes_nothing_and_is_told_once(
    bad: Any, caplog: pytest.LogCaptureFixture
) -> None:
    scene = Scene([A], bad, bad, bad, [A], bad, bad)
    logging.getLogger("penstock").propagate = True
    scene.look_times(7)
    assert scene.taken == [(A,)]
    assert scene.watch.known.instances == (A,)
    result = "empty" if bad == [] else "failed"
    assert scene.watch.counts == {"changed": 1, result: 5, "same": 1}
    assert caplog.text.count("instances of upstream x: ") == 2
    assert caplog.text.count("those known stay") == 2


def test_what_was_not_taken_over_is_told_again() -> None:
    scene = Scene([A])
    scene.agrees = False
    scene.look_times(2)
    scene.agrees = True
    scene.look_times(2)
    assert scene.taken == [(A,)] * 3
    assert scene.watch.counts == {"refused": 2, "changed": 1, "same": 1}


def test_a_look_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "LOOK_SECONDS", 0.05)
    scene = Scene([A])

    async def hang() -> list[Instance]:
        await asyncio.Event().wait()
        return []

    scene.watch._look = hang
    scene.look_times(1)
    assert scene.watch.counts == {"failed": 1}


def test_of_dns_one_leaves_after_three_answers_without_it() -> None:
    scene = Scene([A, B], [A], [A], [A], discover=DiscoverConfig(dns="a", port=1))
    scene.look_times(4)
    assert scene.taken == [(A, B), (A,)]


def with_crew(work: Callable[[Crew], Awaitable[None]]) -> None:
    async def main() -> None:
        crew = Crew("test")
        try:
            async with asyncio.timeout(10):
                await work(crew)
        finally:
            await crew.aclose()

    run(main())


def test_watches_follow_the_config_and_look_at_their_interval(tmp_path: Path) -> None:
    told: asyncio.Queue[tuple[str, tuple[Instance, ...]]] = asyncio.Queue()

    async def note(upstream: str, instances: tuple[Instance, ...]) -> bool:
        told.put_nowait((upstream, instances))
        return True

    async def work(crew: Crew) -> None:
        path = tmp_path / "f"
        path.write_text("10.0.0.1:1")
        looking = Discovery(crew, note)
        first = DiscoverConfig(file=str(path), interval=0.1)
        looking.follow({"x": first})
        await looking.looked(5)
        assert await told.get() == ("x", (A,))
        path.write_text("10.0.0.2:1")
        assert await told.get() == ("x", (B,))
        looking.follow({"x": first, "y": DiscoverConfig(file=str(path), interval=60.0)})
        assert await told.get() == ("y", (B,))
        looking.follow({"y": DiscoverConfig(file=str(path), interval=0.1)})  # x is let alone, y looked for anew
        assert await told.get() == ("y", (B,))
        assert set(looking.numbers()) == {"y"}
        path.write_text("10.0.0.1:1")
        assert await told.get() == ("y", (A,))
        assert looking.numbers()["y"]["instances"] == 1
        assert looking.numbers()["y"]["changed"] == 2
        looking.follow({})
        await asyncio.sleep(0)
        assert told.empty()

    with_crew(work)


def test_the_start_waits_for_first_looks_but_not_for_ever(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("penstock").propagate = True

    async def never(upstream: str, instances: tuple[Instance, ...]) -> bool:
        await asyncio.Event().wait()
        return True

    async def work(crew: Crew) -> None:
        looking = Discovery(crew, never)
        looking.follow({"x": DiscoverConfig(file="/nowhere")})
        await looking.looked(5)  # it failed, but it looked
        looking.follow({"y": DiscoverConfig(dns="127.0.0.1", port=1)})
        await looking.looked(0.1)
        assert "not all instances were found" in caplog.text

    with_crew(work)
