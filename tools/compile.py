"""Compiles the files of the hot path with mypyc, into a copy of the package: the source itself stays as it runs.

Enters: ``src/penstock``, ``compiled.txt``. Leaves: ``.cache/compiled/penstock``, the same files and beside them the
compiled ones, which Python prefers; what would come out the same is left. Wants what ``obstacle`` asks for: exit 3,
with its words, where that is missing. Fails, with what mypyc or the compiler said, when a file cannot be compiled.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.metadata
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "penstock"
TARGET = ROOT / ".cache" / "compiled"
STAMP = TARGET / "stamp"
CANNOT = 3
"""The exit status where nothing can be compiled."""

PURE = "PENSTOCK_PURE"
"""Set in the environment to anything but 0, it keeps everything as its source."""

HOT = (Path(__file__).parent / "compiled.txt").read_text().split()
"""What a call passes. What is compiled can be no base of what is not. A slice of bytes that ends before it begins is an
error there (mypyc 2.4), not empty."""

GROUP = "penstock.hot"
"""All code is in one library, ``penstock/hot__mypyc``, with a stub where each file is. Without a name the library would
be called by a digest, and lie outside the package."""

TOGETHER = ["-flto=auto", "-fvisibility=hidden"]
"""For the compiler: seen together, and from nowhere else, calls from file to file cost little."""
LINKED = ["-O3", "-Wl,-S", *TOGETHER]
"""For the linker, which leaves the names of functions and drops all else that is for a debugger."""

SETTINGS = """
[mypy]
python_version = 3.11
strict = True
warn_unused_ignores = False
follow_imports = silent
explicit_package_bases = True
mypy_path = .
"""


def pinned(name: str) -> str:
    """The version of a package that this project is developed with."""
    lock = (ROOT / "requirements" / "dev.txt").read_text()
    found = re.search(rf"^{re.escape(name)}==([^\s;]+)", lock, re.MULTILINE)
    if found is None:
        raise LookupError(f"requirements/dev.txt does not name {name}")
    return found[1]


def pure() -> bool:
    """Whether nothing is to be compiled."""
    return os.environ.get(PURE, "") not in ("", "0")


def compiler() -> list[str]:
    """The command of the C compiler."""
    return shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")


def links_together() -> bool:
    """Whether compiler and linker can do what ``TOGETHER`` and ``LINKED`` ask for."""
    with tempfile.TemporaryDirectory() as folder:
        source, made = Path(folder, "probe.c"), Path(folder, "probe.so")
        source.write_text("int probe(void) { return 0; }\n")
        argv = [*compiler(), *LINKED, "-shared", "-fPIC", str(source), "-o", str(made)]
        return subprocess.run(argv, capture_output=True).returncode == 0


def obstacle() -> str:
    """Why nothing can be compiled by this Python on this machine; empty if it can."""
    if sys.implementation.name != "cpython" or os.name != "posix":
        return "only CPython on Linux or macOS is compiled for"
    if pure():
        return f"{PURE} is set"
    wanted = pinned("mypy")
    for name, version in (("mypy", wanted), ("setuptools", "")):
        if importlib.util.find_spec(name) is None:
            return f"{name} {version}".strip() + " is not installed"
    if (found := importlib.metadata.version("mypy")) != wanted:
        return f"mypy is {found} here, and {wanted} in requirements/dev.txt"
    if shutil.which(compiler()[0]) is None:
        return f"there is no C compiler ({compiler()[0]})"
    if not Path(sysconfig.get_path("include"), "Python.h").is_file():
        return "the headers of Python are not installed (Debian: python3-dev)"
    return ""


def built(root: Path = TARGET) -> list[Path]:
    """What was compiled for this Python, relative to ``root``."""
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    return sorted(path.relative_to(root) for path in (root / "penstock").rglob(f"*{suffix}"))


def stamp() -> str:
    """A line for how is compiled, and one for what: types of files that stay as they are count, too."""
    how = hashlib.sha256(Path(__file__).read_bytes())
    how.update(f"{importlib.metadata.version('mypy')} {sysconfig.get_config_var('SOABI')} {compiler()}".encode())
    what = hashlib.sha256(" ".join(HOT).encode())
    for path in sorted(SOURCE.rglob("*.py")):
        what.update(f"\0{path.relative_to(SOURCE)}\0".encode() + path.read_bytes())
    return f"{how.hexdigest()}\n{what.hexdigest()}\n"


def copy(source: Path = SOURCE, target: Path = TARGET / "penstock") -> None:
    """Make ``target`` what ``source`` is; compiled files stay, and what is the same is not touched."""
    wanted = {
        path.relative_to(source) for path in source.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    }
    for path in [path for path in target.rglob("*") if path.is_file() and path.suffix != ".so"]:
        if path.relative_to(target) not in wanted:
            path.unlink()
    for name in wanted:
        old, new = target / name, source / name
        if not old.is_file() or old.read_bytes() != new.read_bytes():
            old.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(new, old)


def make() -> bool:
    """Bring the copy up to date, one process at a time; whether anything was compiled. Raises CalledProcessError."""
    TARGET.parent.mkdir(exist_ok=True)
    with TARGET.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _make()


def _make() -> bool:
    asked = stamp()
    known = STAMP.read_text() if STAMP.is_file() else ""
    if known.partition("\n")[0] != asked.partition("\n")[0]:
        shutil.rmtree(TARGET, ignore_errors=True)
    copy()
    if known == asked:
        return False
    STAMP.unlink(missing_ok=True)
    for path in TARGET.rglob("penstock/**/*.so"):  # what is compiled no more; the others are still under ``build``
        path.unlink()
    (TARGET / "mypy.ini").write_text(SETTINGS)
    # In a process of its own: mypyc looks at the folder that it is in.
    subprocess.run([sys.executable, __file__, "inside"], cwd=TARGET, check=True)
    STAMP.write_text(asked)
    return True


def inside() -> None:
    """What that process does. C that comes out as it was is not compiled again."""
    from mypyc.build import mypycify
    from setuptools import setup  # type: ignore[import-untyped]

    files = [f"penstock/{name}.py" for name in HOT]
    extensions = mypycify(
        ["--config-file=mypy.ini", *files], opt_level="3", debug_level="0", multi_file=True, group_name=GROUP
    )
    together = links_together()
    for extension in extensions:  # mypyc 2.4 writes a group's headers where its name says, and does not look there
        extension.include_dirs.append("build/penstock")
        if together:
            extension.extra_compile_args += TOGETHER
            extension.extra_link_args += LINKED
    setup(
        name="penstock-compiled",
        packages=[],
        ext_modules=extensions,
        script_args=["--quiet", "build_ext", "--inplace", "--parallel", str(os.cpu_count() or 1)],
    )


def main(argv: list[str]) -> int:
    if argv == ["inside"]:
        inside()
        return 0
    if why := obstacle():
        print(f"nothing is compiled: {why}", file=sys.stderr)
        return CANNOT
    try:
        done = make()
    except subprocess.CalledProcessError as error:
        return error.returncode
    words = "compiled" if done else "as it was:"
    print(f"{words} {len(HOT)} files in {TARGET.relative_to(ROOT)}; put it before src on PYTHONPATH")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
