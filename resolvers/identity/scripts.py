"""How a name in another script may be written in Latin letters, so that 田中 meets Tanaka and خالد meets Khaled.

Cyrillic, Greek, Hangul and kana are spelled letter by letter. Arabic writes no short vowels: there a name is a pattern.
Kanji have no spelling; the readings of everyday Japanese names stand in `readings`. What cannot be read stays apart.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from rapidfuzz.distance import OSA

from resolvers.identity.readings import READINGS

_CYRILLIC = dict(
    zip(
        "абвгґдеєжзиіїйклмнопрстуфхцчшщъыьэюяў",
        "a b v g g d e ie zh z i i i i k l m n o p r s t u f kh ts ch sh shch - y - e yu ya u".split(),
        strict=True,
    )
) | {"ђ": "dj", "ј": "i", "љ": "l", "њ": "n", "ћ": "c", "џ": "dz"}
_GREEK = dict(
    zip(
        "αβγδεζηθικλμνξοπρσςτυφχψω",
        "a v g d e z i th i k l m n x o p r s s t i f ch ps o".split(),
        strict=True,
    )
)
_GREEK_PAIRS = {
    "αι": "e", "ει": "i", "οι": "i", "ου": "ou", "αυ": "av", "ευ": "ev", "μπ": "b", "ντ": "nt", "γγ": "ng", "γκ": "g",
}  # fmt: skip
_KANA_ROWS = {
    "": "アイウエオ", "k": "カキクケコ", "g": "ガギグゲゴ", "s": "サシスセソ", "z": "ザジズゼゾ", "t": "タチツテト",
    "d": "ダヂヅデド", "n": "ナニヌネノ", "h": "ハヒフヘホ", "b": "バビブベボ", "p": "パピプペポ", "m": "マミムメモ",
    "r": "ラリルレロ",
}  # fmt: skip
_KANA = {kana: row + vowel for row, five in _KANA_ROWS.items() for kana, vowel in zip(five, "aiueo", strict=True)} | {
    "シ": "shi", "チ": "chi", "ツ": "tsu", "フ": "fu", "ジ": "ji", "ヂ": "ji", "ヅ": "zu", "ヤ": "ya", "ユ": "yu",
    "ヨ": "yo", "ワ": "wa", "ヲ": "o", "ン": "n", "ッ": "", "ー": "", "ヴ": "v",
}  # fmt: skip
_SMALL = {"ャ": "ya", "ュ": "yu", "ョ": "yo", "ァ": "a", "ィ": "i", "ゥ": "u", "ェ": "e", "ォ": "o"}
_INITIALS = "g kk n d tt r m b pp s ss - j jj ch k t p h".split()
_MEDIALS = "a ae ya yae eo e yeo ye o wa wae oe yo u wo we wi yu eu ui i".split()
_FINALS = "- k k k n n n t l k m l l l p l m p p t t ng t t k t p t".split()
# a consonant's ways into Latin after `plain`
_ARABIC = {
    "ب": "b", "پ": "[pb]", "ت": "t", "ط": "t", "ث": "[ts]", "ج": "[gi]", "چ": "[cs]", "ح": "h", "خ": "[hk]", "ه": "h",
    "د": "d", "ذ": "[dz]", "ض": "[dz]", "ظ": "[dz]", "ر": "r", "ز": "z", "ژ": "[zi]", "س": "s", "ش": "s", "ص": "s",
    "غ": "g", "گ": "g", "ف": "f", "ق": "[kg]", "ك": "k", "ک": "k", "ل": "l", "م": "m", "ن": "n",
}  # fmt: skip
_ARABIC_CODE = {
    **dict.fromkeys("بپف", "b"), **dict.fromkeys("خجچغگقكکسشصزژ", "s"), **dict.fromkeys("تطثدذضظ", "t"), "ر": "r",
    "ل": "l", "م": "m", "ن": "n",
}  # fmt: skip
_SHORT = "[aiou]?"


def is_latin(word: str) -> bool:
    """Whether every letter is a Latin one."""
    return word.isascii() or all(unicodedata.name(c, "").startswith("LATIN") for c in word)


@lru_cache(maxsize=20_000)
def spellings(word: str) -> tuple[str, ...]:
    """How a folded word of another script is spelled in Latin letters; none where that cannot be told.

    An Arabic word's spelling has its consonants only, which is enough for a key by sound.
    """
    if word in READINGS:
        return READINGS[word]
    letters = unicodedata.normalize("NFC", word)
    if any("\u0600" <= c <= "\u06ff" for c in letters):
        return (_consonants(letters),)
    if all("가" <= c <= "힣" for c in letters):
        return ("".join(_hangul(c) for c in letters),)
    kana = "".join(chr(ord(c) + 0x60) if "ぁ" <= c <= "ゖ" else c for c in letters)
    if all(c in _KANA or c in _SMALL for c in kana):
        return (_spelled_kana(kana),)
    for pair, latin in _GREEK_PAIRS.items():
        letters = letters.replace(pair, latin)
    spelled = "".join(_CYRILLIC.get(c) or _GREEK.get(c) or c for c in letters).replace("-", "")
    return (spelled,) if spelled.isascii() else ()


def _hangul(syllable: str) -> str:
    block, final = divmod(ord(syllable) - 0xAC00, 28)
    initial, medial = divmod(block, 21)
    return (_INITIALS[initial] + _MEDIALS[medial] + _FINALS[final]).replace("-", "")


def _spelled_kana(kana: str) -> str:
    spelled = ""
    for c in kana:
        if c in _SMALL:  # キョ is kyo, ショ is sho
            spelled = spelled[:-1] + (_SMALL[c][1:] if spelled[-3:-1] in ("sh", "ch") else _SMALL[c])
        else:
            spelled += _KANA[c]
    return spelled


def _consonants(word: str) -> str:
    """Arabic consonants, kept apart by a vowel so that none is taken for a doubled one."""
    kept = [_ARABIC_CODE.get(c, "") for c in word]
    for at, c in enumerate(word):
        if c == "و" and (at == 0 or word[at + 1 : at + 2] in ("ا", "ي", "ی", "")):
            kept[at] = "v"
    return "".join(f"{c}a" if word[i : i + 1] != word[i + 1 : i + 2] else c for i, c in enumerate(kept) if c)


@lru_cache(maxsize=20_000)
def _pattern(word: str) -> re.Pattern[str]:
    """What a Latin spelling of an Arabic word may look like after `plain`."""
    text = word.replace("الله", "L")
    parts = []
    for at, c in enumerate(text):
        last = at == len(text) - 1
        if c == "L":
            parts.append(f"{_SHORT}lah?")
        elif c == "ا" and at == 0:
            parts.append("[aiouUI]")
        elif c in "اىآ":
            parts.append("a")
        elif c == "و":
            parts.append(f"{_SHORT}(?:v|U|u|o|au)" if at else "v")
        elif c in "يی":
            parts.append("[iI]" if last else f"{_SHORT}[iI]{_SHORT}")
        elif c == "ة":
            parts.append("a?[ht]?")
        elif c in "عء":
            parts.append("[aiou]?")
        elif c in _ARABIC:
            silent = "?" if last and c in "حه" else ""
            parts.append(f"{'' if at == 0 else _SHORT}{_ARABIC[c]}{silent}")
    return re.compile("".join(parts))


_PLAIN = (
    ("shch", "s"), ("tsch", "c"), ("tch", "c"), ("dsch", "i"), ("dj", "i"), ("sch", "s"), ("sh", "s"), ("ch", "c"),
    ("cz", "c"), ("sz", "s"), ("kh", "h"), ("ph", "f"), ("th", "t"), ("gh", "g"), ("dh", "d"), ("zh", "z"), ("ck", "k"),
    ("ts", "c"), ("tz", "c"), ("x", "ks"), ("q", "k"), ("w", "v"), ("oo", "U"), ("ou", "U"), ("ee", "I"), ("ei", "I"),
    ("ey", "I"), ("j", "i"), ("y", "i"), ("e", "i"),
)  # fmt: skip


@lru_cache(maxsize=20_000)
def plain(word: str) -> str:
    """A Latin spelling without what languages spell differently; U and I stand for vowels that are written as long."""
    for many, one in _PLAIN:
        word = word.replace(many, one)
    word = re.sub(r"(.)\1+", r"\1", word)
    return word.removesuffix("h") if len(word) > 3 else word


@lru_cache(maxsize=20_000)
def _soft(word: str) -> str:
    """`plain`, with long vowels short: Shouta and Shota, Ohno and Ono, Oono and Ono."""
    return re.sub(
        r"(.)\1+", r"\1", re.sub(r"(?<=[aiou])h(?![aiou])", "", plain(word).lower()).replace("u", "o")
    )


@lru_cache(maxsize=20_000)
def may_be(foreign: str, latin: str) -> bool:
    """Whether a folded word of another script can be the Latin one; one slip in five letters is let pass."""
    if any("\u0600" <= c <= "\u06ff" for c in foreign):
        return _pattern(foreign).fullmatch(plain(latin)) is not None
    other = _soft(latin)
    for spelled in spellings(foreign):
        mine = _soft(spelled)
        if mine == other or (
            min(len(mine), len(other)) >= 5 and OSA.distance(mine, other, score_cutoff=1) <= 1
        ):
            return True
    return False
