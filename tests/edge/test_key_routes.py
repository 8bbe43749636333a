from penstock.process.loop import run
from tests.support.gateway import ECHO, OPEN_ECHO, ask, running_gateway


def test_keys_are_told_without_their_secrets() -> None:
    async def main() -> None:
        async with running_gateway(ECHO) as gateway:
            answer = await ask(gateway.port, "GET", "/admin/v1/keys", [gateway.bearer])
            told = answer.json()
            (key,) = told["keys"]
            assert key["id"] == told["asker"]
            assert key["rights"] == ["call", "admin"]
            assert set(key) == {"id", "name", "created", "rights", "revoked", "priority", "weight"}
            ring = gateway.gateway.keys.ring
            assert ring is not None
            record = ring.find(gateway.key.encode())
            assert record is not None
            assert record.hash.encode() not in answer.body
            assert gateway.key.encode() not in answer.body
            assert (await ask(gateway.port, "GET", "/admin/v1/keys")).status == 401

    run(main())


def test_there_are_none_while_open() -> None:
    async def main() -> None:
        async with running_gateway(OPEN_ECHO) as gateway:
            assert (await ask(gateway.port, "GET", "/admin/v1/keys")).json() == {"keys": [], "asker": "open"}

    run(main())
