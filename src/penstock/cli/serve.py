"""``penstock serve``: starts the gateway, and says where it is, with which key, and how to try it."""

from __future__ import annotations

import argparse
import errno
import gc
import os
import sys
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING

from penstock.cli.failure import WRONG_CONFIG, Failure
from penstock.cli.options import add_config, config_path, parser

if TYPE_CHECKING:
    from penstock.config import Config
    from penstock.core.marks import Span
    from penstock.process.spec import Source, Spec

KEY_VARIABLE = "PENSTOCK_API_KEY"


def main(arguments: list[str]) -> int:
    """Serve until SIGTERM or Ctrl-C."""
    wants = parser(
        "serve",
        "Start the gateway. Without a config file it offers the built-in model echo, smollm2 (with the extra\n"
        "'local'), and every provider whose usual environment variable is set, such as OPENAI_API_KEY.",
        "SIGTERM, Ctrl-C: finish running calls, then end; a second one ends them at once. SIGHUP, 'penstock reload'\n"
        "or a changed file: take the new config, dropping no call. SIGUSR1: open the log file again.",
    )
    add_config(wants)
    wants.add_argument("--host", help="address to listen on (127.0.0.1)")
    wants.add_argument("--port", type=int, help="port (8400; 0 takes any free one)")
    wants.add_argument("--workers", type=int, help="processes that share the port (1)")
    wants.add_argument(
        "--profile-start", action="store_true", help="say where the time of the start went, once all of it is over"
    )
    wants.add_argument("--json", action="store_true", help="with --profile-start: as one line of JSON")
    options = wants.parse_args(arguments)
    gc.disable()  # what a start makes stays: to look through it again and again would take a tenth of it
    try:
        return _read_and_serve(options)
    finally:
        gc.enable()


def _read_and_serve(options: argparse.Namespace) -> int:
    profile = _Profile(as_json=options.json) if options.profile_start else None
    from penstock.config import ConfigError
    from penstock.process.spec import Source

    source = Source(config_path(options.config), options.host, options.port, options.workers)
    try:
        spec = source.read()
        config = spec.parse(os.environ)
    except ConfigError as error:
        raise Failure("\n".join([*error.problems, "(nothing was started)"]), WRONG_CONFIG) from None
    for warning in config.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if profile is not None:
        profile.mark("configuration read")
    return _serve(source, spec, config, profile)


def _serve(source: Source, spec: Spec, config: Config, profile: _Profile | None) -> int:
    from penstock.assemble_observation import install_logs, log_file
    from penstock.config import ConfigError
    from penstock.edge.config import ListenConfig
    from penstock.process.loop import run
    from penstock.process.supervisor import CannotServe, Supervisor

    listen = config.of(ListenConfig)
    try:
        reopen_logs = install_logs(config)
    except OSError as error:
        raise Failure(f"the log file {log_file(config)} cannot be opened: {error.strerror}") from None
    told = Announcement(config)
    supervisor = Supervisor(source, spec, config, told.all, reopen_logs, None if profile is None else profile.marks)
    if profile is not None:
        profile.mark("code loaded")
        supervisor.tell_profile = profile.tell
    try:
        told.port = supervisor.bind()
    except OSError as error:
        raise Failure(_cannot_listen(error, listen.host, listen.port)) from None
    told.key = _new_key(config)
    try:
        return run(supervisor.run())
    except ConfigError as error:
        raise Failure("\n".join([*error.problems, *told.lost_key()]), WRONG_CONFIG) from None
    except CannotServe as error:
        raise Failure("\n".join([str(error), *told.lost_key()])) from None


class _Profile:
    """What --profile-start prints."""

    def __init__(self, *, as_json: bool) -> None:
        from penstock.core.marks import Marks
        from penstock.process.loop import began

        self._as_json = as_json
        now = time.monotonic()
        self.marks = Marks(began())
        self.marks.mark("interpreter", now)

    def mark(self, name: str) -> None:
        self.marks.mark(name, time.monotonic())

    def tell(self, workers: dict[int, list[Span]]) -> None:
        import json

        from penstock.cli.paint import Paint, wants_colour
        from penstock.cli.waterfall import lines, rows

        told = rows(self.marks.began, self.marks.spans, workers)
        if self._as_json:
            print(json.dumps({"start": told}), flush=True)
        else:
            print("\n".join(lines(told, Paint(wants_colour(sys.stdout.isatty(), os.environ)))), flush=True)


