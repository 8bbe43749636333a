"""``scaling.cloudwatch``: the numbers that AWS scales by, as metrics of CloudWatch."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta, Struct

from penstock.core.settings import Finding
from penstock.core.units import Seconds

_NAMESPACE = re.compile(r"[A-Za-z0-9._/#-]{1,255}", re.ASCII)


class CloudWatchConfig(Struct, frozen=True, kw_only=True):
    by: Annotated[
        Literal["emf", "put"],
        Meta(
            description="`emf`: lines on standard output, which CloudWatch Logs reads as metrics (Lambda, ECS); `put`:"
            " PutMetricData, which needs the extra `aws` and its permission."
        ),
    ] = "emf"
    namespace: Annotated[str, Meta(description="Of CloudWatch; not one that begins with `AWS/`.")] = "Penstock"
    service: Annotated[str, Meta(min_length=1, max_length=250, description="The dimension `Service`.")] = "penstock"
    region: Annotated[str | None, Meta(description="For `put`. Unset: as AWS's own tools find it.")] = None
    interval: Annotated[Seconds, Meta(ge=10, le=300, description="How often they are written.")] = 60.0

    def check(self) -> Iterator[Finding]:
        if not _NAMESPACE.fullmatch(self.namespace):
            yield ("namespace",), "namespace is up to 255 letters, digits, and . _ / # -"
        if self.namespace.startswith("AWS/"):
            yield ("namespace",), "namespace must not begin with AWS/: those are AWS's own"
        if self.by == "put" and importlib.util.find_spec("boto3") is None:
            yield ("by",), "put needs the extra aws: pip install 'penstock[aws]'"
