"""The comparison levels of `matching.levels` once more, as SQL conditions of DuckDB and of Spark; tests hold them equal."""

from __future__ import annotations

import msgspec

from resolvers.identity.matching.levels import LIKE, LIKE_STREET, NEARLY, NEARLY_STREET


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """What the engines write differently; `any_pair` is true where some x of one list and y of another meet a condition."""

    jaro_winkler: str
    overlap: str
    any_pair: str


DUCKDB = Dialect(
    jaro_winkler="jaro_winkler_similarity",
    overlap="list_has_any",
    any_pair="len(list_filter({0}, lambda x: len(list_filter({1}, lambda y: {2})) > 0)) > 0",
)
SPARK = Dialect(
    jaro_winkler="jaro_winkler",
    overlap="arrays_overlap",
    any_pair="exists({0}, x -> exists({1}, y -> {2}))",
)


def conditions(dialect: Dialect) -> dict[str, tuple[str, ...]]:
    """Field -> when it is missing, then the condition of each level but the last."""
    by = _Conditions(dialect)
    return {
        "given": by.given(),
        "family": by.family(),
        "birth_date": _BIRTH_DATE,
        "email": by.email(),
        "phone": by.phone(),
        "national_id": _plain("national_id"),
        "street": by.text("street", NEARLY_STREET, LIKE_STREET),
        "house_number": (_missing("house_number"), _equal("house_number"), _typo("house_number")),
        "postcode": _plain("postcode"),
        "city": by.text("city", NEARLY),
        "state": _plain("state"),
    }


def near(x: str, y: str, shortest: int = 0) -> str:
    """`levels.typo`. damerau_levenshtein takes ten times as long as levenshtein, which mostly suffices."""
    lengths = f"abs(length({x}) - length({y})) <= 1 and least(length({x}), length({y})) >= {shortest}"
    return (
        f"(case when not ({lengths}) then false when levenshtein({x}, {y}) <= 1 then true"
        f" when length({x}) = length({y}) and levenshtein({x}, {y}) = 2 then damerau_levenshtein({x}, {y}) <= 1"
        " else false end)"
    )


def _typo(column: str, shortest: int = 0) -> str:
    return near(f"{column}_l", f"{column}_r", shortest)


def _missing(column: str) -> str:
    return f"({column}_l is null or {column}_r is null)"


def _equal(column: str) -> str:
    return f"{column}_l = {column}_r"


def _plain(column: str) -> tuple[str, ...]:
    return (_missing(column), _equal(column), _typo(column, 3))


_OTHER_GENDER = (
    "abs(length(given_l) - length(given_r)) = 1"
    " and (case when length(given_l) < length(given_r) then given_r in (given_l || 'a', given_l || 'e')"
    " else given_l in (given_r || 'a', given_r || 'e') end)"
)
_TWO_NAMES = f"((given_known_l and given_known_r) or ({_OTHER_GENDER}))"
_LONG = "least(length(given_l), length(given_r)) > 1"
_OTHER_SCRIPT = "latin_l <> latin_r"
_PARTS = (
    "(case when substr(birth_date_l, 1, 4) = substr(birth_date_r, 1, 4) then 1 else 0 end"
    " + case when substr(birth_date_l, 5, 2) = substr(birth_date_r, 5, 2) then 1 else 0 end"
    " + case when substr(birth_date_l, 7, 2) = substr(birth_date_r, 7, 2) then 1 else 0 end) = 2"
)
_DAY_MONTH = (
    "birth_date_l = substr(birth_date_r, 1, 4) || substr(birth_date_r, 7, 2) || substr(birth_date_r, 5, 2)"
)
_BIRTH_DATE = (_missing("birth_date"), _equal("birth_date"), _DAY_MONTH, _typo("birth_date"), _PARTS)


def _name(column: str) -> str:
    return f"({_missing(column)} or {_OTHER_SCRIPT})"


class _Conditions:
    """The conditions that the engines write differently."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        overlap = dialect.overlap
        self._swapped = (
            f"((given_l = family_r and {overlap}(swapped_forms_l, given_forms_r))"
            f" or (family_l = given_r and {overlap}(swapped_forms_r, given_forms_l))"
            " or ((given_l = family_r or family_l = given_r)"
            f" and {self._alike('given_l', 'family_r', NEARLY)} and {self._alike('family_l', 'given_r', NEARLY)}))"
        )
        self._like_given = (
            f"({self._alike('given_l', 'given_r', NEARLY, 5)}"
            f" or (given_known_l <> given_known_r and {near('given_l', 'given_r', 4)}))"
        )

    def given(self) -> tuple[str, ...]:
        return (
            _name("given"),
            _equal("given"),
            self._swapped,
            self._overlap("given_forms"),
            f"{_LONG} and not {_TWO_NAMES} and {self._like_given}",
            f"{_LONG} and not {_TWO_NAMES} and {self._like('given', LIKE)}",
            f"not ({_LONG}) and substr(given_l, 1, 1) = substr(given_r, 1, 1)",
        )

    def family(self) -> tuple[str, ...]:
        return (
            f"({_name('family')} or (family_l <> family_r and given_l <> given_r and {self._swapped}))",
            _equal("family"),
            self._overlap("family_forms"),
            self._close("family", NEARLY),
            self._like("family", LIKE),
        )

    def email(self) -> tuple[str, ...]:
        same = "split_part(x, '@', 1) = split_part(y, '@', 1)"
        like = (
            "split_part(x, '@', 2) = split_part(y, '@', 2)"
            " and damerau_levenshtein(split_part(x, '@', 1), split_part(y, '@', 1)) <= 1"
        )
        return (
            _missing("emails"),
            self._overlap("emails"),
            *(
                self._any("emails", f"length(split_part(x, '@', 1)) >= 6 and {condition}")
                for condition in (same, like)
            ),
        )

    def phone(self) -> tuple[str, ...]:
        return (
            _missing("phones"),
            self._overlap("phones"),
            self._any("phones", "right(x, 9) = right(y, 9) or damerau_levenshtein(x, y) <= 1"),
        )

    def text(self, column: str, close: float, like: float | None = None) -> tuple[str, ...]:
        loosest = () if like is None else (self._like(column, like),)
        return (_missing(column), _equal(column), self._close(column, close), *loosest)

    def _alike(self, x: str, y: str, least: float, shortest: int = 4) -> str:
        return f"({self._dialect.jaro_winkler}({x}, {y}) >= {least} or {near(x, y, shortest)})"

    def _like(self, column: str, least: float) -> str:
        return f"{self._dialect.jaro_winkler}({column}_l, {column}_r) >= {least}"

    def _close(self, column: str, least: float) -> str:
        return self._alike(f"{column}_l", f"{column}_r", least)

    def _overlap(self, column: str) -> str:
        return f"{self._dialect.overlap}({column}_l, {column}_r)"

    def _any(self, column: str, condition: str) -> str:
        return self._dialect.any_pair.format(f"{column}_l", f"{column}_r", condition)
