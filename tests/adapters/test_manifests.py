"""Every adapter that the project ships: found by its entry point, complete, documented, tested, and imported by the rules."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from pydantic import SecretStr

import adapters
from adapters.base import AdapterSettings, AdapterType
from adapters.contract import manifest_faults
from adapters.contract.quality import is_done
from adapters.records import RecordKind

ADAPTERS = Path(adapters.__file__).parent
PROJECT = ADAPTERS.parent
SHIPPED = {
    entry.name: entry for entry in entry_points(group="c360.adapters") if entry.value.startswith("adapters.")
}
DECLARED = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
NETWORK = {
    "httpx",
    "httpcore",
    "aiohttp",
    "requests",
    "urllib3",
    "urllib.request",
    "http.client",
    "websockets",
}
KIT_OF_A_VENDOR = ("adapters.base", "adapters.records", "adapters.errors", "adapters.kit")

each_adapter = pytest.mark.parametrize("entry", SHIPPED.values(), ids=SHIPPED)


def _type(entry: EntryPoint) -> AdapterType:
    loaded = entry.load()
    assert isinstance(loaded, AdapterType)
    return loaded


def _folder(entry: EntryPoint) -> Path:
    return PROJECT / entry.module.replace(".", "/")


def _page(entry: EntryPoint) -> str:
    return (PROJECT / "docs" / "adapters" / f"{entry.name}.md").read_text(encoding="utf-8")


def test_what_is_declared_is_installed() -> None:
    """An entry point that is new in pyproject.toml is only there after `make install`."""
    assert {name: entry.value for name, entry in SHIPPED.items()} == DECLARED["project"]["entry-points"][
        "c360.adapters"
    ]


def test_every_vendors_folder_is_an_adapter() -> None:
    folders = {file.parent for file in ADAPTERS.glob("*/*/__init__.py")}
    assert folders == {_folder(entry) for entry in SHIPPED.values()}


@each_adapter
def test_manifest_is_complete(entry: EntryPoint) -> None:
    manifest = _type(entry).manifest
    assert manifest_faults(manifest) == []
    assert manifest.adapter == entry.name
    assert manifest.kind == _folder(entry).parent.name
    assert RecordKind.PROFILE in manifest.kinds or not (manifest.lookups or manifest.profile_fields)


@each_adapter
def test_settings_are_described_and_safe(entry: EntryPoint) -> None:
    settings = _type(entry).settings
    assert issubclass(settings, AdapterSettings)
    assert settings.model_config["extra"] == "forbid"
    assert settings.model_config["frozen"]
    for name, field in settings.model_fields.items():
        assert field.description, f"{name} has no description"
        if re.search(r"password|secret|token|api_key|^key$", name) and field.annotation in (str, str | None):
            pytest.fail(f"{name} must be a SecretStr")


@each_adapter
def test_docs_name_every_setting(entry: EntryPoint) -> None:
    page = _page(entry)
    named = set(re.findall(r"`([a-z0-9_]+)`", page))
    missing = set(_type(entry).settings.model_fields) - set(AdapterSettings.model_fields) - named
    assert not missing, f"docs/adapters/{entry.name}.md does not name {sorted(missing)}"
    table = {
        word
        for line in page.splitlines()
        if line.startswith("|")
        for word in re.findall(r"`([a-z0-9_]+)`", line)
    }
    assert set(_type(entry).settings.model_fields) - set(AdapterSettings.model_fields) <= table


@each_adapter
def test_docs_example_is_a_valid_table(entry: EntryPoint) -> None:
    """What the page shows for c360.toml can be pasted: known keys, right types, secrets from the environment."""
    blocks = re.findall(r"^```toml\n(.*?)^```$", _page(entry), re.DOTALL | re.MULTILINE)
    sources = [table for block in blocks for table in tomllib.loads(block).get("sources", {}).values()]
    assert sources, "the page shows no [sources.NAME] table"
    model = _type(entry).settings
    for source in sources:
        assert source.pop("adapter") == entry.name
        for name, value in source.items():
            from_environment = isinstance(value, dict) and set(value) == {"env"}
            assert from_environment or not _is_secret(model, name), f'{name} must be {{ env = "NAME" }}'
        model.model_validate({name: _resolved(value) for name, value in source.items()})


def _is_secret(model: type[AdapterSettings], name: str) -> bool:
    annotation = model.model_fields[name].annotation if name in model.model_fields else None
    return SecretStr in (annotation, *get_args(annotation))


def _resolved(value: Any) -> Any:
    return "from-the-environment-us21" if isinstance(value, dict) and set(value) == {"env"} else value


@each_adapter
def test_contract_suite_and_fixtures_are_there(entry: EntryPoint) -> None:
    folder = _folder(entry)
    tests = PROJECT / "tests" / "adapters" / folder.parent.name / f"test_{folder.name}.py"
    assert re.search(r"^class \w+\(AdapterContract\)", tests.read_text(encoding="utf-8"), re.MULTILINE)
    if is_done(_type(entry).manifest.quality, "fixtures"):
        fixtures = sorted((folder / "fixtures").rglob("*.json"))
        assert fixtures
        for fixture in fixtures:
            msgspec.json.decode(fixture.read_bytes())


def _imports(file: Path) -> Iterator[str]:
    """The modules that a file imports when it runs; those only for type checkers left out."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    skipped: set[ast.AST] = set()
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            skipped.update(inner for part in node.body for inner in ast.walk(part))
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file.name} has a relative import"
            yield node.module or ""
            yield from (f"{node.module}.{name.name}" for name in node.names)


def _within(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


@each_adapter
def test_a_vendor_imports_the_kit_and_itself_only(entry: EntryPoint) -> None:
    for file in _folder(entry).rglob("*.py"):
        for module in _imports(file):
            ours = module.partition(".")[0] in ("adapters", "gateway", "resolvers", "sandbox", "tests")
            allowed = any(_within(module, package) for package in (*KIT_OF_A_VENDOR, entry.module))
            assert allowed or not ours or module == "adapters", f"{file.name} imports {module}"


@pytest.mark.parametrize(
    "package", ["resolvers", *(f"adapters/{kind}" for kind in ("crm", "webshop", "support", "email"))]
)
def test_only_the_kit_speaks_http(package: str) -> None:
    for file in (PROJECT / package).rglob("*.py"):
        opened = {module for module in _imports(file) if any(_within(module, name) for name in NETWORK)}
        assert not opened, f"{file.relative_to(PROJECT)} imports {sorted(opened)}"


def test_the_product_runs_without_the_contract_suite() -> None:
    """It needs pytest, which is not installed in production."""
    for package in ("gateway", "resolvers", "adapters", "sandbox"):
        for file in (PROJECT / package).rglob("*.py"):
            if (ADAPTERS / "contract") not in file.parents:
                assert not any(_within(module, "adapters.contract") for module in _imports(file)), file
