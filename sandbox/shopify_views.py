"""What each field of Shopify's schema answers for the shop's records."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
from graphql import GraphQLError, GraphQLResolveInfo

from sandbox import names
from sandbox.records import ShopAddress, ShopCustomer, ShopLine, ShopOrder, ShopRefund
from sandbox.shopify_search import Field, Query
from sandbox.times import iso
from sandbox.world import World, phone_e164

R = TypeVar("R")
ResolveInfo = GraphQLResolveInfo[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    """A line together with the order it is of, whose currency it needs."""

    line: ShopLine
    order: ShopOrder

    @property
    def id(self) -> str:
        return self.line.id


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRefund:
    refund: ShopRefund
    order: ShopOrder

    @property
    def id(self) -> str:
        return self.refund.id


TYPE_OF: dict[type, str] = {
    ShopCustomer: "Customer",
    ShopOrder: "Order",
    ShopAddress: "MailingAddress",
    OrderLine: "LineItem",
    OrderRefund: "Refund",
}

Resolver = Callable[..., Any]


class Views:
    """The resolvers, by type and field; a dict answers for itself."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._table: dict[str, dict[str, Resolver]] = {
            "QueryRoot": self._root(),
            "Customer": self._customer(),
            "Order": self._order(),
            "LineItem": _line_fields(),
            "Refund": _refund_fields(),
            "MailingAddress": _address_fields(),
        }

    def resolve(self, source: Any, info: ResolveInfo, **arguments: Any) -> Any:
        """The field resolver that graphql-core calls for every field."""
        of_type = self._table.get(info.parent_type.name)
        if of_type is None:
            return source[info.field_name]
        resolver = of_type[info.field_name]
        return (
            resolver(source, info, **arguments)
            if arguments or info.parent_type.name == "QueryRoot"
            else resolver(source)
        )

    # -- roots ---------------------------------------------------------------------------------------------------

    def _root(self) -> dict[str, Resolver]:
        return {
            "customer": lambda _, __, id: self._world.customers.get(id),
            "order": lambda _, __, id: self._world.orders.get(id),
            "node": lambda _, __, id: self._node(id),
            "nodes": self._nodes,
            "shop": lambda _, __: self._shop(),
            "customers": self._customers,
            "orders": self._orders,
            "customersCount": self._count,
            "customerByIdentifier": self._by_identifier,
        }

    def _node(self, gid: str) -> Any:
        if not re.fullmatch(r"gid://shopify/\w+/[^/]+", gid):
            raise GraphQLError(
                f"Invalid global id '{gid}'", extensions={"code": "argumentLiteralsIncompatible"}
            )
        if gid.startswith("gid://shopify/Shop/"):
            return self._shop()
        return self._world.customers.get(gid) or self._world.orders.get(gid)

    def _nodes(self, _: Any, info: ResolveInfo, ids: list[str]) -> list[Any]:
        if len(ids) > 250:
            message = f"The input array size of {len(ids)} is greater than the maximum allowed of 250."
            raise GraphQLError(message, extensions={"code": "MAX_INPUT_SIZE_EXCEEDED"})
        return [self._node(gid) for gid in ids]

    def _shop(self) -> dict[str, Any]:
        return {
            "__typename": "Shop",
            "id": "gid://shopify/Shop/360360360",
            "name": "Kaffee-Kontor",
            "email": "shop@kaffee-kontor.example",
            "currencyCode": "EUR",
            "ianaTimezone": "Europe/Berlin",
            "myshopifyDomain": "kaffee-kontor.myshopify.com",
            "url": "https://kaffee-kontor.example",
        }

    def _by_identifier(self, _: Any, info: ResolveInfo, identifier: dict[str, str]) -> ShopCustomer | None:
        if len(identifier) != 1:
            raise GraphQLError("Exactly one identifier must be given.", extensions={"code": "BAD_REQUEST"})
        [(kind, value)] = identifier.items()
        if kind == "id":
            return self._world.customers.get(value)
        if kind == "emailAddress":
            return next(iter(self._world.customers.find("email", value.strip().lower())), None)
        phone = phone_e164(value, "DE")
        return next(
            (c for c in self._world.customers.find("phone", phone or value) if c.phone == phone), None
        )

    def _count(
        self, _: Any, info: ResolveInfo, limit: int = 10_000, query: str | None = None
    ) -> dict[str, Any]:
        count = len(self._find_customers(query, info))
        return {"count": min(count, limit), "precision": "EXACT" if count <= limit else "AT_LEAST"}

    def _customers(self, _: Any, info: ResolveInfo, **arguments: Any) -> dict[str, Any]:
        found = self._find_customers(arguments.get("query"), info)
        return connection(found, arguments, _customer_order(arguments["sortKey"]))

    def _find_customers(self, query: str | None, info: ResolveInfo) -> list[ShopCustomer]:
        if not query:
            return list(self._world.customers)
        search = Query(query, self._customer_fields(), _customer_words)
        return _searched(search, self._world.customers, query, info)

    def _orders(self, _: Any, info: ResolveInfo, **arguments: Any) -> dict[str, Any]:
        query = arguments.get("query")
        found = (
            list(self._world.orders) if not query else self._search_orders(query, self._world.orders, info)
        )
        return connection(found, arguments, _order_order(arguments["sortKey"]))

    def _search_orders(self, query: str, pool: Iterable[ShopOrder], info: ResolveInfo) -> list[ShopOrder]:
        return _searched(Query(query, self._order_fields(), self._order_words), pool, query, info)

    def _customer_fields(self) -> dict[str, Field[ShopCustomer]]:
        customers = self._world.customers

        def by_phone(value: str) -> list[ShopCustomer]:
            phone = phone_e164(value, "DE")
            return [c for c in customers.find("phone", phone or value) if c.phone == phone]

        return {
            "email": Field(values=lambda c: [c.email], lookup=lambda v: customers.find("email", v.lower())),
            "phone": Field(
                values=lambda c: [c.phone], lookup=by_phone, normalise=lambda v: phone_e164(v, "DE") or v
            ),
            "id": Field(
                values=lambda c: [_tail(c.id)],
                kind="number",
                lookup=lambda v: _by_tail(customers, "Customer", v),
            ),
            "first_name": Field(values=lambda c: [c.given]),
            "last_name": Field(values=lambda c: [c.family]),
            "state": Field(values=lambda c: [c.state]),
            "tag": Field(values=lambda c: c.tags),
            "created_at": Field(values=lambda c: [c.created], kind="time"),
            "customer_date": Field(values=lambda c: [c.created], kind="time"),
            "updated_at": Field(values=lambda c: [c.updated], kind="time"),
        }

    def _order_fields(self) -> dict[str, Field[ShopOrder]]:
        orders = self._world.orders

        def of_customer(value: str) -> list[ShopOrder]:
            return orders.find("customer", f"gid://shopify/Customer/{value.rpartition('/')[2]}")

        def by_name(value: str) -> list[ShopOrder]:
            return orders.find("name", value.lstrip("#"))

        return {
            "name": Field(values=lambda o: [str(o.number), f"#{o.number}"], lookup=by_name),
            "email": Field(values=lambda o: [o.email], lookup=lambda v: orders.find("email", v.lower())),
            "customer_id": Field(
                values=lambda o: [_tail(o.customer) if o.customer else None],
                kind="number",
                lookup=of_customer,
            ),
            "id": Field(
                values=lambda o: [_tail(o.id)], kind="number", lookup=lambda v: _by_tail(orders, "Order", v)
            ),
            "created_at": Field(values=lambda o: [o.created], kind="time"),
            "processed_at": Field(values=lambda o: [o.processed], kind="time"),
            "updated_at": Field(values=lambda o: [o.updated], kind="time"),
            "financial_status": Field(values=lambda o: [o.financial]),
            "fulfillment_status": Field(values=lambda o: [o.fulfillment]),
            "status": Field(values=lambda o: ["any", "cancelled" if o.cancelled else "open"]),
        }

    def _order_words(self, order: ShopOrder) -> Iterable[str]:
        yield str(order.number)
        yield f"#{order.number}"
        yield order.email or ""
        if order.address:
            yield _full_name(order.address.given, order.address.family)

    # -- records -------------------------------------------------------------------------------------------------

    def _customer(self) -> dict[str, Resolver]:
        world = self._world

        def orders(c: ShopCustomer, info: ResolveInfo, **arguments: Any) -> dict[str, Any]:
            found = world.orders.find("customer", c.id)
            query = arguments.get("query")
            if query:
                found = self._search_orders(f"customer_id:{_tail(c.id)} ({query})", found, info)
            return connection(found, arguments, _order_order(arguments["sortKey"]))

        def spent(c: ShopCustomer) -> dict[str, str]:
            kept = [o for o in world.orders.find("customer", c.id) if o.cancelled is None]
            return money(sum(o.total - o.refunded for o in kept), c.currency)

        def last(c: ShopCustomer) -> ShopOrder | None:
            return max(world.orders.find("customer", c.id), key=lambda o: (o.processed, o.id), default=None)

        return _customer_fields() | {
            "orders": orders,
            "amountSpent": spent,
            "lastOrder": last,
            "numberOfOrders": lambda c: str(len(world.orders.find("customer", c.id))),
        }

    def _order(self) -> dict[str, Resolver]:
        return _order_fields() | {
            "customer": lambda o: self._world.customers.get(o.customer) if o.customer else None,
            "customerLocale": lambda o: (
                c.locale if o.customer and (c := self._world.customers.get(o.customer)) else None
            ),
        }


