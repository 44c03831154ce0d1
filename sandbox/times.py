"""Times as the vendors write and read them; inside the sandbox a time is seconds since 1970 in UTC."""

from __future__ import annotations

from datetime import UTC, datetime


def iso(seconds: float) -> str:
    """2026-11-01T00:00:00Z, as Shopify and Zendesk write it."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_millis(seconds: float) -> str:
    """2026-11-01T00:00:00.000Z, as HubSpot writes it."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def iso_offset(seconds: float) -> str:
    """2026-11-01T00:00:00+00:00, as Mailchimp writes it."""
    return datetime.fromtimestamp(int(seconds), UTC).isoformat()


def parse_time(text: str) -> float | None:
    """Seconds for an ISO 8601 time or date, or for whole milliseconds since 1970; None for anything else."""
    text = text.strip()
    if text.isdigit() and len(text) >= 11:
        return int(text) / 1000
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
