"""`c360 query`: one document against a running gateway."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from graphql import GraphQLError, NamedTypeNode, NonNullTypeNode, OperationDefinitionNode, TypeNode, parse

_TEXT = frozenset({"String", "ID"})


class QueryError(Exception):
    """The question could not be asked. Its text is for the person who asks."""


def run(
    file: str, pairs: list[str], *, url: str, api_key_env: str, purpose: str | None, operation: str | None
) -> int:
    """Asks, prints the answer as JSON; 1 when it has errors. Raises QueryError."""
    document = _read(file)
    body: dict[str, Any] = {"query": document, "variables": _variables(document, pairs)}
    if operation:
        body["operationName"] = operation
    headers = {"Accept": "application/graphql-response+json, application/json;q=0.9"}
    if key := os.environ.get(api_key_env):
        headers["Authorization"] = f"Bearer {key}"
    if purpose:
        headers["X-Purpose"] = purpose
    answer = _answer(url, body, headers)
    print(json.dumps(answer, indent=2, ensure_ascii=False))
    return 1 if answer.get("errors") else 0


def _read(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise QueryError(f"{file} is not UTF-8 text") from None
    except OSError as error:
        raise QueryError(f"{file} cannot be read: {error.strerror}") from None


def _variables(document: str, pairs: list[str]) -> dict[str, Any]:
    """Values as the document declares them: text for String and ID, JSON for everything else."""
    text = _text_variables(document)
    variables: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise QueryError(f'-v needs NAME=VALUE, such as -v email=ada@example.org (got "{name}")')
        if name in text:
            variables[name] = value
            continue
        try:
            variables[name] = json.loads(value)
        except json.JSONDecodeError:
            variables[name] = value  # an enum's value, perhaps; the gateway knows
    return variables


def _text_variables(document: str) -> set[str]:
    try:
        definitions = parse(document).definitions
    except GraphQLError:
        return set()  # the gateway says what is wrong with it
    return {
        variable.variable.name.value
        for definition in definitions
        if isinstance(definition, OperationDefinitionNode)
        for variable in definition.variable_definitions or ()
        if _named(variable.type) in _TEXT
    }


def _named(node: TypeNode) -> str | None:
    if isinstance(node, NonNullTypeNode):
        return _named(node.type)
    return node.name.value if isinstance(node, NamedTypeNode) else None


def _answer(url: str, body: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
    if urlsplit(url).scheme not in ("http", "https"):
        raise QueryError("--url needs an address like http://127.0.0.1:8360/graphql")
    try:
        response = httpx.post(url, json=body, headers=headers, timeout=60)
        answer = response.json()
    except httpx.ConnectError:
        raise QueryError(f"no gateway answers at {url}: start one with `c360 demo` or `c360 serve`") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise QueryError(f"{url} did not answer: {type(error).__name__}") from None
    except ValueError:
        raise QueryError(f"{url} answered {response.status_code}, but no JSON: is it a gateway?") from None
    if not isinstance(answer, dict):
        raise QueryError(f"{url} answered JSON, but no GraphQL: is it a gateway?")
    return answer
