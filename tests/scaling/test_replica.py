from penstock.scaling.replica import Replica, Standing


def test_one_that_drains_or_failed_does_not_count_among_those_that_will_serve() -> None:
    states = ("starting", "ready", "draining", "failed")
    assert [Replica("a", state=state).stands for state in states] == [True, True, False, False]


def test_replicas_are_told_by_state() -> None:
    standing = Standing(2, [Replica("a", state="ready"), Replica("b"), Replica("c", state="failed")])
    assert [one.name for one in standing.of("ready", "failed")] == ["a", "c"]
