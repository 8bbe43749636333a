"""The joined decision."""

from __future__ import annotations

from penstock.cache.verify.verdict import Verdict


def test_a_verdict_is_a_miss_until_something_says_otherwise() -> None:
    verdict = Verdict("miss", "partition")
    assert verdict.key is None
    assert not verdict.would_hit
