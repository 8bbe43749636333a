"""Settings changed while serving: an overlay over the config file, of the few keys that may be moved. Pure.

Enters: dotted keys and texts, as a file would have them. Leaves: the overlay, and the configuration of both. Each
setting remembers what the file said when it was made, and goes when a reload brings another value there; all are gone
with the process. Keys are the knobs of the optimizer: none that holds a secret, an address, a path or who may call.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from penstock.config import Config, ConfigError
from penstock.core.errors import CallerError
from penstock.core.printing import plain

MOST_SETTINGS = 100


class Setting(Struct, frozen=True):
    """``text`` is in force, ``written`` what the file says. ``by``: who asked."""

    text: str
    written: str
    by: str = ""


Settings = dict[str, Setting]


def movable(key: str) -> bool:
    """Whether ``key`` may be moved at all."""
    if importlib.util.find_spec("penstock.insight") is None:
        return False
    from penstock.insight.optimizer.knobs import knob_of

    return knob_of(key) is not None


def written_at(config: Config, key: str) -> str | None:
    """What ``config`` says at ``key``, as text; None where nothing stands."""
    try:
        value, shape = config.find(key)
    except LookupError:
        return None
    return None if value is None else str(plain(value, shape, True))


def applied(config: Config, settings: Settings) -> Config:
    """``config`` with the settings. Raises ConfigError."""
    return config.with_values({key: one.text for key, one in settings.items()}) if settings else config


def changed(config: Config, texts: Mapping[str, Any], by: str) -> Settings:
    """The overlay over what ``config``, the file, says; ``texts`` is all of it. Raises CallerError."""
    if len(texts) > MOST_SETTINGS:
        raise _refused(f"more than {MOST_SETTINGS} settings; write them into the config file")
    made: Settings = {}
    for key, text in texts.items():
        if not movable(key):
            raise _refused(f"{key[:100]} is no key that may be moved while serving")
        written = written_at(config, key)
        if written is None:
            raise _refused(f"{key[:100]}: the config file has no such value")
        if not isinstance(text, str):
            raise _refused(f"{key[:100]} must be text, as the config file would have it")
        problem = out_of_bounds(config, key, text)
        if problem:
            raise _refused(problem)
        if text != written:
            made[key] = Setting(text, written, by)
    return made


def out_of_bounds(config: Config, key: str, text: str) -> str:
    """Why ``text`` is beyond what the config states for ``key``; "" where it is not."""
    from penstock.insight.config import InsightConfig
    from penstock.insight.optimizer.knobs import bounds_of, knob_of

    knob, written = knob_of(key), written_at(config, key)
    if knob is None or written is None:
        return f"{key[:100]} is no key that may be moved while serving"
    try:
        bounds = bounds_of(knob, key, knob.read(written), config.of(InsightConfig).optimizer.bounds)
        value = knob.read(text)
    except ValueError as error:
        return f"{key[:100]}: {error}"
    if bounds is None:
        return f"{key[:100]} has no bounds (insight.optimizer.bounds), and so stays as the file says"
    if not bounds[0] <= value <= bounds[1]:
        return f"{key[:100]} may be from {knob.write(bounds[0])} to {knob.write(bounds[1])}"
    return ""


def rebased(settings: Settings, written: Config) -> tuple[Settings, list[str]]:
    """The settings over another reading of the file, and the keys of those that it ended: the file changed them, or no
    longer lets them be where they are."""
    kept: Settings = {
        key: one
        for key, one in settings.items()
        if written_at(written, key) == one.written and not out_of_bounds(written, key, one.text)
    }
    try:
        applied(written, kept)
    except ConfigError:  # they do not go with something else that is new
        kept = {}
    return kept, [key for key in settings if key not in kept]


def told(settings: Settings) -> list[dict[str, str]]:
    """For people."""
    return [{"key": key, "value": one.text, "written": one.written, "by": one.by} for key, one in settings.items()]


def _refused(message: str) -> CallerError:
    return CallerError(message, status=422, code="setting_refused")
