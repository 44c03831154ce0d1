"""Estimates a model from records without labels: Splink on DuckDB, by expectation maximisation. Never in a request.

Splink samples u from random pairs and estimates m by EM under several blocking rules. Two things are ours: the chance
that two records are one person is then estimated on the pairs that production would compare, and u is freed of the
duplicates among the random pairs, which a rare value's u otherwise consists of.
"""

from __future__ import annotations

import logging
import math
import secrets
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import SecretStr

from resolvers.identity.matching.contacts import personal
from resolvers.identity.matching.index import Index
from resolvers.identity.matching.levels import (
    LEVELS,
    LIKE,
    LIKE_STREET,
    MISSING,
    NEARLY,
    NEARLY_STREET,
    compare,
)
from resolvers.identity.matching.model import Field, Level, Model, default
from resolvers.identity.matching.person import Person, Ref
from resolvers.identity.matching.scorer import CONTRADICTIONS, Scorer, probability
from resolvers.identity.tokens import Tokens

SEED = 360
RANDOM_PAIRS = 2e6
"""Pairs drawn for u."""
TRAINED_ON = 200_000
"""Records that are looked at, at most: more change no figure that matters."""

COMMON = 5
"""Records that must carry a name before it stands in the model file: a file of weights names nobody."""
_MOST_COMMON = 2000
_FREQUENT = ("given", "family", "city")
_FILLED = 0.3
"""Share of records that must have a field before pairs are found by it."""
_BELIEF = 20
"""Pairs of one person that count as much as the shipped model's belief."""


Levels = tuple[int, ...]
Trained = Mapping[str, Mapping[str, tuple[float | None, float | None]]]
"""Splink's (m, u) by field and level."""


class TrainingError(Exception):
    """Nothing could be estimated. Its text is for the person who asked."""


def estimate(
    people: Sequence[Person], said: Callable[[str], None] = lambda _: None, belief: Model | None = None
) -> Model:
    """The model of these people; `said` is told what is being done. Raises TrainingError.

    `belief` (by default the shipped model) stands for what was too rare to see.
    """
    if len(people) < LEAST:
        raise TrainingError(
            f"weights cannot be estimated from {len(people)} records: at least {LEAST} are needed"
        )
    some = personal(people[:TRAINED_ON])
    said("estimating weights with Splink")
    trained = _splink(some)
    said("refining them on the pairs that share a match key")
    return _Refinement(trained, some, belief or default()).model()


class _Refinement:
    """Expectation maximisation of m, the prior and the household, from Splink's estimate, over all likely pairs.

    Splink's sessions each see only pairs that agree in the session's fields, which is no fair sample where one record
    has one slip. Pairs that share no match key are taken to be two people; u stays as it was sampled.
    """

    def __init__(self, trained: Trained, people: Sequence[Person], belief: Model) -> None:
        self._trained, self._people, self._base = trained, people, belief
        self._frequencies = {name: _frequencies(people, name) for name in _FREQUENT}
        self._counts = {  # what Splink found, as if it were seen in as many pairs as the shipped model's belief
            name: [_BELIEF * (trained.get(name, {}).get(level, (None, None))[0] or 0.0) for level in levels]
            for name, levels in LEVELS.items()
        }
        self._per_record, self._household = 1.0, self._base.household
        self._overlap = self._base.place_overlap
        self._differs: dict[str, float] = {}
        self._repeats: set[Ref] = set()  # records that are somebody's who was seen before

    def model(self) -> Model:
        """Repeats until the number of matches no longer moves."""
        pairs = self._pairs()
        self._step(pairs)
        self._overlap = _place_overlap([p for p in self._people if p.ref not in self._repeats])
        for _ in range(_ROUNDS):
            before = self._per_record
            self._step(pairs)
            if abs(self._per_record - before) < 1e-4 * before:
                break
        return self._current()

    def _current(self) -> Model:
        share = self._per_record / max(1, len(self._people) - 1)
        fields = {}
        for name in LEVELS:
            frequencies, rare = self._frequencies.get(name, ({}, None))
            u = {level: u for level, (_, u) in self._trained.get(name, {}).items()}
            levels = _levels(self._counts[name], u, self._base.fields[name], share)
            fields[name] = Field(levels=levels, frequencies=frequencies, rare=rare)
        return Model(
            fields=fields,
            matches_per_record=self._per_record,
            household=self._household,
            place_overlap=self._overlap,
            differs=self._differs,
            records=len(self._people),
            made=_made(self._people),
        )

    def _pairs(self) -> list[tuple[Person, Levels]]:
        """The pairs that share a match key and are not hopeless."""
        people, kept = self._people, []
        scorer = Scorer(self._current(), len(people))
        index = Index(Tokens(SecretStr(secrets.token_urlsafe(32))))
        index.add(enumerate(people))
        for number, person in enumerate(people):
            for other in index.candidates(person):
                if other > number:
                    levels = compare(person, people[other])
                    if scorer.prior + sum(scorer.bits(person, levels)[0]) > _HOPELESS:
                        kept.append((person, levels))
        index.close()
        return kept

    def _step(self, pairs: Sequence[tuple[Person, Levels]]) -> None:
        scorer = Scorer(self._current(), len(self._people))
        counts = {name: [0.0] * len(levels) for name, levels in LEVELS.items()}
        matches, vouched = 0.0, _Vouched()
        for person, levels in pairs:
            bits, repeated, excess = scorer.bits(person, levels)
            vouched.see(levels, at_home=excess > 0)
            if not CONTRADICTIONS.isdisjoint(scorer.doubts(levels)):
                continue
            chance = probability(scorer.prior + sum(bits) - repeated - excess)
            matches += chance
            if chance > 0.5:
                self._repeats.add(person.ref)
            for name, level in zip(LEVELS, levels, strict=True):
                if level != MISSING:
                    counts[name][level] += chance
        self._counts = counts
        self._per_record = max(2 * matches, 1.0) / len(self._people)
        self._differs = vouched.differs()
        self._household = vouched.household() or self._base.household


