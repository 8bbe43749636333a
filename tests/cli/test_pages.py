from pathlib import Path

import pytest

from penstock.cli.failure import Failure
from penstock.cli.pages import find_room, write


def test_it_is_written_where_there_is_room(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    find_room(None)
    for text in ("one", "two"):
        find_room(str(path))
        write(str(path), text)
    assert path.read_text() == "two"


def test_where_there_is_none_it_is_said_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="there is no folder"):
        find_room(str(tmp_path / "gone" / "page.html"))
    with pytest.raises(Failure, match="it is a folder"):
        find_room(str(tmp_path))
    with pytest.raises(Failure, match="cannot be written"):
        write(str(tmp_path), "text")
