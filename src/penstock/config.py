"""Config = the sum of the slices' sections. Strict, immutable, and the only place that knows which sections exist.

Enters: a YAML file, or nothing but the environment. Leaves: ``config.of(SectionType)``, typed. May fail: ConfigError,
one ``file:line: message`` a problem; a config with any problem is refused whole.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TypeVar, cast

import msgspec

from penstock.core.document import LARGEST_TEXT
from penstock.core.placed import Placed, find, replaced
from penstock.core.printing import fingerprint, plain, plain_struct
from penstock.core.scalars import convert
from penstock.core.settings import ConfigError, Finding, Reading, Section
from penstock.core.shapes import SecretUrl, fields_of

if TYPE_CHECKING:
    from penstock.auth.config import AuthConfig
    from penstock.edge.config import ListenConfig
    from penstock.routing.config import RoutingConfig

__all__ = ["SLICES", "Config", "ConfigError", "StoreConfig", "available_extras", "fingerprint"]

S = TypeVar("S", bound=msgspec.Struct)


class Slice(NamedTuple):
    """A section by its dotted name. An ``optional`` one may be absent with its folder: its keys then are unknown."""

    key: str
    module: str
    struct: str
    optional: bool = False


SLICES = (
    Slice("listen", "penstock.edge.config", "ListenConfig"),
    Slice("", "penstock.config", "StoreConfig"),
    Slice("auth", "penstock.auth.config", "AuthConfig"),
    Slice("admission", "penstock.admission.config", "AdmissionConfig", optional=True),
    Slice("memory", "penstock.memory.config", "MemoryConfig"),
    Slice("", "penstock.routing.config", "RoutingConfig"),
    Slice("warmup", "penstock.warmup.config", "WarmupConfig", optional=True),
    Slice("streaming", "penstock.streaming.config", "StreamingConfig", optional=True),
    Slice("resume", "penstock.resume.config", "ResumeConfig", optional=True),
    Slice("degrade", "penstock.degrade.config", "DegradeConfig", optional=True),
    Slice("cache", "penstock.cache.config", "CacheConfig", optional=True),
    Slice("journal", "penstock.journal.config", "JournalConfig", optional=True),
    Slice("coalesce", "penstock.coalesce.config", "CoalesceConfig", optional=True),
    Slice("jobs", "penstock.jobs.config", "JobsConfig", optional=True),
    Slice("grouping", "penstock.grouping.config", "GroupingConfig", optional=True),
    Slice("batching", "penstock.batching.config", "BatchingConfig", optional=True),
    Slice("history", "penstock.history.config", "HistoryConfig", optional=True),
    Slice("cost", "penstock.cost.config", "CostConfig", optional=True),
    Slice("insight", "penstock.insight.config", "InsightConfig", optional=True),
    Slice("observe", "penstock.observe.config", "ObserveConfig", optional=True),
    Slice("alerts", "penstock.alerts.config", "AlertsConfig", optional=True),
    Slice("scaling", "penstock.scaling.config", "ScalingConfig", optional=True),
    Slice("telemetry", "penstock.telemetry.config", "TelemetryConfig", optional=True),
)
"""An empty key: the struct's fields are top-level keys themselves."""

_STORE = re.compile(r"memory|sqlite|sqlite:.+|rediss?://[^\s/]+(?:/[0-9]{1,4})?", re.ASCII)


class StoreConfig(msgspec.Struct, frozen=True, kw_only=True):
    store: Annotated[
        SecretUrl,
        msgspec.Meta(
            description="Where state that must survive or be shared is kept: `memory`, `sqlite`, `sqlite:PATH`,"
            " or `redis://HOST:PORT/DB` (`rediss://` with TLS)."
        ),
    ] = "sqlite"

    def check(self) -> Iterator[Finding]:
        if not _STORE.fullmatch(self.store):
            yield ("store",), "store must be memory, sqlite, sqlite:PATH or redis://HOST[:PORT][/DB]"
        elif self.store.startswith("redis") and importlib.util.find_spec("redis") is None:
            yield ("store",), "a redis store needs the extra redis: pip install 'penstock[redis]'"


