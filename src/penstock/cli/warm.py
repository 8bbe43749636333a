"""``penstock warm``: asks a running gateway the commonest prompts before its callers do, so that they are cached.

Enters: a file of prompts, or the gateway's own journal. Leaves: a line of counts, or JSON. May fail: Failure; the exit
status is 0 when all is cached, 1 when something is not, 3 when the budget was spent first.
"""

from __future__ import annotations

import argparse
import os
import time
from functools import partial
from typing import Any, BinaryIO

from penstock.cli.amounts import whole
from penstock.cli.caller import KEY_VARIABLE, Caller, Unreachable, add_caller, callers, shown
from penstock.cli.failure import WRONG_CONFIG, Failure
from penstock.cli.options import add_config, add_json, parser, print_json
from penstock.cli.warm_run import Run, Source
from penstock.cli.warm_shown import Drawing, Share, share_of_file, share_of_items, show_lines, show_patterns
from penstock.cli.warm_source import Found, from_journal, numbered, open_lines, refusal
from penstock.cli.warm_state import State, fingerprint
from penstock.core.units import parse_duration
from penstock.journal.patterns import Pattern
from penstock.journal.warming import Budget, Item, Prices, item_of_line, items_of_patterns

DRAW_SECONDS = 0.1
SAVE_SECONDS = 0.5
INTERRUPTED = 130


def main(arguments: list[str]) -> int:
    """Run the command."""
    options = _parser().parse_args(arguments)
    if (options.file is None) == (not options.from_journal):
        raise Failure("penstock warm: give one of --file and --from-journal", WRONG_CONFIG)
    calls, admin = callers(options)
    if options.from_journal:
        found = from_journal(admin, options.scope, options.model, _since(options.since))
        patterns = found.patterns.commonest(options.top)
        _check_found(found, patterns)
        items = items_of_patterns(patterns, options.per_pattern)
        if options.dry_run:
            return show_patterns(found, patterns, options.json)
        state = State(None, "")
        source: Source = iter([(item.number, partial(_given, item)) for item in items])
        return _run(options, calls, admin, state, source, share_of_items(len(items)))
    with open_lines(options.file) as file:
        if options.dry_run:
            return show_lines(options.file, file, options.model, options.json)
        state = _state(options, calls.root)
        return _run(options, calls, admin, state, _lines(file, options.model), share_of_file(file))


def _parser() -> argparse.ArgumentParser:
    wants = parser(
        "warm",
        "Ask a running gateway the commonest prompts, so that its cache answers them from then on. What is cached\n"
        "already is passed over; calls are made only while the gateway is idle enough; a run that was ended goes on\n"
        "where it was.",
        "A line of the file is {\"prompt\": \"...\"} or {\"messages\": [...]}, with \"model\" and other fields of a\n"
        "call (temperature 0 unless given), or {\"body\": {...}}, sent as it is; \"operation\" says what is asked\n"
        "(chat, completions, responses, messages, embeddings).\n"
        "What is warmed is found by callers in the scope of the key that is used here.\n\n"
        "Exit status: 0 all is cached, 1 something is not, 2 wrong use, 3 the budget was spent before the end.",
    )  # fmt: skip
    wants.add_argument("--file", metavar="FILE", help="prompts, a line of JSON each; - reads standard input")
    many = whole(1, 10**12)
    wants.add_argument("--from-journal", action="store_true", help="the commonest patterns in the gateway's journal")
    wants.add_argument("--top", type=many, default=50, metavar="N", help="so many patterns (50)")
    wants.add_argument("--per-pattern", type=many, default=1, metavar="N", help="prompts of each, up to 8 (1)")
    wants.add_argument("--since", metavar="TIME", help="patterns of calls in this time, such as 24h (all)")
    wants.add_argument("--scope", metavar="ID", help="patterns of calls in this scope, or all (the scope of the key)")
    wants.add_argument("--model", help="the model for lines that name none; with --from-journal, its calls only")
    wants.add_argument("--concurrency", type=many, default=5, metavar="N", help="calls at once, up to 64 (5)")
    wants.add_argument("--idle-below", type=int, default=4, metavar="N", help="hold while more others are served (4)")
    wants.add_argument("--any-time", action="store_true", help="do not look at how busy the gateway is")
    wants.add_argument("--max-tokens", type=many, metavar="N", help="spend so many tokens at most")
    wants.add_argument("--max-dollars", type=float, metavar="D", help="spend so much at most, by the config's prices")
    wants.add_argument("--state", metavar="FILE", help="keep how far it came there (FILE.warmed beside the input)")
    wants.add_argument("--dry-run", action="store_true", help="show what would be asked, and ask nothing")
    add_caller(wants)
    add_config(wants)
    add_json(wants)
    return wants


