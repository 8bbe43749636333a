from typing import Any

import msgspec
import pytest

from penstock.core.call import Operation
from penstock.core.exchange import Exchange
from penstock.journal.notes import HASHED_BYTES, HELD_BYTES, HELD_ROWS, NETWORK_EVERY, Facts, Notes
from penstock.journal.redaction import Redaction
from penstock.journal.row import Row, read_row
from tests.support.exchanges import finished
from tests.support.logs import ListLog

ALLOWED = frozenset({"public"})


class Rig:
    def __init__(self, *, secret: bytes = b"k" * 32, prompts: int = 0) -> None:
        self.log = ListLog()
        self.notes = Notes(lambda: 1234.5)
        self.notes.log = self.log
        self.notes.prompt_bytes = prompts
        if secret:
            self.notes.key(secret)

    def row(self, exchange: Exchange | None = None, **facts: Any) -> Row:
        exchange = exchange or finished(**facts)
        self.notes.note(exchange, Facts(exchange.call, ALLOWED))
        self.notes.flush()
        row = read_row(self.log.rows[-1])
        assert row is not None
        return row


def with_head(*fields: tuple[bytes, bytes], **facts: Any) -> Exchange:
    exchange = finished(**facts)
    exchange.call.headers = [*exchange.call.headers, *fields]
    return exchange


def asking(body: bytes, scope: str = "key-1", **facts: Any) -> Exchange:
    exchange = finished(scope=scope, **facts)
    exchange.call.body = body
    return exchange


def test_a_row_a_call_with_the_time_of_its_end() -> None:
    rig = Rig()
    assert rig.row().at_ms == 1_234_500
    rig.row()
    assert (len(rig.log.rows), rig.notes.numbers()) == (2, {"written": 2, "lost": 0})


def test_without_a_log_nothing_is_written() -> None:
    rig = Rig()
    rig.notes.log = None
    rig.notes.note(finished(), Facts(finished().call, ALLOWED))
    assert (rig.log.rows, rig.notes.numbers()) == ([], {"written": 0, "lost": 0})


def test_a_row_for_which_there_is_no_room_is_counted() -> None:
    rig = Rig()
    rig.log.full = True
    for _ in range(3):
        rig.notes.note(finished(), Facts(finished().call, ALLOWED))
    rig.notes.flush()
    rig.notes.flush()
    assert rig.notes.numbers() == {"written": 0, "lost": 3}


