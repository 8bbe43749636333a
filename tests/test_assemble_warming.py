import asyncio
import json

from penstock.assemble_warming import Warming
from tests.support.gateway import ask, running_gateway

FILE = """
upstreams: {echo: {kind: echo}}
models: {m: {upstreams: [echo]}}
cache: {exact: {ttl: 10m}}
journal: {prompts: %s}
"""


def body(text: str) -> bytes:
    return json.dumps({"model": "m", "temperature": 0, "messages": [{"role": "user", "content": text}]}).encode()


def test_the_commonest_prompts_are_asked_again_in_the_name_of_their_key() -> None:
    async def main() -> None:
        async with running_gateway(FILE % "true") as running:
            warming = Warming(running.gateway)
            assert warming.possible()
            for text in ("often", "often", "often", "once"):
                answer = await ask(running.port, "POST", "/v1/chat/completions", [running.bearer], body(text))
                assert answer.status == 200
            assert await warming.warm(0) == 0
            flush = await ask(running.port, "DELETE", "/admin/v1/cache?all=true", [running.bearer])
            assert flush.status in (200, 400)
            assert await warming.warm(1) == 1
            answer = await ask(running.port, "POST", "/v1/chat/completions", [running.bearer], body("often"))
            assert "hit" in answer.headers.get("x-penstock-cache", "")
            rows = (await running.gateway.fleet.journal({"last": 50}))["rows"]
            assert len([row for row in rows if "warmed" in row.get("tags", "")]) == 1  # patterns leave it out
            assert running.gateway.in_flight() == 0

    asyncio.run(main())


def test_without_prompts_there_is_nothing_to_warm_with() -> None:
    async def main() -> None:
        async with running_gateway(FILE % "false") as running:
            assert not Warming(running.gateway).possible()
            assert await Warming(running.gateway).warm(10) == 0

    asyncio.run(main())
