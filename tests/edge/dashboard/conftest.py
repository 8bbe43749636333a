"""One browser and one gateway for a module: while a browser is driven, no test can run an event loop of its own."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from penstock.auth.store import KeyStore
from tests.support.browser import HOSTILE_KEY, SCRIPT, Mortal, traffic
from tests.support.running_gateway import RunningGateway, running_gateway

CONFIG = """
store: memory
upstreams:
  gpu-0: {{kind: openai, base_url: "http://127.0.0.1:{port}/v1", api_key: x, price: {{input: 2, output: 8}}}}
  gpu-1: {{kind: echo, tokens_per_second: 400}}
  slow: {{kind: echo, tokens_per_second: 40}}
models:
  llama-8b: {{upstreams: [gpu-0, gpu-1], strategy: round_robin}}
  llama-70b: {{upstreams: [gpu-0]}}
  slow: {{upstreams: [slow]}}
  "{script}": {{upstreams: [gpu-1]}}
cache: {{unset_temperature: true}}
health: {{breaker: {{open: 2s, longest: 4s}}, slow_start: 1s}}
observe: {{routes: 50}}
"""
START_SECONDS = 15_000


@dataclass
class Stage:
    """A gateway with traffic, its upstream, and pages of a browser that note what they complain of."""

    gateway: RunningGateway
    upstream: Mortal
    browser: Any
    complaints: list[str] = field(default_factory=list)

    def page(self, **more: Any) -> Any:
        """A page of a context of its own."""
        context = self.browser.new_context(**{"viewport": {"width": 1200, "height": 860}, **more})
        context.set_default_timeout(START_SECONDS)
        page = context.new_page()
        page.on("console", lambda said: said.type in ("error", "warning") and self.complaints.append(said.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.add_init_script("addEventListener('securitypolicyviolation', (e) => console.error('CSP ' + e.blockedURI))")
        return page

    def inside(self, **more: Any) -> Any:
        """A page that is logged in by key, on the first glance."""
        page = self.page(**more)
        page.goto(f"{self.gateway.url}/ui")
        page.fill("#key", self.gateway.key)
        page.keyboard.press("Enter")
        page.wait_for_selector("#verdict.good, #verdict.warn, #verdict.bad")
        return page


@pytest.fixture(scope="module")
def engine(chromium: str) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningGateway, Mortal]]:
    upstream = Mortal()
    home = tmp_path_factory.mktemp("ui")
    config = CONFIG.format(port=upstream.port, script=SCRIPT)
    with running_gateway(home, config) as gateway:
        KeyStore(str(home / "config" / "penstock" / "keys.json")).add(HOSTILE_KEY, ("call",))
        with traffic(gateway.url, gateway.key, "llama-8b", "llama-8b", "llama-70b"):
            yield gateway, upstream
    upstream.die()


@pytest.fixture
def stage(engine: Any, served: tuple[RunningGateway, Mortal]) -> Iterator[Stage]:
    """Its complaints must be empty at the end, but for those that a test expects and clears."""
    made = Stage(*served, engine)
    yield made
    for context in engine.contexts:
        context.close()
    assert made.complaints == []


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots go: as ``make screenshots`` says, else a folder of this run."""
    named = os.environ.get("PENSTOCK_SCREENSHOTS")
    folder = Path(named) if named else tmp_path_factory.mktemp("pictures")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
