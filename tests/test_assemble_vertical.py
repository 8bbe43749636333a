"""Sizes of replicas at the first worker: a person's word, pools of mode ``auto``; and a real gateway under streams."""

import asyncio
import contextlib
import io
import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from penstock.assemble_vertical import WINDOWS, Vertical
from penstock.cli import capacity
from penstock.core.sketch import put
from penstock.core.tasks import Crew
from penstock.core.windows import Group, Window
from penstock.process.link import LinkError
from penstock.scaling.actuators.local_config import LocalConfig
from penstock.scaling.advice import Advice
from penstock.scaling.config import PoolConfig, ScalingConfig
from penstock.scaling.control.service import Controller
from penstock.scaling.replica import Replica, Standing
from penstock.scaling.size import Size
from penstock.scaling.vertical_config import CountConfig, VerticalConfig
from tests.support import pools
from tests.support.running_gateway import RunningGateway, running_gateway
from tests.support.sockets import parse_answers, raw, request
from tests.support.whole import until
from tests.test_assemble_pools import counted, told

COOLDOWN = 600.0
MORE = Advice("pool gpu slots", 4, 8, "calls at once", "more", "many came", "pool", {}, "", "gpu", "slots")


class World:
    """A supervisor with one pool whose replicas have what was asked for at once; a clock that is moved by hand."""

    def __init__(self, mode: Any = "auto") -> None:
        self.now = 100_000.0
        self.size = Size(slots=4)
        self.questions: list[dict[str, Any]] = []
        self.advice = [MORE]
        self.problem = ""
        self.fails = False
        vertical = VerticalConfig(mode=mode, slots=CountConfig(min=2, max=8), cooldown=COOLDOWN)
        config = PoolConfig(local=LocalConfig(command=["{port}", "{slots}"], slots=4), vertical=vertical)
        self.controller = Controller(cast(Any, None), cast(Any, None), cast(Any, None), cast(Any, lambda *_: None),
                                     cast(Any, None), lambda: self.now)  # fmt: skip
        self.controller.follow(ScalingConfig(pools={"gpu": config}))
        self.crew = Crew("test")
        gateway = SimpleNamespace(fleet=self, clock=SimpleNamespace(wall=lambda: self.now), crew=self.crew)
        watching = SimpleNamespace(gateway=gateway, takers=[])
        self.vertical = Vertical(
            cast(Any, watching), cast(Any, SimpleNamespace(controller=self.controller)), self.advise
        )
        assert watching.takers == [self.vertical.take]
        self.stand()

    async def advise(self) -> list[Advice]:
        return self.advice

    async def pools(self, question: dict[str, Any]) -> dict[str, Any]:
        self.questions.append(question)
        if self.fails:
            raise LinkError("pools: no answer within 25 s")
        if self.problem:
            return {"problems": [self.problem]}
        before, size = self.size, msgspec.convert(question["size"], Size).over(self.size)
        if not question["dry_run"]:
            self.size = size
        self.stand()
        return {
            "before": msgspec.to_builtins(before),
            "size": msgspec.to_builtins(size),
            "dry_run": question["dry_run"],
        }

    def stand(self) -> None:
        standing = Standing(1, [Replica("r1", "h:1", "ready")], size=self.size, can=["slots"])
        self.controller.pools["gpu"].told = {"standing": msgspec.to_builtins(standing), "wanted": 1}

    async def apply(self, **body: Any) -> dict[str, Any]:
        return await self.vertical.apply({"do": "apply", "body": json.dumps(body), "by": "key_1"})

    async def windows(self, count: int, late: float = 0.0) -> None:
        """So many, each of 100 calls."""
        for _ in range(count):
            self.now += 10.0
            group = Group("chat", "m", "gpu", calls=100)
            put(group.firsts, 0.01, round(100 * (1 - late)))
            put(group.firsts, 100.0, round(100 * late))
            self.vertical.take(Window(self.now, groups=[group]))
            await asyncio.sleep(0)
            await asyncio.sleep(0)


def played(world: World, test: Any) -> World:
    async def main() -> None:
        try:
            await test(world)
        finally:
            await world.crew.aclose()

    asyncio.run(main())
    return world


