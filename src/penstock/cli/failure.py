"""How a command ends when it cannot do what was asked: a message for standard error and an exit status."""

from __future__ import annotations

WRONG_CONFIG = 2


class Failure(Exception):
    """Ends the command. The message is one line a problem; ``status`` is the exit status."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status
