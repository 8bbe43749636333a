import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from penstock.config import Config
from penstock.process.asked import Near
from penstock.process.link import LinkError
from penstock.process.spec import Source, Spec
from penstock.process.team import Team
from penstock.routing.config import RoutingConfig

ECHO = "upstreams: {echo: {kind: echo}}\nmodels: {%s: {upstreams: [echo]}}\n"


class FakeMember:
    """Notes what it was asked; ``problems`` is its answer to ``prepare``; a LinkError there is raised."""

    def __init__(self, number: int, calls: list[dict[str, Any]] | None = None) -> None:
        self.number = number
        self.asked: list[str] = []
        self.problems: list[str] | LinkError = []
        self.prepared: Spec | None = None
        self._calls = calls or []

    async def ask(self, name: str, value: Any = None, *, within: float = 5.0) -> Any:
        self.asked.append(name)
        if name == "prepare":
            if isinstance(self.problems, LinkError):
                raise self.problems
            self.prepared = msgspec.convert(value, Spec)
            return self.problems
        if name == "dump":
            if isinstance(self.problems, LinkError):
                raise self.problems
            return {"worker": self.number, "observed": {"in_flight": self.number}}
        if name == "calls":
            rows = [row for row in self._calls if value["id"] in ("", row["id"])]
            return rows[: value["count"]]
        return None


class Bench:
    def __init__(self, tmp_path: Path, follow: Callable[[Config], None] | None = None) -> None:
        self.path = tmp_path / "c.yaml"
        self.write("one")
        source = Source(str(self.path))
        self.team = Team(source, source.read(), follow)
        self.members = [FakeMember(0), FakeMember(1)]
        self.team.members.update({member.number: member for member in self.members})

    def write(self, model: str) -> None:
        self.path.write_text(ECHO % model)


def test_a_reload_is_prepared_by_all_then_taken_by_all(tmp_path: Path) -> None:
    followed: list[list[str]] = []
    bench = Bench(tmp_path, lambda config: followed.append(list(config.of(RoutingConfig).models)))
    bench.write("two")
    assert asyncio.run(bench.team.reload()) == {"ok": True, "problems": []}
    for member in bench.members:
        assert member.asked == ["prepare", "commit"]
        assert member.prepared == bench.team.spec
    assert "two" in (bench.team.spec.text or "")
    assert followed == [["two"]]
    assert bench.team.reloads == 1


@pytest.mark.parametrize("trouble", [["c.yaml:7: no"], LinkError("gone")])
def test_one_that_cannot_stops_the_reload_for_all(tmp_path: Path, trouble: list[str] | LinkError) -> None:
    followed: list[list[str]] = []
    bench = Bench(tmp_path, lambda config: followed.append(list(config.of(RoutingConfig).models)))
    bench.write("two")
    bench.members[1].problems = trouble
    told = asyncio.run(bench.team.reload())
    wanted = ["c.yaml:7: no"] if isinstance(trouble, list) else ["worker 1: gone"]
    assert told == {"ok": False, "problems": wanted}
    assert [member.asked for member in bench.members] == [["prepare", "discard"]] * 2
    assert "one" in (bench.team.spec.text or "")
    assert bench.team.refused_reload == wanted
    assert followed == [["one"]]  # what was started for the refused one can go
    bench.members[1].problems = []
    assert asyncio.run(bench.team.reload())["ok"]
    assert bench.team.refused_reload == []


def test_problems_that_all_have_are_told_once(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    for member in bench.members:
        member.problems = ["c.yaml:1: a", "c.yaml:2: b"]
    assert asyncio.run(bench.team.reload())["problems"] == ["c.yaml:1: a", "c.yaml:2: b"]


def test_a_file_that_is_gone_is_refused_before_anybody_is_asked(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.path.unlink()
    assert asyncio.run(bench.team.reload())["problems"] == [f"{bench.path}: cannot be read: No such file or directory"]
    assert bench.members[0].asked == []


def test_a_file_caught_while_it_is_written_is_refused(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.path.write_text("\n")
    assert asyncio.run(bench.team.reload())["problems"] == [f"{bench.path}: is empty; was it being written?"]


def test_a_worker_that_started_with_an_older_config_is_brought_up_before_it_counts(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    first = bench.team.spec
    late, early = FakeMember(2), FakeMember(3)

    async def main() -> None:
        bench.write("two")
        await bench.team.reload()
        await bench.team.join(late, first)
        await bench.team.join(early, bench.team.spec)

    asyncio.run(main())
    assert (late.asked, late.prepared) == (["prepare", "commit"], bench.team.spec)
    assert early.asked == []
    assert set(bench.team.members) == {0, 1, 2, 3}


def test_one_that_cannot_be_brought_up_does_not_count(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    lame = FakeMember(2)
    lame.problems = ["no"]
    with pytest.raises(LinkError, match="no"):
        asyncio.run(bench.team.join(lame, Spec("older", "")))
    assert 2 not in bench.team.members


def test_status_and_calls_are_of_all_workers_that_answer(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(tmp_path)
    rows = [{"id": f"r{n}", "ended": float(n)} for n in range(6)]
    bench.team.members = {0: FakeMember(0, rows[::2]), 1: FakeMember(1, rows[1::2]), 2: FakeMember(2)}
    silent = bench.team.members[2]
    silent.problems = LinkError("dump: no answer within 5 s")  # type: ignore[attr-defined]
    logging.getLogger("penstock").propagate = True
    status = asyncio.run(bench.team.status())
    assert [(one["worker"], one["in_flight"]) for one in status["workers"]] == [(0, 0), (1, 1)]
    assert status["config"] == str(bench.path)
    assert "worker 2 did not answer 'dump'" in caplog.text
    newest = asyncio.run(bench.team.calls(4, ""))
    assert [row["id"] for row in newest] == ["r5", "r4", "r3", "r2"]
    assert asyncio.run(bench.team.answers["calls"]({"count": "9", "id": "r1"})) == [rows[1]]


def test_a_worker_in_this_process_is_asked_directly() -> None:
    async def answer(value: Any) -> Any:
        return value + 1

    near = Near(0, {"next": answer})
    assert asyncio.run(near.ask("next", 1)) == 2
