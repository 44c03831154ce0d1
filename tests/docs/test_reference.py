"""The reference pages name every setting, error code and command that there is, and none that there is not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
import typer.main
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from adapters.base import AdapterSettings
from gateway.cli import app
from gateway.errors import Code
from gateway.settings import Settings, installed_adapters
from resolvers.merge import FIELDS

DOCS = Path(__file__).parents[2] / "docs"


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def rows(text: str) -> dict[str, list[str]]:
    """Table rows by the code in their first cell (a row may name several)."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) >= 2 and cells[0].startswith("`"):
            for name in re.findall(r"`([^`]+)`", cells[0]):
                found[name] = cells
    return found


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from models(argument)


def settings(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every key that a file may hold, as the page writes it."""
    for name, field in model.model_fields.items():
        if model is Settings and name == "sources":
            continue
        key, inner = f"{prefix}{name}", next(models(field.annotation), None)
        if inner is None:
            yield key, field
        elif get_origin(field.annotation) is dict:
            names = "NAME.KIND" if key == "cache.sources" else "FIELD"
            yield from settings(inner, f"{key}.{names}.")
        elif get_origin(field.annotation) is tuple:
            yield key, field
            yield from settings(inner, f"{key}[].")
        else:
            yield from settings(inner, f"{key}.")


def documented_default(field: FieldInfo) -> str | None:
    """What the page must say; None where it uses words."""
    default = field.default.get_secret_value() if isinstance(field.default, SecretStr) else field.default
    if field.is_required():
        return "required"
    if default is None or isinstance(default, tuple | dict):
        return None
    return f"`{default}`"


def all_settings() -> dict[str, FieldInfo]:
    sources = {f"sources.NAME.{name}": field for name, field in AdapterSettings.model_fields.items()}
    return {**dict(settings(Settings)), **sources}


def test_every_setting_is_documented_with_its_default() -> None:
    documented = rows(page("settings.md"))
    for key, field in all_settings().items():
        assert key in documented, f"docs/settings.md does not name {key}"
        default = documented_default(field)
        if default is not None:
            assert documented[key][1] == default, f"docs/settings.md says something else of {key}"


def test_no_setting_is_documented_that_does_not_exist() -> None:
    assert set(rows(page("settings.md"))) - set(all_settings()) == {"sources.NAME.adapter"}


def test_the_mergeable_fields_and_the_adapters_are_named() -> None:
    text = page("settings.md")
    fields = re.search(r"FIELD is one of (.*?)\.\n", text, re.DOTALL)
    assert fields
    assert re.findall(r"`(\w+)`", fields[1]) == list(FIELDS)
    row = rows(text)["sources.NAME.adapter"]
    assert set(re.findall(r"`(\w+)`", row[2])) == set(installed_adapters())


@pytest.mark.parametrize("name", sorted(installed_adapters()))
def test_every_adapter_has_a_page_with_its_settings(name: str) -> None:
    adapter = installed_adapters()[name]
    assert not isinstance(adapter, Exception), f"{name} cannot be loaded: {adapter!r}"
    text = page(f"adapters/{name}.md")
    own = set(adapter.settings.model_fields) - set(AdapterSettings.model_fields)
    missing = sorted(key for key in own if f"`{key}`" not in text)
    assert missing == [], f"docs/adapters/{name}.md does not name {', '.join(missing)}"


def test_the_error_codes_are_documented_with_their_meaning() -> None:
    documented = rows(page("errors.md").split("\n## ")[0])
    assert {name: cells[1] for name, cells in documented.items()} == {c.value: c.meaning for c in Code}


def commands() -> Iterator[tuple[str, Any]]:
    """Every command by its full name ("identity merge"), as Click knows it."""

    def walk(prefix: str, group: Any) -> Iterator[tuple[str, Any]]:
        for name, command in group.commands.items():
            if hasattr(command, "commands"):
                yield from walk(f"{prefix}{name} ", command)
            else:
                yield f"{prefix}{name}", command

    yield from walk("", typer.main.get_command(app))


def sections(text: str) -> dict[str, str]:
    """The page's parts by the command in their heading."""
    parts = re.split(r"^## `c360 ([^`]+)`$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_the_commands_are_documented() -> None:
    assert set(sections(page("commands.md"))) == {name for name, _ in commands()}


def names(parameter: Any) -> list[str]:
    """How a person writes a parameter."""
    if parameter.param_type_name == "argument":
        return [str(parameter.metavar or parameter.name.upper())]
    return [*parameter.opts, *parameter.secondary_opts]


@pytest.mark.parametrize("name", [name for name, _ in commands()])
def test_the_options_are_documented_and_no_others(name: str) -> None:
    section = sections(page("commands.md")).get(name, "")
    command = dict(commands())[name]
    existing = {n for parameter in command.params if parameter.name != "help" for n in names(parameter)}
    assert set(rows(section)) == existing


def test_links_between_the_pages_lead_somewhere() -> None:
    broken = [
        f"{file.relative_to(DOCS)} -> {target}"
        for file in DOCS.rglob("*.md")
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", file.read_text(encoding="utf-8"))
        if not (file.parent / target).exists()
    ]
    assert broken == []
