"""The live proof of identity: records that become one customer, decisions that are taken back, and ids that always resolve.

Real servers, `c360 serve` as a process, GraphQL over HTTP. Every gateway here has a map of its own that knows nobody at first.
The tests stand in the order in which it would happen; each leaves the people as it found them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.live.conftest import LiveSystems
from tests.live.proof import questions
from tests.live.proof.comparing import Tally, timeless
from tests.live.proof.desk import PEOPLE, Desk, Node, places, references, together
from tests.live.proof.evidence import Place, place
from tests.live.proof.expected import Expectations
from tests.live.proof.gateway import CRM, SOURCES, STEWARD, SUPPORT, WEBSHOP, Answer, Gateway, write_setup
from tests.live.proof.privacy import facts
from tests.live.seed.callers import HOUSEHOLD
from tests.live.systems.processes import Processes

pytestmark = pytest.mark.live

MERGED, SPLIT, UNDONE = "said to be one", "two people after all", "pressed the wrong button"
EMAIL_FIRST, PHONE_FIRST = "email_first", "phone_first"
# Every look-up by key searches the sources again, as it would some time later.
LATER = "rediscover_after = 0.0"
JUST_BEFORE = timedelta(microseconds=1)
TAGGED = {"email": "jane.doe+shop@example.org"}
"""Jane's address as no source has it written down."""


@dataclass(frozen=True, kw_only=True)
class Ground:
    """The servers' gateways, each with a map of its own, and how to start one anew."""

    desks: Mapping[str, Desk]
    processes: Processes
    folder: Path
    logs: list[Path]

    def restart(self, desk: Desk) -> None:
        """The same gateway as a new process: it knows what its store knows, and nothing else."""
        desk.gateway.stop()
        self.logs.append(self.folder / f"restart-{len(self.logs)}.log")
        desk.gateway = Gateway(desk.gateway.setup, self.processes, self.logs[-1])


