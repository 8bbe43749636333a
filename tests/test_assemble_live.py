import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import trustme

from penstock.assemble_live import adjust, hear, rows, target_key
from penstock.net.tls import server_context
from penstock.process.loop import run
from penstock.routing.config import TimeoutsConfig
from penstock.routing.trial import Rules, Trial
from penstock.routing.upstream_config import PriceConfig, UpstreamConfig
from tests.support.gateway import ask, running_gateway
from tests.support.scripted_upstream import Answer, ScriptedUpstream
from tests.support.targets import ask as asked
from tests.support.targets import exchange, target

VLLM = UpstreamConfig(kind="vllm", base_url="http://127.0.0.1:9/v1")
TIMEOUTS = TimeoutsConfig()
CHAT = {"model": "m", "messages": [{"role": "user", "content": "a"}]}


def changed(**more: Any) -> UpstreamConfig:
    return msgspec.structs.replace(VLLM, **more)


def test_what_can_change_in_place_makes_no_other_target_and_all_else_does() -> None:
    key = target_key("a", VLLM, TIMEOUTS)
    for same in (changed(weight=9), changed(drain=True), changed(capacity=3), changed(price=PriceConfig(input=1.0))):
        assert target_key("a", same, TIMEOUTS) == key
    others = [
        target_key("b", VLLM, TIMEOUTS),
        target_key("a", changed(api_key="k"), TIMEOUTS),
        target_key("a", changed(address="h:1"), TIMEOUTS),
        target_key("a", VLLM, TimeoutsConfig(idle=1.0)),
    ]
    assert len({key, *others}) == 5


def test_a_target_takes_over_its_settings_while_it_serves() -> None:
    one = target("a")
    seat = one.take_seat(exchange(), asked())
    known = one.changes.count
    adjust(one, changed(weight=5, capacity=7, price=PriceConfig(input=3.0, output=6.0)))
    assert (one.weight, one.capacity, one.prices, one.in_flight) == (5, 7, (3e-6, 6e-6), 1)
    assert one.changes.count == known + 1  # what was worked out from weights is worked out anew
    adjust(one, changed(weight=5, drain=True))
    assert (one.draining, one.changes.count) == (True, known + 2)
    adjust(one, changed(weight=5, drain=True))
    assert one.changes.count == known + 2
    seat.leave(1.0)
    assert one.in_flight == 0


def test_a_replaced_target_is_told_together_with_its_successor() -> None:
    old, new, other = target("a"), target("a"), target("b")
    for one in (old, new, new):
        one.take_seat(exchange(), asked())
    told = rows([(old, []), (new, []), (other, [])], Counter({"a": 4}))
    assert (told["a"]["in_flight"], told["a"]["served"], told["a"]["sessions"]) == (3, 3, 4)
    assert (told["b"]["in_flight"], told["b"]["sessions"]) == (0, 0)


def test_an_address_of_its_own_leaves_name_path_and_certificate_as_the_url_says(tmp_path: Path) -> None:
    authority = trustme.CA()
    cert = authority.issue_cert("models.example")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    cert.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    cert.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    tls = server_context(str(tmp_path / "cert.pem"), str(tmp_path / "key.pem"))

    async def main(upstream: ScriptedUpstream) -> None:
        where = f'address: "127.0.0.1:{upstream.port}", ca_file: {tmp_path}/ca.pem'
        text = f"""
upstreams: {{x: {{kind: vllm, base_url: "https://models.example/api", {where}}}}}
models: {{m: {{upstreams: [x]}}}}
auth: {{mode: open}}
"""
        async with running_gateway(text) as gateway:
            answer = await ask(gateway.port, "POST", "/v1/chat/completions", [], CHAT)
            assert answer.status == 200, answer

    with ScriptedUpstream(tls) as upstream:
        upstream.answers["/api/chat/completions"] = Answer()
        run(main(upstream))
        assert upstream.requests[0].header("host") == "models.example"


def test_files_and_batches_go_to_one_that_takes_new_calls() -> None:
    async def main() -> None:
        with ScriptedUpstream() as one, ScriptedUpstream() as other:
            for upstream in (one, other):
                upstream.answers["/v1/files"] = Answer()
            text = f"""
upstreams:
  a: {{kind: vllm, base_url: "{one.url}", drain: true}}
  b: {{kind: vllm, base_url: "{other.url}"}}
models: {{m: {{upstreams: [a, b]}}}}
auth: {{mode: open}}
jobs: {{enabled: false}}
"""
            async with running_gateway(text) as gateway:
                for _ in range(2):
                    assert (await ask(gateway.port, "GET", "/v1/files")).status == 200
                assert (len(one.requests), len(other.requests)) == (0, 2)
                gateway.path.write_text(text.replace(f'"{other.url}"', f'"{other.url}", drain: true'))
                assert (await gateway.team.reload())["ok"]
                assert (await ask(gateway.port, "GET", "/v1/files")).status == 200  # nobody else has them
                assert len(one.requests) == 1

    asyncio.run(main())


def test_what_callers_think_reaches_the_version_that_answered() -> None:
    trial = Trial(0.5, Rules(), lambda low, high: low)
    trials: Any = {"m": (None, trial)}
    for label, liked in (("m", True), ("m@canary", False), ("m@canary", True), ("other", True)):
        hear(trials, label, liked=liked)
    assert [(side.liked, side.disliked) for side in (trial.old, trial.new)] == [(1, 0), (1, 1)]