def test_what_is_advised_is_done_and_what_one_used_is_seen_anew() -> None:
    async def main(world: World) -> None:
        before = world.controller.pools["gpu"].used
        dry = await world.apply(dry_run=True)
        assert dry == {
            "dry_run": True,
            "pools": {"gpu": {"before": {"slots": 4}, "size": {"slots": 8}, "dry_run": True, "why": "many came"}},
        }
        assert world.controller.pools["gpu"].used is before
        assert (await world.apply())["pools"]["gpu"]["size"] == {"slots": 8}
        assert world.controller.pools["gpu"].used is not before
        world.advice = []
        assert (await world.apply())["pools"] == {}
        assert (await world.apply(pool="gpu", size={"slots": "2"}))["pools"]["gpu"]["why"] == "asked for by key_1"

    played(World("suggest"), main)


def test_what_is_refused_is_said() -> None:
    async def main(world: World) -> None:
        world.problem = "pool gpu: slots 9 is not between 2 and 8, its bounds"
        told = await world.apply(pool="gpu", size={"slots": "9"})
        assert (told["status"], told["problems"]) == (409, [world.problem])
        world.fails = True
        told = await world.apply()
        assert "no answer within 25 s; penstock scaling show gpu" in told["problems"][0]
        assert (await world.apply(pool="x"))["status"] == 404

    played(World("suggest"), main)


def test_a_pool_that_resizes_by_itself_does_after_a_cool_down_and_once() -> None:
    async def main(world: World) -> None:
        await world.windows(int(COOLDOWN / 10))
        assert world.questions == [], "a gateway that began just now knows too little"
        await world.windows(WINDOWS)
        assert [one["size"] for one in world.questions] == [{"slots": 8}]
        world.advice = [msgspec.structs.replace(MORE, now=8, wanted=2, does="less")]
        await world.windows(WINDOWS)
        assert len(world.questions) == 1, "while a change is watched there is no other"
        await world.windows(200)
        assert [one["size"] for one in world.questions] == [{"slots": 8}, {"slots": 2}]

    played(World(), main)


def test_a_size_that_makes_calls_late_is_taken_back_and_not_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    async def main(world: World) -> None:
        await world.windows(int(COOLDOWN / 10) + WINDOWS)
        assert world.size == Size(slots=8)
        await world.windows(10, late=0.5)
        assert world.size == Size(slots=4)
        await world.windows(400)
        assert [one["size"] for one in world.questions] == [{"slots": 8}, {"slots": 4}]

    played(World(), main)
    assert "pool gpu: its new size is taken back: 50.0% of first tokens came late, 0.0% before" in caplog.messages


def test_what_fails_is_tried_again_after_a_cool_down_only(caplog: pytest.LogCaptureFixture) -> None:
    async def main(world: World) -> None:
        world.problem = "pool gpu: the cloud is away"
        await world.windows(int(COOLDOWN / 10) + WINDOWS)
        assert len(world.questions) == 1
        await world.windows(WINDOWS)
        assert len(world.questions) == 1
        await world.windows(int(COOLDOWN / 10))
        assert len(world.questions) == 2

    played(World(), main)
    assert caplog.messages.count("pool gpu: the cloud is away") == 2


def test_a_persons_word_ends_what_is_tried_and_begins_a_cool_down() -> None:
    async def main(world: World) -> None:
        await world.windows(int(COOLDOWN / 10) + WINDOWS)
        await world.apply(pool="gpu", size={"slots": "2"})
        await world.windows(20, late=0.5)
        assert world.size == Size(slots=2), "what a person chose is not taken back"
        assert len(world.questions) == 2
        await world.windows(int(COOLDOWN / 10) + WINDOWS)
        assert len(world.questions) == 3

    played(World(), main)


@pytest.mark.parametrize("mode", ["off", "suggest"])
def test_other_pools_are_left_alone(mode: str) -> None:
    async def main(world: World) -> None:
        await world.windows(200)
        assert world.questions == []

    played(World(mode), main)


# ---- a real gateway

