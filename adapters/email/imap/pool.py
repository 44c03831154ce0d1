"""A few worker threads with a connection each, so that blocking IMAP never holds the event loop."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from adapters.base import Call
from adapters.email.imap.failures import broke_off, source_error
from adapters.email.imap.session import Session
from adapters.email.imap.settings import ImapSettings
from adapters.errors import SourceError, SourceRejected, SourceTimeout, SourceUnavailable
from adapters.kit.pace import Pace

T = TypeVar("T")

_IDLE = 60.0  # seconds after which a connection is not trusted any more: firewalls forget it without a word


class _Stale(Exception):
    """A connection that was kept had gone meanwhile."""


class Pool:
    """Runs jobs on at most `max_connections` threads and connections. A connection that failed is never used again."""

    def __init__(self, source: str, settings: ImapSettings) -> None:
        self._source, self._settings = source, settings
        self._places = asyncio.Semaphore(settings.max_connections)
        self._pace = Pace(source, settings.requests_per_second)
        self._threads: ThreadPoolExecutor | None = None
        self._idle: list[Session] = []
        self._busy: set[Session] = set()
        self.commands = 0  # sent so far, signing in included

    async def run(self, operation: str, call: Call, work: Callable[[Session], T]) -> T:
        """Does `work` on a connection, within the whole-call timeout and the caller's deadline.

        Everything that is done here only reads, so what failed for want of a connection is tried again.
        """
        deadline = min(call.deadline, time.monotonic() + self._settings.call_timeout)
        tried = 0
        while True:
            try:
                return await self._once(operation, deadline, work)
            except _Stale:
                continue  # there are only so many to find out about
            except SourceUnavailable as error:
                tried += 1
                delay = random.uniform(0.5, 1.0) * 0.1 * 2**tried
                last = tried > self._settings.retries or isinstance(error, SourceRejected)
                if last or time.monotonic() + delay >= deadline:
                    raise
                await asyncio.sleep(delay)

    async def aclose(self) -> None:
        """Closes kept connections, and cuts those in use."""
        for session in self._busy:
            session.cut()
        for session in self._idle:
            session.close()
        self._idle.clear()
        if self._threads is not None:
            self._threads.shutdown(wait=False)
            self._threads = None

    async def _once(self, operation: str, deadline: float, work: Callable[[Session], T]) -> T:
        session: Session | None = None
        job: asyncio.Future[T] | None = None
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                await asyncio.sleep(0)  # a deadline that has passed is noticed here
                await self._places.acquire()
                try:
                    await self._pace.wait(operation, deadline)
                except BaseException:
                    self._places.release()
                    raise
                session = self._session()
                job = self._start(operation, session, work)
                return await asyncio.shield(job)
        except TimeoutError:
            raise SourceTimeout(self._source, operation, "deadline or whole-call timeout") from None
        finally:
            if session is not None and job is not None and not job.done():
                session.cut()  # time is up, or nobody waits any more

    def _session(self) -> Session:
        """The connection used last, because it is the likeliest to be alive, or a new one."""
        newest = time.monotonic() - _IDLE
        for session in [kept for kept in self._idle if kept.used < newest]:
            self._idle.remove(session)
            session.close()
        return self._idle.pop() if self._idle else Session(self._settings)

    def _start(self, operation: str, session: Session, work: Callable[[Session], T]) -> asyncio.Future[T]:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self._settings.max_connections, f"imap-{self._source}")
        self._busy.add(session)
        before = session.commands
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._threads, partial(self._work, operation, session, work))
        future.add_done_callback(partial(self._done, session, before))
        return future

    def _done(self, session: Session, commands_before: int, future: asyncio.Future[T]) -> None:
        """The thread has come back: its connection is kept if all went well."""
        self._busy.discard(session)
        self._places.release()
        self.commands += session.commands - commands_before
        failed = future.cancelled() or future.exception() is not None
        if failed or session.is_cut or self._threads is None:
            session.close()
        else:
            session.used = time.monotonic()
            self._idle.append(session)

    def _work(self, operation: str, session: Session, work: Callable[[Session], T]) -> T:
        """On the thread: the work, its failure as one error of the tree."""
        kept = session.commands > 0
        try:
            session.ready()
            return work(session)
        except Exception as error:
            gone = broke_off(error)
            session.close()
            if isinstance(error, SourceError):
                raise
            if kept and gone:
                raise _Stale from None
            raise source_error(self._source, operation, error) from None
