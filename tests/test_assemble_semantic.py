"""The semantic cache in running gateways, over real sockets, with an upstream that answers, embeds and judges."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import tempfile
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from penstock.assemble_keys import key_store
from penstock.assemble_semantic import unfit
from penstock.cache.semantic.config import RulesConfig
from penstock.cache.semantic.store import Memory
from penstock.config import Config
from penstock.process.loop import run
from tests.support.answering import Answering
from tests.support.gateway import Answer, Running, ask, running_gateway

CHAT = "/v1/chat/completions"
STATUS = "/admin/v1/cache/semantic"
OPEN = "auth: {mode: open}\n"
WHERE = "where is the office of the bank in Bern"
ALIKE = WHERE + " please"
CITIES = ("bern", "basel", "zurich", "geneva", "lugano", "chur", "thun", "zug", "aarau", "olten", "sion", "morges")


async def until(fact: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not fact():  # noqa: ASYNC110 - the fact has no event
            await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def gateway(
    upstream: Answering, semantic: str = "", more: str = OPEN + "store: memory\n", patience: str = "5s"
) -> AsyncIterator[Running]:
    async with running_gateway(upstream.config(semantic, more, patience)) as running:
        await until(lambda: memory(running).ready)
        yield running


def memory(running: Running) -> Memory:
    caching = running.gateway.caching
    assert caching is not None
    kept = caching.semantics.memory
    assert kept is not None
    return kept


async def say(running: Running, text: str, key: str = "", **fields: Any) -> tuple[Answer, str]:
    """Ask, and give the answer with what it says."""
    system = fields.pop("system", "")
    messages = ([{"role": "system", "content": system}] if system else []) + [{"role": "user", "content": text}]
    head = [("Authorization", f"Bearer {key}")] if key else []
    answer = await ask(running.port, "POST", CHAT, head, {"model": "m", "messages": messages, **fields})
    assert answer.status == 200, answer.body
    return answer, answer.body.decode() if fields.get("stream") else _text(answer)


def _text(answer: Answer) -> str:
    return str(json.loads(answer.body)["choices"][0]["message"]["content"])


def result(answer: Answer) -> str:
    return answer.headers["x-penstock-cache"]


async def status(running: Running) -> dict[str, Any]:
    return dict(json.loads((await ask(running.port, "GET", STATUS)).body))


def main(work: Callable[[Answering], Any], upstream: Answering | None = None) -> None:
    with upstream or Answering() as up:
        run(work(up))


def test_a_similar_question_is_answered_and_all_is_said_about_it() -> None:
    async def work(up: Answering) -> None:
        async with gateway(up) as one:
            await say(one, WHERE)
            answer, text = await say(one, ALIKE)
            assert (result(answer), text) == ("hit-semantic", f"answer to {WHERE}")
            assert up.asked == [WHERE]
            assert float(answer.headers["x-penstock-similarity"]) > 0.9
            assert 0.9 < float(answer.headers["x-penstock-cache-score"]) <= 1.0
            assert answer.headers["age"] == "0"
            told = await status(one)
            assert (told["questions"], told["enabled"]) == (1, True)
            assert told["bounds"][0]["in_words"].startswith("Hits are given: the bound of 1.00% holds. 1 of 2 requests")
            page = (await ask(one.port, "GET", "/metrics")).body.decode()
            assert 'penstock_semantic_lookups_total{worker="0",result="hit",reason="verified"} 1' in page or (
                'result="hit",reason="verified"' in page
            )
            assert "penstock_semantic_error_ratio{" in page
            stats = await one.team.cache({"do": "stats", "asked": {}})
            assert stats["semantic"]["bounds"][0]["model"] == "m"

    main(work)


def test_an_answer_is_told_as_a_stream_too() -> None:
    async def work(up: Answering) -> None:
        async with gateway(up) as one:
            await say(one, WHERE)
            answer, body = await say(one, ALIKE, stream=True)
            assert result(answer) == "hit-semantic"
            assert body.endswith("data: [DONE]\n\n")
            deltas = [json.loads(line[6:]) for line in body.splitlines() if line.startswith("data: {")]
            assert "".join(one["choices"][0]["delta"].get("content") or "" for one in deltas) == f"answer to {WHERE}"

    main(work)


def test_a_shared_system_prompt_makes_nothing_alike_and_two_never_share() -> None:
    async def work(up: Answering) -> None:
        long = "You are the friendly assistant of a bank in Bern, and you answer briefly and politely. " * 40
        async with gateway(up) as one:
            for text in (WHERE, "how long does a transfer take", "what does the gold card cost a year"):
                assert result((await say(one, text, system=long))[0]) == "miss"
            assert result((await say(one, ALIKE, system=long))[0]) == "hit-semantic"
            assert result((await say(one, ALIKE, system=long + "Be terse."))[0]) == "miss"
            assert result((await say(one, ALIKE))[0]) == "miss"

    main(work)


def test_no_hit_crosses_keys() -> None:
    async def work(up: Answering) -> None:
        async with gateway(up, more="store: memory\n") as one:
            store = key_store(one.worker.gateway.config, os.environ)
            _, secret = store.add("other", ["call"])
            await until(lambda: one.gateway._ring is not None and one.gateway._ring.find(secret.encode()) is not None)
            first, _ = await say(one, WHERE, one.key)
            assert result((await say(one, ALIKE, secret))[0]) == "miss"
            assert result((await say(one, ALIKE, one.key))[0]) == "hit-semantic"
            entry = (await say(one, WHERE + " kindly", one.key))[0].headers["x-penstock-cache-entry"]
            told = {"entry": entry, "wrong": True}
            refused = await ask(one.port, "POST", "/v1/feedback", [("Authorization", f"Bearer {secret}")], told)
            assert refused.status == 404
            assert (await ask(one.port, "POST", "/v1/feedback", [], told)).status == 401
            done = await ask(one.port, "POST", "/v1/feedback", [one.bearer], told)
            assert json.loads(done.body)["removed"] == 1
            assert result((await say(one, WHERE + " kindly", one.key))[0]) == "miss"
            assert result(first) == "miss"

    main(work)


def test_feedback_by_the_id_of_the_request() -> None:
    async def work(up: Answering) -> None:
        async with gateway(up) as one:
            await say(one, WHERE)
            answer, _ = await say(one, ALIKE)
            told = {"request": answer.headers["x-request-id"], "rating": "wrong"}
            done = await ask(one.port, "POST", "/v1/feedback", [], told)
            assert (done.status, json.loads(done.body)["removed"]) == (200, 1)
            assert result((await say(one, ALIKE))[0]) == "miss"

    main(work)


def office(era: list[str]) -> Callable[[str], str]:
    """Every city has one office; where it is changes with the era."""
    return lambda text: f"The office in {next(city for city in CITIES if city in text)} {era[0]}."


def test_the_bound_ends_hits_when_too_many_are_found_wrong_and_says_so() -> None:
    era = ["is at the main square, near the river"]

    async def work(up: Answering) -> None:
        async with gateway(up, ", shadow: 1, checks: 100") as one:
            for city in CITIES:
                await say(one, f"where is the office of the bank in {city}")
            era[0] = "has moved 17 km away, out of the town"
            up.chats_go.clear()  # no check comes back before all were answered from the cache
            told = [await say(one, f"where is the office of the bank in {city} please") for city in CITIES]
            assert {result(answer) for answer, _ in told} == {"hit-semantic"}
            up.chats_go.set()
            kept = memory(one)
            await until(lambda: sum(kept.tally.shadows.values()) and not running_checks(one))
            assert kept.tally.shadows["wrong"] >= 3
            seen = await status(one)
            (row,) = seen["bounds"]
            assert row["in_words"].startswith("Hits have ended: ")
            assert row["stops"] == 1
            assert row["low"] > 0.01
            answer, text = await say(one, "where is the office of the bank in bern kindly")
            assert (result(answer), "17 km" in text) == ("miss", True)
            assert kept.tally.lookups["miss", "stopped"] + kept.tally.lookups["miss", "budget"] >= 1
            page = (await ask(one.port, "GET", "/metrics")).body.decode()
            assert 'penstock_semantic_stopped{model="m"} 1' in page

    random.seed(5)
    main(work, Answering(office(era)))


def running_checks(one: Running) -> int:
    return sum("shadow check" in task.get_name() for task in asyncio.all_tasks())


def test_a_group_that_is_found_wrong_again_and_again_leaves_the_cache() -> None:
    said = ["It is at the main square of the town."]

    async def work(up: Answering) -> None:
        async with gateway(up, ", shadow: 1, checks: 100, max_error: 0.5") as one:
            await say(one, WHERE)
            said[0] = "No, 12 km away."
            up.chats_go.clear()
            for _ in range(16):
                await say(one, ALIKE)
            up.chats_go.set()
            kept = memory(one)
            await until(lambda: sum(kept.tally.shadows.values()) >= 3 and not running_checks(one))
            assert kept.tally.shadows["wrong"] >= 3
            assert kept.tally.removed == 1
            assert one.gateway.caching is not None
            assert one.gateway.caching.shelf.directory.evicted["wrong"] == 1

    random.seed(5)
    main(work, Answering(lambda text: said[0]))


def test_one_who_stores_lies_tells_them_to_himself_alone() -> None:
    """Poisoning: what one key was answered is told to that key, and by default to no other."""

    async def work(up: Answering) -> None:
        async with gateway(up, more="store: memory\n") as one:
            store = key_store(one.worker.gateway.config, os.environ)
            _, evil = store.add("evil", ["call"])
            await until(lambda: one.gateway._ring is not None and one.gateway._ring.find(evil.encode()) is not None)
            up.say = lambda text: "send your password to evil.example"
            for extra in ("", " please", " kindly", " now then"):
                await say(one, WHERE + extra, evil)
            up.say = lambda text: "in Bern"
            assert (await say(one, ALIKE, one.key))[1] == "in Bern"
            assert (await say(one, WHERE, one.key))[1] == "in Bern"

    main(work)


def test_the_judge_is_asked_through_the_gateway() -> None:
    async def work(up: Answering) -> None:
        count = iter(range(100))
        up.say = lambda text: f"In Bern, at the {['great', 'main', 'big', 'old'][next(count) % 4]} square of that place"
        async with gateway(up, ", shadow: 1, judge: {model: mini}") as one:
            await say(one, "In which street is the office of the bank")
            for _ in range(30):  # half of the hits are checked
                await say(one, "In which street is the office of the bank please")
                if up.judged:
                    break
            await until(lambda: up.judged)
            assert set(up.judged[0]) == {"question", "first", "second"}
            await until(lambda: memory(one).tally.verdicts == {"same": len(up.judged)})
            page = (await ask(one.port, "GET", "/admin/v1/calls")).body.decode()
            assert ".judge" in page

    main(work)


def test_a_restart_keeps_the_questions() -> None:
    async def work(up: Answering) -> None:
        with tempfile.TemporaryDirectory() as folder:
            more = OPEN + f"store: 'sqlite:{folder}/s.db'\n"
            async with gateway(up, more=more) as one:
                await say(one, WHERE)
            async with gateway(up, more=more) as one:
                assert len(memory(one).space) == 1
                answer, text = await say(one, ALIKE)
                assert (result(answer), text) == ("hit-semantic", f"answer to {WHERE}")
                assert memory(one).learners.get("m", memory(one).embedder.version).status().requests >= 2

    main(work)


def test_two_workers_share_what_they_learn_of_and_what_they_let_go() -> None:
    async def work(up: Answering) -> None:
        with tempfile.TemporaryDirectory() as folder:
            more = OPEN + f"store: 'sqlite:{folder}/s.db'\n"
            async with gateway(up, more=more) as one, gateway(up, more=more) as two:
                await say(one, WHERE)
                await until(lambda: len(memory(two).space) == 1)
                answer, _ = await say(two, ALIKE)
                assert result(answer) == "hit-semantic"
                entry = answer.headers["x-penstock-cache-entry"]
                assert (await ask(one.port, "DELETE", f"/admin/v1/cache/{entry}")).status == 200
                await until(lambda: len(memory(two).space) == 0)
                assert result((await say(two, ALIKE))[0]) == "miss"

    main(work)


@pytest.mark.parametrize("ill", ["hangs", "short", "nan", "gone"])
def test_an_ill_embedder_never_breaks_a_call(ill: str) -> None:
    async def work(up: Answering) -> None:
        async with gateway(up, patience="20ms") as one:
            if ill == "hangs":
                up.vectors_go.clear()
            elif ill == "gone":
                del up.answers["/v1/embeddings"]
            else:
                up.vector = lambda text: [1.0] * 3 if ill == "short" else ["x"] * 64
            for number in range(12):
                answer, text = await say(one, f"{WHERE} {number}", temperature=0)
                assert (result(answer), text) == ("miss", f"answer to {WHERE} {number}")
            assert result((await say(one, f"{WHERE} 3", temperature=0))[0]) == "hit-exact"
            kept = memory(one)
            assert kept.tally.lookups["hit", "verified"] == 0
            assert kept.tally.lookups["ineligible", "ill"] > 0 or kept.tally.lookups["miss", "vectorless"] > 0
            up.vectors_go.set()

    main(work)


def test_a_reload_turns_it_on_and_off_and_keeps_what_was_read() -> None:
    async def work(up: Answering) -> None:
        async with gateway(up) as one:
            await say(one, WHERE)
            before = memory(one)
            one.path.write_text(up.config(", temperature: 0.3", OPEN + "store: memory\n"))
            assert (await one.team.reload())["ok"]
            assert memory(one) is before
            assert result((await say(one, ALIKE))[0]) == "hit-semantic"
            one.path.write_text(up.config(", max_error: 0.02", OPEN + "store: memory\n"))
            assert (await one.team.reload())["ok"]
            assert memory(one) is not before
            assert before.closed
            await until(lambda: memory(one).ready)
            assert result((await say(one, ALIKE + " do"))[0]) == "hit-semantic"
            off = up.config("", OPEN + "store: memory\n").replace("enabled: true", "enabled: false")
            one.path.write_text(off)
            assert (await one.team.reload())["ok"]
            assert one.gateway.caching is not None
            assert one.gateway.caching.semantics.memory is None
            assert (await status(one)) == {"enabled": False, "worker": 0}
            assert (await ask(one.port, "POST", "/v1/feedback", [], {"entry": "aa", "wrong": True})).status == 404
            assert result((await say(one, ALIKE))[0]) == "bypass"

    main(work)


def test_missing_weights_or_libraries_name_the_command() -> None:
    async def work() -> None:
        text = (
            "upstreams: {echo: {kind: echo}}\nmodels: {echo: {upstreams: [echo]}}\n" + OPEN + "store: memory\n"
            "cache: {semantic: {enabled: true, embedder: static}}\n"
        )
        from penstock.config import ConfigError

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("penstock.cache.embedding.store._places", lambda weights, env: [])
            with pytest.raises(ConfigError, match="penstock semantic install static"):
                async with running_gateway(text):
                    pass

    run(work())


@pytest.mark.semantic
@pytest.mark.parametrize("embedder", ["minilm", "static"])
def test_with_real_weights(embedder: str) -> None:
    async def work(up: Answering) -> None:
        text = up.config(more=OPEN + "store: memory\n").replace("'upstream:e', dimensions: 64", embedder)
        async with running_gateway(text) as one:
            await until(lambda: memory(one).ready)
            await say(one, "How do I reset the password of my account?")
            answer, _ = await say(one, "How can I reset the password of my account?")
            assert result(answer) == "hit-semantic"
            assert result((await say(one, "How do I close the account of my father?"))[0]) == "miss"
            for text in ("x " * 2000, "Как мне сбросить пароль от учётной записи?", "what is the weather today"):
                await say(one, text)
            counted = memory(one).tally.lookups
            assert [counted["ineligible", why] for why in ("long", "language", "freshness")] == [1, 1, 1]

    main(work)


def test_rules_can_be_switched_off_and_words_added() -> None:
    plain = unfit(RulesConfig())
    assert [plain(text) for text in ("what is new today", "send it to Bob", "Wie geht es dir denn heute so")] == [
        "freshness", "action", "language",
    ]  # fmt: skip
    off = unfit(RulesConfig(freshness=False, actions=False, languages=False, words=["Acme Corp", "c++"]))
    asked = ("what is new today", "send it to Bob", "who is ACME corp?", "is C++ old", "acme")
    assert [off(text) for text in asked] == [
        "", "", "word", "word", "",
    ]  # fmt: skip


def test_it_is_off_by_default() -> None:
    from penstock.cache.config import CacheConfig

    config = Config.parse("upstreams: {e: {kind: echo}}\nmodels: {e: {upstreams: [e]}}\n", "c.yaml", {})
    assert not config.of(CacheConfig).semantic.enabled
