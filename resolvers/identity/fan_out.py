"""Fan-out: how many people a key leads to, which decides whether it is evidence of one person.

`classify` judges a contact by those who carry it. The first rule that fits decides:

1. JUNK: blocked (noreply@, 000…), or crowded: more records carry it than say anything.
2. The address of a function (info@) is a COMPANY's, one of a family (familie.weber@) a HOUSEHOLD's, whoever carries it.
3. PERSONAL: nobody contradicts anybody (see `contacts.contradict`).
4. From here on there are several people; those who share a family name are one family. An e-mail address is a HOUSEHOLD's
   when it, or its domain, is named after all families (klein.weber@, eva@klein-weber.example), or when it is a free provider's
   and one family's name (weber@).
5. One family is a HOUSEHOLD, unless its members live apart and use one company's domain.
6. All families at one postal address are a HOUSEHOLD, up to three of them; three that use one company's domain are none.
7. Everything else, such as a switchboard, is a COMPANY's.

Where nothing tells the two apart it is a COMPANY: people are then shown as related by their work, not as a family.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import combinations

from adapters.base import KeyType, MatchKey
from resolvers.identity import keys as match_keys
from resolvers.identity.matching.contacts import contradict
from resolvers.identity.matching.keys import Kind, limit
from resolvers.identity.matching.levels import LEVELS, MISSING, family, given
from resolvers.identity.matching.person import Person, unaccented
from resolvers.identity.names import fold


class FanOut(StrEnum):
    """Only a personal key links. People who share a household's or a company's key are related, not one."""

    PERSONAL = "personal"
    HOUSEHOLD = "household"
    COMPANY = "company"
    JUNK = "junk"


MAX_CARRIERS = limit(Kind.EMAIL)
"""Records that carry a contact of somebody; the same for phone numbers."""
MAX_FAMILIES = 3
"""Families that one household may consist of: a couple and a parent, or a shared flat."""

_SHORTEST = 3
"""Letters of a name that is looked for in an address."""
_SAME_FAMILY = LEVELS["family"].index("close")
_OTHER_GIVEN = LEVELS["given"].index("different")

# providers whose addresses say nothing about who somebody works for
_FREE_MAIL = frozenset(
    """163.com 126.com a1.net alice.it aol.com aol.de aon.at arcor.de att.net bigpond.com bk.ru bluewin.ch bol.com.br
    btinternet.com chello.at comcast.net cox.net docomo.ne.jp duck.com email.de ezweb.ne.jp fastmail.com free.fr
    freenet.de gmail.com googlemail.com hanmail.net hetnet.nl hey.com icloud.com inbox.ru interia.pl kabelmail.de
    kpnmail.nl laposte.net libero.it list.ru live.com live.de live.nl mac.com magenta.at mail.com mail.ru mailbox.org
    me.com mynet.com naver.com netcologne.de ntlworld.com o2.pl onet.eu onet.pl online.de op.pl optonline.net orange.fr
    planet.nl posteo.de posteo.net poczta.fm poczta.onet.pl privaterelay.appleid.com proton.me protonmail.com pm.me
    qq.com rambler.ru rediffmail.com rocketmail.com sbcglobal.net seznam.cz sfr.fr shaw.ca sky.com skynet.be
    sympatico.ca t-online.de talktalk.net telenet.be terra.com.br tiscali.it tlen.pl tuta.com tutanota.com ukr.net
    uol.com.br vodafone.de verizon.net virgilio.it virginmedia.com vp.pl wanadoo.fr web.de wp.pl xs4all.nl yeah.net
    ziggo.nl zoho.com""".split()
)
_FREE_MAIL_EVERYWHERE = frozenset("gmx hotmail msn outlook yahoo yandex ymail".split())
"""Providers with a domain in many countries: yahoo.fr, outlook.com.tr."""


def classify(carriers: Sequence[Person], key: MatchKey, *, crowded: bool) -> FanOut:
    """What the carriers of a contact say about it. Pure; compares all pairs of up to MAX_CARRIERS.

    `key` is the canonical form; `crowded`: more records carry it than that, whether or not they are all given here. A key that
    is no e-mail address or phone number is PERSONAL, unless it is crowded.
    """
    if crowded or len(carriers) > MAX_CARRIERS or match_keys.is_blocked(key):
        return FanOut.JUNK
    if match_keys.is_household(key):
        return FanOut.HOUSEHOLD
    if match_keys.is_role(key):
        return FanOut.COMPANY
    pairs = [(a, b) for a, b in combinations(carriers, 2) if contradict(a, b)]
    if not pairs or key.type not in (KeyType.EMAIL, KeyType.PHONE):
        return FanOut.PERSONAL
    return FanOut.HOUSEHOLD if _is_household(pairs, key) else FanOut.COMPANY


def _is_household(pairs: Sequence[tuple[Person, Person]], contact: MatchKey) -> bool:
    """`pairs`: those who contradict each other."""
    people = list({id(p): p for pair in pairs for p in pair}.values())
    families = _families(people)
    if _is_named_after(contact, families):
        return True
    company = _is_of_company(pairs, families, contact)
    if len(families) == 1:
        return not (company and _live_apart(pairs))
    if len(families) > MAX_FAMILIES or (len(families) == MAX_FAMILIES and company):
        return False
    return bool(set.intersection(*({place for p in f if (place := _place(p))} for f in families)))


def _families(people: Sequence[Person]) -> list[list[Person]]:
    """People by family name; whoever has none is with a namesake, else alone."""
    groups: list[list[Person]] = []
    for person in people:
        related = [g for g in groups if any(_is_related(person, other) for other in g)]
        groups = [g for g in groups if g not in related]
        groups.append([person, *(other for g in related for other in g)])
    return groups


def _is_related(a: Person, b: Person) -> bool:
    if a.family and b.family:
        return MISSING < family(a, b) <= _SAME_FAMILY
    if not (a.family or a.given or b.family or b.given):
        return not contradict(a, b)
    return MISSING < given(a, b) < _OTHER_GIVEN


def _place(person: Person) -> tuple[str, str, str] | None:
    """Where somebody lives, as far as it tells one house from another."""
    where = person.postcode or person.city
    return (person.street, person.house_number, where) if person.street and where else None


def _live_apart(pairs: Sequence[tuple[Person, Person]]) -> bool:
    """Whether different people have different addresses, and none of them the same."""
    places = [(x, y) for a, b in pairs if (x := _place(a)) and (y := _place(b))]
    return bool(places) and all(x != y for x, y in places)


def _is_named_after(contact: MatchKey, families: Sequence[Sequence[Person]]) -> bool:
    if contact.type is not KeyType.EMAIL:
        return False
    names = [_names(f) for f in families]
    local, _, domain = contact.value.rpartition("@")
    letters = _letters(local)
    is_one_name = any(letters in of_family for of_family in names)
    if len(names) == 1:
        return is_one_name  # hans.weber@ is Hans's
    if is_one_name and _is_free_mail(domain) and len(names) <= MAX_FAMILIES:
        return True
    return _holds_all(letters, names) or _is_domain_of(domain, names)


def _is_domain_of(domain: str, names: Sequence[set[str]]) -> bool:
    return not _is_free_mail(domain) and _holds_all(_letters(domain.rpartition(".")[0]), names)


def _holds_all(letters: str, names: Sequence[set[str]]) -> bool:
    return all(any(name in letters for name in of_family) for of_family in names)


def _letters(text: str) -> str:
    return unaccented("".join(c for c in fold(text) if c.isalpha()))


def _names(people: Sequence[Person]) -> set[str]:
    return {unaccented(p.family) for p in people if len(p.family) >= _SHORTEST}


def _is_of_company(
    pairs: Sequence[tuple[Person, Person]], families: Sequence[Sequence[Person]], contact: MatchKey
) -> bool:
    """Whether different people use one domain that is neither a mail provider's nor named after all of them."""
    names = [_names(f) for f in families]
    own = _domains([contact.value]) if contact.type is KeyType.EMAIL else set[str]()
    common = own.union(*(_domains_of(a) & _domains_of(b) for a, b in pairs))
    return any(not _is_domain_of(domain, names) for domain in common)


def _domains_of(person: Person) -> set[str]:
    return _domains((*person.emails, *person.shared_emails))


def _domains(addresses: Iterable[str]) -> set[str]:
    return {d for address in addresses if not _is_free_mail(d := address.rpartition("@")[2])}


def _is_free_mail(domain: str) -> bool:
    return domain in _FREE_MAIL or domain.partition(".")[0] in _FREE_MAIL_EVERYWHERE