def _searched(search: Query[R], pool: Iterable[R], query: str, info: ResolveInfo) -> list[R]:
    found = search.run(pool, lambda record: str(getattr(record, "id", "")))
    if search.unknown:
        warnings = [
            {"field": name, "message": "Invalid search field for this query.", "code": "invalid_field"}
            for name in search.unknown
        ]
        info.context.append({"path": info.path.as_list(), "query": query, "warnings": warnings})
    return found


def _tail(gid: str) -> int:
    return int(gid.rpartition("/")[2])


def _by_tail(table: Any, kind: str, value: str) -> list[Any]:
    record = table.get(f"gid://shopify/{kind}/{value.rpartition('/')[2]}")
    return [record] if record else []


def _full_name(given: str | None, family: str | None) -> str:
    return " ".join(part for part in (given, family) if part)


def _customer_words(customer: ShopCustomer) -> Iterable[str]:
    yield _full_name(customer.given, customer.family)
    yield customer.email or ""
    yield customer.phone or ""


def _customer_order(key: str) -> Callable[[ShopCustomer], Any]:
    return {
        "CREATED_AT": lambda c: c.created,
        "UPDATED_AT": lambda c: c.updated,
        "NAME": lambda c: f"{c.family or ''}, {c.given or ''}".lower(),
        "LOCATION": lambda c: f"{c.addresses[0].country}, {c.addresses[0].city}" if c.addresses else "",
    }.get(key, lambda c: _tail(c.id))


