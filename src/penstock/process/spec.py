"""Where a configuration comes from: a file, or the environment, with what the command line says on top.

A ``Source`` is read once at start and again at each reload; what was read (a ``Spec``) is plain text, so that every
worker builds from the very same bytes. Fails with ConfigError.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from penstock.config import Config, ConfigError, available_extras
from penstock.core.document import LARGEST_TEXT


class Spec(msgspec.Struct, frozen=True):
    """One reading of a source. ``text`` None stands for a config made from the environment."""

    name: str
    text: str | None
    host: str | None = None
    port: int | None = None
    workers: int | None = None

    def parse(self, environ: Mapping[str, str]) -> Config:
        """The checked configuration. Raises ConfigError."""
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
        return Spec(self.path or "the environment", text, self.host, self.port, self.workers)

    def mark(self) -> tuple[int, ...]:
        """Changes when the file does."""
        if self.path is None:
            return ()
        try:
            status = os.stat(self.path)
        except OSError:
            return (-1,)
        return (status.st_mtime_ns, status.st_size, status.st_ino)
