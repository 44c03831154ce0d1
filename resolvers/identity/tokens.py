"""Keyed tokens of match keys: what the identity map keeps instead of e-mail addresses and phone numbers."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable

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
_SEALED = 18


def kind_of(token: Token) -> str:
    """The kind of key that a token was made from."""
    return _KINDS[token[1]]


class Tokens:
    """HMAC-SHA256 with the operator's secret.

    Without the secret a token tells nothing and cannot be found by guessing addresses; a plain hash could. While a rotation
    runs there is a `previous` secret too, whose tokens have the version before: what is written is made with the current
    one, what is looked up may be kept under either.
    """

    def __init__(self, secret: SecretStr, *, version: int = 1, previous: SecretStr | None = None) -> None:
        """`version` is from 1 to 255, and 2 or more where there is a previous secret; raises ValueError."""
        if not (1 if previous is None else 2) <= version <= 255:
            raise ValueError("the version of the secret must be from 1 to 255, 2 or more after another one")
        self.version = version
        self._key = secret.get_secret_value().encode()
        self._previous = previous.get_secret_value().encode() if previous is not None else None

    @property
    def rotating(self) -> bool:
        """Whether there is a previous secret."""
        return self._previous is not None

    def of(self, key: MatchKey) -> Token:
        """The token of a canonical key, as it is written."""
        return self.token(key.type.value, key.value)

    def token(self, kind: str, value: str) -> Token:
        """The token of a value of some kind, such as a match key that is made of several fields, as it is written."""
        return _token(self._key, self.version, kind, value)

    def forms(self, key: MatchKey) -> tuple[Token, ...]:
        """All tokens under which a canonical key may be kept, the current one first."""
        return self.forms_of(key.type.value, key.value)

    def forms_of(self, kind: str, value: str) -> tuple[Token, ...]:
        """All tokens under which a value may be kept, the current one first."""
        current = self.token(kind, value)
        if self._previous is None:
            return (current,)
        return (current, _token(self._previous, self.version - 1, kind, value))

    def renewals(self, values: Iterable[tuple[str, str]]) -> dict[Token, Token]:
        """The previous token of each (kind, value) and the current one that takes its place; none without a rotation."""
        if self._previous is None:
            return {}
        forms = (self.forms_of(kind, value) for kind, value in values)
        return {old: new for new, old in forms}

    def retired(self, token: Token) -> Token:
        """Stands for a token of another secret whose key nobody knows any more: as distinct as it was, and nothing
        without the current secret."""
        digest = hmac.digest(self._key, b"retired\0" + token, hashlib.sha256)
        return bytes((self.version, token[1])) + digest[: len(token) - 2]

    def sealed(self, ground: str) -> str:
        """Stands for what a verdict rested on where that was made with another secret: 18 hexadecimal digits, two more than
        what verdicts rest on now, so that it is taken for none of them. Sealing it again changes nothing.
        """
        mark = f"{self.version:02x}"
        if len(ground) == _SEALED and ground.startswith(mark):
            return ground
        return (mark + hmac.digest(self._key, b"ground\0" + ground.encode(), hashlib.sha256).hex())[:_SEALED]


def _token(secret: bytes, version: int, kind: str, value: str) -> Token:
    digest = hmac.digest(secret, f"{kind}\0{value}".encode(), hashlib.sha256)
    code = _CODES[kind]
    return bytes((version, code)) + digest[: _SHORT if code >= _FIRST_SHORT else _SURE]