class Config:
    """The sections, and warnings worth a line at start."""

    def __init__(self, sections: Mapping[type[msgspec.Struct], Any], source: str, warnings: Iterable[str] = ()) -> None:
        self._sections = dict(sections)
        self.source = source
        self.warnings = list(warnings)
        self._homes: list[Section] = []

    @classmethod
    def load(cls, path: str | os.PathLike[str], environ: Mapping[str, str]) -> Config:
        """Read the file at ``path``. Raises ConfigError."""
        name = os.fspath(path)
        try:
            with open(name, encoding="utf-8-sig") as file:
                text = file.read(LARGEST_TEXT + 1)
        except OSError as error:
            raise ConfigError([f"{name}: cannot be read: {error.strerror or error}"]) from None
        except UnicodeDecodeError as error:
            raise ConfigError([f"{name}: is not UTF-8 text (byte {error.start})"]) from None
        return cls.parse(text, name, environ)

    @classmethod
    def parse(cls, text: str, name: str, environ: Mapping[str, str]) -> Config:
        """Read ``text`` as if it stood in the file ``name``. Raises ConfigError."""
        reading = Reading(name, environ)
        sections = reading.sections(text, known_sections())
        if sections:
            reading.check(_conflicts(sections))
        if reading.problems:
            raise ConfigError(reading.problems)
        return cls(sections, name, [reading.at(place, message) for place, message in _cautions(sections)])

    @classmethod
    def from_environment(
        cls, environ: Mapping[str, str], extras: frozenset[str], own_port: int | None = None
    ) -> Config:
        """The config of a machine without a file: what is installed, and providers whose usual variable is set.

        ``own_port`` is where we shall listen if not where the defaults say: an ``OPENAI_BASE_URL`` may lead there.
        """
        sections: dict[type[msgspec.Struct], Any] = {struct: struct() for _, struct in known_sections()}
        listen, _, routing = _essentials(sections)
        sections[type(routing)] = routing.usual(environ, extras, listen.port if own_port is None else own_port)
        return cls(sections, "the environment")

    def of(self, section: type[S]) -> S:
        """The section of type ``section``. Raises LookupError when its slice is not installed."""
        try:
            return cast(S, self._sections[section])
        except KeyError:
            raise LookupError(f"no section {section.__name__}: its slice is not installed") from None

    def override(self, texts: Mapping[str, str]) -> Config:
        """This config with some keys from the command line, such as ``{"listen.port": "9000"}``. Raises ConfigError."""
        changed = dict(self._sections)
        structs = {key: struct for key, struct in known_sections() if key}
        problems = []
        for dotted, text in texts.items():
            key, _, name = dotted.partition(".")
            try:
                value = convert(text, fields_of(structs[key])[name].shape, os.getcwd())
            except ValueError as error:
                problems.append(f'command line: {dotted} = "{text}": {error}')
                continue
            changed[structs[key]] = msgspec.structs.replace(changed[structs[key]], **{name: value})
        return self._changed(changed, problems)

    def replace(self, *sections: msgspec.Struct) -> Config:
        """This config with other sections in place of its own. Raises ConfigError where they do not go together."""
        return self._changed({**self._sections, **{type(section): section for section in sections}}, [])

    def find(self, key: str) -> Placed:
        """What is in force at the dotted ``key``. Raises LookupError."""
        struct, rest = self._home(key)
        return find(self._sections[struct], rest)

    def with_values(self, texts: Mapping[str, str]) -> Config:
        """This config with other values at dotted keys, each checked as the file's would be. Raises ConfigError."""
        changed, problems = dict(self._sections), []
        for key, text in texts.items():
            try:
                struct, rest = self._home(key)
                changed[struct] = replaced(changed[struct], rest, text, os.getcwd())
            except LookupError:
                problems.append(f"{key[:100]}: there is no such value")
            except ValueError as error:
                problems.append(f"{key[:100]}: {error}")
        return self._changed(changed, problems)

    def _home(self, key: str) -> tuple[type[msgspec.Struct], str]:
        """The section that ``key`` belongs to, and its key there."""
        first, _, rest = key.partition(".")
        self._homes = self._homes or known_sections()  # to look for what is installed takes half a millisecond
        for name, struct in self._homes:
            if name and name == first:
                return struct, rest
            if not name and first in fields_of(struct):
                return struct, key
        raise LookupError(key)

    def _changed(self, changed: dict[type[msgspec.Struct], Any], problems: list[str]) -> Config:
        problems += [f"command line: {message}" for _, message in _conflicts(changed)]
        if problems:
            raise ConfigError(problems)
        said = {warning.partition(": ")[2] for warning in self.warnings}
        news = [message for _, message in _cautions(changed) if message not in said]
        return Config(changed, self.source, [*self.warnings, *(f"command line: {message}" for message in news)])

    def dump(self, masked: bool = True) -> dict[str, Any]:
        """Every key with its effective value, as it would be written in a file."""
        written: dict[str, Any] = {}
        for key, struct in known_sections():
            section = self._sections[struct]
            if key:
                written[key] = plain_struct(section, masked)
            else:
                for name, field in fields_of(struct).items():
                    written[name] = plain(getattr(section, name), field.shape, masked)
        return written

    def __repr__(self) -> str:
        return f"<Config from {self.source}: {', '.join(struct.__name__ for struct in self._sections)}>"


