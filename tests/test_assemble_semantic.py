"""The semantic cache in running gateways, over real sockets, with an upstream that answers, embeds and judges."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from pathlib import Path

import pytest

from penstock.assemble_keys import key_store
from penstock.assemble_semantic import unfit
from penstock.cache.semantic.config import RulesConfig
from penstock.cache.semantic.store import QUESTIONS
from penstock.config import Config, ConfigError
from penstock.process.loop import run
from tests.support.answering import Answering
from tests.support.gateway import ask, running_gateway
from tests.support.redis_server import redis_running
from tests.support.semantic_gateway import ALIKE, OPEN, WHERE, gateway, main, memory, result, say, status, until


def test_a_similar_question_is_answered_and_all_is_said_about_it() -> None:
    async def work(up: Answering) -> None:
        async with gateway(up) as one:
            await say(one, WHERE)
            answer, text = await say(one, ALIKE)
            assert (result(answer), text) == ("hit-semantic", f"answer to {WHERE}")
            assert up.asked in ([WHERE], [WHERE, ALIKE])  # the second is a check, if there is one
            assert float(answer.headers["x-penstock-similarity"]) > 0.9
            assert 0.9 < float(answer.headers["x-penstock-cache-score"]) <= 1.0
            assert 0 <= int(answer.headers["age"]) < 60
            told = await status(one)
            assert (told["questions"], told["enabled"]) == (1, True)
            assert told["bounds"][0]["in_words"].startswith("Hits are given: the bound of 1.00% holds. 1 of 2 requests")
            page = (await ask(one.port, "GET", "/metrics")).body.decode()
            assert re.search(r'penstock_semantic_lookups_total\{.*result="(hit|shadow)",reason="verified"\} 1\n', page)
            assert "penstock_semantic_error_ratio{" in page
            stats = await one.team.cache({"do": "stats", "asked": {}})
            assert stats["semantic"][0]["bounds"][0]["model"] == "m"

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
            await until(
                lambda: one.gateway.keys.ring is not None and one.gateway.keys.ring.find(secret.encode()) is not None
            )
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


def test_one_who_stores_lies_tells_them_to_himself_alone() -> None:
    """Poisoning: what one key was answered is told to that key, and by default to no other."""

    async def work(up: Answering) -> None:
        async with gateway(up, more="store: memory\n") as one:
            store = key_store(one.worker.gateway.config, os.environ)
            _, evil = store.add("evil", ["call"])
            await until(
                lambda: one.gateway.keys.ring is not None and one.gateway.keys.ring.find(evil.encode()) is not None
            )
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
                await until(lambda: len(memory(one).space) == 1)
            async with gateway(up, more=more) as one:
                assert len(memory(one).space) == 1
                answer, text = await say(one, ALIKE)
                assert (result(answer), text) == ("hit-semantic", f"answer to {WHERE}")
                assert memory(one).learners.get("m", memory(one).embedder.version).status().requests >= 2

    main(work)


async def shared(up: Answering, store: str) -> None:
    more = OPEN + f"store: '{store}'\n"
    async with gateway(up, more=more) as one, gateway(up, more=more) as two:
        await say(one, WHERE)
        await until(lambda: len(memory(two).space) == 1)
        answer, _ = await say(two, ALIKE)
        assert result(answer) == "hit-semantic"
        entry = answer.headers["x-penstock-cache-entry"]
        assert (await ask(one.port, "DELETE", f"/admin/v1/cache/{entry}")).status == 200
        await until(lambda: len(memory(two).space) == 0)
        assert result((await say(two, ALIKE))[0]) == "miss"


def test_two_workers_share_what_they_learn_of_and_what_they_let_go() -> None:
    with tempfile.TemporaryDirectory() as folder:
        main(lambda up: shared(up, f"sqlite:{folder}/s.db"))


@pytest.mark.redis
def test_two_gateways_share_over_a_server(redis_server: str, tmp_path: Path) -> None:
    with redis_running(redis_server, tmp_path) as server:
        main(lambda up: shared(up, server.url))


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
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("penstock.cache.embedding.store._places", lambda weights, env: [])
            with pytest.raises(ConfigError, match="penstock semantic install static"):
                async with running_gateway(text):
                    pass

    run(work())


def test_without_the_extra_it_says_which_one() -> None:
    async def work(up: Answering) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(sys.modules, "numpy", None)
            patch.delitem(sys.modules, "penstock.cache.embedding.vectors")
            with pytest.raises(ConfigError, match=r"needs numpy.* pip install \"penstock\[semantic\]\""):
                async with gateway(up):
                    pass

    main(work)


def test_questions_are_encrypted_with_the_answers() -> None:
    async def work(up: Answering) -> None:
        with tempfile.TemporaryDirectory() as folder:
            more = OPEN + f"store: 'sqlite:{folder}/s.db'\n"
            for secret in (False, True):
                text = up.config(more=more)
                if secret:
                    text = text.replace("cache: {", "cache: {encryption_key: 0123456789abcdef, ")
                async with running_gateway(text) as one:
                    await until(lambda: memory(one).ready)
                    await say(one, WHERE)
                    await until(lambda: len(memory(one).space) == 1)  # it is kept a moment after the answer
                    assert one.gateway.store is not None
                    await one.gateway.store.flush()
                    rows = [row async for batch in one.gateway.store.records(QUESTIONS).scan() for row in batch]
                    assert any(WHERE.encode() in data for _, data in rows) is not secret
                    one.gateway.store.records(QUESTIONS).delete([id for id, _ in rows])

    main(work)


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