class _Vouched:
    """How reliable fields are in records whose person something else vouches for.

    A national id vouches for given names and birth dates, a name with a birth date for national ids: twins share no id,
    father and son no birth date. Without such a witness nothing is learnt, and the guards stay: the likeliest pairs of a
    file of families are brothers and sisters.
    """

    def __init__(self) -> None:
        self._by_id, self._by_name = 0, 0
        self._other = {"given": 0, "birth_date": 0, "national_id": 0}
        self._home, self._same_id_at_home = 0, 0

    def see(self, levels: Levels, *, at_home: bool) -> None:
        """Counts one pair."""
        level = dict(zip(LEVELS, levels, strict=True))
        if level["national_id"] == MISSING:
            return
        same_id = level["national_id"] in (0, 1)
        if same_id:
            self._by_id += 1
            for name in ("given", "birth_date"):
                self._other[name] += level[name] == len(LEVELS[name]) - 1
        if level["given"] == 0 and level["family"] == 0 and level["birth_date"] == 0:
            self._by_name += 1
            self._other["national_id"] += not same_id
        if at_home:
            self._home += 1
            self._same_id_at_home += same_id

    def differs(self) -> dict[str, float]:
        """Field -> share of pairs in which it differs; only fields with enough witnesses."""
        seen = {"given": self._by_id, "birth_date": self._by_id, "national_id": self._by_name}
        return {name: self._other[name] / n for name, n in seen.items() if n >= LEAST}

    def household(self) -> float | None:
        """The chance that two records with one family name and address are one person, by their ids."""
        if self._home < LEAST or self._by_name < LEAST:
            return None
        expected = self._home * (
            1 - self._other["national_id"] / self._by_name
        )  # if all of them were one person
        same = min(self._home, self._home * self._same_id_at_home / max(expected, 1.0))
        return (same + 1) / (self._home + 2)  # Laplace's rule of succession


_ROUNDS = 30
_HOPELESS = -20.0
"""Bits below which a pair is one person in a million at most, whatever the next round says."""
LEAST = 100
"""Records below which nothing is estimated."""


def _made(people: Sequence[Person]) -> str:
    import splink

    return f"c360 identity train: Splink {splink.__version__} on DuckDB, EM without labels, {len(people)} records"