def test_rows_are_held_until_they_are_written_together_and_are_bounded() -> None:
    rig = Rig()
    facts = Facts(finished().call, ALLOWED)
    for _ in range(HELD_ROWS - 1):
        rig.notes.note(finished(), facts)
    assert rig.log.rows == []
    rig.notes.note(finished(), facts)
    assert len(rig.log.rows) == HELD_ROWS
    large = asking(b'{"prompt":"' + b"x" * (HELD_BYTES // 2) + b'"}')
    rig.notes.prompt_bytes = HELD_BYTES
    rig.notes.note(large, facts)
    assert len(rig.log.rows) == HELD_ROWS
    rig.notes.note(large, facts)
    assert len(rig.log.rows) == HELD_ROWS + 2


def test_what_is_held_when_the_log_goes_is_counted_as_lost() -> None:
    rig = Rig()
    rig.notes.note(finished(), Facts(finished().call, ALLOWED))
    rig.notes.log = None
    rig.notes.flush()
    assert rig.notes.numbers() == {"written": 0, "lost": 1}


def test_equal_prompts_have_equal_digests_within_one_scope_and_secret() -> None:
    rig = Rig()
    one, again = rig.row(asking(b'{"a":1}')), rig.row(asking(b'{"a":1}'))
    assert one.digest == again.digest != ""
    assert rig.row(asking(b'{"a":2}')).digest != one.digest
    assert rig.row(asking(b'{"a":1}', "key-2")).digest != one.digest
    assert Rig(secret=b"x" * 32).row(asking(b'{"a":1}')).digest != one.digest


def test_until_the_secret_is_known_nothing_is_hashed() -> None:
    exchange = with_head((b"x-penstock-session", b"s"))
    row = Rig(secret=b"").row(exchange)
    assert (row.digest, row.session) == ("", "")


@pytest.mark.parametrize("at", [0, HASHED_BYTES // 8, -1, -HASHED_BYTES // 2])
def test_large_prompts_that_differ_at_either_end_differ(at: int) -> None:
    rig = Rig()
    body = bytearray(b"a" * 100_000)
    one = rig.row(asking(bytes(body)))
    body[at] = ord("b")
    assert rig.row(asking(bytes(body))).digest != one.digest
    assert rig.row(asking(bytes(body) + b"b")).digest != one.digest


def test_what_a_room_above_has_told_apart_counts() -> None:
    class Asked:
        digest = b"\x01\x02"

    rig = Rig()
    exchange = asking(b"{}")
    exchange.asked = Asked()
    assert rig.row(exchange).digest == "c0102"
    exchange.asked = False
    assert rig.row(exchange).digest.startswith("b")


def test_sessions_are_told_apart_and_not_told() -> None:
    rig = Rig()
    named = rig.row(with_head((b"x-penstock-session", b"alice")))
    assert len(named.session) == 16
    by_field = finished()
    by_field.call.session = "alice"
    assert rig.row(by_field).session == named.session
    assert rig.row().session == ""
    assert rig.row(with_head((b"x-penstock-session", b"alice"), scope="key-2")).session != named.session
    assert b"alice" not in b"".join(rig.log.rows)


def test_tags_are_kept_and_bounded() -> None:
    rig = Rig()
    assert rig.row(with_head((b"x-penstock-tags", b"team:a,warmed"))).tags == "team:a,warmed"
    assert len(rig.row(with_head((b"x-penstock-tags", b"t" * 9000))).tags) == 200


def test_prompts_are_kept_only_when_wanted() -> None:
    assert bytes(Rig().row().body) == b"null"
    kept = Rig(prompts=1000).row()
    assert msgspec.json.decode(kept.body) == {"messages": [{"role": "user", "content": "secret prompt"}]}


def test_what_says_for_whom_is_left_out_of_a_kept_prompt() -> None:
    body = b'{"model":"m", "user":"alice", "metadata":{"a":1}, "stream":true, "prompt":"\xc3\xa9 \\u0001"}'
    row = Rig(prompts=1000).row(asking(body))
    assert msgspec.json.decode(row.body) == {"model": "m", "prompt": "\u00e9 \x01"}
    assert b"alice" not in bytes(row.body)


@pytest.mark.parametrize(
    "exchange",
    [
        asking(b'{"prompt":"' + b"x" * 1000 + b'"}'),
        asking(b'{"a":1}', status=400),
        asking(b'{"a":1}', outcome="left"),
        asking(b"no json"),
        asking(b""),
        with_head((b"x-penstock-classification", b"confidential")),
        with_head((b"x-penstock-classification", b"")),
        with_head((b"x-penstock-classification", "p\u00fcblic".encode("latin-1"))),
    ],
)
def test_prompts_that_are_not_kept(exchange: Exchange) -> None:
    assert bytes(Rig(prompts=1000).row(exchange).body) == b"null"


def test_a_classification_that_is_allowed_does_not_forbid() -> None:
    row = Rig(prompts=1000).row(with_head((b"x-penstock-classification", b" Public ")))
    assert bytes(row.body) != b"null"


def test_bodies_that_stream_through_are_not_kept() -> None:
    exchange = finished()
    exchange.call.operation = Operation("files", "openai", "/files", "opaque")
    assert bytes(Rig(prompts=1000).row(exchange).body) == b"null"


def test_the_kernel_is_asked_seldom_how_far_the_caller_is() -> None:
    class Far:
        asked = 0

        def waiting(self) -> int:
            return 0

        def round_trip(self) -> float | None:
            self.asked += 1
            return 0.02

    rig, far = Rig(), Far()
    rows = [rig.row(caller=far) for _ in range(2 * NETWORK_EVERY)]
    assert far.asked == 2
    assert [row.network_us for row in rows].count(20_000) == 2


def test_what_must_not_be_kept_is_taken_out() -> None:
    rig = Rig(prompts=1000)
    rig.notes.redact = Redaction(["email"])
    row = rig.row(asking(b'{"model": "m", "messages": [{"role": "user", "content": "ask ann@mail.example"}]}'))
    assert b"ann@" not in bytes(row.body)
    assert b"ask [redacted]" in bytes(row.body)
