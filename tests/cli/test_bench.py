"""``penstock bench cache``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from penstock.cli.bench import main, summed
from penstock.cli.failure import Failure
from tests.support.hashed_vectors import hashed_vectors
from tests.support.labelled_questions import labelled_questions


@pytest.fixture
def stream(tmp_path: Path) -> list[str]:
    rows = labelled_questions(400)
    path, vectors = tmp_path / "stream.json", tmp_path / "vectors.npy"
    path.write_text(json.dumps(rows), "utf-8")
    np.save(vectors, hashed_vectors([text for text, _ in rows]))
    return ["cache", "--stream", str(path), "--vectors", str(vectors)]


def test_it_prints_a_line_an_order_and_a_verdict(stream: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*stream, "--orders", "2"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("order")
    assert told[1].startswith("file")
    assert told[2].startswith("shuffle 1")
    assert told[-1].startswith("The bound held")


def test_json_for_programs(stream: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    given = [*stream, "--json", "--max-error", "0.05", "--max-error-hits", "0.2", "--judge-error", "0.05"]
    assert main([*given, "--prior-from", stream[2], "--prior-vectors", stream[4]]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["plays"][0]["requests"] == 400
    assert told["summary"]["held"] is (told["plays"][0]["wrong_per_request_percent"] <= 5)


def test_one_order_above_the_bound_is_said() -> None:
    play = {"hit_percent": 10.0, "wrong_per_request_percent": 0.5, "wrong_per_hit_percent": 5.0, "shadow_percent": 1.0,
            "stops": 0}  # fmt: skip
    assert summed([play], 0.01, None)["held"]
    assert not summed([play, {**play, "wrong_per_request_percent": 1.1}], 0.01, None)["held"]
    assert not summed([play], 0.01, 0.04)["held"]


@pytest.mark.parametrize(
    ("content", "word"),
    [("{", "no JSON"), ("[]", "a list"), ("{}", "a list"), ('[["a"]]', "row 1"), ('[["a", "b"], [1, "b"]]', "row 2")],
)
def test_what_is_no_stream_is_refused(content: str, word: str, stream: list[str]) -> None:
    Path(stream[2]).write_text(content, "utf-8")
    with pytest.raises(Failure, match=word):
        main(stream)


def test_vectors_that_do_not_belong_to_it_are_refused(stream: list[str]) -> None:
    np.save(stream[4], np.zeros((3, 4), np.float32))
    with pytest.raises(Failure, match="400 questions"):
        main(stream)
    Path(stream[4]).write_bytes(b"nothing")
    with pytest.raises(Failure):
        main(stream)
    Path(stream[4]).unlink()
    with pytest.raises(Failure, match="cannot be used"):
        main(stream)


@pytest.mark.parametrize("odd", [["--max-error", "0"], ["--max-error", "2"], ["--orders", "0"], ["--judge-error", "x"]])
def test_odd_options_are_refused(odd: list[str], stream: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*stream, *odd])
    assert ended.value.code == 2


def test_an_embedder_that_is_not_here_is_told(stream: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str, texts: list[str]) -> None:
        raise OSError(0, "its weights are not here")

    monkeypatch.setattr("penstock.assemble_playback.embed", missing)
    with pytest.raises(Failure, match="the embedder minilm cannot be used: its weights are not here") as failed:
        main(stream[:3])
    assert failed.value.status == 1
