"""Sources whose records have nulls and values of the wrong kind in random places, and that fail now and then."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from pydantic import SecretStr

from adapters.base import SourceKind
from adapters.errors import SourceRateLimited, SourceTimeout
from adapters.records import (
    Account,
    Address,
    Comment,
    Consent,
    ConsentState,
    Direction,
    EmailAddress,
    EmailEvent,
    EmailEventType,
    Message,
    Money,
    Order,
    OrderLine,
    OrderStatus,
    PhoneNumber,
    Preference,
    Profile,
    Record,
    Refund,
    Ticket,
    TicketStatus,
)
from adapters.records import AuthorRole as Role
from gateway.migrations import upgrade
from resolvers.asker import Asker
from resolvers.caching.whole import Caching
from resolvers.engine import Engine
from resolvers.identity.map import IdentityMap
from resolvers.identity.options import IdentityOptions
from resolvers.identity.store import IdentityStore
from resolvers.identity.tokens import Tokens
from resolvers.merge import MergeRules
from resolvers.sources import Sources
from tests.resolvers.memory import MemorySource

START = datetime(2024, 1, 1, tzinfo=UTC)
KINDS = {
    "crm": SourceKind.CRM,
    "shop": SourceKind.WEBSHOP,
    "support": SourceKind.SUPPORT,
    "mail": SourceKind.EMAIL,
}
_SOUND = frozenset({"source", "id", "owner", "at", "updated_at", "created_at", "emails"})
"""What the resolvers sort and look up by: an adapter that has these wrong does not pass its contract."""
WRONG: tuple[Any, ...] = (
    None, None, None, None, 2**40, -1, 7, "", "text", "open", 3.5, float("nan"), float("inf"), True, b"bytes", (), ("x", None),
    [None], {"a": 1}, date(2024, 2, 29), datetime(2024, 2, 29), Decimal("NaN"), Decimal("1E+3"), ValueError("wrong"), object,
)  # fmt: skip


@dataclass(frozen=True)
class OddWorld:
    """People in four sources, already known to the identity map."""

    engine: Engine
    sources: dict[str, MemorySource]
    customers: tuple[str, ...]


async def odd_world(folder: Path, people: int, chance: Random, *, wrong: bool = True) -> OddWorld:
    """Makes it; the store is in the folder. Without `wrong`, the records are as they should be."""
    records: dict[str, list[Record]] = {name: [] for name in KINDS}
    for n in range(people):
        for record in _person(n, chance):
            records[record.source].append(record)
    sources = {name: MemorySource(name, kind, records[name]) for name, kind in KINDS.items()}
    configured = Sources(sources.values())
    store = IdentityStore(f"sqlite+aiosqlite:///{folder / 'map.sqlite'}")
    await upgrade(store.engine)
    caching = Caching(configured, customer_ttl=3600)
    options = IdentityOptions(default_country="DE")
    identity = IdentityMap(store, Tokens(SecretStr("s" * 32)), caching.customers, configured, options)
    rules = MergeRules({}, configured.rank)
    engine = Engine(sources=configured, identity=identity, rules=rules, caching=caching)
    customers = []
    for n in range(people):
        session = engine.session(asker())
        found = await session.customer_by_email(_email(n))
        await session.aclose()
        assert found is not None
        customers.append(found.id)
    # cached, so that who comes into which batch does not depend on when a database answers
    await identity.customers(customers)
    for source in sources.values() if wrong else ():
        source.records = [_odd(record, chance) for record in source.records]
    return OddWorld(engine, sources, tuple(customers))


def asker() -> Asker:
    """One whose deadline is never met."""
    return Asker(principal="test", deadline=1e12, steward=True)


def fail_some(world: OddWorld, chance: Random) -> None:
    """Lets some sources fail until the next call."""
    for name, source in world.sources.items():
        failure = chance.choice((SourceTimeout(name, "read", "slow"), SourceRateLimited(name, "read", "429")))
        source.fail = failure if chance.random() < 0.12 else None


def _email(n: int) -> str:
    return f"person{n}@mail{n}.example"


def _person(n: int, chance: Random) -> Iterable[Record]:
    for source in KINDS:
        yield Profile(
            source=source, id=f"p{n}", given_name="Ada", family_name=f"Yilmaz{n}", birth_date=date(1980, 1, 1 + n % 28),
            language="de", emails=(EmailAddress(value=_email(n), primary=True),), phones=(PhoneNumber(value=f"+49309018{n:04}"),),
            addresses=(Address(street="Hauptstr. 1", postcode="10115", city="Berlin", country="DE"),),
            account=Account(id="a", name="Acme", employees=7, annual_revenue=Decimal("1.5")),
            consents=(Consent(purpose="marketing", channel="email", state=ConsentState.GRANTED, at=START),),
            preferences=(Preference(name="tag", value="vip"),), updated_at=START,
        )  # fmt: skip
        for day in range(chance.randrange(5)):
            yield from _activities(source, n, day)


def _activities(source: str, n: int, day: int) -> Iterable[Record]:
    money = Money(amount=Decimal("12.50"), currency="EUR")
    common: dict[str, Any] = {
        "source": source,
        "id": f"{n}-{day}",
        "owner": f"p{n}",
        "at": START + timedelta(days=day, hours=n),
    }
    yield Order(
        **common, number=f"#{day}", status=OrderStatus.OPEN, total=money, tax=money, refunds=(Refund(id="r", amount=money),),
        lines=(OrderLine(id="1", title="Tea", quantity=2, unit_price=money), OrderLine(id="2", title="Pot", quantity=1)),
        payment_methods=("card",), shipping_address=Address(city="Berlin"), cancelled_at=START,
    )  # fmt: skip
    yield Ticket(**common, number=f"T{day}", subject="late", status=TicketStatus.OPEN, tags=("a", "b"))
    yield EmailEvent(**common, type=EmailEventType.OPENED, campaign="spring")
    yield Message(**common, direction=Direction.INBOUND, subject="hello", recipients=("a@b.example",), size=1)
    yield Comment(
        source=source,
        id=f"c{n}-{day}",
        owner=f"{n}-{day}",
        at=START,
        role=Role.AGENT,
        author="Bo",
        body="text",
    )


def _odd(record: Any, chance: Random) -> Any:
    """The same record, with something wrong in it now and then."""
    if isinstance(record, tuple):
        return tuple(_odd(item, chance) for item in record)
    if not isinstance(record, msgspec.Struct):
        return record
    changed = {}
    for name in record.__struct_fields__:
        value = getattr(record, name)
        if name not in _SOUND and chance.random() < 0.05:
            value = chance.choice(WRONG)
        changed[name] = _odd(value, chance) if name != "emails" else value
    return type(record)(**changed)
