"""What the local routes ask of all workers together. With one worker it answers for itself."""

from __future__ import annotations

from typing import Any, Protocol


class Fleet(Protocol):
    """All answers are plain values, merged over the workers that answered in time."""

    async def metrics(self) -> str:
        """Prometheus text."""

    async def status(self) -> dict[str, Any]:
        """What is running, and how it is."""

    async def calls(self, count: int, request_id: str) -> list[dict[str, Any]]:
        """The newest calls, or the one with ``request_id`` if it is not empty."""

    async def upstreams(self, model: str) -> dict[str, Any]:
        """Every upstream, and the live changes; for a ``model`` also the ``victim`` among its upstreams."""

    async def change_upstream(self, question: dict[str, Any]) -> dict[str, Any]:
        """``do`` something to the upstream ``name``: ``{"ok": bool, "problems": [line, ...], ...}``."""

    async def settings(self, question: dict[str, Any]) -> dict[str, Any]:
        """The settings changed live; with ``settings`` in the question these instead: ``{"ok": bool, ...}``."""

    async def decisions(self, question: dict[str, Any]) -> dict[str, Any]:
        """How a call with ``body`` would be routed, by each worker; or the ``last`` decisions of all."""

    async def journal(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Rows of the journal; ``{"problems": [...], "status": ...}`` for a wrong question."""

    async def windows(self, after: float) -> list[str]:
        """The windows of all workers that are over and began after ``after`` (``core.windows``), as JSON."""

    async def leader(self, part: str, question: dict[str, Any]) -> dict[str, Any]:
        """What the worker that gathers all windows says of ``part``; ``{"problems": [...], "status": ...}`` for a wrong
        question."""

    async def pools(self, question: dict[str, Any]) -> dict[str, Any]:
        """Pools of replicas: ``do`` ``standing`` tells of them, ``want`` sets how many there should be."""

    async def demand(self, pools: list[str]) -> list[dict[str, Any]]:
        """What each worker has to do with ``pools`` right now: calls in flight, ever begun, and waiting."""

    async def session(self, question: dict[str, Any]) -> dict[str, Any]:
        """Sessions of the dashboard: ``do`` ``open`` (for the key ``by``), ``redeem`` (a ``link``) or ``close`` (a
        ``token``); ``{"ok": bool, "token": ..., "by": ...}``."""

    async def live_now(self) -> dict[str, Any]:
        """How it is just now: computed at most once a second, whoever asks."""

    async def trial_list(self) -> dict[str, Any]:
        """Models with a new version on trial: what was measured of both."""

    async def decide(self, model: str, asked: str) -> bool:
        """``promote``, ``rollback`` or ``resume`` the new version of ``model``; False when none is on trial."""

    async def stream(self, owner: int, question: dict[str, Any]) -> dict[str, Any]:
        """Ask worker ``owner`` about a stream that it keeps."""

    async def reload(self) -> dict[str, Any]:
        """Read the configuration again. ``{"ok": bool, "problems": [line, ...]}``."""
