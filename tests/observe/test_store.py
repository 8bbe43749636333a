from pathlib import Path

from penstock.observe.store import probe


def test_a_disk_tells_what_is_free_and_how_long_a_write_took_and_keeps_nothing(tmp_path: Path) -> None:
    free, seconds = probe(str(tmp_path))
    assert free is not None
    assert 0 <= free <= 1
    assert seconds is not None
    assert seconds > 0
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_tells_nothing(tmp_path: Path) -> None:
    assert probe(str(tmp_path / "none")) == (None, None)
