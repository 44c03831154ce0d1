"""Search: what a free text may mean (name, e-mail, phone, order or ticket number), asked of every source that can look for it."""

from __future__ import annotations

import re

from adapters.base import KeyType, MatchKey
from resolvers.errors import InvalidArgument
from resolvers.identity import keys as match_keys

MAX_LENGTH = 200

_NUMBER = re.compile(r"#?(?=[\w-]*\d)[A-Za-z0-9][A-Za-z0-9-]{0,39}")
_PHONE_LIKE = re.compile(r"[+\d][\d\s()/.-]{5,}")


def meanings(text: str, default_country: str | None) -> list[MatchKey]:
    """The keys that a text may be; raises InvalidArgument where it can be none."""
    text = text.strip()
    if not text or len(text) > MAX_LENGTH:
        raise InvalidArgument("text", f"text must have between 1 and {MAX_LENGTH} characters")
    if "@" in text:
        return [match_keys.asked_email(text, "text")]
    found: list[MatchKey] = []
    if _PHONE_LIKE.fullmatch(text) and (number := match_keys.phone(text, default_country)):
        found.append(MatchKey(KeyType.PHONE, number))
    if _NUMBER.fullmatch(text):
        types = (KeyType.ORDER_NUMBER, KeyType.TICKET_NUMBER, KeyType.CUSTOMER_NUMBER)
        found += [MatchKey(t, text.lstrip("#")) for t in types]
    if any(c.isalpha() for c in text) and not any(c.isdigit() for c in text):
        found.append(MatchKey(KeyType.NAME, text))
    if not found:
        raise InvalidArgument(
            "text", "text is neither a name, an e-mail address, a phone number nor an order or ticket number"
        )
    return found
