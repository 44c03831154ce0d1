"""What went wrong on an IMAP connection, as one error of the tree; the server's own words stay behind."""

from __future__ import annotations

import imaplib
import re

from imapclient.exceptions import CapabilityError, LoginError, ProtocolError

from adapters.errors import (
    BadPayload,
    SourceAuthFailed,
    SourceError,
    SourceRateLimited,
    SourceRejected,
    SourceTimeout,
    SourceUnavailable,
)

_CODE = re.compile(r"\[([A-Z][A-Z0-9-]*)[ \]]")
_BY_CODE: dict[str, type[SourceError]] = {  # RFC 5530 and RFC 9051 §7.1
    "AUTHENTICATIONFAILED": SourceAuthFailed,
    "AUTHORIZATIONFAILED": SourceAuthFailed,
    "CONTACTADMIN": SourceAuthFailed,
    "EXPIRED": SourceAuthFailed,
    "NOPERM": SourceAuthFailed,
    "PRIVACYREQUIRED": SourceAuthFailed,
    "INUSE": SourceUnavailable,
    "SERVERBUG": SourceUnavailable,
    "UNAVAILABLE": SourceUnavailable,
    "LIMIT": SourceRateLimited,
}
_GARBAGE = (
    "unexpected response",
    "unexpected tagged",
    "unterminated line",
    "got more than",
    "not IMAP4 compliant",
)


class Oversized(Exception):
    """The server sends more than `max_body_bytes` in answer to one job."""


class Malformed(Exception):
    """The server's answer does not hold what it must."""


class NoMailbox(Exception):
    """The server does not open a mailbox of the settings."""


def source_error(source: str, operation: str, error: Exception) -> SourceError:
    """The one error of the tree for whatever a connection, imaplib or IMAPClient raised."""
    if isinstance(error, SourceError):
        return error
    kind, detail = _kind(error)
    return kind(source, operation, detail)


def broke_off(error: BaseException) -> bool:
    """Whether the connection was gone, rather than that the server answered something."""
    cause = _cause(error)
    if isinstance(cause, imaplib.IMAP4.abort):
        return not _is_garbage(cause)
    return isinstance(cause, OSError) and not isinstance(cause, TimeoutError)


def _is_garbage(error: BaseException) -> bool:
    return any(sign in str(error) for sign in _GARBAGE)


def _cause(error: BaseException) -> BaseException:
    """IMAPClient calls everything that goes wrong at login a LoginError; this is what it was."""
    context: BaseException | None = error.__context__ if isinstance(error, LoginError) else None
    return context or error


def _kind(error: Exception) -> tuple[type[SourceError], str]:
    cause = _cause(error)
    name = type(cause).__name__
    if isinstance(cause, TimeoutError):
        return SourceTimeout, "read or connect timeout"
    if isinstance(cause, Oversized):
        return BadPayload, "more than max_body_bytes"
    if isinstance(cause, CapabilityError):
        return SourceUnavailable, "the server lacks a capability that the settings ask for"
    if isinstance(cause, NoMailbox):
        return SourceRejected, f"does not open the mailbox {cause.args[0]!r} of the settings"
    if isinstance(cause, ProtocolError | Malformed):
        return BadPayload, name
    if isinstance(cause, imaplib.IMAP4.abort):
        return (BadPayload, "not IMAP") if _is_garbage(cause) else (SourceUnavailable, "connection ended")
    if isinstance(cause, imaplib.IMAP4.error):
        if _is_garbage(cause):
            return BadPayload, "not IMAP"
        return _refusal(cause, at_login=isinstance(error, LoginError))
    if isinstance(cause, OSError):
        return SourceUnavailable, name
    return BadPayload, name  # whatever a parser makes of nonsense


def response_code(error: BaseException) -> str | None:
    """The code in brackets by which a server says why it refuses, if it is one that we know."""
    return next((code for code in _CODE.findall(str(error)) if code in _BY_CODE), None)


def _refusal(error: BaseException, *, at_login: bool) -> tuple[type[SourceError], str]:
    """A NO or BAD. Its code is from a closed list, so it may be told."""
    code = response_code(error)
    if code is not None:
        return _BY_CODE[code], f"NO [{code}]"
    if at_login:
        return SourceAuthFailed, "login refused"
    if "BYE" in str(error):
        return SourceUnavailable, "BYE"
    return SourceRejected, "NO or BAD"
