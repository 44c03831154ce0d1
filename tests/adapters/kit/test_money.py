"""Amounts keep their value and get their currency's decimals."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.kit.money import padded


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [("17.8", "EUR", "17.80"), ("17", "EUR", "17.00"), ("1200", "JPY", "1200"), ("1200.0", "JPY", "1200"),
     ("1.5", "KWD", "1.500"), ("0.333", "EUR", "0.333"), ("1E+2", "USD", "100.00")],
)  # fmt: skip
def test_padding(amount: str, currency: str, shown: str) -> None:
    assert str(padded(Decimal(amount), currency)) == shown


@given(
    st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9),
    st.sampled_from(["EUR", "JPY", "KWD"]),
)
def test_the_value_never_changes(amount: Decimal, currency: str) -> None:
    assert padded(amount, currency) == amount


@given(st.decimals(allow_nan=False), st.sampled_from(["EUR", "JPY", "KWD"]))
def test_no_amount_is_too_strange(amount: Decimal, currency: str) -> None:
    shown = padded(amount, currency)
    assert shown == amount