def available_extras() -> frozenset[str]:
    """Which optional parts are installed, found without importing them."""
    return frozenset({"local"} if importlib.util.find_spec("xllamacpp") else ())


def known_sections() -> list[Section]:
    """The sections of the slices that are installed."""
    return [
        Section(slice.key, _load(slice.module, slice.struct))
        for slice in SLICES
        if not slice.optional or _installed(slice.module)
    ]


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _load(module: str, name: str) -> type[msgspec.Struct]:
    return cast("type[msgspec.Struct]", getattr(importlib.import_module(module), name))


def _essentials(sections: Mapping[type[msgspec.Struct], Any]) -> tuple[ListenConfig, AuthConfig, RoutingConfig]:
    from penstock.auth.config import AuthConfig
    from penstock.edge.config import ListenConfig
    from penstock.routing.config import RoutingConfig

    return sections[ListenConfig], sections[AuthConfig], sections[RoutingConfig]


def _conflicts(sections: Mapping[type[msgspec.Struct], Any]) -> Iterator[Finding]:
    """What is wrong only because two sections stand together."""
    listen, auth, routing = _essentials(sections)
    for section in sections.values():
        check = getattr(section, "check_models", None)
        if check is not None:
            yield from check(list(routing.models))
        check = getattr(section, "check_upstreams", None)
        if check is not None:
            yield from check(routing.upstreams)
    if auth.mode == "open" and not listen.loopback:
        yield (
            ("auth", "mode"),
            "auth.mode open lets anybody who reaches this port spend your money: it is allowed only on a loopback"
            " listen.host (127.0.0.1, ::1, localhost); use mode keys",
        )


def _cautions(sections: Mapping[type[msgspec.Struct], Any]) -> Iterator[Finding]:
    """What works, but perhaps not as meant."""
    listen, _, routing = _essentials(sections)
    if listen.workers > 1 and sections[StoreConfig].store == "memory":
        yield ("store",), f"store memory is not shared: each of the {listen.workers} workers counts for itself"
    if not routing.models:
        yield ("models",), "no models are configured: every call will be answered 404"
    used = {name for model in routing.models.values() for name in model.everywhere}
    for name in routing.upstreams:
        if name not in used:
            yield ("upstreams", name), f'upstream "{name}" is used by no model'
