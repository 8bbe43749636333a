import asyncio
from pathlib import Path
from typing import Any

import pytest

from penstock.config import Config
from penstock.core.errors import CallerError
from penstock.memory.config import MemoryConfig
from penstock.process.live_settings import Setting, applied, changed, movable, rebased, told
from penstock.process.spec import Source
from penstock.process.team import Team
from penstock.routing.config import RoutingConfig
from tests.process.test_live_changes import FakeMember

FILE = """
upstreams: {a: {kind: echo, weight: 2}, b: {kind: echo}}
models: {m: {upstreams: [a, b]}}
insight: {optimizer: {bounds: {cache.exact.ttl: [1m, 2h]}}}
"""


def config(text: str = FILE) -> Config:
    return Config.parse(text, "c.yaml", {})


def test_only_knobs_may_be_moved() -> None:
    assert movable("upstreams.a.weight")
    for key in ("auth.mode", "listen.host", "upstreams.a.base_url", "upstreams.a.api_key", "store", "cache.secret"):
        assert not movable(key)
        with pytest.raises(CallerError):
            changed(config(), {key: "x"}, "ada")


def test_the_overlay_remembers_what_the_file_says_and_holds_no_more_than_differs() -> None:
    made = changed(config(), {"upstreams.a.weight": "4", "upstreams.b.weight": "1"}, "ada")
    assert made == {"upstreams.a.weight": Setting("4", "2", "ada")}
    assert applied(config(), made).of(RoutingConfig).upstreams["a"].weight == 4
    assert told(made) == [{"key": "upstreams.a.weight", "value": "4", "written": "2", "by": "ada"}]


@pytest.mark.parametrize(
    ("key", "text", "said"),
    [
        ("cache.exact.ttl", "3h", "from 1m to 2h"),
        ("cache.exact.ttl", "x", "duration"),
        ("timeouts.first_token", "5s", "no bounds"),
        ("upstreams.a.weight", "400", "may be from 1 to 16"),
        ("upstreams.x.weight", "4", "no such value"),
        ("upstreams.a.max_in_flight", "4", "no such value"),
        ("upstreams.a.weight", 4, "must be text"),
    ],
)
def test_what_lies_outside_is_refused(key: str, text: Any, said: str) -> None:
    with pytest.raises(CallerError, match=said):
        changed(config(), {key: text}, "ada")


def test_a_reload_ends_what_the_file_changed_or_no_longer_allows() -> None:
    made = changed(config(), {"upstreams.a.weight": "4", "cache.exact.ttl": "2h"}, "ada")
    assert rebased(made, config(FILE.replace("models:", "memory: {every: 6s}\nmodels:"))) == (made, [])
    assert rebased(made, config(FILE.replace("weight: 2", "weight: 3")))[1] == ["upstreams.a.weight"]
    assert rebased(made, config(FILE.replace("2h", "90m")))[1] == ["cache.exact.ttl"]
    assert rebased(made, config(FILE.replace("a: {kind: echo, weight: 2}, ", "").replace("[a, b]", "[b]")))[1] == [
        "upstreams.a.weight"
    ]


def test_what_does_not_go_with_the_new_file_ends_too() -> None:
    made = changed(config(), {"memory.collector.high": "0.7"}, "ada")
    assert applied(config(), made).of(MemoryConfig).collector.high == 0.7
    text = FILE + "memory: {collector: {moderate: 0.75}}\n"
    assert rebased(made, config(text)) == ({}, ["memory.collector.high"])


class Bench:
    def __init__(self, tmp_path: Path) -> None:
        self.path = tmp_path / "c.yaml"
        self.path.write_text(FILE)
        source = Source(str(self.path))
        self.team = Team(source, source.read())
        self.members = [FakeMember(0), FakeMember(1)]
        self.team.members.update({member.number: member for member in self.members})

    def ask(self, **question: Any) -> dict[str, Any]:
        return asyncio.run(self.team.answers["settings"](question))

    @property
    def weight(self) -> int:
        return self.team.config.of(RoutingConfig).upstreams["a"].weight


def test_settings_are_taken_by_all_workers_or_none(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    assert bench.ask() == {"ok": True, "problems": [], "settings": []}
    assert bench.members[0].asked == []
    answer = bench.ask(settings={"upstreams.a.weight": "4"}, by="ada")
    assert answer["settings"][0]["value"] == "4"
    assert bench.weight == 4
    for member in bench.members:
        assert member.asked == ["prepare", "commit"]
        assert member.prepared == bench.team.spec
    bench.members[1].problems = ["no room"]
    assert bench.ask(settings={}) | {"settings": 0} == {"ok": False, "problems": ["no room"], "settings": 0}
    assert bench.weight == 4
    assert bench.ask(settings={"auth.mode": "open"})["status"] == 422
    assert asyncio.run(bench.team.answers["status"](None))["settings"][0]["key"] == "upstreams.a.weight"


def test_settings_survive_a_reload_until_the_file_says_something_new(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(tmp_path)
    bench.ask(settings={"upstreams.a.weight": "4"}, by="ada")
    bench.path.write_text(FILE + "memory: {every: 6s}\n")
    assert asyncio.run(bench.team.reload())["ok"]
    assert bench.weight == 4
    bench.path.write_text(FILE.replace("weight: 2", "weight: 3"))
    assert asyncio.run(bench.team.reload())["ok"]
    assert bench.weight == 3
    assert "live settings ended, for the file says something new of them: upstreams.a.weight" in caplog.text


def test_collecting_is_asked_of_all(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    assert bench.ask(act="collect")["ok"]
    assert [member.asked for member in bench.members] == [["collect"], ["collect"]]
