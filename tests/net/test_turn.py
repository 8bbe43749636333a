from types import SimpleNamespace
from typing import Any

import pytest

from penstock.net.http_head import HeadReader
from penstock.net.request_body import Body
from penstock.net.turn import Turn


@pytest.mark.interpreted
def test_a_turn_keeps_for_itself_whether_to_say_continue() -> None:
    connection: Any = SimpleNamespace(peer="10.0.0.9", hold_reading=None, want_body=None)
    head = HeadReader().read("POST", b"/", "1.1", [(b"host", b"a"), (b"expect", b"100-continue")])
    first, second = (Turn(connection, head, Body(connection, 1)) for _ in range(2))
    first.expects = False  # told; the head is shared by all requests that repeat it
    assert second.expects
    assert head.expect
    assert (first.peer, first.served) == ("10.0.0.9", None)
