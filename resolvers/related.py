"""The customers who share a household's or a company's contact with others; what one request asks in one turn is one query."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from resolvers.customer import CustomerView
from resolvers.identity.fan_out import FanOut
from resolvers.identity.relations import Relation

MAX_RELATED = 50
"""Customers that are loaded for one customer, in the order of their relations."""

Views = Callable[[Sequence[str]], Awaitable[Mapping[str, CustomerView]]]
"""Current customers by id, any number of them; unknown ids are missing."""


class Relations(Protocol):
    """What is remembered about shared contacts (`Chronicle`)."""

    async def relations_of(self, ids: Sequence[str]) -> Mapping[str, Sequence[Relation]]:
        """The relations of current customers; who has none is missing."""
        ...


class SharedContact(msgspec.Struct, frozen=True, kw_only=True):
    """A contact that other customers carry too: whose it is, the kind of key, and those customers."""

    fan_out: FanOut
    key_type: str
    customers: tuple[CustomerView, ...]


class Related:
    """One for each request."""

    def __init__(self, relations: Relations, views: Views) -> None:
        self._relations = relations
        self._views = views
        self._asked: dict[str, None] = {}
        self._answer: asyncio.Future[Mapping[str, Sequence[SharedContact]]] | None = None

    async def contacts(self, customer_id: str) -> Sequence[SharedContact]:
        """The contacts that this current customer shares, households' first; MAX_RELATED customers at most."""
        self._asked[customer_id] = None
        if self._answer is None:
            self._answer = asyncio.ensure_future(self._ask())
        return (await asyncio.shield(self._answer)).get(customer_id, ())

    async def people(self, customer_id: str, fan_out: FanOut) -> Sequence[CustomerView]:
        """The others with whom the customer shares contacts of this class, each once."""
        shared = [c for c in await self.contacts(customer_id) if c.fan_out is fan_out]
        return list({view.id: view for contact in shared for view in contact.customers}.values())

    async def _ask(self) -> Mapping[str, Sequence[SharedContact]]:
        await asyncio.sleep(0)  # the others of this turn join
        ids, self._asked, self._answer = list(self._asked), {}, None
        relations = await self._relations.relations_of(ids)
        shown = {i: _bounded(found) for i, found in relations.items()}
        wanted = {other for found in shown.values() for r in found for other in r.customers}
        views = await self._views(sorted(wanted)) if wanted else {}
        return {i: [_contact(r, views) for r in found] for i, found in shown.items()}


def _bounded(relations: Iterable[Relation]) -> list[Relation]:
    """With MAX_RELATED different customers at most."""
    seen: dict[str, None] = {}
    for relation in relations:
        seen |= dict.fromkeys(relation.customers)
    kept = set(list(seen)[:MAX_RELATED])
    bounded = [
        msgspec.structs.replace(r, customers=tuple(c for c in r.customers if c in kept)) for r in relations
    ]
    return [r for r in bounded if r.customers]


def _contact(relation: Relation, views: Mapping[str, CustomerView]) -> SharedContact:
    known = tuple(views[i] for i in relation.customers if i in views)
    return SharedContact(fan_out=relation.fan_out, key_type=relation.key_type, customers=known)
