"""Amounts as people expect to read them: with the decimals that their currency has, and never rounded."""

from __future__ import annotations

from decimal import Decimal

_NONE = frozenset("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF".split())
_LARGEST = 20
"""Digits before the point beyond which nothing is padded: no shop has such amounts, and decimal's precision ends at 28."""
_THREE = frozenset("BHD IQD JOD KWD LYD OMR TND".split())


def padded(amount: Decimal, currency: str) -> Decimal:
    """12.5 EUR as 12.50 (ISO 4217 minor units). An amount with more decimals than that keeps them."""
    digits = 0 if currency in _NONE else 3 if currency in _THREE else 2
    exponent = amount.as_tuple().exponent
    if not isinstance(exponent, int) or amount.adjusted() > _LARGEST:  # NaN, infinity, nonsense
        return amount
    if exponent > -digits:
        return amount.quantize(Decimal(1).scaleb(-digits))
    if exponent < -digits and amount == amount.to_integral_value() and digits == 0:
        return amount.to_integral_value()
    return amount
