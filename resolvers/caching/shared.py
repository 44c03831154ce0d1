"""The layer that replicas share in Redis: sealed entries, the generations of their tags, and leases on what is being fetched.

Each tag has a generation, a random word that lies beside the entries; an entry holds those that its tags had when it was
written. Dropping a tag deletes its generation, so that all its entries are unreadable at once, whoever wrote them and however
late: the next writer makes a new one. Redis failing in any way is a miss, and it is left alone for a moment.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from redis.asyncio import Redis

from resolvers.cache import Cache
from resolvers.caching import forms
from resolvers.caching.asks import Ident
from resolvers.caching.counting import Counts, NoCounts
from resolvers.caching.local import Entry
from resolvers.caching.sealing import Sealer
from resolvers.caching.tags import scope

PREFIX = "c360:"
WITHIN = 1.0
"""Seconds that Redis has for one exchange."""
REST = 2.0
"""Seconds that it is left alone after one that failed."""
SKEW = 60.0
"""Seconds that the clocks of replicas may be apart; what was written further in the future is not believed."""
_MARK_SECONDS = 86_400

_RELEASE = (
    "for _, key in ipairs(KEYS) do if redis.call('get', key) == ARGV[1] then redis.call('del', key) end end"
)
log = logging.getLogger(__name__)

Mark = bytes | None
"""A word that changes with each drop in a scope: taken before a fetch, it tells whether there was one since."""
_encode = msgspec.msgpack.encode


class Shared:
    """Entries that all replicas with the same secret can read. Nothing here raises: what cannot be done is a miss."""

    def __init__(
        self,
        cache: Cache,
        client: Redis,
        secret: str,
        *,
        longest: float,
        counts: Counts | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`cache` holds the entries, `client` speaks to the same database; both are closed elsewhere. No entry lives longer than
        `longest` seconds.
        """
        self.client, self.sealer = client, Sealer(secret, forms.fingerprint())
        self._cache, self._longest, self._clock = cache, max(1.0, longest), clock
        self._counts = counts or NoCounts()
        self._rest_until = 0.0
        self._me = secrets.token_hex(12)
        self.failures = 0
        self.pending: set[str] = set()
        """Tags whose drop Redis has not heard of: until it has, nothing is read from it."""

    @property
    def resting(self) -> bool:
        """Whether Redis is left alone now."""
        return bool(self.pending) or time.monotonic() < self._rest_until

    async def get(
        self,
        source: str,
        kind: str,
        idents: Iterable[Ident],
        tags: Mapping[Ident, tuple[str, ...]],
        scope: str,
    ) -> tuple[dict[Ident, Entry], Mark]:
        """The entries that are there, not over and not dropped; and the scope's mark. `tags` are those that can be told
        beforehand.
        """
        if self.resting:
            return {}, None
        names = {ident: self._name(ident) for ident in idents}
        generations = {tag: self._generation(tag) for ident in names for tag in tags.get(ident, ())}
        *raws, mark = await self._read([*names.values(), *generations.values(), self._mark(scope)]) or [None]
        if not raws:
            return {}, mark
        found = self._opened(source, kind, dict(zip(names.items(), raws, strict=False)))
        current = dict(zip(generations, raws[len(names) :], strict=True))
        unknown = {tag for entry, _ in found.values() for tag in entry.tags} - current.keys()
        if unknown:
            more = await self._read([self._generation(tag) for tag in unknown])
            current.update(zip(unknown, more or [None] * len(unknown), strict=True))
        return {ident: entry for ident, (entry, then) in found.items() if _holds(entry, then, current)}, mark

    async def put(self, entries: Mapping[Ident, Entry], scope: str, mark: Mark) -> None:
        """Writes entries that were fetched after `mark` was taken."""
        now = self._clock()
        entries = {ident: e for ident, e in entries.items() if e.until - now >= 1}
        if not entries or self.resting:
            return
        tags = list(dict.fromkeys(tag for entry in entries.values() for tag in entry.tags))
        current = await self._renewed(tags, scope, mark)
        if current is None:
            return
        by_end: dict[float, dict[str, bytes]] = {}
        for ident, entry in entries.items():
            name = self._name(ident)
            plain = forms.to_bytes(entry, tuple(current[tag] for tag in entry.tags))
            by_end.setdefault(entry.until, {})[name] = self.sealer.seal(plain, name)
        for until, values in by_end.items():
            await self._cache.set(values, min(until - now, self._longest))

    async def lease(self, idents: Iterable[Ident], seconds: float) -> tuple[set[Ident], set[Ident]]:
        """The items that nobody else is fetching, leased to this process for so long, and the others.

        Without Redis, all are ours.
        """
        wanted = list(idents)
        if self.resting:
            return set(wanted), set()
        pipe = self.client.pipeline(transaction=False)
        for ident in wanted:
            pipe.set(self._lease(ident), self._me, nx=True, px=max(1, int(seconds * 1000)))
        given = await self._exchange(pipe.execute())
        if given is None:
            return set(wanted), set()
        mine = {ident for ident, was_set in zip(wanted, given, strict=True) if was_set}
        return mine, set(wanted) - mine

    async def release(self, idents: Iterable[Ident]) -> None:
        """Ends leases of this process."""
        names = [self._lease(ident) for ident in idents]
        if names and not self.resting:
            await self._exchange(self.client.eval(_RELEASE, len(names), *names, self._me))

    async def leased(self, idents: Iterable[Ident]) -> set[Ident]:
        """Those that somebody is fetching."""
        wanted = list(idents)
        raws = (
            None if self.resting else await self._exchange(self.client.mget([self._lease(i) for i in wanted]))
        )
        return {ident for ident, raw in zip(wanted, raws or (), strict=False) if raw is not None}

    async def drop(self, tags: frozenset[str], message: tuple[str, bytes]) -> bool:
        """Makes everything with these tags unreadable, and publishes the message. False where Redis did not hear it."""
        pipe = self.client.pipeline(transaction=True)
        pipe.unlink(*(PREFIX + self._generation(tag) for tag in tags))
        for each in {scope(tag) for tag in tags}:
            pipe.set(PREFIX + self._mark(each), secrets.token_bytes(12), ex=_MARK_SECONDS)
        pipe.publish(*message)
        return await self._exchange(pipe.execute()) is not None

    def _opened(
        self, source: str, kind: str, raws: Mapping[tuple[Ident, str], bytes | None]
    ) -> dict[Ident, tuple[Entry, tuple[bytes, ...]]]:
        found = {}
        unreadable, now = 0, self._clock()
        for (ident, name), raw in raws.items():
            if raw is None:
                continue
            plain = self.sealer.open(raw, name)
            pair = forms.from_bytes(kind, plain) if plain is not None else None
            if pair is None:
                unreadable += 1
            elif pair[0].until > now and pair[0].at <= now + SKEW:
                found[ident] = pair
        if unreadable:
            self._counts.cached(source, kind, "unreadable", unreadable)
        return found

    async def _renewed(self, tags: list[str], scope: str, mark: Mark) -> dict[str, bytes] | None:
        """The generations of the tags, made where there is none; None where something was dropped since the mark was taken.

        In this order: a drop before the mark is compared is seen by it, one after it deletes the generations that we hold.
        """
        pipe = self.client.pipeline(transaction=True)
        keep = int((self._longest + _MARK_SECONDS) * 1000)
        for tag in tags:
            key = PREFIX + self._generation(tag)
            pipe.set(key, secrets.token_bytes(9), nx=True, px=keep)
            pipe.pexpire(key, keep)
            pipe.get(key)
        pipe.get(PREFIX + self._mark(scope))
        answers = await self._exchange(pipe.execute())
        if answers is None or answers[-1] != mark:
            return None
        current = dict(zip(tags, answers[2:-1:3], strict=True))
        return None if None in current.values() else current

    async def _read(self, names: list[str]) -> list[bytes | None] | None:
        before = getattr(self._cache, "failures", 0)
        raws = await self._cache.get(names)
        if getattr(self._cache, "failures", 0) != before:
            self._failed("get")
            return None
        return raws

    async def _exchange(self, exchange: Any) -> Any:
        """What Redis answers; None when it does not."""
        try:
            async with asyncio.timeout(WITHIN):
                return await exchange
        except Exception as error:  # whatever the driver raises
            self._failed(type(error).__name__)
            return None

    def _failed(self, what: str) -> None:
        self.failures += 1
        self._rest_until = time.monotonic() + REST
        log.warning("the shared cache failed", extra={"error": what})

    def _name(self, ident: Ident) -> str:
        return self.sealer.name("e", _encode(ident))

    def _generation(self, tag: str) -> str:
        return self.sealer.name("g", tag.encode())

    def _mark(self, scope: str) -> str:
        return self.sealer.name("m", scope.encode())

    def _lease(self, ident: Ident) -> str:
        return PREFIX + self.sealer.name("l", _encode(ident))


def _holds(entry: Entry, then: tuple[bytes, ...], current: Mapping[str, bytes | None]) -> bool:
    """Whether none of its tags was dropped since it was written."""
    return all(current.get(tag) == generation for tag, generation in zip(entry.tags, then, strict=True))
