"""Which wheel is built, and what is in it beside the source."""

import subprocess
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import build_hook
import compile as compiling

ROOT = Path(__file__).parents[2]
FILE = Path("penstock/core/fiber.cpython-311-x86_64-linux-gnu.so")


def hook() -> build_hook.CompiledFiles:
    metadata: Any = SimpleNamespace(core=SimpleNamespace(dependencies=["msgspec>=0.22,<1"]))
    config: Any = None
    return build_hook.CompiledFiles(str(ROOT), {}, config, metadata, str(ROOT / "dist"), "wheel")


def data() -> dict[str, Any]:
    return {"pure_python": True, "infer_tag": False, "force_include": {}}


@pytest.fixture(autouse=True)
def compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that has compiled one file already."""
    monkeypatch.delenv(compiling.PURE, raising=False)
    monkeypatch.setattr(compiling, "obstacle", lambda: "")
    monkeypatch.setattr(compiling, "make", lambda: True)
    monkeypatch.setattr(compiling, "built", lambda: [FILE])


def test_compiled_files_lie_beside_their_source(capsys: pytest.CaptureFixture[str]) -> None:
    given = data()
    hook().initialize("standard", given)
    assert given["force_include"] == {str(compiling.TARGET / FILE): str(FILE)}
    assert (given["pure_python"], given["infer_tag"]) == (False, True)
    assert f"a wheel of this platform with {len(compiling.HOT)} files compiled" in capsys.readouterr().err


def test_without_a_compiler_it_is_pure_and_says_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(compiling, "obstacle", lambda: "there is no C compiler (cc)")
    given = data()
    hook().initialize("standard", given)
    assert given == data()
    assert "a pure wheel, which runs everywhere: there is no C compiler (cc)" in capsys.readouterr().err


def test_in_place_the_source_stays(capsys: pytest.CaptureFixture[str]) -> None:
    given = data()
    hook().initialize("editable", given)
    assert given == data()


def test_what_cannot_be_compiled_is_no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> bool:
        raise subprocess.CalledProcessError(1, "mypyc")

    monkeypatch.setattr(compiling, "make", fail)
    with pytest.raises(RuntimeError, match="PENSTOCK_PURE=1 builds without it"):
        hook().initialize("standard", data())


def test_an_isolated_build_brings_what_compiling_wants(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = hook().dependencies()
    assert {f"mypy=={compiling.pinned('mypy')}", "setuptools"} <= set(wanted)
    assert "msgspec>=0.22,<1" in wanted
    monkeypatch.setenv(compiling.PURE, "1")
    assert hook().dependencies() == []


def test_no_build_compiles_unasked() -> None:
    """Images and users who install from source have neither mypy nor a compiler, and some not even this folder."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    own = project["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]["custom"]
    assert own["enable-by-default"] is False
    assert (ROOT / own["path"]).samefile(build_hook.__file__)
