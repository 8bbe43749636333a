"""What one reader gets of a flight's answer. Pure.

Enters: the flight's reply or its failure, the reader. Leaves: a Reply of its own, the Fail it is told, None where it
has to ask in another way, or PENDING while that is not known yet.
"""

from __future__ import annotations

import copy
from typing import Final, Literal

from penstock.coalesce.other_form import OtherForm
from penstock.coalesce.reader import Reader
from penstock.core.call import Call
from penstock.core.errors import Fail
from penstock.core.reply import Reply

PENDING: Final = "pending"


def wants_other(asked: Call, flight: Call, reply: Reply) -> bool:
    """Whether ``asked`` wants a reply to ``flight`` told the other way. Errors, and streams of what is no stream, are
    given as they are: so would they be to who asks alone."""
    if asked.stream == flight.stream:
        return False
    return reply.events if flight.stream else reply.status == 200 and not reply.events


def strips(asked: Call, reply: Reply) -> bool:
    """Whether the usage that the flight's stream tells is to be withheld from who asked so."""
    return reply.events and not asked.usage_wanted and asked.operation.name in ("chat", "completions")


def reply_for(
    reader: Reader, reply: Reply | None, other: OtherForm | None, error: Fail | None
) -> Reply | Fail | Literal["pending"] | None:
    """See the module."""
    if reply is None:
        return PENDING if error is None else copy.copy(error)
    if reader.other:
        if other is None or not other.done:
            return PENDING
        try:
            return other.reply(usage_wanted=reader.exchange.call.usage_wanted)
        except Fail as fail:
            return copy.copy(fail)
    body = reply.body
    own = Reply(reply.status, reply.headers, body if isinstance(body, bytes) else reader, events=reply.events)
    own.length = reply.length
    return own