def _since(text: str | None) -> int:
    if text is None:
        return 0
    try:
        return max(0, int(time.time() - parse_duration(text)))
    except ValueError as error:
        raise Failure(f"penstock warm: --since: {error}", WRONG_CONFIG) from None


def _given(item: Item) -> Item:
    return item


def _lines(file: BinaryIO, model: str | None) -> Source:
    for number, line in numbered(file):
        yield number, partial(item_of_line, line, number, model)


def _state(options: argparse.Namespace, root: str) -> State:
    if options.file == "-":
        return State(None, "")
    path = options.state or f"{options.file}.warmed"
    key = options.key or os.environ.get(KEY_VARIABLE) or ""
    try:
        return State(path, fingerprint(options.file, root, key, options.model or ""))
    except OSError as error:
        raise Failure(f"{shown(options.file)}: cannot be read: {error.strerror or error}", WRONG_CONFIG) from None


def _check_found(found: Found, patterns: list[Pattern]) -> None:
    if patterns:
        return
    if found.others:
        there = ", ".join(f"{shown(scope, 60)} ({count})" for scope, count in found.others.most_common(10))
        raise Failure(
            f"no call in the journal was asked in the scope of this key ({shown(found.scope, 60)}); calls of: {there}."
            " --scope takes another one's, or all; what is warmed is still found in the scope of this key only"
        )
    raise Failure("the journal keeps no prompt that could be warmed yet: come back when calls have been answered")


# ---- running


def _budget(options: argparse.Namespace, admin: Caller) -> Budget:
    prices = Prices({})
    if options.max_dollars is not None:
        try:
            answer = admin.ask("GET", "/admin/v1/config")
        except Unreachable as error:
            raise Failure(str(error)) from None
        if answer.status != 200:
            raise Failure(refusal(answer, "the prices"))
        prices = Prices.of((answer.value or {}).get("upstreams") or {})
        if prices.dearest == (0.0, 0.0):
            raise Failure("--max-dollars needs prices: set upstreams.<name>.price in the config", WRONG_CONFIG)
    return Budget(options.max_tokens, options.max_dollars, prices)


def _run(
    options: argparse.Namespace,
    calls: Caller,
    admin: Caller,
    state: State,
    source: Source,
    share: Share,
) -> int:
    budget = _budget(options, admin)
    drawn = Drawing(share)
    idle_below = None if options.any_time else options.idle_below
    run = Run(calls, admin, budget, state, drawn.say, idle_below=idle_below)
    if state.resumed:
        drawn.insist(f"goes on where it was: {state.next - 1} lines are done")
    run.start(source, min(options.concurrency, 64))
    interrupted = _wait(run, state, budget, drawn)
    state_kept = _save(state, drawn)
    if run.over is not None:
        drawn.insist(str(run.over))
    if not run.over and not interrupted and not run.failed:
        state.forget()
    told: dict[str, Any] = {
        "warmed": run.warmed, "cached": run.cached, "failed": run.failed, "skipped": run.skipped,
        "tokens": budget.tokens, "dollars": round(budget.dollars, 6) if options.max_dollars is not None else None,
        "ended": str(run.over) if run.over else "interrupted" if interrupted else "done", "state_kept": state_kept,
    }  # fmt: skip
    print_json(told) if options.json else print(_line(told))
    if interrupted:
        return INTERRUPTED
    return run.over.status if run.over else 1 if run.failed else 0


def _wait(run: Run, state: State, budget: Budget, drawn: Drawing) -> bool:
    """Until the run has ended. True when it was interrupted: calls that run may end, unless asked a second time."""
    interrupted = False
    saved = time.monotonic()
    while not run.ended.is_set():
        try:
            run.ended.wait(DRAW_SECONDS)
            drawn.draw(run, budget)
            if time.monotonic() - saved > SAVE_SECONDS:
                saved = time.monotonic()
                _save(state, drawn)
        except KeyboardInterrupt:
            if interrupted:
                break
            interrupted = True
            run.stop()
            drawn.insist("ends when the calls that run have ended; once more ends it at once")
    drawn.clear()
    return interrupted


def _save(state: State, drawn: Drawing) -> bool:
    try:
        state.save()
    except OSError as error:
        drawn.say(f"how far it came cannot be kept: {error.strerror or error}")
        return False
    return True


def _line(told: dict[str, Any]) -> str:
    dollars = "" if told["dollars"] is None else f", ${told['dollars']:.4f}"
    skipped = f", {told['skipped']} done before" if told["skipped"] else ""
    return (
        f"{told['warmed']} warmed, {told['cached']} were cached, {told['failed']} failed{skipped};"
        f" {told['tokens']} tokens{dollars}"
    )
