"""What a model can do, as far as its operator has said, and what it therefore lacks for a call. Pure."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from penstock.core.call import Call
from penstock.routing.needs import Needs, needs_of
from penstock.routing.sizes import Sizes

IMAGE_TOKENS = 1000
"""Of one image; by the large providers' own rules a photo has 700 to 1,600."""
SURE = 1.25
"""An estimate of tokens may be off by a quarter: only what is surely too long is passed over."""


class Capabilities(Struct, frozen=True, kw_only=True):
    context: Annotated[int | None, Meta(ge=1, description="Tokens that fit: of prompt and answer together.")] = None
    tools: Annotated[bool | None, Meta(description="Whether it calls tools.")] = None
    vision: Annotated[bool | None, Meta(description="Whether it takes images.")] = None
    json_schema: Annotated[bool | None, Meta(description="Whether it keeps to a JSON schema.")] = None

    def lacks(self, needs: Needs, sizes: Sizes) -> str:
        """What is missing for a call with these ``needs``; "" for nothing. ``sizes`` are those of its model."""
        if self.context is not None:
            tokens = sizes.tokens(needs.size) / SURE + needs.images * IMAGE_TOKENS + needs.output
            if tokens > self.context:
                return f"has room for {self.context} tokens, not for some {tokens:.0f}"
        if needs.tools and self.tools is False:
            return "takes no tools"
        if needs.images and self.vision is False:
            return "takes no images"
        if needs.json_schema and self.json_schema is False:
            return "keeps to no JSON schema"
        return ""


UNKNOWN = Capabilities()


class Fit:
    """One call against the models that may answer it; what it needs is found when first asked for."""

    __slots__ = ("_call", "_needs")

    def __init__(self, call: Call) -> None:
        self._call = call
        self._needs: Needs | None = None

    def lacks(self, capabilities: Capabilities, sizes: Sizes) -> str:
        """What a model lacks for the call; "" where nothing is known to be missing."""
        if capabilities == UNKNOWN:
            return ""
        if self._needs is None:
            self._needs = needs_of(self._call)
        return capabilities.lacks(self._needs, sizes)

    def __repr__(self) -> str:
        return f"<Fit {self._needs or 'unknown'}>"
