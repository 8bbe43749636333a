"""One small tree of errors. Each says whose fault it is and what the edge should answer.

    Fail                    status, code, retryable, phase, retry_after
    ├── CallerError         the request is wrong, unauthenticated, or for something that is not here
    ├── GatewayError        Penstock cannot do it now (full, stopping) or has a bug
    └── UpstreamError       the model server or provider failed, or could not be reached

Foreign exceptions are mapped to these once, where they enter (net/ and providers/).
"""

from __future__ import annotations

from typing import ClassVar, Literal

Fault = Literal["caller", "gateway", "upstream"]


class Fail(Exception):
    """Something that ends a call with an error body instead of an answer.

    ``status`` is the HTTP status to answer; ``code`` is a stable machine-readable word; ``retryable`` tells
    clients (``x-should-retry``) and the routing room whether the same call may succeed later or elsewhere;
    ``phase`` names the step that failed (``dns``, ``connect``, ``tls``, ``send``, ``headers``, ``body``, ...);
    ``retry_after`` is in seconds; ``quoted`` is the part of the message that others wrote: it goes to the caller, and
    into no log, for it may repeat a prompt or a key.
    """

    fault: ClassVar[Fault] = "gateway"
    default_status: ClassVar[int] = 500
    default_code: ClassVar[str] = "internal_error"
    default_retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        param: str | None = None,
        retryable: bool | None = None,
        retry_after: float | None = None,
        phase: str | None = None,
        upstream: str | None = None,
        allow: str | None = None,
        quoted: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = self.default_status if status is None else status
        self.code = self.default_code if code is None else code
        self.param = param
        self.retryable = self.default_retryable if retryable is None else retryable
        self.retry_after = retry_after
        self.phase = phase
        self.upstream = upstream
        self.allow = allow
        self.quoted = quoted

    @property
    def loggable(self) -> str:
        """The message without what others wrote."""
        return self.message.replace(self.quoted, "(not logged)") if self.quoted else self.message

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.status} {self.code}: {self.loggable}>"


class CallerError(Fail):
    """The caller must change something before trying again."""

    fault = "caller"
    default_status = 400
    default_code = "invalid_request"


class GatewayError(Fail):
    """Penstock itself: overload, shutting down, or a defect."""

    fault = "gateway"
    default_status = 503
    default_code = "gateway_unavailable"
    default_retryable = True


class UpstreamError(Fail):
    """The server behind: unreachable, silent, cut off, or speaking nonsense."""

    fault = "upstream"
    default_status = 502
    default_code = "upstream_failed"
    default_retryable = True


def defect() -> GatewayError:
    """What callers are told of an error in our code; the log says more."""
    return GatewayError("Penstock has a defect here; its log says more.", status=500, code="internal_error")