def _new_key(config: Config) -> str | None:
    """The key made just now, if this is the first start."""
    from penstock.assemble_keys import KeyFileError, key_store
    from penstock.auth.config import AuthConfig

    if config.of(AuthConfig).mode != "keys":
        return None
    store = key_store(config, os.environ)
    try:
        store.open()
    except KeyFileError as error:
        raise Failure(str(error)) from None
    return store.created_now


def _cannot_listen(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        from penstock.process.port_owner import port_owner

        owner = port_owner(port)
        by = f" by {owner}" if owner else ""
        return f"port {port} on {host} is taken{by}; end it, or choose another with --port"
    return f"cannot listen on {host}:{port}: {error.strerror or error}"


class Announcement:
    """What a newcomer reads: address, key, models, and a curl line that works when pasted."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._said = False
        self.port = 0
        self.key: str | None = None

    def all(self) -> None:
        """Say it."""
        self._said = True
        print("\n".join(self._lines()), flush=True)
        from penstock.process.notify import notify

        notify("READY=1")

    def lost_key(self) -> list[str]:
        """A key is shown once, also when the start fails after it was made."""
        return [] if self._said or self.key is None else [f"(a key was made, shown this once: {self.key})"]

    def _lines(self) -> list[str]:
        from penstock import __version__
        from penstock.routing.config import RoutingConfig

        config = self._config
        routing = config.of(RoutingConfig)
        lines = [
            f"penstock {__version__} listens on {self._url()}  (pid {os.getpid()}, config: {config.source})",
            *self._key_lines(),
            f"  models  {', '.join(routing.models) or 'none'}",
        ]
        if any(upstream.kind == "local" for upstream in routing.upstreams.values()):
            from penstock.assemble_engines import banner

            lines.append(f"  note    {banner()}")
        if find_spec("penstock.edge.dashboard") is not None:
            lines.append(f"  see it  {self._url()}/ui ('penstock ui' logs you in)")
        if routing.models:
            lines += ["  try it:", *(f"    {line}" for line in self._curl(list(routing.models)))]
        return lines

    def _url(self) -> str:
        from penstock.edge.config import ListenConfig

        listen = self._config.of(ListenConfig)
        host = "127.0.0.1" if listen.host in ("0.0.0.0", "::") else listen.host
        return f"{'https' if listen.tls else 'http'}://{f'[{host}]' if ':' in host else host}:{self.port}"

    def _is_open(self) -> bool:
        from penstock.auth.config import AuthConfig

        return self._config.of(AuthConfig).mode == "open"

    def _key_lines(self) -> list[str]:
        if self.key is not None:
            return [f"  key     {self.key}", "          shown this once: keep it. 'penstock keys new' makes more"]
        if self._is_open():
            return ["  key     none is asked for (auth.mode: open)"]
        return [f"  key     as made before (here ${KEY_VARIABLE}); 'penstock keys new' makes another"]

    def _curl(self, models: list[str]) -> list[str]:
        from penstock.cli.recipes import RECIPES, Target

        plain = [name for name in models if not name.endswith("*")]
        model = "smollm2" if "smollm2" in plain else plain[0] if plain else models[0].replace("*", "MODEL")
        key = self.key or ("none" if self._is_open() else f"${KEY_VARIABLE}")
        text = RECIPES["curl"].settings(Target(self._url(), key, model)).then
        # Within the quotes of a value the shell would leave a variable as it stands.
        return text.replace(
            f"'Authorization: Bearer ${KEY_VARIABLE}'", f'"Authorization: Bearer ${KEY_VARIABLE}"'
        ).splitlines()
