"""Creates customers in Vendure through its admin API and orders through its shop API, as a shopper would."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import httpx

from tests.live.seed.plans import Address, OrderPlan, Outcome, ShopEntry
from tests.live.seed.records import Order, OrderLine, ShopCustomer
from tests.live.systems import System
from tests.live.systems.vendure import SIGN_IN

REQUEST_SECONDS = 60.0
CURRENCIES = ("USD", "EUR")
EUROS_FOR_A_DOLLAR = Decimal("0.92")
PREPAID, INVOICE = "prepaid", "invoice"

READ_CHANNEL = "{ activeChannel { id } }"
SELL_IN = """
mutation SellIn($channel: UpdateChannelInput!) {
  updateChannel(input: $channel) { __typename ... on ErrorResult { errorCode } }
}
"""
READ_VARIANTS = "{ productVariants { items { id sku price } } }"
SET_PRICES = """
mutation SetPrices($variants: [UpdateProductVariantInput!]!) {
  updateProductVariants(input: $variants) { id }
}
"""
CREATE_CUSTOMER = """
mutation CreateCustomer($customer: CreateCustomerInput!, $password: String!) {
  createCustomer(input: $customer, password: $password) {
    __typename ... on Customer { id } ... on ErrorResult { errorCode }
  }
}
"""
CREATE_ADDRESS = """
mutation CreateAddress($customer: ID!, $address: CreateAddressInput!) {
  createCustomerAddress(customerId: $customer, input: $address) { id }
}
"""
READ_CUSTOMER = """
query ReadCustomer($id: ID!) {
  customer(id: $id) {
    id firstName lastName emailAddress phoneNumber createdAt updatedAt user { id }
    addresses { streetLine1 city postalCode country { code } }
  }
}
"""
COUNT = "{ customers { totalItems } orders(options: { filter: { active: { eq: false } } }) { totalItems } }"
ADD_LINE = """
mutation AddLine($variant: ID!, $quantity: Int!) {
  addItemToOrder(productVariantId: $variant, quantity: $quantity) {
    __typename ... on ErrorResult { errorCode }
  }
}
"""
SET_GUEST = """
mutation SetGuest($guest: CreateCustomerInput!) {
  setCustomerForOrder(input: $guest) { __typename ... on ErrorResult { errorCode } }
}
"""
SET_ADDRESS = """
mutation SetAddress($address: CreateAddressInput!) {
  setOrderShippingAddress(input: $address) { __typename ... on ErrorResult { errorCode } }
}
"""
READ_SHIPPING = "{ eligibleShippingMethods { id name } }"
SET_SHIPPING = """
mutation SetShipping($method: [ID!]!) {
  setOrderShippingMethod(shippingMethodId: $method) { __typename ... on ErrorResult { errorCode } }
}
"""
ARRANGE_PAYMENT = """
mutation ArrangePayment {
  transitionOrderToState(state: "ArrangingPayment") { __typename ... on ErrorResult { errorCode } }
}
"""
PAY = """
mutation Pay($method: String!) {
  addPaymentToOrder(input: { method: $method, metadata: {} }) {
    __typename ... on Order { code } ... on ErrorResult { errorCode }
  }
}
"""
FIND_ORDER = """
query FindOrder($code: String!) { orders(options: { filter: { code: { eq: $code } } }) { items { id } } }
"""
READ_ORDER = """
query ReadOrder($id: ID!) {
  order(id: $id) {
    id code state currencyCode total totalWithTax shippingWithTax orderPlacedAt updatedAt
    customer { id }
    lines { id quantity unitPriceWithTax linePriceWithTax productVariant { sku name } }
    shippingLines { shippingMethod { name } }
    shippingAddress { streetLine1 city postalCode countryCode }
  }
}
"""
FULFIL = """
mutation Fulfil($lines: [OrderLineInput!]!) {
  addFulfillmentToOrder(input: {
    lines: $lines, handler: { code: "manual-fulfillment", arguments: [{ name: "method", value: "Post" }] }
  }) { __typename ... on Fulfillment { id } ... on ErrorResult { errorCode } }
}
"""
MOVE_FULFILMENT = """
mutation MoveFulfilment($id: ID!, $state: String!) {
  transitionFulfillmentToState(id: $id, state: $state) { __typename ... on ErrorResult { errorCode } }
}
"""
CANCEL = """
mutation Cancel($id: ID!) {
  cancelOrder(input: { orderId: $id, reason: "changed my mind", cancelShipping: true }) {
    __typename ... on ErrorResult { errorCode }
  }
}
"""


class VendureSeed:
    """A signed-in administrator who can also shop as anybody; use it as a context manager."""

    def __init__(self, system: System) -> None:
        self._admin = _Session(system.extra["admin_api"])
        self._shop_api = system.extra["shop_api"]
        self._system = system
        self._variants: dict[str, str] = {}

    def __enter__(self) -> VendureSeed:
        self._admin.sign_in(self._system.username, self._system.secret)
        self._sell_in_all_currencies()
        return self

    def __exit__(self, *_: object) -> None:
        self._admin.close()

    def create_customer(self, entry: ShopEntry) -> str:
        """A customer with an account and an address; answers the id."""
        values = {"customer": _customer_input(entry), "password": _password(entry)}
        created = self._admin.ask(CREATE_CUSTOMER, values)["createCustomer"]
        self._admin.ask(CREATE_ADDRESS, {"customer": created["id"], "address": _address_input(entry)})
        return str(created["id"])

    def read_customer(self, customer_id: str) -> ShopCustomer:
        """A customer as the shop keeps them now."""
        record = self._admin.ask(READ_CUSTOMER, {"id": customer_id})["customer"]
        return ShopCustomer(
            id=record["id"],
            given_name=record["firstName"],
            family_name=record["lastName"],
            email=record["emailAddress"],
            phone=record["phoneNumber"] or None,
            addresses=tuple(_address(item, item["country"]["code"]) for item in record["addresses"]),
            has_account=record["user"] is not None,
            created_at=_time(record["createdAt"]),
            updated_at=_time(record["updatedAt"]),
        )

    def place_order(self, buyer: ShopEntry, plan: OrderPlan) -> Order:
        """An order from the basket to its outcome."""
        shopper = _Session(self._shop_api, currency=plan.currency)
        try:
            code = self._check_out(shopper, buyer, plan)
        finally:
            shopper.close()
        order_id = self._admin.ask(FIND_ORDER, {"code": code})["orders"]["items"][0]["id"]
        self._process(order_id, plan.outcome)
        return self.read_order(order_id)

    def read_order(self, order_id: str) -> Order:
        """An order as the shop keeps it now."""
        record = self._admin.ask(READ_ORDER, {"id": order_id})["order"]
        address = record["shippingAddress"]
        return Order(
            id=record["id"],
            code=record["code"],
            customer_id=record["customer"]["id"],
            state=record["state"],
            currency=record["currencyCode"],
            lines=tuple(_line(line) for line in record["lines"]),
            shipping=_money(record["shippingWithTax"]),
            shipping_method=record["shippingLines"][0]["shippingMethod"]["name"],
            shipping_address=_address(address, address["countryCode"]),
            total=_money(record["totalWithTax"]),
            total_without_tax=_money(record["total"]),
            placed_at=_time(record["orderPlacedAt"]),
            updated_at=_time(record["updatedAt"]),
        )

    def counts(self) -> tuple[int, int]:
        """How many customers and how many placed orders the shop has."""
        answer = self._admin.ask(COUNT)
        return answer["customers"]["totalItems"], answer["orders"]["totalItems"]

    def _check_out(self, shopper: _Session, buyer: ShopEntry, plan: OrderPlan) -> str:
        if buyer.account:
            shopper.sign_in(buyer.email, _password(buyer))
        for sku, quantity in plan.lines:
            shopper.ask(ADD_LINE, {"variant": self._variants[sku], "quantity": quantity})
        if not buyer.account:
            shopper.ask(SET_GUEST, {"guest": _customer_input(buyer)})
        shopper.ask(SET_ADDRESS, {"address": _address_input(buyer)})
        methods = {item["name"]: item["id"] for item in shopper.ask(READ_SHIPPING)["eligibleShippingMethods"]}
        shopper.ask(SET_SHIPPING, {"method": [methods[plan.shipping]]})
        shopper.ask(ARRANGE_PAYMENT)
        method = INVOICE if plan.outcome is Outcome.AUTHORIZED else PREPAID
        return str(shopper.ask(PAY, {"method": method})["addPaymentToOrder"]["code"])

    def _process(self, order_id: str, outcome: Outcome) -> None:
        """What the shop's staff does after the payment."""
        if outcome is Outcome.CANCELLED:
            self._admin.ask(CANCEL, {"id": order_id})
        if outcome in (Outcome.SHIPPED, Outcome.DELIVERED):
            lines = self._admin.ask(READ_ORDER, {"id": order_id})["order"]["lines"]
            items = [{"orderLineId": line["id"], "quantity": line["quantity"]} for line in lines]
            parcel = self._admin.ask(FULFIL, {"lines": items})["addFulfillmentToOrder"]["id"]
            self._admin.ask(MOVE_FULFILMENT, {"id": parcel, "state": "Shipped"})
            if outcome is Outcome.DELIVERED:
                self._admin.ask(MOVE_FULFILMENT, {"id": parcel, "state": "Delivered"})

    def _sell_in_all_currencies(self) -> None:
        """Gives the catalogue a price in every currency; a new shop has one currency only."""
        channel = self._admin.ask(READ_CHANNEL)["activeChannel"]["id"]
        self._admin.ask(SELL_IN, {"channel": {"id": channel, "availableCurrencyCodes": CURRENCIES}})
        variants = self._admin.ask(READ_VARIANTS)["productVariants"]["items"]
        prices = [
            {
                "id": item["id"],
                "prices": [
                    {"currencyCode": "USD", "price": item["price"]},
                    {"currencyCode": "EUR", "price": int(item["price"] * EUROS_FOR_A_DOLLAR)},
                ],
            }
            for item in variants
        ]
        self._admin.ask(SET_PRICES, {"variants": prices})
        self._variants = {item["sku"]: item["id"] for item in variants}


