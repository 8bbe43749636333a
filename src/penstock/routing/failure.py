"""What went wrong with an attempt, whose fault it was, and where another could help. Pure.

Enters: an error answer of an upstream, or a Fail. Leaves: a Failure, or None for an answer that stands. ``KINDS`` is
the whole table: the rules are data.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Literal

from penstock.core.call import Headers
from penstock.core.errors import Fail, Fault

Blames = Literal["host", "either", "key", ""]


@dataclass(frozen=True, slots=True)
class Kind:
    """``here``: the same upstream may be asked again; ``elsewhere``: another of the same model; ``fall_back``: another
    model. ``blames``: what is left alone for it, the upstream or the key that it was shown; ``either`` may be the
    call's own doing, and so speaks against one upstream only, however many it fails at."""

    name: str
    fault: Fault
    here: bool
    elsewhere: bool
    fall_back: bool
    blames: Blames = ""


def _kinds(*kinds: Kind) -> dict[str, Kind]:
    return {kind.name: kind for kind in kinds}


KINDS = _kinds(
    Kind("unreachable", "upstream", here=True, elsewhere=True, fall_back=True, blames="host"),
    Kind("reset", "upstream", here=True, elsewhere=True, fall_back=True, blames="host"),
    Kind("malformed", "upstream", here=False, elsewhere=True, fall_back=True, blames="either"),
    # One that was silent for the whole of its time would be so again: it is not asked twice.
    Kind("silent", "upstream", here=False, elsewhere=True, fall_back=True, blames="either"),
    Kind("full", "gateway", here=False, elsewhere=True, fall_back=True),
    # There was no attempt: no seat was to be had at any upstream of the model.
    Kind("crowded", "gateway", here=False, elsewhere=False, fall_back=True),
    Kind("rate_limited", "upstream", here=True, elsewhere=True, fall_back=True, blames="key"),
    Kind("overloaded", "upstream", here=True, elsewhere=True, fall_back=True, blames="host"),
    # An engine of ours that is being loaded: whoever loads it knows how it is.
    Kind("starting", "upstream", here=True, elsewhere=True, fall_back=True),
    Kind("server_error", "upstream", here=True, elsewhere=True, fall_back=True, blames="either"),
    Kind("quota", "upstream", here=False, elsewhere=True, fall_back=True, blames="key"),
    Kind("auth", "upstream", here=False, elsewhere=True, fall_back=True, blames="key"),
    # Refused with the key that it has: perhaps for the key, perhaps for what stands in the call.
    Kind("denied", "upstream", here=False, elsewhere=True, fall_back=True, blames="key"),
    # The key is good, but not for what the caller asked for.
    Kind("forbidden", "upstream", here=False, elsewhere=True, fall_back=True),
    # It is to end, and was asked nothing wrong: what is under way there goes on elsewhere.
    Kind("leaving", "gateway", here=False, elsewhere=True, fall_back=True),
    # The answer that was to lead on from another one did not; another way of asking may.
    Kind("unjoinable", "upstream", here=True, elsewhere=True, fall_back=True),
    # The same model would say the same: only one with a larger context can help.
    Kind("context_length", "caller", here=False, elsewhere=False, fall_back=True),
    Kind("content_filter", "caller", here=False, elsewhere=False, fall_back=False),
    Kind("caller", "caller", here=False, elsewhere=False, fall_back=False),
    Kind("gateway", "gateway", here=False, elsewhere=False, fall_back=False),
)


@dataclass(frozen=True, slots=True)
class Failure:
    """One failed attempt. ``after``: seconds that the upstream asks to wait before the next."""

    kind: Kind
    after: float | None = None


AT_REST = "upstream_keys_at_rest"
"""The code of a Fail for an attempt that was not made: the upstream has asked every key of ours to wait."""

LEAVING = "upstream_leaving"
"""The code of a Fail by which a call is told that its upstream is to end, and that it should go on elsewhere."""

