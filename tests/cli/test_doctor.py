import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.assemble_doctor import Report
from penstock.assemble_doctor_reach import Step
from penstock.cli.doctor import key_origins, lines
from penstock.cli.main import main
from tests.support.scripted_upstream import Answer, ScriptedUpstream

KEY = "sk-top-secret-key"


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture
def file(upstream: ScriptedUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("GPU_KEY", KEY)
    path = tmp_path / "penstock.yaml"
    path.write_text(
        "upstreams:\n  echo: {kind: echo}\n"
        f'  gpu:\n    kind: vllm\n    base_url: "{upstream.url}"\n    api_key: "${{GPU_KEY}}"\n'
        "models: {echo: {upstreams: [echo]}, m: {upstreams: [gpu]}}\n"
    )
    return str(path)


def test_all_well(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "echo", "-c", file]) == 0
    said = capsys.readouterr().out
    assert said.startswith("echo (echo)\n")
    assert said.endswith("all is well\n")


def test_the_store_is_examined_unless_one_upstream_is_asked_for(
    file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text(Path(file).read_text() + f"store: 'sqlite:{tmp_path}'\n")
    assert main(["doctor", "-c", str(broken)]) == 1
    said = capsys.readouterr().out
    assert "store (sqlite)\n  open    FAILED" in said
    assert "not well: " in said.splitlines()[-1]
    assert said.splitlines()[-1].endswith("store")
    assert main(["doctor", "--json", "-c", str(broken)]) == 1
    assert json.loads(capsys.readouterr().out)["store"]["steps"][0]["state"] == "failed"
    assert main(["doctor", "echo", "-c", str(broken)]) == 0


def test_a_refused_key_names_its_variable_and_is_not_printed(
    file: str, upstream: ScriptedUpstream, capsys: pytest.CaptureFixture[str]
) -> None:
    upstream.answers["/v1/models"] = Answer(401, body=json.dumps({"error": {"message": f"bad key {KEY}"}}).encode())
    assert main(["doctor", "-c", file]) == 1
    said = capsys.readouterr().out
    assert f"-> it does not accept the key in $GPU_KEY ({file}:6): put a valid one there" in said
    assert said.endswith("not well: gpu\n")
    assert KEY not in said


def test_json(file: str, upstream: ScriptedUpstream, capsys: pytest.CaptureFixture[str]) -> None:
    upstream.answers["/v1/models"] = Answer(503, body=KEY.encode())
    assert main(["doctor", "--json", "-c", file]) == 1
    text = capsys.readouterr().out
    told = json.loads(text)
    assert told["ok"] is False
    assert [(one["name"], one["kind"], one["ok"]) for one in told["upstreams"]] == [
        ("echo", "echo", True),
        ("gpu", "vllm", False),
    ]
    steps = {step["step"]: step for step in told["upstreams"][1]["steps"]}
    assert set(steps["dns"]) == {"step", "state", "milliseconds", "said", "fix"}
    assert steps["tcp"]["state"] == "ok"
    assert KEY not in text


@pytest.mark.parametrize("arguments", [["nobody"], ["--limit", "0"], ["--limit", "nan"]])
def test_wrong_arguments(file: str, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "-c", file, *arguments]) == 2
    assert capsys.readouterr().out == ""


def test_a_wrong_config(tmp_path: Path) -> None:
    path = tmp_path / "penstock.yaml"
    path.write_text("upstreems: {}\n")
    assert main(["doctor", "-c", str(path)]) == 2


def test_where_keys_were_written(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(
        "upstreams:\n"
        '  a: {kind: openai, api_key: "${A_KEY:-none}"}\n'
        '  b: {kind: openai, api_key: "${file:keys/b}"}\n'
        "  c: {kind: openai, api_key: sk-written-here}\n"
        "  d: {kind: echo}\n"
    )
    assert key_origins(str(path), {}) == {
        "a": f"$A_KEY ({path}:2)",
        "b": f"the file keys/b ({path}:3)",
        "c": f"{path}:4",
    }


def test_without_a_file_keys_come_from_usual_variables() -> None:
    origins = key_origins(None, {"GOOGLE_API_KEY": "x"})
    assert (origins["openai"], origins["gemini"]) == ("$OPENAI_API_KEY", "$GOOGLE_API_KEY")


def test_lines() -> None:
    steps = [Step("dns", "ok", "10.0.0.1", "", 1.4), Step("tcp", "failed", "refused", "start it", 3.0)]
    assert lines([Report("gpu", "vllm", [*steps, Step("tls", "skipped", "tcp failed")])]) == [
        "gpu (vllm)",
        "  dns     ok          1 ms  10.0.0.1",
        "  tcp     FAILED      3 ms  refused",
        "                            -> start it",
        "  tls     -                 tcp failed",
        "",
        "not well: gpu",
    ]
    assert lines([])[-1] == "there are no upstreams to examine"