class _Session:
    """One signed-in or anonymous session with one of the two APIs."""

    def __init__(self, url: str, currency: str | None = None) -> None:
        self._client = httpx.Client(timeout=REQUEST_SECONDS)
        self._url = httpx.URL(url, params={"currencyCode": currency} if currency else None)

    def sign_in(self, user: str, password: str) -> None:
        """Signs in; the session token is kept by `ask`."""
        self.ask(SIGN_IN, {"user": user, "password": password})

    def ask(self, document: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The answer's data; any kind of refusal is an error that names it."""
        answer = self._client.post(self._url, json={"query": document, "variables": variables or {}})
        token = answer.headers.get("vendure-auth-token")
        if token:
            self._client.headers["Authorization"] = f"Bearer {token}"
        body = answer.json()
        if body.get("errors"):
            raise RuntimeError(f"Vendure refused: {body['errors'][0]['message']}")
        data: dict[str, Any] = body["data"]
        for name, value in data.items():
            if isinstance(value, dict) and "errorCode" in value:
                raise RuntimeError(f"Vendure refused {name}: {value['errorCode']}")
        return data

    def close(self) -> None:
        self._client.close()


def _customer_input(entry: ShopEntry) -> dict[str, Any]:
    return {
        "firstName": entry.given_name,
        "lastName": entry.family_name,
        "emailAddress": entry.email,
        "phoneNumber": entry.phone or "",
    }


def _address_input(entry: ShopEntry) -> dict[str, Any]:
    return {
        "fullName": f"{entry.given_name} {entry.family_name}",
        "streetLine1": entry.address.street,
        "city": entry.address.city,
        "postalCode": entry.address.postal_code,
        "countryCode": entry.address.country,
    }


def _password(entry: ShopEntry) -> str:
    return f"shopper {entry.email.lower()}"


def _line(record: dict[str, Any]) -> OrderLine:
    return OrderLine(
        sku=record["productVariant"]["sku"],
        name=record["productVariant"]["name"],
        quantity=record["quantity"],
        unit_price=_money(record["unitPriceWithTax"]),
        total=_money(record["linePriceWithTax"]),
    )


def _address(record: dict[str, Any], country: str) -> Address:
    return Address(
        street=record["streetLine1"], city=record["city"], postal_code=record["postalCode"], country=country
    )


def _money(cents: int) -> Decimal:
    return Decimal(cents).scaleb(-2)


def _time(value: str) -> datetime:
    return datetime.fromisoformat(value)