_CONTEXT = re.compile(
    rb"context_length_exceeded|context length|context window|maximum context|prompt is too long|too many tokens"
    rb"|exceeds? the (?:available )?context|exceed_context_size|input is too long|string_above_max_length",
    re.IGNORECASE,
)
_FILTER = re.compile(rb"content_filter|content_policy|ResponsibleAIPolicy|safety_violation|moderation_blocked", re.I)
_QUOTA = re.compile(rb"insufficient_quota|billing_hard_limit|exceeded your current quota|credit balance", re.I)
_TOO_LARGE = re.compile(rb"request too large", re.I)
"""OpenAI's 429 for a prompt above what its rate limit could ever let pass."""
_BAD_KEY = re.compile(rb"API_KEY_INVALID|API key not valid")
"""Gemini says so with a 400."""
_NOT_THIS = re.compile(rb"model_not_found|access to (?:the |this )?model|the specified resource", re.I)
_SEEN_BYTES = 8192
_LONGEST_WISH = 1e9


def of_answer(status: int, headers: Headers, body: bytes, wall: float | None = None) -> Failure | None:
    """The Failure that an answer stands for; None for one below 400. ``body`` may be the beginning of it; ``wall`` is
    the Unix time, for those that name a date to come back at."""
    if status < 400:
        return None
    return Failure(KINDS[_name(status, headers, body[:_SEEN_BYTES])], retry_after(headers, wall))


def _name(status: int, headers: Headers, body: bytes) -> str:
    if (status in (400, 413, 422) and _CONTEXT.search(body)) or (status == 429 and _TOO_LARGE.search(body)):
        return "context_length"
    if status in (400, 403, 422) and _FILTER.search(body):
        return "content_filter"
    if status == 402 or (status in (403, 429) and _QUOTA.search(body)):
        return "quota"
    if status == 401 or (status == 400 and _BAD_KEY.search(body)):
        return "auth"
    if status == 403:
        return "forbidden" if _NOT_THIS.search(body) else "denied"
    if status == 429:
        return "rate_limited"
    if status in (503, 529):
        return "overloaded"
    if status in (408, 409, 425) or status >= 500:
        # Some upstreams say that another try is useless; they should know.
        if any(name == b"x-should-retry" and value == b"false" for name, value in headers):
            return "malformed"
        return "server_error"
    return "caller"


def of_fail(fail: Fail) -> Failure:
    """The Failure that an exception of a provider stands for."""
    if fail.fault == "caller":
        return Failure(KINDS["caller"])
    if fail.fault == "gateway":
        name = "full" if fail.code == "upstream_queue_full" else "crowded" if fail.phase == "queue" else "gateway"
    elif fail.code == "no_upstream":
        name = "crowded"
    elif fail.code == AT_REST:
        name = "rate_limited"
    elif fail.code == LEAVING:
        name = "leaving"
    elif fail.code == "engine_starting":
        name = "starting"
    elif fail.phase in ("dns", "connect", "tls", "queue", "send", "start"):
        name = "unreachable"
    elif fail.status == 504:
        name = "silent"
    elif fail.code == "upstream_error_event":
        name = _name(400, [], fail.message.encode())
        name = "server_error" if name == "caller" else name
    elif fail.code == "cannot_join":
        name = "unjoinable"
    elif fail.code == "upstream_malformed" or "malformed" in fail.message:
        name = "malformed"
    else:
        name = "reset"
    return Failure(KINDS[name], fail.retry_after)


def retry_after(headers: Headers, wall: float | None = None) -> float | None:
    """Seconds to wait, from ``retry-after-ms`` or ``retry-after`` (seconds, or a date when ``wall`` is given)."""
    found = dict(headers)
    exact = _number(found.get(b"retry-after-ms", b""))
    if exact is not None:
        return exact / 1000
    text = found.get(b"retry-after", b"").strip()
    seconds = _number(text)
    if seconds is None and text and wall is not None:
        try:
            seconds = max(0.0, parsedate_to_datetime(text.decode("latin-1")).timestamp() - wall)
        except (ValueError, TypeError, OverflowError):
            return None
    return seconds


def _number(text: bytes) -> float | None:
    """A number that is not below 0, and not beyond what can be reckoned with."""
    try:
        number = float(text)
    except ValueError:
        return None
    return min(max(0.0, number), _LONGEST_WISH) if math.isfinite(number) else None
