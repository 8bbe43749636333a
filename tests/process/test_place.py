"""A place and its processes, which are played; with real ones: tests/test_restart.py."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

import pytest

from penstock.core.tasks import Crew
from penstock.net.children import Backoff
from penstock.process import place as place_module
from penstock.process.link import LinkError
from penstock.process.place import MOST_LEAVING, Place, renew_all


class Played:
    """Stands in for WorkerProcess."""

    def __init__(self, served: asyncio.Event, serves: bool) -> None:
        self.pid = id(self)
        self.asked: list[tuple[str, Any]] = []
        self.deaf = self.slow = False
        self.end: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._served = served
        self._serves = serves

    async def run(self) -> int:
        if self._serves:
            self._served.set()
        return await self.end

    async def ask(self, name: str, value: Any = None, *, within: float = 5.0) -> None:
        self.asked.append((name, value))
        if self.deaf:
            raise LinkError("leave: no answer")
        if self.slow:
            await asyncio.wait([self.end])
        elif not self.end.done():
            self.end.set_result(0)

    def signal(self, number: int) -> None:
        self.asked.append(("signal", number))

    def kill(self) -> None:
        if not self.end.done():
            self.end.set_result(-signal.SIGKILL)


class Scene:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(place_module, "Backoff", lambda *_: Backoff(0.001, 0.002, lambda: 0.5))
        self.serves = True
        self.made: list[Played] = []
        self.crew = Crew("test")
        self.stop = asyncio.Event()
        self.place = Place(3, self._make, self.stop, self.crew)

    def _make(self, served: asyncio.Event) -> Any:
        self.made.append(Played(served, self.serves))
        return self.made[-1]

    async def begin(self) -> "asyncio.Task[str]":
        served = asyncio.Event()
        kept = self.crew.spawn(self.place.keep(served), "keep")
        await served.wait()
        return kept


def play(monkeypatch: pytest.MonkeyPatch, scene: Any) -> None:
    async def main() -> None:
        made = Scene(monkeypatch)
        async with asyncio.timeout(10):
            work: Coroutine[Any, Any, None] = scene(made)
            await work
        await made.crew.aclose()

    asyncio.run(main())


async def until(true: Any) -> None:
    while not true():  # noqa: ASYNC110
        await asyncio.sleep(0.001)


def test_the_new_one_serves_before_the_old_one_is_told_to_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(made: Scene) -> None:
        kept = await made.begin()
        assert await made.place.renew(5.0, 77.0) == ""
        old, new = made.made
        assert made.place.process is new
        await until(lambda: not made.place.leaving)
        assert old.asked == [("leave", 77.0)]
        assert await kept == ""
        # From now on the new one is the one that is followed by another.
        new.end.set_result(-signal.SIGSEGV)
        await until(lambda: len(made.made) == 3)
        assert made.place.process is made.made[2]

    play(monkeypatch, scene)


@pytest.mark.parametrize("dies", [True, False])
def test_where_the_new_one_does_not_serve_the_old_one_stays(monkeypatch: pytest.MonkeyPatch, dies: bool) -> None:
    async def scene(made: Scene) -> None:
        await made.begin()
        made.serves = False
        renewing = made.crew.spawn(made.place.renew(0.05, 77.0), "renew")
        await until(lambda: len(made.made) == 2)
        old, new = made.made
        if dies:
            new.end.set_result(1)
        said = await renewing
        how = "ended with status 1" if dies else "did not come to serve within 0.05 s"
        assert said == f"worker 3: the new process {how}; the old one serves on, the log says more"
        assert made.place.process is old
        assert (old.asked, old.end.done(), new.end.done()) == ([], False, True)

    play(monkeypatch, scene)


def test_one_that_dies_while_it_is_renewed_is_not_followed_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(made: Scene) -> None:
        monkeypatch.setattr(made.place, "_backoff", Backoff(0.2, 0.2, lambda: 0.5))
        kept = await made.begin()
        made.made[0].end.set_result(-signal.SIGKILL)
        await until(lambda: not made.place.lives)
        assert await made.place.renew(5.0, 77.0) == ""
        assert await kept == ""
        assert len(made.made) == 2
        assert made.place.process is made.made[1]

    play(monkeypatch, scene)


def test_one_that_does_not_leave_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(made: Scene) -> None:
        await made.begin()
        made.made[0].deaf = True
        assert await made.place.renew(5.0, 77.0) == ""
        await until(lambda: made.made[0].end.done())
        assert made.made[0].end.result() == -signal.SIGKILL

    play(monkeypatch, scene)


def test_those_that_leave_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(made: Scene) -> None:
        await made.begin()
        for turn in range(MOST_LEAVING):
            made.made[-1].slow = True
            assert await made.place.renew(5.0, 77.0) == "", turn
        said = await made.place.renew(5.0, 77.0)
        assert said == "worker 3: 2 processes of earlier restarts have not ended their calls yet"
        assert len(made.made) == 1 + MOST_LEAVING
        made.made[0].end.set_result(0)
        await until(lambda: len(made.place.leaving) < MOST_LEAVING)
        assert await made.place.renew(5.0, 77.0) == ""

    play(monkeypatch, scene)


def test_all_are_renewed_one_after_another_by_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(made: Scene) -> None:
        gate = asyncio.Lock()
        refused = await renew_all([], gate, 5.0, 77.0)
        assert (refused["ok"], refused["problems"][0].partition(":")[2]) == (False, " set listen.workers to 2 or more")
        await made.begin()
        async with gate:
            assert (await renew_all([made.place], gate, 5.0, 77.0))["problems"] == ["a restart is under way"]
        assert await renew_all([made.place], gate, 5.0, 77.0) == {"ok": True, "workers": 1, "problems": []}
        made.serves = False
        failed = await renew_all([made.place, made.place], gate, 0.02, 77.0)
        assert (failed["ok"], len(failed["problems"])) == (False, 1)

    play(monkeypatch, scene)
