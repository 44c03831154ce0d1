"""Between the rows of the identity map's tables and what they stand for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from resolvers.identity.database import Tx
from resolvers.identity.derivation import Contribution, CustomerState, Edge, MemberState, Question, Verdict
from resolvers.identity.fan_out import FanOut
from resolvers.identity.labels import label_of, packed, unpacked
from resolvers.identity.members import Ref
from resolvers.identity.tables import EvidenceRow

Ids = Mapping[int, Ref]
"""The records by their numbers."""

VERDICTS = {Verdict.SAME: 1, Verdict.DIFFERENT: 2, Verdict.UNSURE: 3}
FAN_OUTS = {FanOut.PERSONAL: 0, FanOut.HOUSEHOLD: 1, FanOut.COMPANY: 2, FanOut.JUNK: 3}
_VERDICT_OF = {code: verdict for verdict, code in VERDICTS.items()}
FAN_OUT_OF = {code: fan_out for fan_out, code in FAN_OUTS.items()}

EDGE_COLUMNS = tuple(c for c in EvidenceRow.__table__.columns if c.name != "contributions")
"""What derivation looks at. What each field contributed is read only to be shown."""
WHOLE_EDGE = (*EDGE_COLUMNS, EvidenceRow.__table__.c.contributions)


_ROUNDING = 0.01
"""Bits."""


def edge_of(tx: Tx, row: Any, ids: Ids) -> Edge:
    """The edge of a row of EDGE_COLUMNS or WHOLE_EDGE."""
    contributions = unpacked(row.contributions, tx) if "contributions" in row._fields else ()
    summed = round(sum(c.weight for c in contributions), 3) if contributions else None
    return Edge(
        event=row.event_id, a=ids[row.a], b=ids[row.b], verdict=_VERDICT_OF[row.verdict], origin=tx.text(row.origin),
        confidence=row.confidence, weight=summed if row.weight is None else row.weight,
        contributions=contributions,
        key_type=None if row.key_type is None else tx.text(row.key_type), token=row.token,
        rests_on=row.rests_on.hex() if row.rests_on is not None else None,
    )  # fmt: skip


def edge_row(tx: Tx, edge: Edge, n: int, numbers: Mapping[Ref, int]) -> dict[str, Any]:
    """`n`: its place among the edges of its event."""
    return {
        "event_id": edge.event, "n": n, "a": numbers[edge.a], "b": numbers[edge.b], "verdict": VERDICTS[edge.verdict],
        "origin": tx.code(edge.origin), "confidence": edge.confidence, "weight": weight_row(edge),
        "key_type": None if edge.key_type is None else tx.code(edge.key_type), "token": edge.token,
        "rests_on": None if edge.rests_on is None else bytes.fromhex(edge.rests_on),
        "contributions": packed(edge.contributions, tx),
    }  # fmt: skip


def weight_row(edge: Edge) -> float | None:
    """Only where it is not what its contributions sum up to, but for rounding."""
    summed = (
        edge.weight is not None and abs(edge.weight - sum(c.weight for c in edge.contributions)) < _ROUNDING
    )
    return None if edge.contributions and summed else edge.weight


def labels_of(edges: Sequence[Edge], refs: Sequence[Ref]) -> set[str]:
    """The labels that rows of these will name."""
    found = {source for source, _ in refs} | {e.origin for e in edges}
    found |= {e.key_type for e in edges if e.key_type is not None}
    contributions: set[Contribution] = {c for e in edges for c in e.contributions}
    return found | {label_of(c) for c in contributions}


def member_of(row: Any, ref: Ref) -> MemberState:
    return MemberState(ref=ref, customer_id=row.customer_id, event=row.event_id, confidence=row.confidence)


def member_row(tx: Tx, m: MemberState, number: int) -> dict[str, Any]:
    return {
        "id": number, "source": tx.code(m.ref[0]), "record_id": m.ref[1], "event_id": m.event,
        "customer_id": m.customer_id, "confidence": m.confidence,
    }  # fmt: skip


def customer_of(row: Any, anchor: Ref, event: int) -> CustomerState:
    return CustomerState(id=row.id, ref=anchor, event=event, merged_into=row.merged_into)


def customer_row(c: CustomerState, numbers: Mapping[Ref, int]) -> dict[str, Any]:
    return {"id": c.id, "member_id": numbers[c.ref], "event_id": c.event, "merged_into": c.merged_into}


def question_of(row: Any, ids: Ids) -> Question:
    return Question(a=ids[row.a], b=ids[row.b], confidence=row.confidence, reopened=row.reopened)


def question_row(q: Question, numbers: Mapping[Ref, int]) -> dict[str, Any]:
    return {"a": numbers[q.a], "b": numbers[q.b], "confidence": q.confidence, "reopened": q.reopened}
