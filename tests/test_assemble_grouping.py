"""Chats that share a beginning, through a whole gateway, on real sockets, with upstreams that a test lets on."""

import asyncio
import json
import os

import pytest

from penstock.config import Config, ConfigError
from penstock.process.loop import run
from tests.support.gateway import OPEN_ECHO, ask, running_gateway
from tests.support.grouped_gateway import CHAT, JSON_TYPE, mill
from tests.support.prefilling import LONG, chat
from tests.support.sockets import request


def test_others_wait_for_the_first_token_and_go_where_it_was_computed() -> None:
    async def main() -> None:
        async with mill("group_by: prefix, max_wait: 20s") as mill_:
            (first,) = mill_.ask("1")
            await mill_.until(lambda: mill_.arrived == ["1"])
            where, other = (mill_.a, mill_.b) if mill_.a.arrived else (mill_.b, mill_.a)
            others = mill_.ask("2", "3", "4")
            await mill_.until(lambda: mill_.counts()["waiting"] == 3)
            seen = await ask(mill_.port, "GET", "/admin/v1/grouping")
            (group,) = seen.json()["workers"][0]["now"]
            assert (group["size"], group["waiting"]) == (4, 3)
            assert group["prefix_bytes"] > len(LONG)
            assert mill_.arrived == ["1"]
            where.go("1")
            await mill_.until(lambda: len(where.arrived) == 4)
            assert other.arrived == []
            await mill_.end("1", "2", "3", "4")
            told = [answer.headers["x-penstock-batch"] for answer in await asyncio.gather(first, *others)]
            ids = {line.split(";")[0] for line in told}
            assert len(ids) == 1
            assert all("size=4" in line and f"prefix={group['prefix_bytes']}B" in line for line in told)
            assert all(float(answer.result().headers["x-penstock-queue-ms"]) > 0 for answer in others)
            assert {int(answer.result().headers["x-penstock-queue-position"]) for answer in others} == {1, 2, 3}
            assert mill_.counts()["released"] == 3
            page = await mill_.gateway.team.metrics()
            assert 'penstock_grouping_calls_total{result="released"} 3\n' in page
            await mill_.settled()

    run(main())


def test_what_was_computed_of_late_holds_nobody_and_what_is_short_or_alone_neither() -> None:
    async def main() -> None:
        async with mill("group_by: prefix, max_wait: 20s") as mill_:
            mill_.a.go("1"), mill_.b.go("1")
            await mill_.end("1")
            await asyncio.gather(*mill_.ask("1"))
            mill_.ask("2", "3")
            await mill_.until(lambda: len(mill_.arrived) == 3)
            mill_.ask("4", "5", system="short")
            await mill_.until(lambda: len(mill_.arrived) == 5)
            assert mill_.counts()["held"] == 0
            await mill_.end("2", "3", "4", "5")
            await mill_.settled()

    run(main())


def test_none_is_the_default_and_makes_no_room() -> None:
    async def main() -> None:
        async with mill("group_by: none") as mill_:
            mill_.ask("1", "2")
            await mill_.until(lambda: len(mill_.arrived) == 2)
            grouped = mill_.gateway.gateway.grouped
            assert grouped is not None
            assert grouped.stage(Config.parse(OPEN_ECHO, "c.yaml", os.environ)) is None
            await mill_.end("1", "2")

    run(main())


def test_nobody_waits_longer_than_max_wait() -> None:
    async def main() -> None:
        async with mill("group_by: prefix, max_wait: 50ms") as mill_:
            mill_.ask("1")
            await mill_.until(lambda: mill_.arrived == ["1"])
            mill_.ask("2")
            await mill_.until(lambda: "2" in mill_.arrived)
            assert mill_.counts()["alone"]["max_wait"] == 1
            await mill_.end("1", "2")
            await mill_.settled()

    run(main())


