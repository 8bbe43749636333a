import asyncio
from typing import Any

from penstock.process.loop import run
from tests.support.gateway import ECHO, Running, ask, running_gateway

BODY: dict[str, Any] = {"model": "echo", "messages": [{"role": "user", "content": "hi"}]}


def test_page_after_page_over_http() -> None:
    async def main() -> None:
        async with running_gateway(ECHO) as gateway, asyncio.timeout(30):
            for number in range(5):
                fields = [gateway.bearer, ("x-request-id", f"call-{number}")]
                await ask(gateway.port, "POST", "/v1/chat/completions", fields, BODY)
            seen: list[str] = []
            after = ""
            while True:
                page = await told(gateway, f"after={after}&limit=2&model=echo")
                seen += [row["id"] for row in page["rows"]]
                after = page["next"]
                if not after:
                    break
            assert seen == [f"call-{number}" for number in range(5)]

    run(main())


async def told(gateway: Running, query: str) -> Any:
    answer = await ask(gateway.port, "GET", f"/admin/v1/journal?{query}", [gateway.bearer])
    assert answer.status == 200
    return answer.json()


def test_it_wants_a_key_with_the_right_admin() -> None:
    async def main() -> None:
        async with running_gateway(ECHO) as gateway:
            assert (await ask(gateway.port, "GET", "/admin/v1/journal")).status == 401
            assert (await ask(gateway.port, "POST", "/admin/v1/journal", [gateway.bearer])).status == 405

    run(main())


def test_a_fleet_that_cannot_answer_says_so() -> None:
    async def main() -> None:
        async with running_gateway(ECHO) as gateway:
            gateway.team.members.clear()
            answer = await ask(gateway.port, "GET", "/admin/v1/journal", [gateway.bearer])
            assert answer.status == 503
            assert "no worker answered" in answer.json()["error"]["message"]

    run(main())
