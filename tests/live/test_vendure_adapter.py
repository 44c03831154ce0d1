"""The Vendure adapter on a real Vendure server.

With C360_RECORD=1 in the environment the answers of the contract suite are saved for the tests that need no server.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

import adapters.webshop.vendure
from adapters.base import Adapter, Call, Changes, KeyType, MatchKey, Owner, Window
from adapters.contract import AdapterContract, ContractCase
from adapters.contract.faults import CountingTransport
from adapters.contract.recorded import RecordingTransport
from adapters.errors import SourceAuthFailed
from adapters.records import Order, OrderStatus, RecordKind
from adapters.webshop.vendure import adapter as VENDURE
from adapters.webshop.vendure.settings import VendureSettings
from tests.adapters.webshop.vendure_case import vendure_case
from tests.live.conftest import LiveSystems
from tests.live.seed.plans import Address, OrderPlan, Outcome, ShopEntry
from tests.live.seed.vendure import FULFIL, MOVE_FULFILMENT, VendureSeed
from tests.live.systems import System, start

pytestmark = pytest.mark.live

FIXTURES = Path(adapters.webshop.vendure.__file__).parent / "fixtures"
HOME = Address(street="1 High Street", city="Leeds", postal_code="LS1 1AA", country="GB")
BUYER = ShopEntry(
    given_name="Mixed",
    family_name="Case",
    email="Mixed.CASE@Example.org",
    phone="0113 4960 999",
    address=HOME,
)
BUYER_TWO = ShopEntry(
    given_name="Patient", family_name="Buyer", email="patient@example.org", address=HOME, account=False
)
LINES = frozenset({"lines"})


def call(seconds: float = 60.0) -> Call:
    return Call(deadline=time.monotonic() + seconds, correlation_id="live")


def settings_of(system: System, **more: Any) -> VendureSettings:
    values: dict[str, Any] = {
        "base_url": system.base_url,
        "username": system.username,
        "password": SecretStr(system.secret),
        "admin_url": "https://shop.example/dashboard",
        "call_timeout": 30.0,
        "read_timeout": 30.0,
    }
    return VendureSettings(**(values | more))


def facts_of(live_systems: LiveSystems) -> Mapping[str, Any]:
    """Customers with their orders, for everybody who is one customer in the shop."""
    facts = {}
    for key, traces in live_systems.created.people.items():
        if len(traces.customers) == 1:
            orders = sorted(traces.orders, key=lambda order: order.placed_at, reverse=True)
            facts[key] = {"id": traces.customers[0].id, "orders": [[o.id, o.code] for o in orders]}
    return facts


@pytest.fixture
def system(live_systems: LiveSystems) -> System:
    return live_systems.systems["vendure"]


@pytest.fixture
async def vendure(system: System) -> AsyncIterator[Adapter]:
    built = VENDURE.build("shop", settings_of(system), None)
    yield built
    await built.aclose()


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A second server, for tests that change what is in it: orders cannot be deleted."""
    with start(["vendure"], workdir=tmp_path_factory.mktemp("scratch")) as systems:
        yield systems["vendure"]


@pytest.fixture
def shop(scratch: System) -> Iterator[VendureSeed]:
    with VendureSeed(scratch) as seed:
        yield seed


@pytest.fixture
async def scratched(scratch: System) -> AsyncIterator[Adapter]:
    built = VENDURE.build("scratch", settings_of(scratch), None)
    yield built
    await built.aclose()


class Admin:
    """The server's own Admin API."""

    def __init__(self, system: System, user: str | None = None, password: str | None = None) -> None:
        self._client = httpx.Client(timeout=60)
        self._url = system.extra["admin_api"]
        sign_in = "mutation($u: String!, $p: String!) { login(username: $u, password: $p) { __typename } }"
        values = {"u": user or system.username, "p": password or system.secret}
        answer = self._client.post(self._url, json={"query": sign_in, "variables": values})
        self._client.headers["authorization"] = f"Bearer {answer.headers['vendure-auth-token']}"

    def ask(self, document: str, **variables: Any) -> Any:
        answer = self._client.post(self._url, json={"query": document, "variables": variables}).json()
        assert "errors" not in answer, answer
        return answer["data"]

    def close(self) -> None:
        self._client.close()


@pytest.fixture
def admin(scratch: System) -> Iterator[Admin]:
    opened = Admin(scratch)
    yield opened
    opened.close()


async def walk(adapter: Adapter, kind: RecordKind, cursor: str | None) -> tuple[list[Changes], str]:
    steps: list[Changes] = []
    while not steps or not steps[-1].done:
        steps.append(await adapter.changes(kind, cursor, call()))
        assert steps[-1].done or steps[-1].cursor != cursor
        cursor = steps[-1].cursor
        assert len(steps) < 100
    assert cursor is not None
    return steps, cursor