def test_one_that_has_no_time_goes_at_once() -> None:
    async def main() -> None:
        async with mill("group_by: prefix, max_wait: 20s") as mill_:
            mill_.ask("1")
            await mill_.until(lambda: mill_.arrived == ["1"])
            mill_.ask("2", headers=[("x-penstock-deadline-ms", "30000")])
            await mill_.until(lambda: mill_.counts()["waiting"] == 1)
            loop = asyncio.get_running_loop()
            real = loop.time
            loop.time = lambda: real() + 16.0  # type: ignore[method-assign]  # for timers alone, not for deadlines
            await mill_.until(lambda: "2" in mill_.arrived)  # at half of what it had
            await mill_.end("1", "2")
            await mill_.settled()

    asyncio.run(main())


@pytest.mark.parametrize("how", ["fails", "leaves"])
def test_when_the_first_is_gone_the_next_one_leads(how: str) -> None:
    async def main() -> None:
        async with mill("group_by: prefix, max_wait: 20s") as mill_:
            mill_.a.failing.add("1"), mill_.b.failing.add("1")
            _, writer = await asyncio.open_connection("127.0.0.1", mill_.port)
            writer.write(request("POST", CHAT, [JSON_TYPE], json.dumps(chat("1")).encode()))
            await mill_.until(lambda: mill_.arrived == ["1"])
            mill_.ask("2")
            await mill_.until(lambda: mill_.counts()["waiting"] == 1)
            mill_.ask("3")
            await mill_.until(lambda: mill_.counts()["waiting"] == 2)
            if how == "leaves":
                writer.close()
            else:
                mill_.a.go("1"), mill_.b.go("1")
            await mill_.until(lambda: "2" in mill_.arrived)
            assert mill_.counts()["waiting"] == 1
            assert "3" not in mill_.arrived
            mill_.a.go("1", "2"), mill_.b.go("1", "2")
            await mill_.until(lambda: "3" in mill_.arrived)
            await mill_.end("2", "3")
            writer.close()
            await mill_.settled()

    run(main())


def test_leaders_that_fail_twice_let_all_go() -> None:
    async def main() -> None:
        async with mill("group_by: prefix, max_wait: 20s") as mill_:
            for upstream in (mill_.a, mill_.b):
                upstream.failing |= {"1", "2"}
            mill_.ask("1")
            await mill_.until(lambda: mill_.arrived == ["1"])
            for number, text in enumerate("234", 1):
                mill_.ask(text)
                await mill_.until(lambda number=number: mill_.counts()["waiting"] == number)
            mill_.a.go("1", "2"), mill_.b.go("1", "2")
            await mill_.until(lambda: {"3", "4"} <= set(mill_.arrived))
            assert mill_.counts()["alone"]["failed"] == 2
            await mill_.end("3", "4")
            await mill_.settled()

    run(main())


def test_a_caller_that_leaves_while_it_waits_is_not_sent() -> None:
    async def main() -> None:
        async with mill("group_by: prefix, max_wait: 20s") as mill_:
            mill_.ask("1")
            await mill_.until(lambda: mill_.arrived == ["1"])
            _, writer = await asyncio.open_connection("127.0.0.1", mill_.port)
            writer.write(request("POST", CHAT, [JSON_TYPE], json.dumps(chat("2")).encode()))
            await mill_.until(lambda: mill_.counts()["waiting"] == 1)
            writer.close()
            await mill_.until(lambda: mill_.counts()["waiting"] == 0)
            await mill_.end("1")
            await mill_.settled()
            assert mill_.arrived == ["1"]
            assert mill_.counts()["left"] == 1

    run(main())


def test_where_a_prompt_stays_in_its_slot_one_follows_the_other() -> None:
    async def main() -> None:
        async with mill("group_by: prefix, max_wait: 20s", kind="llamacpp") as mill_:
            reader, writer = await asyncio.open_connection("127.0.0.1", mill_.port)
            writer.write(request("POST", CHAT, [JSON_TYPE], json.dumps(chat("1")).encode()))
            await mill_.until(lambda: mill_.arrived == ["1"])
            where = mill_.a if mill_.a.arrived else mill_.b
            mill_.ask("2")
            await mill_.until(lambda: mill_.counts()["waiting"] == 1)
            mill_.ask("3")
            await mill_.until(lambda: mill_.counts()["waiting"] == 2)
            where.go("1")
            assert b"200" in await reader.readuntil(b"\r\n\r\n")
            await reader.readuntil(b"\n\n")  # its first token is with its caller, and lets nobody go
            assert mill_.arrived == ["1"]
            where.end("1")
            await mill_.until(lambda: where.arrived == ["1", "2"])
            where.end("2")
            await mill_.until(lambda: where.arrived == ["1", "2", "3"])
            where.end("3")
            writer.close()
            await mill_.settled()

    run(main())


