"""What is used is read in a process that does nothing else: in this one, what earlier tests left may be let go."""

import json
import subprocess
import sys
import time
from pathlib import Path

from tests.support.running_gateway import environment

PROBE = """
import json, os, resource
from penstock.net.process import usage

before = usage()
ballast = bytearray(os.urandom(1 << 20) * 64)
files = [os.open(os.devnull, os.O_RDONLY) for _ in range(5)]
while usage()["seconds"] - before["seconds"] < 0.02:
    sum(range(10_000))
after = usage()
print(json.dumps([before, after, len(ballast), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]))
"""


def test_usage_grows_with_what_is_used(tmp_path: Path) -> None:
    probe = subprocess.Popen([sys.executable, "-c", PROBE], stdout=subprocess.PIPE, env=environment(tmp_path))
    said, _ = probe.communicate(timeout=60)
    before, after, ballast, peak_kib = json.loads(said)
    assert before["pid"] == after["pid"] == probe.pid
    assert after["rss"] - before["rss"] > 0.9 * ballast
    assert after["descriptors"] == before["descriptors"] + 5
    assert after["rss"] <= peak_kib * 1024 * 1.1


def test_a_process_knows_since_when_it_runs(tmp_path: Path) -> None:
    code = "import time; from penstock.net.process import age; time.sleep(0.2); print(age())"
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(tmp_path))
    assert 0.19 <= float(done.stdout) <= time.monotonic() - began + 0.02
