"""Documents that clients name by their hash: trusted ones from a manifest, and automatic persisted queries."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

from graphql import GraphQLError

from gateway.errors import Code
from gateway.execution.documents import BadDocument
from gateway.execution.manifest import bare, sha256
from gateway.request import Question, Refused


class Persisted:
    """Finds a question's document. What clients have registered is bounded; the least recently used goes first."""

    def __init__(
        self,
        trusted: Mapping[str, str],
        *,
        only: bool = False,
        automatic: bool = True,
        max_entries: int = 1000,
        max_characters: int = 4_000_000,
    ) -> None:
        """`trusted` documents by hash. `max_characters` bounds the sum of the registered texts."""
        self._trusted = {bare(hash_): text for hash_, text in trusted.items()}
        self._texts = frozenset(self._trusted.values())
        self._only = only
        self._automatic = automatic and not only
        self._max_entries = max_entries
        self._max_characters = max_characters
        self._registered: OrderedDict[str, str] = OrderedDict()
        self._characters = 0

    def __len__(self) -> int:
        return len(self._registered)

    def text(self, asked: Question, *, free: bool = False) -> str:
        """The document. `free` lets every text through. Raises Refused or BadDocument."""
        hash_ = asked.document_hash
        if hash_ is None:
            return self._allowed(asked.query, free)
        known = self._trusted.get(hash_) or self._registered.get(hash_)
        if asked.query:
            if known != asked.query and sha256(asked.query) != hash_:
                raise _bad("provided sha does not match query")
            return self._allowed(asked.query, free)
        if known is not None:
            if hash_ in self._registered:
                self._registered.move_to_end(hash_)
            return known
        raise self._unknown()

    def register(self, asked: Question) -> None:
        """Keeps a valid document that came with its hash."""
        hash_, text = asked.document_hash, asked.query
        if not (self._automatic and hash_ and text) or hash_ in self._trusted:
            return
        if hash_ in self._registered:
            self._registered.move_to_end(hash_)
            return
        if sha256(text) != hash_:
            return
        self._registered[hash_] = text
        self._characters += len(text)
        while len(self._registered) > self._max_entries or self._characters > self._max_characters:
            _, old = self._registered.popitem(last=False)
            self._characters -= len(old)

    def _allowed(self, text: str, free: bool) -> str:
        if self._only and not free and text not in self._texts:
            problem = (
                "this gateway runs trusted documents only: add the document to its manifest (c360 documents add), "
                "then send its hash"
            )
            raise Refused(403, Code.FORBIDDEN, problem)
        return text

    def _unknown(self) -> Exception:
        if self._only:
            problem = (
                "no trusted document has this hash: add the document to the manifest (c360 documents add)"
            )
            return Refused(403, Code.FORBIDDEN, problem)
        # clients look for these very texts, and then send the whole document
        return _bad("PersistedQueryNotFound" if self._automatic else "PersistedQueryNotSupported")


def _bad(message: str) -> BadDocument:
    return BadDocument([GraphQLError(message)])
