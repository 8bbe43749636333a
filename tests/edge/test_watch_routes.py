import asyncio
from typing import Any

import pytest

from penstock.edge.watch_routes import MOST_BODY_BYTES, PARTS
from penstock.process.loop import run
from tests.support.gateway import ECHO, OPEN_ECHO, Running, ask, running_gateway

Asked = list[dict[str, Any]]


def at(act: Any, text: str = OPEN_ECHO) -> None:
    async def main() -> None:
        async with running_gateway(text) as gateway, asyncio.timeout(30):
            await act(gateway)

    run(main())


def answering(gateway: Running, part: str, answer: dict[str, Any]) -> Asked:
    """``part`` answers so from now on. Gives the questions that it was asked."""
    asked: Asked = []

    async def told(question: dict[str, Any]) -> dict[str, Any]:
        asked.append(question)
        return answer

    watching = gateway.gateway.watching
    assert watching is not None
    watching.answers[part] = told
    return asked


@pytest.mark.parametrize("part", PARTS)
def test_each_part_is_asked_and_told_to_do(part: str) -> None:
    async def act(gateway: Running) -> None:
        asked = answering(gateway, part, {"said": part})
        answer = await ask(gateway.port, "GET", f"/admin/v1/{part}?since=-6h&model=a%20b&empty=&since=now")
        assert (answer.status, answer.json()) == (200, {"said": part})
        assert answer.headers["content-type"] == "application/json"
        answer = await ask(gateway.port, "POST", f"/admin/v1/{part}/take%20back/3", [], b'{"a": 1}')
        assert (answer.status, answer.json()) == (200, {"said": part})
        assert asked == [
            {"since": "-6h", "model": "a b", "empty": ""},
            {"do": "take back/3", "body": '{"a": 1}', "by": asked[1]["by"], "trusted": False},
        ]

    at(act)


def test_looking_does_nothing_and_only_a_key_makes_trusted() -> None:
    async def act(gateway: Running) -> None:
        asked = answering(gateway, "experiments", {})
        query = "do=apply&body=%7B%7D&trusted=true&by=model"
        await ask(gateway.port, "GET", f"/admin/v1/experiments?{query}", [gateway.bearer])
        await ask(gateway.port, "POST", "/admin/v1/experiments/apply", [gateway.bearer], b"{}")
        assert asked[0] == {"by": "model"}
        assert (asked[1]["do"], asked[1]["trusted"]) == ("apply", True)

    at(act, ECHO)


def test_a_problem_is_an_error_of_its_status() -> None:
    async def act(gateway: Running) -> None:
        answering(gateway, "cost", {"problems": ["one thing", "another"], "param": "since"})
        answer = await ask(gateway.port, "GET", "/admin/v1/cost")
        assert answer.status == 400
        error = answer.json()["error"]
        assert error["message"].startswith("one thing; another")
        assert (error["code"], error["param"]) == ("bad_query", "since")
        answering(gateway, "cost", {"problems": ["no"], "status": 409, "code": "conflict"})
        answer = await ask(gateway.port, "POST", "/admin/v1/cost/x")
        assert (answer.status, answer.json()["error"]["code"]) == (409, "conflict")
        answering(gateway, "cost", {"problems": ["not now"], "status": 503})
        answer = await ask(gateway.port, "GET", "/admin/v1/cost")
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")

    at(act)


def test_a_part_that_is_not_installed() -> None:
    async def act(gateway: Running) -> None:
        watching = gateway.gateway.watching
        assert watching is not None
        watching.answers.pop("quality", None)
        answer = await ask(gateway.port, "GET", "/admin/v1/quality")
        assert (answer.status, answer.json()["error"]["code"]) == (404, "not_found")

    at(act)


def test_a_query_that_cannot_be_read() -> None:
    async def act(gateway: Running) -> None:
        asked = answering(gateway, "history", {})
        for query in ("&".join(f"f{number}=1" for number in range(17)), "model=%ff"):
            answer = await ask(gateway.port, "GET", f"/admin/v1/history?{query}")
            assert (answer.status, answer.json()["error"]["code"]) == (400, "bad_query")
        assert asked == []

    at(act)


def test_a_body_is_bounded() -> None:
    async def act(gateway: Running) -> None:
        asked = answering(gateway, "history", {})
        answer = await ask(gateway.port, "POST", "/admin/v1/history/do", [], b"x" * (MOST_BODY_BYTES + 1))
        assert answer.status == 413
        assert asked == []

    at(act)


def test_it_wants_a_key_with_the_right_admin_and_says_whose_it_is() -> None:
    async def act(gateway: Running) -> None:
        asked = answering(gateway, "history", {})
        assert (await ask(gateway.port, "GET", "/admin/v1/history")).status == 401
        assert (await ask(gateway.port, "POST", "/admin/v1/history/x")).status == 401
        assert (await ask(gateway.port, "POST", "/admin/v1/history/x", [gateway.bearer], b"")).status == 200
        assert asked[0]["by"].startswith("key-")

    at(act, ECHO)


def test_while_there_is_no_first_worker() -> None:
    async def act(gateway: Running) -> None:
        gateway.team.members.clear()
        answer = await ask(gateway.port, "GET", "/admin/v1/history")
        assert answer.status == 503
        assert "the first worker is starting" in answer.json()["error"]["message"]

    at(act)
