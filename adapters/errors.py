"""The one error tree of all adapters: whatever a vendor answers or fails to answer becomes one of these.

    SourceError                  base; never raised itself
    ├── SourceTimeout            no answer within the connect, read or whole-call limit
    ├── SourceUnavailable        no connection, 5xx, maintenance page
    │   └── SourceRejected       the vendor refuses the request itself (400, 404 on a fixed path, 422): a fault of the
    │                            adapter or of its settings, so retrying cannot help
    ├── SourceRateLimited        429, THROTTLED, our own limiter's queue is full; `retry_after` in seconds
    ├── SourceAuthFailed         401, 403, refused login, expired key
    └── BadPayload               an answer that cannot be decoded: malformed, truncated, wrong type, too large

An error's text names the source and the operation only. What the vendor said (status, reason) is in `detail`, for the log;
it never holds a body, a credential or a look-up key, and it never reaches a client.
"""

from __future__ import annotations

from typing import ClassVar


class SourceError(Exception):
    """A source did not give what was asked. `code` is the `extensions.code` that a client sees."""

    code: ClassVar[str] = "SOURCE_UNAVAILABLE"
    summary: ClassVar[str] = "did not answer"

    def __init__(
        self, source: str, operation: str, detail: str = "", *, retry_after: float | None = None
    ) -> None:
        super().__init__(f"{source}: {self.summary} ({operation})")
        self.source = source
        self.operation = operation
        self.detail = detail
        self.retry_after = retry_after


class SourceTimeout(SourceError):
    """No answer within the connect, read or whole-call limit."""

    code = "SOURCE_TIMEOUT"
    summary = "did not answer in time"


class SourceUnavailable(SourceError):
    """No connection, a server error, or a maintenance page."""

    summary = "is not available"


class SourceRejected(SourceUnavailable):
    """The vendor refuses the request itself; retrying cannot help."""

    summary = "refused the request"


class SourceRateLimited(SourceError):
    """The vendor (or our own limiter on its behalf) asks to slow down; `retry_after` is in seconds where it is known."""

    code = "SOURCE_RATE_LIMITED"
    summary = "asks to slow down"


class SourceAuthFailed(SourceError):
    """The vendor does not accept the credentials, or they lack a right."""

    code = "SOURCE_AUTH_FAILED"
    summary = "did not accept the credentials"


class BadPayload(SourceError):
    """The answer cannot be decoded: malformed, truncated, of a wrong type, or larger than the limit."""

    code = "SOURCE_BAD_PAYLOAD"
    summary = "answered something that cannot be read"
