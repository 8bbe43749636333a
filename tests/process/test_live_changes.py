import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from penstock.process import live_changes
from penstock.process.link import LinkError
from penstock.process.spec import Source, Spec
from penstock.process.team import Team
from penstock.routing.config import RoutingConfig
from penstock.routing.discovery.instances import Instance

FILE = """
upstreams: {a: {kind: echo}, b: {kind: echo}, d: {kind: vllm, discover: {file: f}}}
models: {m: {upstreams: [a, b]}, n: {upstreams: [d]}}
"""


class FakeMember:
    """A worker that takes all changes but those that it has ``problems`` with; ``calls`` are in flight at each."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.problems: list[str] = []
        self.silent = False
        self.calls: dict[str, int] = {}
        self.asked: list[str] = []
        self.prepared: Spec | None = None

    async def ask(self, name: str, value: Any = None, *, within: float = 5.0) -> Any:
        self.asked.append(name)
        if self.silent and name == "upstreams":
            raise LinkError("silent")
        if name == "prepare":
            self.prepared = msgspec.convert(value, Spec)
            return self.problems
        if name == "dump":
            return {"observed": None}
        if name == "upstreams":
            idle = {"served": 0, "connections": 0, "sessions": 0, "blocks": 0, "learned": None}
            return {at: {**idle, "in_flight": calls} for at, calls in self.calls.items()}
        return None


class Bench:
    def __init__(self, tmp_path: Path) -> None:
        path = tmp_path / "c.yaml"
        path.write_text(FILE)
        self.path = path
        source = Source(str(path))
        self.followed: list[list[str]] = []
        self.team = Team(
            source, source.read(), lambda config: self.followed.append(list(config.of(RoutingConfig).upstreams))
        )
        self.members = [FakeMember(0), FakeMember(1)]
        self.team.members.update({member.number: member for member in self.members})

    def change(self, do: str, name: str, **more: Any) -> dict[str, Any]:
        return asyncio.run(self.team.answers["change"]({"do": do, "name": name, **more}))

    @property
    def upstreams(self) -> list[str]:
        return list(self.team.config.of(RoutingConfig).upstreams)


def test_a_change_is_prepared_by_all_then_taken_by_all(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    told = bench.change("drain", "b")
    assert (told["ok"], told["problems"]) == (True, [])
    assert (told["upstream"]["name"], told["upstream"]["draining"], told["upstream"]["drained"]) == ("b", True, True)
    for member in bench.members:
        assert member.asked == ["prepare", "commit", "upstreams"]
        assert member.prepared == bench.team.spec
    assert bench.team.config.of(RoutingConfig).upstreams["b"].drain
    assert bench.followed == [["a", "b", "d"]]
    assert bench.team.reloads == 0
    bench.change("drain", "b")
    assert bench.members[0].asked.count("prepare") == 1  # it is so already


def test_one_that_cannot_stops_it_for_all(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.members[1].problems = ["upstream 'b': no"]
    told = bench.change("drain", "b")
    assert told == {"ok": False, "status": 422, "code": "change_refused", "problems": ["upstream 'b': no"]}
    assert bench.members[0].asked == ["prepare", "discard"]
    assert not bench.team.config.of(RoutingConfig).upstreams["b"].drain
    assert bench.team.spec.live.edits == {}


@pytest.mark.parametrize(
    ("question", "status", "said"),
    [
        ({"do": "drain", "name": "x"}, 404, 'there is no upstream "x"'),
        ({"do": "put", "name": "a", "body": "{}"}, 422, "weight must be a whole number"),
        ({"do": "put", "name": "a", "body": '{"weight": 0}'}, 422, "upstreams.a.weight"),
        ({"do": "put", "name": "a", "body": "nope"}, 400, "JSON object"),
        ({"do": "put", "name": "c", "body": '{"kind": "local"}', "trusted": True}, 422, "upstreams.c.kind"),
        ({"do": "put", "name": "c", "body": '{"kind": "echo"}'}, 403, "with an admin key only"),
        ({"do": "put", "name": "a", "body": '{"kind": "echo"}', "trusted": True}, 409, "in the config file"),
        ({"do": "explode", "name": "a"}, 400, "cannot be done"),
    ],
)
def test_what_is_refused_before_anybody_is_asked(
    tmp_path: Path, question: dict[str, Any], status: int, said: str
) -> None:
    bench = Bench(tmp_path)
    told = asyncio.run(bench.team.answers["change"](question))
    assert (told["ok"], told["status"]) == (False, status)
    assert said in told["problems"][0]
    assert bench.members[0].asked == []


def test_added_weighed_removed_reset(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    body = '{"kind": "echo", "models": ["m"], "api_key": "sk-secret"}'
    told = bench.change("put", "c", body=body, trusted=True)
    assert told["upstream"]["models"] == ["m"]
    assert "sk-secret" not in str(told)
    assert bench.change("put", "c", body='{"weight": 4}')["upstream"]["weight"] == 4
    assert bench.change("remove", "a")["upstream"] is None
    assert bench.upstreams == ["b", "d", "c"]
    status = asyncio.run(bench.team.answers["upstreams"]("m"))
    assert [row["name"] for row in status["upstreams"]] == ["b", "c"]
    assert status["victim"]["upstream"] in ("b", "c")
    assert status["live"] == [
        {"upstream": "c", "added": True, "models": ["m"], "weight": 4},
        {"upstream": "a", "removed": True},
    ]
    assert bench.change("reset", "a")["upstream"]["name"] == "a"
    assert bench.change("remove", "c")["upstream"] is None
    assert bench.team.spec.live.edits == {}


def test_it_waits_until_all_workers_are_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_changes, "POLL_SECONDS", 0.01)
    bench = Bench(tmp_path)
    bench.members[1].calls = {"b": 2}

    async def main() -> None:
        waiting = asyncio.ensure_future(bench.team.answers["change"]({"do": "drain", "name": "b", "wait": 30.0}))
        while bench.members[1].asked.count("upstreams") < 3:  # noqa: ASYNC110 - each turn of the loop asks once
            await asyncio.sleep(0)
        assert not waiting.done()
        bench.members[1].calls = {"b": 0}
        async with asyncio.timeout(5):
            assert (await waiting)["upstream"]["drained"]

    asyncio.run(main())
    bench.members[1].calls = {"b": 1}
    assert bench.change("drain", "b", wait=0.05)["upstream"]["drained"] is False
    bench.members[1].calls, bench.members[1].silent = {}, True
    assert bench.change("drain", "b", wait=0.05)["upstream"]["drained"] is False  # who is silent may have calls
    bench.members[1].silent = False
    bench.members[0].calls = {"b": 1}
    assert bench.change("remove", "b", wait=0.05)["upstream"]["in_flight"] == 1


def test_what_discovery_found_is_taken_as_a_change(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    assert asyncio.run(bench.team.live.found("d", (Instance("10.0.0.1", 8000),)))
    assert bench.upstreams == ["a", "b", "d", "d@10.0.0.1:8000"]
    assert bench.change("drain", "d@10.0.0.1:8000")["upstream"]["draining"]
    bench.members[0].problems = ["no"]
    assert not asyncio.run(bench.team.live.found("d", ()))
    assert bench.upstreams[-1] == "d@10.0.0.1:8000"


def test_a_reload_keeps_changes_but_of_what_the_file_changed(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.change("drain", "a")
    bench.change("drain", "b")
    asyncio.run(bench.team.live.found("d", (Instance("10.0.0.1", 8000),)))
    bench.path.write_text(FILE.replace("b: {kind: echo}", "b: {kind: echo, weight: 5}"))
    assert asyncio.run(bench.team.reload()) == {"ok": True, "problems": []}
    upstreams = bench.team.config.of(RoutingConfig).upstreams
    assert (upstreams["a"].drain, upstreams["b"].drain, upstreams["b"].weight) == (True, False, 5)
    assert "d@10.0.0.1:8000" in upstreams
    assert asyncio.run(bench.team.answers["status"](None))["live"] == [{"upstream": "a", "drain": True}]


def test_a_file_that_does_not_go_with_the_changes_is_refused(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.change("remove", "a")
    bench.path.write_text(FILE.replace("[a, b]", "[a]"))
    told = asyncio.run(bench.team.reload())
    assert told == {"ok": False, "problems": ['with its live changes: model "m" has no upstream']}
    assert bench.upstreams == ["b", "d"]
    bench.change("reset", "a")
    assert asyncio.run(bench.team.reload())["ok"]


def test_a_worker_that_starts_later_has_the_changes(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    first = bench.team.spec
    late = FakeMember(2)

    async def main() -> None:
        await bench.team.answers["change"]({"do": "drain", "name": "b"})
        await bench.team.join(late, first)

    asyncio.run(main())
    assert late.prepared == bench.team.spec
