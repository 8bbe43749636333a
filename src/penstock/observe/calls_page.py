"""The metrics of calls: how many, how they ended, how long each part took, what they used. Pure.

Enters: the board of all workers together. Leaves: samples on a page.
"""

from __future__ import annotations

from penstock.observe.board import Board
from penstock.observe.page import Page

CALL_METRICS: dict[str, tuple[str, str]] = {
    "penstock_requests_total": ("counter", "Calls that ended, by operation, model, upstream, status and whose fault."),
    "penstock_request_seconds": ("histogram", "From the head of a call to the end of its answer."),
    "penstock_first_byte_seconds": ("histogram", "From the head of a call to the first byte of its answer."),
    "penstock_queue_seconds": ("histogram", "What a call waited for others, in all rooms together."),
    "penstock_overhead_seconds": (
        "histogram",
        "Penstock's own share: total less waiting for upstreams and in queues.",
    ),
    "penstock_time_to_first_token_seconds": (
        "histogram", "Of streams that an upstream answered well: from the head of the call to the first event.",
    ),
    "penstock_prefill_seconds": (
        "histogram",
        "About the time in which the model read the prompt: to the first token, less our queue and our own share.",
    ),
    "penstock_inter_token_seconds": (
        "histogram", "Mean inter-token latency of each call that an upstream answered well; 1 / it is tokens a second.",
    ),
    "penstock_upstream_connect_seconds": (
        "histogram", "The making of connections, DNS and TLS included, of the calls that had to wait for one.",
    ),
    "penstock_wait_seconds_total": ("counter", "What calls waited for others, by what made them wait."),
    "penstock_tokens_total": (
        "counter",
        "Tokens told by upstreams: prompt, cached (part of prompt), completion (untold: the events of the stream),"
        " reasoning (part of completion).",
    ),
    "penstock_body_bytes_total": ("counter", "Bytes of bodies, in from callers and out to them."),
    "penstock_in_flight": ("gauge", "Calls being served now."),
    "penstock_callers_left_total": ("counter", "Callers that closed their connection before the end."),
    "penstock_tokens_saved_total": (
        "counter",
        "Completion tokens not generated because their callers had left, estimated from the mean answer.",
    ),
    "penstock_retries_total": ("counter", "Failed attempts after which another was made, by kind of failure."),
    "penstock_rescues_total": (
        "counter",
        "Streams that broke, by how they went on: prefill, prefill_flagged, instruction, restart, ended, failed; moved:"
        " their upstream was to end.",
    ),
    "penstock_hedges_total": (
        "counter",
        "Second attempts beside a late first one, by what came of them: won, lost, failed, left; no_budget: not made.",
    ),
    "penstock_hedge_tokens_total": ("counter", "Prompt tokens of the attempts that such second ones made vain."),
    "penstock_tagged_calls_total": ("counter", "Calls by each label in x-penstock-tags; past 200 labels: other."),
    "penstock_tagged_tokens_total": ("counter", "Tokens in and out of such calls."),
    "penstock_tagged_revenue_dollars_total": (
        "counter", "What callers said that answers are worth to them (the tag revenue), of calls served and lost.",
    ),
    "penstock_feedback_total": ("counter", "Answers of which callers said what they thought, by model."),
    "penstock_feedback_score_total": ("counter", "The sum of their scores, each 0 (bad) to 1 (good)."),
}  # fmt: skip


def put_calls(page: Page, board: Board) -> None:
    """Write what ``board`` counted."""
    for (operation, model, upstream, status, fault), tally in board.tallies.items():
        page.put(
            "penstock_requests_total", tally.calls,
            operation=operation, model=model, upstream=upstream, status=status, fault=fault or "none",
        )  # fmt: skip
    for metric, column in (("request", "request"), ("first_byte", "first_byte"), ("queue", "queue")):
        for (operation, model), times in board.times.items():
            page.put_histogram(f"penstock_{metric}_seconds", times.of[column], operation=operation, model=model)
    page.put_histogram("penstock_overhead_seconds", board.overhead)
    for metric, column in (
        ("time_to_first_token", "first_token"), ("prefill", "prefill"), ("inter_token", "gap"),
        ("upstream_connect", "connect"),
    ):  # fmt: skip
        for (model, upstream), times in board.tokens.items():
            page.put_histogram(f"penstock_{metric}_seconds", times.of[column], model=model, upstream=upstream)
    for room, seconds in board.waits.items():
        page.put("penstock_wait_seconds_total", seconds, room=room)
    _tokens(page, board)
    page.put("penstock_in_flight", board.in_flight)
    page.put("penstock_callers_left_total", board.left)
    page.put("penstock_tokens_saved_total", round(board.saved))
    for (kind, upstream), number in board.retries.items():
        page.put("penstock_retries_total", number, kind=kind, upstream=upstream)
    for how, number in board.rescues.items():
        page.put("penstock_rescues_total", number, how=how)
    for how, number in board.hedges.items():
        page.put("penstock_hedges_total", number, outcome=how)
    page.put("penstock_hedge_tokens_total", round(board.hedge_tokens))
    for at, metric in enumerate(("penstock_tagged_calls_total", "penstock_tagged_tokens_total")):
        for (name, said), counts in board.tags.labels.items():
            page.put(metric, counts[at], tag=f"{name}={said}")
    for at, metric in enumerate(("penstock_feedback_total", "penstock_feedback_score_total")):
        for model, heard in board.heard.items():
            page.put(metric, heard[at], model=model)
    for (model, served), dollars in board.tags.revenue.items():
        outcome = "served" if served else "lost"
        page.put("penstock_tagged_revenue_dollars_total", dollars, model=model, outcome=outcome)


def _tokens(page: Page, board: Board) -> None:
    tokens: dict[tuple[str, str, str], int] = {}
    body_bytes = {"in": 0, "out": 0}
    for (_, model, upstream, *_), tally in board.tallies.items():
        for kind, number in (
            ("prompt", tally.tokens_in), ("cached", tally.tokens_cached), ("completion", tally.tokens_out),
            ("reasoning", tally.tokens_reasoning),
        ):  # fmt: skip
            tokens[model, upstream, kind] = tokens.get((model, upstream, kind), 0) + number
        body_bytes["in"] += tally.bytes_in
        body_bytes["out"] += tally.bytes_out
    for (model, upstream, kind), number in tokens.items():
        page.put("penstock_tokens_total", number, model=model, upstream=upstream, kind=kind)
    for direction, number in body_bytes.items():
        page.put("penstock_body_bytes_total", number, direction=direction)
