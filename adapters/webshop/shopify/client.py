"""The Shopify adapter: customers and orders over the Admin GraphQL API, for few calls and query points."""

from __future__ import annotations

import unicodedata
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Protocol, TypeVar

import msgspec

from adapters.base import FIND_LIMIT, Call, Changes, Found, KeyType, MatchKey, Owner, Page, Window
from adapters.errors import SourceRejected
from adapters.kit.auth import HeaderAuth
from adapters.kit.http import Transport
from adapters.kit.paging import chunks, together, windows
from adapters.kit.phones import e164
from adapters.kit.text import utc
from adapters.records import Activity, Order, OrderLine, Profile, Record, RecordKind
from adapters.webshop.shopify import mapping, queries, search
from adapters.webshop.shopify.api import Api, TooCostly
from adapters.webshop.shopify.manifest import MANIFEST
from adapters.webshop.shopify.models import (
    Checked,
    Connection,
    Customer,
    Customers,
    FoundOrder,
    FoundOrders,
    Nodes,
    OrderLines,
    Orders,
    OwnerOf,
    Stub,
)
from adapters.webshop.shopify.models import Order as OrderModel
from adapters.webshop.shopify.settings import ShopifySettings
from adapters.webshop.shopify.walk import Walk

T = TypeVar("T")
N = TypeVar("N", Stub, OrderModel)

_FIND_PAGES = 10  # result pages that are read before a search counts as cut off
_FIRST = 250  # the vendor's largest page

_LETTERS = str.maketrans("ıłøđ", "ilod")  # letters that do not come apart into a letter and an accent

_Answers = dict[MatchKey, Found]


class _OrdersOf(Protocol[N]):
    """Asks for a page of orders of some customers."""

    async def __call__(self, refs: Sequence[str], /, after: str | None = None) -> list[OwnerOf[N]]: ...


