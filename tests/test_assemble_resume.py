import os
from typing import Any

from penstock.config import Config
from penstock.process.loop import run
from tests.support.gateway import OPEN_ECHO, ask, running_gateway

CHAT = "/v1/chat/completions"
FIELDS = [("x-penstock-resume", "true")]
BODY: dict[str, Any] = {"model": "echo", "stream": True, "messages": [{"role": "user", "content": "hi"}]}


def test_kept_streams_survive_a_reload_and_settings_follow_it() -> None:
    async def main() -> None:
        async with running_gateway(OPEN_ECHO) as gateway:
            id = (await ask(gateway.port, "POST", CHAT, FIELDS, BODY)).headers["x-penstock-stream"]
            gateway.path.write_text(OPEN_ECHO + "resume: {enabled: false, total_bytes: 1MiB}\n")
            assert (await gateway.team.reload())["ok"]
            assert gateway.gateway.ledger.accounts["resume"].bound == 1024 * 1024
            assert "x-penstock-stream" not in (await ask(gateway.port, "POST", CHAT, FIELDS, BODY)).headers
            assert (await ask(gateway.port, "GET", f"/v1/streams/{id}")).status == 200

    run(main())


def test_what_happens_is_seen_in_the_metrics() -> None:
    async def main() -> None:
        async with running_gateway(OPEN_ECHO) as gateway:
            await ask(gateway.port, "POST", CHAT, FIELDS, BODY)
            page = await gateway.team.metrics()
            assert 'penstock_resume_streams{state="finished"} 1\n' in page
            assert 'penstock_resume_total{result="opened"} 1\n' in page

    run(main())


def test_the_room_is_left_out_while_switched_off() -> None:
    async def main() -> None:
        async with running_gateway(OPEN_ECHO) as gateway:
            made = gateway.gateway.resumption
            assert made is not None
            assert made.stage(gateway.gateway.config) is not None
            off = Config.parse(OPEN_ECHO + "resume: {enabled: false}\n", "c.yaml", os.environ)
            assert made.stage(off) is None
            assert list(made.prefixes()) == ["/v1/streams/"]

    run(main())
