"""A made-up population for the bench of scale: people with records in four sources, keys as the sandbox's records carry them.

Mean of 6.3 keys a record (sandbox: 6.295): e-mail 0.89, phone 0.55, name with nicknames 1.66, name and place 0.57 each, house
0.58, mailbox 0.87, and a tenth of the records with a birth date carry six more. Names and places are skewed, so that their keys
crowd as the map grows.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from functools import lru_cache

import msgspec
from pydantic import SecretStr

from resolvers.identity.derivation import MODEL, Contribution, Edge, Verdict
from resolvers.identity.members import Ref
from resolvers.identity.store import NewLinks
from resolvers.identity.tokens import Token, Tokens

SOURCES = ("hubspot", "shopify", "zendesk", "mailchimp")
ORIGIN = MODEL + "default 1"
_TOKENS = Tokens(SecretStr("the bench's own secret, of no use elsewhere"))
_GIVEN, _FAMILY, _PLACES = 2_000, 20_000, 8_000
_DOUBTS = 0.05
"""Of the people, share whose first record is in doubt to be that of the person before."""

_FIELDS = (
    ("given", "exact", 9.1), ("family", "exact", 10.4), ("email", "exact", 14.2), ("phone", "exact", 13.1),
    ("birth_date", "exact", 12.3), ("street", "exact", 5.2), ("house_number", "exact", 4.4),
    ("postcode", "exact", 6.7), ("city", "close", 2.9),
)  # fmt: skip
_PRIOR = Contribution(field="prior", agreement="", weight=-20.9)


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A record with the tokens of its keys, those of the best kinds first."""

    ref: Ref
    tokens: tuple[Token, ...]


class Somebody(msgspec.Struct, frozen=True, kw_only=True):
    """A person: a record in each source. `asked` are the tokens that somebody looked them up by."""

    records: tuple[Record, ...]
    asked: tuple[Token, ...]
    doubtful: bool


def somebody(number: int, sources: Sequence[str] = SOURCES) -> Somebody:
    """The same person for the same number."""
    chance = random.Random(number)
    given, family, place = (int(n * chance.random() ** 2) for n in (_GIVEN, _FAMILY, _PLACES))
    token, nick = _TOKENS.token, int(chance.random() * 3)
    contacts = [(token("email", f"{number}/{n}"), token("mailbox", f"{number}/{n}")) for n in range(2)]
    phones = [token("phone", f"{number}/{n}") for n in range(2)]
    names = [
        token("name", f"{given}|{family}"),
        *(token("name", f"#{given}/{n}|{family}") for n in range(nick)),
    ]
    places = [
        token(kind, f"{part}|{place}") for kind, part in (("family_place", family), ("given_place", given))
    ]
    house = token("house", f"{number}")
    born = chance.random() < 0.25
    birth = [
        token(kind, f"{number}/{n}")
        for kind, times in (("name_born", 1), ("given_born", 2), ("family_born", 2), ("born_place", 1))
        for n in range(times)
    ] if born else []  # fmt: skip
    records = []
    for source in sources:
        carries: list[Token] = []
        mail = contacts[chance.random() < 0.15]
        with_mail, with_phone, with_place = (chance.random() < p for p in (0.888, 0.551, 0.573))
        carries += [mail[0]] if with_mail else []
        carries += [phones[chance.random() < 0.2]] if with_phone else []
        carries += birth if born and chance.random() < 0.4 else []
        carries += names[: 1 + int(chance.random() * (nick + 1))] if chance.random() < 0.5 else names
        carries += [*places, house] if with_place else []
        carries += [mail[1]] if with_mail else []
        records.append(Record(ref=(source, record_id(source, number)), tokens=tuple(carries)))
    asked = (contacts[0][0], phones[0]) if chance.random() < 0.1 else ()
    return Somebody(records=tuple(records), asked=asked, doubtful=chance.random() < _DOUBTS)


def record_id(source: str, number: int) -> str:
    """Of the length and kind that the source's own ids have."""
    match source:
        case "hubspot":
            return str(20_100_000_000 + number)
        case "shopify":
            return str(7_400_000_000_000 + number)
        case "zendesk":
            return str(360_000_000_000 + number)
    return hashlib.md5(f"{source}/{number}".encode(), usedforsecurity=False).hexdigest()


def edge(a: Ref, b: Ref, number: int, verdict: Verdict = Verdict.SAME) -> Edge:
    """What a model says of two records: five to ten bars, and the sum of their bits."""
    a, b = sorted((a, b))
    bars, weight = _bars(4 + number % 6, number * 7919 % 1000)
    weight = weight if verdict is Verdict.SAME else 1.0
    return Edge(
        event=0, a=a, b=b, verdict=verdict, origin=ORIGIN, confidence=1 / (1 + 2.0**-weight), weight=weight,
        contributions=bars,
    )  # fmt: skip


@lru_cache(10_000)
def _bars(fields: int, shift: int) -> tuple[tuple[Contribution, ...], float]:
    bars = tuple(
        Contribution(field=field, agreement=level, weight=round(weight + shift / 1000, 3))
        for field, level, weight in _FIELDS[:fields]
    )
    return (_PRIOR, *bars), _PRIOR.weight + sum(bar.weight for bar in bars)


def links(number: int) -> list[NewLinks]:
    """How a person comes into the map: record by record, each compared with those before it."""
    person = somebody(number)
    news = []
    for n, record in enumerate(person.records):
        edges = [edge(record.ref, other.ref, number + n) for other in person.records[:n]]
        if n == 0 and person.doubtful and number > 0:
            edges.append(
                edge(record.ref, (SOURCES[0], record_id(SOURCES[0], number - 1)), number, Verdict.UNSURE)
            )
        tokens = tuple((token, record.ref) for token in record.tokens)
        news.append(NewLinks(records=(record.ref,), edges=tuple(edges), tokens=tokens))
    return news
