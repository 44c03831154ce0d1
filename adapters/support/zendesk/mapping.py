"""From Zendesk's users, tickets and comments to canonical records. No I/O."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import msgspec

from adapters.kit.text import bounded, plain, text, utc
from adapters.records import (
    Account,
    AuthorRole,
    Comment,
    EmailAddress,
    ExternalId,
    PhoneNumber,
    Profile,
    Ticket,
    TicketStatus,
)
from adapters.support.zendesk import models

END_USER = "end-user"

_STATUS = {
    "new": TicketStatus.NEW,
    "open": TicketStatus.OPEN,
    "pending": TicketStatus.PENDING,
    "hold": TicketStatus.ON_HOLD,
    "solved": TicketStatus.SOLVED,
    "closed": TicketStatus.CLOSED,
}
_AUTOMATIC = frozenset({"rule", "system"})


class Mapper(msgspec.Struct, frozen=True, kw_only=True):
    """Maps the payloads of one source."""

    source: str
    web_url: str
    external_id_system: str
    max_body_chars: int

    def profile(
        self,
        user: models.User,
        account: models.Organization | None = None,
        identities: Iterable[models.Identity] = (),
    ) -> Profile:
        """A user as a profile; `identities` add what the user's further e-mail addresses and numbers are."""
        external = text(user.external_id)
        return Profile(
            source=self.source,
            id=str(user.id),
            url=f"{self.web_url}/agent/users/{user.id}",
            created_at=utc(user.created_at),
            updated_at=utc(user.updated_at),
            full_name=text(user.name),
            language=text(user.locale),
            emails=_emails(user, identities),
            phones=_phones(user, identities),
            account=self._account(account) if account else None,
            external_ids=(ExternalId(system=self.external_id_system, value=external),) if external else (),
            customer_number=str(user.id),
        )

    def ticket(self, ticket: models.Ticket) -> Ticket:
        """A ticket; a status word that Zendesk has not had so far counts as open."""
        description, _ = bounded(text(ticket.description), self.max_body_chars)
        channel = ticket.via.channel if ticket.via else None
        return Ticket(
            source=self.source,
            id=str(ticket.id),
            url=self._ticket_url(str(ticket.id)),
            created_at=utc(ticket.created_at),
            updated_at=utc(ticket.updated_at),
            at=moment(ticket.created_at),
            owner=str(ticket.requester_id),
            number=str(ticket.id),
            subject=text(ticket.subject),
            status=_STATUS.get(ticket.status, TicketStatus.OPEN),
            priority=text(ticket.priority),
            channel=str(channel) if channel is not None else None,
            tags=tuple(ticket.tags or ()),
            description=description,
        )

    def comment(self, comment: models.Comment, ticket_id: str, users: Mapping[int, models.User]) -> Comment:
        """A comment with its author's name and role, where the author is among `users`."""
        author = users.get(comment.author_id) if comment.author_id is not None else None
        body, cut = bounded(_body(comment), self.max_body_chars)
        public = comment.public is not False
        return Comment(
            source=self.source,
            id=str(comment.id),
            url=self._ticket_url(ticket_id),
            created_at=utc(comment.created_at),
            updated_at=utc(comment.created_at),  # comments are not edited
            at=moment(comment.created_at),
            owner=ticket_id,
            role=_role(comment, author, public),
            author=text(author.name) if author else None,
            public=public,
            body=body,
            body_truncated=cut,
        )

    def _account(self, organization: models.Organization) -> Account:
        url = f"{self.web_url}/agent/organizations/{organization.id}"
        return Account(id=str(organization.id), name=text(organization.name), url=url)

    def _ticket_url(self, ticket_id: str) -> str:
        return f"{self.web_url}/agent/tickets/{ticket_id}"


def is_customer(user: models.User) -> bool:
    """Agents and admins use the helpdesk, they are not its customers; deleted users stay on as inactive ones."""
    return user.role in (None, END_USER) and user.active is not False


def _emails(user: models.User, identities: Iterable[models.Identity]) -> tuple[EmailAddress, ...]:
    values = {user.email.strip().lower(): user.email.strip()} if user.email and user.email.strip() else {}
    for identity in identities:
        if identity.type == "email" and identity.value and identity.value.strip():
            values.setdefault(identity.value.strip().lower(), identity.value.strip())
    return tuple(EmailAddress(value=value, primary=i == 0) for i, value in enumerate(values.values()))


def _phones(user: models.User, identities: Iterable[models.Identity]) -> tuple[PhoneNumber, ...]:
    values: dict[str, str] = {}
    for written in (user.phone, *(i.value for i in identities if i.type == "phone_number")):
        if written and written.strip():
            values.setdefault(re.sub(r"[^\d+]", "", written), written.strip())
    return tuple(PhoneNumber(value=value, primary=i == 0) for i, value in enumerate(values.values()))


def _role(comment: models.Comment, author: models.User | None, public: bool) -> AuthorRole:
    if comment.author_id is not None and comment.author_id < 0:
        return AuthorRole.SYSTEM
    if comment.via and comment.via.channel in _AUTOMATIC:
        return AuthorRole.SYSTEM
    if author is not None and author.role:
        return AuthorRole.CUSTOMER if author.role == END_USER else AuthorRole.AGENT
    # the author was deleted: only agents write private notes, a public entry may be anybody's
    return AuthorRole.UNKNOWN if public else AuthorRole.AGENT


def _body(comment: models.Comment) -> str | None:
    if comment.plain_body:
        # text but for the entities (&nbsp;, &amp;) that Zendesk leaves in it
        return text(html.unescape(comment.plain_body).replace("\xa0", " "))
    return text(comment.body) or text(plain(comment.html_body or ""))


def moment(at: datetime) -> datetime:
    """The same moment in UTC."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
