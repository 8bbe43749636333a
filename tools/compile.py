"""Compiles the files of the hot path with mypyc, into a copy of the package: the source itself stays as it runs.

Enters: ``src/penstock``. Leaves: ``.cache/compiled/penstock``, the same files and beside them the compiled ones, which
Python prefers. Run it by ``make compiled``; wants setuptools and a C compiler. Fails, with what they said, when a
file cannot be compiled.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "penstock"
TARGET = ROOT / ".cache" / "compiled"

HOT = (Path(__file__).parent / "compiled.txt").read_text().split()
"""What a call passes. What is compiled can be no base of what is not. A slice of bytes that ends before it begins is an
error there (mypyc 2.4), not empty."""

SETTINGS = """
[mypy]
python_version = 3.11
strict = True
warn_unused_ignores = False
explicit_package_bases = True
mypy_path = .
"""


def copy() -> None:
    """A fresh copy of the package; what a build before this one left is gone."""
    shutil.rmtree(TARGET, ignore_errors=True)
    ignored = shutil.ignore_patterns("__pycache__", "*.so")
    shutil.copytree(SOURCE, TARGET / "penstock", ignore=ignored)
    (TARGET / "mypy.ini").write_text(SETTINGS)


def build() -> int:
    """Compile in the copy, in a process of its own: mypyc looks at the folder that it is in."""
    return subprocess.run([sys.executable, __file__, "inside"], cwd=TARGET, check=False).returncode


def inside() -> None:
    """What that process does."""
    from mypyc.build import mypycify
    from setuptools import setup  # type: ignore[import-untyped]

    files = [f"penstock/{name}.py" for name in HOT]
    extensions = mypycify(["--config-file=mypy.ini", *files], opt_level="3", debug_level="0", multi_file=True)
    jobs = str(os.cpu_count() or 1)
    setup(
        name="penstock-compiled",
        packages=[],
        ext_modules=extensions,
        script_args=["--quiet", "build_ext", "--inplace", "--parallel", jobs],
    )
    shutil.rmtree("build", ignore_errors=True)


def main() -> int:
    if sys.argv[1:] == ["inside"]:
        inside()
        return 0
    copy()
    failed = build()
    if not failed:
        print(f"compiled {len(HOT)} files into {TARGET.relative_to(ROOT)}: put it before src on PYTHONPATH")
    return failed


if __name__ == "__main__":
    sys.exit(main())