def _order_order(key: str) -> Callable[[ShopOrder], Any]:
    return {
        "CREATED_AT": lambda o: o.created,
        "PROCESSED_AT": lambda o: o.processed,
        "UPDATED_AT": lambda o: o.updated,
        "ORDER_NUMBER": lambda o: o.number,
        "TOTAL_PRICE": lambda o: o.total,
        "CURRENT_TOTAL_PRICE": lambda o: o.total - o.refunded,
        "FINANCIAL_STATUS": lambda o: o.financial,
        "FULFILLMENT_STATUS": lambda o: o.fulfillment,
        "TOTAL_ITEMS_QUANTITY": lambda o: sum(line.quantity for line in o.lines),
    }.get(key, lambda o: _tail(o.id))


def _record_key(record: Any) -> int:
    return int(record.id.partition("?")[0].rpartition("/")[2])


def connection(
    records: list[Any], arguments: dict[str, Any], key: Callable[[Any], Any] | None = None
) -> dict[str, Any]:
    """A page of the records; a cursor names the place between two records, so records that arrive later move nothing."""
    first, last = _page_size(arguments)
    places = [((key(r) if key else i), _record_key(r), r) for i, r in enumerate(records)]
    reverse = bool(arguments.get("reverse"))
    places.sort(key=lambda place: place[:2] if key else place[0], reverse=reverse)
    total = len(places)
    if after := arguments.get("after"):
        mark = _read_cursor(after)
        places = [place for place in places if (place[:2] > mark) != reverse and place[:2] != mark]
    if before := arguments.get("before"):
        mark = _read_cursor(before)
        places = [place for place in places if (place[:2] < mark) != reverse and place[:2] != mark]
    page = places[:first] if first is not None else places[-last:] if last else []
    edges = [{"cursor": _cursor(place), "node": place[2]} for place in page]
    more_after = len(places) > len(page) if first is not None else bool(before)
    more_before = (bool(after) and total > len(places)) if first is not None else len(places) > len(page)
    return {
        "edges": edges,
        "nodes": [place[2] for place in page],
        "pageInfo": {
            "hasNextPage": more_after,
            "hasPreviousPage": more_before,
            "startCursor": edges[0]["cursor"] if edges else None,
            "endCursor": edges[-1]["cursor"] if edges else None,
        },
    }


