"""Whether two records can be the same person as far as their names say: agree, cannot say, or contradict.

Names are compared folded (case, accents, titles) and by nickname. Names in different scripts cannot be compared here.
"""

from __future__ import annotations

import re
import unicodedata
from enum import IntEnum
from functools import lru_cache

import msgspec
from rapidfuzz.distance import OSA

from adapters.records import Profile
from resolvers.identity.nicknames import KNOWN, NICKNAMES
from resolvers.identity.scripts import is_latin


class Agreement(IntEnum):
    """How two names relate."""

    CONTRADICT = 0
    UNKNOWN = 1  # one is missing, or they are in different scripts
    AGREE = 2


class PersonName(msgspec.Struct, frozen=True, kw_only=True):
    """A folded name. Where a source has only one field, the last word is taken as the family name."""

    given: tuple[str, ...] = ()
    family: tuple[str, ...] = ()
    latin: bool = True


_TITLES = frozenset(
    """mr mrs ms miss dr prof professor herr frau pan pani sir madam bay bayan dipl ing mag med phd jun jr sr sen
    san sama hr fr eng ir""".split()
)
_PARTICLES = frozenset(
    """von van de der den dem zu zum zur la le du da di del della dos das al el bin ibn abu ben""".split()
)
_LETTERS = str.maketrans(
    {"ß": "ss", "ł": "l", "ı": "i", "ø": "o", "đ": "d", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d"}
)
HOUSEHOLD = frozenset(
    "familie family fam famille familia famiglia rodzina aile ailesi kazoku household haushalt".split()
)
"""Words for a household where a name should stand."""
_NO_ACCENT = frozenset({0, 8})
"""Combining classes that are kept: no mark at all, and the voicing of kana, which makes another syllable."""
_WORDS = re.compile(r"[^\W\d_]+", re.UNICODE)


def fold(text: str) -> str:
    """Case and accents left out: "Łukasz YILMAZ" and "lukasz yilmaz" are one."""
    if text.isascii():
        return text.casefold()
    lowered = unicodedata.normalize("NFKC", text).casefold().translate(_LETTERS)
    bare = "".join(
        c for c in unicodedata.normalize("NFKD", lowered) if unicodedata.combining(c) in _NO_ACCENT
    )
    return unicodedata.normalize("NFC", bare)


def _words(text: str | None) -> tuple[str, ...]:
    if not text:
        return ()
    return tuple(w for w in _WORDS.findall(fold(text)) if w not in _TITLES)


def name_of(profile: Profile) -> PersonName:
    """The comparable name of a record."""
    given, family = profile.given_name, profile.family_name
    if not (given and family) and profile.full_name:
        return _split(profile.full_name)
    return _parts(given or "", family or "")


@lru_cache(maxsize=20_000)
def _split(full: str) -> PersonName:
    if "@" in full:  # helpdesks put the address where the name is missing
        return PersonName()
    last, comma, first = full.partition(",")
    if comma:
        return _parts(first, last)
    words = _words(full)
    if len(words) < 2:
        return PersonName(given=words, latin=_is_latin(words))
    cut = len(words) - 1
    while cut > 1 and words[cut - 1] in _PARTICLES:
        cut -= 1
    return PersonName(given=words[:cut], family=words[cut:], latin=_is_latin(words))


@lru_cache(maxsize=20_000)
def _parts(given: str, family: str) -> PersonName:
    g, f = _words(given), _words(family)
    if not g and len(f) > 1:  # "Dr." as given name, "Anna Lang" as family name
        return _split(family)
    return PersonName(given=g, family=f, latin=_is_latin(g + f))


@lru_cache(maxsize=20_000)
def name_in_address(address: str) -> PersonName:
    """The name that an e-mail address is made of, such as anna.weber@ or weberanna@; empty where it is none for certain.

    One part must be an everyday given name, or an initial; a.weber@ and familie.weber@ name a family only.
    """
    parts = _words(re.sub(r"[\d._+-]+", " ", address.rpartition("@")[0]))
    if len(parts) == 1:
        parts = _taken_apart(parts[0])
    if len(parts) != 2:
        return PersonName()
    if home := [p for p in parts if p in HOUSEHOLD]:
        return PersonName(family=tuple(p for p in parts if p not in home))
    given, family = parts if parts[0] in KNOWN or parts[1] not in KNOWN else parts[::-1]
    if len(family) < 3 or (given not in KNOWN and len(given) > 1):
        return PersonName()
    return PersonName(
        given=(given,) if len(given) > 1 else (), family=(family,)
    )  # a. may be Geli, who is Angelika


def _taken_apart(word: str) -> tuple[str, ...]:
    """annaweber and weberanna; not annalena, which is two given names."""
    cuts = [(word[:at], word[at:]) for at in range(3, len(word) - 2)]
    if any(g in KNOWN and f in KNOWN for g, f in cuts):
        return ()
    known = [(g, f) if g in KNOWN else (f, g) for g, f in cuts if g in KNOWN or f in KNOWN]
    return max(known, key=lambda names: len(names[0]), default=())


def _is_latin(words: tuple[str, ...]) -> bool:
    return all(is_latin(w) for w in words)


def compare(a: PersonName, b: PersonName) -> Agreement:
    """AGREE needs a given and a family name on both sides; a contradiction in either is one."""
    if not (a.given or a.family) or not (b.given or b.family):
        return Agreement.UNKNOWN
    if a.latin != b.latin:
        return Agreement.UNKNOWN
    straight = min(_given(a.given, b.given), _family(a.family, b.family))
    if straight is Agreement.AGREE:
        return straight
    swapped = max(
        min(_family(a.given, b.family), _given(a.family, b.given)),
        min(_given(a.given, b.family), _family(a.family, b.given)),
    )
    if swapped is Agreement.AGREE:
        return swapped
    if Agreement.CONTRADICT in (_given(a.given, b.given), _family(a.family, b.family)):
        return Agreement.CONTRADICT
    return Agreement.UNKNOWN


def _given(a: tuple[str, ...], b: tuple[str, ...]) -> Agreement:
    if not a or not b:
        return Agreement.UNKNOWN
    if _same_given(a[0], b[0]) or "".join(a) == "".join(b):
        return Agreement.AGREE
    if a[0][0] == b[0][0] and 1 in (len(a[0]), len(b[0])):
        return Agreement.UNKNOWN  # an initial fits, but says little
    return Agreement.CONTRADICT


def _same_given(a: str, b: str) -> bool:
    if a == b or _unaccented_spelling(a) == _unaccented_spelling(b):
        return True
    if a in KNOWN and b in KNOWN:  # two known names that share no form are two names: Anna, Hanna
        return not NICKNAMES.get(a, _NONE).isdisjoint(NICKNAMES.get(b, _NONE))
    return _typo(a, b)


_NONE: frozenset[int] = frozenset()


def _family(a: tuple[str, ...], b: tuple[str, ...]) -> Agreement:
    if not a or not b:
        return Agreement.UNKNOWN
    left, right = "".join(a), "".join(b)
    if left == right or _typo(left, right) or _gendered(left) == _gendered(right):
        return Agreement.AGREE
    shared = {w for w in a if len(w) > 2 and w not in _PARTICLES} & set(b)
    if shared:  # one of a double-barrelled name
        return Agreement.AGREE
    return (
        Agreement.AGREE if _unaccented_spelling(left) == _unaccented_spelling(right) else Agreement.CONTRADICT
    )


def _typo(a: str, b: str) -> bool:
    """One slip of the keyboard (letter left out, doubled, replaced, swapped) in a word long enough to be recognised."""
    return min(len(a), len(b)) >= 5 and a[0] == b[0] and OSA.distance(a, b, score_cutoff=1) <= 1


def _unaccented_spelling(word: str) -> str:
    """Müller is written Mueller where there is no ü; folding already made it muller."""
    return re.sub(r"(?<=[aou])e(?=[^aeiou]|$)", "", word)


def _gendered(family: str) -> str:
    """Kowalski and Kowalska are one family name."""
    return re.sub(r"(sk|ck|dzk)a$", r"\1i", family)
