import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.jobs.lines import Checking, WrongLine
from penstock.jobs.place.store import Place
from penstock.jobs.record import Outcome
from penstock.jobs.results.store import Log
from penstock.jobs.work import store
from penstock.jobs.work.store import Input, finish
from tests.support.jobs import CHAT, job, jsonl, line, shelf


def opened(path: Path, data: bytes, longest: int = 10_000) -> Input:
    path.write_bytes(data)
    return Input(str(path), longest)


def test_lines_are_found_blank_ones_left_out(tmp_path: Path) -> None:
    data = b"\n" + jsonl(line(1)) + b"  \r\n" + jsonl(line(2)).replace(b"\n", b"\r\n") + jsonl(line(3)).rstrip(b"\n")
    lines = opened(tmp_path / "in", data)
    checking = Checking(CHAT, 10, 10_000, lambda model: True)
    lines.index(checking)
    assert (checking.problems, len(lines), checking.total) == ([], 3, 3)
    assert [(lines.line(n, CHAT).number, lines.line(n, CHAT).custom_id) for n in range(3)] == [
        (2, "id-1"), (4, "id-2"), (5, "id-3"),
    ]  # fmt: skip
    again = Input(str(tmp_path / "in"), 10_000)
    again.index()
    assert [again.size(n) for n in range(3)] == [lines.size(n) for n in range(3)]
    lines.close()
    again.close()


@given(st.lists(st.binary(max_size=40), max_size=20), st.integers(1, 64))
def test_pieces_do_not_matter(tmp_path_factory: pytest.TempPathFactory, parts: list[bytes], piece: int) -> None:
    path = tmp_path_factory.mktemp("in") / "in"
    data = b"\n".join(parts)
    lines = opened(path, data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "PIECE_BYTES", piece)
        lines.index()
    expected = [one for one in data.split(b"\n") if one.strip()]
    assert [lines.size(n) for n in range(len(lines))] == [len(one) for one in expected]
    lines.close()


def test_a_line_that_is_too_long_is_not_read_whole(tmp_path: Path) -> None:
    lines = opened(tmp_path / "in", jsonl(line(1), b"x" * 5000, line(2)), longest=1000)
    checking = Checking(CHAT, 10, 1000, lambda model: True)
    lines.index(checking)
    assert [(one.code, one.line) for one in checking.problems] == [("line_too_long", 2)]
    with pytest.raises(WrongLine):
        lines.line(1, CHAT)
    lines.close()


def test_the_files_of_a_job_are_in_the_order_of_its_lines_and_made_once(tmp_path: Path) -> None:
    on = shelf(tmp_path)
    lines = opened(tmp_path / "in", jsonl(*(line(n) for n in range(5))))
    lines.index()
    log = Log(Place(str(tmp_path)), str(tmp_path / "log"))
    raw = msgspec.Raw(b"{}")
    log.append([Outcome(3, "id-3", "ok", 200, "r", raw), Outcome(1, "id-1", "error", 400, "r", raw)])
    log.append([Outcome(0, "id-0", "ok", 200, "r", raw)])
    one = job(total=5, finalizing=2000.0, stopped="expired")
    output, errors = finish(on, one, log, lines, 100.0)
    assert (output, errors) == ("file-pen-00000001o", "file-pen-00000001e")
    assert finish(on, one, log, lines, 100.0) == (output, errors)
    names = [
        [json.loads(each)["custom_id"] for each in Path(on.data_path("k", id)).read_bytes().splitlines()]
        for id in (output, errors)
    ]
    assert names == [["id-0", "id-3"], ["id-1", "id-2", "id-4"]]
    file = on.file("k", output, 2000.0)
    assert (file.purpose, file.expires) == ("batch_output", 2100.0)
    assert on.place.names("tmp") == []
    lines.close()
    log.close()


def test_a_batch_of_messages_has_one_file(tmp_path: Path) -> None:
    on = shelf(tmp_path)
    lines = opened(tmp_path / "in", jsonl(*(line(n, "/v1/messages", max_tokens=1) for n in range(2))))
    lines.index()
    log = Log(Place(str(tmp_path)), str(tmp_path / "log"))
    log.append([Outcome(1, "id-1", "ok", 200, "r", msgspec.Raw(b"{}"))])
    one = job(id="msgbatch_pen_00000001", endpoint="/v1/messages", total=2, finalizing=1.0, stopped="cancelled")
    output, errors = finish(on, one, log, lines, 100.0)
    assert errors == ""
    kinds = [json.loads(each)["result"]["type"] for each in Path(on.data_path("k", output)).read_bytes().splitlines()]
    assert kinds == ["canceled", "succeeded"]
    lines.close()
    log.close()
