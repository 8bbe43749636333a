"""Why a call would go where: the entry, each candidate's terms, who is left out and for what reason, and the winner.

Enters: a body as a caller would send it, and whose it is. Leaves: a plain object. Nothing is sent, and nothing learned:
the decision is made on a copy (``record.py``, ``replay.py``). Fails with CallerError as the call would. Pure.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, cast

from penstock.core.call import Call, Headers
from penstock.core.errors import CallerError
from penstock.core.exchange import Exchange
from penstock.core.ports import RequestBody
from penstock.routing.record import Uniform, snapshot
from penstock.routing.replay import account
from penstock.routing.strategies.strategy import Shared
from penstock.routing.table import Table
from penstock.routing.targets import Target
from penstock.wire.json import fill
from penstock.wire.operations import OPERATIONS

_BY_NAME = {operation.name: operation for operation in OPERATIONS}


def call_of(body: bytes, operation: str, session: str, client: str) -> Call:
    """The call that a caller at ``client`` would make with ``body``. Raises CallerError."""
    known = _BY_NAME.get(operation)
    if known is None or known.body != "json" or not known.needs_model:
        names = ", ".join(one.name for one in OPERATIONS if one.body == "json" and one.needs_model)
        raise CallerError(
            f'operation "{operation[:64]}" is not routed by a model; those are {names}',
            code="unknown_operation", param="operation",
        )  # fmt: skip
    headers: Headers = [(b"x-penstock-session", session.encode())] if session else []
    call = Call(known, "POST", "/v1" + known.path, b"", headers, client)
    fill(call, body)
    return call


def explain(
    table: Table,
    shared: Shared,
    strategies: Mapping[str, str],
    call: Call,
    *,
    scope: str,
    now: float,
    uniform: Uniform = random.uniform,
) -> dict[str, Any]:
    """See the module. ``strategies``: the name of each entry's; ``scope``: the key's id, "" for nobody's."""
    exchange = Exchange("explained", call, now, now, cast("RequestBody", None))
    exchange.scope = scope
    entry = table.find(call.model)
    version = entry.version(exchange)
    if version.candidates.able(call, now):
        entry = version
    targets = entry.candidates.able(call, now)
    told: dict[str, Any] = {
        "asked": call.model,
        "entry": entry.label,
        "strategy": strategies[entry.pattern],
        "sent_as": entry.sent_as(call.model),
        "winner": None,
        "candidates": [],
        "excluded": [
            {"upstream": target.name, "reason": _reason(target, call, now)}
            for target in entry.targets
            if target not in targets
        ],
        "fallbacks": [name for _, name in table.fallbacks(entry, call.model)],
    }
    if targets:
        ask = entry.ask(exchange, call.model, now)
        decision = snapshot(entry.label, strategies[entry.pattern], entry.strategy, shared, targets, ask)
        told |= account(decision, uniform)
    return told


def _reason(target: Target, call: Call, now: float) -> str:
    """``operation``, a state (``health.py``), or ``region`` for one that is well and farther away than others."""
    if not target.provider.serves(call):
        return "operation"
    word = target.word(now)
    return "region" if word == "closed" else word
