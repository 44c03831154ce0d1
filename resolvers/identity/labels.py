"""Labels: the texts that many rows name, kept once and known to the process as numbers; and evidence's contributions in bytes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from sqlalchemy import Connection, insert, select

from resolvers.identity.derivation import Contribution
from resolvers.identity.tables import LabelRow

_STEPS = 1000
"""Weights are kept in thousandths of a bit."""
_BETWEEN = "\x1f"


class Coding(Protocol):
    """Between texts and their numbers."""

    def code(self, text: str) -> int | None: ...

    def text(self, code: int) -> str: ...


class Labels:
    """What this process knows of the labels. They are never changed, so that what is known stays true.

    Only what is committed may be taken in: a number that was rolled back may mean another text tomorrow.
    """

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._texts: dict[int, str] = {}

    def missing(self, texts: Iterable[str]) -> list[str]:
        """Those that are not known here; the database may have them."""
        return sorted({text for text in texts if text not in self._codes})

    def code(self, connection: Connection, text: str) -> int | None:
        """None where no row can name it."""
        if text not in self._codes:
            self._learn(connection)
        return self._codes.get(text)

    def text(self, connection: Connection, code: int) -> str:
        if code not in self._texts:
            self._learn(connection)
        return self._texts[code]

    def _learn(self, connection: Connection) -> None:
        rows = connection.execute(select(LabelRow.id, LabelRow.text)).all()
        self._texts = {row.id: row.text for row in rows}
        self._codes = {row.text: row.id for row in rows}


def add(connection: Connection, texts: Sequence[str]) -> None:
    """Makes labels of these texts. In a transaction of its own: what other transactions name must be there for good."""
    known = set(connection.execute(select(LabelRow.text).where(LabelRow.text.in_(texts))).scalars())
    fresh = [{"text": text} for text in texts if text not in known]
    if fresh:
        connection.execute(insert(LabelRow), fresh)


def label_of(contribution: Contribution) -> str:
    """A field and how it agreed are one label."""
    return f"{contribution.field}{_BETWEEN}{contribution.agreement}"


def packed(contributions: Sequence[Contribution], labels: Coding) -> bytes | None:
    """Label and weight of each, as numbers of seven bits a byte; the weight's sign is its last bit."""
    if not contributions:
        return None
    out = bytearray()
    for each in contributions:
        code = labels.code(label_of(each))
        assert code is not None, "labels are made before they are used"
        weight = round(each.weight * _STEPS)
        for number in (code, weight << 1 if weight >= 0 else (-weight << 1) - 1):
            while number > 127:
                out.append(number & 127 | 128)
                number >>= 7
            out.append(number)
    return bytes(out)


def unpacked(raw: bytes | None, labels: Coding) -> tuple[Contribution, ...]:
    """What `packed` made, weights to a thousandth of a bit."""
    numbers: list[int] = []
    number = shift = 0
    for byte in raw or b"":
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            numbers.append(number)
            number = shift = 0
    found = []
    for code, signed in zip(numbers[::2], numbers[1::2], strict=True):
        field, _, agreement = labels.text(code).partition(_BETWEEN)
        weight = (signed >> 1 if signed % 2 == 0 else -((signed + 1) >> 1)) / _STEPS
        found.append(Contribution(field=field, agreement=agreement, weight=weight))
    return tuple(found)
