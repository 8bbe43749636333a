"""The key file: hashes and rights, JSON, readable by its owner alone, replaced as a whole.

Enters: a path. Leaves: a KeyRing that follows the file, and new keys (the only moment at which one is seen). May fail:
KeyFileError, whose message says which file, what is wrong with it, and what to do.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from penstock.auth.keys import MOST_WEIGHT, Entropy, Key, KeyRing, Right, digest, generate, generate_id
from penstock.core.priority import Name

log = logging.getLogger("penstock.auth")
_LARGEST_FILE = 16 * 1024 * 1024
_LONGEST_NAME = 64


class KeyFileError(Exception):
    """The key file cannot be used."""


class _Contents(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    keys: list[Key]


def default_path(environ: Mapping[str, str]) -> str:
    """Where the key file is when the config names none."""
    base = environ.get("XDG_CONFIG_HOME", "")
    if not os.path.isabs(base):
        base = os.path.join(environ.get("HOME") or os.path.expanduser("~"), ".config")
    return os.path.join(base, "penstock", "keys.json")


class KeyStore:
    """One key file. ``open`` it first; ``created_now`` then holds the first key, if it was made just now."""

    def __init__(
        self,
        path: str,
        *,
        wall: Callable[[], float] = time.time,
        entropy: Entropy = secrets.token_bytes,
    ) -> None:
        self.path = path
        self.ring = KeyRing()
        self.keys: list[Key] = []
        self.created_now: str | None = None
        self._wall = wall
        self._entropy = entropy
        self._seen: tuple[int, ...] = ()

    def open(self, *, create: bool = True) -> None:
        """Read the file; if there is none and ``create``, make it with one key that may do everything."""
        if not os.path.lexists(self.path) and not create:
            raise KeyFileError(f"there is no key file {self.path}; the first penstock serve or keys new makes it")
        if os.path.lexists(self.path):
            self._load()
            return
        with self._locked():
            if not os.path.lexists(self.path):  # another process may have been first
                _, self.created_now = self._add("first", ("call", "admin"))
            self._load()

    def refresh(self) -> bool:
        """Read the file again if it changed. A file that went bad is told in the log; the keys known so far stay."""
        try:
            seen = _marks(os.stat(self.path))
        except OSError:
            seen = (-1,)
        if seen == self._seen:
            return False
        try:
            self._load()
        except KeyFileError as error:
            self._seen = seen
            log.error("%s; the keys known so far stay in force", error)
            return False
        log.info("%s was read again: %d active keys", self.path, len(self.ring))
        return True

    def add(self, name: str, rights: Sequence[Right], priority: Name = "normal", weight: int = 1) -> tuple[Key, str]:
        """A new key: its record, and the key itself."""
        with self._locked():
            if os.path.lexists(self.path):
                self._load()
            made = self._add(name, rights, priority, weight)
            self._load()
            return made

    def revoke(self, which: str) -> Key:
        """Revoke the key with the id or name ``which``. Revoking it again changes nothing."""
        with self._locked():
            self._load()
            found = next((key for key in self.keys if key.id == which), None)
            found = found or next((key for key in self.keys if key.name == which and key.active), None)
            if found is None:
                raise KeyFileError(f'no active key has the id or name "{which}"; "penstock keys list" shows them')
            if found.active:
                revoked = msgspec.structs.replace(found, revoked=self._now())
                self._save([revoked if key is found else key for key in self.keys])
                self._load()
                return revoked
            return found

    def _add(self, name: str, rights: Sequence[Right], priority: Name = "normal", weight: int = 1) -> tuple[Key, str]:
        if not 1 <= weight <= MOST_WEIGHT:
            raise KeyFileError(f"a key's weight is between 1 and {MOST_WEIGHT}")
        if not name or len(name) > _LONGEST_NAME or not name.isprintable():
            raise KeyFileError(f"a key's name has 1 to {_LONGEST_NAME} printable characters")
        if any(key.name == name and key.active for key in self.keys):
            raise KeyFileError(f'an active key is already named "{name}"; revoke it first, or choose another name')
        secret = generate(self._entropy)
        key = Key(
            generate_id(self._entropy), name, digest(secret.encode()).hex(), self._now(), tuple(rights),
            priority=priority, weight=weight,
        )  # fmt: skip
        self._save([*self.keys, key])
        return key, secret

    def _now(self) -> datetime:
        return datetime.fromtimestamp(int(self._wall()), UTC)

    def _load(self) -> None:
        data, marks = _read_private(self.path)
        try:
            contents = msgspec.json.decode(data, type=_Contents)
            _check(contents)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise KeyFileError(
                f"the key file {self.path} is damaged ({error}); bring back a copy, or move it away to begin anew"
            ) from None
        self.keys = contents.keys
        self.ring.replace(self.keys)
        self._seen = marks

    def _save(self, keys: list[Key]) -> None:
        text = msgspec.json.format(msgspec.json.encode(_Contents(1, keys)), indent=2) + b"\n"
        try:
            _replace_file(self.path, text)
        except OSError as error:
            raise KeyFileError(f"the key file {self.path} cannot be written: {error.strerror or error}") from None

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Alone among the processes that change this file. The lock is a file of its own, for the other is replaced."""
        folder = os.path.dirname(os.path.abspath(self.path))
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
            _check_folder(folder)
            lock = os.open(self.path + ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise KeyFileError(f"the folder {folder} cannot be used: {error.strerror or error}") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def __repr__(self) -> str:
        return f"<KeyStore {self.path} {self.ring!r}>"


def _marks(status: os.stat_result) -> tuple[int, ...]:
    """What differs when a file was written again or replaced."""
    return (status.st_mtime_ns, status.st_ino, status.st_size, status.st_mode)


def _check(contents: _Contents) -> None:
    if contents.version != 1:
        raise ValueError(f"version {contents.version} is not known here")
    for key in contents.keys:
        if len(key.hash) != 64 or len(bytes.fromhex(key.hash)) != 32:
            raise ValueError(f"the hash of {key.id} is not a SHA-256")
    if len({key.id for key in contents.keys}) != len(contents.keys):
        raise ValueError("two keys have one id")
    if len({key.hash.lower() for key in contents.keys}) != len(contents.keys):
        raise ValueError("two records hold one key")


def _check_folder(folder: str) -> None:
    status = os.stat(folder)
    read_only = os.statvfs(folder).f_flag & os.ST_RDONLY  # a Secret of Kubernetes is mounted so, with mode 1777
    if status.st_mode & 0o022 and not read_only:
        raise KeyFileError(f"others may write to the folder {folder}, and so replace the keys; chmod 700 {folder}")


def _is_lent(status: os.stat_result) -> bool:
    """Whether root lends a file to our group, to be read by it alone: so an orchestrator hands secrets to who is not
    root, and could not otherwise."""
    return status.st_uid == 0 != os.geteuid() and not status.st_mode & 0o037


def _read_private(path: str) -> tuple[bytes, tuple[int, ...]]:
    """The file's bytes. Modes are asked of the open file, so that it cannot be swapped in between."""
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            data = file.read(_LARGEST_FILE + 1)
        _check_folder(os.path.dirname(os.path.abspath(path)))
    except OSError as error:
        raise KeyFileError(f"the key file {path} cannot be read: {error.strerror or error}") from None
    if status.st_mode & 0o077 and not _is_lent(status):
        mode = stat.S_IMODE(status.st_mode)
        raise KeyFileError(f"the key file {path} has mode {mode:04o}: others may touch it; chmod 600 {path}")
    if status.st_uid not in (os.geteuid(), 0):
        raise KeyFileError(f"the key file {path} belongs to another user (uid {status.st_uid})")
    if len(data) > _LARGEST_FILE:
        raise KeyFileError(f"the key file {path} is larger than {_LARGEST_FILE // 2**20} MiB")
    return data, _marks(status)


def _replace_file(path: str, data: bytes) -> None:
    """Write a new file beside ``path`` and rename it there: readers see the old one or the new, also after a crash."""
    folder = os.path.dirname(os.path.abspath(path))
    beside = f"{path}.{os.getpid()}.new"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(beside)
    file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(file, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        os.rename(beside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
