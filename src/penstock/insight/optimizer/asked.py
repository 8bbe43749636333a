"""What people ask of the optimizer, and what they are told. Pure.

Enters: a question as the admin API and the control socket ask it. Leaves: plain values, or ``problems`` with a status.
To try something takes somebody trusted; to take something back, and to look, does not.
"""

from __future__ import annotations

from typing import Any

import msgspec

from penstock.insight.optimizer.course import Course
from penstock.insight.optimizer.experiments import Refused

MOST_JOURNAL = 200


class _Body(msgspec.Struct):
    proposal: str = ""
    setting: str = ""
    value: str = ""
    id: str = ""


def told(course: Course, question: dict[str, Any]) -> dict[str, Any]:
    """``journal`` in the question: how many of the last experiments (50)."""
    asked = str(question.get("journal", "50"))
    if not (asked.isascii() and asked.isdigit() and len(asked) < 6):
        return {"problems": ["journal must be a number"], "status": 400, "code": "bad_query", "param": "journal"}
    experiments = course.experiments
    return {
        "mode": course.config.mode,
        "proposals": [msgspec.to_builtins(one) for one in course.proposals.values()],
        "running": [msgspec.to_builtins(one) for one in experiments.present],
        "settings": [
            {"key": one.key, "value": one.text, "before": one.old, "experiment": one.experiment.id, "on": one.on,
             "phase": "kept" if one.trial is None else one.trial.phase}
            for one in experiments.held()
        ],
        "journal": [msgspec.to_builtins(one) for one in list(experiments.journal)[: min(int(asked), MOST_JOURNAL)]],
    }  # fmt: skip


def do(course: Course, question: dict[str, Any], now: float) -> dict[str, Any]:
    """``apply`` with ``{"proposal": "p3"}`` or ``{"setting": key, "value": text}``; ``e2/revert`` or ``KEY/revert``, or
    ``revert`` with ``{"id": ...}``."""
    what, by = str(question["do"]), str(question.get("by") or "somebody")
    try:
        body = msgspec.json.decode(str(question.get("body") or "{}"), type=_Body)
    except (ValueError, RecursionError):
        return _problem('the body must be a JSON object, such as {"proposal": "p3"}', 400, "invalid_json")
    name, slash, verb = what.rpartition("/")
    if not slash and verb == "revert":
        name = body.id
    try:
        if verb == "revert" and name:
            return {"ok": True, "reverted": [one.id for one in course.experiments.revert(name, now, by)]}
        if what != "apply":
            return _problem(f"there is nothing at {what[:80]}", 404, "not_found")
        if question.get("trusted") is not True:
            return _problem(
                "a setting is changed with an admin key only, and auth.mode is open: use 'penstock optimizer apply' on"
                " the gateway's machine", 403, "permission_denied",
            )  # fmt: skip
        proposal = body.proposal or course.propose(body.setting, body.value).id
        return {"ok": True, "experiment": course.begin(proposal, now, by).id}
    except Refused as refused:
        return _problem(str(refused), 409, "experiment_refused")


def _problem(message: str, status: int, code: str) -> dict[str, Any]:
    return {"problems": [message], "status": status, "code": code}