def _page_size(arguments: dict[str, Any]) -> tuple[int | None, int | None]:
    first, last = arguments.get("first"), arguments.get("last")
    if first is None and last is None:
        raise GraphQLError("you must provide one of first or last", extensions={"code": "BAD_REQUEST"})
    if first is not None and last is not None:
        raise GraphQLError(
            "providing both first and last is not supported", extensions={"code": "BAD_REQUEST"}
        )
    for name, size in (("first", first), ("last", last)):
        if size is not None and not 0 < size <= 250:
            raise GraphQLError(f"{name} must be from 1 to 250", extensions={"code": "BAD_REQUEST"})
    return first, last


def _cursor(place: tuple[Any, int, Any]) -> str:
    return base64.b64encode(orjson.dumps({"last_id": place[1], "last_value": place[0]})).decode()


def _read_cursor(text: str) -> tuple[Any, int]:
    try:
        mark = orjson.loads(base64.b64decode(text, validate=True))
        return mark["last_value"], int(mark["last_id"])
    except (ValueError, KeyError, TypeError):
        raise GraphQLError(
            "Invalid cursor for current pagination sort.", extensions={"code": "BAD_REQUEST"}
        ) from None


def money(hundredths: int, currency: str) -> dict[str, str]:
    """MoneyV2: the amount as the shortest decimal with at least one place, as the vendor writes it."""
    amount = f"{hundredths // 100}.{hundredths % 100:02d}"
    return {"amount": amount[:-1] if amount.endswith("0") else amount, "currencyCode": currency}


def bag(hundredths: int, currency: str) -> dict[str, Any]:
    value = money(hundredths, currency)
    return {"shopMoney": value, "presentmentMoney": value}


def _email_address(c: ShopCustomer) -> dict[str, Any] | None:
    if not c.email:
        return None
    return {
        "emailAddress": c.email,
        "marketingState": c.marketing,
        "marketingOptInLevel": "SINGLE_OPT_IN" if c.marketing == "SUBSCRIBED" else None,
        "marketingUpdatedAt": iso(c.marketing_updated) if c.marketing_updated else None,
        "validFormat": True,
    }


def _email_consent(c: ShopCustomer) -> dict[str, Any] | None:
    address = _email_address(c)
    return address and {
        "marketingState": address["marketingState"],
        "marketingOptInLevel": address["marketingOptInLevel"],
        "consentUpdatedAt": address["marketingUpdatedAt"],
    }


def _phone_number(c: ShopCustomer) -> dict[str, Any] | None:
    if not c.phone:
        return None
    consent = {"state": "NEVER_SUBSCRIBED", "optInLevel": None, "updatedAt": None}
    return {
        "phoneNumber": c.phone,
        "marketingState": "NOT_SUBSCRIBED",
        "marketingUpdatedAt": None,
        "smsMarketingConsent": consent,
    }


