"""A job while ``penstock batch run`` waits for it: its file made ready, then a bar on a terminal, else plain lines.

Enters: a file; the id of a job. Leaves: a file as the gateway takes it; the job when it has ended. May fail: Failure.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

from penstock.cli.batch_api import BatchApi
from penstock.cli.caller import shown
from penstock.cli.failure import WRONG_CONFIG, Failure

BAR = 24
POLL_SECONDS = 0.5
PATIENCE_SECONDS = 60.0
"""For a gateway that is away: it may be starting anew, and the job goes on then."""
TOLD_EACH = 0.1
"""Where there is no terminal: a line for each such share."""
ENDED = ("completed", "failed", "expired", "cancelled")


@contextlib.contextmanager
def prepared(path: str, model: str | None) -> Iterator[tuple[str, str]]:
    """The file to upload, and its endpoint. With a ``model`` it is a copy in which no line lacks one."""
    endpoint = _endpoint(path)
    if model is None:
        yield path, endpoint
        return
    with tempfile.NamedTemporaryFile("wb", suffix=".jsonl") as copy:
        with open(path, "rb") as file:
            for line in file:
                copy.write(_with_model(line, model))
        copy.flush()
        yield copy.name, endpoint


def _endpoint(path: str) -> str:
    """What the first line asks; the gateway checks the others."""
    with open(path, "rb") as file:
        for line in file:
            if line.strip():
                break
        else:
            raise Failure(f"{shown(path)} has no lines", WRONG_CONFIG)
    try:
        url = json.loads(line)["url"]
    except (ValueError, KeyError, TypeError, RecursionError):
        url = None
    if not isinstance(url, str):
        raise Failure(
            f'{shown(path)}: the first line is no call: {{"custom_id": …, "method": "POST", "url": …, "body": …}}',
            WRONG_CONFIG,
        )
    return url


def _with_model(line: bytes, model: str) -> bytes:
    try:
        asked = json.loads(line)
        if not asked["body"].get("model"):
            asked["body"]["model"] = model
            return json.dumps(asked, ensure_ascii=False).encode() + b"\n"
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass  # the gateway says what is wrong with it, and where
    return line


class Drawn:
    """What is shown of a job under way, on standard error."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._drawn = False
        self._told = -1.0

    def say(self, line: str) -> None:
        """A line that stays."""
        self.clear()
        print(shown(line, 400), file=sys.stderr, flush=True)

    def draw(self, job: dict[str, Any]) -> None:
        """How far it is."""
        counts = job["request_counts"]
        done = counts["completed"] + counts["failed"]
        share = done / counts["total"] if counts["total"] else 0.0
        text = f"{share:4.0%}  {counts['completed']} answered, {counts['failed']} failed, of {counts['total']}"
        text += f"  {shown(job['status'], 16)}"
        if self._terminal:
            width = os.get_terminal_size(sys.stderr.fileno()).columns or 80
            self.clear()
            sys.stderr.write(f"[{'#' * round(BAR * share):<{BAR}}] {text}"[: width - 1])
            sys.stderr.flush()
            self._drawn = True
        elif share >= self._told + TOLD_EACH or share == 1.0 > self._told:
            self._told = share
            print(text, file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Take the bar away."""
        if self._drawn:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()
            self._drawn = False


def follow(
    api: BatchApi, id: str, drawn: Drawn, sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], float] = time.monotonic,
) -> dict[str, Any]:  # fmt: skip
    """Wait until the job has ended. Interrupted, it goes on without us. Raises Failure."""
    last = now()
    try:
        while True:
            try:
                job = api.job(id)
                last = now()
            except Failure as failure:
                if now() - last > PATIENCE_SECONDS or "cannot be reached" not in str(failure):
                    raise Failure(f"{failure}; the job is {id}") from None
                sleep(POLL_SECONDS)
                continue
            drawn.draw(job)
            if job["status"] in ENDED:
                return job
            sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        drawn.say(f"the job goes on: penstock batch show {id}; penstock batch cancel {id}")
        raise
    finally:
        drawn.clear()
