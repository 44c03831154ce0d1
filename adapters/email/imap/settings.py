"""What a `[sources.NAME]` table with `adapter = "imap"` may hold."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, StringConstraints, model_validator

from adapters.base import AdapterSettings

_Line = Annotated[str, StringConstraints(min_length=1, pattern=r"^[^\x00-\x1f\x7f]+$")]


class ImapSettings(AdapterSettings):
    """Settings of one mailbox account. All times are in seconds."""

    host: _Line = Field(description="Name or address of the IMAP server.")
    port: int | None = Field(
        default=None, ge=1, le=65535, description="Port; by default 993 with implicit TLS and 143 without."
    )
    tls: Literal["implicit", "starttls", "none"] = Field(
        default="implicit",
        description='How the connection is encrypted: "implicit", "starttls", or "none" (only on loopback).',
    )
    ca_file: str | None = Field(
        default=None, description="File with the certificates to trust in place of the system's, in PEM."
    )
    username: _Line = Field(description="Name to sign in with.")
    password: SecretStr = Field(description="Password, or app password, to sign in with.")
    mailboxes: tuple[_Line, ...] = Field(
        default=("INBOX", "Sent"),
        min_length=1,
        max_length=20,
        description="Mailboxes to read, by their names.",
    )
    own_addresses: tuple[_Line, ...] = Field(
        default=(),
        description="The company's own addresses: what they send is outbound, and they are nobody's mail. "
        "The user name is one of them when it is an address.",
    )
    message_url: str | None = Field(
        default=None,
        pattern=r"^https?://\S+$",
        description="Where webmail shows a message, with {mailbox}, {uid} and {message_id} in it.",
    )
    max_connections: int = Field(
        default=3, ge=1, le=20, description="Connections, and threads, at once; servers allow few per user."
    )
    max_messages: int = Field(
        default=5000,
        ge=100,
        le=100_000,
        description="Messages of a mailbox looked at in one search, newest first.",
    )
    max_text_bytes: int = Field(
        default=65_536, ge=1024, le=1_000_000, description="Bytes that are read of a message's text."
    )

    @property
    def tcp_port(self) -> int:
        """The port to connect to."""
        return self.port or (993 if self.tls == "implicit" else 143)

    @model_validator(mode="after")
    def _plain_text_stays_on_this_machine(self) -> Self:
        if self.tls == "none" and not _is_loopback(self.host):
            raise ValueError('tls = "none" is allowed on loopback only: use "implicit" or "starttls"')
        return self


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
