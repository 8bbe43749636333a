"""A job and a file as they are kept. Pure: moments (wall seconds) and chance are passed in.

Enters: what a caller asks for. Leaves: a Job or StoredFile. May fail: CallerError 400 for what cannot be asked.
"""

from __future__ import annotations

import re
from typing import Any, Literal

import msgspec

from penstock.core.errors import CallerError
from penstock.core.units import parse_duration
from penstock.jobs.lines import Problem, operation_at
from penstock.jobs.record import Sums

FILE = "file-pen-"
BATCH = "batch_pen_"
MESSAGES = "msgbatch_pen_"
MOST_METADATA = 16
DAY = 86400.0

Status = Literal["validating", "failed", "in_progress", "finalizing", "completed", "expired", "cancelling", "cancelled"]
ENDED = frozenset({"failed", "completed", "expired", "cancelled"})
Counts = Sums

_FILE_ID = re.compile(r"file-pen-[0-9a-z]{8,64}")
_JOB_ID = re.compile(r"(?:msg)?batch_pen_[0-9a-z]{8,64}")


class StoredFile(msgspec.Struct, frozen=True):
    """A file of the key ``key``. ``expires`` None: it is kept until it is deleted."""

    id: str
    key: str
    filename: str
    purpose: str
    bytes: int
    created: float
    expires: float | None


class Delegated(msgspec.Struct, frozen=True):
    """Where a job was passed on to. Empty ids are not known yet; ``over``: it came back, done or not."""

    upstream: str
    model: str
    file: str = ""
    batch: str = ""
    over: bool = False


class Job(msgspec.Struct, frozen=True):
    """One job of the key ``key``. Moments are 0 until they have come; ``stopped`` says why it ends before its time."""

    id: str
    key: str
    endpoint: str
    input_file: str
    window: str
    created: float
    expires: float
    status: Status = "validating"
    weight: float = 1.0
    metadata: dict[str, str] | None = None
    keep_output: float | None = None
    model: str = ""
    total: int = 0
    begun: float = 0.0
    finalizing: float = 0.0
    cancelling: float = 0.0
    ended: float = 0.0
    stopped: Literal["", "expired", "cancelled"] = ""
    output_file: str = ""
    error_file: str = ""
    problems: list[Problem] = msgspec.field(default_factory=list)
    delegated: Delegated | None = None

    @property
    def anthropic(self) -> bool:
        """Whether it was asked in Anthropic's words."""
        return self.id.startswith(MESSAGES)

    def changed(self, **facts: Any) -> Job:
        """It with other facts."""
        return msgspec.structs.replace(self, **facts)


class AskedBatch(msgspec.Struct):
    """The body of a ``POST /v1/batches``."""

    input_file_id: str
    endpoint: str
    completion_window: str = "24h"
    metadata: dict[str, str] | None = None
    output_expires_after: dict[str, Any] | None = None


def new_id(prefix: str, wall: float, chance: bytes) -> str:
    """An id that sorts by its time."""
    return f"{prefix}{int(wall * 1000):012x}{chance.hex()}"


def is_file(id: str) -> bool:
    """Whether ``id`` is of a file that is kept here."""
    return _FILE_ID.fullmatch(id) is not None


def is_job(id: str) -> bool:
    """Whether ``id`` is of a job that is kept here."""
    return _JOB_ID.fullmatch(id) is not None


def asked_batch(body: bytes) -> AskedBatch:
    """What ``body`` asks for. Raises CallerError."""
    try:
        return msgspec.json.decode(body, type=AskedBatch)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise CallerError(f"the body is not what /v1/batches takes: {error}", code="invalid_request") from None


def job_of(asked: AskedBatch, id: str, key: str, wall: float, longest: float) -> Job:
    """The job that is asked for. Raises CallerError."""
    if operation_at(asked.endpoint) is None:
        raise CallerError(f"no job can be made of {asked.endpoint[:100]!r}", code="invalid_endpoint", param="endpoint")
    metadata = asked.metadata
    if metadata is not None and (
        len(metadata) > MOST_METADATA or any(len(k) > 64 or len(v) > 512 for k, v in metadata.items())
    ):
        raise CallerError(
            f"metadata has at most {MOST_METADATA} pairs, keys of 64 characters, values of 512",
            code="invalid_metadata", param="metadata",
        )  # fmt: skip
    after = asked.output_expires_after
    return Job(
        id, key, asked.endpoint, asked.input_file_id, asked.completion_window, wall,
        wall + window_of(asked.completion_window, longest), metadata=metadata,
        keep_output=None if after is None else kept_for(after.get("anchor"), after.get("seconds")),
    )  # fmt: skip


def window_of(text: str, longest: float) -> float:
    """Seconds of a ``completion_window``. Raises CallerError."""
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise CallerError(
            f"completion_window: {error}", code="invalid_completion_window", param="completion_window"
        ) from None
    if not 1.0 <= seconds <= longest:
        raise CallerError(
            f"completion_window must be between 1s and {longest / 3600:g}h (jobs.longest)",
            code="invalid_completion_window", param="completion_window",
        )  # fmt: skip
    return seconds


def kept_for(anchor: object, seconds: object) -> float:
    """Seconds of an ``expires_after``. Raises CallerError."""
    text = str(seconds)
    if anchor != "created_at" or not (text.isascii() and text.isdigit()) or not 3600 <= int(text) <= 30 * DAY:
        raise CallerError(
            'expires_after is {"anchor": "created_at", "seconds": 3600 to 2592000}',
            code="invalid_expires_after", param="expires_after",
        )  # fmt: skip
    return float(text)
