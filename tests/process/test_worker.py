import asyncio
import ssl
from pathlib import Path

import pytest
import trustme

from penstock.config import Config, ConfigError
from penstock.process.worker import tls_context, unchangeable
from tests.support.gateway import ECHO, OPEN_ECHO, Running, ask, running_gateway
from tests.support.load import Kept, chat, load
from tests.support.scripted_upstream import Answer, Gone, ScriptedUpstream

CHAT = b'{"id":"1","object":"chat.completion","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}'


def config(url: str, pace: float = 100.0, more: str = "") -> str:
    return f"""
auth: {{mode: open}}
scrape: {{enabled: false}}
upstreams:
  up: {{kind: vllm, base_url: "{url}"}}
  slow: {{kind: echo, tokens_per_second: 100}}
  other: {{kind: echo, tokens_per_second: {pace}}}
models:
  m: {{upstreams: [up]}}
  slow: {{upstreams: [slow]}}
  other: {{upstreams: [other]}}
{more}"""


async def changed(gateway: Running, text: str) -> None:
    gateway.path.write_text(text)
    assert await gateway.team.reload() == {"ok": True, "problems": []}


async def settled(gateway: Running) -> None:
    """Wait until nothing is in flight and what was replaced is gone."""
    for _ in range(200):
        if not gateway.gateway.endpoint.generation.in_flight and len(gateway.gateway._editions) == 1:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(gateway.gateway._editions)


def test_200_reloads_under_load_are_not_noticed() -> None:
    async def main(url: str) -> None:
        async with running_gateway(config(url)) as gateway:
            async with load(gateway.port) as tally:
                await asyncio.sleep(0.2)
                (up,) = [target for target in gateway.gateway.upstreams.targets if target.name == "up"]
                for n in range(200):
                    await changed(gateway, config(url, pace=n % 7 + 1))
                    await asyncio.sleep(0.005)
            assert tally.wrong == []
            assert min(tally.good.values()) >= 3
            await settled(gateway)
            dump = gateway.gateway.dump()
            assert dump["reloads"] == 200
            # What did not change kept its state: the very target, its counts, its connections.
            assert up in gateway.gateway.upstreams.targets
            assert up.in_flight == 0
            assert up.served == tally.good["kept"] + tally.good["fresh"]
            assert 1 <= dump["upstreams"]["up"][2] <= 5
            assert dump["upstreams"]["slow"][:2] == [0, tally.good["streams"]]
            # Of the 200 others one is left.
            assert len(gateway.gateway.upstreams.targets) == 3
            assert dump["observed"]["in_flight"] == 0

    with ScriptedUpstream() as upstream:
        upstream.answers["/v1/chat/completions"] = Answer(body=CHAT)
        asyncio.run(main(upstream.url))


def test_no_new_upstream_connection_is_made_by_reloading() -> None:
    async def main(upstream: ScriptedUpstream) -> None:
        async with running_gateway(config(upstream.url)) as gateway:
            caller = await Kept.dial(gateway.port)
            for n in range(20):
                await changed(gateway, config(upstream.url, pace=n + 1))
                assert (await caller.ask(chat("m", keep=True))).status == 200
            assert gateway.gateway.dump()["upstreams"]["up"] == [0, 20, 1]
            assert len(upstream._open) == 1
            caller.writer.close()

    with ScriptedUpstream() as upstream:
        upstream.answers["/v1/chat/completions"] = Answer(body=CHAT)
        asyncio.run(main(upstream))


