"""A server is killed while it streams; another one finishes its sentence."""

from __future__ import annotations

import asyncio
import itertools
import time

from penstock.demo.asking import Answer, chat
from penstock.demo.server.service import words
from penstock.demo.telling import Teller, length
from penstock.demo.theatre import ModelServer, Theatre

TITLE = "A stream outlives its server"
WORDS = 60
KILL_AT = 20
BACK_SECONDS = 20.0


async def play(stage: Theatre, tell: Teller) -> None:
    """See the module."""
    await stage.start_gateway()
    question = "Tell of the valley."
    found: asyncio.Future[ModelServer] = asyncio.get_running_loop().create_future()

    def look(so_far: Answer) -> None:
        if len(so_far.stamps) >= KILL_AT and not found.done():
            serving = so_far.headers.get("x-penstock-upstream", "")
            found.set_result(next((one for one in stage.servers if one.name == serving), stage.servers[0]))

    tell.say(f"An answer of {WORDS} words. After word {KILL_AT} the server that tells it gets SIGKILL.")

    async def kill() -> ModelServer:
        victim = await asyncio.wait_for(asyncio.shield(found), 30.0)
        await victim.kill()
        return victim

    answer, victim = await asyncio.gather(chat(stage.door, question, words=WORDS, on_word=look), kill())
    told = answer.text.split()
    before, after = " ".join(told[KILL_AT - 6 : KILL_AT]), " ".join(told[KILL_AT : KILL_AT + 8])
    tell.show(f"{before}  ⟂ {victim.name} dies ⟂  {after}")
    right = answer.well and answer.text == "".join(words(question, WORDS))
    tell.fact(f"the caller got all {len(told)} words in order, and [DONE]", right)
    gaps = [later - earlier for earlier, later in zip(answer.stamps, answer.stamps[1:], strict=False)]
    tell.fact(
        f"the longest pause between two words was {length(max(gaps, default=9.9))}", True, max(gaps, default=9.9) < 2.0
    )
    if answer.story:
        tell.say(f"At its end the stream says so, in a comment: {answer.story}")
    others = await asyncio.gather(*(chat(stage.door, f"And you, {number}?", words=3) for number in range(12)))
    tell.fact("12 calls while it is dead: none failed", all(one.well for one in others))
    await victim.start()
    await victim.until_it_answers()
    back = await serves_again(stage, victim.name)
    tell.fact(
        f"started again, {victim.name} was found well and asked again within {length(back)}", True, back < BACK_SECONDS
    )


async def serves_again(stage: Theatre, name: str) -> float:
    """Seconds until a call is answered by it."""
    began = time.monotonic()
    for number in itertools.count():
        answer = await chat(stage.door, f"Are you back, {number}?", words=1)
        waited = time.monotonic() - began
        if answer.headers.get("x-penstock-upstream") == name or waited > BACK_SECONDS:
            return waited
    raise AssertionError
