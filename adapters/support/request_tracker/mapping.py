"""From RT's users, tickets and transactions to canonical records. No I/O; a bad time is a ValueError."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import msgspec

from adapters.kit.text import bounded, plain, text
from adapters.records import (
    Account,
    Address,
    AuthorRole,
    Comment,
    EmailAddress,
    PhoneNumber,
    Profile,
    Ticket,
    TicketStatus,
)
from adapters.support.request_tracker import models, queries

_STATUS = {
    "new": TicketStatus.NEW,
    "open": TicketStatus.OPEN,
    "stalled": TicketStatus.PENDING,
    "resolved": TicketStatus.SOLVED,
    "rejected": TicketStatus.CLOSED,
    "deleted": TicketStatus.CLOSED,
}
_DONE = frozenset({TicketStatus.SOLVED, TicketStatus.CLOSED})
_SYSTEM = frozenset({"rt_system", "nobody"})


class Mapper(msgspec.Struct, frozen=True, kw_only=True):
    """Maps the payloads of one source. `agents` are names in lower case."""

    source: str
    web_url: str
    statuses: Mapping[str, TicketStatus]
    max_body_chars: int

    def profile(self, user: models.User, *, with_account: bool = False) -> Profile:
        """A user as a profile. RT knows the company only as a text in the user's record."""
        company = text(user.organization)
        phones = [PhoneNumber(value=v, label=k) for k, v in queries.phones(user).items()]
        email = text(user.email_address)
        country = text(user.country)
        return Profile(
            source=self.source,
            id=str(user.id),
            url=f"{self.web_url}/User/Summary.html?id={user.id}",
            created_at=moment(user.created),
            updated_at=moment(user.last_updated),
            full_name=text(user.real_name),
            language=_language(user.lang),
            emails=(EmailAddress(value=email, primary=True),) if email else (),
            phones=tuple(phones),
            addresses=tuple(_addresses(user)),
            account=Account(id=company, name=company) if company and with_account else None,
            customer_number=str(user.id),
            country=country if country and re.fullmatch("[A-Z]{2}", country) else None,
        )

    def tickets(self, ticket: models.Ticket, owners: Iterable[str] | None = None) -> list[Ticket]:
        """A ticket once for each of its requestors who is among `owners` (None: for each)."""
        requestors = dict.fromkeys(str(r.id) for r in ticket.requestor if r.type != "group")
        wanted = requestors if owners is None else [ref for ref in owners if ref in requestors]
        return [self._ticket(ticket, owner) for owner in wanted]

    def comment(
        self, entry: models.Transaction, parts: Iterable[models.Attachment], agents: frozenset[str]
    ) -> Comment:
        """What somebody wrote on a ticket; `parts` are the entry's text parts, in RT's order."""
        author = entry.creator if isinstance(entry.creator, models.User) else None
        body, cut = bounded(_body(parts), self.max_body_chars)
        at = sure(entry.created)
        ticket = str(entry.object_id)
        return Comment(
            source=self.source,
            id=str(entry.id),
            url=f"{self._ticket_url(ticket)}#txn-{entry.id}",
            created_at=at,
            updated_at=at,  # entries are not edited
            at=at,
            owner=ticket,
            role=_role(author, agents),
            author=(text(author.real_name) or text(author.name)) if author else None,
            public=entry.type != "Comment",
            body=body,
            body_truncated=cut,
        )

    def _ticket(self, ticket: models.Ticket, owner: str) -> Ticket:
        status = self.statuses.get(ticket.status) or _STATUS.get(ticket.status)
        resolved = moment(ticket.resolved)
        if status is None:  # a lifecycle of their own: RT dates what is over, whatever its status is called
            status = TicketStatus.SOLVED if resolved else TicketStatus.OPEN
        at = sure(ticket.created)
        return Ticket(
            source=self.source,
            id=str(ticket.id),
            url=self._ticket_url(str(ticket.id)),
            created_at=at,
            updated_at=moment(ticket.last_updated),
            at=at,
            owner=owner,
            number=str(ticket.id),
            subject=text(ticket.subject),
            status=status,
            priority=text(str(ticket.priority)) if ticket.priority is not None else None,
            queue=text(ticket.queue.name) if isinstance(ticket.queue, models.Queue) else None,
            solved_at=resolved if status in _DONE else None,
        )

    def _ticket_url(self, ticket_id: str) -> str:
        return f"{self.web_url}/Ticket/Display.html?id={ticket_id}"


def is_person(user: models.User) -> bool:
    """RT's own two users are nobody."""
    return (user.name or "").lower() not in _SYSTEM


def moment(written: str | None) -> datetime | None:
    """A time of RT's; what was never set is 1970."""
    if not written or written.startswith("1970-01-01"):
        return None
    at = datetime.fromisoformat(written)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def sure(written: str) -> datetime:
    """A time that must be there."""
    at = moment(written)
    if at is None:
        raise ValueError("a time is missing")
    return at


def _role(author: models.User | None, agents: frozenset[str]) -> AuthorRole:
    if author is None or not is_person(author):
        return AuthorRole.SYSTEM
    return AuthorRole.AGENT if (author.name or "").lower() in agents else AuthorRole.CUSTOMER


def _language(lang: str | None) -> str | None:
    language, _, region = (lang or "").strip().replace("-", "_").partition("_")
    if not language:
        return None
    return f"{language.lower()}-{region.upper()}" if region else language.lower()


def _addresses(user: models.User) -> Iterable[Address]:
    street = "\n".join(filter(None, (text(user.address1), text(user.address2)))) or None
    rest = (text(user.zip), text(user.city), text(user.state), text(user.country))
    if street or any(rest):
        postcode, city, region, country = rest
        yield Address(
            street=street, postcode=postcode, city=city, region=region, country=country,
            company=text(user.organization), primary=True,
        )  # fmt: skip


def _body(parts: Iterable[models.Attachment]) -> str | None:
    """The first plain part, or else the first HTML part; mails often carry both."""
    kept = [part for part in parts if text(part.content)]
    for part in kept:
        if part.content_type == "text/plain":
            return text(part.content)
    return text(plain(kept[0].content or "")) if kept else None