TEXT = """
listen: {{workers: {workers}}}
upstreams: {{gpu: {{kind: vllm, discover: {{scaling: true}}}}}}
models: {{m: {{upstreams: [gpu]}}}}
scaling:
  interval: 200ms
  pools:
    gpu:
      min: 2
      max: 2
      drain: 200ms
      policy: {{rule: fixed}}
      vertical: {{mode: suggest, slots: {{min: 2, max: 32}}}}
      local:
        command: [{python}, -m, bench.paced_engine, --port, "{{port}}", --slots, "{{slots}}", --gap, "0.01"]
        environment: {{PYTHONPATH: {root}}}
        slots: 16
"""


def said(gateway: RunningGateway, *words: str) -> tuple[int, str]:
    """What the command prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        status = capacity.main([*words, "--url", gateway.url, "--key", gateway.key])
    return status, out.getvalue()


def shown(gateway: RunningGateway, method: str, path: str, body: bytes = b"", key: str = "") -> Any:
    fields = [("Authorization", f"Bearer {key or gateway.key}")]
    (answer,) = parse_answers(asyncio.run(raw(gateway.port, request(method, path, fields, body=body), within=60)))
    return answer


@pytest.mark.parametrize("workers", [1, 2])
def test_replicas_are_replaced_by_larger_ones_under_streams_and_no_caller_sees_it(tmp_path: Path, workers: int) -> None:
    async def replaced(gateway: RunningGateway, before: set[str] | None = None) -> set[str]:
        """Two replicas, once both are ready, of the right size, and none of those before."""
        async with asyncio.timeout(90):
            while True:
                replicas = (await standing(gateway)).get("replicas", ())
                names = {one["name"] for one in replicas if one["state"] == "ready" and not one.get("stale")}
                if len(names) == len(replicas) == 2 and not names & (before or set()):
                    return names
                await asyncio.sleep(0.1)

    async def standing(gateway: RunningGateway) -> dict[str, Any]:
        fields = [("Authorization", f"Bearer {gateway.key}")]
        (answer,) = parse_answers(
            await raw(gateway.port, request("GET", "/admin/v1/scaling?pool=gpu", fields), within=60)
        )
        return dict(answer.json().get("standing", {}))

    async def chat(gateway: RunningGateway) -> str:
        body = json.dumps(
            {"model": "m", "stream": True, "max_tokens": 150, "messages": [{"role": "user", "content": "?"}]}
        )
        call = request("POST", "/v1/chat/completions", [("Authorization", f"Bearer {gateway.key}")], body=body.encode())
        return told(await raw(gateway.port, call, within=60))

    async def main(gateway: RunningGateway) -> None:
        going_on, answers = True, list[str]()

        async def caller() -> None:
            while going_on:
                answers.append(await chat(gateway))

        before = await replaced(gateway)
        callers = [asyncio.ensure_future(caller()) for _ in range(8)]
        status, out = await asyncio.to_thread(said, gateway, "--apply", "--pool", "gpu", "--size", "slots=32")
        assert (status, out.splitlines()[0]) == (0, "pool gpu: slots 16 -> slots 32")
        await replaced(gateway, before)
        going_on = False
        await asyncio.gather(*callers)
        assert set(answers) == {counted(150)}
        assert len(answers) >= 8

    text = TEXT.format(python=sys.executable, root=pools.ROOT, workers=workers)
    with running_gateway(tmp_path, text, {"XDG_RUNTIME_DIR": str(tmp_path)}) as gateway:
        asyncio.run(main(gateway))
        rescued = re.compile(r'penstock_rescues_total\{how="(\w+)"\} [1-9]')
        ways = until(lambda: set(rescued.findall(shown(gateway, "GET", "/metrics").body.decode())))
        assert ways == {"moved"}, "led on, not rescued"
        status, out = said(gateway, "--apply", "--dry-run", "--size", "slots=8")
        assert (status, "slots 32 -> slots 8 (nothing is changed: a dry run)" in out) == (0, True)
        assert said(gateway, "--apply") == (
            0, "No pool has to be resized: 'penstock capacity' tells all advice, and why.\n",
        )  # fmt: skip
        refused = shown(gateway, "POST", "/admin/v1/capacity/apply", b'{"size": {"slots": "99"}}')
        assert refused.status == 409
        assert "pool gpu: slots 99 is not between 2 and 32, its bounds" in refused.json()["error"]["message"]
        assert shown(gateway, "POST", "/admin/v1/capacity/apply", b"{}", "sk-pen-nobody").status == 401
