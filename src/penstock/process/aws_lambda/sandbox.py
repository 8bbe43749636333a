"""A Lambda sandbox from its first moment: secrets, the gateway on a loopback port, then one invocation after another.

Enters: a config file, the sandbox's environment. Leaves: an exit status; why a sandbox cannot serve is told to Lambda,
which shows it in the function's log and its initialisation error. With SIGTERM it ends as the gateway ends elsewhere.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import MutableMapping

from penstock.assemble_keys import KeyFileError
from penstock.assemble_observation import install_logs
from penstock.auth.config import AuthConfig
from penstock.config import Config, ConfigError, StoreConfig
from penstock.core.tasks import Crew
from penstock.process.aws_lambda.runtime import Runtime
from penstock.process.aws_lambda.secret import SecretError, read
from penstock.process.loop import run
from penstock.process.spec import Source, Spec
from penstock.process.supervisor import CannotServe, Supervisor

log = logging.getLogger("penstock")

HOME = "/tmp/penstock"
"""All that a sandbox may write to is /tmp."""
SECRET = "PENSTOCK_SECRET"
KEYS = "PENSTOCK_KEYS"
FILE_IS_LOST = (
    "store sqlite is a file, and the files of a sandbox go with it, and no other sandbox sees them: use redis://, such"
    " as ElastiCache (penstock deploy aws --store elasticache makes one)"
)


def prepare(environ: MutableMapping[str, str]) -> None:
    """Bring the secret into ``environ``, and the key file to where the gateway looks. Raises SecretError, OSError."""
    environ.setdefault("XDG_CONFIG_HOME", HOME)
    environ.setdefault("XDG_RUNTIME_DIR", HOME)
    os.makedirs(environ["XDG_RUNTIME_DIR"], 0o700, exist_ok=True)
    for arn in filter(None, environ.get(SECRET, "").split(",")):
        environ.update(read(arn.strip(), environ))
    keys = environ.pop(KEYS, "")
    if keys:
        folder = os.path.join(environ["XDG_CONFIG_HOME"], "penstock")
        os.makedirs(folder, 0o700, exist_ok=True)
        descriptor = os.open(os.path.join(folder, "keys.json"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(keys)


def serve(path: str, api: str, *, streams: bool) -> int:
    """Serve until told to stop."""
    try:
        prepare(os.environ)
        source = Source(path, "127.0.0.1", 0, 1)
        spec = source.read()
        config = spec.parse(os.environ)
        if config.of(StoreConfig).store.startswith("sqlite"):
            raise ConfigError([f"{config.source}: {FILE_IS_LOST}"])
        if config.of(AuthConfig).mode == "open":  # the port is a loopback one, and the whole world reaches it
            raise ConfigError([f"{config.source}: auth.mode open: a function is reached from everywhere; use keys"])
        install_logs(config)
    except (ConfigError, SecretError, OSError) as error:
        return run(_give_up(api, str(error)))
    return run(_serve(source, spec, config, api, streams))


async def _give_up(api: str, why: str) -> int:
    log.error("%s", why)
    await Runtime(api, 0).failed_to_start(why)
    return 1


async def _serve(source: Source, spec: Spec, config: Config, api: str, streams: bool) -> int:
    crew = Crew("lambda")
    ready = asyncio.Event()
    supervisor = Supervisor(source, spec, config, ready.set)
    runtime = Runtime(api, supervisor.bind(), streams=streams)
    gateway = crew.spawn(supervisor.run(), "gateway")
    serving = crew.spawn(ready.wait(), "ready")
    try:
        await asyncio.wait({gateway, serving}, return_when=asyncio.FIRST_COMPLETED)
        if not serving.done():
            return await _give_up(api, _why(gateway))
        taking = crew.spawn(runtime.run(), "invocations")
        await asyncio.wait({gateway, taking}, return_when=asyncio.FIRST_COMPLETED)
        return 0 if gateway.done() and gateway.exception() is None else 1
    finally:
        await crew.aclose()


def _why(gateway: asyncio.Task[int]) -> str:
    error = gateway.exception()
    known = isinstance(error, (ConfigError, KeyFileError, CannotServe))
    return str(error) if known else f"the gateway ended before it served: {error!r}"
