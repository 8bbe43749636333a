"""A job of any size worked off by a Ray cluster: each task asks a gateway for one line.

Enters: the same file as a job of the gateway's. Leaves: the same files of answers; lines that stand in the output
already are not asked again. May fail: Failure where Ray is not installed, or a line is no call.
"""

from __future__ import annotations

import importlib.util
import json
import os
from typing import Any

from penstock.cli.batch_run import Drawn
from penstock.cli.caller import Answer, Caller, Unreachable
from penstock.cli.failure import WRONG_CONFIG, Failure
from penstock.cli.options import print_json

TRIES = 5
LONGEST_WAIT = 60.0
_FULL = (429, 503, 529)


class Ask:
    """What a task does with a line. It travels to the workers, so it holds plain values only."""

    def __init__(self, root: str, key: str, endpoint: str) -> None:
        self._root = root
        self._key = key
        self._endpoint = endpoint

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """``{"line": …}`` becomes ``{"ok": bool, "line": …}``."""
        import time

        asked = json.loads(row["line"])
        caller = Caller(self._root, self._key)
        fields = {"x-penstock-priority": "batch", "idempotency-key": f"ray-{row['name']}-{row['number']}"}
        said, answer = "", None
        for tried in range(TRIES):
            try:
                answer = caller.ask("POST", self._endpoint, json.dumps(asked.get("body")).encode(), fields)
            except Unreachable as error:
                said = str(error)
            if answer is not None and answer.status not in _FULL and answer.status < 500:
                break
            if tried + 1 < TRIES:
                wait = None if answer is None else answer.retry_after
                time.sleep(min(2.0**tried if wait is None else wait, LONGEST_WAIT))
        return {"ok": answer is not None and answer.status == 200, "line": _told(asked, row, answer, said)}


def _told(asked: dict[str, Any], row: dict[str, Any], answer: Answer | None, said: str) -> str:
    """As OpenAI's output files have it."""
    response = None
    if answer is not None:
        request = answer.headers.get("x-request-id", "")
        response = {"status_code": answer.status, "request_id": request, "body": answer.value}
    error = None if answer is not None else {"code": "unreachable", "message": said}
    line = {
        "id": f"batch_req_ray_{row['number']}", "custom_id": asked.get("custom_id"), "response": response,
        "error": error,
    }  # fmt: skip
    return json.dumps(line, ensure_ascii=False)


def run_on_ray(
    path: str, name: str, endpoint: str, caller: Caller, output: str, errors: str, concurrency: int, as_json: bool
) -> int:
    """``name`` stays the same over runs, where ``path`` may be a copy. Exit status 0 when every line was answered
    well. ``RAY_ADDRESS`` says which cluster; else one is begun here."""
    if importlib.util.find_spec("ray") is None:
        raise Failure("--on ray needs the extra ray: pip install 'penstock[ray]'", WRONG_CONFIG)
    done = _done(output)
    rows = _rows(path, name, done)
    counts = {"total": len(rows) + len(done), "completed": len(done), "failed": 0}
    drawn = Drawn()
    if rows:
        _work_off(rows, Ask(caller.root, caller.key, endpoint), output, errors, concurrency, counts, drawn)
    drawn.clear()
    if as_json:
        print_json({"request_counts": counts, "output": output, "errors_file": errors if counts["failed"] else None})
    else:
        print(f"{counts['completed']} answered, {counts['failed']} failed, of {counts['total']}; written: {output}")
    return 0 if counts["completed"] == counts["total"] else 1


def _work_off(
    rows: list[dict[str, Any]], ask: Ask, output: str, errors: str, concurrency: int, counts: dict[str, int],
    drawn: Drawn,
) -> None:  # fmt: skip
    import ray

    ray.init(ignore_reinit_error=True, log_to_driver=False, logging_level="ERROR", include_dashboard=False)
    try:
        ray.data.DataContext.get_current().enable_progress_bars = False  # ours is drawn
        pieces = max(1, min(len(rows), 4 * concurrency))
        # A call waits and computes nothing: many go on one processor.
        asked = ray.data.from_items(rows, override_num_blocks=pieces).map(ask, num_cpus=1 / max(1, concurrency))
        with open(output, "a", encoding="utf-8") as good, open(errors, "w", encoding="utf-8") as bad:
            for row in asked.iter_rows():
                print(row["line"], file=good if row["ok"] else bad, flush=True)
                counts["completed" if row["ok"] else "failed"] += 1
                drawn.draw({"request_counts": counts, "status": "on ray"})
    finally:
        ray.shutdown()
    if not counts["failed"]:
        os.unlink(errors)


def _rows(path: str, name: str, done: set[str]) -> list[dict[str, Any]]:
    """Lines that are still to be asked. Raises Failure for one that is no call, or stands twice."""
    rows: list[dict[str, Any]] = []
    seen: set[str] = set()
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                custom = json.loads(line)["custom_id"]
            except (ValueError, KeyError, TypeError, RecursionError):
                custom = None
            if not isinstance(custom, str) or custom in seen:
                raise Failure(f"{name}:{number}: the line is no call with a custom_id of its own", WRONG_CONFIG)
            seen.add(custom)
            if custom not in done:
                rows.append({"name": name, "number": number, "line": line.decode()})
    return rows


def _done(output: str) -> set[str]:
    """What an earlier run has answered. A last line that was cut short is taken away."""
    done: set[str] = set()
    whole = 0
    if os.path.exists(output):
        with open(output, "rb+") as file:
            for line in file:
                try:
                    custom = str(json.loads(line)["custom_id"])
                except (ValueError, KeyError, TypeError):
                    break
                if not line.endswith(b"\n"):
                    break
                done.add(custom)
                whole += len(line)
            file.truncate(whole)
    return done
