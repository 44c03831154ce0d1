"""What an operator configures: c360.toml and the environment, checked as a whole; secrets are never printed.

Environment variables named `C360__SECTION__KEY` win over the file, and any value of the file may be `{ env =
"NAME" }`. Every mistake becomes one line that names where it is, the key, and what is valid; all are reported
at once.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    SerializeAsAny,
    TypeAdapter,
    ValidationError,
    field_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as BadEnvironment

from adapters.base import AdapterSettings, AdapterType
from gateway.mistakes import Mistake, unknown, with_scheme
from gateway.sections import Section, plain_types
from gateway.settings_cache import Cache, cache_contradictions
from gateway.settings_documents import Answers, Documents, Execution

ENV_PREFIX = "C360__"
ADAPTER_GROUP = "c360.adapters"
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_SOURCE_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")


class SettingsError(Exception):
    """The settings cannot be used. Its text is one line for each mistake."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("\n".join(str(mistake) for mistake in mistakes))
        self.mistakes = tuple(mistakes)


class Environment(StrEnum):
    """How careful the gateway is: DEVELOPMENT shows GraphiQL and logs the text of unexpected errors."""

    PRODUCTION = "production"
    DEVELOPMENT = "development"


class Server(Section):
    """Where and how much the gateway serves."""

    host: str = Field(default="127.0.0.1", min_length=1, description="Address to listen on.")
    port: int = Field(default=8360, ge=0, le=65535, description="TCP port to listen on; 0 takes a free one.")
    max_body_bytes: int = Field(default=1_000_000, ge=1024, description="Largest request body, in bytes.")
    max_in_flight: int = Field(
        default=256, ge=1, description="GraphQL requests at work at once; beyond it the answer is OVERLOADED."
    )
    deadline: float = Field(
        default=10.0,
        gt=0,
        le=300,
        description="Seconds a whole answer may take; late sources are left out.",
    )
    graphiql: bool | None = Field(
        default=None, description="Serve GraphiQL on /graphiql; unset means only in development."
    )


class AuthMode(StrEnum):
    """Who may ask: holders of an API KEY, or in DEVELOPMENT anyone on this machine."""

    API_KEYS = "api_keys"
    DEVELOPMENT = "development"


class ApiKey(Section):
    """One caller of the gateway."""

    name: str = Field(
        min_length=1,
        max_length=64,
        pattern=r"^[A-Za-z0-9._-]+$",
        description="Who asks, in logs.",
    )
    key: SecretStr = Field(min_length=24, description="What the caller sends; 24 characters or more.")
    purposes: tuple[str, ...] | None = Field(
        default=None, description="What this caller may ask for (header X-Purpose); unset means any purpose."
    )
    steward: bool = Field(
        default=False,
        description="Whether this caller may decide who is who: merge, split, confirm, reject, undo.",
    )


class Auth(Section):
    """How callers prove who they are."""

    mode: AuthMode = Field(
        default=AuthMode.API_KEYS,
        description="`api_keys`, or `development`: no sign-in, and only where the host is loopback.",
    )
    api_keys: tuple[ApiKey, ...] = Field(
        default=(), description="The callers: a [[auth.api_keys]] table each."
    )


class Identity(Section):
    """The identity map: which records belong to one customer."""

    url: SecretStr = Field(
        default=SecretStr("sqlite+aiosqlite:///c360.db"),
        description="Database: sqlite+aiosqlite:///FILE or postgresql+asyncpg://USER:PASSWORD@HOST/DATABASE.",
    )
    secret: SecretStr = Field(
        min_length=32, description="Key of the match-key tokens; at least 32 characters. See rotate-key."
    )
    secret_version: int = Field(
        default=1, ge=1, le=255, description="Number of the secret; one more with each new secret."
    )
    previous_secret: SecretStr | None = Field(
        default=None, min_length=32, description="The secret before, as long as a rotation runs."
    )
    rediscover_after: float = Field(
        default=3600.0, ge=0, description="Seconds until the sources are searched again for a known customer."
    )
    model: Path | None = Field(
        default=None,
        description="Weights of matching that `c360 identity train` has written; without it those that ship with c360.",
    )
    default_country: str | None = Field(
        default=None, pattern="^[A-Z]{2}$", description="ISO 3166 country of phone numbers without a prefix."
    )
    external_ids: dict[str, str] = Field(
        default={},
        description='Whose ids a source\'s foreign ids are: { "support.external_id" = "webshop" }.',
    )

    @field_validator("url")
    @classmethod
    def _known_database(cls, url: SecretStr) -> SecretStr:
        return with_scheme(url, ("sqlite+aiosqlite://", "postgresql+asyncpg://"))


