"""Judging answers: whatever shape a server gives them, the right ones pass and every wrong leaf is found."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from bench.peers import data
from bench.peers.answers import Truth, Wrong, difference

SEED = 4
NAMES = dict(enumerate(data.ids(SEED, data.LIST)))
TRUTH = Truth(SEED, NAMES)
PAGES = ("orders", "tickets", "emailEvents")


def _connections(customer: data.Record) -> data.Record:
    return customer | {name: {"nodes": customer[name]} for name in PAGES}


def _answer(**found: Any) -> bytes:
    return json.dumps({"data": found}).encode()


def _whole(number: int = 0) -> data.Record:
    return copy.deepcopy(data.whole(data.person(SEED, number)))


def _list() -> list[data.Record]:
    return [_connections(data.short(data.person(SEED, number))) for number in range(data.LIST)]


def test_right_answers_pass() -> None:
    TRUTH.check("A", [0], _answer(customer=_connections(_whole())))
    TRUTH.check("B", range(data.LIST), _answer(customers=_list()))


def test_a_contact_below_the_customer_is_the_same() -> None:
    whole = _connections(_whole())
    apart = {name: whole.pop(name) for name in list(whole) if name not in (*PAGES, "id")}
    TRUTH.check("A", [0], _answer(customer={**whole, "contact": apart}))


def test_four_root_fields_are_the_same() -> None:
    whole = _whole()
    lists = {name: [{"nodes": whole.pop(name)}] for name in PAGES}
    TRUTH.check("A", [0], _answer(contact=[whole], **lists))


def test_times_may_have_an_offset_of_zero() -> None:
    whole = _whole()
    for name in PAGES:
        for record in whole[name]:
            record["at"] = record["at"].replace("Z", "+00:00")
    TRUTH.check("A", [0], _answer(customer=_connections(whole)))


def test_the_server_s_own_name_of_the_customer_is_expected() -> None:
    truth = Truth(SEED, {0: "018f-1"})
    truth.check("A", [0], _answer(customer=_connections(_whole() | {"id": "018f-1"})))
    with pytest.raises(Wrong, match=r"\.id is"):
        truth.check("A", [0], _answer(customer=_connections(_whole())))


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda a: a.update(displayName="Somebody else"), "displayName is 'Somebody else'"),
        (lambda a: a["orders"][49]["total"].update(amount="1.00"), r"orders\[49\].total.amount"),
        (lambda a: a["orders"][0]["total"].update(amount=1.0), r"orders\[0\].total.amount is 1.0"),
        (lambda a: a["orders"].pop(), "orders has 49 items instead of 50"),
        (lambda a: a["emailEvents"].reverse(), r"emailEvents\[0\]"),
        (lambda a: a["tickets"][3].update(at="2026-01-01T00:00:00+01:00"), r"tickets\[3\].at"),
        (lambda a: a["addresses"][0].pop("city"), r"addresses\[0\] has"),
        (lambda a: a.update(language=None), "language is None"),
    ],
)
def test_a_wrong_leaf_is_found(change: Any, place: str) -> None:
    whole = _whole()
    change(whole)
    with pytest.raises(Wrong, match=place):
        TRUTH.check("A", [0], _answer(customer=_connections(whole)))


def test_another_customer_s_answer_is_wrong() -> None:
    with pytest.raises(Wrong):
        TRUTH.check("A", [1], _answer(customer=_connections(_whole(0))))
    with pytest.raises(Wrong):
        TRUTH.check("B", range(data.LIST), _answer(customers=_list()[::-1]))


def test_errors_and_rubbish_are_wrong() -> None:
    with pytest.raises(Wrong, match="errors"):
        TRUTH.check("A", [0], json.dumps({"data": None, "errors": [{"message": "no"}]}).encode())
    with pytest.raises(Wrong, match="no JSON"):
        TRUTH.check("A", [0], b"<html>")
    with pytest.raises(Wrong, match="None instead of"):
        TRUTH.check("A", [0], _answer(customer=None))
    with pytest.raises(Wrong, match="0 items instead of 50"):
        TRUTH.check("B", range(data.LIST), _answer())


def test_true_is_not_one() -> None:
    assert difference({"primary": 1}, {"primary": True}) == "data.primary is 1 instead of True"
