from penstock.core.windows import Window
from penstock.insight.quality import HOURS, MOST_MODELS, Quality

HOUR = 3600.0
NOW = 500_000 * HOUR


def test_what_callers_thought_by_model() -> None:
    quality = Quality()
    quality.take(Window(NOW - 2 * HOUR, feedback={"chat": (3, 3.0)}))
    quality.take(Window(NOW, feedback={"chat": (1, 0.0), "code": (2, 1.0)}))
    quality.take(Window(NOW + 10))
    told = quality.told(NOW + 20)
    assert told["models"]["chat"] == {"told": 4, "score": 0.75, "last_hour": 0.0}
    assert told["models"]["code"] == {"told": 2, "score": 0.5, "last_hour": 0.5}


def test_a_day_is_remembered() -> None:
    quality = Quality()
    quality.take(Window(NOW, feedback={"chat": (1, 1.0)}))
    assert quality.told(NOW + (HOURS - 1) * HOUR)["models"]
    assert quality.told(NOW + HOURS * HOUR)["models"] == {}


def test_checks_of_the_cache_stand_beside_it_and_nothing_is_guessed() -> None:
    told = Quality().told(NOW, [{"model": "chat", "checked": 20, "wrong_seen": 1, "estimate": 0.03}])
    assert told["models"]["chat"] == {
        "told": 0, "score": None, "last_hour": None, "checked": 20, "wrong": 1, "wrong_share": 0.03,
    }  # fmt: skip


def test_models_are_bounded() -> None:
    quality = Quality()
    quality.take(Window(NOW, feedback={f"m{number}": (1, 1.0) for number in range(MOST_MODELS + 50)}))
    assert len(quality.told(NOW)["models"]) == MOST_MODELS
