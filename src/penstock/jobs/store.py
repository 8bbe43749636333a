"""Files and jobs on disk, each key's in a folder of its own. Blocking: it is called in threads.

Enters: StoredFiles, Jobs, keys and ids. Leaves: the same, after any crash. May fail: OSError; CallerError 404 for what
a key does not have; GatewayError 507 where the bound ``jobs.disk`` is reached.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Iterator
from typing import TypeVar

import msgspec

from penstock.core.errors import CallerError, GatewayError
from penstock.jobs.job import ENDED, Counts, Job, StoredFile
from penstock.jobs.place.store import FULL, Draft, Place, take_lock

DATA = "data"
INPUT = "input"
META = "meta.json"
JOB = "job.json"
COUNTS = "counts.json"
CANCEL = "cancel"
LOG = "log"
KEYS, FILES, JOBS = "keys", "files", "batches"
_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,64}")

T = TypeVar("T")


class Shelf:
    """See the module. ``most``: bytes of all that is kept."""

    def __init__(self, place: Place, most: int) -> None:
        self.place = place
        self.most = most
        self.used = 0

    # ---- files

    def draft(self) -> Draft:
        """A file or job while it comes in."""
        return self.place.draft(secrets.token_hex(8))

    def check_room(self, size: int) -> None:
        """Raises GatewayError when ``size`` more bytes are more than may be kept."""
        if self.used + size > self.most:
            raise full("the gateway keeps as many bytes of files as it may (jobs.disk); delete some")

    def keep_file(self, draft: Draft, file: StoredFile) -> None:
        """Publish a draft that has its data."""
        draft.write(META, msgspec.json.encode(file))
        draft.publish((*self._of(file.key), FILES, file.id))
        self.used += file.bytes

    def file(self, key: str, id: str, wall: float) -> StoredFile:
        """Raises CallerError 404."""
        found = _decoded(self.place.read(*self._of(key), FILES, id, META), StoredFile)
        if found is None or (found.expires is not None and found.expires <= wall):
            raise CallerError(f"there is no file '{id}'", status=404, code="file_not_found", param="file_id")
        return found

    def data_path(self, key: str, id: str) -> str:
        """Where a file's bytes are."""
        return self.place.path(*self._of(key), FILES, id, DATA)

    def delete_file(self, key: str, id: str) -> bool:
        """A job that was made of it has its own hold on the data."""
        return self.place.remove(*self._of(key), FILES, id)

    def files(self, key: str) -> list[str]:
        """Ids, the oldest first."""
        return self.place.names(*self._of(key), FILES)

    # ---- jobs

    def keep_job(self, draft: Draft, job: Job) -> None:
        """Publish a job; its input is in the draft, or is the file that it names."""
        if job.input_file:
            draft.link(INPUT, self.data_path(job.key, job.input_file))
        draft.write(JOB, msgspec.json.encode(job))
        draft.publish((*self._of(job.key), JOBS, job.id))

    def job(self, key: str, id: str) -> Job:
        """As it is now. Raises CallerError 404."""
        found = _decoded(self.place.read(*self._of(key), JOBS, id, JOB), Job)
        if found is None:
            raise CallerError(f"there is no batch '{id}'", status=404, code="batch_not_found", param="batch_id")
        if found.status in ENDED:
            return found
        asked = _decoded(self.place.read(*self._of(key), JOBS, id, CANCEL), float)
        if asked is None:
            return found
        return found.changed(status="finalizing" if found.finalizing else "cancelling", cancelling=asked)

    def counts(self, job: Job) -> Counts:
        """How far it is."""
        return _decoded(self.place.read(*self._of(job.key), JOBS, job.id, COUNTS), Counts) or Counts()

    def jobs(self, key: str) -> list[str]:
        """Ids, the oldest first."""
        return self.place.names(*self._of(key), JOBS)

    def cancel(self, job: Job, wall: float) -> None:
        """Ask whoever runs it to stop."""
        if self.place.read(*self._of(job.key), JOBS, job.id, CANCEL) is None:
            self.place.replace(repr(float(wall)).encode(), *self._of(job.key), JOBS, job.id, CANCEL)

    def save(self, job: Job, counts: Counts | None = None) -> None:
        """Only who has the job's lock may. With its last ``counts``, which are written first."""
        if counts is not None:
            self.save_counts(job, counts, sync=True)
        self.place.replace(msgspec.json.encode(job), *self._of(job.key), JOBS, job.id, JOB)

    def save_counts(self, job: Job, counts: Counts, *, sync: bool = False) -> None:
        """Where it is looked at; the log knows better."""
        self.place.replace(msgspec.json.encode(counts), *self._of(job.key), JOBS, job.id, COUNTS, sync=sync)

    def lock(self, job: Job) -> int | None:
        """The right to run it; None while another has it."""
        return take_lock(self.folder(job))

    def unlock(self, lock: int) -> None:
        """Give it back."""
        os.close(lock)

    def stored(self, job: Job) -> Job | None:
        """As it is on disk."""
        return _decoded(self.place.read(*self._of(job.key), JOBS, job.id, JOB), Job)

    def folder(self, job: Job) -> str:
        """Where it is kept."""
        return self.place.path(*self._of(job.key), JOBS, job.id)

    def delete_job(self, job: Job) -> bool:
        """Take it away, with what is left of its work."""
        return self.place.remove(*self._of(job.key), JOBS, job.id)

    def drop_work(self, job: Job) -> None:
        """An ended job needs neither its input nor its log."""
        for name in (INPUT, LOG):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(self.folder(job), name))

    def all_jobs(self, but: set[str]) -> Iterator[Job]:
        """Everybody's, but for those whose ids are known to have ended."""
        for folder in self.place.names(KEYS):
            for id in self.place.names(KEYS, folder, JOBS):
                if id not in but:
                    found = _decoded(self.place.read(KEYS, folder, JOBS, id, JOB), Job)
                    if found is not None:
                        yield found

    def sweep(self, wall: float, keep: float) -> int:
        """Delete what has expired and what was left half made, and count what is left. Returns how many went."""
        gone = self.place.tidy()
        for folder in self.place.names(KEYS):
            for id in self.place.names(KEYS, folder, FILES):
                file = _decoded(self.place.read(KEYS, folder, FILES, id, META), StoredFile)
                if file is not None and file.expires is not None and file.expires <= wall:
                    gone += self.place.remove(KEYS, folder, FILES, id)
            for id in self.place.names(KEYS, folder, JOBS):
                job = _decoded(self.place.read(KEYS, folder, JOBS, id, JOB), Job)
                if job is not None and job.status in ENDED and job.ended + keep <= wall:
                    gone += self.place.remove(KEYS, folder, JOBS, id)
        self.used = self.place.used()
        return gone

    def _of(self, key: str) -> tuple[str, str]:
        return KEYS, key if _PLAIN.fullmatch(key) else "x" + key.encode().hex()

    def __repr__(self) -> str:
        return f"<Shelf {self.place.root} {self.used}/{self.most}B>"


def full(message: str) -> GatewayError:
    """507: there is no room for it."""
    return GatewayError(message, status=507, code="disk_full", retryable=False)


def told(error: OSError) -> GatewayError:
    """What a caller is told when the disk fails."""
    if error.errno in FULL:
        return full("the disk on which the gateway keeps files is full; nothing of this request was kept")
    return GatewayError(
        f"the gateway cannot keep files now: {error.strerror or error}", code="storage_failed", retry_after=5
    )


def _decoded(data: bytes | None, type: type[T]) -> T | None:
    """None for what is not there or cannot be read: it was written by something else."""
    if data is None:
        return None
    try:
        return msgspec.json.decode(data, type=type)
    except (ValueError, RecursionError):
        return None