def _customer_fields() -> dict[str, Resolver]:
    def addresses(c: ShopCustomer, info: Any, **arguments: Any) -> dict[str, Any]:
        return connection(c.addresses, arguments)

    def old_addresses(c: ShopCustomer, info: Any = None, first: int | None = None) -> list[ShopAddress]:
        return c.addresses[:first]

    return {
        "id": lambda c: c.id,
        "legacyResourceId": lambda c: str(_tail(c.id)),
        "firstName": lambda c: c.given,
        "lastName": lambda c: c.family,
        "displayName": lambda c: _full_name(c.given, c.family) or c.email or c.phone or "",
        "defaultEmailAddress": _email_address,
        "defaultPhoneNumber": _phone_number,
        "emailMarketingConsent": _email_consent,
        "email": lambda c: c.email,
        "phone": lambda c: c.phone,
        "defaultAddress": lambda c: c.addresses[0] if c.addresses else None,
        "addresses": old_addresses,
        "addressesV2": addresses,
        "locale": lambda c: c.locale,
        "note": lambda c: c.note,
        "tags": lambda c: list(c.tags),
        "state": lambda c: c.state,
        "taxExempt": lambda c: False,
        "dataSaleOptOut": lambda c: False,
        "verifiedEmail": lambda c: c.email is not None,
        "createdAt": lambda c: iso(c.created),
        "updatedAt": lambda c: iso(c.updated),
    }


def _order_fields() -> dict[str, Resolver]:
    def lines(o: ShopOrder, info: Any, **arguments: Any) -> dict[str, Any]:
        return connection([OrderLine(line=line, order=o) for line in o.lines], arguments)

    def refunds(o: ShopOrder, info: Any = None, first: int | None = None) -> list[OrderRefund]:
        return [OrderRefund(refund=refund, order=o) for refund in o.refunds[:first]]

    fields: dict[str, Resolver] = {
        "id": lambda o: o.id,
        "legacyResourceId": lambda o: str(_tail(o.id)),
        "name": lambda o: f"#{o.number}",
        "number": lambda o: o.number,
        "createdAt": lambda o: iso(o.created),
        "processedAt": lambda o: iso(o.processed),
        "updatedAt": lambda o: iso(o.updated),
        "cancelledAt": lambda o: iso(o.cancelled) if o.cancelled else None,
        "cancelReason": lambda o: o.cancel_reason,
        "closed": lambda o: o.fulfillment == "FULFILLED",
        "closedAt": lambda o: iso(o.updated) if o.fulfillment == "FULFILLED" else None,
        "confirmed": lambda o: True,
        "test": lambda o: False,
        "displayFinancialStatus": lambda o: o.financial,
        "displayFulfillmentStatus": lambda o: o.fulfillment,
        "returnStatus": lambda o: "RETURNED" if o.refunds else "NO_RETURN",
        "fullyPaid": lambda o: o.financial in ("PAID", "REFUNDED", "PARTIALLY_REFUNDED"),
        "unpaid": lambda o: o.financial in ("PENDING", "VOIDED"),
        "refundable": lambda o: o.financial in ("PAID", "PARTIALLY_REFUNDED"),
        "email": lambda o: o.email,
        "phone": lambda o: o.phone,
        "note": lambda o: None,
        "tags": lambda o: [],
        "discountCode": lambda o: None,
        "discountCodes": lambda o: [],
        "paymentGatewayNames": lambda o: [o.gateway],
        "sourceName": lambda o: "pos" if o.channel == "Point of Sale" else "web",
        "channelInformation": _channel,
        "shippingAddress": lambda o: o.address,
        "billingAddress": lambda o: o.address,
        "subtotalLineItemsQuantity": lambda o: sum(line.quantity for line in o.lines),
        "lineItems": lines,
        "refunds": refunds,
    }
    return fields | _order_money()


def _order_money() -> dict[str, Resolver]:
    received = ("PAID", "REFUNDED", "PARTIALLY_REFUNDED")

    def paid(o: ShopOrder) -> int:
        return o.total if o.financial in received else 0

    return {
        "currencyCode": lambda o: o.currency,
        "presentmentCurrencyCode": lambda o: o.currency,
        "taxesIncluded": lambda o: True,
        "totalPriceSet": lambda o: bag(o.total, o.currency),
        "currentTotalPriceSet": lambda o: bag(0 if o.cancelled else o.total - o.refunded, o.currency),
        "subtotalPriceSet": lambda o: bag(o.subtotal, o.currency),
        "totalTaxSet": lambda o: bag(o.tax, o.currency),
        "totalShippingPriceSet": lambda o: bag(o.shipping, o.currency),
        "totalDiscountsSet": lambda o: bag(o.discount, o.currency),
        "totalRefundedSet": lambda o: bag(o.refunded, o.currency),
        "totalReceivedSet": lambda o: bag(paid(o), o.currency),
        "netPaymentSet": lambda o: bag(paid(o) - o.refunded, o.currency),
    }