class TestContract(AdapterContract):
    @pytest.fixture
    async def case(self, system: System, live_systems: LiveSystems) -> AsyncIterator[ContractCase]:
        transport: httpx.AsyncBaseTransport = httpx.AsyncHTTPTransport(trust_env=False)
        facts = facts_of(live_systems)
        if os.environ.get("C360_RECORD") == "1":
            transport = RecordingTransport(transport, FIXTURES / "recorded", secrets=[system.secret])
            text = json.dumps(facts, indent=2, ensure_ascii=False)
            (FIXTURES / "recorded-facts.json").write_text(text + "\n", encoding="utf-8")
        case = vendure_case(settings_of(system), facts, transport)
        await case.adapter.check(call())  # signs in, which the suite does not count
        yield case
        await case.adapter.aclose()


async def test_every_customer_is_what_was_created(vendure: Adapter, live_systems: LiveSystems) -> None:
    customers = [c for traces in live_systems.created.people.values() for c in traces.customers]
    profiles = await vendure.read([c.id for c in customers], frozenset(), call())
    assert len(profiles) == len({c.id for c in customers})
    for customer in customers:
        profile = profiles[customer.id]
        assert (profile.given_name, profile.family_name) == (customer.given_name, customer.family_name)
        assert [email.value for email in profile.emails] == [customer.email]
        assert [phone.value for phone in profile.phones] == ([customer.phone] if customer.phone else [])
        assert profile.created_at == customer.created_at
        assert profile.url == f"https://shop.example/dashboard/customers/{customer.id}"
        addresses = [(a.street, a.city, a.postal_code, a.country) for a in customer.addresses]
        assert [(a.street, a.city, a.postcode, a.country) for a in profile.addresses] == addresses


async def test_every_order_is_what_was_created(vendure: Adapter, live_systems: LiveSystems) -> None:
    people = live_systems.created.people.values()
    created = [order for traces in people for order in traces.orders]
    skus = {
        order.id: [sku for sku, _ in plan.lines]
        for traces in people
        for order, plan in zip(traces.orders, traces.person.orders, strict=True)
    }
    owners = [Owner(ref=id_) for id_ in {order.customer_id for order in created}]
    pages = await vendure.page(RecordKind.ORDER, owners, Window(limit=50), LINES, call())
    orders = {
        order.id: order for page in pages.values() for order in page.records if isinstance(order, Order)
    }
    assert set(orders) == {order.id for order in created}
    statuses = {
        Outcome.DELIVERED.value: OrderStatus.COMPLETED,
        Outcome.CANCELLED.value: OrderStatus.CANCELLED,
    }
    for expected in created:
        order = orders[expected.id]
        assert (order.owner, order.number, order.at) == (
            expected.customer_id,
            expected.code,
            expected.placed_at,
        )
        assert order.status is statuses.get(expected.state, OrderStatus.OPEN)
        assert order.total is not None and order.shipping is not None
        assert (order.total.amount, order.total.currency) == (expected.total, expected.currency)
        assert order.shipping.amount == expected.shipping
        lines = [(line.sku, line.title, line.quantity) for line in order.lines]
        added = sorted(expected.lines, key=lambda line: skus[expected.id].index(line.sku))
        assert lines == [(line.sku, line.name, line.quantity) for line in added]
        amounts = [(line.unit_price, line.total) for line in order.lines]
        assert [(unit and unit.amount, total and total.amount) for unit, total in amounts] == [
            (line.unit_price, line.total) for line in added
        ]
        address = expected.shipping_address
        assert order.shipping_address is not None
        assert (order.shipping_address.street, order.shipping_address.country) == (
            address.street,
            address.country,
        )
        if order.status is OrderStatus.CANCELLED:
            assert order.cancelled_at is not None and order.cancel_reason == "changed my mind"


async def test_a_wrong_password_is_refused(system: System) -> None:
    counting = CountingTransport(httpx.AsyncHTTPTransport(trust_env=False))
    built = VENDURE.build("shop", settings_of(system, password=SecretStr("wrong")), counting)
    results = await asyncio.gather(*(built.check(call()) for _ in range(5)), return_exceptions=True)
    assert all(isinstance(result, SourceAuthFailed) for result in results)
    assert counting.calls == 1, "five callers share one refused sign-in"
    await built.aclose()


