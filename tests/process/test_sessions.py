import asyncio
from pathlib import Path
from typing import Any

from penstock.edge.sessions import LASTS_SECONDS, LINK_SECONDS, LOCAL_USER
from penstock.process.sessions import DeskOfAll
from tests.process.test_team import Bench, FakeMember


class Told:
    def __init__(self) -> None:
        self.rows: list[Any] = []
        self.time = 0.0

    async def tell(self, name: str, value: Any) -> list[Any]:
        assert name == "sessions"
        self.rows.append(value)
        return []


def made() -> tuple[DeskOfAll, Told]:
    told = Told()
    return DeskOfAll(told.tell, lambda: told.time), told


def test_every_worker_is_told_before_the_answer() -> None:
    async def main() -> None:
        desk, told = made()
        opened = await desk.answer({"do": "open", "by": "key-a"})
        assert [row["by"] for row in told.rows[-1]] == ["key-a"]
        assert opened["token"] not in str(told.rows)
        assert (await desk.answer({"do": "close", "token": opened["token"]})) == {"ok": True}
        assert told.rows[-1] == []

    asyncio.run(main())


def test_a_link_opens_a_session_of_the_local_user_once() -> None:
    async def main() -> None:
        desk, told = made()
        link = (await desk.link(None))["link"]
        opened = await desk.answer({"do": "redeem", "link": link})
        assert (opened["by"], told.rows[-1][0]["keyed"]) == (LOCAL_USER, False)
        assert await desk.answer({"do": "redeem", "link": link}) == {"ok": False}
        late = (await desk.link(None))["link"]
        told.time += LINK_SECONDS
        assert await desk.answer({"do": "redeem", "link": late}) == {"ok": False}
        assert await desk.link({"end": True}) == {"ok": True, "ended": 1}
        assert told.rows[-1] == []

    asyncio.run(main())


def test_a_session_ends_with_its_time() -> None:
    async def main() -> None:
        desk, told = made()
        await desk.answer({"do": "open", "by": "key-a"})
        told.time += LASTS_SECONDS
        assert desk.rows() == []

    asyncio.run(main())


def test_a_worker_that_starts_later_is_told_of_the_sessions_there_are(tmp_path: Path) -> None:
    class Late(FakeMember):
        told: Any = None

        async def ask(self, name: str, value: Any = None, *, within: float = 5.0) -> Any:
            if name == "sessions":
                self.told = value
            return await super().ask(name, value, within=within)

    async def main() -> None:
        team = Bench(tmp_path).team
        early, late = Late(2), Late(3)
        await team.join(early, team.spec)
        assert early.asked == []
        await team.session({"do": "open", "by": "key-a"})
        await team.join(late, team.spec)
        assert [row["by"] for row in late.told] == ["key-a"]
        assert late.told == early.told

    asyncio.run(main())
