"""The ``alerts`` section: who is told, beside the log, that something is wrong and that it is over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from penstock.core.alert import Severity
from penstock.core.settings import Finding
from penstock.core.shapes import ReadableFile, Secret
from penstock.core.units import Seconds
from penstock.net.outward import address_problem, field_problem

PAGERDUTY = "https://events.pagerduty.com/v2/enqueue"


class WebhookConfig(Struct, frozen=True, kw_only=True):
    name: Annotated[
        str, Meta(max_length=64, description="What it is called in metrics and answers. Unset: its format.")
    ] = ""  # fmt: skip
    url: Annotated[
        Secret | None,
        Meta(description="Where alerts are posted; private addresses are allowed. Unset for `pagerduty`: its usual."),
    ] = None
    format: Annotated[
        Literal["generic", "slack", "pagerduty"],
        Meta(description="What is posted: plain JSON, a Slack message, or an event of PagerDuty's Events API v2."),
    ] = "generic"
    severity: Annotated[Severity, Meta(description="Alerts that are less severe are not posted.")] = "medium"
    closing: Annotated[
        bool, Meta(description="Post when an alert closes, too. PagerDuty is always told: it resolves the incident.")
    ] = True  # fmt: skip
    headers: Annotated[dict[str, Secret], Meta(description="Fields sent along, such as `authorization`.")] = field(
        default_factory=dict
    )
    secret: Annotated[
        Secret | None,
        Meta(description="Signs what is posted: `x-penstock-signature: t=SECONDS,v1=HMAC-SHA256(t.body)` in hex."),
    ] = None
    routing_key: Annotated[Secret | None, Meta(description="PagerDuty's integration key, for that format.")] = None
    ca_file: Annotated[
        ReadableFile | None, Meta(description="Certificates (PEM) that the receiver's must descend from.")
    ] = None

    def check(self) -> Iterator[Finding]:
        if self.url is not None and (problem := address_problem(self.url)):
            yield ("url",), f"url {problem}"
        if self.format == "pagerduty":
            if self.routing_key is None:
                yield ("routing_key",), "pagerduty needs a routing_key (of an Events API v2 integration)"
        elif self.url is None:
            yield ("url",), f"{self.format} needs a url"
        elif self.routing_key is not None:
            yield ("routing_key",), "only pagerduty has a routing_key"
        for name in self.headers:
            if problem := field_problem(name, self.headers[name]):
                yield ("headers", name), problem

    @property
    def address(self) -> str:
        """The effective URL."""
        return self.url or PAGERDUTY


class AlertsConfig(Struct, frozen=True, kw_only=True):
    webhooks: Annotated[list[WebhookConfig], Meta(max_length=16, description="Who is told.")] = field(
        default_factory=list
    )
    keep: Annotated[int, Meta(ge=10, le=100_000, description="Closed alerts that are remembered, in the store.")] = 1000
    repeat: Annotated[
        Seconds,
        Meta(
            ge=0, le=86400,
            description="What opens again so soon after it closed (by name, model and upstream) is posted only if it"
            " is still open after that.",
        ),
    ] = 300.0  # fmt: skip
    timeout: Annotated[Seconds, Meta(ge=0.1, le=60, description="How long one post may take.")] = 10.0
    tries: Annotated[
        int, Meta(ge=1, le=20, description="Posts of one alert, with doubling pauses, before it is given up.")
    ] = 6  # fmt: skip
    rate: Annotated[int, Meta(ge=1, le=600, description="Posts a minute to one webhook.")] = 30
    queue: Annotated[
        int, Meta(ge=1, le=10_000, description="Alerts that wait for one webhook; beyond them the oldest goes.")
    ] = 100  # fmt: skip

    def check(self) -> Iterator[Finding]:
        seen: set[str] = set()
        for number, name in enumerate(self.names):
            if name in seen:
                yield ("webhooks", number), "has the name of another one; give them names"
            seen.add(name)

    @property
    def names(self) -> list[str]:
        """What the webhooks are called."""
        return [webhook.name or webhook.format for webhook in self.webhooks]
