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
        digest = hmac.new(self._key, f"{key.type.value}\0{key.value}".encode(), hashlib.sha256).digest()
        return f"{self.VERSION}:{key.type.value}:{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"