class Limits(Section):
    """How much one GraphQL document may ask for."""

    max_depth: int = Field(default=15, ge=1, le=100, description="Levels of fields in fields.")
    max_tokens: int = Field(default=5000, ge=10, le=100_000, description="Tokens of a document.")
    max_aliases: int = Field(default=100, ge=0, description="Aliases; a fragment's once for each spread.")
    max_cost: int = Field(
        default=100_000,
        ge=1,
        description="Fields that may be answered: fields times page sizes.",
    )


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Log(Section):
    """What is written to stderr. It never holds personal data."""

    level: LogLevel = Field(default=LogLevel.INFO, description="The least important lines written.")
    format: Literal["text", "json"] = Field(default="text", description="`text` for people or `json`.")


class Rule(StrEnum):
    """How one value is chosen where sources differ."""

    PRIORITY = "priority"
    RECENT = "recent"
    COMPLETE = "complete"
    UNION = "union"


class Merge(Section):
    """How one field of a customer is merged."""

    rule: Rule = Field(description="`priority`, `recent`, `complete` or `union` (for lists).")
    priority: tuple[str, ...] = Field(
        default=(), description="Names of sources, most trusted first; breaks ties of the other rules."
    )


class Source(BaseModel):
    """One source system: the adapter that speaks to it, and that adapter's own settings."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    adapter: str = Field(description="Name of an installed adapter (entry-point group c360.adapters).")
    settings: SerializeAsAny[AdapterSettings] = Field(repr=False)


class Settings(Section):
    """Everything. Made by `load`, or in code for tests and the demo."""

    environment: Environment = Field(
        default=Environment.PRODUCTION,
        description="`production` or `development` (GraphiQL, texts of unexpected errors in the log).",
    )
    server: Server = Server()
    auth: Auth = Auth()
    identity: Identity
    cache: Cache = Cache()
    limits: Limits = Limits()
    documents: Documents = Documents()
    execution: Execution = Execution()
    answers: Answers = Answers()
    log: Log = Log()
    merge: dict[str, Merge] = {}
    sources: dict[str, Source] = {}

    @property
    def graphiql(self) -> bool:
        """Whether GraphiQL is served."""
        return self.server.graphiql if self.server.graphiql is not None else self.development

    @property
    def development(self) -> bool:
        return self.environment is Environment.DEVELOPMENT

    @property
    def open(self) -> bool:
        """Whether nobody has to sign in (development sign-in)."""
        return self.auth.mode is AuthMode.DEVELOPMENT


def installed_adapters() -> dict[str, AdapterType | Exception]:
    """The adapters of all installed packages by name; one that cannot be imported is its exception."""
    found: dict[str, AdapterType | Exception] = {}
    for entry in sorted(metadata.entry_points(group=ADAPTER_GROUP), key=lambda entry: entry.name):
        try:
            adapter = entry.load()
        except Exception as error:  # a third party's package: whatever it raises must cost only itself
            found[entry.name] = error
        else:
            found[entry.name] = adapter
    return found


def load(
    path: Path,
    adapters: Mapping[str, AdapterType | Exception] | None = None,
    *,
    merge_fields: Mapping[str, bool] | None = None,
) -> Settings:
    """The settings of a file and the environment.

    `merge_fields` are the fields that [merge.FIELD] may name, and whether each is a list.
    Raises `SettingsError` with every mistake.
    """
    adapters = installed_adapters() if adapters is None else adapters
    mistakes: list[Mistake] = []
    table = _resolved(_read(path), path.name, mistakes)
    table = _merged(table, _from_environment(mistakes))
    settings = validate(table, adapters, where=path.name, mistakes=mistakes, merge_fields=merge_fields)
    if settings is None or mistakes:
        raise SettingsError(mistakes)
    return settings


def load_with_fields(path: Path) -> Settings:
    """`load`, with the fields that the resolvers can merge."""
    from resolvers.merge import FIELDS  # here, so that reading settings does not need the resolvers

    return load(path, merge_fields={name: field.many for name, field in FIELDS.items()})


def validate(
    table: Mapping[str, Any],
    adapters: Mapping[str, AdapterType | Exception],
    *,
    where: str,
    mistakes: list[Mistake],
    merge_fields: Mapping[str, bool] | None = None,
) -> Settings | None:
    """Checks a whole table; adds what is wrong to `mistakes` and gives None where there is anything."""
    before = len(mistakes)
    sections = _sections(table, where, mistakes)
    sources = _sources(table.get("sources"), adapters, where, mistakes)
    if "auth" in sections:
        mistakes += _auth_contradictions(sections["auth"], sections.get("server", Server()), where)
    tables = table.get("sources")
    names = set(tables) if isinstance(tables, Mapping) else set()
    if "identity" in sections:
        mistakes += _external_id_contradictions(sections["identity"], names, where)
        mistakes += _secret_contradictions(sections["identity"], where)
    if "cache" in sections:
        mistakes += cache_contradictions(sections["cache"], names, where)
    if "merge" in sections:
        mistakes += _merge_contradictions(sections["merge"], names, where, merge_fields)
    if len(mistakes) > before:
        return None
    return Settings(**sections, sources=sources)


def _sections(table: Mapping[str, Any], where: str, mistakes: list[Mistake]) -> dict[str, Any]:
    """The sections that are right by themselves: one wrong section hides no other's mistakes."""
    sections: dict[str, Any] = {}
    for name, field in Settings.model_fields.items():
        if name == "sources":
            continue
        if name not in table and not field.is_required():
            sections[name] = field.default
            continue
        try:
            sections[name] = TypeAdapter[Any](field.annotation or Any).validate_python(table.get(name, {}))
        except ValidationError as error:
            mistakes += _mistakes(error, field.annotation, where, (name,), mistakes)
    mistakes += [
        Mistake(where, name, unknown(name, Settings.model_fields))
        for name in table
        if name not in Settings.model_fields
    ]
    return sections


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise SettingsError([Mistake(str(path), "", "there is no such file")]) from None
    except OSError as error:
        raise SettingsError([Mistake(str(path), "", f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError:
        raise SettingsError([Mistake(path.name, "", "is not UTF-8 text")]) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError([Mistake(path.name, "", f"is not valid TOML: {error}")]) from None


def _resolved(value: Any, where: str, mistakes: list[Mistake], key: str = "") -> Any:
    """The value with each `{ env = "NAME" }` in it replaced by that variable."""
    if isinstance(value, list):
        return [_resolved(item, where, mistakes, f"{key}[{n}]") for n, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    if set(value) == {"env"} and isinstance(name := value["env"], str):
        if name in os.environ:
            return os.environ[name]
        mistakes.append(Mistake(where, key, f"environment variable {name} is not set"))
        return _UNSET
    return {k: _resolved(item, where, mistakes, f"{key}.{k}" if key else k) for k, item in value.items()}


class _Unset:
    """Stands for a variable that is not set; reported where it was looked up."""


_UNSET = _Unset()


class _Environment(BaseSettings):
    """What `C360__SECTION__KEY` variables may hold, so that pydantic-settings knows where JSON is meant."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, env_nested_delimiter="__", extra="ignore")

    environment: Environment | None = None
    server: Server | None = None
    auth: Auth | None = None
    identity: Identity | None = None
    cache: Cache | None = None
    limits: Limits | None = None
    documents: Documents | None = None
    execution: Execution | None = None
    answers: Answers | None = None
    log: Log | None = None
    merge: dict[str, Merge] | None = None
    sources: dict[str, dict[str, Any]] | None = None


def _from_environment(mistakes: list[Mistake]) -> dict[str, Any]:
    for name in sorted(os.environ):
        section = name[len(ENV_PREFIX) :].split("__")[0].lower()
        if name.upper().startswith(ENV_PREFIX) and section not in Settings.model_fields:
            mistakes.append(
                Mistake(f"environment variable {name}", "", unknown(section, Settings.model_fields))
            )
    try:
        return EnvSettingsSource(_Environment)()
    except BadEnvironment as error:
        # its text names the field and the source only; the value is in __cause__
        mistakes.append(Mistake("environment variables", "", f"{error}: JSON was expected"))
        return {}


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _sources(
    tables: Any, adapters: Mapping[str, AdapterType | Exception], where: str, mistakes: list[Mistake]
) -> dict[str, Source]:
    if not isinstance(tables, Mapping) or not tables:
        problem = "there is no source: add a [sources.NAME] table with adapter = one of " + _listed(adapters)
        mistakes.append(Mistake(where, "sources", problem))
        return {}
    sources: dict[str, Source] = {}
    for name, table in tables.items():
        source = _source(name, table, adapters, where, mistakes)
        if source is not None:
            sources[name] = source
    return sources


def _source(
    name: str,
    table: Any,
    adapters: Mapping[str, AdapterType | Exception],
    where: str,
    mistakes: list[Mistake],
) -> Source | None:
    key = f"sources.{name}"

    def wrong(problem: str, at: str = key) -> None:
        mistakes.append(Mistake(where, at, problem))

    if not _SOURCE_NAME.fullmatch(name):
        wrong("a source's name has lower-case letters, digits, - and _, and begins with a letter")
    if not isinstance(table, Mapping):
        wrong("expected a table")
        return None
    adapter = table.get("adapter")
    if not isinstance(adapter, str):
        wrong(f"is required: one of {_listed(adapters)}", f"{key}.adapter")
        return None
    found = adapters.get(adapter)
    if found is None:
        wrong(unknown(adapter, adapters, "adapter"), f"{key}.adapter")
        return None
    if isinstance(found, Exception):
        wrong(f'adapter "{adapter}" cannot be loaded: {type(found).__name__}', f"{key}.adapter")
        return None
    try:
        settings = found.settings.model_validate({k: v for k, v in table.items() if k != "adapter"})
    except ValidationError as error:
        mistakes += _mistakes(error, found.settings, where, ("sources", name), mistakes)
        return None
    return Source(adapter=adapter, settings=settings)


def _auth_contradictions(auth: Auth, server: Server, where: str) -> list[Mistake]:
    """What is right by itself and wrong together."""
    found: list[Mistake] = []
    if auth.mode is AuthMode.DEVELOPMENT and server.host not in LOOPBACK:
        problem = 'is "development", which needs server.host to be loopback (127.0.0.1); use "api_keys"'
        found.append(Mistake(where, "auth.mode", problem))
    if auth.mode is AuthMode.API_KEYS and not auth.api_keys:
        problem = "nobody could ask: add an [[auth.api_keys]] table with name and key"
        found.append(Mistake(where, "auth.api_keys", problem))
    names = [key.name for key in auth.api_keys]
    secrets = [key.key.get_secret_value() for key in auth.api_keys]
    for what, values in (("name", names), ("key", secrets)):
        if len(set(values)) < len(values):
            found.append(Mistake(where, "auth.api_keys", f"two of them have the same {what}"))
    return found


def _secret_contradictions(identity: Identity, where: str) -> list[Mistake]:
    if identity.previous_secret is None:
        return []
    found = []
    if identity.secret_version < 2:
        problem = "must be one more than before where there is a previous_secret: 2 or more"
        found.append(Mistake(where, "identity.secret_version", problem))
    if identity.previous_secret.get_secret_value() == identity.secret.get_secret_value():
        found.append(Mistake(where, "identity.previous_secret", "is the same as identity.secret"))
    return found


def _external_id_contradictions(identity: Identity, sources: set[str], where: str) -> list[Mistake]:
    found: list[Mistake] = []
    for pair, owner in identity.external_ids.items():
        key = f"identity.external_ids.{pair}"
        source, _, system = pair.partition(".")
        if not system:
            found.append(Mistake(where, key, 'expected "SOURCE.SYSTEM", such as "support.external_id"'))
        found += [
            Mistake(where, key, unknown(name, sources, "source"))
            for name in (source, owner)
            if name not in sources
        ]
    return found


def _merge_contradictions(
    merges: Mapping[str, Merge], sources: set[str], where: str, merge_fields: Mapping[str, bool] | None
) -> list[Mistake]:
    found: list[Mistake] = []
    for field, merge in merges.items():
        if merge_fields is not None:
            found += _misfit(field, merge.rule, merge_fields, where)
        if merge.rule is Rule.PRIORITY and not merge.priority:
            problem = f'is required by rule = "priority": a list of {_listed(sources)}'
            found.append(Mistake(where, f"merge.{field}.priority", problem))
        found += [
            Mistake(where, f"merge.{field}.priority", unknown(name, sources, "source"))
            for name in merge.priority
            if name not in sources
        ]
    return found


def _misfit(field: str, rule: Rule, fields: Mapping[str, bool], where: str) -> list[Mistake]:
    if field not in fields:
        return [Mistake(where, f"merge.{field}", unknown(field, fields, "field"))]
    if fields[field] == (rule is Rule.UNION):
        return []
    fits = "union" if fields[field] else "priority, recent or complete"
    return [Mistake(where, f"merge.{field}.rule", f"{rule.value} does not fit this field (valid: {fits})")]


def _mistakes(
    error: ValidationError,
    annotation: Any,
    where: str,
    prefix: tuple[str, ...],
    known: Sequence[Mistake],
) -> list[Mistake]:
    reported = {mistake.key for mistake in known}
    found = []
    for details in error.errors(include_url=False, include_input=False, include_context=True):
        loc = (*prefix, *details["loc"])
        key = _dotted(loc)
        if key in reported:
            continue
        variable = (ENV_PREFIX + "__".join(str(part) for part in loc)).upper()
        origin = f"environment variable {variable}" if variable in os.environ else where
        found.append(Mistake(origin, key, _problem(details, annotation)))
    return found


def _problem(details: ErrorDetails, annotation: Any) -> str:
    """What is wrong, without the value: it may be a secret."""
    kind, context = details["type"], details.get("ctx", {})
    if kind == "extra_forbidden":
        owner = _owner(annotation, details["loc"][:-1])
        return unknown(str(details["loc"][-1]), owner.model_fields if owner else {})
    if kind == "missing":
        owner = _owner(annotation, details["loc"][:-1])
        field = owner.model_fields.get(str(details["loc"][-1])) if owner else None
        return f"is required: {field.description}" if field and field.description else "is required"
    if kind in {"enum", "literal_error"}:
        return f"expected one of {context['expected']}"
    if kind == "value_error":
        return "is not valid" if _is_secret(annotation, details["loc"]) else str(context["error"])
    if kind == "string_pattern_mismatch":
        return f"expected text that matches {context['pattern']}"
    return _EXPECTED.get(kind) or _limit(kind, context) or details["msg"]


def _is_secret(annotation: Any, loc: Sequence[int | str]) -> bool:
    """Whether a third party's validator may have put a secret into its text."""
    owner = _owner(annotation, loc[:-1])
    field = owner.model_fields.get(str(loc[-1])) if owner and loc else None
    return field is not None and SecretStr in plain_types(field.annotation)


_EXPECTED = {
    "int_parsing": "expected a whole number",
    "int_type": "expected a whole number",
    "int_from_float": "expected a whole number",
    "int_parsing_size": "expected a smaller number",
    "float_parsing": "expected a number",
    "float_type": "expected a number",
    "bool_parsing": "expected true or false",
    "bool_type": "expected true or false",
    "string_type": 'expected text in quotes: "…"',
    "list_type": "expected a list: [ … ]",
    "tuple_type": "expected a list: [ … ]",
    "set_type": "expected a list: [ … ]",
    "frozen_set_type": "expected a list: [ … ]",
    "dict_type": "expected a table",
    "model_type": "expected a table",
    "model_attributes_type": "expected a table",
}


def _limit(kind: str, context: Mapping[str, Any]) -> str | None:
    words = {
        "greater_than": ("gt", "must be more than {}"),
        "greater_than_equal": ("ge", "must be at least {}"),
        "less_than": ("lt", "must be less than {}"),
        "less_than_equal": ("le", "must be at most {}"),
        "string_too_short": ("min_length", "must have a length of at least {}"),
        "too_short": ("min_length", "must have a length of at least {}"),
        "string_too_long": ("max_length", "must have at most {} characters"),
    }
    if kind not in words:
        return None
    name, text = words[kind]
    return text.format(context[name])


def _owner(annotation: Any, loc: Sequence[int | str]) -> type[BaseModel] | None:
    """The model that holds what stands at `loc` below `annotation`."""
    current = annotation
    for part in loc:
        if get_origin(current) is dict:
            current = get_args(current)[-1]
            continue
        model = next(iter(_models(current)), None)
        if isinstance(part, int):
            current = model
        elif model is None or part not in model.model_fields:
            return None
        else:
            current = model.model_fields[part].annotation
    return next(iter(_models(current)), None)


def _models(annotation: Any) -> Iterable[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def _dotted(loc: Iterable[int | str]) -> str:
    key = ""
    for part in loc:
        key += f"[{part}]" if isinstance(part, int) else f".{part}" if key else part
    return key


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