async def test_an_ended_session_is_renewed_once(scratch: System) -> None:
    counting = CountingTransport(httpx.AsyncHTTPTransport(trust_env=False))
    tokens: set[str] = set()

    class Watching(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if bearer := request.headers.get("authorization"):
                tokens.add(bearer)
            return await counting.handle_async_request(request)

        async def aclose(self) -> None:
            await counting.aclose()

    built = VENDURE.build("shop", settings_of(scratch), Watching())
    await built.check(call())
    assert counting.calls == 2
    (token,) = tokens
    async with httpx.AsyncClient(headers={"authorization": token}) as client:
        end = {"query": "mutation { logout { success } }"}
        ended = await client.post(scratch.extra["admin_api"], json=end)
    assert ended.json()["data"]["logout"]["success"]
    answers = await asyncio.gather(*(built.check(call()) for _ in range(5)))
    assert len(set(answers)) == 1
    assert len(tokens) == 2, "five callers share one new session"
    await built.aclose()


def administrator(admin: Admin, name: str, *permissions: str) -> str:
    """An administrator with these rights; the name is the password as well. Gives the user name."""
    role = admin.ask(
        "mutation($role: CreateRoleInput!) { createRole(input: $role) { id } }",
        role={"code": name, "description": name, "permissions": list(permissions)},
    )["createRole"]["id"]
    user = f"{name}@example.org"
    person = {"firstName": "A", "lastName": "B", "emailAddress": user, "password": name, "roleIds": [role]}
    admin.ask("mutation($a: CreateAdministratorInput!) { createAdministrator(input: $a) { id } }", a=person)
    return user


async def test_the_rights_that_the_documentation_names_suffice(
    scratch: System, admin: Admin, shop: VendureSeed
) -> None:
    bought = shop.place_order(BUYER_TWO, OrderPlan(lines=(("BLANKET", 1),)))
    user = administrator(admin, "reader-of-both", "ReadCustomer", "ReadOrder")
    settings = settings_of(scratch, username=user, password=SecretStr("reader-of-both"))
    built = VENDURE.build("shop", settings, None)
    await built.check(call())
    assert set(await built.read([bought.customer_id], frozenset(), call())) == {bought.customer_id}
    owner = Owner(ref=bought.customer_id)
    pages = await built.page(RecordKind.ORDER, [owner], Window(limit=5), LINES, call())
    assert bought.id in {record.id for record in pages[owner.ref].records}
    await walk(built, RecordKind.ORDER, None)
    await built.aclose()


async def test_a_missing_right_is_no_reason_to_sign_in_again(scratch: System, admin: Admin) -> None:
    user = administrator(admin, "reader-of-customers", "ReadCustomer")
    counting = CountingTransport(httpx.AsyncHTTPTransport(trust_env=False))
    settings = settings_of(scratch, username=user, password=SecretStr("reader-of-customers"))
    built = VENDURE.build("shop", settings, counting)
    assert await built.read(["1"], frozenset(), call()) is not None
    assert counting.calls == 2
    with pytest.raises(SourceAuthFailed):
        await built.changes(RecordKind.ORDER, None, call())
    assert counting.calls == 4, "the query, and the question whether the session is still good"
    await built.aclose()


async def test_addresses_of_any_case_are_found(scratched: Adapter, shop: VendureSeed) -> None:
    made = shop.create_customer(BUYER)
    guest = ShopEntry(
        given_name="Guest", family_name="Case", email="GUEST.case@Example.org", address=HOME, account=False
    )
    bought = shop.place_order(guest, OrderPlan(lines=(("BLANKET", 1),)))
    keys = {
        MatchKey(KeyType.EMAIL, BUYER.email.lower()): made,
        MatchKey(KeyType.EMAIL, guest.email.lower()): bought.customer_id,
        MatchKey(KeyType.PHONE, "+441134960999"): made,
        MatchKey(KeyType.ORDER_NUMBER, bought.code.lower()): bought.customer_id,
    }
    found = await scratched.find(list(keys), call())
    assert {key: [p.id for p in answer.profiles] for key, answer in found.items()} == {
        key: [id_] for key, id_ in keys.items()
    }


async def test_what_happens_to_an_order_shows_in_it(
    scratched: Adapter, shop: VendureSeed, admin: Admin
) -> None:
    placed = shop.place_order(BUYER_TWO, OrderPlan(lines=(("BLANKET", 2), ("LAMP-G", 1))))
    _, cursor = await walk(scratched, RecordKind.ORDER, None)

    async def now() -> Order:
        owner = Owner(ref=placed.customer_id)
        page = (await scratched.page(RecordKind.ORDER, [owner], Window(limit=5), LINES, call()))[owner.ref]
        (order,) = [record for record in page.records if record.id == placed.id]
        assert isinstance(order, Order)
        return order

    before = await now()
    assert (before.status, before.payment_status, before.fulfillment_status) == (
        OrderStatus.OPEN,
        "Settled",
        None,
    )
    _wait_for_the_next_second()
    items = [{"orderLineId": line.id, "quantity": line.quantity} for line in before.lines]
    parcel = admin.ask(FULFIL, lines=items)["addFulfillmentToOrder"]["id"]
    for state in ("Shipped", "Delivered"):
        admin.ask(MOVE_FULFILMENT, id=parcel, state=state)
    delivered = await now()
    assert (delivered.status, delivered.fulfillment_status) == (OrderStatus.COMPLETED, "Delivered")
    assert delivered.updated_at is not None and before.updated_at is not None
    assert delivered.updated_at > before.updated_at

    refund = _refund(admin, placed.id, before.lines[0].id)
    assert (await now()).status is OrderStatus.COMPLETED, "a refund that is pending is no money"
    admin.ask(
        'mutation($id: ID!) { settleRefund(input: { id: $id, transactionId: "t" }) { __typename } }',
        id=refund,
    )
    refunded = await now()
    assert refunded.status is OrderStatus.PARTIALLY_REFUNDED
    assert refunded.refunded is not None and refunded.refunded.amount == Decimal("10.00")
    assert [(r.amount and r.amount.amount, r.note) for r in refunded.refunds] == [
        (Decimal("10.00"), "scratched")
    ]
    own = admin.ask("query($id: ID!) { order(id: $id) { updatedAt } }", id=placed.id)["order"]["updatedAt"]
    assert datetime.fromisoformat(own) < refunded.updated_at, "what the documentation warns of"  # type: ignore[operator]
    again = shop.place_order(BUYER_TWO, OrderPlan(lines=(("BLANKET", 1),)))
    steps, _ = await walk(scratched, RecordKind.ORDER, cursor)
    assert again.id in {record.id for step in steps for record in step.records}


async def test_new_and_edited_customers_are_changes(
    scratched: Adapter, shop: VendureSeed, admin: Admin
) -> None:
    _, cursor = await walk(scratched, RecordKind.PROFILE, None)
    made = shop.create_customer(
        ShopEntry(given_name="New", family_name="Comer", email="new@example.org", address=HOME)
    )
    steps, cursor = await walk(scratched, RecordKind.PROFILE, cursor)
    assert made in {record.id for step in steps for record in step.records}
    admin.ask(
        "mutation($c: UpdateCustomerInput!) { updateCustomer(input: $c) { __typename } }",
        c={"id": made, "phoneNumber": "0113 4960 111"},
    )
    steps, _ = await walk(scratched, RecordKind.PROFILE, cursor)
    assert made in {record.id for step in steps for record in step.records}


async def test_a_crowd_of_one_second_is_walked_through(scratched: Adapter, admin: Admin) -> None:
    """More customers of one second than a page holds: the database keeps seconds, and sorts by one field only."""
    crowd = 450
    one = 'c{n}: createCustomer(input: {{firstName: "C", lastName: "{n}", emailAddress: "c{n}@crowd.example"}}) {{ __typename }}'
    for begin in range(0, crowd, 50):
        admin.ask("mutation {" + " ".join(one.format(n=n) for n in range(begin, begin + 50)) + "}")
    steps, cursor = await walk(scratched, RecordKind.PROFILE, None)
    ids = {record.id for step in steps for record in step.records}
    total = admin.ask("{ customers { totalItems } }")["customers"]["totalItems"]
    assert total > crowd and len(ids) == total
    steps, _ = await walk(scratched, RecordKind.PROFILE, cursor)
    assert len({record.id for step in steps for record in step.records}) <= total


def _refund(admin: Admin, order: str, line: str) -> str:
    payment = admin.ask("query($id: ID!) { order(id: $id) { payments { id } } }", id=order)["order"][
        "payments"
    ][0]
    refund = admin.ask(
        "mutation($r: RefundOrderInput!) { refundOrder(input: $r) { __typename ... on Refund { id } } }",
        r={
            "lines": [{"orderLineId": line, "quantity": 1}],
            "shipping": 0,
            "adjustment": 0,
            "amount": 1000,
            "paymentId": payment["id"],
            "reason": "scratched",
        },
    )["refundOrder"]
    return str(refund["id"])


def _wait_for_the_next_second() -> None:
    """The server's database keeps whole seconds; two changes within one are not told apart."""
    begun = datetime.now(UTC).replace(microsecond=0)
    while datetime.now(UTC).replace(microsecond=0) == begun:
        time.sleep(0.05)
