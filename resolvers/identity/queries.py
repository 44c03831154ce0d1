"""Queries whose text is made once: composing a statement anew for each use costs more than running it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ARRAY, SmallInteger, String, bindparam, text
from sqlalchemy.types import TypeEngine


class Query:
    """A query for both engines, in SQL.

    `{name}` stands for "is one of the values of the parameter `name`", for each name in `many`; `{refs}` for "`m` is one of the
    records", `m` being a member; and each name in `variants` for a text that only PostgreSQL gets.
    """

    def __init__(
        self,
        sql: str,
        columns: Sequence[Any],
        *,
        many: Mapping[str, TypeEngine[Any]] | None = None,
        postgres: Mapping[str, str] | None = None,
    ) -> None:
        self.sql, self.columns = sql, columns
        self._many, self._variants = many or {}, postgres or {}
        self._made: dict[tuple[bool, int], Any] = {}

    def statement(self, postgres: bool, sources: int) -> Any:
        """`sources`: how many different ones the records in `{refs}` have."""
        if (postgres, sources) not in self._made:
            self._made[postgres, sources] = self._make(postgres, sources)
        return self._made[postgres, sources]

    def _make(self, postgres: bool, sources: int) -> Any:
        # an array is one parameter, so that PostgreSQL plans once for all lengths
        one_of = "= ANY(:{0})" if postgres else "IN :{0}"
        kinds = {**self._many, **{f"records{n}": String() for n in range(sources)}}
        refs = [
            f"m.source = :source{n} AND m.record_id {one_of.format(f'records{n}')}" for n in range(sources)
        ]
        texts = {name: one_of.format(name) for name in self._many}
        texts |= {name: sql if postgres else "" for name, sql in self._variants.items()}
        params = [
            bindparam(name, type_=ARRAY(kind, dimensions=1))
            if postgres
            else bindparam(name, type_=kind, expanding=True)
            for name, kind in kinds.items()
        ]
        params += [bindparam(f"source{n}", type_=SmallInteger()) for n in range(sources)]
        made = self.sql.format(refs=" OR ".join(f"({ref})" for ref in refs), **texts)
        return text(made).bindparams(*params).columns(*self.columns)