def _levels(
    counts: Sequence[float], seen_u: Mapping[str, float | None], base: Field, share: float
) -> tuple[Level, ...]:
    """What was counted, together with the shipped model's belief; fields that no record has stay as shipped."""
    if not seen_u:
        return base.levels
    total = sum(counts) + _BELIEF
    m = [(n + _BELIEF * level.m) / total for n, level in zip(counts, base.levels, strict=True)]
    u = []
    for level, share_m in zip(base.levels, m, strict=True):
        seen = seen_u.get(level.name)
        u.append(_freed(seen, share_m, share) if seen else min(level.u, 1 / RANDOM_PAIRS))
    return tuple(
        Level(name=level.name, m=x / sum(m), u=y / sum(u))
        for level, x, y in zip(base.levels, m, u, strict=True)
    )


def _freed(u: float, m: float, share: float) -> float:
    """u without the pairs of one person among the random pairs; never less than a tenth, as the rest is noise."""
    return max((u - share * m) / (1 - share), u / 10)


def _place_overlap(people: Sequence[Person]) -> float:
    """How far postcode and city say the same, by how often strangers share both, against chance; 1 where unknown."""
    places = [(p.postcode, p.city) for p in people if p.postcode and p.city]
    if len(places) < LEAST:
        return default().place_overlap
    both, postcode, city = (
        _meeting(Counter(values)) for values in (places, [p for p, _ in places], [c for _, c in places])
    )
    least = min(-math.log2(postcode), -math.log2(city))
    if least <= 0:  # everybody lives in one place
        return default().place_overlap
    return min(1.0, max(0.0, math.log2(both / (postcode * city)) / least))


