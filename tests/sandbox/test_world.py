"""The people: always the same, and as untidy as promised."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import Counter, defaultdict

import phonenumbers
import pytest

from sandbox.build import build
from sandbox.dice import Dice
from sandbox.names import by_code
from sandbox.people import Exchange
from sandbox.world import NOW, SYSTEMS, World, phone_e164

DIGEST = """
import hashlib, sys
from sandbox.build import build
w = build(150, int(sys.argv[1]))
tables = [list(t) for t in (w.contacts, w.companies, w.customers, w.orders, w.users, w.tickets, w.members)]
rest = (w.persons, w.truth, w.guest_orders, w.shared_keys, sorted(w.cases.items()), w.campaigns)
print(hashlib.sha256(repr((tables, rest)).encode()).hexdigest())
"""


def digest(seed: int, hash_seed: str) -> str:
    """The world's digest as another interpreter sees it."""
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    command = [sys.executable, "-c", DIGEST, str(seed)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip()


def test_same_seed_gives_the_same_bytes_in_any_process() -> None:
    assert digest(360, "1") == digest(360, "2")
    assert digest(360, "1") != digest(361, "1")


def test_dice_are_those_that_python_promises_to_keep() -> None:
    dice = Dice(360)
    drawn = [dice.between(0, 999) for _ in range(8)]
    assert hashlib.sha256(repr(drawn).encode()).hexdigest()[:16] == "3d2747ca52c29f40"
    assert sorted(dice.some("abcdef", 6)) == list("abcdef")


def test_every_profile_record_has_its_truth_and_nothing_else_has(world: World) -> None:
    records = {("hubspot", c.id) for c in world.contacts}
    records |= {("shopify", c.id) for c in world.customers}
    records |= {("zendesk", u.id) for u in world.users}
    records |= {("mailchimp", m.id) for m in world.members}
    assert set(world.truth) == records
    agents = {person for person in world.truth.values() if person.startswith("agent-")}
    assert set(world.truth.values()) - agents <= set(world.persons)
    assert len(world.persons) == 2000


PROMISED = """
name_typo email_typo nickname other_spelling plus_address upper_case_email upper_case_name
old_email old_address two_addresses guest_order second_account second_contact second_identity
additional_email blocked_email blocked_phone phone_typo native_script_ja native_script_ar nameless_on_family_address
not_in_every_system cancelled refunded partly_refunded discount long_thread bounced
unsubscribed ticket_new ticket_open ticket_pending ticket_hold ticket_solved ticket_closed
group_family group_couple group_office group_namesake
"""


def test_each_hard_case_exists(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    kinds = Counter(f"shared_{shared.kind}" for shared in world.shared_keys.values())
    with capsys.disabled():
        print("\n  hard cases:", ", ".join(f"{k} {v}" for k, v in sorted((world.cases + kinds).items())))
    assert {name for name in PROMISED.split() if not world.cases[name]} == set()
    assert set(kinds) == {f"shared_{k}" for k in ("family", "couple", "switchboard", "role", "blocked")}


def test_shared_keys_are_shared_and_their_people_differ(world: World) -> None:
    by_kind = defaultdict(list)
    for shared in world.shared_keys.values():
        by_kind[shared.kind].append(shared)
        assert shared.kind == "blocked" or len(shared.people) >= 2
    names = [
        [world.persons[p].given.latin for p in shared.people]
        for shared in by_kind["family"]
        if len({world.persons[p].country for p in shared.people}) == 1
    ]
    assert sum(len(set(given)) > 1 for given in names) > 0.8 * len(names)


def emails_by_person(world: World) -> dict[str, set[str]]:
    """Address (lower case) → persons who have it in some record."""
    owners: dict[str, set[str]] = defaultdict(set)
    for contact in world.contacts:
        owners[contact.properties.get("email", "")].add(world.truth[("hubspot", contact.id)])
    for customer in world.customers:
        owners[(customer.email or "").lower()].add(world.truth[("shopify", customer.id)])
    for user in world.users:
        owners[(user.email or "").lower()].add(world.truth[("zendesk", user.id)])
    for member in world.members:
        owners[member.email.lower()].add(world.truth[("mailchimp", member.id)])
    owners.pop("")
    return owners


def test_an_address_of_two_persons_is_marked_as_shared(world: World) -> None:
    several = {email for email, people in emails_by_person(world).items() if len(people) > 1}
    assert len(several) > 20
    marked = {key.removeprefix("email:") for key in world.shared_keys if key.startswith("email:")}
    assert several <= marked


def test_a_valid_number_of_two_persons_is_marked_as_shared(world: World) -> None:
    owners: dict[str, set[str]] = defaultdict(set)
    for contact in world.contacts:
        person = world.truth[("hubspot", contact.id)]
        if contact.properties.get("phone"):
            owners[phone_e164(contact.properties["phone"], world.persons[person].country) or ""].add(person)
    several = {phone for phone, people in owners.items() if len(people) > 1 and phone}
    assert len(several) > 20
    unmarked = {phone for phone in several if f"phone:{phone}" not in world.shared_keys}
    # Two numbers cut short by a typo can meet, and a number of zeros is nobody's.
    assert {phone for phone in unmarked if phonenumbers.is_valid_number(phonenumbers.parse(phone))} == set()


def test_two_different_persons_have_the_same_name(world: World) -> None:
    pairs = Counter(person.name for person in world.persons.values() if person.group == "namesake")
    assert max(pairs.values()) >= 2


def test_addresses_are_reserved_ones_and_numbers_valid(world: World) -> None:
    domains = {email.rpartition("@")[2] for email in emails_by_person(world)} - {"test.com"}
    reserved = (".example", ".test", "example.com", "example.net", "example.org")
    assert [domain for domain in domains if not domain.endswith(reserved)] == []
    numbers = [p.e164 for person in world.persons.values() for p in (person.mobile, person.landline) if p]
    valid = sum(phonenumbers.is_valid_number(phonenumbers.parse(number)) for number in numbers)
    assert valid == len(numbers)


def test_the_written_forms_of_a_number_all_mean_it(world: World) -> None:
    for person in list(world.persons.values())[:200]:
        for phone in (person.mobile, person.landline):
            if phone:
                assert {phone_e164(phone.written(s), person.country) for s in range(8)} == {phone.e164}


def test_all_currencies_and_languages_are_there(world: World) -> None:
    assert {order.currency for order in world.orders} == {"EUR", "PLN", "TRY", "JPY", "USD", "AED"}
    assert {person.language for person in world.persons.values()} == {"de", "pl", "tr", "ja", "ar", "en"}
    assert any(len(order.lines) > 3 for order in world.orders)
    assert all(order.total % 100 == 0 for order in world.orders if order.currency == "JPY")


def test_nothing_happens_after_the_worlds_present(world: World) -> None:
    assert max(order.updated for order in world.orders) < NOW
    assert max(ticket.updated for ticket in world.tickets) < NOW
    assert max(event.at for member in world.members for event in member.events) < NOW


@pytest.mark.parametrize("seed", [1, 360, 99])
def test_the_persons_written_by_hand_are_in_every_world(seed: int) -> None:
    world = build(10, seed)
    assert len(world.persons) == 10
    ada = "person-00001"
    assert world.persons[ada].name == "Ada Yılmaz"
    assert {system for (system, _), person in world.truth.items() if person == ada} == set(SYSTEMS)
    [customer] = [c for c in world.customers if c.given == "Ada" and c.family == "Yilmaz"]
    orders = world.orders.find("customer", customer.id)
    assert [order.number for order in orders] == [1001, 1002, 1003, 1004, 1005, 1006]
    assert [order.financial for order in orders].count("REFUNDED") == 1
    assert sum(order.cancelled is not None for order in orders) == 1
    [user] = world.users.find("email", "ada.yilmaz@example.com")
    assert sorted(len(t.comments) for t in world.tickets.find("requester", user.id)) == [2, 3, 40]
    [member] = world.members.find("email", "ada.yilmaz@example.com")
    assert member.email.isupper() and len(member.events) == 20
    assert len(customer.addresses) == 2


def test_the_webers_and_the_colleagues_are_different_persons(world: World) -> None:
    for email in ("familie.weber@example.net", "info@kaffee-kontor.example"):
        assert len(emails_by_person(world)[email]) >= 2
    assert len(world.shared_keys["email:info@kaffee-kontor.example"].people) == 3
    assert len(world.shared_keys["email:familie.weber@example.net"].people) == 2


def test_numbers_stay_unique_when_a_block_is_used_up() -> None:
    exchange = Exchange({"+493023125717"})
    berlin = by_code()["DE"]
    numbers = [exchange.landline(berlin, "30").e164 for _ in range(2500)]
    assert len(set(numbers)) == 2500
    assert "+493023125717" not in numbers
