"""Rotation: gives everything that is kept under the previous secret its name under the current one, while gateways answer.

Every record that carries keys of another version is read from its source again, and its keys are renamed, also where records
carry them that it was compared with. Records that cannot be read stay under the previous secret, and are found by it. A run
that is killed goes on where it was: what has been renamed is not of another version any more.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from adapters.base import Adapter
from adapters.errors import SourceError
from adapters.records import Profile, RecordKind
from resolvers.identity.members import Ref
from resolvers.identity.rekeying import Left
from resolvers.identity.store import IdentityStore
from resolvers.identity.sync import Stage
from resolvers.identity.tokens import Token, Tokens
from resolvers.patience import Patience, Sleep, Stopped, ask, unless_stopped
from resolvers.sources import Sources

PAGE = 100
"""Records that are renamed in one transaction."""
_AT_ONCE = 4
"""Records that are asked for at once where a source reads them one by one."""
_ENOUGH = 5
"""Records with known keys of which at least one must be recognised, or the previous secret is not the one it should be."""

KeysOf = Callable[[Profile], Iterable[tuple[str, str]]]
"""The kinds and values of all keys that the map keeps of a record."""

log = logging.getLogger(__name__)


class RotationError(Exception):
    """The rotation cannot go on. Its text is for the operator."""


class Report(msgspec.Struct, kw_only=True):
    """What a run did with a source's records: of `found` under another secret, `renewed` were read and renamed, and `gone`
    the source has no longer, so that no key finds them any more. Others may have been renamed with those that they share
    their keys with. `unread` are in the end as they were; `problem` says why.
    """

    source: str
    found: int
    stage: Stage = Stage.READING
    renewed: int = 0
    gone: int = 0
    unread: int = 0
    waited: float = 0.0
    pause: float = 0.0
    problem: str | None = None


class Rotation:
    """One run. It does nothing where nothing is of another version."""

    def __init__(
        self,
        store: IdentityStore,
        tokens: Tokens,
        sources: Sources,
        keys_of: KeysOf,
        *,
        told: Callable[[Report], None] = lambda report: None,
        stop: asyncio.Event | None = None,
        patience: Patience | None = None,
        page: int = PAGE,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """`stop` ends the run after the page that is at work."""
        self._store, self._tokens, self._sources, self._keys_of = store, tokens, sources, keys_of
        self._told, self._stop = told, stop or asyncio.Event()
        self._patience, self._page, self._sleep = patience or Patience(), page, sleep
        self._id = uuid.uuid4().hex

    async def run(self) -> list[Report]:
        """Reads and renames, the sources side by side. Raises RotationError where no previous secret is known, or a wrong one."""
        counts = await self._store.rekeying.behind(self._tokens.version)
        if counts and not self._tokens.rotating:
            raise RotationError(
                "identity.previous_secret is not set, so that what was made with it cannot be renamed"
            )
        reports = [Report(source=name, found=count) for name, count in counts.items()]
        work = [asyncio.ensure_future(self._source(report)) for report in reports]
        try:
            await asyncio.gather(*work)
        finally:
            for each in work:
                each.cancel()
            await asyncio.gather(*work, return_exceptions=True)
        left = await self._store.rekeying.behind(self._tokens.version)
        for report in reports:
            report.unread = left.get(report.source, 0)
        return reports

    async def finish(self) -> tuple[Left, bool]:
        """Removes or replaces what is still of another version. Returns what that was, and whether its bytes are gone too."""
        left = await self._store.rekeying.left(self._tokens.version)
        clean = await self._store.rekeying.finish(
            self._tokens.version, self._tokens.retired, self._tokens.sealed
        )
        return left, clean

    async def _source(self, report: Report) -> None:
        try:
            adapter = self._sources.get(report.source)
            if adapter is None:
                report.stage, report.problem = Stage.FAILED, "is not in the settings"
            else:
                await self._renew_all(adapter, report)
                report.stage = Stage.DONE
        except Stopped:
            report.stage = Stage.STOPPED
        except SourceError as error:
            report.stage, report.problem = Stage.FAILED, f"{error.summary} ({error.detail or error.code})"
        except RotationError:
            raise
        except Exception as error:  # the store's, or a fault of ours: the other sources go on
            log.exception("a page could not be renamed", extra={"source": report.source})
            report.stage, report.problem = Stage.FAILED, f"could not be renamed ({type(error).__name__})"
        self._told(report)

    async def _renew_all(self, adapter: Adapter, report: Report) -> None:
        last: str | None = None
        while True:
            if self._stop.is_set():
                raise Stopped
            ids = await self._store.rekeying.page(self._tokens.version, adapter.name, last, self._page)
            if not ids:
                return
            profiles = await unless_stopped(
                self._stop, asyncio.ensure_future(self._read(adapter, ids, report))
            )
            await self._renew(adapter.name, ids, profiles, report)
            self._told(report)
            last = ids[-1]

    async def _read(self, adapter: Adapter, ids: Sequence[str], report: Report) -> dict[str, Profile]:
        def told(seconds: float) -> None:
            report.waited += seconds
            report.stage, report.pause = Stage.WAITING, seconds
            self._told(report)

        found: dict[str, Profile] = {}
        support = adapter.manifest.kinds.get(RecordKind.PROFILE)
        size = max(_AT_ONCE, support.batch if support else 1)
        for start in range(0, len(ids), size):
            some = ids[start : start + size]
            found |= await ask(
                adapter.name, "read", lambda call, some=some: adapter.read(some, frozenset(), call),  # type: ignore[misc]
                patience=self._patience, waiting=told, correlation_id=self._id, sleep=self._sleep,
            )  # fmt: skip
        report.stage, report.pause = Stage.READING, 0.0
        return found

    async def _renew(
        self, source: str, ids: Sequence[str], profiles: Mapping[str, Profile], report: Report
    ) -> None:
        read = [(source, i) for i in ids if i in profiles]
        pairs = (pair for i in ids if i in profiles for pair in self._keys_of(profiles[i]))
        renewals = self._tokens.renewals(pairs)
        await self._check_secret(read, renewals)
        await self._store.rekeying.settle(self._tokens.version, renewals, read, self._tokens.retired)
        gone = [(source, i) for i in ids if i not in profiles]
        await self._store.lost(gone)
        report.renewed += len(read)
        report.gone += len(gone)

    async def _check_secret(self, refs: Sequence[Ref], renewals: Mapping[Token, Token]) -> None:
        """A wrong previous secret would make every key of every record look like one that the record has no longer."""
        kept = {ref: tokens for ref, tokens in (await self._store.carried(refs)).items() if tokens}
        known = renewals.keys() | set(renewals.values())
        if len(kept) >= _ENOUGH and all(known.isdisjoint(tokens) for tokens in kept.values()):
            raise RotationError(
                f"the keys of {len(kept)} records of {refs[0][0]} were not made with identity.previous_secret: "
                "is it the right one, and identity.secret_version one more than before?"
            )