def test_a_reload_leaves_those_who_wait_as_they_are() -> None:
    async def main() -> None:
        async with mill("group_by: prefix, max_wait: 20s") as mill_:
            tasks = mill_.ask("1")
            await mill_.until(lambda: mill_.arrived == ["1"])
            tasks += mill_.ask("2")
            await mill_.until(lambda: mill_.counts()["waiting"] == 1)
            text = mill_.gateway.path.read_text()
            mill_.gateway.path.write_text(text.replace("group_by: prefix", "group_by: none"))
            assert (await mill_.gateway.team.reload())["ok"]
            assert mill_.counts()["waiting"] == 1
            await mill_.end("1", "2")
            assert {answer.status for answer in await asyncio.gather(*tasks)} == {200}
            await mill_.settled()

    run(main())


def test_whole_answers_are_released_at_their_head_or_when_the_prompt_must_have_been_computed() -> None:
    async def main() -> None:
        async with mill("group_by: prefix, max_wait: 20s, remember: 0s") as mill_:
            mill_.ask("1", stream=False)
            await mill_.until(lambda: mill_.arrived == ["1"])
            mill_.ask("2", stream=False)
            await mill_.until(lambda: mill_.counts()["waiting"] == 1)
            await mill_.end("1")
            await mill_.until(lambda: "2" in mill_.arrived)
            await mill_.end("2", "s")
            await asyncio.gather(*mill_.ask("s"))  # a stream: now it is known how long that takes
            mill_.ask("3", stream=False)
            await mill_.until(lambda: "3" in mill_.arrived)
            mill_.ask("4", stream=False)
            await mill_.until(lambda: "4" in mill_.arrived)  # though the answer of 3 has not begun
            await mill_.end("3", "4")
            await mill_.settled()

    run(main())


@pytest.mark.semantic
def test_calls_about_the_like_wait_for_a_place_together() -> None:
    async def main() -> None:
        async with mill("group_by: similarity, slots: 1, threshold: 0.6, max_wait: 20s") as mill_:
            mill_.ask("1", system="")
            await mill_.until(lambda: mill_.arrived == ["1"])
            texts = [
                "How do I bake bread with rye flour?", "How long does rye bread bake?", "Who wrote the opera Carmen?",
            ]  # fmt: skip
            for number, text in enumerate(texts, 1):
                mill_.ask(text, system="")
                await mill_.until(lambda number=number: mill_.counts()["waiting"] == number)
            assert mill_.counts()["groups"] == 2
            await mill_.end("1")
            await mill_.until(lambda: len(mill_.arrived) == 3)
            together = mill_.a if texts[0] in mill_.a.arrived else mill_.b
            assert set(texts[:2]) <= set(together.arrived)
            assert mill_.counts()["waiting"] == 1
            await mill_.end(*texts)
            await mill_.settled()

    run(main())


def test_without_weights_the_config_is_refused_with_the_command_that_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    from penstock import assemble_embedder

    def missing(name: str) -> None:
        raise assemble_embedder.WeightsError("run: penstock semantic install")

    monkeypatch.setattr(assemble_embedder, "embedder", missing)

    async def main() -> None:
        async with running_gateway(OPEN_ECHO) as gateway:
            grouped = gateway.gateway.grouped
            assert grouped is not None
            config = Config.parse(OPEN_ECHO + "grouping: {group_by: similarity}\n", "c.yaml", os.environ)
            with pytest.raises(ConfigError, match=r"grouping\.embedder: run: penstock semantic"):
                grouped.stage(config)

    run(main())
