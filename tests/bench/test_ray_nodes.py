import asyncio

from bench.ray_nodes import WORDS, Kill, Outcome, find_ready, one_call, problems, shown
from penstock.demo.server.service import Costs, Server


def test_answers_are_compared_word_by_word() -> None:
    async def play() -> None:
        server = Server(Costs(first=0.0, gap=0.0))
        async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as listening:
            port = listening.sockets[0].getsockname()[1]
            assert await one_call(port, "q", True) == ""
            assert await one_call(port, "q", False) == ""
        assert await one_call(port, "q", False), "nobody is there"

    asyncio.run(play())
    assert WORDS > 10


def test_a_failed_call_and_late_replicas_are_problems() -> None:
    good = Outcome(calls=10, streams=5, seconds=[1.0, 2.0], kills=[Kill("2", 10.0, 5.0, True, 2), Kill("3", 9.0, 25.0)])
    assert problems(good) == []
    assert "| 2" in shown(good)
    bad = Outcome(calls=10, failed=["x"], seconds=[1.0], kills=[Kill("2", 10.0, 99.0, True, 1)])
    assert problems(bad) == ["1 of 10 calls failed", "replicas of node 2 took 99 s"]


def test_ready_replicas_are_found_wherever_they_are_told() -> None:
    rows = [{"state": "ready"}, {"state": "starting"}]
    assert find_ready({"standing": {"replicas": rows}}) == 1
    assert find_ready({"pools": {"p": {"standing": {"replicas": rows}}}}) == 1
    assert find_ready({"none": 3}) == 0
