"""The benchmark's data: fixed by the seed, and as many leaves as the queries promise."""

from __future__ import annotations

import pytest

from bench.peers import data
from bench.peers.answers import leaves


def test_data_follow_from_the_seed() -> None:
    assert data.person(1, 5) == data.person(1, 5)
    assert data.person(1, 5).contact != data.person(2, 5).contact
    assert data.person(1, 5).orders != data.person(2, 5).orders
    assert not set(data.ids(1, 500)) & set(data.ids(2, 500))


def test_no_two_customers_have_the_same_id() -> None:
    assert len(set(data.ids(1, 5000))) == 5000


@pytest.mark.parametrize("number", range(40))
def test_every_customer_has_as_many_leaves(number: int) -> None:
    one = data.person(3, number)
    assert leaves(data.whole(one)) == data.LEAVES["A"] == 835
    assert leaves(data.short(one)) * data.LIST == data.LEAVES["B"]


def test_lists_are_newest_first_and_money_adds_up() -> None:
    one = data.person(1, 0)
    for records in (one.orders, one.tickets, one.events):
        times = [record["at"] for record in records]
        assert times == sorted(times, reverse=True)
        assert len(set(times)) == len(times)
    for order in one.orders:
        cents = [int(line["total"]["amount"].replace(".", "")) for line in order["lines"]]
        assert int(order["total"]["amount"].replace(".", "")) == sum(cents)
