import pytest

from penstock.simulate.hardware import ENGINES


@pytest.mark.parametrize(
    ("name", "published"), [("qwen3-32b", 20_480), ("gpt-oss-120b", 39_065), ("qwen2.5-7b-a10g", 3_300)]
)
def test_the_peak_is_the_published_one(name: str, published: int) -> None:
    engine = ENGINES[name]
    assert engine.peak == pytest.approx(published)
    assert engine.prefill > 0
