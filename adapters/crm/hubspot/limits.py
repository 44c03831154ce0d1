"""HubSpot's own rate-limit headers, read after each answer."""

from __future__ import annotations

from collections.abc import Mapping

from adapters.kit.pace import Pace

_NEAR_THE_END = 0.1
_DAY_IS_USED_UP = 60.0


def heed(headers: Mapping[str, str], pace: Pace) -> None:
    """Slows down to the vendor's average rate near the end of its allowance, and waits at the end.

    Search answers carry no such headers; they have a pace of their own.
    """
    if _number(headers, "x-hubspot-ratelimit-daily-remaining") == 0:
        pace.pause(_DAY_IS_USED_UP)
    remaining = _number(headers, "x-hubspot-ratelimit-remaining")
    allowed = _number(headers, "x-hubspot-ratelimit-max")
    window = (_number(headers, "x-hubspot-ratelimit-interval-milliseconds") or 0) / 1000
    if remaining is None or not window:
        return
    if remaining <= 0:
        pace.pause(window)
    elif allowed and remaining < allowed * _NEAR_THE_END:
        pace.pause(window / allowed)


def _number(headers: Mapping[str, str], name: str) -> int | None:
    value = headers.get(name, "")
    return int(value) if value.isascii() and value.isdecimal() and len(value) < 12 else None
