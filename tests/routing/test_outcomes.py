import pytest

from penstock.core.errors import Fail, UpstreamError
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.routing.attempts import Tried
from penstock.routing.failure import AT_REST, KINDS, Failure
from penstock.routing.outcomes import at_rest, failed, last, watch
from penstock.routing.trial import Side
from tests.support.targets import exchange, target


def tried(reply: Reply | None = None, fail: Fail | None = None, kind: str = "server_error") -> Tried:
    return Tried(target("a"), reply, fail, Failure(KINDS[kind]))


def test_a_failure_holds_no_frames() -> None:
    try:
        raise UpstreamError("down", phase="connect")
    except UpstreamError as error:
        fail = error
    made = failed(target("a"), fail)
    assert made.failure is not None
    assert (made.fail, made.failure.kind.name, fail.__traceback__) == (fail, "unreachable", None)


def test_the_last_answer_stands_with_a_note_on_the_fallbacks() -> None:
    reply = Reply(500, [], b'{"error":{"message":"out of order"}}')
    assert last(tried(reply), "; of the fallbacks, 'b' is too small") is reply
    assert b"out of order; of the fallbacks, 'b' is too small" in bytes(reply.body)  # type: ignore[arg-type]


def test_the_last_failure_is_raised_with_the_note() -> None:
    with pytest.raises(UpstreamError) as caught:
        last(tried(fail=UpstreamError("down")), "; and more")
    assert caught.value.message == "down; and more"


def test_a_key_of_ours_that_was_refused_is_no_401_of_the_caller() -> None:
    with pytest.raises(UpstreamError, match="refused the key that this gateway showed it") as caught:
        last(tried(Reply(401, [], b"{}"), kind="auth"), "")
    assert (caught.value.status, caught.value.code, caught.value.retryable) == (502, "upstream_auth", False)


def test_keys_at_rest_are_told_as_a_limit_with_the_wait() -> None:
    told = at_rest(target("a"), 7.0)
    assert (told.status, told.code, told.retry_after) == (429, AT_REST, 7.0)


def ended(outcome: str, *, error: Fail | None = None, attempts: int = 1, rescued: bool = False) -> Side:
    side, one = Side(), exchange()
    watch(one, side)
    one.call.stream = True
    one.started, one.first_byte, one.tokens_out, one.attempts, one.error = 1.0, 1.5, 11, attempts, error
    if rescued:
        one.note_rescue("prefill")
    one.finish(outcome, 2.5)
    return side


def test_what_was_measured_of_an_answer() -> None:
    side = ended("ok")
    assert (side.calls, side.failures) == (1, 0)
    assert side.told()["first_token_seconds"] == pytest.approx(0.5)
    assert side.told()["token_seconds"] == pytest.approx(0.1)


def test_the_time_of_a_second_attempt_is_not_that_of_a_first_token() -> None:
    assert ended("ok", attempts=2).first.count == 0


@pytest.mark.parametrize(
    ("side", "counts"),
    [
        (ended("ok", rescued=True), (1, 1)),
        (ended("error", error=UpstreamError("cut")), (1, 1)),
        (ended("left"), (0, 0)),
    ],
)
def test_what_broke_counts_as_failed_and_what_was_left_not_at_all(side: Side, counts: tuple[int, int]) -> None:
    assert (side.calls, side.failures) == counts


def test_a_watched_exchange_is_an_ordinary_one() -> None:
    one: Exchange = exchange()
    watch(one, Side())
    one.finish("error", 1.0)
    assert one.outcome == "error"
