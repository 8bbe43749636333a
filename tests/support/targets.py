"""Targets and calls for tests of routing."""

from typing import Any

from penstock.core.call import Call, Operation
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.routing.ask import Ask
from penstock.routing.targets import Target

CHAT = Operation("chat", "openai", "/chat/completions")


class Upstream:
    """A provider that answers with its name, and keeps what it was sent as."""

    def __init__(self, name: str, serves: bool = True) -> None:
        self.name = name
        self._serves = serves
        self.sent: list[str] = []

    def serves(self, call: Call) -> bool:
        return self._serves

    async def send(self, exchange: Exchange, model: str) -> Reply:
        self.sent.append(model)
        return Reply(200, [], self.name.encode())

    async def aclose(self) -> None: ...


def target(name: str, weight: int = 1, *, serves: bool = True) -> Target:
    return Target(name, Upstream(name, serves), weight)


def targets(*weights: int) -> list[Target]:
    """Named a, b, c, … with these weights."""
    return [target(chr(ord("a") + number), weight) for number, weight in enumerate(weights)]


def call(client: str = "10.0.0.1", model: str = "", operation: Operation = CHAT) -> Call:
    made = Call(operation, "POST", "/v1" + operation.path, b"", [], client)
    made.model = model
    return made


def exchange(model: str = "m", operation: Operation = CHAT) -> Exchange:
    body: Any = None
    return Exchange("req_1", call(model=model, operation=operation), 0.0, 60.0, body)


def ask(
    client: str = "10.0.0.1",
    *,
    tokens: float = 0.0,
    output: float = 0.0,
    session: str = "",
    now: float = 0.0,
    model: str = "m",
) -> Ask:
    """A call as strategies see it."""
    return Ask(call(client, model), now, model=model, tokens=tokens, output=output, session=session)