class ShopifyAdapter:
    """One shop. A record's id is the vendor's numeric one, as its admin pages show it."""

    def __init__(self, name: str, settings: ShopifySettings, transport: Transport | None = None) -> None:
        self.name = name
        self.manifest = MANIFEST
        self._settings = settings
        self._admin_url = settings.admin_base()
        auth = HeaderAuth(settings.access_token, header="X-Shopify-Access-Token")
        self._api = Api(name, settings.shop_url, settings.api_version, settings, auth, transport)

    async def find(self, keys: Sequence[MatchKey], call: Call) -> Mapping[MatchKey, Found]:
        by_type: dict[KeyType, list[MatchKey]] = {type_: [] for type_ in KeyType}
        for key in dict.fromkeys(keys):
            if key.type in self.manifest.lookups and search.possible(key):
                by_type[key.type].append(key)
        contacts = by_type[KeyType.EMAIL] + by_type[KeyType.PHONE]
        orders, numbers = by_type[KeyType.ORDER_NUMBER], by_type[KeyType.CUSTOMER_NUMBER]
        work: list[Callable[[], Awaitable[_Answers]]] = [
            *(
                partial(self._find_by_contact, batch, call)
                for batch in chunks(contacts, queries.KEYS_PER_CALL)
            ),
            *(partial(self._find_by_order, batch, call) for batch in chunks(orders, queries.KEYS_PER_CALL)),
            *(partial(self._find_by_name, key, call) for key in by_type[KeyType.NAME]),
            *([partial(self._find_by_number, numbers, call)] if numbers else []),
        ]
        found = {key: Found() for key in keys}
        for answers in await together(_run, work):
            found.update(answers)
        return found

    async def read(self, ids: Sequence[str], parts: frozenset[str], call: Call) -> Mapping[str, Profile]:
        known = list(dict.fromkeys(id_ for id_ in ids if _is_id(id_)))

        async def ask(batch: Sequence[str]) -> list[Customer]:
            cost = len(batch) * queries.CUSTOMER_COST
            variables = {"ids": _gids("Customer", batch)}
            into = Nodes[Customer]
            return _present(await self._api.ask("read", queries.READ_CUSTOMERS, variables, cost, into, call))

        batches = chunks(known, queries.CUSTOMERS_PER_CALL)
        groups = await together(lambda batch: _halving(ask, batch), batches)
        return {each.legacy_resource_id: self._profile(each) for group in groups for each in group}

    async def page(
        self, kind: RecordKind, owners: Sequence[Owner], window: Window, parts: frozenset[str], call: Call
    ) -> Mapping[str, Page]:
        if kind is not RecordKind.ORDER:
            raise SourceRejected(self.name, "page", f"no {kind.value}")
        pages = {owner.ref: Page() for owner in owners}
        refs = [ref for ref in pages if _is_id(ref)]
        lines = "lines" in parts
        # one more tells whether there are more, and the record at the position itself comes again
        first = min(_FIRST, window.limit + (1 if window.before is None else 2))
        if len(refs) * queries.owner_cost(first, queries.order_cost(lines)) <= queries.ROOM:
            pages.update(await self._page_whole(refs, window, first, lines, call))
        else:
            pages.update(await self._page_by_stubs(refs, window, first, lines, call))
        return await self._with_all_lines(pages, call) if lines else pages

    async def changes(self, kind: RecordKind, cursor: str | None, call: Call) -> Changes:
        walk = Walk.at(cursor, self.name)
        if kind is RecordKind.PROFILE:
            customers = await self._changed_customers(walk, call)
            profiles = tuple(self._profile(each) for each in customers.nodes)
            return walk.step(customers.page_info, profiles)
        if kind is RecordKind.ORDER:
            orders = await self._changed_orders(walk, call)
            return walk.step(
                orders.page_info, self._owned(orders.nodes), [o.updated_at for o in orders.nodes]
            )
        raise SourceRejected(self.name, "changes", f"no {kind.value}")

    async def check(self, call: Call) -> str:
        checked = await self._api.ask("check", queries.CHECK, {}, queries.CHECK_COST, Checked, call)
        return f"Shopify Admin API {self._settings.api_version}, shop {checked.shop.name}"

    async def aclose(self) -> None:
        await self._api.aclose()

    # --- looking up ---

    async def _find_by_contact(self, keys: Sequence[MatchKey], call: Call) -> _Answers:
        """Many e-mail addresses and phone numbers in one search."""
        first = min(queries.CUSTOMERS_PER_CALL, 10 + len(keys))
        customers, cut_off = await self._search_customers(search.any_of(keys), first, call)
        profiles = [self._profile(each) for each in customers]
        return {key: _found([p for p in profiles if self._carries(p, key)], cut_off) for key in keys}

    async def _find_by_order(self, keys: Sequence[MatchKey], call: Call) -> _Answers:
        """The customers of many orders in one search."""
        first = min(queries.FOUND_ORDERS_PER_CALL, 10 + len(keys))
        query = search.named(key.value for key in keys)

        async def ask(after: str | None) -> Connection[FoundOrder]:
            variables = {"query": query, "first": first, "after": after}
            cost = 2 + first * (1 + queries.CUSTOMER_COST)
            into = FoundOrders
            return (await self._api.ask("find", queries.FIND_BY_ORDERS, variables, cost, into, call)).orders

        orders, cut_off = await _all_pages(ask, _FIND_PAGES)
        of: dict[str, list[Profile]] = {}
        for order in orders:
            if order.customer is not None:
                of.setdefault(_bare(order.name), []).append(self._profile(order.customer))
        return {key: _found(of.get(_bare(key.value), []), cut_off) for key in keys}

    async def _find_by_name(self, key: MatchKey, call: Call) -> _Answers:
        """One name in one search; what the vendor found in other fields than the names is dropped."""
        query = search.words(key.value)
        customers, cut_off = await self._search_customers(query, FIND_LIMIT + 1, call, pages=1)
        return {key: _found([self._profile(c) for c in customers if _is_named(c, key.value)], cut_off)}

    async def _find_by_number(self, keys: Sequence[MatchKey], call: Call) -> _Answers:
        profiles = await self.read([key.value for key in keys], frozenset(), call)
        return {key: _found([profiles[key.value]], False) for key in keys if key.value in profiles}

    async def _search_customers(
        self, query: str, first: int, call: Call, pages: int = _FIND_PAGES
    ) -> tuple[list[Customer], bool]:
        async def ask(after: str | None) -> Connection[Customer]:
            variables = {"query": query, "first": first, "after": after}
            cost = 2 + first * queries.CUSTOMER_COST
            into = Customers
            return (
                await self._api.ask("find", queries.FIND_CUSTOMERS, variables, cost, into, call)
            ).customers

        return await _all_pages(ask, pages)

    def _carries(self, profile: Profile, key: MatchKey) -> bool:
        if key.type is KeyType.EMAIL:
            return any(email.value.strip().lower() == key.value for email in profile.emails)
        region = profile.country or self._settings.default_country
        return any(e164(phone.value, region) == key.value for phone in profile.phones)

    # --- pages of orders ---

    async def _page_whole(
        self, refs: Sequence[str], window: Window, first: int, lines: bool, call: Call
    ) -> dict[str, Page]:
        """All owners' windows in one call."""
        document = queries.PAGE_ORDERS_WITH_LINES if lines else queries.PAGE_ORDERS
        cost = queries.owner_cost(first, queries.order_cost(lines))
        query = _until(window)

        async def ask(part: Sequence[str], after: str | None = None) -> list[OwnerOf[OrderModel]]:
            variables = {"ids": _gids("Customer", part), "first": first, "after": after, "query": query}
            into = Nodes[OwnerOf[OrderModel]]
            return _present(
                await self._api.ask("page orders", document, variables, len(part) * cost, into, call)
            )

        return await self._windows(refs, window, ask, self._order, queries.ROOM // cost or 1)

    async def _page_by_stubs(
        self, refs: Sequence[str], window: Window, first: int, lines: bool, call: Call
    ) -> dict[str, Page]:
        """First which orders are in the windows, at a point each, and then those orders.

        The vendor charges for the orders that a window could hold. Whole orders for many owners at once
        would cost as if everyone had a window full of them.
        """
        cost = queries.owner_cost(first, queries.STUB_COST)
        query = _until(window)

        async def ask(part: Sequence[str], after: str | None = None) -> list[OwnerOf[Stub]]:
            variables = {"ids": _gids("Customer", part), "first": first, "after": after, "query": query}
            into = Nodes[OwnerOf[Stub]]
            return _present(
                await self._api.ask(
                    "page orders", queries.PAGE_STUBS, variables, len(part) * cost, into, call
                )
            )

        stubs = await self._windows(refs, window, ask, self._stub, queries.ROOM // cost or 1)
        owner_of = {record.id: record.owner for page in stubs.values() for record in page.records}
        orders = await self._read_orders(owner_of, lines, call)
        return {
            ref: Page(
                records=tuple(orders[stub.id] for stub in page.records if stub.id in orders),
                has_more=page.has_more,
            )
            for ref, page in stubs.items()
        }

    async def _windows(
        self,
        refs: Sequence[str],
        window: Window,
        ask: _OrdersOf[N],
        record: Callable[[str, N], Activity],
        batch: int,
    ) -> dict[str, Page]:
        """Each owner's window. First pages of many owners come in one call, further ones by themselves."""

        async def batches(owner: OwnerOf[N]) -> AsyncIterator[Sequence[Activity]]:
            owners = [owner]
            while owners:
                (here,) = owners
                yield [record(here.legacy_resource_id, each) for each in here.orders.nodes]
                more = here.orders.page_info.has_next_page
                ref, after = here.legacy_resource_id, here.orders.page_info.end_cursor
                owners = await ask([ref], after) if more else []

        async def window_of(owner: OwnerOf[N]) -> dict[str, Page]:
            return await windows(batches(owner), [Owner(ref=owner.legacy_resource_id)], window)

        groups = await together(lambda part: _halving(ask, part), chunks(refs, batch))
        found = await together(window_of, [owner for group in groups for owner in group])
        return {ref: page for pages in found for ref, page in pages.items()}

    async def _read_orders(self, owner_of: Mapping[str, str], lines: bool, call: Call) -> dict[str, Order]:
        document = queries.READ_ORDERS_WITH_LINES if lines else queries.READ_ORDERS

        async def ask(ids: Sequence[str]) -> list[OrderModel]:
            variables, cost = {"ids": _gids("Order", ids)}, len(ids) * queries.order_cost(lines)
            into = Nodes[OrderModel]
            return _present(await self._api.ask("read orders", document, variables, cost, into, call))

        batches = chunks(list(owner_of), queries.orders_per_call(lines))
        groups = await together(lambda batch: _halving(ask, batch), batches)
        orders = [each for group in groups for each in group if each.legacy_resource_id in owner_of]
        return {o.legacy_resource_id: self._order(owner_of[o.legacy_resource_id], o) for o in orders}

    async def _with_all_lines(self, pages: Mapping[str, Page], call: Call) -> dict[str, Page]:
        """The same pages, with the further lines of those few orders that have more than came along."""
        orders = [r for page in pages.values() for r in page.records if isinstance(r, Order)]
        longer = [order for order in orders if order.lines_truncated]
        whole = {order.id: order for order in await together(lambda o: self._all_lines(o, call), longer)}
        return {
            ref: Page(records=tuple(whole.get(r.id, r) for r in page.records), has_more=page.has_more)
            for ref, page in pages.items()
        }

    async def _all_lines(self, order: Order, call: Call) -> Order:
        lines: dict[str, OrderLine] = {}
        more, after = True, None
        cost = 3 + queries.LINES_MORE * queries.LINE_COST
        for _ in range(queries.LINES_PAGES):
            variables = {"id": _gid("Order", order.id), "first": queries.LINES_MORE, "after": after}
            into = OrderLines
            answer = await self._api.ask("read lines", queries.READ_LINES, variables, cost, into, call)
            if answer.order is None:
                return order  # deleted meanwhile
            found = answer.order.line_items
            lines.update((line.id, line) for line in map(mapping.line, found.nodes))
            more, after = found.page_info.has_next_page, found.page_info.end_cursor
            if not more:
                break
        return msgspec.structs.replace(order, lines=tuple(lines.values()), lines_truncated=more)

    # --- changes ---

    async def _changed_customers(self, walk: Walk, call: Call) -> Connection[Customer]:
        first = queries.CUSTOMERS_PER_CALL
        cost = 2 + first * queries.CUSTOMER_COST
        variables = {"query": walk.query(), "first": first, "after": walk.after}
        document, into = queries.CHANGED_CUSTOMERS, Customers
        return (await self._api.ask("changed customers", document, variables, cost, into, call)).customers

    async def _changed_orders(self, walk: Walk, call: Call) -> Connection[OrderModel]:
        first = queries.ORDERS_PER_CALL
        cost = 2 + first * queries.ORDER_COST
        variables = {"query": walk.query(), "first": first, "after": walk.after}
        document, into = queries.CHANGED_ORDERS, Orders
        return (await self._api.ask("changed orders", document, variables, cost, into, call)).orders

    def _owned(self, orders: Sequence[OrderModel]) -> tuple[Record, ...]:
        """Orders that belong to a customer; those of a checkout without one belong to nobody's record."""
        return tuple(self._order(o.customer.legacy_resource_id, o) for o in orders if o.customer)

    # --- records ---

    def _profile(self, customer: Customer) -> Profile:
        return mapping.profile(self.name, self._admin_url, customer)

    def _order(self, owner: str, order: OrderModel) -> Order:
        return mapping.order(self.name, self._admin_url, owner, order)

    def _stub(self, owner: str, stub: Stub) -> Activity:
        at = utc(stub.created_at) or stub.created_at
        return Activity(source=self.name, id=stub.legacy_resource_id, at=at, owner=owner)


def build(name: str, settings: ShopifySettings, transport: Transport | None = None) -> ShopifyAdapter:
    """Makes the adapter; no connection is opened yet."""
    return ShopifyAdapter(name, settings, transport)


async def _run(work: Callable[[], Awaitable[T]]) -> T:
    return await work()


async def _all_pages(
    ask: Callable[[str | None], Awaitable[Connection[T]]], limit: int
) -> tuple[list[T], bool]:
    """All nodes of a search, and whether it was cut off after `limit` pages."""
    nodes: list[T] = []
    after: str | None = None
    for _ in range(limit):
        connection = await ask(after)
        nodes += connection.nodes
        if not connection.page_info.has_next_page:
            return nodes, False
        after = connection.page_info.end_cursor
    return nodes, True


async def _halving(ask: Callable[[Sequence[str]], Awaitable[list[T]]], ids: Sequence[str]) -> list[T]:
    """All ids in one call, or in calls for halves of them where the vendor finds that too costly."""
    try:
        return await ask(ids)
    except TooCostly:
        if len(ids) < 2:
            raise
    middle = len(ids) // 2
    first, second = await together(lambda part: _halving(ask, part), [ids[:middle], ids[middle:]])
    return first + second


def _found(profiles: Sequence[Profile], cut_off: bool) -> Found:
    once = list({profile.id: profile for profile in profiles}.values())
    return Found(profiles=tuple(once[:FIND_LIMIT]), truncated=cut_off or len(once) > FIND_LIMIT)


def _present(nodes: Nodes[T]) -> list[T]:
    """What is there; ids of what is gone come as null."""
    return [node for node in nodes.nodes if node is not None]


def _until(window: Window) -> str | None:
    return search.until(window.before.at) if window.before else None


def _gid(kind: str, id_: str) -> str:
    return f"gid://shopify/{kind}/{id_}"


def _gids(kind: str, ids: Sequence[str]) -> list[str]:
    return [_gid(kind, id_) for id_ in ids]


def _is_id(id_: str) -> bool:
    """Whether this can be an id here; the vendor refuses a whole query for one malformed id."""
    return search.possible(MatchKey(KeyType.CUSTOMER_NUMBER, id_))


def _bare(number: str) -> str:
    return number.strip().removeprefix("#").casefold()


def _is_named(customer: Customer, text: str) -> bool:
    names = _folded(f"{customer.first_name or ''} {customer.last_name or ''}")
    return all(word in names for word in _folded(text).split())


def _folded(text: str) -> str:
    """Without case and accents, as the vendor's full-text search may look at names too."""
    plain = unicodedata.normalize("NFKD", text.casefold()).translate(_LETTERS)
    return "".join(char for char in plain if not unicodedata.combining(char))
