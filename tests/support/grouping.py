"""Members of groups without a gateway."""

import asyncio
from typing import Any

from penstock.core.fiber import Promise
from penstock.grouping.waiting import Group, Member
from tests.support.flights import asking

LOOP: Any = asyncio.new_event_loop()
LOOP.close()  # nothing runs on it: promises only name it


def member(number: int = 0, priority: int = 1, shared: int = 0) -> Member:
    exchange = asking()
    exchange.priority = priority
    return Member(exchange, Promise(LOOP), 0.0, number, shared)


def group(*vectors: Any, scope: str = "s", since: float = 0.0, priority: int = 1) -> Group:
    made = Group("g", scope, since)
    for number, vector in enumerate(vectors):
        one = member(number, priority)
        made.join(one)
        one.vector = vector
    return made
