import os
import resource

from penstock.net.process import usage


def test_usage_grows_with_what_is_used() -> None:
    before = usage()
    ballast = bytearray(os.urandom(1 << 20) * 64)
    files = [os.open(os.devnull, os.O_RDONLY) for _ in range(5)]
    while usage()["seconds"] - before["seconds"] < 0.02:
        sum(range(10_000))
    after = usage()
    for file in files:
        os.close(file)
    assert before["pid"] == os.getpid()
    assert after["rss"] - before["rss"] > 0.9 * len(ballast)
    assert after["descriptors"] == before["descriptors"] + 5
    assert after["rss"] <= resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 * 1.1
