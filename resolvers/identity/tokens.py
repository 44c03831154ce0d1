"""Keyed tokens of match keys: what the identity map keeps instead of e-mail addresses and phone numbers."""

from __future__ import annotations

import base64
import hashlib
import hmac

from pydantic import SecretStr

from adapters.base import MatchKey


class Tokens:
    """HMAC-SHA256 with the operator's secret, prefixed by key version and type: `1:email:<43 characters>`.

    Without the secret a token tells nothing and cannot be found by guessing addresses; a plain hash could.
    """

    VERSION = 1

    def __init__(self, secret: SecretStr) -> None:
        self._key = secret.get_secret_value().encode()

    def of(self, key: MatchKey) -> str:
        """The token of a canonical key."""
        return self.token(key.type.value, key.value)

    def token(self, kind: str, value: str) -> str:
        """The token of a value of some kind, such as a match key that is made of several fields."""
        digest = hmac.new(self._key, f"{kind}\0{value}".encode(), hashlib.sha256).digest()
        return f"{self.VERSION}:{kind}:{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"
