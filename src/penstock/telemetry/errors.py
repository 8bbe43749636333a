"""``error.type``: a closed vocabulary whose beginning says whose fault it was. Pure.

``caller_*``, ``gateway_*``, ``upstream_*`` and ``_OTHER``: one expression separates the domains, and no message, model
or address can become a value.
"""

from __future__ import annotations

FAULTS = ("caller", "gateway", "upstream")
KINDS = (
    "invalid", "unauthorized", "forbidden", "not_found", "too_large", "rate_limited", "timeout", "overloaded",
    "unreachable", "cut", "stopping", "defect", "error", "left",
)  # fmt: skip
OTHER = "_OTHER"
VOCABULARY = frozenset({f"{fault}_{kind}" for fault in FAULTS for kind in KINDS} | {OTHER})

_BY_CODE = {
    "upstream_unreachable": "unreachable",
    "upstream_timeout": "timeout",
    "deadline": "timeout",
    "gateway_overloaded": "overloaded",
    "upstream_queue_full": "overloaded",
    "gateway_stopping": "stopping",
    "internal_error": "defect",
}
_BY_STATUS = {
    400: "invalid", 401: "unauthorized", 403: "forbidden", 404: "not_found", 405: "invalid", 408: "timeout",
    413: "too_large", 422: "invalid", 429: "rate_limited", 499: "left", 503: "overloaded", 504: "timeout",
    529: "overloaded",
}  # fmt: skip
_BY_FAILURE = {
    "unreachable": "unreachable", "reset": "cut", "malformed": "error", "silent": "timeout", "full": "overloaded",
    "crowded": "overloaded", "rate_limited": "rate_limited", "overloaded": "overloaded", "starting": "overloaded",
    "server_error": "error", "quota": "rate_limited", "auth": "unauthorized", "denied": "forbidden",
    "forbidden": "forbidden", "unjoinable": "error", "context_length": "too_large", "content_filter": "invalid",
    "caller": "invalid", "gateway": "error",
}  # fmt: skip
_CALLERS = (400, 404, 405, 413, 422)
"""With these an upstream says that what it was asked was wrong; others speak of itself or of our key."""


def error_type(fault: str, code: str, status: int, outcome: str) -> str:
    """Of a call; "" for one that went well."""
    if outcome == "left":
        return "caller_left"
    if not fault:
        if status < 400:
            return "" if outcome != "error" else OTHER
        fault = "caller" if status in _CALLERS else "upstream"  # an upstream's error was passed on
    if fault not in FAULTS:
        return OTHER
    kind = _BY_CODE.get(code) or _BY_STATUS.get(status)
    if kind is None:
        kind = "invalid" if 400 <= status < 500 else "error"
    return f"{fault}_{kind}"


def failure_type(kind: str, status: int) -> str:
    """Of one attempt at an upstream, by the kind of its failure; "" for one that went well."""
    if not kind and status < 400:
        return ""
    known = _BY_FAILURE.get(kind) or _BY_STATUS.get(status)
    return f"upstream_{known or ('invalid' if 400 <= status < 500 else 'error')}"
