"""The section [cache]: where answers of sources are kept, how many of them, and for how long."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set

from pydantic import Field, SecretStr, field_validator

from gateway.mistakes import Mistake, unknown, with_scheme
from gateway.sections import Section
from resolvers.caching.life import DEFAULTS, LONGEST, OFF, Life, Lives


class CacheLife(Section):
    """How long one kind of answer is fresh and kept."""

    soft: float | None = Field(
        default=None, ge=0, le=LONGEST, description="Seconds that it is fresh; after that it is fetched anew."
    )
    renewing: float | None = Field(
        default=None,
        ge=0,
        le=LONGEST,
        description="Seconds more for which it is served as STALE at once, and fetched anew in the background.",
    )
    hard: float | None = Field(
        default=None,
        ge=0,
        le=LONGEST,
        description="Seconds after which it is not served any more, even if the source fails; 0 keeps nothing.",
    )


class Cache(Section):
    """Where answers of sources are kept for a short time."""

    url: SecretStr = Field(
        default=SecretStr("memory://"), description="memory:// or redis://HOST:PORT/DB (rediss:// for TLS)."
    )
    secret: SecretStr | None = Field(
        default=None,
        min_length=32,
        description="What entries in Redis are encrypted with; unset means a key derived from identity.secret.",
    )
    max_entries: int = Field(default=10_000, ge=1, description="Entries that a process keeps at most.")
    max_memory_mb: float = Field(
        default=12.0, gt=0, le=65_536, description="Megabytes that the entries of a process may take, about."
    )
    ttl: float = Field(
        default=30.0,
        ge=0,
        le=LONGEST,
        description="Seconds that a customer of the identity map is remembered; 0 keeps nothing at all, of the sources neither.",
    )
    negative_ttl: float = Field(
        default=5.0,
        ge=0,
        le=LONGEST,
        description="Seconds that it is believed that a source has nobody there.",
    )
    sources: dict[str, dict[str, CacheLife]] = Field(
        default={}, description="Lives that differ from the defaults: [cache.sources.NAME.KIND]."
    )

    @field_validator("url")
    @classmethod
    def _known_cache(cls, url: SecretStr) -> SecretStr:
        return with_scheme(url, ("memory://", "redis://", "rediss://"))

    @property
    def lives(self) -> Lives:
        """Of all kinds at all sources. The settings must be free of contradictions."""
        if not self.ttl:
            return Lives(defaults={})
        own = {
            (s, k): self._filled(k, life) for s, kinds in self.sources.items() for k, life in kinds.items()
        }
        defaults = {
            kind: Life(soft=life.soft, hard=life.hard, negative=self.negative_ttl, renewing=life.renewing)
            for kind, life in DEFAULTS.items()
        }
        return Lives(own, defaults)

    def _filled(self, kind: str, life: CacheLife) -> Life:
        soft, hard = _both(kind, life)
        renewing = DEFAULTS[kind].renewing if life.renewing is None else life.renewing
        return Life(soft=soft, hard=hard, negative=self.negative_ttl, renewing=renewing) if hard else OFF


def _both(kind: str, life: CacheLife) -> tuple[float, float]:
    """What is given, and for what is not the default, as far as it goes with that."""
    default = DEFAULTS[kind]
    if life.soft is None:
        hard = default.hard if life.hard is None else life.hard
        return min(default.soft, hard), hard
    return life.soft, max(default.hard, life.soft) if life.hard is None else life.hard


def cache_contradictions(cache: Cache, sources: Set[str], where: str) -> Iterator[Mistake]:
    """What is right by itself and wrong together, or with the sources that there are."""
    for name, kinds in cache.sources.items():
        key = f"cache.sources.{name}"
        if name not in sources:
            yield Mistake(where, key, unknown(name, sources, "source"))
        yield from _contradictions(kinds, key, where)


def _contradictions(kinds: Mapping[str, CacheLife], key: str, where: str) -> Iterator[Mistake]:
    for kind, life in kinds.items():
        if kind not in DEFAULTS:
            yield Mistake(where, f"{key}.{kind}", unknown(kind, DEFAULTS, "kind"))
        elif life.soft is not None and life.hard and life.soft > life.hard:
            problem = f"is more than hard ({life.hard:g}): nothing can be fresh for longer than it is kept"
            yield Mistake(where, f"{key}.{kind}.soft", problem)
