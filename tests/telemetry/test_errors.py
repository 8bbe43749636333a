import pytest

from penstock.routing.failure import KINDS
from penstock.telemetry.errors import VOCABULARY, error_type, failure_type


@pytest.mark.parametrize(
    ("fault", "code", "status", "outcome", "said"),
    [
        ("", "", 200, "ok", ""),
        ("", "", 0, "left", "caller_left"),
        ("upstream", "upstream_timeout", 504, "error", "upstream_timeout"),
        ("upstream", "upstream_unreachable", 502, "error", "upstream_unreachable"),
        ("upstream", "upstream_failed", 502, "error", "upstream_error"),
        ("gateway", "gateway_stopping", 503, "error", "gateway_stopping"),
        ("gateway", "internal_error", 500, "error", "gateway_defect"),
        ("gateway", "deadline", 504, "error", "gateway_timeout"),
        ("gateway", "queue_full", 503, "error", "gateway_overloaded"),
        ("caller", "invalid_api_key", 401, "error", "caller_unauthorized"),
        ("caller", "model_not_found", 404, "error", "caller_not_found"),
        ("caller", "whatever", 418, "error", "caller_invalid"),
        ("caller", "rate", 429, "error", "caller_rate_limited"),
        ("", "", 400, "ok", "caller_invalid"),
        ("", "", 429, "ok", "upstream_rate_limited"),
        ("", "", 500, "ok", "upstream_error"),
        ("", "", 200, "error", "_OTHER"),
        ("martian", "x", 500, "error", "_OTHER"),
    ],
)
def test_whose_fault_it_was_and_what(fault: str, code: str, status: int, outcome: str, said: str) -> None:
    assert error_type(fault, code, status, outcome) == said
    assert said in VOCABULARY or not said


def test_nothing_else_is_ever_said() -> None:
    for fault in ("", "caller", "gateway", "upstream", "x y"):
        for status in range(700):
            for outcome in ("ok", "error", "left"):
                assert error_type(fault, f"made up {status}", status, outcome) in VOCABULARY | {""}


def test_every_kind_of_failure_of_an_attempt_has_its_word() -> None:
    said = {kind: failure_type(kind, 0) for kind in KINDS}
    assert set(said.values()) <= VOCABULARY
    assert said["reset"] == "upstream_cut"
    assert said["silent"] == "upstream_timeout"
    assert said["rate_limited"] == "upstream_rate_limited"


@pytest.mark.parametrize(
    ("status", "said"),
    [(200, ""), (0, ""), (429, "upstream_rate_limited"), (418, "upstream_invalid"), (500, "upstream_error")],
)
def test_an_attempt_without_a_kind_is_told_by_its_status(status: int, said: str) -> None:
    assert failure_type("", status) == said
