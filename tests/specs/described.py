"""The vendors' descriptions of their APIs, which are not part of this repository, and what Prism does not check in them."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

VARIABLE = "C360_SPECS"
SPECS = Path(os.environ.get(VARIABLE) or Path(__file__).resolve().parents[3] / "shared" / "specs")
WHY_NOT = f"the vendors' API descriptions are not here ({VARIABLE} names their folder)"


class _Yaml(yaml.SafeLoader):
    """Reads `=` and times as text, which is what they are in an OpenAPI document."""


def _as_text(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Any:
    return loader.construct_scalar(node)


for _tag in ("value", "timestamp"):
    _Yaml.add_constructor(f"tag:yaml.org,2002:{_tag}", _as_text)


@dataclass(frozen=True, kw_only=True)
class Description:
    """One OpenAPI document of a vendor, and the paths of the vendor's API that it is responsible for."""

    name: str
    file: str
    prefix: str = "/"
    base: str = ""
    """The path of the API's root, which the document does not repeat in its own paths."""

    @property
    def path(self) -> Path:
        return SPECS / self.file

    @cached_property
    def document(self) -> dict[str, Any]:
        text = self.path.read_text(encoding="utf-8")
        loaded: dict[str, Any] = json.loads(text) if self.file.endswith(".json") else yaml.load(text, _Yaml)
        return loaded

    def template(self, method: str, path: str) -> str | None:
        """The document's own name of a path; of several that match, the one with the fewest variables."""
        found = [
            template
            for template, item in self.document["paths"].items()
            if method.lower() in item and re.fullmatch(re.sub(r"\{[^/]+?\}", "[^/]+", template), path)
        ]
        return min(found, key=lambda template: template.count("{"), default=None)

    def undescribed(self, method: str, template: str, names: set[str], body: Any) -> set[str]:
        """Query parameters and properties of the body that the document does not know.

        Prism lets them pass, because HTTP and JSON Schema do; a misspelt parameter would go unnoticed.
        """
        item = self.document["paths"][template]
        operation = item[method.lower()]
        given = [self._resolved(p) for p in (*item.get("parameters", ()), *operation.get("parameters", ()))]
        unknown = {f"?{name}" for name in names - {p["name"] for p in given if p["in"] == "query"}}
        content = self._resolved(operation.get("requestBody", {})).get("content", {})
        for media in content.values():
            unknown |= set(self._unknown_properties(media["schema"], body, ""))
        return unknown

    def _unknown_properties(self, schema: dict[str, Any], value: Any, place: str) -> list[str]:
        schema = self._resolved(schema)
        if isinstance(value, list):
            return [w for v in value for w in self._unknown_properties(schema.get("items", {}), v, place)]
        if not isinstance(value, dict):
            return []
        known = schema.get("properties", {})
        wrong = [f"{place}/{name}" for name in value if name not in known]
        for name in value.keys() & known.keys():
            wrong += self._unknown_properties(known[name], value[name], f"{place}/{name}")
        return wrong

    def _resolved(self, node: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in node:
            found: Any = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            node = found
        return node


@dataclass(frozen=True, kw_only=True)
class Vendor:
    """A vendor whose description is OpenAPI: its adapter's package, and where the vendor's API would be."""

    name: str
    package: str
    address: str
    descriptions: tuple[Description, ...]

    def description_of(self, url: str) -> tuple[Description, str]:
        """Which document describes an address of the vendor's, and the path that it has there."""
        path = urlsplit(url).path
        for one in self.descriptions:
            if path.startswith(one.base + one.prefix):
                return one, path.removeprefix(one.base)
        raise AssertionError(f"no description of {self.name} covers {path}")


HUBSPOT = Vendor(
    name="hubspot",
    package="adapters.crm.hubspot",
    address="https://api.hubapi.com",
    descriptions=(
        Description(name="contacts", file="hubspot/contacts-v3.json", prefix="/crm/v3/objects/contacts"),
        Description(name="companies", file="hubspot/companies-v3.json", prefix="/crm/v3/objects/companies"),
        Description(name="associations", file="hubspot/associations-v4.json", prefix="/crm/v4/associations"),
    ),
)
ZENDESK = Vendor(
    name="zendesk",
    package="adapters.support.zendesk",
    address="https://kaffee-kontor.zendesk.com",
    descriptions=(Description(name="support", file="zendesk/support-oas-ballerina.yaml"),),
)
MAILCHIMP = Vendor(
    name="mailchimp",
    package="adapters.email.mailchimp",
    address="https://us21.api.mailchimp.com",
    descriptions=(Description(name="marketing", file="mailchimp/marketing-3.0.55.json", base="/3.0"),),
)
