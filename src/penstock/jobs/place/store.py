"""A folder on disk in which things (folders with a few files) appear whole, change whole and go whole.

Enters: names and bytes. Leaves: the same after any crash: what is new is made under ``tmp`` and renamed, with its bytes
on the disk before. May fail: OSError, as the disk says it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Sequence

LOCK = "lock"
TEMPORARY = "tmp"
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class Draft:
    """A thing while it is made: a folder under ``tmp``, whose lock tells that its maker lives."""

    def __init__(self, place: Place, name: str) -> None:
        self._place = place
        self.path = os.path.join(place.root, TEMPORARY, name)
        os.makedirs(self.path, mode=0o700)
        self._lock = take_lock(self.path)
        self._open: dict[str, int] = {}

    def write(self, name: str, data: bytes) -> None:
        """Append to the file ``name`` in it."""
        file = self._open.get(name)
        if file is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            file = self._open[name] = os.open(os.path.join(self.path, name), flags, 0o600)
        self._place.write(file, data)

    def link(self, name: str, source: str) -> None:
        """The file ``name`` in it is the one at ``source``, which may go."""
        target = os.path.join(self.path, name)
        try:
            os.link(source, target)
        except OSError as error:
            if error.errno in (errno.ENOENT, *FULL):
                raise
            shutil.copyfile(source, target)

    def publish(self, where: Sequence[str]) -> bool:
        """Make it the thing at ``where``. False when there is one: then it stays."""
        try:
            for file in self._open.values():
                self._place.sync(file)
            self._close()
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(self.path, LOCK))
            sync_folder(self.path)
            target = self._place.path(*where)
            os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
            try:
                os.rename(self.path, target)
            except OSError as error:
                if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                    raise
                return False
            sync_folder(os.path.dirname(target))
            return True
        finally:
            self.drop()

    def drop(self) -> None:
        """Leave nothing of it."""
        self._close()
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _close(self) -> None:
        while self._open:
            os.close(self._open.popitem()[1])


class Place:
    """See the module. ``write`` and ``sync`` are where bytes meet the disk."""

    def __init__(
        self,
        root: str,
        write: Callable[[int, bytes], None] | None = None,
        sync: Callable[[int], None] = os.fsync,
    ) -> None:
        self.root = root
        self.write = write or write_all
        self.sync = sync

    def path(self, *names: str) -> str:
        """Where it is."""
        return os.path.join(self.root, *names)

    @property
    def exists(self) -> bool:
        """Whether anything was ever kept."""
        return os.path.isdir(self.root)

    def draft(self, name: str) -> Draft:
        """Begin a thing."""
        os.makedirs(self.path(TEMPORARY), mode=0o700, exist_ok=True)
        return Draft(self, name)

    def read(self, *names: str) -> bytes | None:
        """A file of a thing; None where there is none."""
        try:
            with open(self.path(*names), "rb") as file:
                return file.read()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def replace(self, data: bytes, *names: str, sync: bool = True) -> None:
        """Write a file of a thing anew: readers see the old one or the new."""
        path = self.path(*names)
        beside = f"{path}.{os.getpid()}.new"
        file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            self.write(file, data)
            if sync:
                self.sync(file)
            os.rename(beside, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(beside)
            raise
        finally:
            os.close(file)
        if sync:
            sync_folder(os.path.dirname(path))

    def names(self, *names: str) -> list[str]:
        """What is in a folder, sorted; nothing where there is none."""
        try:
            return sorted(os.listdir(self.path(*names)))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def remove(self, *names: str) -> bool:
        """Take a thing away, at once for all who look. False where there is none."""
        gone = self.path(TEMPORARY, f"{names[-1]}.gone")
        os.makedirs(os.path.dirname(gone), mode=0o700, exist_ok=True)
        shutil.rmtree(gone, ignore_errors=True)
        try:
            os.rename(self.path(*names), gone)
        except (FileNotFoundError, NotADirectoryError):
            return False
        shutil.rmtree(gone, ignore_errors=True)
        return True

    def tidy(self) -> int:
        """Remove what those left behind that died while they made it. Returns how many."""
        removed = 0
        for name in self.names(TEMPORARY):
            path = self.path(TEMPORARY, name)
            lock = take_lock(path)
            if lock is not None:
                shutil.rmtree(path, ignore_errors=True)
                os.close(lock)
                removed += 1
        return removed

    def used(self) -> int:
        """Bytes of all files, one with several names counted once."""
        seen: set[int] = set()
        total = 0
        for folder, _, files in os.walk(self.root):
            for name in files:
                with contextlib.suppress(OSError):
                    status = os.stat(os.path.join(folder, name))
                    if status.st_ino not in seen:
                        seen.add(status.st_ino)
                        total += status.st_size
        return total


def take_lock(folder: str) -> int | None:
    """The lock of a thing, held until it is closed or its holder dies; None while somebody else has it, or no thing is
    there. It is the kernel's: it needs no clock, and nobody can have it who was taken for dead."""
    try:
        lock = os.open(os.path.join(folder, LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return None
    return lock


def write_all(file: int, data: bytes) -> None:
    """All of it. Raises OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def sync_folder(path: str) -> None:
    """What was renamed in it stays so."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
