"""The identity map of customers who have a record in each of any number of sources."""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pydantic import SecretStr

from adapters.base import KeyType, MatchKey
from bench.growth.sources import named
from bench.peers import data
from bench.peers.ours import SECRET
from gateway import migrations
from resolvers.identity.store import Edge, IdentityStore, NewLinks, Verdict
from resolvers.identity.tokens import Tokens

_PAGE = 100


def prepared(folder: Path, seed: int, customers: int, sources: int) -> tuple[Path, dict[int, str]]:
    """The map's file, made unless it is there already, and the id that it gave each customer."""
    made = folder / f"map-{seed}-{customers}-{sources}"
    if not made.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as outer:  # renamed when whole: nobody finds half a map
            apart = Path(outer) / "map"
            apart.mkdir()
            names = asyncio.run(_fill(apart / "map.sqlite", seed, customers, list(named(sources))))
            (apart / "names.json").write_text(json.dumps(names))
            with contextlib.suppress(OSError):  # another run was faster
                apart.rename(made)
    found = json.loads((made / "names.json").read_text())
    return made / "map.sqlite", {int(number): name for number, name in found.items()}


async def _fill(file: Path, seed: int, customers: int, sources: Sequence[str]) -> dict[int, str]:
    store = IdentityStore(f"sqlite+aiosqlite:///{file}")
    tokens = Tokens(SecretStr(SECRET))
    names: dict[int, str] = {}
    try:
        await migrations.upgrade(store.engine)
        for start in range(0, customers, _PAGE):
            numbers = range(start, min(start + _PAGE, customers))
            done = await store.remember_all([_links(data.person(seed, n), tokens, sources) for n in numbers])
            names |= {n: one.customer_id for n, one in zip(numbers, done, strict=True)}
    finally:
        await store.aclose()
    return names


def _links(one: data.Person, tokens: Tokens, sources: Sequence[str]) -> NewLinks:
    """One record in each source; all are linked to the first, a CRM's, which carries the keys."""
    refs = [(source, one.id) for source in sources]
    emails = [MatchKey(KeyType.EMAIL, address["value"]) for address in one.contact["emailAddresses"]]
    phones = [MatchKey(KeyType.PHONE, number["value"]) for number in one.contact["phoneNumbers"]]
    edges = []
    for ref in refs[1:]:
        a, b = sorted((refs[0], ref))
        edges.append(Edge(event=0, a=a, b=b, verdict=Verdict.SAME, origin="email and name", confidence=0.99))
    carried = tuple((tokens.of(key), refs[0]) for key in (*emails, *phones))
    return NewLinks(records=tuple(refs), edges=tuple(edges), tokens=carried)
