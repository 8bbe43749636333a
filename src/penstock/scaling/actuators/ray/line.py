"""What the gateway and its Ray process say to each other: a question a line, an answer a line, JSON. Pure."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

MOST_LINE_BYTES = 4 * 1024 * 1024


class Question(Struct):
    """``n`` numbers it. ``do``: ``hello``, ``look``, ``start`` or ``end``; ``value`` is as that needs it."""

    n: int
    do: str
    value: dict[str, Any] = {}


class Answer(Struct):
    """To the question of that number. ``failed``: why there is no value, in words for the operator."""

    n: int
    value: dict[str, Any] = {}
    failed: str = ""


class Order(Struct):
    """A replica to start: its name and what an actor needs to know (see ``node``) and to be given (of Ray)."""

    name: str
    command: list[str]
    environment: dict[str, str]
    ready: str
    start: float
    stop: float
    linger: float
    asked: float
    num_cpus: float = 0.0
    num_gpus: float = 0.0
    resources: dict[str, float] = {}
    spread: bool = True


class Told(Struct):
    """A replica as the cluster tells of it. ``state``: ``placing`` (its actor has no node yet), ``starting``,
    ``ready``, ``failed`` (its command ended, or was too slow), ``silent`` (its node does not answer), ``gone``."""

    name: str
    state: str
    address: str = ""
    asked: float = 0.0
    took: float = 0.0
    node: str = ""
    trouble: str = ""


class Looked(Struct):
    """All replicas of a namespace, and what of Ray's resources is free."""

    replicas: list[Told] = []
    free: dict[str, float] = {}


def line_of(message: Struct) -> bytes:
    """As it is written."""
    return msgspec.json.encode(message) + b"\n"


question_of = msgspec.json.Decoder(Question).decode
answer_of = msgspec.json.Decoder(Answer).decode
