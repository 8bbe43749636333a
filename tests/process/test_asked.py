import asyncio
from typing import Any

import pytest

from penstock.process.asked import Asked, Near
from penstock.process.link import LinkError


class Fake:
    def __init__(self, number: int, answer: Any) -> None:
        self.number = number
        self.answer = answer

    async def ask(self, name: str, value: Any = None, *, within: float = 5.0) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def asked(*answers: Any) -> Asked:
    one = Asked()
    one.members.update({number: Fake(number, answer) for number, answer in enumerate(answers)})
    return one


def test_one_that_is_silent_is_left_out_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    assert asyncio.run(asked(["w0"], LinkError("gone"), ["w2"]).windows(0.0)) == ["w0", "w2"]
    assert "worker 1 did not answer 'windows'" in caplog.text


def test_the_first_worker_knows_of_parts_and_without_it_nobody_does() -> None:
    assert asyncio.run(asked({"a": 1}, {"a": 2}).leader("cost", {})) == {"a": 1}
    assert asyncio.run(Asked().leader("cost", {}))["status"] == 503
    assert asyncio.run(asked(LinkError("late")).leader("cost", {}))["problems"] == ["late"]


def test_a_worker_in_this_process_is_asked_directly() -> None:
    async def double(value: Any) -> Any:
        return 2 * value

    assert asyncio.run(Near(0, {"double": double}).ask("double", 4)) == 8
