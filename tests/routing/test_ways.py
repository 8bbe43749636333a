from penstock.routing.targets import Target
from penstock.routing.ways import MOST_REFUSALS, STREAM, refuse, ways
from tests.support.targets import Upstream


def of(kind: str) -> Target:
    return Target("a", Upstream("a"), 1, kind)


def test_prefill_comes_first_where_it_is_known_to_work() -> None:
    assert ways(of("vllm"), "chat", "m") == ["prefill_flagged", "instruction", "restart"]
    assert ways(of("llamacpp"), "chat", "m")[0] == ways(of("anthropic"), "messages", "m")[0] == "prefill"


def test_servers_that_only_seem_to_take_it_are_asked_in_words() -> None:
    assert ways(of("openai"), "chat", "m") == ways(of(""), "chat", "m") == ["instruction", "restart"]


def test_a_prompt_is_simply_longer() -> None:
    assert ways(of("openai"), "completions", "m") == ["prefill", "restart"]


def test_what_was_refused_is_remembered_for_that_model_alone() -> None:
    target = of("llamacpp")
    refuse(target, "chat", "m", "prefill")
    assert ways(target, "chat", "m") == ["instruction", "restart"]
    assert ways(target, "chat", "other")[0] == "prefill"


def test_without_streams_there_is_no_way() -> None:
    target = of("vllm")
    refuse(target, "chat", "m", STREAM)
    assert ways(target, "chat", "m") == []
    assert ways(target, "messages", "m")


def test_refusals_are_bounded() -> None:
    target = of("llamacpp")
    for number in range(MOST_REFUSALS + 10):
        refuse(target, "chat", f"m{number}", "prefill")
    assert len(target.refused) == MOST_REFUSALS
