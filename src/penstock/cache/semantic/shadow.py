"""Shadow checks: an answer was told from the cache, the upstream is asked as well, and the two are compared. Pure but
for what it awaits.

Enters: the question, what was told, a fork that is charged to who asked. Leaves: the outcome.
Bounded in checks at once and in the bytes of their calls (an account): beyond, the caller waits for the upstream.
An upstream that does not answer is asked again; if it never does, nobody can tell, and that counts as wrong.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from penstock.cache.semantic.answers import answer_text
from penstock.cache.semantic.asking import Below
from penstock.cache.semantic.comparing import Comparing, Payer
from penstock.cache.semantic.judge import Judge
from penstock.cache.semantic.question import Question
from penstock.cache.semantic.tally import Tally
from penstock.core.exchange import Exchange
from penstock.core.ports import Account, Next

PAUSES = (5.0, 30.0)
"""Seconds before it is asked again."""
CHECK_SECONDS = 300.0
JUDGE_SECONDS = 120.0
"""How long a check waits for a question that may be put to the judge."""
JUDGE_PAUSE = 1.0


class Shadows:
    """See the module. ``pause`` waits so many seconds; ``most``: bytes of the longest answer that is compared."""

    def __init__(
        self,
        below: Below,
        comparing: Comparing,
        account: Account,
        tally: Tally,
        now: Callable[[], float],
        pause: Callable[[float], Awaitable[object]],
        *,
        checks: int,
        most: int,
    ) -> None:
        self._below = below
        self._comparing = comparing
        self._account = account
        self._tally = tally
        self._now = now
        self._pause = pause
        self._checks = checks
        self._most = most
        self.running = 0

    def reserve(self, exchange: Exchange) -> bool:
        """Take a place; False when there is none."""
        if self.running >= self._checks or not self._account.reserve(len(exchange.call.body)):
            self._tally.shadows["inline"] += 1
            return False
        self.running += 1
        return True

    def release(self, size: int) -> None:
        """Give it back."""
        self.running -= 1
        self._account.release(size)

    async def check(self, exchange: Exchange, next: Next, question: Question, told: str | None) -> bool | None:
        """Whether the upstream says what was ``told``. ``exchange``: a fork of who asked, which ends here. The place is
        given back."""
        size = len(exchange.call.body)
        try:
            text = await self._answer(exchange, next)
            if text is None:
                self._tally.shadows["lost"] += 1
                return None
            equal = self._comparing.texts(told, text)
            if equal is None and self._comparing.judge is not None:
                await self._wait_for_judge(self._comparing.judge)
                equal = await self._comparing.judged(Payer(exchange, next), question.text, told, text, urgent=True)
            self._tally.shadows["unknown" if equal is None else "right" if equal else "wrong"] += 1
            return equal
        finally:
            exchange.finish("ok", self._now())
            self.release(size)

    async def _answer(self, exchange: Exchange, next: Next) -> str | None:
        for pause in (*PAUSES, None):
            body = await self._below.ask(exchange.fork("shadow"), next, CHECK_SECONDS, self._most)
            if body is not None:
                return answer_text(exchange.call.operation.name, body)
            self._tally.shadows["failed"] += 1
            if pause is not None:
                await self._pause(pause)
        return None

    async def _wait_for_judge(self, judge: Judge) -> None:
        until = self._now() + JUDGE_SECONDS
        while not judge.has_question(self._now(), urgent=True) and self._now() < until:
            await self._pause(JUDGE_PAUSE)

    def __repr__(self) -> str:
        return f"<Shadows {self.running} of {self._checks} at once>"