def _meeting(counts: Counter[Any]) -> float:
    """The chance that two records drawn at random have the same value (with one pair more: it is never nothing)."""
    total = sum(counts.values())
    return (sum(n * (n - 1) // 2 for n in counts.values()) + 1) / (total * (total - 1) // 2 + 1)


def _frequencies(people: Sequence[Person], field: str) -> tuple[dict[str, float], float | None]:
    counts = Counter(value for p in people if (value := getattr(p, field)))
    total = sum(counts.values())
    if total < LEAST:
        return {}, None
    common = dict(sorted((v, n / total) for v, n in counts.most_common(_MOST_COMMON) if n >= COMMON))
    others = len(counts) - len(common)
    return common, max(1 - sum(common.values()), 1 / total) / max(others, 1)


# --- Splink ---


def _splink(people: Sequence[Person]) -> Trained:
    linker = linker_for(people)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        linker.training.estimate_u_using_random_sampling(max_pairs=RANDOM_PAIRS, seed=SEED)
        for rule in _rules(people):
            _session(linker, rule)
    return parameters(linker)


def _session(linker: Any, rule: str) -> bool:
    """One EM run; pairs that agree too rarely to learn from are no reason to give up."""
    from splink.internals.exceptions import EMTrainingException

    try:
        linker.training.estimate_parameters_using_expectation_maximisation(rule)
    except (EMTrainingException, ValueError):  # no pairs, or a level whose m became 0, which Splink 5 refuses
        return False
    return True


def linker_for(people: Sequence[Person], model: Model | None = None) -> Any:
    """A Splink linker over these people with our levels, and with a model's m and u where one is given."""
    try:
        import duckdb
        import pandas as pd
        from splink import DuckDBAPI, Linker
    except ImportError as error:
        raise TrainingError(f"{error.name} is not installed: pip install 'c360[training]'") from None
    logging.getLogger("splink").setLevel(logging.ERROR)
    api = DuckDBAPI(connection=duckdb.connect(":memory:"))
    frame = pd.DataFrame([_row(number, person) for number, person in enumerate(people)])
    return Linker(api.register(frame), _settings(people, model), log_level=logging.ERROR)


def _row(number: int, person: Person) -> dict[str, Any]:
    texts = (
        "given",
        "family",
        "birth_date",
        "street",
        "house_number",
        "postcode",
        "city",
        "state",
        "national_id",
    )
    row: dict[str, Any] = {name: getattr(person, name) or None for name in texts}
    return row | {
        "unique_id": number,
        "given_forms": sorted(person.given_forms),
        "family_forms": sorted(person.family_forms),
        "swapped_forms": sorted(person.swapped_forms),
        "given_known": person.given_known,
        "latin": person.latin,
        "emails": list(person.emails) or None,
        "phones": list(person.phones) or None,
        "email1": person.emails[0] if person.emails else None,
        "phone1": person.phones[0] if person.phones else None,
    }


def _settings(people: Sequence[Person], model: Model | None) -> dict[str, Any]:
    used = [name for name in LEVELS if any(_has(person, name) for person in people)]
    settings: dict[str, Any] = {
        "link_type": "dedupe_only",
        "unique_id_column_name": "unique_id",
        "comparisons": [_comparison(name, model) for name in used],
        "blocking_rules_to_generate_predictions": ["1=1"],
        "retain_intermediate_calculation_columns": False,
        "max_iterations": 50,
    }
    if model:
        settings["probability_two_random_records_match"] = model.prior(len(people))
    return settings


def _has(person: Person, field: str) -> bool:
    return bool(getattr(person, {"email": "emails", "phone": "phones"}.get(field, field)))


def _comparison(field: str, model: Model | None) -> dict[str, Any]:
    missing, *conditions = _SQL[field]
    levels: list[dict[str, Any]] = [
        {"sql_condition": missing, "label_for_charts": "missing", "is_null_level": True}
    ]
    for name, condition in zip(LEVELS[field], (*conditions, "ELSE"), strict=True):
        levels.append({"sql_condition": condition, "label_for_charts": name})
        if model:
            level = next(x for x in model.fields[field].levels if x.name == name)
            levels[-1] |= {"m_probability": level.m, "u_probability": level.u}
    return {"output_column_name": field, "comparison_levels": levels}


def parameters(linker: Any) -> Trained:
    """Splink's (m, u) by field and level; None where it saw nothing."""
    found = {}
    for comparison in linker.misc.save_model_to_json()["comparisons"]:
        found[comparison["output_column_name"]] = {
            level["label_for_charts"]: (level.get("m_probability"), level.get("u_probability"))
            for level in comparison["comparison_levels"]
            if not level.get("is_null_level")
        }
    return found


def _rules(people: Sequence[Person]) -> list[str]:
    """Blocking rules of which each fixes other fields, so that every field is estimated under some of them."""
    shares = {n: sum(_has(p, n) for p in people) / len(people) for n in LEVELS}
    rules = []
    for fields in _BLOCKS:
        if all(shares[field] >= _FILLED for field in fields):
            columns = [{"email": "email1", "phone": "phone1"}.get(field, field) for field in fields]
            rules.append(" and ".join(f"l.{column} = r.{column}" for column in columns))
    return rules


_BLOCKS = (
    ("national_id",),
    ("email",),
    ("phone",),
    ("birth_date",),
    ("given", "family"),
    ("family", "postcode"),
    ("given", "postcode"),
    ("street", "house_number"),
)


def _sql_near(x: str, y: str, shortest: int = 0) -> str:
    """`levels.typo`. DuckDB's damerau_levenshtein takes ten times as long as its levenshtein, which mostly suffices."""
    lengths = f"abs(length({x}) - length({y})) <= 1 and least(length({x}), length({y})) >= {shortest}"
    return (
        f"(case when not ({lengths}) then false when levenshtein({x}, {y}) <= 1 then true"
        f" when length({x}) = length({y}) and levenshtein({x}, {y}) = 2 then damerau_levenshtein({x}, {y}) <= 1"
        " else false end)"
    )


def _sql_alike(x: str, y: str, least: float, shortest: int = 4) -> str:
    return f"(jaro_winkler_similarity({x}, {y}) >= {least} or {_sql_near(x, y, shortest)})"


def _sql_typo(column: str, shortest: int = 0) -> str:
    return _sql_near(f"{column}_l", f"{column}_r", shortest)


def _sql_like(column: str, least: float) -> str:
    return f"jaro_winkler_similarity({column}_l, {column}_r) >= {least}"


def _sql_close(column: str, least: float) -> str:
    return _sql_alike(f"{column}_l", f"{column}_r", least)


def _sql_missing(column: str) -> str:
    return f"({column}_l is null or {column}_r is null)"


def _sql_equal(column: str) -> str:
    return f"{column}_l = {column}_r"


_SWAPPED = (
    "((given_l = family_r and list_has_any(swapped_forms_l, given_forms_r))"
    " or (family_l = given_r and list_has_any(swapped_forms_r, given_forms_l))"
    " or ((given_l = family_r or family_l = given_r)"
    f" and {_sql_alike('given_l', 'family_r', NEARLY)} and {_sql_alike('family_l', 'given_r', NEARLY)}))"
)
_OTHER_GENDER = (
    "abs(length(given_l) - length(given_r)) = 1"
    " and (case when length(given_l) < length(given_r) then given_r in (given_l || 'a', given_l || 'e')"
    " else given_l in (given_r || 'a', given_r || 'e') end)"
)
_TWO_NAMES = f"((given_known_l and given_known_r) or ({_OTHER_GENDER}))"
_LIKE_GIVEN = (
    f"({_sql_alike('given_l', 'given_r', NEARLY, 5)}"
    f" or (given_known_l <> given_known_r and {_sql_near('given_l', 'given_r', 4)}))"
)
_LONG = "least(length(given_l), length(given_r)) > 1"
_OTHER_SCRIPT = "latin_l <> latin_r"
_BOTH = "(list_transform({0}_l, lambda x: list_transform({0}_r, lambda y: struct_pack(x := x, y := y))))"
_MAILBOX = (
    "len(list_filter(flatten("
    + _BOTH.format("emails")
    + "), lambda p: length(split_part(p.x, '@', 1)) >= 6 and {0})) > 0"
)
_SAME_MAILBOX = _MAILBOX.format("split_part(p.x, '@', 1) = split_part(p.y, '@', 1)")
_LIKE_MAILBOX = _MAILBOX.format(
    "split_part(p.x, '@', 2) = split_part(p.y, '@', 2)"
    " and damerau_levenshtein(split_part(p.x, '@', 1), split_part(p.y, '@', 1)) <= 1"
)
_LIKE_PHONE = (
    "len(list_filter(flatten("
    + _BOTH.format("phones")
    + "), lambda p: right(p.x, 9) = right(p.y, 9) or damerau_levenshtein(p.x, p.y) <= 1)) > 0"
)
_PARTS = (
    "(case when substr(birth_date_l, 1, 4) = substr(birth_date_r, 1, 4) then 1 else 0 end"
    " + case when substr(birth_date_l, 5, 2) = substr(birth_date_r, 5, 2) then 1 else 0 end"
    " + case when substr(birth_date_l, 7, 2) = substr(birth_date_r, 7, 2) then 1 else 0 end) = 2"
)
_DAY_MONTH = (
    "birth_date_l = substr(birth_date_r, 1, 4) || substr(birth_date_r, 7, 2) || substr(birth_date_r, 5, 2)"
)


def _name(column: str) -> str:
    return f"({_sql_missing(column)} or {_OTHER_SCRIPT})"


def _plain(column: str) -> tuple[str, ...]:
    return (_sql_missing(column), _sql_equal(column), _sql_typo(column, 3))


_SQL: dict[str, tuple[str, ...]] = {
    "given": (
        _name("given"),
        _sql_equal("given"),
        _SWAPPED,
        "list_has_any(given_forms_l, given_forms_r)",
        f"{_LONG} and not {_TWO_NAMES} and {_LIKE_GIVEN}",
        f"{_LONG} and not {_TWO_NAMES} and {_sql_like('given', LIKE)}",
        f"not ({_LONG}) and substr(given_l, 1, 1) = substr(given_r, 1, 1)",
    ),
    "family": (
        f"({_name('family')} or (family_l <> family_r and given_l <> given_r and {_SWAPPED}))",
        _sql_equal("family"),
        "list_has_any(family_forms_l, family_forms_r)",
        _sql_close("family", NEARLY),
        _sql_like("family", LIKE),
    ),
    "birth_date": (
        _sql_missing("birth_date"),
        _sql_equal("birth_date"),
        _DAY_MONTH,
        _sql_typo("birth_date"),
        _PARTS,
    ),
    "email": (_sql_missing("emails"), "list_has_any(emails_l, emails_r)", _SAME_MAILBOX, _LIKE_MAILBOX),
    "phone": (_sql_missing("phones"), "list_has_any(phones_l, phones_r)", _LIKE_PHONE),
    "national_id": _plain("national_id"),
    "street": (
        _sql_missing("street"),
        _sql_equal("street"),
        _sql_close("street", NEARLY_STREET),
        _sql_like("street", LIKE_STREET),
    ),
    "house_number": (
        _sql_missing("house_number"),
        _sql_equal("house_number"),
        _sql_typo("house_number"),
    ),
    "postcode": _plain("postcode"),
    "city": (_sql_missing("city"), _sql_equal("city"), _sql_close("city", NEARLY)),
    "state": _plain("state"),
}
"""Field -> when it is missing, then the condition of each level but the last."""
