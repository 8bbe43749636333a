"""How soon is a leak found? A gateway that keeps 50 KB of every call, under a bursty load; and one that keeps nothing.

The leak is planted from here: the gateway is started by this file, which wraps the echo upstream. Asked: seconds until
the alarm, what it says a call keeps, whether ``penstock doctor --memory`` names the line. Prints JSON; exits 1 when it
takes more than five minutes, or the sound gateway raises an alarm meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import machine
from bench.memory_soak import Gateway, Soak, mixed
from bench.memory_soak import Options as Load
from penstock.memory.leak import GRACE_SECONDS

MOST_SECONDS = 300.0
_ALARM = re.compile(r"leak suspected: memory grew by .*")
_A_CALL = re.compile(r"([\d.]+) KiB a call")


def serve(size: int, grace: float, arguments: list[str]) -> int:
    """A gateway whose echo keeps ``size`` bytes of every call, and that judges memory from ``grace`` seconds on."""
    from penstock.cli.main import main as command
    from penstock.memory import leak
    from penstock.providers.echo import Echo

    leak.GRACE_SECONDS = grace

    kept: list[bytes] = []
    send = Echo.send

    async def leaking(self: Echo, *call: Any) -> Any:
        kept.append(b"\1" * size)
        return await send(self, *call)

    if size:
        Echo.send = leaking  # type: ignore[method-assign]
    return command(["serve", *arguments])


def alarm_of(log: str) -> str | None:
    """The first line about leaked memory."""
    found = _ALARM.search(log)
    return found[0] if found else None


async def until_found(gateway: Gateway, seconds: float) -> float | None:
    """Seconds until the alarm, if it comes."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        if alarm_of(gateway.log.read_text()) is not None:
            return round(time.monotonic() - began, 1)
        await asyncio.sleep(0.5)
    return None


async def watched(
    size: int, rate: float, seconds: float, more: str = "", grace: float = GRACE_SECONDS
) -> dict[str, Any]:
    """One gateway under load for so long, or until it is found out."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        gateway = Gateway(Path(folder), more, ("bench.leak", "--serve", str(size), str(grace)))
        soak = Soak(Load(seconds / 60, rate))
        try:
            await gateway.ready()
            load = asyncio.get_running_loop().create_task(mixed(gateway.port, seconds, rate, random.Random(7), soak))
            found = await until_found(gateway, seconds)
            looked = min(6.0, seconds / 10)
            lines = await asyncio.to_thread(traced, gateway, looked) if size and found is not None else []
            load.cancel()
            text = alarm_of(gateway.log.read_text())
            a_call = _A_CALL.search(text or "")
            return {
                "found_after_seconds": found, "kib_a_call": float(a_call[1]) if a_call else None, "alarm": text,
                "rss_mib": round(gateway.rss() / 2**20), "line_named": any("leak.py" in line for line in lines[:1]),
                "first_line": lines[0] if lines else None, "wrong": soak.wrong,
            }  # fmt: skip
        finally:
            gateway.stop()


def traced(gateway: Gateway, seconds: float) -> list[str]:
    """The places that ``penstock doctor --memory`` names, the largest first."""
    argv = [sys.executable, "-m", "penstock", "doctor", "--memory", "--seconds", str(seconds), "--json"]
    argv += ["--port", str(gateway.port)]
    told = subprocess.run(argv, env=gateway.env, capture_output=True, text=True, timeout=120, check=False)
    sites = json.loads(told.stdout)["workers"][0]["trace"]["sites"]
    return [" < ".join(site["lines"]) for site in sites]


async def measure(size: int, rate: float, seconds: float, more: str = "") -> dict[str, Any]:
    """A leaking gateway and a sound one, at the same time."""
    leaking, sound = await asyncio.gather(watched(size, rate, seconds, more), watched(0, rate, seconds, more))
    return {"leaking": leaking, "sound": sound}


def main() -> None:
    words = argparse.ArgumentParser(prog="python -m bench.leak", description=__doc__)
    words.add_argument("--size", type=int, default=50_000, help="bytes that a call leaves behind")
    words.add_argument("--rate", type=float, default=20.0, help="calls a second, in the mean about")
    words.add_argument("--seconds", type=float, default=MOST_SECONDS)
    given = words.parse_args()
    found = asyncio.run(measure(given.size, given.rate, given.seconds))
    print(json.dumps({"machine": machine.describe(), **found}, indent=1))
    leaking, sound = found["leaking"], found["sound"]
    sys.exit(leaking["found_after_seconds"] is None or sound["found_after_seconds"] is not None)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        sys.exit(serve(int(sys.argv[2]), float(sys.argv[3]), sys.argv[4:]))
    main()
