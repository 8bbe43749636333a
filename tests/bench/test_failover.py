"""The shortened twin of ``bench/failover.py``: the promises themselves, once for each harm, on real sockets."""

import pytest

from bench.failing import TEXT, WORDS, Failing
from bench.failover import HARMS, PROBE_SECONDS, STRATEGIES, Outcome, ask, broken, one_run
from penstock.process.loop import run

CALLERS = 6
SLACK_SECONDS = 2.0
"""For a machine that is busy with other tests."""


@pytest.mark.parametrize(("number", "harm"), [*enumerate(HARMS)], ids=[*HARMS])
def test_no_call_fails_and_the_bad_one_is_left_alone_and_comes_back(number: int, harm: str) -> None:
    outcome = run(one_run(harm, STRATEGIES[number % len(STRATEGIES)], number % 3, CALLERS, 1.6))
    assert broken(outcome, CALLERS, SLACK_SECONDS) == []
    assert outcome.calls > 3 * CALLERS
    if harm in ("killed", "flapping"):
        assert outcome.openings >= 1


def test_what_would_be_no_kept_promise_is_told() -> None:
    good = Outcome("killed", "adaptive", tried=3, openings=1, back=0.3)
    assert broken(good, CALLERS, 0.0) == []
    assert len(broken(Outcome("killed", "adaptive", failed=["HTTP/1.1 502"]), CALLERS, 0.0)) == 1
    assert len(broken(Outcome("killed", "adaptive", tried=50), CALLERS, 0.0)) == 1
    assert len(broken(Outcome("killed", "adaptive", back=PROBE_SECONDS + 1), CALLERS, 0.5)) == 1
    assert broken(Outcome("slowed", "adaptive", tried=50, back=9.0), CALLERS, 0.0) == []


@pytest.mark.parametrize("stream", [True, False])
def test_the_rig_itself_answers_whole_and_tells_what_is_not(stream: bool) -> None:
    async def main() -> tuple[str, str]:
        one = Failing()
        await one.start()
        whole = await ask(one.port, stream)
        WORDS.append("more ")
        try:
            wrong = await ask(one.port, stream)
        finally:
            WORDS.pop()
            one.kill()
        return whole, wrong

    whole, wrong = run(main())
    assert whole == ""
    assert wrong.startswith("not whole: ")
    assert "".join(WORDS) == TEXT
