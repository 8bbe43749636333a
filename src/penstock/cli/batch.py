"""``penstock batch``: a file of calls answered as a job of a running gateway; jobs listed, shown and cancelled.

Enters: a JSONL file as OpenAI's batch API takes it, or the id of a job. Leaves: files of answers, lines of text, JSON.
May fail: Failure; the exit status is 0 when every line was answered well, 1 when something was not, 2 for wrong use.
"""

from __future__ import annotations

import argparse
import os
from typing import Any

from penstock.cli.batch_api import BatchApi
from penstock.cli.batch_run import Drawn, follow, prepared
from penstock.cli.caller import add_caller, callers, shown
from penstock.cli.failure import WRONG_CONFIG, Failure
from penstock.cli.moments import printed
from penstock.cli.options import add_config, add_json, parser, print_json

MOST_TOLD = 10
"""Problems of one job; --json has all."""
_COLUMNS = ("id", "status", "created", "endpoint", "total", "ok", "failed", "tokens")


def main(arguments: list[str]) -> int:
    """Run the command."""
    options = _parser().parse_args(arguments)
    if options.do == "run":
        return _run(options)
    caller, _ = callers(options)
    api = BatchApi(caller)
    if options.do == "list":
        return _list(api, options)
    job = api.cancel(options.id) if options.do == "cancel" else api.job(options.id)
    if options.json:
        print_json(job)
    else:
        print("\n".join(told(job)))
    return 0


def _parser() -> argparse.ArgumentParser:
    wants = parser(
        "batch",
        "Have a file of calls answered as a job, in the room that other calls leave.",
        'A line of the file is {"custom_id": "...", "method": "POST", "url": "/v1/chat/completions",'
        ' "body": {...}}.\n\n'
        "Exit status: 0 every line was answered well, 1 something was not, 2 wrong use.",
    )
    does = wants.add_subparsers(dest="do", required=True, metavar="DO")
    run = does.add_parser("run", help="upload a file, wait until it is answered, and write the answers down")
    run.add_argument("file", metavar="FILE", help="the calls, one a line")
    run.add_argument("--output", metavar="FILE", help="the answers (FILE.output.jsonl beside the input)")
    run.add_argument("--errors", metavar="FILE", help="lines that failed (FILE.errors.jsonl beside the input)")
    run.add_argument("--model", help="the model for lines that name none")
    run.add_argument("--window", default="24h", help="how long it may take, such as 2h (24h)")
    run.add_argument("--detach", action="store_true", help="make the job, print its id, and do not wait")
    run.add_argument(
        "--on", choices=("gateway", "ray"), default="gateway",
        help="who works the lines off: the gateway as a job, or tasks on a Ray cluster that call it (extra ray)",
    )  # fmt: skip
    run.add_argument("--concurrency", type=int, default=64, metavar="N", help="tasks at once, with --on ray (64)")
    one = does.add_parser("list", help="the newest jobs")
    one.add_argument("--limit", type=int, default=20, metavar="N", help="so many, up to 100 (20)")
    for name, help in (("show", "how far a job is"), ("cancel", "stop a job; what was answered is kept")):
        one = does.add_parser(name, help=help)
        one.add_argument("id", metavar="ID")
    for sub in does.choices.values():
        add_caller(sub)
        add_config(sub)
        add_json(sub)
    return wants


def _run(options: argparse.Namespace) -> int:
    if not os.path.isfile(options.file):
        raise Failure(f"penstock batch: there is no file {shown(options.file)}", WRONG_CONFIG)
    caller, _ = callers(options)
    stem = options.file.removesuffix(".jsonl")
    output = options.output or f"{stem}.output.jsonl"
    errors = options.errors or f"{stem}.errors.jsonl"
    with prepared(options.file, options.model) as (path, endpoint):
        if options.on == "ray":
            from penstock.cli.batch_ray import run_on_ray

            name = os.path.basename(options.file)
            return run_on_ray(path, name, endpoint, caller, output, errors, options.concurrency, options.json)
        api = BatchApi(caller)
        job = api.create(api.upload(path, os.path.basename(options.file)), endpoint, options.window)
    if options.detach:
        if options.json:
            print_json(job)
        else:
            print(job["id"])
        return 0
    drawn = Drawn()
    job = follow(api, job["id"], drawn)
    return _finish(api, job, output, errors, options.json, drawn)


def _finish(api: BatchApi, job: dict[str, Any], output: str, errors: str, as_json: bool, drawn: Drawn) -> int:
    """Write down what there is, and say how it went."""
    written = {}
    for field, path in (("output_file_id", output), ("error_file_id", errors)):
        if job.get(field):
            api.download(job[field], path)
            written[field] = path
    if as_json:
        print_json(job | {"output": written.get("output_file_id"), "errors_file": written.get("error_file_id")})
    else:
        print("\n".join(told(job)))
        for path in written.values():
            drawn.say(f"written: {path}")
    counts = job["request_counts"]
    return 0 if job["status"] == "completed" and counts["completed"] == counts["total"] else 1


def _list(api: BatchApi, options: argparse.Namespace) -> int:
    jobs = api.jobs(options.limit)
    if options.json:
        print_json(jobs)
        return 0
    rows = [_COLUMNS, *(_cells(job) for job in jobs)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    for row in rows:
        print("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


def _cells(job: dict[str, Any]) -> tuple[str, ...]:
    counts, usage = job["request_counts"], job.get("usage") or {}
    return (
        shown(job["id"], 64), shown(job["status"], 16), printed(job["created_at"]), shown(job["endpoint"], 32),
        str(counts["total"]), str(counts["completed"]), str(counts["failed"]), str(usage.get("total_tokens", 0)),
    )  # fmt: skip


def told(job: dict[str, Any]) -> list[str]:
    """A job in a few lines."""
    counts, usage = job["request_counts"], job.get("usage") or {}
    lines = [
        f"{shown(job['id'], 64)}  {shown(job['status'], 16)}",
        f"  lines   {counts['completed']} answered, {counts['failed']} failed, of {counts['total']}",
        f"  tokens  {usage.get('input_tokens', 0)} in, {usage.get('output_tokens', 0)} out",
    ]
    if job["status"] in ("validating", "in_progress", "cancelling", "finalizing"):
        lines.append(f"  until   {printed(job['expires_at'])}")
    for name in ("output_file_id", "error_file_id"):
        if job.get(name):
            lines.append(f"  {name.partition('_')[0]:<7} {shown(job[name], 80)}")
    problems = (job.get("errors") or {}).get("data") or []
    for problem in problems[:MOST_TOLD]:
        where = f"line {problem['line']}: " if problem.get("line") else ""
        lines.append(f"  wrong   {where}{shown(str(problem['message']))} ({shown(str(problem['code']), 40)})")
    if len(problems) > MOST_TOLD:
        lines.append(f"  wrong   {len(problems) - MOST_TOLD} more")
    return lines
