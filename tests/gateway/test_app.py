"""Wiring: what cannot be made from the settings is a mistake with a name, and nothing is opened before it is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.records import RecordKind
from gateway.app import create_app, create_engine
from gateway.commands.serve import warnings
from gateway.settings import Settings, SettingsError, installed_adapters, validate
from gateway.telemetry import Metrics
from resolvers.merge import Rule


def settings(folder: Path, **sections: Any) -> Settings:
    table = {
        "auth": {"mode": "development"},
        "identity": {
            "secret": "s" * 32,
            "url": f"sqlite+aiosqlite:///{folder}/identity.sqlite",
            "default_country": "PL",
            "external_ids": {"support.shop": "crm"},
        },
        "sources": {
            "support": {"adapter": "zendesk", "base_url": "http://127.0.0.1:1", "email": "a@b.example", "api_token": "t"},
            "crm": {"adapter": "hubspot", "token": "t", "base_url": "http://127.0.0.1:1"},
        },
        **sections,
    }  # fmt: skip
    mistakes: list[Any] = []
    made = validate(table, installed_adapters(), where="test", mistakes=mistakes)
    assert made is not None, mistakes
    return made


async def test_the_engine_is_what_the_settings_say(tmp_path: Path) -> None:
    merge = {"language": {"rule": "recent", "priority": ["support"]}}
    engine = create_engine(settings(tmp_path, merge=merge), Metrics())
    assert engine.sources.names == ("crm", "support")  # in the default order of trust
    assert engine.sources.having_by_record(RecordKind.TICKET) == ("support",)
    assert engine.rules.rule("language") is Rule.RECENT
    assert engine.identity.options.default_country == "PL"
    assert engine.identity.options.external_ids == {("support", "shop"): "crm"}
    assert not (tmp_path / "identity.sqlite").exists()
    await engine.aclose()


async def test_a_rule_that_does_not_fit_its_field_is_a_mistake(tmp_path: Path) -> None:
    wrong = settings(tmp_path, merge={"language": {"rule": "union"}})
    with pytest.raises(SettingsError, match="union does not fit"):
        create_app(wrong)


@pytest.mark.parametrize(
    ("part", "key", "extra"),
    [("IdentityStore", "identity.url", "postgres"), ("open_cache", "cache.url", "redis")],
)
async def test_a_missing_driver_is_a_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str, key: str, extra: str
) -> None:
    def missing(*_: Any, **__: Any) -> None:
        raise ModuleNotFoundError("No module named 'driver'", name="driver")

    monkeypatch.setattr(f"gateway.app.{part}", missing)
    with pytest.raises(SettingsError) as caught:
        create_app(settings(tmp_path))
    assert key in str(caught.value)
    assert f"pip install 'c360[{extra}]'" in str(caught.value)


async def test_the_lifespan_opens_and_closes_the_store(tmp_path: Path) -> None:
    app = create_app(settings(tmp_path))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            assert (await client.get("/readyz")).status_code == 200
            answer = (await client.post("/graphql", json={"query": "{ sources { name } }"})).json()
    assert answer == {"data": {"sources": [{"name": "crm"}, {"name": "support"}]}}


async def test_it_runs_on_postgresql_and_redis(tmp_path: Path, postgres_url: str, redis_url: str) -> None:
    identity = {"secret": "s" * 32, "url": postgres_url}
    app = create_app(settings(tmp_path, identity=identity, cache={"url": redis_url}))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            ready = (await client.get("/readyz")).json()
    assert ready == {"status": "ready", "store": "ok", "cache": "ok"}


def test_what_an_operator_should_not_overlook_is_said_at_start(tmp_path: Path) -> None:
    keys = {"api_keys": [{"name": "a", "key": "k" * 24}]}
    quiet = settings(tmp_path, auth=keys)
    loud = settings(tmp_path, environment="development")
    exposed = settings(tmp_path, auth=keys, server={"host": "0.0.0.0", "graphiql": True})
    assert warnings(quiet) == []
    assert [line.split(":")[0] for line in warnings(loud)] == [
        "development sign-in",
        'environment = "development"',
    ]
    assert len(warnings(exposed)) == 2
