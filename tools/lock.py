"""Writes the hash-locked requirement files: ``python tools/lock.py [--upgrade]``.

Enters: pyproject.toml and the present locks, whose pins are kept unless ``--upgrade``. Leaves: requirements/*.txt for
every Python from 3.11 and every platform. No registry address is written into them. Fails with the resolver's words.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from declared import ROOT, declared, mark

HEADER = "# Written by tools/lock.py; edit pyproject.toml instead."


def resolver(folder: Path) -> Path:
    """An environment of its own with uv in it; its path."""
    venv.create(folder, with_pip=True)
    subprocess.run([folder / "bin" / "python", "-m", "pip", "install", "--quiet", "uv"], check=True)
    return folder / "bin" / "uv"


def compiled(uv: Path, requirements: list[str], present: Path, constraint: Path | None, upgrade: bool) -> str:
    """The locked text. ``constraint`` is a lock whose pins must be followed."""
    command = [str(uv), "pip", "compile", "-", "--universal", "--python-version", "3.11", "--generate-hashes"]
    command += ["--no-header", "--quiet", "--output-file", str(present)]
    if upgrade:
        command.append("--upgrade")
    if constraint is not None:
        command += ["--constraint", str(constraint)]
    subprocess.run(command, input="\n".join(requirements), text=True, check=True, stdout=subprocess.DEVNULL)
    return present.read_text()


def clean(text: str) -> str:
    """Without addresses of registries and without the names of temporary files."""
    text = re.sub(r"^(--(index-url|extra-index-url|find-links)|-[if]) .*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"^ +#( via)? +-c .*\n", "", text, flags=re.MULTILINE)
    return re.sub(r"# via\n +#   (\S+)\n(?! +#)", r"# via \1\n", text)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions instead of keeping the pins")
    upgrade = parser.parse_args(argv).upgrade
    folder = ROOT / "requirements"
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        uv = resolver(Path(scratch) / "uv")
        constraint: Path | None = None
        for name, requirements in declared().items():
            lock = folder / f"{name}.txt"
            text = clean(compiled(uv, requirements, lock, constraint, upgrade))
            lock.write_text(f"{HEADER}\n{mark(requirements)}\n{text}")
            constraint = constraint or lock
            print(f"{lock.relative_to(ROOT)}: {text.count('==')} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
