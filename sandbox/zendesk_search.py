"""Zendesk's search syntax: `type:ticket requester:1 requester:2 created<=2026-01-01 status<solved words`.

Terms of the same property are joined by OR, different properties by AND.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sandbox.records import ZendeskTicket, ZendeskUser
from sandbox.times import parse_time
from sandbox.world import World, phone_e164

Row = ZendeskTicket | ZendeskUser

_TERM = re.compile(r'(-?)(?:([a-z_]+)(>=|<=|:|>|<))?(?:"([^"]*)"|([^\s"]+))', re.IGNORECASE)
_STATUSES = ("new", "open", "pending", "hold", "solved", "closed")
_PRIORITIES = ("low", "normal", "high", "urgent")
_DAY = 86_400


class BadQuery(ValueError):
    """The query cannot be understood; the message says which part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    name: str
    """The property, or nothing for free text."""
    operator: str
    value: str
    negative: bool


def parse(text: str) -> list[Term]:
    return [
        Term(name=(name or "").lower(), operator=operator or ":", value=quoted or plain, negative=sign == "-")
        for sign, name, operator, quoted, plain in _TERM.findall(text)
    ]


class Search:
    """One query over users and tickets; `kind` narrows it as `type:` does."""

    def __init__(self, world: World, query: str, kind: str | None = None) -> None:
        self._world = world
        self._kind = kind
        self._terms: dict[tuple[str, bool], list[Term]] = {}
        for term in parse(query):
            if term.name == "type":
                self._kind = self._kind or term.value.lower()
            elif term.name not in ("order_by", "sort"):
                # Words of free text must all be there; terms of one property, any one of them.
                key = term.name or f" {term.value}"
                self._terms.setdefault((key, term.negative), []).append(term)
        self._ticket_tests, self._user_tests = self._tests_for_tickets(), self._tests_for_users()
        self._check_names()

    def _check_names(self) -> None:
        known = {"ticket": set(self._ticket_tests), "user": set(self._user_tests)}
        names = known.get(self._kind or "", known["ticket"] | known["user"])
        for name, _ in self._terms:
            if not name.startswith(" ") and name not in names:
                raise BadQuery(f"unknown property {name}")

    def users(self) -> list[ZendeskUser]:
        return [row for row in self._user_pool() if self._holds(row, self._user_tests, self._user_words(row))]

    def tickets(self) -> list[ZendeskTicket]:
        return [
            row for row in self._ticket_pool() if self._holds(row, self._ticket_tests, _ticket_words(row))
        ]

    def sorted(self, by: str | None, order: str) -> list[Row]:
        """Everything found; by relevance, which is here the newest first, unless `by` says otherwise."""
        rows: list[Row] = []
        if self._kind in (None, "ticket"):
            rows += self.tickets()
        if self._kind in (None, "user"):
            rows += self.users()
        keys: dict[str, Callable[[Any], Any]] = {
            "created_at": lambda row: row.created,
            "updated_at": lambda row: row.updated,
            "priority": lambda row: _rank(_PRIORITIES, getattr(row, "priority", None)),
            "status": lambda row: _rank(_STATUSES, getattr(row, "status", None)),
            "ticket_type": lambda row: str(getattr(row, "kind", "")),
        }
        if by is not None and by not in keys:
            raise BadQuery(f"sort_by must be one of {', '.join(keys)}")
        if order not in ("asc", "desc"):
            raise BadQuery("sort_order must be asc or desc")
        key = keys[by or "created_at"]
        return sorted(rows, key=lambda row: (key(row), int(row.id)), reverse=order == "desc")

    # -- candidates ----------------------------------------------------------------------------------------------

    def _user_pool(self) -> Iterable[ZendeskUser]:
        users = self._world.users
        finders: dict[str, Callable[[str], list[ZendeskUser]]] = {
            "email": lambda value: users.find("email", value.lower()),
            "phone": lambda value: users.find("phone", phone_e164(value, "DE") or value),
            "external_id": lambda value: users.find("external_id", value),
        }
        for name, find in finders.items():
            terms = self._terms.get((name, False), [])
            if terms and not any("*" in term.value for term in terms):
                return {user.id: user for term in terms for user in find(term.value)}.values()
        return users

    def _ticket_pool(self) -> Iterable[ZendeskTicket]:
        tickets = self._world.tickets
        requesters = self._terms.get(("requester", False))
        if not requesters:
            return tickets
        ids = dict.fromkeys(user_id for term in requesters for user_id in self._user_ids(term.value))
        return [ticket for user_id in ids for ticket in tickets.find("requester", user_id)]

    def _user_ids(self, value: str) -> list[str]:
        """A person in a query is an id, an address or a name."""
        if value.isdigit():
            return [value]
        if "@" in value:
            return [user.id for user in self._world.users.find("email", value.lower())]
        return [user.id for user in self._world.users if _like(user.name, value)]

    # -- tests ---------------------------------------------------------------------------------------------------

    def _holds(self, row: Any, tests: dict[str, Callable[[Any, Term], bool]], words: list[str]) -> bool:
        for (name, negative), terms in self._terms.items():
            if name.startswith(" "):
                hit = any(word.startswith(terms[0].value.lower().rstrip("*")) for word in words)
            else:
                hit = name in tests and any(tests[name](row, term) for term in terms)
            if hit == negative:
                return False
        return True

    def _user_words(self, user: ZendeskUser) -> list[str]:
        phones = [phone_e164(user.phone, "DE") or user.phone] if user.phone else []
        emails = [identity.value.lower() for identity in user.identities if identity.kind == "email"]
        return [user.name.lower(), *user.name.lower().split(), *emails, *phones]

    def _tests_for_users(self) -> dict[str, Callable[[Any, Term], bool]]:
        def emails(user: ZendeskUser, term: Term) -> bool:
            return any(_like(i.value, term.value) for i in user.identities if i.kind == "email")

        def phones(user: ZendeskUser, term: Term) -> bool:
            found = self._world.users.find("phone", phone_e164(term.value, "DE") or term.value)
            return any(other.id == user.id for other in found)

        return {
            "email": emails,
            "phone": phones,
            "name": lambda user, term: _like(user.name, term.value),
            "user": lambda user, term: user.id in self._user_ids(term.value),
            "role": lambda user, term: user.role == term.value.lower(),
            "external_id": lambda user, term: user.external_id == term.value,
            "notes": lambda user, term: term.value.lower() in user.notes.lower(),
            "created": lambda user, term: _when(user.created, term),
            "updated": lambda user, term: _when(user.updated, term),
        }

    def _tests_for_tickets(self) -> dict[str, Callable[[Any, Term], bool]]:
        return {
            "requester": lambda ticket, term: ticket.requester in self._user_ids(term.value),
            "submitter": lambda ticket, term: ticket.requester in self._user_ids(term.value),
            "assignee": lambda ticket, term: (
                ticket.assignee is None
                if term.value == "none"
                else ticket.assignee in self._user_ids(term.value)
            ),
            "status": lambda ticket, term: _ranked(_STATUSES, ticket.status, term),
            "priority": lambda ticket, term: _ranked(_PRIORITIES, ticket.priority, term),
            "ticket_type": lambda ticket, term: ticket.kind == term.value.lower(),
            "subject": lambda ticket, term: _like(ticket.subject, term.value),
            "description": lambda ticket, term: term.value.lower() in ticket.comments[0].body.lower(),
            "tags": lambda ticket, term: term.value in ticket.tags,
            "via": lambda ticket, term: ticket.channel == term.value.lower(),
            "created": lambda ticket, term: _when(ticket.created, term),
            "updated": lambda ticket, term: _when(ticket.updated, term),
        }


