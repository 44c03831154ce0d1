"""The Vendure adapter: customers and orders over the Admin API, many customers in one call."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import msgspec

from adapters.base import FIND_LIMIT, Call, Changes, Found, KeyType, MatchKey, Owner, Page, Window
from adapters.errors import SourceRejected
from adapters.kit.http import Transport
from adapters.kit.paging import chunks, together, windows
from adapters.kit.phones import e164
from adapters.kit.text import utc
from adapters.records import Order, Profile, RecordKind
from adapters.webshop.vendure import mapping, models, queries, search
from adapters.webshop.vendure.api import Api
from adapters.webshop.vendure.manifest import CUSTOMERS_PER_CALL, MANIFEST, MOST
from adapters.webshop.vendure.settings import VendureSettings
from adapters.webshop.vendure.walk import Walk

T = TypeVar("T")

_KEYS_PER_CALL = 100
_FIND_PAGES = 5  # pages of a search that are read before it counts as cut off
_GROWTH = 4  # by how much a page grows when records of one moment fill it

_Answers = dict[MatchKey, Found]


class _Cursor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a walk through changes is. Orders are walked twice: new ones by when they were placed, then edited ones."""

    placed: Walk = Walk()
    updated: Walk = Walk()
    updating: bool = False


class VendureAdapter:
    """One server. See `adapters.base.Adapter`."""

    def __init__(self, name: str, settings: VendureSettings, transport: Transport | None = None) -> None:
        self.name = name
        self.manifest = MANIFEST
        self._settings = settings
        self._admin_url = settings.admin_url.rstrip("/") if settings.admin_url else None
        # sub-orders of a marketplace repeat what their aggregate order says; in a seller's own channel only they are there
        self._orders: search.Filter = {} if settings.channel_token else {"type": {"notEq": "Seller"}}
        self._api = Api(name, settings, transport)

    async def find(self, keys: Sequence[MatchKey], call: Call) -> Mapping[MatchKey, Found]:
        by_type: dict[KeyType, list[MatchKey]] = {type_: [] for type_ in KeyType}
        for key in dict.fromkeys(keys):
            if key.type in self.manifest.lookups and search.possible(key, self._settings.id_type):
                by_type[key.type].append(key)
        contacts = by_type[KeyType.EMAIL] + by_type[KeyType.PHONE]
        orders, numbers = by_type[KeyType.ORDER_NUMBER], by_type[KeyType.CUSTOMER_NUMBER]
        work: list[Callable[[], Awaitable[_Answers]]] = [
            *(partial(self._find_by_contact, batch, call) for batch in chunks(contacts, _KEYS_PER_CALL)),
            *(partial(self._find_by_order, batch, call) for batch in chunks(orders, _KEYS_PER_CALL)),
            *(partial(self._find_by_name, key, call) for key in by_type[KeyType.NAME]),
            *([partial(self._find_by_number, numbers, call)] if numbers else []),
        ]
        found = {key: Found() for key in keys}
        for answers in await together(_run, work):
            found.update(answers)
        return found

    async def read(self, ids: Sequence[str], parts: frozenset[str], call: Call) -> Mapping[str, Profile]:
        known = list(dict.fromkeys(id_ for id_ in ids if search.is_id(id_, self._settings.id_type)))

        async def ask(batch: Sequence[str]) -> list[models.Customer]:
            options = {"take": len(batch), "filter": {"id": {"in": batch}}}
            return (await self._customers("read", options, call)).items

        groups = await together(ask, chunks(known, CUSTOMERS_PER_CALL))
        return {each.id: self._profile(each) for group in groups for each in group}

    async def page(
        self, kind: RecordKind, owners: Sequence[Owner], window: Window, parts: frozenset[str], call: Call
    ) -> Mapping[str, Page]:
        if kind is not RecordKind.ORDER:
            raise SourceRejected(self.name, "page", f"no {kind.value}")
        pages = {owner.ref: Page() for owner in owners}
        refs = [ref for ref in pages if search.is_id(ref, self._settings.id_type)]
        document = queries.orders_of_customers("lines" in parts)
        groups = await together(
            lambda batch: self._page_of(batch, document, window, call), chunks(refs, CUSTOMERS_PER_CALL)
        )
        for group in groups:
            pages.update(group)
        return pages

    async def changes(self, kind: RecordKind, cursor: str | None, call: Call) -> Changes:
        here = self._cursor(cursor)
        if kind is RecordKind.PROFILE:
            return await self._changed_customers(here, call)
        if kind is RecordKind.ORDER:
            return await self._changed_orders(here, call)
        raise SourceRejected(self.name, "changes", f"no {kind.value}")

    async def check(self, call: Call) -> str:
        found = await self._api.ask("check", queries.CHECK, {}, models.Checked, call)
        customers, orders = found.customers.total_items, found.orders.total_items
        return f"Vendure, channel {found.active_channel.code}, {customers} customers, {orders} placed orders"

    async def aclose(self) -> None:
        await self._api.aclose()

    # --- looking up ---

    async def _find_by_contact(self, keys: Sequence[MatchKey], call: Call) -> _Answers:
        """Many e-mail addresses and phone numbers in one search."""
        customers, cut_off = await self._search(search.by_contact(keys), call)
        profiles = [self._profile(each) for each in customers]
        return {key: _found([p for p in profiles if self._carries(p, key)], cut_off) for key in keys}

    async def _find_by_order(self, keys: Sequence[MatchKey], call: Call) -> _Answers:
        """The customers of many orders in one search."""
        options = {"take": MOST, "filter": search.by_code([key.value for key in keys])}
        document, into = queries.CUSTOMERS_OF_ORDERS, models.CustomersOfOrders
        found = await self._api.ask("find", document, {"options": options}, into, call)
        of: dict[str, list[Profile]] = {}
        for order in found.orders.items:
            if order.customer is not None:
                of.setdefault(order.code.casefold(), []).append(self._profile(order.customer))
        cut_off = found.orders.total_items > len(found.orders.items)
        return {key: _found(of.get(key.value.casefold(), []), cut_off) for key in keys}

    async def _find_by_name(self, key: MatchKey, call: Call) -> _Answers:
        """One name in one search."""
        words = search.words(key.value)
        if not words:
            return {}
        options = {"take": FIND_LIMIT + 1, "sort": {"id": "ASC"}, "filter": search.by_name(key.value)}
        found = await self._customers("find", options, call)
        profiles = [self._profile(each) for each in found.items if _is_named(each, words)]
        return {key: _found(profiles, found.total_items > len(found.items))}

    async def _find_by_number(self, keys: Sequence[MatchKey], call: Call) -> _Answers:
        profiles = await self.read([key.value for key in keys], frozenset(), call)
        return {key: _found([profiles[key.value]], False) for key in keys if key.value in profiles}

    async def _search(self, filter_: search.Filter, call: Call) -> tuple[list[models.Customer], bool]:
        """All customers of a search, and whether it was cut off."""
        customers: list[models.Customer] = []
        for page in range(_FIND_PAGES):
            options = {"take": MOST, "skip": page * MOST, "sort": {"id": "ASC"}, "filter": filter_}
            found = await self._customers("find", options, call)
            customers += found.items
            if len(found.items) < MOST:
                return customers, False
        return customers, True

    def _carries(self, profile: Profile, key: MatchKey) -> bool:
        if key.type is KeyType.EMAIL:
            return any(email.value.lower() == key.value for email in profile.emails)
        region = profile.country or self._settings.default_country
        return any(e164(phone.value, region) == key.value for phone in profile.phones)

    async def _customers(
        self, operation: str, options: Mapping[str, Any], call: Call
    ) -> models.Page[models.Customer]:
        document, into = queries.CUSTOMERS, models.Customers
        return (await self._api.ask(operation, document, {"options": options}, into, call)).customers

    # --- pages of orders ---

    async def _page_of(
        self, refs: Sequence[str], document: str, window: Window, call: Call
    ) -> dict[str, Page]:
        """The windows of many owners in one call; those that records of one moment overfill are asked again."""

        async def ask(part: Sequence[str], options: Mapping[str, Any]) -> dict[str, list[Order]]:
            customers = {"take": len(part), "filter": {"id": {"in": part}}}
            variables = {"customers": customers, "orders": options}
            found = await self._api.ask("page orders", document, variables, models.OrdersOfCustomers, call)
            precision = found.global_settings.server_config.money_strategy_precision
            return {
                owner.id: [self._order(owner.id, precision, order) for order in owner.orders.items]
                for owner in found.customers.items
            }

        before = window.before.at if window.before else None
        first = self._window_options(window.limit + (2 if before else 1), before)
        found = await ask(refs, first)

        async def batches(ref: str) -> AsyncIterator[Sequence[Order]]:
            options, orders = first, found[ref]
            while True:
                yield orders
                if len(orders) < options["take"]:
                    return
                options = self._wider(options, orders)
                orders = (await ask([ref], options)).get(ref, [])

        async def window_of(ref: str) -> dict[str, Page]:
            return await windows(batches(ref), [Owner(ref=ref)], window)

        pages = await together(window_of, [ref for ref in refs if ref in found])
        return {ref: page for each in pages for ref, page in each.items()}

    def _window_options(self, take: int, before: datetime | None, skip: int = 0) -> dict[str, Any]:
        placed = search.until(before) if before else search.PLACED
        return {
            "take": min(take, MOST),
            "skip": skip,
            "sort": {"orderPlacedAt": "DESC"},
            "filter": {**self._orders, **placed},
        }

    def _wider(self, options: Mapping[str, Any], orders: Sequence[Order]) -> dict[str, Any]:
        """What to ask where a page ended within a moment.

        The order of records of one moment may differ from call to call, so a larger page is asked for
        instead of the next one; only where pages grow no more, the bound moves.
        """
        if options["take"] < MOST:
            return {**options, "take": min(MOST, options["take"] * _GROWTH)}
        oldest, newest = min(order.at for order in orders), max(order.at for order in orders)
        if oldest < newest:
            return self._window_options(MOST, oldest)
        return {**options, "skip": options["skip"] + MOST}

    # --- changes ---

    async def _changed_customers(self, here: _Cursor, call: Call) -> Changes:
        found = await self._customers("changed customers", here.updated.options("updatedAt", {}), call)
        walk, done = here.updated.after([_utc(each.updated_at) for each in found.items])
        records = tuple(self._profile(each) for each in found.items)
        return Changes(records=records, cursor=_text(_Cursor(updated=walk)), done=done)

    async def _changed_orders(self, here: _Cursor, call: Call) -> Changes:
        """New orders first. An order is older than its placing: it began as a cart, and `updatedAt` may stay at that."""
        walk, field = (here.updated, "updatedAt") if here.updating else (here.placed, "orderPlacedAt")
        options = walk.options(field, {**self._orders, **search.PLACED})
        variables = {"options": options}
        found = await self._api.ask("changed orders", queries.ORDERS, variables, models.Orders, call)
        orders = found.orders.items
        times = [_utc(o.updated_at if here.updating else o.order_placed_at) for o in orders]
        walk, done = walk.after(times)
        cursor = _Cursor(
            placed=here.placed if here.updating else walk,
            updated=walk if here.updating else here.updated,
            updating=here.updating != done,
        )
        precision = found.global_settings.server_config.money_strategy_precision
        records = tuple(self._order(o.customer.id, precision, o) for o in orders if o.customer)
        return Changes(records=records, cursor=_text(cursor), done=done and here.updating)

    def _cursor(self, cursor: str | None) -> _Cursor:
        if cursor is None:
            return _Cursor()
        try:
            return msgspec.json.decode(cursor.encode(), type=_Cursor)
        except (msgspec.MsgspecError, UnicodeEncodeError):
            raise SourceRejected(self.name, "changes", "not a cursor of this adapter") from None

    # --- records ---

    def _profile(self, customer: models.Customer) -> Profile:
        return mapping.profile(self.name, self._admin_url, customer)

    def _order(self, owner: str, precision: int, order: models.Order) -> Order:
        return mapping.order(self.name, self._admin_url, owner, precision, order)


def build(name: str, settings: VendureSettings, transport: Transport | None = None) -> VendureAdapter:
    """Makes the adapter; no connection is opened yet."""
    return VendureAdapter(name, settings, transport)


async def _run(work: Callable[[], Awaitable[T]]) -> T:
    return await work()


def _found(profiles: Sequence[Profile], cut_off: bool) -> Found:
    once = list({profile.id: profile for profile in profiles}.values())
    return Found(profiles=tuple(once[:FIND_LIMIT]), truncated=cut_off or len(once) > FIND_LIMIT)


def _is_named(customer: models.Customer, words: Sequence[str]) -> bool:
    names = f"{customer.first_name or ''} {customer.last_name or ''}".casefold()
    return all(word.casefold() in names for word in words)


def _text(cursor: _Cursor) -> str:
    return msgspec.json.encode(cursor).decode()


def _utc(moment: datetime) -> datetime:
    return utc(moment) or moment
