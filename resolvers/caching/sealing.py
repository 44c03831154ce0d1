"""What leaves the process is sealed: entries and messages with AES-256-GCM, names with HMAC, keys derived from one secret."""

from __future__ import annotations

import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

VERSION = 1
_NONCE = 12
_NAME = 20


class Sealer:
    """Seals and opens bytes. Whoever reads Redis learns how many entries there are and how large, and nothing else.

    A sealed text is a byte for the version, the fingerprint of the shape of what is in it, a nonce, and the cipher text; the
    name it is kept under is authenticated with it, so that an entry moved to another name cannot be opened.
    """

    def __init__(self, secret: str, shape: bytes) -> None:
        """`shape` stands for the shape of what is sealed: what was sealed with another one is not opened."""
        self._header = bytes([VERSION]) + shape
        self._cipher = AESGCM(_derived(secret, b"c360 source cache: entries"))
        self._naming = _derived(secret, b"c360 source cache: names")

    def name(self, kind: str, of: bytes) -> str:
        """What something is called outside of this process."""
        return f"{kind}:{hmac.digest(self._naming, kind.encode() + b':' + of, 'sha256')[:_NAME].hex()}"

    def seal(self, plain: bytes, name: str) -> bytes:
        """Seals for one name."""
        nonce = os.urandom(_NONCE)
        return self._header + nonce + self._cipher.encrypt(nonce, plain, self._header + name.encode())

    def open(self, sealed: bytes, name: str) -> bytes | None:
        """None for anything that was not sealed for this name, with this secret, in this version and shape, or was damaged."""
        start = len(self._header)
        if not sealed.startswith(self._header) or len(sealed) < start + _NONCE:
            return None
        nonce, text = sealed[start : start + _NONCE], sealed[start + _NONCE :]
        try:
            return self._cipher.decrypt(nonce, text, self._header + name.encode())
        except InvalidTag:
            return None


def _derived(secret: str, info: bytes) -> bytes:
    """A key of its own for each use (RFC 5869), so that none tells anything of another or of the secret."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(secret.encode())
