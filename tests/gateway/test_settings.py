"""c360.toml and the environment: what is understood, and that each mistake is one clear line without a secret."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field, SecretStr

from adapters.base import Adapter, AdapterSettings, AdapterType, Manifest, SourceKind
from gateway.settings import AuthMode, Rule, Settings, SettingsError, load
from resolvers.caching.life import Life

SECRET = "very-secret-" * 3


class CrmSettings(AdapterSettings):
    token: SecretStr = Field(description="Access token.")
    base_url: str = "https://crm.example"


def build(name: str, settings: Any, transport: Any) -> Adapter:
    raise AssertionError("settings are read without making adapters")


MANIFEST = Manifest(
    adapter="crm", title="CRM", kind=SourceKind.CRM, api="1", verified="", lookups={}, cannot_look_up={}, kinds={},
    profile_fields=frozenset(), quality={},
)  # fmt: skip
ADAPTERS: dict[str, AdapterType | Exception] = {
    "hubspot": AdapterType(manifest=MANIFEST, settings=CrmSettings, build=build),
    "zendesk": AdapterType(manifest=MANIFEST, settings=CrmSettings, build=build),
    "broken": ImportError("no module named secret_plugin"),
}
GOOD = f"""
[auth]
api_keys = [{{ name = "tests", key = "{"k" * 24}" }}]
[identity]
secret = "{SECRET}"
[sources.crm]
adapter = "hubspot"
token = "{SECRET}"
"""


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper().startswith("C360__"):
            monkeypatch.delenv(name)


def read(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "c360.toml"
    file.write_text(text, encoding="utf-8")
    return load(file, ADAPTERS, merge_fields={"given_name": False, "emails": True})


def mistakes(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, text)
    assert SECRET not in str(caught.value)
    return str(caught.value).splitlines()


def test_a_good_file_has_the_defaults(tmp_path: Path) -> None:
    settings = read(tmp_path, GOOD)
    assert (settings.server.host, settings.server.port, settings.server.deadline) == ("127.0.0.1", 8360, 10.0)
    assert settings.auth.mode is AuthMode.API_KEYS
    assert not settings.development
    assert not settings.graphiql
    crm = settings.sources["crm"].settings
    assert isinstance(crm, CrmSettings)
    assert crm.token.get_secret_value() == SECRET


def test_secrets_are_never_shown(tmp_path: Path) -> None:
    url = "postgresql+asyncpg://c360:password1234@db/c360"
    settings = read(tmp_path, GOOD.replace("[identity]", f'[identity]\nurl = "{url}"'))
    for shown in (repr(settings), str(settings), settings.model_dump_json(), repr(settings.sources)):
        assert SECRET not in shown
        assert "password1234" not in shown
        assert "k" * 24 not in shown


def test_values_come_from_environment_references(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "from the environment")
    monkeypatch.setenv("MY_PORT", "9000")
    text = GOOD.replace(f'token = "{SECRET}"', 'token = { env = "MY_TOKEN" }')
    settings = read(tmp_path, text + '[server]\nport = { env = "MY_PORT" }\n')
    assert settings.server.port == 9000
    crm = settings.sources["crm"].settings
    assert isinstance(crm, CrmSettings)
    assert crm.token.get_secret_value() == "from the environment"


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("C360__SERVER__PORT", "9001")
    monkeypatch.setenv("C360__SERVER__GRAPHIQL", "true")
    monkeypatch.setenv("C360__SOURCES__CRM__TOKEN", "1234567890")
    monkeypatch.setenv("C360__AUTH__API_KEYS", '[{"name": "env", "key": "' + "e" * 24 + '"}]')
    settings = read(tmp_path, GOOD + "[server]\nport = 8000\nmax_in_flight = 7\n")
    assert (settings.server.port, settings.server.max_in_flight, settings.graphiql) == (9001, 7, True)
    assert [key.name for key in settings.auth.api_keys] == ["env"]
    crm = settings.sources["crm"].settings
    assert isinstance(crm, CrmSettings)
    assert crm.token.get_secret_value() == "1234567890"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[server]\nprot = 1", 'c360.toml: server.prot: unknown key "prot"; did you mean port? (valid: deadline,'),
        ("[serve]\nport = 1", 'c360.toml: serve: unknown key "serve"; did you mean server? (valid: answers, auth,'),
        ('[server]\nport = "many"', "c360.toml: server.port: expected a whole number"),
        ("[server]\nport = true", "c360.toml: server.port: is true or false, which is not valid here"),
        ("[server]\nport = 70000", "c360.toml: server.port: must be at most 65535"),
        ("[server]\ndeadline = 0", "c360.toml: server.deadline: must be more than 0"),
        ("[server]\nhost = 1", 'c360.toml: server.host: expected text in quotes: "…"'),
        ("server = 1", "c360.toml: server: expected a table"),
        ('[log]\nformat = "xml"', "c360.toml: log.format: expected one of 'text' or 'json'"),
        ('environment = "prod"', "c360.toml: environment: expected one of 'production' or 'development'"),
        ("[cache.sources.shop.order]\nsoft = 1", 'c360.toml: cache.sources.shop: unknown source "shop" (valid: crm)'),
        (
            "[cache.sources.crm.orders]\nsoft = 1",
            'c360.toml: cache.sources.crm.orders: unknown kind "orders"; did you mean order? '
            "(valid: comment, email_event, find, message, order, profile, ticket)",
        ),
        (
            "[cache.sources.crm.order]\nsoft = 9\nhard = 5",
            "c360.toml: cache.sources.crm.order.soft: is more than hard (5): nothing can be fresh for longer than it is kept",
        ),
        (
            "[cache.sources.crm.order]\nsofter = 9",
            'c360.toml: cache.sources.crm.order.softer: unknown key "softer"; did you mean soft? (valid: hard, renewing, soft)',
        ),
        ("[cache.sources.crm.order]\nhard = 1e9", "c360.toml: cache.sources.crm.order.hard: must be at most 86400.0"),
        ('[cache]\nurl = "memcached://x"', "c360.toml: cache.url: expected a URL that begins with memory:// or redis://"),
        ('[merge.given_name]\nrule = "best"', "c360.toml: merge.given_name.rule: expected one of 'priority', 'recent'"),
        ('[merge.givn_name]\nrule = "recent"', 'c360.toml: merge.givn_name: unknown field "givn_name"; did you mean given_name?'),
        ('[merge.given_name]\nrule = "union"',
         "c360.toml: merge.given_name.rule: union does not fit this field (valid: priority, recent or complete)"),
        ('[merge.emails]\nrule = "recent"', "c360.toml: merge.emails.rule: recent does not fit this field (valid: union)"),
        ('[merge.given_name]\nrule = "priority"', "c360.toml: merge.given_name.priority: is required by rule"),
        ('[merge.given_name]\nrule = "priority"\npriority = ["cmr"]',
         'c360.toml: merge.given_name.priority: unknown source "cmr"; did you mean crm? (valid: crm)'),
        ('[sources.shop]\nadapter = "hubsopt"\ntoken = "x"',
         'c360.toml: sources.shop.adapter: unknown adapter "hubsopt"; did you mean hubspot? (valid: broken, hubspot, zendesk)'),
        ('[sources.shop]\ntoken = "x"', "c360.toml: sources.shop.adapter: is required: one of broken, hubspot, zendesk"),
        ('[sources.shop]\nadapter = "broken"', 'c360.toml: sources.shop.adapter: adapter "broken" cannot be loaded: ImportError'),
        ('[sources.shop]\nadapter = "hubspot"', "c360.toml: sources.shop.token: is required: Access token."),
        ('[sources.shop]\nadapter = "hubspot"\ntoken = "x"\ntimeout = 1',
         'c360.toml: sources.shop.timeout: unknown key "timeout"; did you mean'),
        ('[sources.Shop]\nadapter = "hubspot"\ntoken = "x"', "c360.toml: sources.Shop: a source's name has lower-case letters"),
        ('[sources.shop]\nadapter = "hubspot"\ntoken = { env = "NOT_SET" }',
         "c360.toml: sources.shop.token: environment variable NOT_SET is not set"),
        ('[sources]\nshop = 1', "c360.toml: sources.shop: expected a table"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line(tmp_path: Path, text: str, line: str) -> None:
    top, _, rest = text.partition("[") if not text.startswith("[") else ("", "", text)
    found = mistakes(tmp_path, top + GOOD + ("[" + rest if not text.startswith("[") and rest else rest))
    assert len(found) == 1
    assert found[0].startswith(line)


def test_all_mistakes_are_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("C360__LIMITS__MAX_DEPTH", "deep")
    monkeypatch.setenv("C360__SERVR__PORT", "1")
    text = """
    typo = 1
    [server]
    port = "x"
    [identity]
    secret = { env = "NOT_SET" }
    [merge.given_name]
    rule = "priority"
    priority = ["nobody"]
    [sources.crm]
    adapter = "hubspot"
    [sources.shop]
    adapter = "none"
    """
    keys = [line.split(": ")[0:2] for line in mistakes(tmp_path, text)]
    assert sorted(keys) == sorted(
        [
            ["c360.toml", "typo"],
            ["c360.toml", "server.port"],
            ["c360.toml", "identity.secret"],
            ["c360.toml", "auth.api_keys"],
            ["c360.toml", "merge.given_name.priority"],
            ["c360.toml", "sources.crm.token"],
            ["c360.toml", "sources.shop.adapter"],
            ["environment variable C360__LIMITS__MAX_DEPTH", "limits.max_depth"],
            ["environment variable C360__SERVR__PORT", 'unknown key "servr"; did you mean server? (valid'],
        ]
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[auth]\n", "c360.toml: auth.api_keys: nobody could ask"),
        ('[auth]\nmode = "development"\n[server]\nhost = "0.0.0.0"', 'c360.toml: auth.mode: is "development", which needs'),
        ('[auth]\nmode = "none"', "c360.toml: auth.mode: expected one of 'api_keys' or 'development'"),
        ('[auth]\napi_keys = [{ name = "a", key = "x" }]', "c360.toml: auth.api_keys[0].key: must have a length of at least 24"),
        ('[auth]\napi_keys = [{ name = "a" }]', "c360.toml: auth.api_keys[0].key: is required"),
        ("[auth]\napi_keys = [" + ", ".join(f'{{ name = "{n}", key = "{"k" * 24}" }}' for n in "ab") + "]",
         "c360.toml: auth.api_keys: two of them have the same key"),
        ("[auth]\napi_keys = [" + ", ".join(f'{{ name = "a", key = "{n * 24}" }}' for n in "ab") + "]",
         "c360.toml: auth.api_keys: two of them have the same name"),
    ],
)  # fmt: skip
def test_nobody_gets_in_by_mistake(tmp_path: Path, text: str, line: str) -> None:
    start, end = GOOD.index("[auth]"), GOOD.index("[identity]")
    found = mistakes(tmp_path, GOOD[:start] + GOOD[end:] + text)
    assert len(found) == 1
    assert found[0].startswith(line)


def test_a_missing_identity_secret_and_no_sources(tmp_path: Path) -> None:
    found = mistakes(tmp_path, '[auth]\nmode = "development"')
    assert [line.split(": ")[1] for line in found] == ["identity.secret", "sources"]
    assert "at least 32 characters" in found[0]


def test_foreign_ids_name_sources(tmp_path: Path) -> None:
    settings = read(tmp_path, GOOD + '[identity.external_ids]\n"crm.erp" = "crm"\n')
    assert settings.identity.external_ids == {"crm.erp": "crm"}
    found = mistakes(tmp_path, GOOD + '[identity.external_ids]\n"crm.erp" = "erp"\n')
    assert found == ['c360.toml: identity.external_ids.crm.erp: unknown source "erp" (valid: crm)']


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (
            f'previous_secret = "{"p" * 32}"',
            "identity.secret_version: must be one more than before where there is a previous_secret: 2 or more",
        ),
        (
            f'secret_version = 2\nprevious_secret = "{SECRET}"',
            "identity.previous_secret: is the same as identity.secret",
        ),
        ("secret_version = 256", "identity.secret_version: must be at most 255"),
        (
            'secret_version = 2\nprevious_secret = "short"',
            "identity.previous_secret: must have a length of at least 32",
        ),
    ],
)
def test_a_rotation_names_both_secrets(tmp_path: Path, more: str, line: str) -> None:
    (found,) = mistakes(tmp_path, GOOD.replace("[identity]", f"[identity]\n{more}"))
    assert found.startswith(f"c360.toml: {line}")
    right = GOOD.replace("[identity]", f'[identity]\nsecret_version = 2\nprevious_secret = "{"p" * 32}"')
    assert read(tmp_path, right).identity.secret_version == 2


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"[server\n", "is not valid TOML"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (None, "there is no such file"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, content: bytes | None, problem: str) -> None:
    file = tmp_path / "c360.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError, match=problem):
        load(file, ADAPTERS)


def test_a_rule_and_its_priority(tmp_path: Path) -> None:
    settings = read(tmp_path, GOOD + '[merge.given_name]\nrule = "priority"\npriority = ["crm"]\n')
    assert settings.merge["given_name"].rule is Rule.PRIORITY
    assert settings.merge["given_name"].priority == ("crm",)


def test_lives_of_the_cache_are_those_given_and_else_the_defaults(tmp_path: Path) -> None:
    tables = """
    [cache]
    negative_ttl = 3
    [cache.sources.crm]
    order = { soft = 5 }
    ticket = { hard = 10 }
    find = { soft = 700 }
    comment = { hard = 0 }
    """
    lives = read(tmp_path, GOOD + tables).cache.lives
    assert lives.of("crm", "order") == Life(soft=5, hard=600, negative=3, renewing=0)
    assert lives.of("crm", "ticket") == Life(soft=10, hard=10, negative=3, renewing=0)
    assert lives.of("crm", "find") == Life(soft=700, hard=700, negative=3, renewing=0)
    assert lives.of("crm", "comment").hard == 0
    assert lives.of("other", "profile") == Life(soft=30, hard=600, negative=3, renewing=0)
    assert read(tmp_path, GOOD + "[cache]\nttl = 0").cache.lives.of("crm", "order").hard == 0