def _ticket_words(ticket: ZendeskTicket) -> list[str]:
    texts = (ticket.subject, *(comment.body for comment in ticket.comments))
    return [ticket.id, *(word for text in texts for word in re.findall(r"\w+", text.lower()))]


def _like(value: str, pattern: str) -> bool:
    """Whole words of the value, or beginnings where the pattern ends in `*`; an address as a whole."""
    have, want = value.lower(), pattern.lower()
    if want.startswith("*"):
        return have.endswith(want[1:])
    if want.endswith("*"):
        return any(word.startswith(want[:-1]) for word in (have, *have.split()))
    return have == want or f" {want} " in f" {have} "


def _rank(scale: tuple[str, ...], value: str | None) -> int:
    return scale.index(value) if value in scale else -1


def _ranked(scale: tuple[str, ...], value: str | None, term: Term) -> bool:
    if term.value.lower() not in scale:
        if term.operator == ":" and term.value.lower() == "none":
            return value is None
        raise BadQuery(f"{term.name} must be one of {', '.join(scale)}")
    return value is not None and _compare(_rank(scale, value), term.operator, scale.index(term.value.lower()))


def _when(value: int, term: Term) -> bool:
    moment = parse_time(term.value)
    if moment is None:
        raise BadQuery(f"{term.name} needs a date or a time in ISO 8601")
    if term.operator == ":" and len(term.value) == len("2026-11-01"):
        return moment <= value < moment + _DAY
    return _compare(value, term.operator, moment)


def _compare(value: float, operator: str, other: float) -> bool:
    return {
        ":": value == other,
        ">": value > other,
        ">=": value >= other,
        "<": value < other,
        "<=": value <= other,
    }[operator]
