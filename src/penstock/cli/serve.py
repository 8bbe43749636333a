"""``penstock serve``: starts the gateway, and says where it is, with which key, and how to try it."""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING

from penstock.cli.failure import WRONG_CONFIG, Failure
from penstock.cli.options import add_config, config_path, parser

if TYPE_CHECKING:
    from penstock.config import Config
    from penstock.process.spec import Source, Spec


def main(arguments: list[str]) -> int:
    """Serve until SIGTERM or Ctrl-C."""
    wants = parser(
        "serve",
        "Start the gateway. Without a config file it offers the built-in model echo, smollm2 (with the extra\n"
        "'local'), and every provider whose usual environment variable is set, such as OPENAI_API_KEY.",
        "SIGTERM: finish running calls, then end. SIGHUP or 'penstock reload': take the changed config, dropping\n"
        "no call. SIGUSR1: open the log file again.",
    )
    add_config(wants)
    wants.add_argument("--host", help="address to listen on (127.0.0.1)")
    wants.add_argument("--port", type=int, help="port (8400; 0 takes any free one)")
    wants.add_argument("--workers", type=int, help="processes that share the port (1)")
    options = wants.parse_args(arguments)

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
    return _serve(source, spec, config)


def _serve(source: Source, spec: Spec, config: Config) -> int:
    from penstock.assemble_keys import KeyFileError, key_store
    from penstock.auth.config import AuthConfig
    from penstock.config import ConfigError
    from penstock.edge.config import ListenConfig
    from penstock.observe.config import ObserveConfig
    from penstock.observe.log_stream import install
    from penstock.process.loop import run
    from penstock.process.supervisor import Supervisor

    listen = config.of(ListenConfig)
    key = None
    try:
        logs = install(config.of(ObserveConfig).log_file, config.of(ObserveConfig).log_level)
        if config.of(AuthConfig).mode == "keys":
            store = key_store(config, os.environ)
            store.open()
            key = store.created_now
    except KeyFileError as error:
        raise Failure(str(error)) from None
    except OSError as error:
        raise Failure(f"the log file {config.of(ObserveConfig).log_file} cannot be opened: {error.strerror}") from None

    async def supervise() -> int:
        supervisor = Supervisor(source, spec, config, lambda port: _announce(config, port, key))
        supervisor.reopen_logs = logs.reopen
        return await supervisor.run()

    try:
        return run(supervise())
    except ConfigError as error:
        raise Failure("\n".join(error.problems), WRONG_CONFIG) from None
    except OSError as error:
        raise Failure(_cannot_listen(error, listen.host, listen.port)) from None


def _cannot_listen(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        from penstock.cli.port_owner import port_owner

        owner = port_owner(port)
        by = f" by {owner}" if owner else ""
        return f"port {port} on {host} is taken{by}; end it, or choose another with --port"
    return f"cannot listen on {host}:{port}: {error.strerror or error}"


def _announce(config: Config, port: int, key: str | None) -> None:
    """The lines a newcomer reads: address, key, models, and a curl line that works when pasted."""
    from penstock import __version__
    from penstock.auth.config import AuthConfig
    from penstock.cli.recipes import Target
    from penstock.edge.config import ListenConfig
    from penstock.routing.config import RoutingConfig

    listen = config.of(ListenConfig)
    models = config.of(RoutingConfig).models
    host = "127.0.0.1" if listen.host in ("0.0.0.0", "::", "") else listen.host
    host = f"[{host}]" if ":" in host else host
    url = f"{'https' if listen.tls else 'http'}://{host}:{port}"
    is_open = config.of(AuthConfig).mode == "open"
    say = [f"penstock {__version__} listens on {url}  (pid {os.getpid()}, config: {config.source})"]
    if key is not None:
        say.append(f"  key     {key}")
        say.append("          shown this once: keep it. 'penstock keys new' makes more")
    elif is_open:
        say.append("  key     none is asked for (auth.mode: open)")
    else:
        say.append("  key     as made before; 'penstock keys new' makes another")
    say.append(f"  models  {', '.join(models) or 'none'}")
    if any(upstream.kind == "local" for upstream in config.of(RoutingConfig).upstreams.values()):
        from penstock.assemble_engines import banner

        say.append(f"  note    {banner()}")
    shown = key or ("none" if is_open else "$PENSTOCK_KEY")
    model = "smollm2" if "smollm2" in models else next((name for name in models if not name.endswith("*")), "echo")
    say.append("  try it:")
    say += [f"    {line}" for line in _curl(Target(url, shown, model)).splitlines()]
    print("\n".join(say), flush=True)


def _curl(to: object) -> str:
    from penstock.cli.recipes import RECIPES

    return RECIPES["curl"].settings(to).then  # type: ignore[arg-type]
