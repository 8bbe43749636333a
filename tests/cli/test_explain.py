import json

import pytest

from penstock.cli.main import main
from penstock.pipeline import ROOMS


def test_every_room_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    places = [out.index(f"{number} {room.name} {room.why}") for number, room in enumerate(ROOMS, 1)]
    assert places == sorted(places)


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [room["name"] for room in told] == [room.name for room in ROOMS]
    assert all(room["installed"] and room["why"] for room in told)