def _channel(o: ShopOrder) -> dict[str, Any]:
    handle = re.sub(r"\W+", "_", o.channel.lower())
    definition = {
        "__typename": "ChannelDefinition",
        "id": f"gid://shopify/ChannelDefinition/{handle}",
        "channelName": o.channel,
        "subChannelName": o.channel,
        "handle": handle,
    }
    return {
        "__typename": "ChannelInformation",
        "id": f"gid://shopify/ChannelInformation/{handle}",
        "channelId": f"gid://shopify/Channel/{handle}",
        "displayName": o.channel,
        "channelDefinition": definition,
    }


def _line_fields() -> dict[str, Resolver]:
    def product(row: OrderLine) -> dict[str, Any]:
        number = str(8_000_000_000_000 + int(row.line.sku[3:]))
        return {"id": f"gid://shopify/Product/{number}", "legacyResourceId": number, "title": row.line.title}

    def variant(row: OrderLine) -> dict[str, Any]:
        line = row.line
        return {
            "id": line.variant,
            "legacyResourceId": str(_tail(line.variant)),
            "sku": line.sku,
            "title": "Default Title",
            "displayName": f"{line.title} - Default Title",
        }

    def full(row: OrderLine) -> int:
        return row.line.unit * row.line.quantity

    def total_discounted(row: OrderLine, info: Any = None, withCodeDiscounts: bool = False) -> dict[str, Any]:
        # All discounts here are automatic ones, so those by code change nothing.
        return bag(row.line.discounted, row.order.currency)

    return {
        "id": lambda row: row.line.id,
        "title": lambda row: row.line.title,
        "name": lambda row: row.line.title,
        "sku": lambda row: row.line.sku,
        "quantity": lambda row: row.line.quantity,
        "currentQuantity": lambda row: row.line.quantity,
        "isGiftCard": lambda row: row.line.title == "Geschenkkarte",
        "requiresShipping": lambda row: row.line.title != "Geschenkkarte",
        "originalUnitPriceSet": lambda row: bag(row.line.unit, row.order.currency),
        "originalTotalSet": lambda row: bag(full(row), row.order.currency),
        "discountedTotalSet": total_discounted,
        "discountedUnitPriceSet": lambda row: bag(
            row.line.discounted // row.line.quantity, row.order.currency
        ),
        "totalDiscountSet": lambda row: bag(full(row) - row.line.discounted, row.order.currency),
        "product": product,
        "variant": variant,
        "variantTitle": lambda row: None,
        "vendor": lambda row: "Kaffee-Kontor",
    }


def _refund_fields() -> dict[str, Resolver]:
    return {
        "id": lambda row: row.refund.id,
        "legacyResourceId": lambda row: str(_tail(row.refund.id)),
        "createdAt": lambda row: iso(row.refund.created),
        "processedAt": lambda row: iso(row.refund.created),
        "updatedAt": lambda row: iso(row.refund.created),
        "note": lambda row: row.refund.note,
        "order": lambda row: row.order,
        "totalRefundedSet": lambda row: bag(row.refund.amount, row.order.currency),
    }


def _address_fields() -> dict[str, Resolver]:
    def formatted(
        a: ShopAddress,
        info: Any = None,
        withCompany: bool = True,
        withName: bool = False,
    ) -> list[str]:
        lines = [_full_name(a.given, a.family) if withName else "", a.company or "" if withCompany else ""]
        return [
            line for line in (*lines, a.street, f"{a.zip} {a.city}", names.by_code()[a.country].label) if line
        ]

    return {
        "id": lambda a: a.id,
        "firstName": lambda a: a.given,
        "lastName": lambda a: a.family,
        "name": lambda a: _full_name(a.given, a.family) or None,
        "company": lambda a: a.company,
        "address1": lambda a: a.street,
        "address2": lambda a: None,
        "city": lambda a: a.city,
        "zip": lambda a: a.zip,
        "province": lambda a: a.province,
        "provinceCode": lambda a: a.province if a.country == "US" else None,
        "country": lambda a: names.by_code()[a.country].label,
        "countryCodeV2": lambda a: a.country,
        "phone": lambda a: a.phone,
        "formatted": formatted,
    }
