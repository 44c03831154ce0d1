"""Keyed tokens of match keys: what the identity map keeps instead of e-mail addresses and phone numbers."""

from __future__ import annotations

import hashlib
import hmac

from pydantic import SecretStr

from adapters.base import MatchKey

Token = bytes
"""A byte for the version of the secret, one for the kind of key, then the digest."""

_SURE, _SHORT = 16, 8
"""Bytes of the digest. Keys that are looked up by are kept in 128 bits: two of them never meet. The others only
propose records to compare, where a chance meeting costs one comparison."""

_CODES = {
    "email": 1, "phone": 2, "national_id": 3, "customer_number": 4, "order_number": 5, "ticket_number": 6,
    "name_born": 16, "given_born": 17, "family_born": 18, "name": 19, "family_place": 20, "given_place": 21,
    "house": 22, "born_place": 23, "mailbox": 24,
}  # fmt: skip
"""Kind of key -> its byte. Stored: a number is never given to another kind."""
_KINDS = {code: kind for kind, code in _CODES.items()}
_FIRST_SHORT = 16


def kind_of(token: Token) -> str:
    """The kind of key that a token was made from."""
    return _KINDS[token[1]]


class Tokens:
    """HMAC-SHA256 with the operator's secret.

    Without the secret a token tells nothing and cannot be found by guessing addresses; a plain hash could.
    """

    VERSION = 1

    def __init__(self, secret: SecretStr) -> None:
        self._key = secret.get_secret_value().encode()

    def of(self, key: MatchKey) -> Token:
        """The token of a canonical key."""
        return self.token(key.type.value, key.value)

    def token(self, kind: str, value: str) -> Token:
        """The token of a value of some kind, such as a match key that is made of several fields."""
        digest = hmac.digest(self._key, f"{kind}\0{value}".encode(), hashlib.sha256)
        code = _CODES[kind]
        return bytes((self.VERSION, code)) + digest[: _SHORT if code >= _FIRST_SHORT else _SURE]
