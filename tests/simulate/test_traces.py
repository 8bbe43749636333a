import json
from pathlib import Path

import pytest

from penstock.simulate.traces import Row, Trace, read_trace

SHARED = Path(__file__).parents[3] / "shared" / "data" / "traces"


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_azure(tmp_path: Path) -> None:
    # Azure Public Dataset, CC-BY 4.0 (Splitwise, ISCA 2024)
    rows = ["2023-11-16 18:17:03.9799600,4808,10", "2023-11-16 18:17:04.0319600,3180,8"]
    text = "\n".join(["TIMESTAMP,ContextTokens,GeneratedTokens", *rows])
    trace = read_trace(write(tmp_path / "code.csv", text))
    assert trace.rows == [Row(0.0, 4808, 10), Row(0.052, 3180, 8)]
    assert (trace.name, trace.seconds) == ("code", 0.052)


def test_mooncake(tmp_path: Path) -> None:
    text = '{"timestamp": 1500, "input_length": 700, "output_length": 50, "hash_ids": [0, 7]}\n\n'
    trace = read_trace(write(tmp_path / "m.jsonl", text))
    assert trace.rows == [Row(1.5, 700, 50, [0, 7])]


def test_our_own_in_any_order_with_a_block_size(tmp_path: Path) -> None:
    lines = [
        {"at": 2, "prompt": 10, "output": 0, "session": "a", "block": 64},
        {"at": 1, "prompt": 20, "output": 3, "blocks": [5]},
    ]
    trace = read_trace(write(tmp_path / "t.jsonl", "\n".join(map(json.dumps, lines))))
    assert trace.rows == [Row(1.0, 20, 3, [5]), Row(2.0, 10, 1, (), "a")]
    assert trace.block == 64


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"at": 1, "prompt": 3}\n', "line 1"),
        ('{"at": 1, "prompt": 3, "output": 4}\nnot json\n', "line 2"),
        ("TIMESTAMP,Other\n2023-11-16 18:17:03,1\n", "ContextTokens"),
        ("[1, 2]\n", "line 1 is no recorded call"),
        ('{"block": 0}\n', "a number of tokens"),
        ('{"at": "x", "prompt": 1, "output": 1}\n', "at, prompt, output are numbers"),
        ("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03,1,2\nyesterday,1,2\n", "line 3"),
    ],
)
def test_what_is_no_trace(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=said):
        read_trace(write(tmp_path / "t", text))


def test_halves_part_the_time() -> None:
    trace = Trace("t", [Row(float(at), 1, 1) for at in (0, 1, 5, 6, 10)])
    assert [row.at for row in trace.half(False).rows] == [0, 1]
    assert [row.at for row in trace.half(True).rows] == [5, 6, 10]
    assert trace.half(True).name == "t, second half"
    assert Trace("none", []).seconds == 0.0


@pytest.mark.skipif(not SHARED.exists(), reason="the public traces are not here")
@pytest.mark.parametrize(
    ("name", "calls", "prompts"),
    [
        ("AzureLLMInferenceTrace_conv.csv", 19_366, 1154.7),
        ("AzureLLMInferenceTrace_code.csv", 8_819, 2047.8),
        ("mooncake_conversation.jsonl", 12_031, 12_035.1),
    ],
)
def test_the_public_traces(name: str, calls: int, prompts: float) -> None:
    rows = read_trace(SHARED / name).rows
    assert len(rows) == calls
    assert sum(row.prompt for row in rows) / calls == pytest.approx(prompts, abs=0.1)
