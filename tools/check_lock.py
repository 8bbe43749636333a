"""Do the lock files agree with pyproject.toml and with one another? Prints what does not; exit 1 then.

Enters: pyproject.toml and requirements/*.txt. A pyproject edited after the last lock, a pin outside the range asked
for, a pin without hash, two versions of one package, and an address of a registry are all told.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from declared import ROOT, declared, mark

PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s\\;]+)[^\n]*((?:\n +--hash=sha256:[0-9a-f]{64}[^\n]*)*)", re.MULTILINE)
ADDRESS = re.compile(r"^[^#\n]*(?:--index-url|--extra-index-url|--find-links|://).*$", re.MULTILINE)


def pins(text: str) -> dict[str, tuple[str, bool]]:
    """Package -> (version, whether it has a hash)."""
    return {canonicalize_name(name): (version, bool(hashes)) for name, version, hashes in PIN.findall(text)}


def problems(name: str, requirements: list[str], text: str) -> list[str]:
    """What is wrong with one lock file taken alone."""
    found = []
    if mark(requirements) not in text.splitlines():
        found.append(f"{name}: pyproject.toml has changed since; run tools/lock.py")
    locked = pins(text)
    for requirement in map(Requirement, requirements):
        version, _ = locked.get(canonicalize_name(requirement.name), ("", False))
        if not version:
            found.append(f"{name}: {requirement.name} is not pinned")
        elif not requirement.specifier.contains(version, prereleases=True):
            found.append(f"{name}: {requirement.name} {version} is outside {requirement.specifier}")
    found += [f"{name}: {package} has no hash" for package, (_, hashed) in locked.items() if not hashed]
    found += [f"{name}: address of a registry: {line.strip()}" for line in ADDRESS.findall(text)]
    return found


def disagreements(locks: dict[str, str]) -> list[str]:
    """Packages that two lock files pin to different versions."""
    seen: dict[str, tuple[str, str]] = {}
    found = []
    for name, text in locks.items():
        for package, (version, _) in pins(text).items():
            other, where = seen.setdefault(package, (version, name))
            if other != version:
                found.append(f"{name}: {package} {version}, but {other} in {where}")
    return found


def check(root: Path = ROOT) -> list[str]:
    """Everything wrong under ``root``."""
    found, locks = [], {}
    for name, requirements in declared(root).items():
        path = root / "requirements" / f"{name}.txt"
        if not path.exists():
            found.append(f"{path.name}: missing; run tools/lock.py")
            continue
        locks[path.name] = path.read_text()
        found += problems(path.name, requirements, locks[path.name])
    return found + disagreements(locks)


def main() -> int:
    found = check()
    print("\n".join(found) if found else "locks agree with pyproject.toml")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
