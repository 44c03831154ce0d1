"""Resolution: from records that the sources gave to customers. The map proposes whom to compare with, those are read, all
are judged, and what was found out is remembered: the links, never the data.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from adapters.base import KeyType, MatchKey
from adapters.records import Profile, RecordKind
from resolvers.errors import FieldPath
from resolvers.identity import keys as match_keys
from resolvers.identity import remembering
from resolvers.identity.carried import keys_of, renewed
from resolvers.identity.derivation import pair_of
from resolvers.identity.discovery import Discovery
from resolvers.identity.fan_out import FanOut, classify
from resolvers.identity.linking import Context, Judged, judge, reached
from resolvers.identity.matching.contacts import shared
from resolvers.identity.matching.keys import limit, of_person
from resolvers.identity.matching.model import SMALLEST, Model
from resolvers.identity.matching.person import Person, from_profile
from resolvers.identity.matching.scorer import Scorer
from resolvers.identity.members import Ref
from resolvers.identity.options import IdentityOptions
from resolvers.identity.store import Edge, IdentityStore, Neighbourhood, NewLinks, Outdated, Remembered
from resolvers.identity.tokens import Token, Tokens
from resolvers.loading import Loader
from resolvers.sources import Sources

log = logging.getLogger(__name__)

MOST_CANDIDATES = 100
"""Records that the map may propose for each record that is new or changed."""
MOST_CANDIDATES_AT_ONCE = 2000
"""The same for all records of one go."""
_TRIES = 5
_SIZE_FOR = 300.0
"""Seconds for which the size of the map is taken as known."""


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """The customer of each record that was wanted, what the contacts seen are worth, and the ids whose answers may have
    changed. `left_out`: records that were looked at and belong to none of the customers wanted. `open`: records that could
    not be compared with all that they may belong to, and will be judged again when they are seen next. `joins`: see
    `Remembered`.
    """

    customers: Mapping[Ref, str]
    fan_out: Mapping[Token, FanOut]
    touched: frozenset[str] = frozenset()
    left_out: frozenset[Ref] = frozenset()
    open: frozenset[Ref] = frozenset()
    joins: int = 0


class Resolver:
    """Safe for concurrent use; holds no personal data."""

    def __init__(
        self, store: IdentityStore, tokens: Tokens, sources: Sources, options: IdentityOptions, model: Model
    ) -> None:
        self._store, self._tokens, self._sources, self._options = store, tokens, sources, options
        self._model = model
        self._scorer = Scorer(model, 0)
        self._sized_at = -_SIZE_FOR

    async def settle(
        self, found: Discovery, wanted: frozenset[Ref], loader: Loader, path: FieldPath | None = None
    ) -> Settled:
        """Makes sure that the map knows the wanted records as they are now, and who they are."""
        found, wanted = _storable(found), frozenset(ref for ref in wanted if _is_storable(ref))
        people = {ref: self._person(profile) for ref, profile in found.profiles.items()}
        keys = {ref: self._keys(found.profiles[ref], person) for ref, person in people.items()}
        carried = {ref: frozenset(self._tokens.token(*key) for key in each) for ref, each in keys.items()}
        renewals = self._tokens.renewals(key for each in keys.values() for key in each)
        known = renewed(await self._store.carried(people), renewals)
        focus = frozenset(ref for ref in people if known.get(ref) != carried[ref])
        focus |= await self._unlinked(found.external, people)
        if focus.isdisjoint(wanted) or not focus:
            return await self._as_known(wanted, people, found)
        reborn = frozenset(r for r in focus if known.get(r) and known[r].isdisjoint(carried[r]))
        scorer = await self._ready()
        done: Settled | None = None
        for _ in range(_TRIES):
            case = _Case(
                focus=focus, reborn=reborn, people=dict(people), external=found.external, renewals=renewals
            )
            await self._fill(case, carried, scorer, loader, path)
            case.shared |= shared(case.people.values()) | self._crowded(found)
            await self._meet(case, scorer, loader, path)
            judged = judge(case.people.values(), focus, scorer, case.context())
            try:
                done = _after(done, await self._remember(case, judged, carried, wanted, found))
            except Outdated:
                continue
            if not await self._missed(case):
                return done
        if done is not None:
            return done
        raise RuntimeError("the identity map is too busy: customers change faster than they can be looked at")

    # --- steps ----------------------------------------------------------------------------------------------------------

    async def _fill(
        self,
        case: _Case,
        carried: Mapping[Ref, frozenset[Token]],
        scorer: Scorer,
        loader: Loader,
        path: FieldPath | None,
    ) -> None:
        """Adds the records that the map proposes, and what it knows of the focus' contacts."""
        contacts: dict[Token, str] = {}
        for ref in sorted(case.focus):
            person = case.people[ref]
            case.asked |= {
                t: limit(k.kind) for k in of_person(person) for t in self._tokens.forms_of(k.kind, k.value)
            }
            contacts |= {token: key.value for key in _contacts(person) for token in self._tokens.forms(key)}
        proposed, known = await asyncio.gather(self._candidates(case), self._store.keys(list(contacts)))
        case.proposed |= set(proposed)
        case.classes = {contacts[token]: key.fan_out for token, key in known.items() if key.shared}
        case.shared |= case.classes.keys()
        await self._read(case, proposed, loader, path)

    async def _candidates(self, case: _Case) -> Sequence[Ref]:
        most = min(MOST_CANDIDATES * len(case.focus), MOST_CANDIDATES_AT_ONCE)
        return await self._store.candidates(list(case.asked.items()), most)

    async def _missed(self, case: _Case) -> bool:
        """Whether others took in records meanwhile that should have been compared. Looked for when the focus is written: so
        of two that are taken in at once, at least one sees the other.
        """
        return not case.proposed.union(case.people).issuperset(await self._candidates(case))

    async def _meet(self, case: _Case, scorer: Scorer, loader: Loader, path: FieldPath | None) -> None:
        """Adds the other records of all customers that the focus may belong to."""
        near = reached(case.people.values(), case.focus, scorer, frozenset(case.shared)) | case.focus
        named = {ref for pair in case.external for ref in pair}
        case.around = await self._store.neighbourhood(near | named)
        await self._read(case, [ref for refs in case.around.clusters for ref in refs], loader, path)

    async def _read(self, case: _Case, refs: Iterable[Ref], loader: Loader, path: FieldPath | None) -> None:
        missing = [
            ref for ref in dict.fromkeys(refs)
            if ref not in case.people and ref not in case.gone and ref[0] in self._sources
            and RecordKind.PROFILE in self._sources.manifest(ref[0]).kinds
        ]  # fmt: skip
        outcomes = await asyncio.gather(*(loader.profile(*ref, frozenset(), path) for ref in missing))
        for ref, outcome in zip(missing, outcomes, strict=True):
            if outcome.value is not None:
                case.people[ref] = self._person(outcome.value)
            else:
                (case.unread if outcome.failure else case.gone).add(ref)

    async def _remember(
        self,
        case: _Case,
        judged: Judged,
        carried: Mapping[Ref, frozenset[Token]],
        wanted: frozenset[Ref],
        found: Discovery,
    ) -> Settled:
        groups = [g for g in judged.groups if not g.isdisjoint(wanted)]
        # a record that could not be compared with all is taken in without its keys, so that it is looked at again
        open_ = case.focus if case.unread - {r for c in case.around.clusters for r in c} else judged.open
        writing = case.focus & frozenset().union(*groups)
        news = [
            self._links(case, mine, judged.edges, carried, open_, writing)
            for group in groups
            if (mine := group & writing)
        ]
        if case.renewals:  # first, so that what two records share is what they shared before
            await self._store.rekeying.renew(case.renewals, remembering.named(news))
        done = await self._store.remember_all(news)
        customers = await self._store.by_records(wanted)
        if case.gone:
            await self._store.lost(case.gone)
        remembered = frozenset().union(*groups)
        fan_out = self._fan_out(
            case.people.values(), frozenset(case.shared), self._crowded(found), case.classes
        )
        await self._store.learnt({t: f for t, f in fan_out.items() if f is not FanOut.PERSONAL})
        return Settled(
            customers=customers,
            fan_out=fan_out,
            touched=_touched(done),
            left_out=frozenset(found.profiles) - remembered,
            open=open_ & writing,
            joins=sum(d.joins for d in done),
        )

    def _links(
        self,
        case: _Case,
        mine: frozenset[Ref],
        edges: Sequence[Edge],
        carried: Mapping[Ref, frozenset[Token]],
        open_: frozenset[Ref],
        writing: frozenset[Ref],
    ) -> NewLinks:
        records = tuple(sorted(mine))
        return NewLinks(
            records=records,
            # an edge between two people that are both written is written once
            edges=tuple(e for e in edges if e.a in mine or (e.b in mine and e.a not in writing)),
            tokens=tuple((t, ref) for ref in records if ref not in open_ for t in sorted(carried[ref])),
            considered=frozenset(case.people) | case.unread | case.gone,
        )

    async def _as_known(
        self, wanted: frozenset[Ref], people: Mapping[Ref, Person], found: Discovery
    ) -> Settled:
        """Nothing is new: the everyday case writes nothing."""
        customers = await self._store.by_records(wanted)
        mine = {
            ref
            for ref, owner in (await self._store.by_records(people)).items()
            if owner in set(customers.values())
        }
        common = shared(people.values()) | self._crowded(found)
        return Settled(
            customers=customers,
            fan_out=self._fan_out(people.values(), common, self._crowded(found), {}),
            touched=frozenset(customers.values()),
            left_out=frozenset(people) - mine,
        )

    # --- parts ----------------------------------------------------------------------------------------------------------

    def _person(self, profile: Profile) -> Person:
        return from_profile(profile, self._options.default_country)

    def _keys(self, profile: Profile, person: Person) -> frozenset[tuple[str, str]]:
        return frozenset(keys_of(profile, self._options.default_country, person))

    async def _unlinked(
        self, external: Iterable[tuple[Ref, Ref]], people: Mapping[Ref, Person]
    ) -> frozenset[Ref]:
        """Records that name another one by its number, and are not one customer with it yet."""
        pairs = [pair for pair in external if pair[0] in people and pair[1] in people]
        owners = await self._store.by_records({ref for pair in pairs for ref in pair}) if pairs else {}
        return frozenset(a for a, b in pairs if owners.get(a, a) != owners.get(b, b))

    def _crowded(self, found: Discovery) -> frozenset[str]:
        return frozenset(k.value for k in found.crowded if k.type in (KeyType.EMAIL, KeyType.PHONE))

    def _fan_out(
        self,
        people: Iterable[Person],
        common: frozenset[str],
        crowded: frozenset[str],
        known: Mapping[str, FanOut],
    ) -> dict[Token, FanOut]:
        """The class of every contact seen. One that the map knows as shared stays so, whoever is seen with it today."""
        carriers: dict[MatchKey, list[Person]] = defaultdict(list)
        for person in people:
            for key in _contacts(person):
                carriers[key].append(person)
        found = {}
        for key, group in carriers.items():
            fan_out = FanOut.PERSONAL
            if key.value in common or match_keys.is_role(key):
                fan_out = classify(group, key, crowded=key.value in crowded)
            if fan_out is FanOut.PERSONAL and key.value in common:
                fan_out = known.get(key.value, FanOut.HOUSEHOLD)
            found[self._tokens.of(key)] = fan_out
        return found

    async def _ready(self) -> Scorer:
        """The scorer for the map's size, in steps of two: a score does not change with every record."""
        if time.monotonic() - self._sized_at > _SIZE_FOR:
            self._sized_at = time.monotonic()
            size = max(SMALLEST, await self._store.size())
            self._scorer = Scorer(self._model, SMALLEST * 2 ** ((size - 1) // SMALLEST).bit_length())
        return self._scorer


class _Case(msgspec.Struct, kw_only=True):
    """What is gathered before the focus can be judged."""

    focus: frozenset[Ref]
    reborn: frozenset[Ref]
    renewals: Mapping[Token, Token]  # previous -> current, of all keys seen; none where no secret is rotated
    people: dict[Ref, Person]
    external: frozenset[tuple[Ref, Ref]]
    shared: set[str] = msgspec.field(default_factory=set)
    classes: dict[str, FanOut] = msgspec.field(
        default_factory=dict
    )  # of contacts that the map knows as shared
    asked: dict[Token, int] = msgspec.field(default_factory=dict)  # by how many records each may be carried
    proposed: set[Ref] = msgspec.field(default_factory=set)
    around: Neighbourhood = Neighbourhood()
    unread: set[Ref] = msgspec.field(default_factory=set)
    gone: set[Ref] = msgspec.field(default_factory=set)

    def context(self) -> Context:
        return Context(
            clusters=self.around.clusters,
            forbidden=self.around.forbidden,
            confirmed=self.around.confirmed,
            unread=frozenset(self.unread),
            reborn=self.reborn,
            shared=frozenset(self.shared),
            external=frozenset(pair_of(a, b) for a, b in self.external),
        )


def _storable(found: Discovery) -> Discovery:
    """Without records that no database could name: a source that sends such ids costs its own records only."""
    odd = [ref for ref in found.profiles if not _is_storable(ref)]
    if not odd:
        return found
    log.warning(
        "records with unusable ids left out",
        extra={"sources": sorted({s for s, _ in odd}), "records": len(odd)},
    )
    return msgspec.structs.replace(
        found,
        profiles={ref: p for ref, p in found.profiles.items() if _is_storable(ref)},
        external=frozenset(pair for pair in found.external if all(map(_is_storable, pair))),
    )


def _is_storable(ref: Ref) -> bool:
    record_id = ref[1]
    return (
        1 <= len(record_id) <= 255
        and "\0" not in record_id
        and not any("\ud800" <= c <= "\udfff" for c in record_id)
    )


def _contacts(person: Person) -> list[MatchKey]:
    emails = [MatchKey(KeyType.EMAIL, e) for e in (*person.emails, *person.shared_emails)]
    return emails + [MatchKey(KeyType.PHONE, p) for p in person.phones]


def _after(first: Settled | None, then: Settled) -> Settled:
    """What two goes in a row came to."""
    if first is None:
        return then
    touched, joins = first.touched | then.touched, first.joins + then.joins
    return msgspec.structs.replace(then, touched=touched, joins=joins)


def _touched(done: Iterable[Remembered]) -> frozenset[str]:
    return frozenset().union(*(d.touched for d in done))
