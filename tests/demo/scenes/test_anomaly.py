import asyncio

from penstock.demo.scenes import anomaly
from penstock.demo.telling import Teller
from penstock.demo.theatre import Theatre


def test_what_was_planted_is_found_and_blamed() -> None:
    lines: list[str] = []
    tell = Teller(lines.append, lambda text, _: text)
    asyncio.run(anomaly.play(Theatre(fast=True), tell))
    assert [fact.says for fact in tell.facts if not fact.held] == []
    assert len(tell.facts) == 3
    assert any("upstream two" in line for line in lines)
