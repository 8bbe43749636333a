"""Calls of all kinds to a gateway whose upstreams are priced, and what journal and ledger say of them."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

from tests.support.priced_upstream import CHAT, PricedUpstream
from tests.support.sockets import Answer, parse_answers, raw, request

CONFIG = """
store: '{store}'
auth: {{mode: open}}
scrape: {{enabled: false}}
health: {{probes: "off"}}
retries: {{max: 1}}
upstreams:
  cheap: {{kind: vllm, base_url: "{url}", price: {{input: 0.3, output: 1.7, cached: 0.07, request: 0.000011}}}}
  dear: {{kind: vllm, base_url: "{url}", price: {{input: 3, output: 15.1}}}}
models:
  m: {{upstreams: [cheap]}}
  both: {{upstreams: [cheap, dear], strategy: round_robin}}
batching: {{enabled: true, max_wait: 200ms}}
coalesce: {{cost: {cost}}}
{more}"""
JSON = ("Content-Type", "application/json")


def chat(model: str, said: str, **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": said}], **more}


async def sent(port: int, path: str, body: Any, headers: list[tuple[str, str]] = []) -> Answer:  # noqa: B006
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    (answer,) = parse_answers(await raw(port, request("POST", path, [JSON, *headers], text), within=60))
    return answer


async def left(port: int) -> None:
    """A caller that goes away while a stream that never ends comes."""
    body = json.dumps(chat("m", "endless", stream=True)).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request("POST", CHAT, [JSON], body))
    await reader.readuntil(b"data:")
    writer.close()


async def traffic(port: int, rng: random.Random) -> None:
    """Calls that are cached, shared, merged, streamed, kept, refused, broken and left, some of them at once."""
    for turn in range(3):
        equal = [
            sent(port, CHAT, chat("m", f"same {turn}", temperature=0, stream=number % 2 == 0)) for number in range(6)
        ]
        items = [sent(port, "/v1/embeddings", {"model": "m", "input": f"item {turn} {number}"}) for number in range(8)]
        other = [
            sent(
                port,
                CHAT,
                chat("both", f"other {turn} {number}", stream=rng.random() < 0.5),
                [("x-penstock-tags", tag)],
            )
            for number, tag in enumerate(["=team:a", "b,c", "", "b"] * 2)
        ]
        kept = [sent(port, CHAT, chat("m", f"kept {turn}", stream=True), [("x-penstock-resume", "true")])]
        wrong = [
            sent(port, CHAT, chat("m", "broken")), sent(port, CHAT, chat("nobody", "x")), sent(port, CHAT, b"{broken"),
            left(port),
        ]  # fmt: skip
        calls: list[Any] = [*equal, *items, *other, *kept, *wrong]
        rng.shuffle(calls)
        await asyncio.gather(*calls)
        for number in range(2):  # these are cached by now
            await sent(port, CHAT, chat("m", f"same {turn}", temperature=0, stream=bool(number)))


async def told(port: int, path: str) -> dict[str, Any]:
    (answer,) = parse_answers(await raw(port, request("GET", path, [], b""), within=60))
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json()
    return found


async def journal(port: int) -> list[dict[str, Any]]:
    rows, after = [], ""
    while True:
        page = await told(port, f"/admin/v1/journal?after={after}&limit=1000")
        rows += page["rows"]
        after = page["next"]
        if not after:
            return rows


def micro(dollars: float) -> int:
    """As whole micro-dollars, which is what is kept."""
    return round(dollars * 1e6)


def sums(rows: list[dict[str, Any]]) -> tuple[int, int, int]:
    """Calls, cost, saving."""
    return len(rows), sum(micro(row["cost"]) for row in rows), sum(micro(row["saved"]) for row in rows)


def ledger(answer: dict[str, Any]) -> tuple[int, int, int]:
    total = answer["total"]
    return total["calls"], total["cost"], sum(total["saved"].values())


def check_paid_once(up: PricedUpstream, rows: list[dict[str, Any]], workers: int) -> None:
    """What the upstream's usage costs, with fractions that each worker and price may still carry."""
    dear = sum(1 for row in rows if row["upstream"] == "dear" and row["outcome"] == "ok" and row["status"] == 200)
    chats = up.chats - dear
    merged = len([one for one in up.requests if one.target.endswith("embeddings")])
    whole = (
        chats * (60 * 0.3 + 40 * 0.07 + 10 * 1.7) + dear * (100 * 3 + 10 * 15.1) + up.items * 7 * 0.3
        + (chats + merged) * 11 + 1.7 * sum(row["tokens_out"] for row in rows if row["outcome"] == "left")
    )  # fmt: skip
    paid = sums(rows)[1]
    assert whole - 4 * workers <= paid <= whole + 0.001, (paid, whole)
