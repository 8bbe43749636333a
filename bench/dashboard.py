"""How soon is the dashboard there, how large is it, and what do those who watch cost? ``python -m bench.dashboard``.

A gateway, and Debian's chromium driven by Playwright. Each load is by a browser context of its own, so nothing is
cached: from the navigation to the log-in form, and for one who is logged in to the first live numbers on the page. Then
viewers of the live stream, and the CPU time of the gateway while they watch. Exits 1 if the median load takes a second,
or if all that is fetched is 300 KB or more.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import statistics
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import psutil

from tests.support.running_gateway import RunningGateway, running_gateway
from tests.support.sockets import request

MOST_SECONDS = 1.0
MOST_BYTES = 300_000
VIEWERS = (0, 1, 8, 32)
CONFIG = "store: memory\nupstreams: {echo: {kind: echo}}\nmodels: {echo: {upstreams: [echo]}}\n"


def main() -> None:
    words = argparse.ArgumentParser(prog="python -m bench.dashboard", description=__doc__)
    words.add_argument("--loads", type=int, default=10, help="fresh loads of each kind")
    words.add_argument("--seconds", type=float, default=10.0, help="for which each number of viewers watches")
    given = words.parse_args()
    with tempfile.TemporaryDirectory() as home, running_gateway(Path(home), CONFIG) as gateway:
        form, numbers, size = loads(gateway, given.loads)
        print(f"log-in form: median {form:.3f} s; logged in, first numbers: median {numbers:.3f} s; {size:,} bytes")
        costs = {viewers: asyncio.run(watched(gateway, viewers, given.seconds)) for viewers in VIEWERS}
    for viewers, share in costs.items():
        print(f"{viewers:3} viewers: {share:.2%} of a core ({share - costs[0]:+.2%} against none)")
    if max(form, numbers) >= MOST_SECONDS or size >= MOST_BYTES:
        sys.exit("missed")


def loads(gateway: RunningGateway, count: int) -> tuple[float, float, int]:
    """Median seconds to the form and to the first numbers; bytes of all files."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        form = [_load(browser, gateway, "#key") for _ in range(count)]
        numbers = [_load(browser, gateway, "#verdict.good, #verdict.warn, #verdict.bad") for _ in range(count)]
        browser.close()
    return statistics.median(one for one, _ in form), statistics.median(one for one, _ in numbers), form[0][1]


def _load(browser: Any, gateway: RunningGateway, awaited: str) -> tuple[float, int]:
    context = browser.new_context()
    if awaited != "#key":
        fields = {"x-penstock-ui": "1", "content-type": "application/json"}
        data = f'{{"key": "{gateway.key}"}}'.encode()
        with urllib.request.urlopen(urllib.request.Request(f"{gateway.url}/ui/session", data, fields)) as answer:
            name, _, value = answer.headers["set-cookie"].partition(";")[0].partition("=")
        context.add_cookies([{"name": name, "value": value, "url": gateway.url}])
    page = context.new_page()
    sizes: list[int] = []
    page.on("response", lambda answer: sizes.append(int(answer.headers.get("content-length", "0"))))
    began = time.monotonic()
    page.goto(f"{gateway.url}/ui", wait_until="commit")
    page.wait_for_selector(awaited)
    took = time.monotonic() - began
    context.close()
    return took, sum(sizes)


async def watched(gateway: RunningGateway, viewers: int, seconds: float) -> float:
    """The share of a core that the gateway takes while so many watch."""
    process = psutil.Process(gateway.process.pid)
    writers = []
    readers = []
    for _ in range(viewers):
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(request("GET", "/admin/v1/live", [("Authorization", f"Bearer {gateway.key}")], keep=True))
        await reader.readuntil(b"data: ")
        writers.append(writer)
        readers.append(asyncio.ensure_future(_drain(reader)))
    before, began = sum(process.cpu_times()[:2]), time.monotonic()
    await asyncio.sleep(seconds)
    share = (sum(process.cpu_times()[:2]) - before) / (time.monotonic() - began)
    for writer in writers:
        writer.close()
    await asyncio.gather(*readers)
    return float(share)


async def _drain(reader: asyncio.StreamReader) -> None:
    try:
        while await reader.read(65536):
            pass
    except ConnectionResetError:
        pass


if __name__ == "__main__":
    main()
