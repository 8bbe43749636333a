import io
import subprocess
import sys
from pathlib import Path

import pytest

from penstock.scaling.actuators.ray import line
from penstock.scaling.actuators.ray.cluster.service import Cluster, brief, serve, told
from tests.scaling.actuators.ray.orders import fake_environment


def test_what_fails_is_an_answer_and_the_next_question_is_taken() -> None:
    asked = b"".join(line.line_of(line.Question(n, do)) for n, do in enumerate(["look", "what"], 1))
    out = io.BytesIO()
    serve(io.BytesIO(asked), out, Cluster())
    first, second = map(line.answer_of, out.getvalue().splitlines())
    assert (first.n, second.n) == (1, 2)
    assert first.failed
    assert "what" in second.failed


def test_why_a_cluster_cannot_be_joined_says_what_to_do() -> None:
    error = RuntimeError("Version mismatch: The cluster was started with:\n    Ray: 2.9.0\n    Python: 3.9.1\n")
    text = told(error, "head:6379", "2.60.0")
    assert text.startswith("the Ray cluster at head:6379 cannot be joined: it runs Ray 2.9.0 on Python 3.9.1, this")
    assert "must be a node of it" in told(ConnectionError("no\nnode"), "auto", "2.60.0")
    assert "must be a node" not in told(ConnectionError("no"), "ray://head:10001", "2.60.0")
    assert len(brief(ValueError("x" * 1000))) == 300
    assert brief(ValueError()) == "ValueError"


def test_what_ray_prints_is_no_answer_and_the_end_of_input_is_its_end(tmp_path: Path) -> None:
    hello = line.line_of(line.Question(1, "hello", {"address": "", "namespace": "n"}))
    done = subprocess.run(
        [sys.executable, "-m", "penstock.scaling.actuators.ray.cluster.service"], input=hello, capture_output=True,
        env={**fake_environment(tmp_path), "RAY_ADDRESS": "far:1"}, timeout=20, check=False,
    )  # fmt: skip
    (answer,) = map(line.answer_of, done.stdout.splitlines())
    assert answer.value["ray"] == "9.9.9"
    assert answer.value["nodes"] == 2
    assert b"noise that Ray prints" in done.stderr
    assert (tmp_path / "joined").read_text() == "far:1 n"
    assert done.returncode == 0


def test_without_ray_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(RuntimeError, match=r"pip install 'penstock\[ray\]'"):
        Cluster().hello({"address": "", "namespace": "n"})
