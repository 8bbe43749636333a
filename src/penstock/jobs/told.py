"""What callers are told of files, jobs and lines, in the words of the OpenAI and Anthropic APIs. Pure.

Enters: a StoredFile, a Job, an Outcome. Leaves: plain values, or the bytes of a line of an output file.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from penstock.jobs.job import ENDED, Counts, Job, StoredFile
from penstock.jobs.record import Outcome

EXPIRED = ("batch_expired", "This request could not be executed before the completion window expired.")
CANCELLED = ("batch_cancelled", "This request was not executed because the batch was cancelled.")


def file_object(file: StoredFile) -> dict[str, Any]:
    """OpenAI's File."""
    return {
        "id": file.id, "object": "file", "bytes": file.bytes, "created_at": int(file.created),
        "expires_at": None if file.expires is None else int(file.expires),
        "filename": file.filename, "purpose": file.purpose, "status": "processed", "status_details": None,
    }  # fmt: skip


def batch_object(job: Job, counts: Counts) -> dict[str, Any]:
    """OpenAI's Batch."""
    problems = [
        {"code": one.code, "line": one.line, "message": one.message, "param": one.param} for one in job.problems
    ]
    return {
        "id": job.id, "object": "batch", "endpoint": job.endpoint, "model": job.model or None,
        "errors": {"object": "list", "data": problems} if problems else None,
        "input_file_id": job.input_file, "completion_window": job.window, "status": job.status,
        "output_file_id": job.output_file or None, "error_file_id": job.error_file or None,
        "created_at": int(job.created), "in_progress_at": _second(job.begun), "expires_at": int(job.expires),
        "finalizing_at": _second(job.finalizing), "completed_at": _ended(job, "completed"),
        "failed_at": _ended(job, "failed"), "expired_at": _ended(job, "expired"),
        "cancelling_at": _second(job.cancelling), "cancelled_at": _ended(job, "cancelled"),
        "request_counts": {"total": job.total, "completed": counts.completed, "failed": counts.failed},
        "usage": {
            "input_tokens": counts.tokens_in, "input_tokens_details": {"cached_tokens": counts.tokens_cached},
            "output_tokens": counts.tokens_out, "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": counts.tokens_in + counts.tokens_out,
        },
        "metadata": job.metadata,
    }  # fmt: skip


def message_batch_object(job: Job, counts: Counts) -> dict[str, Any]:
    """Anthropic's MessageBatch. Its counts are final only when it has ended, as Anthropic's are."""
    ended = job.status in ENDED
    left = max(0, job.total - counts.completed - counts.failed)
    stopped = {"cancelled": "canceled", "expired": "expired"}.get(job.status, "errored")
    numbers = {"processing": 0, "succeeded": counts.completed, "errored": counts.failed, "canceled": 0, "expired": 0}
    numbers[stopped if ended else "processing"] += left
    return {
        "id": job.id, "type": "message_batch", "created_at": _moment(job.created), "expires_at": _moment(job.expires),
        "processing_status": "ended" if ended else "canceling" if job.cancelling else "in_progress",
        "request_counts": numbers, "ended_at": _moment(job.ended) if ended else None, "archived_at": None,
        "cancel_initiated_at": _moment(job.cancelling) if job.cancelling else None,
        # Without a host: it is meant below whatever address the caller knows us by.
        "results_url": f"/v1/messages/batches/{job.id}/results" if ended else None,
    }  # fmt: skip


def output_line(job: Job, outcome: Outcome) -> bytes:
    """A line of OpenAI's output or error file."""
    answered = outcome.status > 0
    return msgspec.json.encode(
        {
            "id": f"batch_req_{job.id.rpartition('_')[2]}_{outcome.n}",
            "custom_id": outcome.custom_id,
            "response": {
                "status_code": outcome.status, "request_id": outcome.request_id, "body": outcome.body,
            } if answered else None,
            "error": None if answered else {"code": outcome.code, "message": outcome.message},
        }
    ) + b"\n"  # fmt: skip


def result_line(job: Job, outcome: Outcome) -> bytes:
    """A line of Anthropic's results."""
    result: dict[str, Any]
    if outcome.kind == "ok":
        result = {"type": "succeeded", "message": outcome.body}
    elif outcome.code == EXPIRED[0]:
        result = {"type": "expired"}
    elif outcome.code == CANCELLED[0]:
        result = {"type": "canceled"}
    elif outcome.status > 0:
        result = {"type": "errored", "error": outcome.body}
    else:
        error = {"type": "api_error", "message": outcome.message}
        result = {"type": "errored", "error": {"type": "error", "error": error}}
    return msgspec.json.encode({"custom_id": outcome.custom_id, "result": result}) + b"\n"


def admin_row(job: Job, counts: Counts) -> dict[str, Any]:
    """What an operator sees of a job."""
    return {
        "id": job.id, "key": job.key, "status": job.status, "endpoint": job.endpoint, "model": job.model,
        "created": job.created, "expires": job.expires, "ended": job.ended, "total": job.total,
        "completed": counts.completed, "failed": counts.failed, "tokens_in": counts.tokens_in,
        "tokens_out": counts.tokens_out, "micro_dollars": counts.micro_dollars,
        "delegated_to": job.delegated.upstream if job.delegated is not None else "",
    }  # fmt: skip


def _second(moment: float) -> int | None:
    return int(moment) if moment else None


def _ended(job: Job, status: str) -> int | None:
    return int(job.ended) if job.status == status else None


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