@pytest.fixture(scope="module")
def ground(live_systems: LiveSystems, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """Two gateways on the seeded servers; one asks the sources again at every look-up."""
    folder, systems = tmp_path_factory.mktemp("identity"), live_systems.systems
    expect = Expectations(created=live_systems.created, systems=systems, since=datetime.now(UTC))
    setups = {
        EMAIL_FIRST: write_setup(folder, systems, name=EMAIL_FIRST, store=f"{EMAIL_FIRST}.db"),
        PHONE_FIRST: write_setup(
            folder, systems, name=PHONE_FIRST, store=f"{PHONE_FIRST}.db", identity=LATER
        ),
    }
    logs = {name: folder / f"{name}.log" for name in setups}
    with contextlib.closing(Processes()) as processes, ThreadPoolExecutor(len(setups)) as pool:
        started = pool.map(lambda name: Gateway(setups[name], processes, logs[name]), setups)
        desks = {
            name: Desk(expect=expect, gateway=gateway, tally=Tally())
            for name, gateway in zip(setups, started, strict=True)
        }
        yield Ground(desks=desks, processes=processes, folder=folder, logs=list(logs.values()))
        for desk in desks.values():
            desk.gateway.stop()


@pytest.fixture
def desk(ground: Ground) -> Desk:
    """The gateway that asks the sources again at every look-up; a steward works at it."""
    return ground.desks[PHONE_FIRST]


@pytest.mark.parametrize(("first", "order"), [(EMAIL_FIRST, (0, 1)), (PHONE_FIRST, (1, 0))])
def test_the_shops_email_and_the_crms_phone_are_one_customer(
    ground: Ground, first: str, order: tuple[int, int]
) -> None:
    """Klara's party in the CRM has no address: only her number leads from the one record to the other."""
    desk, known = ground.desks[first], PEOPLE["klara"]
    traces = desk.expect.created["klara"]
    assert traces.parties[0].emails == ()
    by_email, by_phone, *by_record = desk.by("klara")
    assert (set(by_email), set(by_phone)) == ({"email"}, {"phone"})
    for by in [(by_email, by_phone)[which] for which in order]:
        customer = desk.look_up(by)
        desk.tally.customer("klara", desk.expect.customer(known), customer)
        assert {node["number"] for node in customer["orders"]["nodes"]} == {o.code for o in traces.orders}
        assert desk.ids.setdefault("klara", customer["id"]) == customer["id"]
    for by in by_record:
        assert desk.resolve(by) == {
            "id": desk.ids["klara"],
            "redirectedFrom": None,
            "identity": {"members": references(desk.records_of("klara"))},
        }


@pytest.mark.parametrize("first", [EMAIL_FIRST, PHONE_FIRST])
def test_why_they_are_one_is_told(ground: Ground, first: str) -> None:
    desk = ground.desks[first]
    a, b = references(desk.records_of("klara"))
    for one, other in ((a, b), (b, a)):
        answer = desk.gateway.ask(questions.WHY, id=desk.id_of("klara"), a=one, b=other)
        (step,) = answer.whole["customer"]["identity"]["why"]
        assert {place(step["a"]), place(step["b"])} == desk.records_of("klara")
        assert step["verdict"] == "SAME"
        assert step["rule"].strip()
        assert 0 < step["confidence"] <= 1
        assert (step["weight"] is None) == (step["contributions"] == [])
        assert (step["actor"], step["reason"]) == ("linking", None)
    members = desk.whole(desk.id_of("klara"))["identity"]["members"]
    assert [[place(each) for each in member["evidence"]] for member in members] == [[place(b)], [place(a)]]


@pytest.mark.parametrize("first", [EMAIL_FIRST, PHONE_FIRST])
def test_one_name_and_one_phone_in_one_home_are_still_two_people(ground: Ground, first: str) -> None:
    desk = ground.desks[first]
    if first == PHONE_FIRST:
        _assert_ambiguous(desk, HOUSEHOLD)
    orders = {}
    for key in ("helga", "rudolf"):
        customer = desk.look_up(desk.by(key)[0])
        desk.tally.customer(key, desk.expect.customer(PEOPLE[key]), customer)
        desk.ids[key], orders[key] = customer["id"], {node["number"] for node in customer["orders"]["nodes"]}
    assert desk.ids["helga"] != desk.ids["rudolf"]
    assert all(orders.values())
    assert orders["helga"].isdisjoint(orders["rudolf"])
    _assert_ambiguous(desk, HOUSEHOLD)


def test_only_a_steward_decides(desk: Desk) -> None:
    jane, bob = desk.id_of("jane"), desk.id_of("bob")
    before = desk.history(jane)
    shop = references(desk.records_of("jane"))[:1]
    for document, variables in (
        (questions.MERGE, {"ids": [jane, bob]}),
        (questions.SPLIT, {"id": jane, "members": shop}),
        (questions.UNDO, {"id": before[-1]["event"]["id"]}),
    ):
        answer = desk.gateway.ask(document, **variables, reason=MERGED)
        assert [error["extensions"]["code"] for error in answer.errors] == ["FORBIDDEN"]
        assert answer.data is None
    assert desk.history(jane) == before


def test_a_tagged_address_is_still_hers_when_the_sources_are_searched_again(desk: Desk) -> None:
    jane = desk.id_of("jane")
    answer = desk.gateway.ask(questions.WHO, by=TAGGED)
    assert answer.whole["customer"] == {"id": jane}


def test_a_wrong_merge_is_split_and_every_id_still_resolves(desk: Desk) -> None:
    ids = {key: desk.id_of(key) for key in ("jane", "bob")}
    before = desk.wholes(ids)
    merge, kept = _merged(desk, ids, before)
    other = next(customer_id for customer_id in ids.values() if customer_id != kept)
    wrong = desk.records_of("jane" if ids["bob"] == kept else "bob")
    # by the id that redirects: a steward may have noted either
    split = desk.decide(questions.SPLIT, id=other, members=references(wrong), reason=SPLIT)
    assert split["event"]["kind"] == "SPLIT"
    assert {customer["id"] for customer in split["customers"]} == set(ids.values())
    _assert_as_before(desk, ids, before)
    _assert_believed(desk, ids, merge["event"], split["event"])
    for customer_id in ids.values():
        entries = {entry["event"]["id"]: entry for entry in desk.history(customer_id)}
        for event in (merge["event"], split["event"]):
            assert entries[event["id"]]["event"] == event
            assert entries[event["id"]]["undoneBy"] is None
        assert "SAME" in {edge["verdict"] for edge in entries[merge["event"]["id"]]["edges"]}
        assert "DIFFERENT" in {edge["verdict"] for edge in entries[split["event"]["id"]]["edges"]}
    _assert_found_again(desk, ids)


def test_a_wrong_merge_is_undone_as_if_it_had_not_been(desk: Desk) -> None:
    """Klara's records hold together by a number only, and still do so after a detour."""
    ids = {key: desk.id_of(key) for key in ("klara", "juergen")}
    before = desk.wholes(ids)
    merge, _ = _merged(desk, ids, before)
    undo = desk.decide(questions.UNDO, id=merge["event"]["id"], reason=UNDONE)
    assert (undo["event"]["kind"], undo["event"]["undoes"]) == ("UNDO", merge["event"]["id"])
    assert {customer["id"] for customer in undo["customers"]} == set(ids.values())
    _assert_as_before(desk, ids, before)
    _assert_believed(desk, ids, merge["event"], undo["event"])
    for customer_id in ids.values():
        entries = {entry["event"]["id"]: entry for entry in desk.history(customer_id)}
        assert entries[merge["event"]["id"]]["event"] == merge["event"]
        assert entries[merge["event"]["id"]]["undoneBy"] == undo["event"]["id"]
        assert entries[undo["event"]["id"]]["event"] == undo["event"]
    _assert_found_again(desk, ids)


def test_a_merge_is_taken_apart_piece_by_piece(desk: Desk) -> None:
    """Each piece gets an id; those that were new keep resolving when the pieces are put together again."""
    ids = {key: desk.id_of(key) for key in ("bob", "olivia")}
    before = desk.wholes(ids)
    _merged(desk, ids, before)
    (olivia,) = desk.records_of("olivia")
    for reference in references(desk.records_of("bob")):
        cut = desk.decide(questions.SPLIT, id=_owner(desk, olivia), members=[reference], reason=SPLIT)
        assert {place(reference)} in [places(customer) for customer in cut["customers"]]
    owners = {each: _owner(desk, each) for each in desk.records_of("bob")}
    assert len(set(owners.values())) == len(owners)
    assert ids["bob"] in owners.values()
    assert ids["olivia"] not in owners.values()
    for each, customer_id in owners.items():
        piece = desk.whole(customer_id)
        assert places(piece) == {each}
        assert _ids(piece, "orders") == (_ids(before["bob"], "orders") if each[0] == WEBSHOP else set())
    _assert_same(before["olivia"], desk.whole(ids["olivia"]))
    whole = desk.decide(questions.MERGE, ids=sorted(owners.values(), reverse=True), reason=MERGED)
    assert [customer["id"] for customer in whole["customers"]] == [ids["bob"]]
    for customer_id in owners.values():
        found = desk.resolve({"id": customer_id})
        assert (found["id"], places(found)) == (ids["bob"], desk.records_of("bob"))
        assert found["redirectedFrom"] == (None if customer_id == ids["bob"] else customer_id)
    _assert_found_again(desk, ids)
    for key, customer in desk.wholes(ids).items():
        _assert_same(_without_evidence(before[key]), _without_evidence(customer))


def test_what_a_steward_split_no_look_up_joins_again(desk: Desk) -> None:
    """As if the CRM's Klara were her mother: name and number still agree, and the steward's word stands against them."""
    klara = desk.id_of("klara")
    before = desk.whole(klara)
    crm, shop = references(desk.records_of("klara"))
    split = desk.decide(questions.SPLIT, id=klara, members=[shop], reason=SPLIT)
    parts = {place(c["identity"]["members"][0]): c["id"] for c in split["customers"]}
    assert set(parts) == desk.records_of("klara")
    assert klara in parts.values()
    by_email, by_phone, *_ = desk.by("klara")
    for _ in range(2):
        searched = _searches(desk)
        _assert_ambiguous(desk, by_phone["phone"])
        assert desk.resolve(by_email)["id"] == parts[place(shop)]
        assert all(count > searched.get(source, 0) for source, count in _searches(desk).items())
        for reference in (crm, shop):
            part = desk.whole(parts[place(reference)])
            assert (places(part), part["redirectedFrom"]) == ({place(reference)}, None)
            assert bool(part["orders"]["nodes"]) == bool(part["messages"]["nodes"]) == (reference == shop)
    undo = desk.decide(questions.UNDO, id=split["event"]["id"], reason=UNDONE)
    assert [customer["id"] for customer in undo["customers"]] == [klara]
    for customer_id in parts.values():
        redirected = None if customer_id == klara else customer_id
        expected = {**_without_evidence(before), "redirectedFrom": redirected}
        _assert_same(expected, _without_evidence(desk.whole(customer_id)))
    _assert_found_again(desk, {"klara": klara})


def test_after_a_restart_every_id_says_the_same(ground: Ground, desk: Desk) -> None:
    """While one merge stands, so that there is something wrong to remember, too."""
    pair = {key: desk.id_of(key) for key in ("helga", "ayse")}
    alone = desk.wholes(pair)
    merge, kept = _merged(desk, pair, alone)
    assert set(desk.ids.values()) < desk.ever
    shown = {"merged": kept, "klara": desk.id_of("klara")}
    before = _told(desk, shown)
    ground.restart(desk)
    _assert_same(before, _told(desk, shown))
    undo = desk.decide(questions.UNDO, id=merge["event"]["id"], reason=UNDONE)
    _assert_as_before(desk, pair, alone)
    _assert_believed(desk, pair, merge["event"], undo["event"])
    _assert_found_again(desk, {**pair, "klara": desk.ids["klara"]})
    _assert_ambiguous(desk, HOUSEHOLD)


def test_the_logs_tell_nothing_of_anybody(ground: Ground) -> None:
    """Neither of the people nor what a steward wrote about them; last, when everything has been asked."""
    secrets: set[str] = set()
    for desk in ground.desks.values():
        desk.gateway.stop()
        secrets |= desk.gateway.setup.secrets
    log = "\n".join(path.read_text() for path in ground.logs).casefold()
    assert log.count('"event":"request"') >= len(ground.logs)
    created = next(iter(ground.desks.values())).expect.created
    unspeakable = facts(created, secrets) | {MERGED, SPLIT, UNDONE}
    assert sorted(fact for fact in unspeakable if fact.casefold() in log) == []
    assert "traceback" not in log


def _told(desk: Desk, ids: Mapping[str, str]) -> Node:
    """Everything of some, and of every id that there ever was: whom it means, and what happened to them."""
    return {
        "customers": desk.wholes(ids),
        "ids": {each: desk.resolve({"id": each}) for each in sorted(desk.ever)},
        "histories": {each: desk.history(each) for each in sorted(desk.ever)},
    }


def _merged(desk: Desk, ids: Mapping[str, str], before: Mapping[str, Node]) -> tuple[Node, str]:
    """Two people wrongly made one: both ids mean one, who has everything of both. Answers the decision and the id that stayed."""
    kept, gone = sorted(ids.values())
    done = desk.decide(questions.MERGE, ids=[gone, kept], reason=MERGED)
    assert done["event"]["kind"] == "MERGE"
    assert [customer["id"] for customer in done["customers"]] == [kept]
    for asked, redirected in ((kept, None), (gone, gone)):
        found = desk.resolve({"id": asked})
        assert (found["id"], found["redirectedFrom"]) == (kept, redirected)
    _assert_all_of_both(desk.whole(gone), [before[key] for key in ids])
    _assert_a_steward_said_so(desk, kept, *(references(desk.records_of(key))[-1] for key in ids))
    return done, kept


def _assert_a_steward_said_so(desk: Desk, customer_id: str, a: Node, b: Node) -> None:
    """The way from the one person's record to the other's leads over the decision."""
    customer = desk.gateway.ask(questions.WHY, id=customer_id, a=a, b=b).whole["customer"]
    way = customer["identity"]["why"]
    ends = [{place(step["a"]), place(step["b"])} for step in way]
    assert all(one & other for one, other in pairwise(ends))
    assert place(a) in ends[0]
    assert place(b) in ends[-1]
    assert (STEWARD, MERGED) in [(step["actor"], step["reason"]) for step in way]


def _assert_all_of_both(both: Node, people: Sequence[Node]) -> None:
    for name in ("orders", "tickets", "messages", "timeline"):
        expected = [node for each in people for node in each[name]["nodes"]]
        assert _sorted(both[name]["nodes"]) == _sorted(expected)
        assert both[name]["missing"] == []
    for name in ("emailAddresses", "phoneNumbers"):
        assert {each["value"] for each in both[name]} == {v["value"] for each in people for v in each[name]}
    assert {place(m) for m in both["identity"]["members"]} == set[Place]().union(*map(places, people))


def _assert_as_before(desk: Desk, ids: Mapping[str, str], before: Mapping[str, Node]) -> None:
    """The whole answer, evidence included, is that from before."""
    _assert_same({key: before[key] for key in ids}, desk.wholes(ids))


def _assert_believed(desk: Desk, ids: Mapping[str, str], merge: Node, corrected: Node) -> None:
    """Each alone, then both as one, then each alone again."""
    both = set[Place]().union(*(desk.records_of(key) for key in ids))
    merged, apart = (datetime.fromisoformat(event["at"]) for event in (merge, corrected))
    for key, customer_id in ids.items():
        alone = desk.records_of(key)
        assert desk.believed(customer_id, merged - JUST_BEFORE) == alone
        assert desk.believed(customer_id, merged) == both
        assert desk.believed(customer_id, apart - JUST_BEFORE) == both
        assert desk.believed(customer_id, apart) == alone


def _assert_found_again(desk: Desk, ids: Mapping[str, str]) -> None:
    """Look-ups by every key, with the sources searched anew, lead to each alone and join nobody."""
    searched = _searches(desk)
    asked = [(key, by) for key in ids for by in desk.keys(key) if by != TAGGED]
    for (key, _), found in zip(asked, together(desk.resolve, [by for _, by in asked]), strict=True):
        assert (found["id"], found["redirectedFrom"]) == (ids[key], None)
        assert places(found) == desk.records_of(key)
    again = {source for source, count in _searches(desk).items() if count > searched.get(source, 0)}
    assert again == {CRM, WEBSHOP, SUPPORT}


def _assert_ambiguous(desk: Desk, phone: str) -> None:
    answer: Answer = desk.gateway.ask(questions.RESOLVED, by={"phone": phone})
    assert answer.data == {"customer": None}
    (error,) = answer.errors
    assert error["extensions"] == {"code": "BAD_USER_INPUT", "argument": "by.phone"}
    assert "belongs to 2 different customers" in error["message"]


def _assert_same(before: Node, after: Node) -> None:
    Tally().compare(timeless(before), timeless(after))


def _without_evidence(customer: Node) -> Node:
    """A customer without what was believed for which reason: looking again may add to that."""
    return {**customer, "identity": sorted(places(customer))}


def _owner(desk: Desk, each: Place) -> str:
    return str(desk.resolve({"source": {"name": each[0], "id": each[1]}})["id"])


def _searches(desk: Desk) -> dict[str, int]:
    """How often each source was searched for a key so far."""
    calls = desk.gateway.calls()
    return {source: calls[source, "find"] for source in SOURCES if (source, "find") in calls}


def _ids(customer: Node, name: str) -> set[str]:
    return {node["id"] for node in customer[name]["nodes"]}


def _sorted(nodes: Sequence[Node]) -> Any:
    return timeless(sorted(nodes, key=lambda node: node["id"]))
