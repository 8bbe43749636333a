import asyncio

import pytest

from penstock.demo import programme
from penstock.demo.programme import SCENES, VIRTUAL, play, scene
from penstock.demo.telling import Teller
from penstock.demo.theatre import Theatre, TheatreError


def test_every_scene_is_there() -> None:
    assert set(VIRTUAL) < set(SCENES)
    for name in SCENES:
        assert scene(name).TITLE
        assert scene(name).play


def test_a_scene_that_breaks_off_did_not_show_and_the_next_is_played(monkeypatch: pytest.MonkeyPatch) -> None:
    class Good:
        TITLE = "good"

        @staticmethod
        async def play(stage: Theatre, tell: Teller) -> None:
            tell.fact("fine", True)

    class Bad(Good):
        @staticmethod
        async def play(stage: Theatre, tell: Teller) -> None:
            raise TheatreError("no server")

    class Silent(Good):
        @staticmethod
        async def play(stage: Theatre, tell: Teller) -> None: ...

    those = {"bad": Bad, "silent": Silent, "good": Good}
    monkeypatch.setattr(programme, "scene", those.__getitem__)
    lines: list[str] = []
    held = asyncio.run(play(list(those), Theatre(), Teller(lines.append, lambda text, _: text)))
    assert held == {"bad": False, "silent": False, "good": True}
    assert any("broke off: TheatreError: no server" in line for line in lines)