def test_a_kept_connection_takes_the_new_config_at_its_next_request() -> None:
    async def main() -> None:
        async with running_gateway(OPEN_ECHO) as gateway:
            caller = await Kept.dial(gateway.port)
            assert (await caller.ask(chat("echo", keep=True))).status == 200
            await changed(gateway, OPEN_ECHO.replace("models: {echo:", "models: {parrot:"))
            gone = await caller.ask(chat("echo", keep=True))
            assert (gone.status, gone.json()["error"]["code"]) == (404, "model_not_found")
            assert (await caller.ask(chat("parrot", keep=True))).headers["x-penstock-model"] == "parrot"
            caller.writer.close()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("auth: {mode: open}\nupstreams: {e: {kind: ecko}}\n", ":2:"),
        ("auth: {mode: open}\n\nupstreams: {e: {kind: vllm, base_url: '${NOT_SET}'}}\n", ":3:"),
        (OPEN_ECHO + "listen: {port: 9}\n", "listen.port cannot change while running"),
        (ECHO, "auth cannot change while running"),
        (OPEN_ECHO + "observe: {log_file: /tmp/other.log}\n", "observe.log_file cannot change while running"),
        (
            OPEN_ECHO.replace(
                "kind: echo}", "kind: echo}, x: {kind: vllm, base_url: 'https://x', ca_file: penstock.yaml}"
            ),
            "upstream 'x': its certificate files cannot be used",
        ),
    ],
)
def test_a_config_that_cannot_serve_is_refused_with_its_line_and_leaves_no_trace(text: str, problem: str) -> None:
    async def main() -> None:
        async with running_gateway(OPEN_ECHO) as gateway:
            before = gateway.gateway.upstreams.targets
            gateway.path.write_text(text)
            told = await gateway.team.reload()
            assert told["ok"] is False
            assert str(gateway.path) in told["problems"][0] or problem.startswith("upstream")
            assert problem in told["problems"][0]
            caller = await Kept.dial(gateway.port)
            assert (await caller.ask(chat("echo", keep=True))).status == 200
            assert gateway.gateway.upstreams.targets == before
            assert gateway.gateway.reloads == 0
            caller.writer.close()

    asyncio.run(main())


def test_what_another_worker_refused_is_forgotten() -> None:
    async def main() -> None:
        async with running_gateway(OPEN_ECHO) as gateway:
            text = OPEN_ECHO.replace("upstreams: {", "upstreams: {new: {kind: echo}, ") + "memory: {bodies: 1MiB}\n"
            value = {"name": "c.yaml", "text": text}
            bound = gateway.gateway.ledger.accounts["bodies"].bound
            assert await gateway.worker.answers["prepare"](value) == []
            assert len(gateway.gateway.upstreams.targets) == 2
            assert gateway.gateway.ledger.accounts["bodies"].bound == bound  # nothing that serves has changed
            await gateway.worker.answers["discard"](None)
            assert len(gateway.gateway.upstreams.targets) == 1
            await gateway.worker.answers["commit"](None)
            assert gateway.gateway.reloads == 0
            assert await gateway.worker.answers["prepare"](value) == []
            await gateway.worker.answers["commit"](None)
            assert gateway.gateway.ledger.accounts["bodies"].bound == 1024 * 1024

    asyncio.run(main())


def test_a_removed_upstream_ends_with_its_last_call() -> None:
    async def main(upstream: ScriptedUpstream, gone: Gone) -> None:
        async with running_gateway(config(upstream.url)) as gateway:
            reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
            writer.write(chat("m", stream=True))
            await reader.readuntil(b"data: ")
            await changed(gateway, OPEN_ECHO)
            await changed(gateway, OPEN_ECHO + "memory: {bodies: 2MiB}\n")  # the second after it must not end it either
            assert gateway.gateway.dump()["upstreams"]["up"] == [1, 1, 1]
            await reader.readuntil(b"data: ")  # it still flows
            assert not gone.seen.is_set()
            writer.close()
            await settled(gateway)
            assert list(gateway.gateway.dump()["upstreams"]) == ["echo"]
            assert await asyncio.to_thread(gone.seen.wait, 2)

    with ScriptedUpstream() as upstream:
        gone = Gone()
        upstream.answers["/v1/chat/completions"] = gone
        asyncio.run(main(upstream, gone))


