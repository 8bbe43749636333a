"""Where a configuration comes from: a file, or the environment, with what the command line says on top.

A ``Source`` is read once at start and again at each reload; what was read (a ``Spec``) is plain text, so that every
worker builds from the very same bytes; with it goes what was changed since. Fails with ConfigError.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from penstock.config import Config, ConfigError, available_extras
from penstock.core.document import LARGEST_TEXT
from penstock.process.live_settings import Settings, applied
from penstock.routing.config import RoutingConfig
from penstock.routing.live import Live, in_force


class Spec(msgspec.Struct, frozen=True):
    """One reading of a source. ``text`` None stands for a config made from the environment; ``read`` tells readings
    apart (what a text refers to may have changed); ``live``: what was changed and found while running; ``settings``:
    likewise, of single values."""

    name: str
    text: str | None
    host: str | None = None
    port: int | None = None
    workers: int | None = None
    read: int = 0
    live: Live = Live()
    settings: Settings = {}

    def parse(self, environ: Mapping[str, str]) -> Config:
        """The configuration in force, checked. Raises ConfigError."""
        return self.over(self.written(environ))

    def over(self, written: Config) -> Config:
        """The configuration in force where ``written`` is what is written. Raises ConfigError."""
        tuned = applied(written, self.settings)
        routing = tuned.of(RoutingConfig)
        changed = in_force(routing, self.live)
        return tuned if changed is routing else tuned.replace(changed)

    def written(self, environ: Mapping[str, str]) -> Config:
        """The configuration as it is written, checked. Raises ConfigError."""
        if self.text is None:
            config = Config.from_environment(environ, available_extras(), self.port)
        else:
            config = Config.parse(self.text, self.name, environ)
        given = {"listen.host": self.host, "listen.port": self.port, "listen.workers": self.workers}
        return config.override({key: str(value) for key, value in given.items() if value is not None})


@dataclass(frozen=True, slots=True)
class Source:
    """A file's path, or None for the environment, and the command line's overrides."""

    path: str | None
    host: str | None = None
    port: int | None = None
    workers: int | None = None

    def read(self) -> Spec:
        """What stands there now. Raises ConfigError."""
        text = None
        if self.path is not None:
            try:
                with open(self.path, encoding="utf-8-sig") as file:
                    text = file.read(LARGEST_TEXT + 1)
            except OSError as error:
                raise ConfigError([f"{self.path}: cannot be read: {error.strerror or error}"]) from None
            except UnicodeDecodeError:
                raise ConfigError([f"{self.path}: is not UTF-8 text"]) from None
        name = self.path or "the environment"
        return Spec(name, text, self.host, self.port, self.workers, time.time_ns())

    def mark(self) -> tuple[int, ...]:
        """Changes when the file does."""
        if self.path is None:
            return ()
        try:
            status = os.stat(self.path)
        except OSError:
            return (-1,)
        return (status.st_mtime_ns, status.st_size, status.st_ino)


class LastReading:
    """Configurations of specs; a spec that differs from the last one in its live changes alone is not read anew."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._spec: Spec | None = None
        self._written: Config | None = None
        self._taken: tuple[Spec, Config] | None = None

    def know(self, spec: Spec, written: Config) -> None:
        """``spec``, which nothing was changed of yet, was read before, and this came of it."""
        self._spec, self._written = msgspec.structs.replace(spec, live=Live(), settings={}), written

    def written(self, spec: Spec) -> Config:
        """What is written. Raises ConfigError."""
        bare = msgspec.structs.replace(spec, live=Live(), settings={})
        if self._written is None or bare != self._spec:
            self._written = bare.written(self._environ)
            self._spec = bare
        return self._written

    def in_force(self, spec: Spec) -> Config:
        """What is in force. Raises ConfigError."""
        if self._taken is None or self._taken[0] is not spec:
            self._taken = (spec, spec.over(self.written(spec)))
        return self._taken[1]

    def __repr__(self) -> str:
        return f"<LastReading of {self._spec.name if self._spec is not None else 'nothing'}>"
