"""Where each peer is installed: a virtual environment or a node folder of its own under the cache, made once.

Enters: what to install, pinned; leaves: the folder. Raises ``RuntimeError`` with the installer's last words.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.machine import CACHE

DONE = "installed.txt"
"""Written last, with what was asked for: an environment without it, or with other words in it, is made anew."""


def python_environment(name: str, packages: Sequence[str], any_version_of: Sequence[str] = ()) -> Path:
    """A virtual environment with ``packages``; names in ``any_version_of`` are freed from the pins that packages set.

    Some releases pin a companion to a version that is not everywhere to be had; where the companion plays no part in
    what is measured, any version of it serves.
    """
    folder = CACHE / name
    wanted = " ".join([*packages, *any_version_of])
    if _is_done(folder, wanted):
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    run([sys.executable, "-m", "venv", str(folder)])
    if any_version_of:
        python = str(folder / "bin" / "python")
        free = folder / "any-version.txt"
        free.write_text("\n".join(any_version_of))
        uv = python_environment("uv", ["uv"]) / "bin" / "uv"
        install = [str(uv), "pip", "install", "-q", "--compile-bytecode", "--system-certs", "--python", python]
        run([*install, "--override", str(free), *packages])
    else:
        run([str(folder / "bin" / "pip"), "install", "-q", "--disable-pip-version-check", *packages])
    (folder / DONE).write_text(wanted)
    return folder


def node_environment(name: str, package: str) -> Path:
    """A folder with one npm package and what it needs."""
    need("npm", "nodejs and npm")
    folder = CACHE / name
    if _is_done(folder, package):
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "package.json").write_text("{}")
    run(["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), package])
    (folder / DONE).write_text(package)
    return folder


def need(program: str, package: str) -> str:
    """The path of a program of the system, installed by apt when we may, else asked for."""
    search = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])
    found = shutil.which(program, path=search)
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        run(["apt-get", "install", "-y", "--no-install-recommends", *package.replace(" and ", " ").split()])
        found = shutil.which(program, path=search)
    if found is None:
        raise RuntimeError(f"{program} is missing: install {package} (Debian and Ubuntu: apt install {package})")
    return found


def _is_done(folder: Path, wanted: str) -> bool:
    done = folder / DONE
    return done.is_file() and done.read_text() == wanted


def run(argv: Sequence[str]) -> None:
    """Run a command to its end, quietly unless it fails."""
    ended = subprocess.run(argv, capture_output=True, text=True)
    if ended.returncode:
        raise RuntimeError(f"{' '.join(argv)} failed:\n{(ended.stdout + ended.stderr)[-2000:]}")
