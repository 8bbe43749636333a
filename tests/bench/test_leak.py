import asyncio

from bench import leak

SHORT = "memory: {leak: {every: 200ms, window: 1s}}\n"


def test_an_alarm_is_found_in_a_log() -> None:
    assert leak.alarm_of("x\n... leak suspected: memory grew by 5 MiB\n") == "leak suspected: memory grew by 5 MiB"
    assert leak.alarm_of("nothing") is None


def test_a_planted_leak_is_found_in_a_short_run() -> None:
    """A short twin: large leaks in short windows, which begin after a second instead of half a minute."""
    found = asyncio.run(leak.watched(2_000_000, 20.0, 30.0, SHORT, grace=1.0))
    assert found["found_after_seconds"] is not None
    assert found["line_named"]
