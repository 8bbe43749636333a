import pytest

from penstock.core.errors import CallerError, Fail, GatewayError, UpstreamError, defect


@pytest.mark.parametrize(
    ("kind", "fault", "status", "retryable"),
    [
        (Fail, "gateway", 500, False),
        (CallerError, "caller", 400, False),
        (GatewayError, "gateway", 503, True),
        (UpstreamError, "upstream", 502, True),
    ],
)
def test_each_says_whose_fault_it_is(kind: type[Fail], fault: str, status: int, retryable: bool) -> None:
    fail = kind("why")
    assert (fail.fault, fail.status, fail.retryable) == (fault, status, retryable)
    assert fail.message == str(fail) == "why"
    assert fail.code


def test_what_is_given_stands_over_what_is_usual() -> None:
    fail = UpstreamError(
        "why", status=504, code="late", retryable=False, phase="headers", upstream="u", retry_after=0.5
    )
    assert (fail.status, fail.code, fail.retryable) == (504, "late", False)
    assert (fail.phase, fail.upstream, fail.retry_after) == ("headers", "u", 0.5)
    assert "504" in repr(fail)
    assert "late" in repr(fail)


def test_a_defect_is_ours_and_says_where_to_look() -> None:
    fail = defect()
    assert (fail.fault, fail.status, fail.code) == ("gateway", 500, "internal_error")
    assert "log says more" in fail.message


def test_what_others_wrote_goes_to_the_caller_and_into_no_log() -> None:
    fail = UpstreamError("it said: your prompt", quoted="your prompt")
    fail.message += "; of the fallbacks, none"
    assert fail.message == "it said: your prompt; of the fallbacks, none"
    assert fail.loggable == "it said: (not logged); of the fallbacks, none"
    assert "your prompt" not in repr(fail)
    assert CallerError("plain").loggable == "plain"
