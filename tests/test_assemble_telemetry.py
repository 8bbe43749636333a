"""Calls through a whole gateway, to a receiver that decodes what it is sent with OpenTelemetry's own schema."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from penstock.config import ConfigError
from penstock.telemetry import service as telemetry_service
from tests.support.gateway import Answer, Running, ask, running_gateway
from tests.support.logs import looped
from tests.support.otlp_receiver import Receiver, metrics_by_name, plain
from tests.support.scripted_upstream import EVENTS, ScriptedUpstream
from tests.support.scripted_upstream import Answer as Scripted

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GIVEN = f"00-{TRACE}-{PARENT}-01"
CHAT = {"model": "m", "messages": [{"role": "user", "content": "planted prompt"}]}
ANSWER = json.dumps(
    {
        "choices": [{"message": {"role": "assistant", "content": "planted answer"}}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 3},
    }
).encode()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telemetry_service, "TICK_SECONDS", 0.01)


def config(upstream: ScriptedUpstream, otlp: str, more: str = "") -> str:
    return (
        f"upstreams: {{u: {{kind: openai, base_url: '{upstream.url}', api_key: planted-key}}}}\n"
        "models: {m: {upstreams: [u]}}\nauth: {mode: open}\nretries: {max: 1}\n"
        + (f"telemetry: {{otlp: {otlp}}}\n" if otlp else "")
        + more
    )


def settings(receiver: Receiver, **more: Any) -> str:
    return json.dumps({"endpoint": receiver.endpoint, "sample": 1, "delay": "100ms", **more})


@asynccontextmanager
async def serving(otlp: Callable[[Receiver], str]) -> AsyncIterator[tuple[Running, Receiver, ScriptedUpstream]]:
    with Receiver() as receiver, ScriptedUpstream() as upstream:
        upstream.answers["/v1/chat/completions"] = Scripted(body=ANSWER)
        async with running_gateway(config(upstream, otlp(receiver))) as running:
            yield running, receiver, upstream


async def chat(running: Running, *headers: tuple[str, str], stream: bool = False, model: str = "m") -> Answer:
    body = CHAT | {"stream": stream, "model": model}
    return await ask(running.port, "POST", "/v1/chat/completions", headers, body)


async def until(fact: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not fact():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.01)


def sent_fields(upstream: ScriptedUpstream) -> list[tuple[str | None, str | None]]:
    return [(request.header("traceparent"), request.header("tracestate")) for request in upstream.requests]


@pytest.mark.parametrize("protocol", ["http/protobuf", "http/json"])
def test_a_callers_trace_goes_on_through_us_to_the_upstream(protocol: str) -> None:
    async def go() -> None:
        async with serving(lambda receiver: settings(receiver, protocol=protocol)) as (running, receiver, upstream):
            assert (await chat(running, ("traceparent", GIVEN), ("tracestate", "a=1"))).status == 200
            await until(lambda: len(receiver.spans()) == 2)
            server, client = receiver.spans()
            assert (server.trace_id.hex(), server.parent_span_id.hex()) == (TRACE, PARENT)
            assert client.parent_span_id == server.span_id
            assert sent_fields(upstream) == [(f"00-{TRACE}-{client.span_id.hex()}-01", "a=1")]
            said = plain(client.attributes)
            assert (said["gen_ai.usage.input_tokens"], said["gen_ai.usage.output_tokens"]) == (7, 3)
            assert plain(server.attributes)["http.response.status_code"] == 200
            assert "planted" not in str(receiver.taken), "no prompt, answer or key"

    asyncio.run(go())


@looped
async def test_without_one_a_trace_begins_here() -> None:
    async with serving(settings) as (running, receiver, upstream):
        await chat(running)
        await chat(running, ("traceparent", "00-nonsense"), ("tracestate", "a=1"))
        await until(lambda: len(receiver.spans()) == 4)
        servers = [span for span in receiver.spans() if span.kind == 2]
        assert not any(span.parent_span_id for span in servers)
        assert len({span.trace_id for span in servers} | {bytes.fromhex(TRACE)}) == 3
        assert [field[0][3:35] for field in sent_fields(upstream) if field[0]] == [s.trace_id.hex() for s in servers]
        assert [state for _, state in sent_fields(upstream)] == [None, None], "the state of no valid parent goes"


@looped
async def test_while_it_is_off_the_fields_pass_as_they_came() -> None:
    async with serving(lambda receiver: "") as (running, receiver, upstream):
        await chat(running)
        await chat(running, ("traceparent", GIVEN), ("tracestate", "a=1"))
        await chat(running, ("traceparent", "00-nonsense"))
        assert sent_fields(upstream) == [(None, None), (GIVEN, "a=1"), ("00-nonsense", None)]
        assert receiver.requests == []


@looped
async def test_a_caller_that_keeps_nothing_is_followed_in_that() -> None:
    async with serving(settings) as (running, receiver, upstream):
        upstream.answers["/v1/chat/completions"] = Scripted(400)
        await chat(running, ("traceparent", GIVEN[:-1] + "0"))
        await chat(running)
        await until(lambda: receiver.spans())
        assert {span.trace_id.hex() for span in receiver.spans()} != {TRACE}
        field = sent_fields(upstream)[0][0]
        assert field is not None
        assert field.startswith(f"00-{TRACE}-")
        assert field.endswith("-00")


@looped
async def test_of_those_not_drawn_errors_are_kept() -> None:
    async with serving(lambda receiver: settings(receiver, sample=0)) as (running, receiver, upstream):
        await chat(running)
        upstream.answers["/v1/chat/completions"] = Scripted(500)
        await chat(running)
        await until(lambda: len(receiver.spans()) >= 3)
        server, *others = receiver.spans()
        attempts = [span for span in others if span.kind == 3]
        assert [span.name for span in others if span not in attempts] == ["wait retry"], "the pause is a span, too"
        assert plain(server.attributes)["penstock.trace.kept"] == "error"
        assert (server.status.code, plain(server.attributes)["error.type"]) == (2, "upstream_error")
        assert len(attempts) == 2, "each attempt is a span"
        fields = [field for field, _ in sent_fields(upstream)[1:] if field]
        assert [field[36:52] for field in fields] == [span.span_id.hex() for span in attempts]


@looped
async def test_a_stream_has_its_first_token() -> None:
    async with serving(settings) as (running, receiver, upstream):
        event = b'data: {"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":null}]}\n\n'
        end = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
        upstream.answers["/v1/chat/completions"] = Scripted(headers=(EVENTS,), chunks=(event, event, end))
        assert (await chat(running, stream=True)).status == 200
        await until(lambda: len(receiver.spans()) == 2)
        for span in receiver.spans():
            (first,) = span.events
            assert first.name == "first_token"
            assert span.start_time_unix_nano < first.time_unix_nano <= span.end_time_unix_nano


@looped
async def test_metrics_are_sent_with_who_sends_them() -> None:
    extra = {"interval": "1s", "traces": False, "headers": {"X-Key": "k"}, "resource": {"team": "blue"}}
    async with serving(lambda receiver: settings(receiver, **extra)) as (running, receiver, upstream):
        await chat(running, ("traceparent", GIVEN))
        await until(lambda: any("gen_ai.client.token.usage" in metrics_by_name(one) for one in receiver.metrics()))
        request = next(one for one in receiver.metrics() if "gen_ai.client.token.usage" in metrics_by_name(one))
        said = plain(request.resource_metrics[0].resource.attributes)
        assert (said["service.name"], said["team"], said["penstock.worker"]) == ("penstock", "blue", 0)
        assert receiver.taken[0].header("x-key") == "k"
        usage = metrics_by_name(request)["gen_ai.client.token.usage"].histogram.data_points
        assert {plain(point.attributes)["gen_ai.token.type"]: point.sum for point in usage} == {"input": 7, "output": 3}
        assert sent_fields(upstream)[0][0] == GIVEN, "without traces the field passes as it came"


@looped
async def test_what_waits_at_the_end_is_sent() -> None:
    async with serving(lambda receiver: settings(receiver, delay="60s", interval="1h")) as (running, receiver, _):
        await chat(running)
        await chat(running)
        await running.worker.aclose()
        assert len(receiver.spans()) == 4
        assert len(receiver.metrics()) == 1


@looped
async def test_a_receiver_that_is_away_costs_calls_nothing_and_what_is_lost_is_counted() -> None:
    async with serving(lambda receiver: settings(receiver, queue=2)) as (running, receiver, _):
        receiver.script = [Scripted(503, headers=(("retry-after", "3600"),))]
        await chat(running)
        telemetry = running.gateway.observed.telemetry  # type: ignore[union-attr]
        assert telemetry is not None
        await until(lambda: telemetry.counts.requests["traces", "failed"] == 1)
        for _ in range(5):
            assert (await chat(running)).status == 200
        await until(lambda: telemetry.counts.dropped["traces", "full"] == 3)
        page = (await ask(running.port, "GET", "/metrics")).body.decode()
        assert 'penstock_telemetry_dropped_total{signal="traces",reason="full"} 3\n' in page
        assert 'penstock_telemetry_requests_total{signal="traces",result="failed"} 1\n' in page
        assert "penstock_telemetry_queued 3\n" in page, "the batch that is to be sent again, and the queue"


@looped
async def test_a_reload_switches_it_on_and_off() -> None:
    with Receiver() as receiver, ScriptedUpstream() as upstream:
        upstream.answers["/v1/chat/completions"] = Scripted(body=ANSWER)
        async with running_gateway(config(upstream, "")) as running:
            await chat(running)
            running.path.write_text(config(upstream, settings(receiver)))
            assert (await running.team.reload())["ok"]
            await chat(running)
            await until(lambda: len(receiver.spans()) == 2)
            running.path.write_text(config(upstream, ""))
            assert (await running.team.reload())["ok"]
            await chat(running, ("traceparent", GIVEN))
            first, second, third = (field for field, _ in sent_fields(upstream))
            assert (first, third) == (None, GIVEN)
            assert second is not None


@looped
async def test_a_reload_that_changes_upstreams_loses_nothing_that_waits() -> None:
    with Receiver() as receiver, ScriptedUpstream() as upstream, ScriptedUpstream() as other:
        for one in (upstream, other):
            one.answers["/v1/chat/completions"] = Scripted(body=ANSWER)
        waiting = settings(receiver, delay="60s")
        async with running_gateway(config(upstream, waiting)) as running:
            telemetry = running.gateway.observed.telemetry  # type: ignore[union-attr]
            assert telemetry is not None
            await chat(running)
            await until(lambda: telemetry.spool.held == 1)
            more = config(upstream, waiting).replace("{u: {kind", "{e: {kind: echo}, u: {kind") + "# another\n"
            running.path.write_text(more)
            assert (await running.team.reload())["ok"]
            await chat(running)
            await until(lambda: telemetry.spool.held == 2)
            running.path.write_text(config(other, waiting))  # the same name elsewhere: then metrics begin anew
            assert (await running.team.reload())["ok"]
            await chat(running)
            await running.worker.aclose()
            assert (len(receiver.spans()), telemetry.counts.dropped) == (6, {})
            ports = {plain(span.attributes).get("server.port") for span in receiver.spans()} - {None}
            assert other.port in ports


@looped
async def test_certificates_that_do_not_fit_are_refused() -> None:
    with Receiver() as receiver, ScriptedUpstream() as upstream:
        wrong = settings(receiver, ca_file=__file__)
        with pytest.raises(ConfigError, match="ca_file"):
            async with running_gateway(config(upstream, wrong)):
                pass


def written_configs() -> dict[str, str]:
    """The config of each product in the how-to, by its heading."""
    page = (Path(__file__).parent.parent / "docs" / "how-to" / "telemetry.md").read_text()
    sections = page.split("\n## ")
    return {
        section.partition("\n")[0]: section.partition("```yaml\n")[2].partition("```")[0]
        for section in sections[1:]
        if "```yaml" in section
    }


@pytest.mark.parametrize(
    ("product", "base", "fields", "metrics"),
    [
        ("Langfuse", "/api/public/otel", {"authorization": "Basic abc", "x-langfuse-ingestion-version": "4"}, 0),
        ("Phoenix", "", {"authorization": "Bearer abc", "x-project-name": "penstock"}, 0),
        ("Grafana Cloud", "/otlp", {"authorization": "Basic abc"}, 2),
        ("Datadog", "", {"dd-api-key": "abc", "dd-otlp-source": "llmobs"}, 1),
    ],
)
def test_the_configs_of_the_how_to(
    product: str, base: str, fields: dict[str, str], metrics: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = written_configs()[product]
    for name in re.findall(r"\$\{(\w+)\}", text):
        monkeypatch.setenv(name, "abc")

    async def go() -> None:
        with Receiver(base) as receiver:
            there = re.sub(r"endpoint: https?://[^/\s]+", f"endpoint: {receiver.endpoint}", text)
            more = "    sample: 1\nauth: {mode: open}\n"
            async with running_gateway(there.rstrip() + "\n" + more) as running:
                await chat(running, model="echo")
                await running.worker.aclose()
            assert len(receiver.spans()) == 2
            assert all(request.header(name) == value for request in receiver.requests for name, value in fields.items())
            kinds = {
                metric.histogram.aggregation_temporality
                for request in receiver.metrics()
                for metric in metrics_by_name(request).values()
            }
            assert kinds == ({metrics} if metrics else set()), "1 is delta, 2 cumulative"

    asyncio.run(go())