def test_the_end_of_an_old_stream_takes_nothing_from_the_newest_config() -> None:
    async def main(upstream: ScriptedUpstream) -> None:
        async with running_gateway(config(upstream.url)) as gateway:
            reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
            writer.write(chat("slow", words=1000, stream=True))
            await reader.readuntil(b"data: ")
            for pace in (1.0, 2.0):
                await changed(gateway, config(upstream.url, pace=pace))
            newest = gateway.gateway._editions[-1].targets
            assert len(gateway.gateway.upstreams.targets) == 4  # what the stream's own edition had is here too
            writer.close()
            await settled(gateway)
            assert set(gateway.gateway.upstreams.targets) == set(newest)

    with ScriptedUpstream() as upstream:
        asyncio.run(main(upstream))


def test_what_is_remembered_of_calls_follows_the_config() -> None:
    async def main() -> None:
        async with running_gateway(OPEN_ECHO) as gateway:
            for _ in range(5):
                await ask(gateway.port, "POST", "/v1/chat/completions", [], {"model": "echo", "messages": []})
            await changed(gateway, OPEN_ECHO + "observe: {recent: 3}\n")
            rows = await gateway.worker.answers["calls"]({"count": 10, "id": ""})
            assert len(rows) == 3
            found = await gateway.worker.answers["calls"]({"count": 1, "id": rows[1]["id"]})
            assert found == [rows[1]]
            assert await gateway.worker.answers["calls"]({"count": 1, "id": "req_none"}) == []

    asyncio.run(main())


def test_what_cannot_change_while_running() -> None:
    old = Config.parse("", "c.yaml", {})
    assert unchangeable(old, Config.parse("listen: {max_body: 1MiB}", "c.yaml", {})) == []
    changes = "listen: {host: 127.0.0.2, port: 1, workers: 2}\nauth: {key_file: /k}\nobserve: {log_file: /l}"
    found = unchangeable(old, Config.parse(changes, "c.yaml", {}))
    assert [line.split()[1] for line in found] == [
        "listen.host", "listen.port", "listen.workers", "auth", "observe.log_file",
    ]  # fmt: skip


def test_a_certificate_that_does_not_fit_is_a_problem_of_the_config(tmp_path: Path) -> None:
    for name in ("cert", "key"):
        (tmp_path / name).write_text("not PEM")
    text = f"listen: {{tls: {{cert: {tmp_path}/cert, key: {tmp_path}/key}}}}"
    with pytest.raises(ConfigError, match=r"c\.yaml: listen\.tls: .*cert and .*key cannot be used"):
        tls_context(Config.parse(text, "c.yaml", {}))
    assert tls_context(Config.parse("", "c.yaml", {})) is None


def test_a_renewed_certificate_counts_after_a_reload(tmp_path: Path) -> None:
    authority = trustme.CA()

    def issue(name: str) -> None:
        issued = authority.issue_cert(name)
        issued.cert_chain_pems[0].write_to_path(tmp_path / "cert")
        issued.private_key_pem.write_to_path(tmp_path / "key")

    async def shown(port: int, name: str) -> str:
        context = ssl.create_default_context()
        authority.configure_trust(context)
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name)
        certificate = writer.get_extra_info("peercert")
        writer.close()
        assert await reader.read() == b""
        return str(certificate["subjectAltName"][0][1])

    async def main() -> None:
        text = OPEN_ECHO + f"listen: {{tls: {{cert: {tmp_path}/cert, key: {tmp_path}/key}}}}\n"
        issue("old.example")
        async with running_gateway(text) as gateway:
            assert await shown(gateway.port, "old.example") == "old.example"
            issue("new.example")
            await changed(gateway, text)
            assert await shown(gateway.port, "new.example") == "new.example"
            (tmp_path / "cert").write_text("cut off")
            told = await gateway.team.reload()
            assert "listen.tls" in told["problems"][0]
            assert await shown(gateway.port, "new.example") == "new.example"

    asyncio.run(main())
